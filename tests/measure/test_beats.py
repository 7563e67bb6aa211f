import numpy as np
import pytest
from planted_hearts import beating
from scipy import ndimage, signal

from echodfkd.errors import InputError
from echodfkd.measure.beats import BeatDetector, Events, beat_events, heart_rate, peaks, smoothed


@pytest.mark.parametrize("fps", [25, 50, 100, 200])
@pytest.mark.parametrize("rate", [50, 75, 120])
def test_planted_beats_are_recovered_from_noisy_curves_at_any_frame_rate(fps, rate):
    curve, ed, es = beating(4 * fps, fps, rate)
    found = beat_events(curve + np.random.default_rng(0).normal(0, 12, len(curve)), fps)
    room = 0.15 * fps
    for planted, events in ((ed, found.ed_frames), (es, found.es_frames)):
        asked = [frame for frame in planted if room <= frame < len(curve) - room]
        assert len(events) - len(asked) in (0, 1)
        nearest = [min(abs(frame - event) for event in events) for frame in asked]
        assert max(nearest) <= max(1, 0.06 * fps)


def test_ten_frames_per_second_are_enough_for_sixty_beats_per_minute():
    curve, ed, es = beating(60, 10, 60)
    found = beat_events(curve, 10)
    assert set(found.ed_frames) <= set(ed)
    assert set(found.es_frames) <= {frame + shift for frame in es for shift in (-1, 0, 1)}
    assert len(found.es_frames) >= 5


def test_events_of_a_cosine_are_its_turning_points():
    area = 100 + 20 * np.cos(2 * np.pi * np.arange(151) / 50)  # maxima at 0, 50, 100, 150; minima at 25, 75, 125
    assert beat_events(area, 50.0) == Events((50, 100), (25, 75, 125), 50.0, False)


def test_an_extremum_on_the_first_or_last_frame_is_no_event():
    falling = np.linspace(200, 100, 60)
    assert beat_events(falling, 50) == Events((), (), 50.0, False)
    one_beat = 100 - 20 * np.sin(2 * np.pi * np.arange(51) / 50)  # starts in the middle of the fall
    assert beat_events(one_beat, 50).es_frames == (12,)


def test_a_maximum_after_the_last_minimum_counts_only_once_the_curve_has_left_it():
    area = 100 + 20 * np.cos(2 * np.pi * np.arange(200) / 50)
    assert beat_events(area[:104], 50).ed_frames == (50,)
    assert beat_events(area[:118], 50).ed_frames == (50, 100)


@pytest.mark.parametrize(
    "area", [np.full(100, 500.0), np.zeros(100), 500 + np.arange(100) % 2, np.array([5.0]), [1, 2]]
)
def test_a_curve_that_does_not_beat_has_no_events(area):
    found = beat_events(area, 50)
    assert found.ed_frames == found.es_frames == ()


def test_the_plateau_dip_before_the_atrial_kick_is_no_systole():
    curve, _, es = beating(300, 50, 45)
    assert len(beat_events(curve, 50).es_frames) == len(es)


def test_events_do_not_depend_on_the_size_of_a_pixel():
    curve, _, _ = beating(200, 50)
    assert beat_events(curve, 50) == beat_events(7.5 * curve, 50)


def test_events_of_a_shifted_clip_are_shifted():
    curve, _, _ = beating(260, 50)
    whole, late = beat_events(curve, 50), beat_events(curve[20:], 50)
    assert {frame + 20 for frame in late.es_frames} <= set(whole.es_frames)


@pytest.mark.parametrize("seed", range(40))
def test_peaks_and_smoothing_are_scipys(seed):
    draw = np.random.default_rng(seed)
    curve = draw.normal(size=draw.integers(1, 90))
    prominence, distance, width = draw.uniform(0, 2), draw.uniform(1, 9), draw.uniform(0.1, 4)
    expected, _ = signal.find_peaks(curve, prominence=prominence, distance=distance)
    assert peaks(curve, prominence, distance).tolist() == expected.tolist()
    oracle = ndimage.gaussian_filter1d(curve, width, mode="nearest")
    np.testing.assert_allclose(smoothed(curve, 1, width), oracle, atol=1e-12)


def test_the_middle_of_a_plateau_is_its_peak_and_an_end_is_none():
    assert peaks(np.array([3, 0, 2, 2, 2, 1, 5.0]), 0, 1).tolist() == [3]
    assert peaks(np.array([1, 1, 1.0]), 0, 1).tolist() == peaks(np.array([1.0]), 0, 1).tolist() == []


def test_an_unknown_frame_rate_is_assumed_and_said():
    curve, _, _ = beating(200, 50)
    found = beat_events(curve, None)
    assert found.fps_assumed
    assert found == Events(*(getattr(beat_events(curve, 50), key) for key in ("ed_frames", "es_frames")), 50.0, True)


def test_a_beat_is_an_es_with_the_ed_before_it():
    assert Events((10, 60), (30, 80)).beats() == ((10, 30), (60, 80))
    assert Events((60,), (30, 80)).beats() == ((60, 80),)
    assert Events((10, 90), (30,)).beats() == ((10, 30),)
    assert Events((), ()).beats() == ()


def test_heart_rate_of_a_planted_curve():
    curve, _, _ = beating(600, 100, 72)
    assert heart_rate(beat_events(curve, 100)) == pytest.approx(72, abs=1)
    assert heart_rate(Events((3,), ())) is None


def test_impossible_input_is_refused():
    with pytest.raises(InputError, match="above 0 Hz"):
        beat_events(np.ones(9), 0)
    with pytest.raises(InputError, match="number per frame"):
        beat_events([1.0, np.nan], 50)
    with pytest.raises(InputError, match="smoothing_s"):
        BeatDetector(prominence=2)
