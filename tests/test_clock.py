"""Times planted, clocks found; what cannot be a film's rate is unknown, and gaps are where they were planted."""

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.clock import Clock, believed, clock_of_numbers, clock_of_times, listed_clock, odd_rate
from echodfkd.errors import InputError

EVEN = np.arange(50) / 50


@pytest.mark.parametrize("fps", [-25.0, 0.0, 1.0, 2.0, 600.0, 1e6])
def test_an_impossible_rate_is_unknown_and_says_why(fps):
    clock = clock_of_times(EVEN * 50 / fps, fps) if fps > 0 else clock_of_numbers(np.arange(50), fps)
    assert clock.fps is None and clock.rate == 50
    assert f"{fps:g}" in clock.unknown and odd_rate(clock) == clock.unknown


@pytest.mark.parametrize(("fps", "odd"), [(5.0, True), (15.0, False), (50.0, False), (200.0, False), (300.0, True)])
def test_a_rare_rate_is_believed_but_told(fps, odd):
    assert believed(fps).fps == fps and bool(odd_rate(believed(fps))) == odd


def test_nothing_said_is_nothing_odd():
    assert believed(None).fps is None and odd_rate(believed(None)) == ""


def test_even_times_are_a_rate():
    assert clock_of_times(EVEN).fps == pytest.approx(50) and clock_of_times(EVEN).times is None


def test_times_rounded_to_hundredths_are_even_and_the_last_delay_counts():
    delays = np.tile([0.03, 0.03, 0.04], 10)
    clock = clock_of_times(np.cumsum(delays) - delays, tick=0.01, last=0.04)
    assert clock.times is None and clock.fps == pytest.approx(30)


def test_a_nominal_rate_is_kept_where_times_agree():
    assert clock_of_times(np.round(np.arange(90) * 1001 / 30000, 3), 30000 / 1001, 0.001).fps == 30000 / 1001
    assert clock_of_times(EVEN, 25.0).fps == pytest.approx(50)


def test_every_second_frame_dropped_is_half_the_rate():
    clock = clock_of_numbers(np.arange(0, 100, 2), 50.0)
    assert (clock.fps, clock.times, clock.dropped, clock.gaps) == (25, None, 49, ())


def test_a_gap_lies_where_it_was_planted():
    clock = clock_of_numbers(np.r_[0:30, 50:100], 50.0)
    assert (clock.fps, clock.gaps, clock.dropped) == (pytest.approx(50), (29,), 20)
    assert clock.across(20, 30) and not clock.across(0, 29) and not clock.across(30, 79)
    np.testing.assert_allclose(clock.places(80), np.r_[0:30, 50:100], atol=1e-9)
    assert clock.parts(80) == [slice(0, 30), slice(30, 80)]


def test_a_frame_here_and_there_is_no_gap():
    clock = clock_of_numbers(np.setdiff1d(np.arange(100), [20, 40, 41, 70]), 50.0)
    assert (clock.dropped, clock.gaps) == (4, ()) and clock.times is not None


def test_gaps_outlast_a_rate_that_is_not_believed():
    clock = clock_of_numbers(np.r_[0:30, 50:100], 1.0)
    assert (clock.fps, clock.gaps, clock.dropped) == (None, (29,), 20) and "1 Hz" in clock.unknown
    np.testing.assert_allclose(clock.places(80), np.r_[0:30, 50:100], atol=1e-9)
    clip = Clip("a", np.zeros((80, 4, 4), np.uint8), clock.fps, times=clock.times)
    assert (clip.clock.fps, clip.clock.gaps) == (None, (29,))


LOST = {
    "none": np.arange(100),
    "every second": np.arange(0, 100, 2),
    "two of three": np.arange(0, 100, 3),
    "a gap": np.r_[0:30, 50:100],
    "every second and a gap": np.setdiff1d(np.arange(0, 100, 2), np.arange(40, 60)),
    "here and there": np.setdiff1d(np.arange(100), [20, 40, 41, 70]),
}


@pytest.mark.parametrize("numbers", LOST.values(), ids=LOST)
@pytest.mark.parametrize("header", [25.0, 50.0, 1.0, None])
def test_a_lists_rate_is_that_of_the_recording_whatever_the_film_lost_since(numbers, header):
    clock = listed_clock(clock_of_numbers(numbers, header), len(numbers), 80.0)
    assert clock.fps == pytest.approx(80 / np.median(np.diff(numbers)))
    np.testing.assert_allclose(clock.places(len(numbers)) / clock.rate, numbers / 80, atol=1e-9)
    assert clock.dropped == numbers[-1] + 1 - len(numbers)


def test_a_lists_rate_that_is_that_of_what_is_left_is_believed_and_none_changes_nothing():
    numbers = np.arange(0, 100, 2)
    assert listed_clock(clock_of_numbers(numbers, 50.0), 50, 25.0).fps == 25
    assert listed_clock(clock_of_numbers(numbers, 50.0), 50, None).fps == 25
    assert listed_clock(Clock(), 1, 50.0).fps == 50


def test_uneven_times_without_a_gap_keep_their_proportions_under_a_lists_rate():
    times = np.r_[np.arange(0, 0.8, 0.04), np.arange(0.8, 2, 0.02)]
    clock = listed_clock(clock_of_times(times), len(times), 100.0)
    assert clock.fps == 100
    np.testing.assert_allclose(clock.times, times / 2)


@pytest.mark.parametrize("times", [[0, 1, 1], [0, 2, 1], [0, 1, np.nan], [0, 1], [[0, 1, 2]]])
def test_times_rise_one_for_each_frame(times):
    with pytest.raises(InputError, match="rising seconds"):
        Clip("a", np.zeros((3, 4, 4), np.uint8), 50, times=np.array(times, float))


def test_a_clip_has_the_clock_of_its_times():
    frames = np.zeros((50, 4, 4), np.uint8)
    assert Clip("a", frames, 25, times=EVEN).clock.fps == pytest.approx(50)
    assert Clip("a", frames, times=EVEN).clock.fps is None
    assert Clip("a", frames, 40).clock.fps == 40 and Clip("a", frames).clock.fps is None
    with pytest.raises(InputError):
        Clock(50, EVEN).places(49)
