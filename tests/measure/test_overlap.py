import numpy as np
import pytest
from scipy.spatial import distance

from echodfkd.errors import InputError
from echodfkd.measure.overlap import dice, iou, overlap_counts, pooled_dice, pooled_iou


def random_masks(seed, shape=(20, 9, 11)):
    rng = np.random.default_rng(seed)
    return rng.random(shape) < rng.random((*shape[:-2], 1, 1))


def test_two_squares_sharing_half_have_dice_one_half_and_iou_one_third():
    a, b = np.zeros((1, 4, 4), bool), np.zeros((1, 4, 4), bool)
    a[0, :2, :2], b[0, :2, 1:3] = True, True
    assert dice(a, b) == pytest.approx([0.5])
    assert iou(a, b) == pytest.approx([1 / 3])


def test_dice_and_iou_agree_with_scipy():
    a, b = random_masks(0), random_masks(1)
    pairs = list(zip(a.reshape(20, -1), b.reshape(20, -1), strict=True))
    assert dice(a, b) == pytest.approx([1 - distance.dice(*pair) for pair in pairs])
    assert iou(a, b) == pytest.approx([1 - distance.jaccard(*pair) for pair in pairs])


def test_overlap_is_symmetric_bounded_and_full_only_for_itself():
    a, b = random_masks(2), random_masks(3)
    for measure in (dice, iou):
        assert np.array_equal(measure(a, b), measure(b, a))
        assert ((measure(a, b) >= 0) & (measure(a, b) < 1)).all()
        assert np.array_equal(measure(a, a), np.ones(20))


def test_dice_follows_from_iou():
    a, b = random_masks(4), random_masks(5)
    assert dice(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))


def test_two_empty_masks_agree_and_an_empty_one_against_a_full_one_does_not():
    empty, full = np.zeros((1, 3, 3), bool), np.ones((1, 3, 3), bool)
    for measure in (dice, iou):
        assert measure(empty, empty) == 1
        assert measure(empty, full) == 0


def test_leading_axes_are_kept():
    a = random_masks(6, (2, 3, 5, 5))
    assert dice(a, a).shape == (2, 3)


def test_pooled_values_are_those_of_all_frames_laid_side_by_side():
    a, b = random_masks(7), random_masks(8)
    counts = np.stack(overlap_counts(a, b), axis=-1)
    assert pooled_dice(counts) == pytest.approx(1 - distance.dice(a.ravel(), b.ravel()))
    assert pooled_iou(counts) == pytest.approx(1 - distance.jaccard(a.ravel(), b.ravel()))


def test_masks_of_other_shape_or_type_are_refused_with_both_named():
    with pytest.raises(InputError, match=r"got bool \(1, 3, 3\) and bool \(1, 3, 4\)"):
        dice(np.zeros((1, 3, 3), bool), np.zeros((1, 3, 4), bool))
    with pytest.raises(InputError, match="float64"):
        iou(np.zeros((1, 3, 3)), np.zeros((1, 3, 3), bool))
