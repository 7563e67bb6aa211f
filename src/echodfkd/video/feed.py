"""Frames as they come, read by a thread of their own at their own pace; and the clips of a folder that fills."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Full, Queue

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import EchodfkdError, InputError
from echodfkd.video.camera import Timed
from echodfkd.video.dicom.folder import is_list
from echodfkd.video.inputs import is_clip
from echodfkd.video.source import Source

Frame = NDArray[np.uint8]

WAITING = 32
"""Frames that may wait for the model; what comes while so many wait is dropped, and counted."""
STEADY_S = 1.0
"""Seconds for which a new file of a watched folder must keep its size before it is read: it may still be copied."""


class Feed:
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

    def __enter__(self) -> "Feed":
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


def timed_frames(clip: Source) -> Timed:
    """A file's frames at the times they were taken."""
    clock, frames = clip.clock, enumerate(clip.frames())
    if clock.times is None:
        return ((number / clock.rate, frame) for number, frame in frames)
    return ((float(moment), frame) for moment, (_, frame) in zip(clock.times, frames, strict=False))


def arrivals(folder: Path, idle: float | None) -> Iterator[Path]:
    """The clips that lie in `folder` and those that come into it, each once it is no longer written to."""
    done, seen, last = set[Path](), dict[Path, tuple[int, float]](), time.monotonic()
    while idle is None or time.monotonic() - last < idle:
        if not folder.is_dir():
            raise InputError(f"{folder} is gone: no clip can come into it any more.")
        for path in sorted(item for item in folder.iterdir() if item not in done):
            try:
                size, now = path.stat().st_size, time.monotonic()
            except OSError:  # it got its final name, or went away
                continue
            if seen.setdefault(path, (size, now))[0] != size:
                seen[path] = size, now
            if now - seen[path][1] >= STEADY_S:
                done.add(path)
                if path.is_file() and is_clip(path) and not is_list(path):
                    yield path
                    last = time.monotonic()
                    break  # while it was watched, others came and went
        else:
            time.sleep(0.2)
