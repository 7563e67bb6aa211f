"""A clip as it comes from anywhere: open for one pass over its frames, or to be read several times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Part
from echodfkd.clock import Clock, believed

Picture = NDArray[np.uint8]  # (height, width) grey or (height, width, 3) RGB


@dataclass(frozen=True)
class Video:
    """An open film: its size, the frame rate (Hz) that its header states, and one pass over its frames.

    `fps` is None for stills and where unknown, or not to be believed. `timed` gives the `clock`, which is that of the
    frames that have passed; without it they come evenly. `spacing` is mm per pixel, y then x, where the file tells, or,
    where it is `relative`, only how much higher than wide a pixel is. `part` is what of a frame shows the
    body, where it is not the whole, `remarks` what the file contradicts itself in; `uncut` gives the frames with what
    is kept out of `frames`.
    """

    path: Path
    height: int
    width: int
    fps: float | None
    frames: Iterator[Picture]
    spacing: tuple[float, float] | None = None
    timed: Callable[[], Clock] | None = None
    relative: bool = False
    part: Part | None = None
    remarks: tuple[str, ...] = ()
    uncut: Callable[[], Iterator[Picture]] | None = None
    check_grey: Callable[[], None] = lambda: None
    """InputError where the frames that have passed are coloured, as colour Doppler is."""

    def __iter__(self) -> Iterator[Picture]:
        """The grey frames (height, width) uint8, one at a time. InputError where the film is damaged."""
        return self.frames

    @property
    def clock(self) -> Clock:
        """When its frames were taken; to be asked once all of them have passed."""
        return believed(self.fps) if self.timed is None else self.timed()


@dataclass(frozen=True)
class Source:
    """One clip that can be read several times: `frames()` starts anew and gives (height, width) uint8 one by one.

    `size` is (height, width), `spacing`, `part` and `remarks` as a clip's; `timed` gives the `clock` and may read all
    frames for it. `uncut()` gives the frames with all that is kept out of `frames`: text and curves beside the fan.
    """

    name: str
    fps: float | None
    frames: Callable[[], Iterator[NDArray[np.uint8]]]
    size: tuple[int, int]
    spacing: tuple[float, float] | None = None
    timed: Callable[[], Clock] | None = None
    relative: bool = False
    part: Part | None = None
    remarks: tuple[str, ...] = ()
    uncut: Callable[[], Iterator[NDArray[np.uint8]]] | None = None

    @property
    def clock(self) -> Clock:
        """When its frames were taken. Costs nothing once all of them were read."""
        return believed(self.fps) if self.timed is None else self.timed()


def clip_source(clip: Clip) -> Source:
    """A clip that is in memory already."""
    height, width = clip.frames.shape[1:]
    size, frames = (height, width), clip.frames
    told = (lambda: clip.clock, clip.relative, clip.part, clip.remarks)
    return Source(clip.name, clip.fps, lambda: iter(frames), size, clip.spacing, *told)
