"""Beats of a planted disc at uneven times: the planted heart rate and ejection fraction, or nothing, never another."""

import numpy as np
import pytest
from planted import EJECTION_FRACTION, HEART_RATE, beating_disc

from echodfkd.clock import clock_of_numbers, clock_of_times
from echodfkd.measure.measures import Measures, measures

RNG = np.random.default_rng(8)


def right(found: Measures) -> None:
    """What is said is what was planted."""
    assert found.heart_rate is None or found.heart_rate == pytest.approx(HEART_RATE, abs=2)
    for fraction in found.ejection.per_beat:
        assert fraction == pytest.approx(EJECTION_FRACTION, abs=2.5)


def at(numbers: np.ndarray, fps: float = 50.0) -> Measures:
    return measures(beating_disc(numbers / fps) > 127, clock_of_numbers(numbers, fps))


def test_even_frames_say_what_was_planted():
    found = at(np.arange(200))
    assert found.verdict == "typical" and len(found.ejection.beats) == 4
    right(found)


@pytest.mark.parametrize("start", range(60, 110, 6))
def test_a_beat_over_a_gap_is_not_measured(start):
    found = at(np.r_[0:start, start + 20 : 200])
    right(found)
    assert len(found.ejection.beats) >= 2 and found.heart_rate is not None
    assert all(not ed < start <= es for ed, es in found.ejection.beats)
    assert found.verdict == "review" and f"frame {start - 1}" in " ".join(found.reasons)


def test_every_second_frame_is_half_the_rate_and_told():
    found = at(np.arange(0, 200, 2))
    right(found)
    assert found.fps == 25 and found.heart_rate is not None
    assert "99 frames" in " ".join(found.reasons)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_frames_dropped_by_chance(share):
    found = at(np.flatnonzero(RNG.random(200) >= share))
    right(found)
    assert found.heart_rate is not None and len(found.ejection.beats) >= 3


@pytest.mark.parametrize("rates", [(25, 50), (50, 25), (30, 60), (20, 40)])
def test_a_rate_that_changes_half_way(rates):
    times = np.r_[np.arange(0, 2, 1 / rates[0]), np.arange(2, 4, 1 / rates[1])]
    found = measures(beating_disc(times) > 127, clock_of_times(times))
    right(found)
    assert found.heart_rate is not None and len(found.ejection.beats) == 4


def test_jitter_costs_nothing():
    times = np.arange(200) / 50 + RNG.uniform(-0.008, 0.008, 200)
    found = measures(beating_disc(times) > 127, clock_of_times(times))
    right(found)
    assert found.verdict == "typical" and len(found.ejection.beats) == 4


@pytest.mark.parametrize("told", [1.0, 600.0, 90_000.0])
def test_an_impossible_rate_leaves_the_ejection_fraction_alone(told):
    found = measures(beating_disc(np.arange(200) / 50) > 127, told)
    right(found)
    assert found.fps is None and found.heart_rate is None and found.ejection_fraction is not None
    assert f"{told:g}" in " ".join(found.reasons)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_rate_that_makes_no_heart_rate_is_doubted(factor):
    found = measures(beating_disc(np.arange(0, 8, 1 / 40)) > 127, 40 * factor)
    assert found.heart_rate is None and "frame rate" in " ".join(found.reasons)


@pytest.mark.parametrize(("share", "told"), [(1.0, "100 %"), (0.996, "100 %"), (0.46, "46 %"), (0.004, "0.4 %")])
def test_a_share_of_the_image_is_told_in_percent(share, told):
    masks = np.zeros((30, 1, 1000), bool)
    masks[..., : round(share * 1000)] = True
    assert f"takes {told} of the image" in " ".join(measures(masks, 50).reasons)
