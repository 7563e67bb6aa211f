"""A clip as it comes from anywhere: open for one pass over its frames, or to be read several times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip

Picture = NDArray[np.uint8]  # (height, width) grey or (height, width, 3) RGB


@dataclass(frozen=True)
class Video:
    """An open film: its size, its frame rate (Hz; None for stills and where unknown) and one pass over its frames."""

    path: Path
    height: int
    width: int
    fps: float | None
    frames: Iterator[Picture]
    spacing: tuple[float, float] | None = None  # mm per pixel, y then x, where the file tells

    def __iter__(self) -> Iterator[Picture]:
        """The grey frames (height, width) uint8, one at a time. InputError where the film is damaged."""
        return self.frames


@dataclass(frozen=True)
class Source:
    """One clip that can be read several times: `frames()` starts anew and gives (height, width) uint8 one by one.

    `size` is (height, width), `spacing` mm per pixel, y then x, where known.
    """

    name: str
    fps: float | None
    frames: Callable[[], Iterator[NDArray[np.uint8]]]
    size: tuple[int, int]
    spacing: tuple[float, float] | None = None


def clip_source(clip: Clip) -> Source:
    """A clip that is in memory already."""
    height, width = clip.frames.shape[1:]
    return Source(clip.name, clip.fps, lambda: iter(clip.frames), (height, width), clip.spacing)
