import numpy as np
import pytest
from planted_hearts import ellipse

from echodfkd.errors import InputError
from echodfkd.evidence.consensus import agreement


def squares(*starts: int) -> list[np.ndarray]:
    """Squares of 4 x 4 in two frames, from those columns on."""
    masks = np.zeros((len(starts), 2, 8, 16), np.bool_)
    for mask, start in zip(masks, starts, strict=True):
        mask[:, 2:6, start : start + 4] = True
    return list(masks)


def agreements(*masks: np.ndarray) -> list[float]:
    return [found["agreement"] for found in agreement(dict(zip("abc", masks, strict=False))).values()]


def test_pairs_agree_by_their_shared_columns():
    """Of four columns neighbours share two: 2 x 8 / (16 + 16)."""
    np.testing.assert_allclose(agreements(*squares(0, 2)), [0.5, 0.5])
    np.testing.assert_allclose(agreements(*squares(0, 2, 4)), [0.25, 0.5, 0.25])


def test_two_empty_masks_agree_and_an_empty_one_agrees_with_no_other():
    empty = np.zeros((2, 8, 16), np.bool_)
    np.testing.assert_allclose(agreements(empty, empty), [1, 1])
    np.testing.assert_allclose(agreements(empty, squares(3)[0]), [0, 0])


def test_each_is_compared_with_the_others_alone():
    """Three are alike, one lies two columns aside: against the fusion of the others it has one half, they 1."""
    masks = dict(zip("abcd", squares(0, 0, 0, 2), strict=True))
    found = agreement(masks)
    assert found["d"] == {"agreement": 0.5, "agreement.majority": 0.5}
    assert found["a"]["agreement"] == pytest.approx((1 + 1 + 0.5) / 3) and found["a"]["agreement.majority"] == 1


def test_a_tie_is_outside():
    """Two others that share no pixel make an empty fusion: an empty mask agrees with it, anything else does not."""
    first, second = squares(0, 8)
    found = agreement({"empty": np.zeros_like(first), "first": first, "second": second})
    assert [one["agreement.majority"] for one in found.values()] == [1, 0, 0]


def test_staple_outvotes_two_careless_ones_as_the_majority_cannot():
    """Two draw half of the ventricle, three all of it: what STAPLE makes of the others is the ventricle."""
    pytest.importorskip("SimpleITK")
    whole = np.stack([ellipse(28, 14)] * 3)
    half = whole & (np.arange(112) < 56)[:, None]
    found = agreement({"a": whole, "b": whole, "c": whole, "d": half, "e": half}, ("majority", "staple"))
    assert found["a"]["agreement.staple"] == 1 and found["d"]["agreement.staple"] == found["d"]["agreement.majority"]
    assert found["a"]["agreement.majority"] < 0.7


def test_what_cannot_be_compared_is_refused():
    one = squares(0)[0]
    with pytest.raises(InputError, match="two segmenters, got 1"):
        agreement({"a": one})
    with pytest.raises(InputError, match=r"got \(2, 8, 16\), \(1, 8, 16\)"):
        agreement({"a": one, "b": one[:1]})
    with pytest.raises(InputError, match="majority, staple, got median"):
        agreement({"a": one, "b": one}, ("median",))
