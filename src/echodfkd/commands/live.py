"""The verb `live`: a heart watched as it is filmed, from a file at its own pace, a folder that fills, or a camera."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echodfkd.errors import InputError, MissingExtra, one_line
from echodfkd.files import holding, make_folder, write_text
from echodfkd.measure.stream import Beat, Live, Masks, Stream
from echodfkd.report.draw.painter import Painter
from echodfkd.student.student import Student, load_student
from echodfkd.tables import csv_text
from echodfkd.video import file_source
from echodfkd.video.camera import is_camera, open_camera
from echodfkd.video.dicom.folder import is_list
from echodfkd.video.feed import Feed, Frame, arrivals, timed_frames
from echodfkd.video.inputs import clip_files

COLUMNS = (
    *("ed_frame", "es_frame", "ed_time", "es_time"),
    *("ejection_fraction", "ef_low", "ef_high", "heart_rate", "verdict", "reasons"),
)


@dataclass
class Watched:
    """What came of one source; `refusal` says why a file of a folder was not watched to its end."""

    name: str
    frames: int = 0
    dropped: int = 0
    """Frames that came faster than they could be worked on."""
    gaps: int = 0
    """Times at which so many frames were missing that nothing is known of the heart."""
    beats: list[Beat] = field(default_factory=list)
    refusal: str = ""


Tell = Callable[[Watched, Live | None], None]
"""Hears of each source: with what is known when a beat has ended or all starts anew, and with None at its end."""


def live(
    source: str,
    model: Path | str | None = None,
    out: Path | None = None,
    *,
    overlay: bool = False,
    paced: bool | None = None,
    seconds: float | None = None,
    idle: float | None = None,
    tell: Tell | None = None,
) -> list[Watched]:
    """Watches `source` until it ends or Ctrl-C: a file, a folder, or a camera as FORMAT:NAME; what came of each clip.

    A file is played at its own pace, unless `paced` is False. In a folder every clip that lies there or comes is
    watched in turn, as fast as it goes unless `paced` is True; `idle` seconds without a new one end it. `seconds` end
    the watch of a file or camera. With `out` the beats go to `OUT/<name>/beats.csv`, with `overlay` the picture to
    `overlay.mp4`, and to `overlay-2.mp4` ... where frames change their size. `tell` hears of every beat once sure.

    InputError for a source or model that cannot be opened, OutputError where `out` cannot be written.
    """
    if overlay and out is None:
        raise InputError("An overlay needs a folder: give --out too.")
    student, tell = load_student(model, hindsight=False), tell or (lambda *_: None)
    found: list[Watched] = []
    with ExitStack() as stack:
        if out is not None:
            stack.enter_context(holding(out))
        with suppress(KeyboardInterrupt):  # how a watch is ended: everything up to here is written
            for number, opened in enumerate(_sources(source, student, paced, seconds, idle), start=1):
                watched = Watched(f"clip {number}")
                found.append(watched)
                try:
                    with opened as (watched.name, feed, stream), feed:
                        if watched.name in (one.name for one in found[:-1]):
                            raise InputError(f"Another clip is called {watched.name} already. Rename this one.")
                        folder = None if out is None else make_folder(out / watched.name)
                        _watch(watched, feed, stream, folder, overlay, tell)
                except (InputError, MissingExtra) as error:
                    if not Path(source).is_dir() and not is_list(Path(source)):
                        raise
                    watched.refusal = one_line(error)  # this clip's alone: others will come
                    tell(watched, None)
    return found


def lines(watched: Watched, live: Live | None) -> list[str]:
    """What there is to say to a person, of what `tell` hears."""
    if live is None:
        missed = [f"{watched.dropped} frames dropped, it came too fast"] if watched.dropped else []
        missed += [f"frames missing {watched.gaps} times"] if watched.gaps else []
        seen = f"{watched.frames} frames, {len(watched.beats)} beats"
        if not watched.dropped:
            seen = {0: "no frame came", 1: "a single frame: there is no beat to measure"}.get(watched.frames, seen)
        came = watched.refusal or ", ".join([seen, *missed])
        return [f"{watched.name}: {came}"]
    told = [
        f"{watched.name}: ED {beat.ed_time:.2f} s, ES {beat.es_time:.2f} s withdrawn: no beat, or another, by what came"
        for beat in live.withdrawn
    ]
    for beat in live.ended:
        rate = "rate unknown" if live.heart_rate is None else f"{live.heart_rate:.0f}/min"
        reasons = f" ({'; '.join(live.judged.reasons)})" if live.judged.reasons else ""
        told.append(
            f"{watched.name}: ED {beat.ed_time:.2f} s, ES {beat.es_time:.2f} s, "
            f"{_fraction(beat.ejection_fraction, beat.interval)}, {rate}, {live.judged.verdict}{reasons}"
        )
    if live.restarted:  # what was told is of the scene before
        told.append(f"{watched.name}: {live.restarted}, all starts anew")
    return told


Opened = AbstractContextManager[tuple[str, Feed, Stream]]
"""A name, its frames, and who watches them; InputError where it cannot be opened."""


def _sources(
    source: str, student: Student, paced: bool | None, seconds: float | None, idle: float | None
) -> Iterator[Opened]:
    """What there is to watch, one after another."""
    if not source:
        raise InputError("Name what to watch: a clip, a folder or a camera. Got an empty name.")
    if is_camera(source):
        yield _camera(source, student, seconds)
    elif Path(source).is_dir() and not any(map(is_list, Path(source).iterdir())):
        for path in arrivals(Path(source), idle):
            yield _file(path, student, bool(paced), seconds)
    else:
        for path in clip_files([Path(source)]):  # several of a disc or its DICOMDIR
            yield _file(path, student, paced is not False, seconds)


@contextmanager
def _camera(source: str, student: Student, seconds: float | None) -> Iterator[tuple[str, Feed, Stream]]:
    with open_camera(source) as frames:
        name = time.strftime("camera-%Y%m%d-%H%M%S")
        yield name, Feed(frames, paced=False, droppable=True, seconds=seconds), Stream(student)


@contextmanager
def _file(path: Path, student: Student, paced: bool, seconds: float | None) -> Iterator[tuple[str, Feed, Stream]]:
    clip = file_source(path)
    clock = clip.clock
    timed = clock.fps is not None or clock.times is not None
    feed = Feed(timed_frames(clip), paced=paced, droppable=paced, seconds=seconds, timed=timed)
    known = clock.fps is not None
    yield clip.name, feed, Stream(student, fps=clock.fps, spacing=clip.spacing, part=clip.part, seconds=known)


def _watch(watched: Watched, feed: Feed, stream: Stream, folder: Path | None, overlay: bool, tell: Tell) -> None:
    """One source from its first frame to its last, or to Ctrl-C; what it gave is written to `folder` in either case."""
    found: dict[int, tuple[Beat, dict[str, Any]]] = {}  # by ES frame
    waiting: deque[Frame] = deque()

    def take(masks: list[Masks], live: Live) -> None:
        """Paints, keeps and tells what became known."""
        watched.frames, watched.gaps, watched.dropped = live.frames, live.gaps, feed.dropped
        for one in masks:
            painter.paint(waiting.popleft(), one, live.fps, _words(live))
        for beat in live.withdrawn:
            found.pop(beat.es)
        found.update({beat.es: (beat, _row(beat, live)) for beat in live.ended})
        watched.beats = [found[es][0] for es in sorted(found)]
        if live.ended or live.withdrawn or live.restarted:
            tell(watched, live)

    with Painter(folder if overlay else None) as painter:
        try:
            for moment, frame in feed:
                waiting.append(frame)
                take(*stream.push(frame, moment if feed.timed else None))
        finally:
            take(*stream.finish())
            if folder is not None:
                write_text(folder / "beats.csv", csv_text([found[es][1] for es in sorted(found)], COLUMNS))
            tell(watched, None)


def _row(beat: Beat, live: Live) -> dict[str, Any]:
    """A line of `beats.csv`."""
    rate = live.heart_rate
    return {
        "ed_frame": beat.ed,
        "es_frame": beat.es,
        "ed_time": round(beat.ed_time, 3),
        "es_time": round(beat.es_time, 3),
        "ejection_fraction": None if beat.ejection_fraction is None else round(beat.ejection_fraction, 2),
        **{name: round(bound, 2) for name, bound in zip(("ef_low", "ef_high"), beat.interval or (), strict=False)},
        "heart_rate": None if rate is None else round(rate, 1),
        "verdict": live.judged.verdict,
        "reasons": "; ".join(live.judged.reasons),
    }


def _words(live: Live) -> str:
    """What the overlay says in its corner."""
    if live.ejection_fraction is None:
        return ""
    told = _fraction(live.ejection_fraction, live.ejection_interval)
    return told + ("" if live.heart_rate is None else f"  {live.heart_rate:.0f}/min")


def _fraction(percent: float | None, within: tuple[float, float] | None) -> str:
    """An ejection fraction with its interval."""
    if percent is None:
        return "EF unknown"
    return f"EF {percent:.0f} %" + ("" if within is None else f" ({within[0]:.0f} to {within[1]:.0f})")
