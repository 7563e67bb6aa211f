"""`echodfkd live`: what it writes of a file, a folder and a device, and that nothing is lost in silence."""

import csv
import threading
import time

import av
import numpy as np
import pytest
from planted import film

from echodfkd.clip import Clip
from echodfkd.commands import live as verb
from echodfkd.commands.segment import segmentation
from echodfkd.errors import InputError
from echodfkd.student.student import load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import open_video, read, write
from echodfkd.video.feed import WAITING, Feed, arrivals, timed_frames
from echodfkd.video.source import clip_source

RATE = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "heart.avi"
    recipe = draw_recipe(Conditions(fps=(RATE, RATE), heart_rate=(75, 75)), 3, 7, 110)
    write(path, generate([recipe]).frames[0], RATE)
    return path


def test_a_clip_as_fast_as_it_goes_loses_no_frame_and_writes_beats_and_overlay(clip, tmp_path):
    told = []
    [watched] = verb.live(
        str(clip), "b4", tmp_path / "out", overlay=True, paced=False, tell=lambda one, live: told.append(live)
    )
    assert (watched.name, watched.frames, watched.dropped) == ("heart", 110, 0)
    with open(tmp_path / "out" / "heart" / "beats.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["es_frame"]) for row in rows] == [beat.es for beat in watched.beats]
    assert len(rows) >= 2
    lowest = [one.interval and round(one.interval[0], 2) for one in watched.beats]
    assert [row["ef_low"] and float(row["ef_low"]) for row in rows] == ["" if low is None else low for low in lowest]
    assert sum(len(live.ended) for live in told if live) == len(rows)
    assert told[-1] is None
    with open_video(tmp_path / "out" / "heart" / "overlay.mp4") as film:
        assert len(list(film)) == 110


def test_a_single_frame_says_that_it_has_no_beat(clip, tmp_path):
    write(tmp_path / "still.avi", read(clip).frames[:1], RATE)
    [watched] = verb.live(str(tmp_path / "still.avi"), paced=False)
    assert verb.lines(watched, None) == ["still: a single frame: there is no beat to measure"]
    assert verb.lines(verb.Watched("camera"), None) == ["camera: no frame came"]
    assert verb.lines(verb.Watched("camera", 1, dropped=3), None)[0].startswith("camera: 1 frames, 0 beats, 3 frames")


def test_a_clip_is_played_at_its_own_pace(clip, student_folder):
    start = time.monotonic()
    [watched] = verb.live(str(clip), student_folder)
    assert time.monotonic() - start >= 109 / RATE
    assert watched.frames + watched.dropped == 110


def test_what_comes_too_fast_is_dropped_and_counted(clip):
    frames = read(clip).frames
    feed = Feed(((0.0, frame) for frame in frames), paced=False, droppable=True)
    with feed:
        time.sleep(0.3)
        taken = len(list(feed))
    assert taken == WAITING
    assert taken + feed.dropped == len(frames)
    assert "78 frames dropped" in verb.lines(verb.Watched("heart", taken, feed.dropped), None)[0]


def test_a_folder_that_fills_is_watched_clip_by_clip(clip, student_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "first.avi").write_bytes(clip.read_bytes())

    def fill():
        time.sleep(1.0)
        (folder / "broken.avi").write_bytes(clip.read_bytes()[:900])
        (folder / "cut.avi").write_bytes(clip.read_bytes()[:30_000])
        (folder / "notes.txt").write_text("no clip")
        (folder / "second.avi").write_bytes(clip.read_bytes())

    filler = threading.Thread(target=fill)
    filler.start()
    found = verb.live(str(folder), student_folder, tmp_path / "out", idle=4)
    filler.join()
    whole = {one.name: one.frames for one in found if not one.refusal}
    assert whole == {"first": 110, "second": 110}
    assert len([one for one in found if one.refusal]) == 2
    assert (tmp_path / "out" / "second" / "beats.csv").is_file()


def test_a_file_that_gets_its_name_while_another_is_watched_is_watched_too(clip, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.avi", "b.avi.part"):
        (folder / name).write_bytes(clip.read_bytes())
    coming = arrivals(folder, 5)
    assert next(coming).name == "a.avi"
    (folder / "b.avi.part").rename(folder / "b.avi")
    assert next(coming).name == "b.avi"


def test_a_rate_that_nobody_knows_gives_no_heart_rate(clip, tmp_path):
    path = tmp_path / "fast.avi"
    write(path, read(clip).frames, 1000)
    told = []
    [watched] = verb.live(str(path), "b4", paced=False, tell=lambda one, live: told.append(live))
    assert watched.beats and not any(live.heart_rate for live in told if live)
    assert all("rate" in " ".join(live.judged.reasons) for live in told if live and live.ended)


def test_frames_that_lack_are_a_gap_at_a_rate_that_nobody_knows_too(clip, tmp_path):
    ticks = np.r_[np.arange(50), np.arange(80, 140)]
    path = film(tmp_path / "fast.avi", read(clip).frames, ticks, 1000)
    whole = segmentation(path, load_student("b4", hindsight=False))
    [watched] = verb.live(str(path), "b4", paced=False)
    assert whole.clock.gaps == (49,)
    assert watched.gaps == 1
    assert [(beat.ed, beat.es) for beat in watched.beats] == list(whole.ejection.beats)


def test_a_beat_that_was_withdrawn_is_not_among_those_written(tmp_path):
    conditions = Conditions(fps=(RATE, RATE), heart_rate=(80, 80), ejection_fraction=(15, 40), arrhythmia=1.0)
    said = []
    for number in (15, 22):
        path = tmp_path / f"heart {number}.avi"
        write(path, generate([draw_recipe(conditions, 3, number, 150)]).frames[0], RATE)
        [watched] = verb.live(
            str(path), "b4", tmp_path / "out", paced=False, tell=lambda *heard: said.extend(verb.lines(*heard))
        )
        whole = segmentation(path, load_student("b4", hindsight=False))
        with open(tmp_path / "out" / watched.name / "beats.csv", newline="") as file:
            rows = [(int(row["ed_frame"]), int(row["es_frame"])) for row in csv.DictReader(file)]
        assert rows == [(beat.ed, beat.es) for beat in watched.beats] == list(whole.ejection.beats)
        assert f"{len(rows)} beats" in said[-1]
    assert any("withdrawn" in line for line in said)


def test_uneven_times_of_a_file_are_the_streams(clip):
    frames = read(clip).frames
    times = np.arange(len(frames)) / RATE + np.where(np.arange(len(frames)) >= 60, 0.7, 0.0)
    moments = [moment for moment, _ in timed_frames(clip_source(Clip("a", frames, RATE, times=times)))]
    assert moments == pytest.approx(times)


def test_two_clips_of_one_name_are_not_written_over_each_other(clip, student_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.avi").write_bytes(clip.read_bytes())
    write(folder / "a.mp4", read(clip).frames[:20], RATE)
    found = verb.live(str(folder), student_folder, tmp_path / "out", idle=2)
    assert [bool(one.refusal) for one in found] == [False, True]


def test_a_device_is_watched_for_as_long_as_asked_and_shown_at_its_rate(student_folder, tmp_path):
    try:
        av.open("testsrc=size=64x48:rate=20", format="lavfi").close()
    except (av.error.FFmpegError, ValueError):
        pytest.skip("This PyAV has no lavfi, the device that needs no hardware.")
    [watched] = verb.live(
        "lavfi:testsrc=size=64x48:rate=20", student_folder, tmp_path / "out", overlay=True, seconds=1.0
    )
    assert watched.frames + watched.dropped == 20
    with open_video(tmp_path / "out" / watched.name / "overlay.mp4") as film:
        assert film.fps == pytest.approx(20)


def test_a_camera_that_shows_colours_is_refused_when_that_is_seen(student_folder):
    grey = "color=gray:size=64x48:rate=20,noise=alls=60:allf=t,format=gray"
    [watched] = verb.live(f"lavfi:{grey},trim=duration=5", student_folder)
    assert (watched.frames + watched.dropped, watched.refusal) == (100, "")
    with pytest.raises(InputError, match="colour Doppler"):
        verb.live("lavfi:testsrc=size=64x48:rate=20", student_folder, seconds=8.0)


def test_frames_of_another_size_begin_another_overlay(student_folder, tmp_path):
    student = verb.load_student(student_folder, hindsight=False)
    sizes = [np.zeros((48, 64), np.uint8)] * 6 + [np.zeros((64, 64), np.uint8)] * 6
    feed = Feed(((n / 20, frame) for n, frame in enumerate(sizes)), paced=False, droppable=False)
    watched = verb.Watched("camera")
    with feed:
        verb._watch(watched, feed, verb.Stream(student, fps=20), tmp_path, True, lambda *_: None)
    assert watched.frames == 12
    assert [read(tmp_path / name).frames.shape[0] for name in ("overlay.mp4", "overlay-2.mp4")] == [6, 6]


@pytest.mark.parametrize(
    ("source", "options", "word"),
    [
        ("nothing.avi", {}, "nothing.avi"),
        ("", {}, "empty"),
        ("nix:foo", {}, "FORMAT:NAME"),
        ("x.avi", {"overlay": True}, "--out"),
    ],
)
def test_bad_wishes_are_refused(source, options, word, student_folder):
    with pytest.raises(InputError, match=word):
        verb.live(source, student_folder, **options)
