import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.evidence.plausibility import RANGES, plausibility, within
from echodfkd.measure.sector import Sector
from echodfkd.measure.traits import Traits


def heart(frames=100, angle=0.15):
    """An ellipse that beats in the middle of a fan that fills the image."""
    curve, _, _ = beating(frames, 50)
    return np.stack([ellipse(26 * k, 14 * k, angle) for k in np.sqrt(curve / 1000)])


def test_a_beating_egg_in_its_place_is_plausible():
    assert set(plausibility(Traits(heart(), 50)).values()) == {1.0}


def spoilt(trait):
    masks = heart()
    if trait == "area":
        return np.pad(masks[:, 28:84, 28:84], ((0, 0), (300, 300), (300, 300)))
    if trait == "convex":
        masks[:, 40:44, 60:100], masks[:, 20:44, 96:100] = True, True
    elif trait == "whole":
        masks[:, 85:110, 5:35] = True
    elif trait == "filled":
        masks[:, 48:64, 52:60] = False
    elif trait == "long":
        return np.stack([ellipse(40 * k, 8 * k) for k in np.sqrt(masks.sum((1, 2)) / masks[0].sum())])
    elif trait == "upright":
        return heart(angle=np.pi / 2)
    elif trait == "aside":
        return np.roll(masks, 40, axis=2)
    elif trait == "deep":
        return np.pad(masks, ((0, 0), (44, 0), (0, 0)))[:, :112]
    elif trait == "steady":
        masks[::2] = np.roll(masks[::2], 6, axis=2)
    elif trait == "beats":
        return np.repeat(masks[:1], 100, axis=0)
    return masks


@pytest.mark.parametrize(
    "trait", ["area", "convex", "whole", "filled", "long", "upright", "aside", "deep", "steady", "beats"]
)
def test_each_trait_is_missed(trait):
    found = plausibility(Traits(spoilt(trait), 50))
    assert found[f"plausibility.{trait}"] < 0.8
    assert found["plausibility"] <= found[f"plausibility.{trait}"]


def test_the_whole_is_the_product_of_its_traits():
    found = plausibility(Traits(spoilt("convex") | spoilt("whole"), 50))
    parts = [score for name, score in found.items() if "." in name]
    assert found["plausibility"] == pytest.approx(np.prod(parts)) and len(parts) == 10


def test_the_direction_of_a_round_mask_says_nothing():
    curve, _, _ = beating(100, 50)
    masks = np.stack([ellipse(18 * k, 17.9 * k, 1.5) for k in np.sqrt(curve / 1000)])
    assert plausibility(Traits(masks, 50))["plausibility.upright"] > 0.9


def test_place_is_told_from_the_fan():
    """The same mask lies under the apex of one fan and far aside of another's."""
    masks = heart()
    under, beside = (plausibility(Traits(masks, 50), Sector((0.0, column), 112.0)) for column in (56.0, 0.0))
    assert under["plausibility.aside"] == 1 and beside["plausibility.aside"] == 0 == beside["plausibility"]


def test_the_same_motion_is_as_steady_at_half_the_frame_rate():
    masks = np.stack([np.roll(ellipse(26, 14), round(0.8 * t) % 40, axis=1) for t in range(40)])
    assert plausibility(Traits(masks, 50))["plausibility.steady"] == pytest.approx(
        plausibility(Traits(masks[::2], 25))["plausibility.steady"], abs=0.1
    )


def test_empty_masks_are_not_plausible_and_a_still_need_not_beat():
    masks = heart()
    assert set(plausibility(Traits(np.zeros_like(masks), 50)).values()) == {0.0}
    assert plausibility(Traits(masks[:1], None))["plausibility"] == 1


def test_scores_go_straight_between_their_limits():
    limits = (0.0, 2.0, 4.0, 8.0)
    assert [within(value, limits) for value in (-1, 0, 1, 2, 3, 4, 5, 8, 9)] == [0, 0, 0.5, 1, 1, 1, 0.75, 0, 0]


def test_limits_rise():
    assert all(list(limits) == sorted(limits) for limits in RANGES.values())
