import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.evidence.smoothness import area_smoothness, neighbour_dice, outline_smoothness, reach, smoothness
from echodfkd.measure.shape import area_curve
from echodfkd.measure.traits import Traits


def heart(fps: float, rate: float = 70, jitter: float = 0.0) -> np.ndarray:
    """Three seconds of a beating ellipse whose area flickers by that share from frame to frame."""
    curve, _, _ = beating(round(3 * fps), fps, rate)
    noise = 1 + jitter * np.random.default_rng(0).standard_normal(len(curve))
    return np.stack([ellipse(28 * k, 14 * k) for k in np.sqrt(curve * noise / 1000)])


@pytest.mark.parametrize("fps", [25, 50, 100, 200])
@pytest.mark.parametrize("rate", [50, 90])
def test_a_beat_costs_nothing_at_any_frame_rate(fps, rate):
    clean = heart(fps, rate)
    assert outline_smoothness(clean, fps) > 0.99
    assert area_smoothness(area_curve(clean), fps) > 0.96


@pytest.mark.parametrize("fps", [25, 50, 100, pytest.param(200, marks=pytest.mark.long)])
def test_jitter_costs_more_the_more_there_is(fps):
    ladder = [smoothness(Traits(heart(fps, jitter=jitter), fps)) for jitter in (0, 0.05, 0.1, 0.2)]
    for key in ladder[0]:
        values = [found[key] for found in ladder]
        assert values == sorted(values, reverse=True) and values[0] - values[-1] > 0.02, key


def test_an_outline_that_passes_a_pixel_once_is_as_smooth_as_one_that_stands():
    """A half plane that moves two columns a frame never comes back."""
    moving = np.stack([np.broadcast_to(np.arange(64) < 10 + 2 * t, (20, 64)) for t in range(20)])
    assert outline_smoothness(moving, 50) == 1 and neighbour_dice(moving, 50) < 1


def test_one_frame_of_another_mask_costs_that_frame():
    """A mask that is elsewhere on one frame of 20: Dice 0 there, all others agree with their neighbours."""
    masks = np.zeros((20, 8, 8), np.bool_)
    masks[:, :4] = True
    masks[9] = ~masks[9]
    assert outline_smoothness(masks, 50) == pytest.approx(19 / 20)
    assert neighbour_dice(masks, 50) == pytest.approx(17 / 19)


def test_what_does_not_move_is_smooth_in_its_outline_and_has_no_beat_to_be_smooth_in():
    still = np.repeat(ellipse(28, 14)[None], 60, axis=0)
    assert smoothness(Traits(still, 50)) == {"smoothness": 1, "smoothness.area": 0, "smoothness.neighbours": 1}


def test_what_is_not_there_is_not_smooth():
    masks = heart(50)
    assert set(smoothness(Traits(np.zeros_like(masks), 50)).values()) == {0}
    masks[75:] = False
    assert outline_smoothness(masks, 50) == pytest.approx(0.5, abs=0.01)


def test_windows_are_seconds():
    assert [reach(fps) for fps in (10, 25, 50, 100, 200, None)] == [1, 1, 1, 2, 4, 1]


def test_a_single_frame_has_nothing_to_differ_from():
    assert outline_smoothness(ellipse(28, 14)[None], 50) == neighbour_dice(ellipse(28, 14)[None], 50) == 1
