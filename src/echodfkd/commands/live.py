"""The verb `live`: a heart watched as it is filmed, from a file at its own pace, a folder that fills, or a camera."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Full, Queue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.files import holding, make_folder, write_text
from echodfkd.measure.beats import check_rate
from echodfkd.measure.stream import Beat, Live, Masks, Stream
from echodfkd.report.draw.overlay import live_frame
from echodfkd.student.student import Student, load_student
from echodfkd.tables import csv_text
from echodfkd.video import file_source, write
from echodfkd.video.camera import Timed, is_camera, open_camera
from echodfkd.video.dicom.folder import is_list
from echodfkd.video.inputs import clip_files, is_clip
from echodfkd.video.source import Source

Frame = NDArray[np.uint8]

WAITING = 32
"""Frames that may wait for the model; what comes while so many wait is dropped, and counted."""
STEADY_S = 1.0
"""Seconds for which a new file of a watched folder must keep its size before it is read: it may still be copied."""
CURVE_S = 4.0
"""Seconds of the area curve below the overlay."""
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
                except InputError as error:
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
        came = watched.refusal or ", ".join([f"{watched.frames} frames, {len(watched.beats)} beats", *missed])
        return [f"{watched.name}: {came}"]
    told = [f"{watched.name}: {live.restarted}, all starts anew"] if live.restarted else []
    for beat in live.ended:
        rate = "rate unknown" if live.heart_rate is None else f"{live.heart_rate:.0f}/min"
        reasons = f" ({'; '.join(live.judged.reasons)})" if live.judged.reasons else ""
        told.append(
            f"{watched.name}: ED {beat.ed_time:.2f} s, ES {beat.es_time:.2f} s, "
            f"{_fraction(beat.ejection_fraction, beat.interval)}, {rate}, {live.judged.verdict}{reasons}"
        )
    return told


class _Feed:
    """Frames read by a thread of their own, at the pace they have to come in, and dropped where nobody takes them.

    Where they are not `timed` nobody knows when they were taken, and their times serve the pace alone.
    """

    def __init__(
        self, frames: Timed, *, paced: bool, droppable: bool, seconds: float | None = None, timed: bool = True
    ):
        self.dropped, self.timed = 0, timed
        self._error: Exception | None = None
        self._frames, self._paced, self._droppable, self._seconds = frames, paced, droppable, seconds
        self._queue: Queue[tuple[float, Frame] | None] = Queue(WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "_Feed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[float, Frame]]:
        """Seconds and frame, one after the other. Raises what went wrong in reading."""
        while (timed := self._queue.get()) is not None:
            yield timed
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        try:
            start = time.monotonic()
            for moment, frame in self._frames:
                if self._paced and self._stop.wait(max(0.0, start + moment - time.monotonic())):
                    break
                if self._stop.is_set() or (self._seconds is not None and moment >= self._seconds):
                    break
                self._put((moment, frame), self._droppable)
        except (EchodfkdError, OSError) as error:
            self._error = error
        self._put(None, droppable=False)

    def _put(self, timed: tuple[float, Frame] | None, droppable: bool) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(timed, block=not droppable, timeout=0.1)
                break
            except Full:
                if droppable:
                    self.dropped += 1
                    break


Opened = AbstractContextManager[tuple[str, "_Feed", Stream]]
"""A name, its frames, and who watches them; InputError where it cannot be opened."""


def _sources(
    source: str, student: Student, paced: bool | None, seconds: float | None, idle: float | None
) -> Iterator[Opened]:
    """What there is to watch, one after another."""
    if is_camera(source):
        yield _camera(source, student, seconds)
    elif Path(source).is_dir() and not any(map(is_list, Path(source).iterdir())):
        for path in _arrivals(Path(source), idle):
            yield _file(path, student, bool(paced), seconds)
    else:
        for path in clip_files([Path(source)]):  # several of a disc or its DICOMDIR
            yield _file(path, student, paced is not False, seconds)


@contextmanager
def _camera(source: str, student: Student, seconds: float | None) -> Iterator[tuple[str, _Feed, Stream]]:
    with open_camera(source) as frames:
        name = time.strftime("camera-%Y%m%d-%H%M%S")
        yield name, _Feed(frames, paced=False, droppable=True, seconds=seconds), Stream(student)


@contextmanager
def _file(path: Path, student: Student, paced: bool, seconds: float | None) -> Iterator[tuple[str, _Feed, Stream]]:
    clip = file_source(path)
    feed = _Feed(_timed(clip), paced=paced, droppable=paced, seconds=seconds, timed=clip.clock.fps is not None)
    yield clip.name, feed, Stream(student, fps=clip.clock.fps, spacing=clip.spacing, part=clip.part)


def _timed(clip: Source) -> Timed:
    """A file's frames at the times they were taken."""
    clock, frames = clip.clock, enumerate(clip.frames())
    if clock.times is None:
        return ((number / clock.rate, frame) for number, frame in frames)
    return ((float(moment), frame) for moment, (_, frame) in zip(clock.times, frames, strict=False))


def _arrivals(folder: Path, idle: float | None) -> Iterator[Path]:
    """The clips that lie in `folder` and those that come into it, each once it is no longer written to."""
    done, seen, last = set[Path](), dict[Path, tuple[int, float]](), time.monotonic()
    while idle is None or time.monotonic() - last < idle:
        for path in sorted(item for item in folder.iterdir() if item.is_file() and item not in done):
            size, now = path.stat().st_size, time.monotonic()
            if seen.setdefault(path, (size, now))[0] != size:
                seen[path] = size, now
            if now - seen[path][1] >= STEADY_S:
                done.add(path)
                if is_clip(path) and not is_list(path):
                    yield path
                    last = time.monotonic()
        time.sleep(0.2)


def _watch(watched: Watched, feed: _Feed, stream: Stream, folder: Path | None, overlay: bool, tell: Tell) -> None:
    """One source from its first frame to its last, or to Ctrl-C; what it gave is written to `folder` in either case."""
    rows: list[dict[str, Any]] = []
    waiting: deque[Frame] = deque()

    def take(masks: list[Masks], live: Live) -> None:
        """Paints, keeps and tells what became known."""
        watched.frames, watched.gaps, watched.dropped = live.frames, live.gaps, feed.dropped
        for one in masks:
            painter.paint(waiting.popleft(), one, live)
        for beat in live.ended:
            watched.beats.append(beat)
            rows.append(_row(beat, live))
        if live.ended or live.restarted:
            tell(watched, live)

    with _Painter(folder if overlay else None) as painter:
        try:
            for moment, frame in feed:
                waiting.append(frame)
                take(*stream.push(frame, moment if feed.timed else None))
        finally:
            take(*stream.finish())
            if folder is not None:
                write_text(folder / "beats.csv", csv_text(rows, COLUMNS))
            tell(watched, None)


def _row(beat: Beat, live: Live) -> dict[str, Any]:
    """A line of `beats.csv`."""
    rate = live.heart_rate
    return {
        "ed_frame": beat.ed,
        "es_frame": beat.es,
        "ed_time": round(beat.ed_time, 3),
        "es_time": round(beat.es_time, 3),
        "ejection_fraction": round(beat.ejection_fraction, 2),
        **{name: round(bound, 2) for name, bound in zip(("ef_low", "ef_high"), beat.interval or (), strict=False)},
        "heart_rate": None if rate is None else round(rate, 1),
        "verdict": live.judged.verdict,
        "reasons": "; ".join(live.judged.reasons),
    }


class _Painter:
    """Writes the overlay as it grows, in a thread of its own; another file where frames change their size."""

    def __init__(self, folder: Path | None):
        self._folder = folder
        self._fps: float | None = None
        self._area: deque[int] = deque()
        self._parts = 0
        self._size: tuple[int, ...] = ()
        self._queue: Queue[NDArray[np.uint8] | None] = Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def __enter__(self) -> "_Painter":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def paint(self, frame: Frame, masks: Masks, live: Live) -> None:
        """Adds a frame. Raises what went wrong in writing those before."""
        if self._folder is None:
            return
        if self._error is not None:
            raise self._error
        if frame.shape != self._size:
            self._end()
            self._begin(self._folder, frame.shape, live.fps)
        self._area.append(int(masks["lv"].sum()))
        self._queue.put(live_frame(frame, masks, self._area, _words(live)))

    def _begin(self, folder: Path, size: tuple[int, ...], fps: float | None) -> None:
        self._size, self._parts, self._fps = size, self._parts + 1, fps
        self._area = deque(maxlen=round(CURVE_S * check_rate(fps)))
        path = folder / ("overlay.mp4" if self._parts == 1 else f"overlay-{self._parts}.mp4")
        self._thread = threading.Thread(target=self._write, args=(path,))
        self._thread.start()

    def _write(self, path: Path) -> None:
        try:
            write(path, self._pictures(), self._fps)
        except (EchodfkdError, OSError) as error:
            self._error = error
            while self._queue.get() is not None:
                pass

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        while (picture := self._queue.get()) is not None:
            yield picture

    def _end(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None


def _words(live: Live) -> str:
    """What the overlay says in its corner."""
    if live.ejection_fraction is None:
        return ""
    told = _fraction(live.ejection_fraction, live.ejection_interval)
    return told + ("" if live.heart_rate is None else f"  {live.heart_rate:.0f}/min")


def _fraction(percent: float, within: tuple[float, float] | None) -> str:
    """An ejection fraction with its interval."""
    return f"EF {percent:.0f} %" + ("" if within is None else f" ({within[0]:.0f} to {within[1]:.0f})")
