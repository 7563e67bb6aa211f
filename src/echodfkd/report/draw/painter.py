"""The overlay of a heart that is still being watched, written while it grows."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Queue

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import EchodfkdError
from echodfkd.measure.beats import check_rate
from echodfkd.report.draw.overlay import live_frame
from echodfkd.video import write
from echodfkd.video.feed import WAITING, Frame

CURVE_S = 4.0
"""Seconds of the area curve below the overlay."""


class Painter:
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

    def __enter__(self) -> "Painter":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def paint(self, frame: Frame, masks: Mapping[str, NDArray[np.bool_]], fps: float | None, words: str) -> None:
        """Adds a frame with its masks (height, width) and words. Raises what went wrong in writing those before."""
        if self._folder is None:
            return
        if self._error is not None:
            raise self._error
        if frame.shape != self._size:
            self._end()
            self._begin(self._folder, frame.shape, fps)
        self._area.append(int(masks["lv"].sum()))
        self._queue.put(live_frame(frame, masks, self._area, words))

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
