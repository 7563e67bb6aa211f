"""A stretch that shows nothing, or the same picture again and again, is found with its ends, and nothing else is."""

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.clock import Clock
from echodfkd.commands.segment import segmentation, write_results
from echodfkd.files import make_folder
from echodfkd.lapses import Lapse, Seen, Watcher, interrupted
from echodfkd.measure.beats import Events
from echodfkd.measure.measures import measures
from echodfkd.measure.stream import Stream
from echodfkd.scores.predictions import read_prediction
from echodfkd.student.student import load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

RATE = 40.0


def seen(frames, part=None):
    watcher = Watcher(part)
    assert len(list(watcher.heard(frames))) == len(frames)
    return watcher.seen


def noise(count, seed=0):
    """Frames that differ in every pixel and show the same scene."""
    chance = np.random.default_rng(seed)
    scene = np.kron(chance.integers(40, 200, (8, 8)), np.ones((8, 8)))
    return (scene + chance.integers(-20, 20, (count, 64, 64))).astype(np.uint8)


def test_a_blank_stretch_is_found_however_short():
    frames = noise(20)
    frames[3] = 0
    frames[10:15] = 200
    assert seen(frames).lapses(Clock(RATE)) == (Lapse(3, 3, True), Lapse(10, 14, True))


@pytest.mark.parametrize(("again", "found"), [(9, ()), (10, (Lapse(5, 15, False),)), (11, (Lapse(5, 16, False),))])
def test_a_picture_stands_still_from_a_quarter_of_a_second_on(again, found):
    frames = noise(30)
    frames[6 : 6 + again] = frames[5]
    assert seen(frames).lapses(Clock(RATE)) == found


def test_frames_that_come_twice_or_differ_by_a_cursor_are_told_apart():
    twice, cursor = np.repeat(noise(20), 2, axis=0), np.repeat(noise(1), 40, axis=0)
    for number, frame in enumerate(cursor):
        frame[:, number] = 255 - frame[:, number] // 2  # a 64th of the pixels
    assert not seen(twice).lapses(Clock(RATE)) and not seen(cursor).lapses(Clock(RATE))
    assert seen(np.repeat(noise(1), 40, axis=0)).lapses(Clock(RATE)) == (Lapse(0, 39, False),)


def test_only_the_part_that_shows_the_body_counts():
    frames = noise(20)
    frames[5:10, :6] = 0
    assert not seen(frames).lapses(Clock(RATE))
    assert seen(frames, (slice(0, 6), slice(0, 64))).lapses(Clock(RATE)) == (Lapse(5, 9, True),)


def test_another_scene_is_found_where_it_begins_and_a_blank_stretch_is_no_scene():
    frames = np.concatenate([noise(10), noise(10, 1), noise(10, 2)])
    assert seen(frames).lapses(Clock(RATE)) == (Lapse(10, 10, False, True), Lapse(20, 20, False, True))
    frames[12:20] = 0
    assert seen(frames).lapses(Clock(RATE)) == (Lapse(10, 10, False, True), Lapse(12, 19, True))


def test_a_lapse_is_a_gap_on_both_of_its_sides():
    blank, still = Lapse(3, 5, True), Lapse(8, 12, False)
    assert interrupted(Clock(RATE), (blank, still), 20).gaps == (2, 5, 8, 11)
    assert interrupted(Clock(RATE), (Lapse(0, 5, True), Lapse(15, 19, True)), 20).gaps == (5, 14)
    assert interrupted(Clock(RATE), (Lapse(7, 7, False, True),), 20).gaps == (6,)


def test_of_what_was_before_the_first_frame_nothing_is_said():
    assert Seen((False,) * 20, (True,) * 5 + (False,) * 15).lapses(Clock(10.0)) == (Lapse(0, 4, False),)


@pytest.fixture(scope="module")
def frames():
    """(time, height, width) of a drawn heart that beats at 75 a minute for four beats."""
    return generate([draw_recipe(Conditions(fps=(RATE, RATE), heart_rate=(75, 75)), 3, 7, 150)]).frames[0]


@pytest.fixture(scope="module")
def plain(frames):
    return segmentation(Clip("plain", frames, RATE), "b4")


def across(beat, frame):
    return beat[0] < frame < beat[1]


def with_blackout(frames):
    """A beat's worth of the clip is black."""
    dark = frames.copy()
    dark[60:80] = 0
    return dark


def with_freeze(frames):
    """One frame is shown for a second more."""
    return np.concatenate([frames[:70], np.repeat(frames[69:70], 40, axis=0), frames[70:]])


@pytest.mark.parametrize(
    ("spoilt", "words"), [(with_blackout, "frames 60 to 79 show nothing"), (with_freeze, "stands still, frames 69 to")]
)
def test_no_beat_is_measured_across_a_lapse_and_the_others_are(spoilt, words, frames, plain):
    found = segmentation(Clip("spoilt", spoilt(frames), RATE), "b4")
    assert any(words in reason for reason in found.reasons)
    assert not any(words in reason for reason in plain.reasons)
    assert not any(across(beat, 65) or across(beat, 75) for beat in found.ejection.beats)
    assert found.ejection_fraction == pytest.approx(plain.ejection_fraction, abs=5)
    assert len(found.ejection.beats) >= 2
    assert found.heart_rate == pytest.approx(plain.heart_rate, rel=0.06)


def test_a_black_frame_has_no_ventricle(frames, plain):
    found = segmentation(Clip("spoilt", with_blackout(frames), RATE), "b4")
    assert not found.masks["lv"][60:80].any() and found.masks["lv"][:60].any(axis=(1, 2)).all()
    assert plain.masks["lv"].any(axis=(1, 2)).all()


def test_evaluate_measures_no_beat_across_a_lapse_either(frames, tmp_path):
    found = segmentation(Clip("spoilt", with_blackout(frames), RATE), "b4")
    write_results(make_folder(tmp_path / "spoilt"), {"lv": found.masks["lv"].astype(np.uint8)}, found.record)
    prediction = read_prediction(tmp_path / "spoilt")
    assert prediction.lapses == (Lapse(60, 79, True),)
    scored = measures(prediction.masks, prediction.clock, lapses=prediction.lapses)
    assert scored.ejection.beats == found.ejection.beats
    assert any(60 <= es < 80 for _, es in measures(prediction.masks, prediction.clock).ejection.beats)


def test_no_beat_begins_in_one_heart_and_ends_in_another(frames, tmp_path):
    other = generate([draw_recipe(Conditions(fps=(RATE, RATE), heart_rate=(75, 75)), 3, 9, 70)]).frames[0]
    two = np.concatenate([frames[:70], other])
    found = segmentation(Clip("two", two, RATE), "b4")
    assert any("another scene begins with frame 70" in reason for reason in found.reasons)
    assert found.ejection.beats and not any(across(beat, 69.5) for beat in found.ejection.beats)
    write_results(make_folder(tmp_path / "two"), {"lv": found.masks["lv"].astype(np.uint8)}, found.record)
    assert read_prediction(tmp_path / "two").lapses == (Lapse(70, 70, False, True),)
    stream, restarts = Stream(load_student("b4", hindsight=False), fps=RATE), []
    for number, frame in enumerate(two):
        restarts += [number] if stream.push(frame)[1].restarted else []
    assert restarts == [70]


def test_marked_events_make_no_beat_across_a_lapse(frames):
    masks = segmentation(Clip("plain", frames, RATE), "b4").masks["lv"]
    marked = Events((50, 90), (80, 100), RATE, clock=Clock(RATE))
    found = measures(masks, RATE, frames=with_blackout(frames), marked=marked)
    assert found.ejection.beats == ((90, 100),)


def test_a_stream_says_once_that_the_picture_goes_blank_and_measures_nothing_across_a_freeze(frames):
    student, beats = load_student("b4", hindsight=False), []
    noise = np.random.default_rng(0).integers(0, 5, (20, *frames.shape[1:]), dtype=np.uint8)
    for dark in (with_blackout(frames), np.concatenate([frames[:60], noise, frames[80:]])):
        stream, told = Stream(student, fps=RATE), []
        for frame in dark:
            _, live = stream.push(frame)
            told += [live.restarted] if live.restarted else []
        assert told == ["the picture goes blank", "another scene begins"]
    stream = Stream(student, fps=RATE)
    for frame in with_freeze(frames):
        beats += stream.push(frame)[1].ended
    assert beats and not any(across((beat.ed, beat.es), 75) for beat in beats)


def test_a_stream_numbers_what_it_tells_from_its_first_frame(frames):
    student, reasons = load_student("b4", hindsight=False), []
    stream, times = Stream(student), np.arange(150) / RATE + np.where(np.arange(150) >= 70, 0.5, 0)
    for frame, time in zip(frames, times, strict=True):
        live = stream.push(frame, float(time))[1]
        reasons += [live.judged.reasons] if live.ended else []
    told = [reason for one in reasons for reason in one if "gap" in reason]
    assert told and all("frame 69:" in reason for reason in told)
    assert not any("dropped" in reason for reason in reasons[-1])
