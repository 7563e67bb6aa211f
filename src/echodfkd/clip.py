"""The vocabulary: a clip, its structures, masks, and the segmenters that turn the one into the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echodfkd.clock import Clock, check_times, clock_of_clip
from echodfkd.errors import InputError

STRUCTURES = ("lv", "rv", "la", "ra", "myocardium")
"""Every structure the house knows, in the order of their channels: ventricles, atria, left-ventricular wall."""

WORKING_SIZE = 112
"""Rows and columns of the square frames that generator, teachers and students work on."""

Frames = NDArray[np.uint8]  # (time, height, width), grey, row 0 on top
Part = tuple[slice, slice]  # rows and columns of a frame
Masks = NDArray[np.float32]  # (time, structure, height, width), probabilities in [0, 1]


@dataclass(frozen=True)
class Clip:
    """One clip: grey `frames` (time, height, width) uint8, its frame rate (Hz) and pixel size where known.

    `name` is the file's name without its suffix; `spacing` is mm per pixel, y then x, or, where it is `relative`, tells
    only how much higher than wide a pixel is. `times` (time,) are seconds, where frames do not come evenly; `fps` is
    then their usual rate. Without it their unit is unknown too. `part` is what of its frames shows the body,
    where that is known and not the whole; `remarks` say what its file contradicts itself in; `dropped` frames are known
    to be missing.
    """

    name: str
    frames: Frames
    fps: float | None = None
    spacing: tuple[float, float] | None = None
    times: NDArray[np.float64] | None = None
    relative: bool = False
    part: Part | None = None
    remarks: tuple[str, ...] = ()
    dropped: int = 0

    def __post_init__(self) -> None:
        check_frames(self.frames)
        if self.fps is not None and not 0 < self.fps < 100_000:
            raise InputError(f"A frame rate must be above 0 Hz, got {self.fps} for clip {self.name}.")
        check_spacing(self.spacing)
        if self.times is not None:
            check_times(self.times, len(self.frames))

    @property
    def clock(self) -> Clock:
        """When its frames were taken, as far as that can be believed."""
        return clock_of_clip(self.fps, self.times, self.dropped)


class Segmenter(Protocol):
    """Whatever turns a clip into masks: a student, a teacher, a fusion of teachers, an archive of masks."""

    @property
    def structures(self) -> Sequence[str]:
        """Names of the channels it returns, each one of STRUCTURES."""

    @property
    def threshold(self) -> float:
        """The probability in (0, 1) from which a pixel counts as inside."""

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""


def check_spacing(spacing: tuple[float, float] | None) -> None:
    """Raises InputError unless `spacing` is two lengths above 0, or None."""
    if spacing is not None and not (len(spacing) == 2 and all(0 < side < inf for side in spacing)):
        raise InputError(f"Spacing must be two lengths above 0 mm (y, x), got {spacing}.")


def check_frames(frames: np.ndarray) -> None:
    """Raises InputError unless `frames` is a non-empty (time, height, width) uint8 array."""
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise InputError(
            f"Frames must be (time, height, width) uint8, got {frames.dtype} {frames.shape}. "
            "Read files with echodfkd.video.read."
        )
    if 0 in frames.shape:
        raise InputError(f"A clip needs at least one frame of at least one pixel, got {frames.shape}.")


def evenly_spread(count: int, most: int) -> NDArray[np.intp]:
    """The numbers of at most `most` out of `count` frames (or clips), evenly spread from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.intp))


def check_structures(structures: Sequence[str]) -> tuple[str, ...]:
    """`structures` as a tuple; InputError where one is unknown, twice there, or none is given."""
    unknown = [name for name in structures if name not in STRUCTURES]
    if unknown or not structures or len(set(structures)) != len(structures):
        raise InputError(f"Structures must be different names out of {', '.join(STRUCTURES)}, got {list(structures)}.")
    return tuple(structures)


def channel(masks: Any, structures: Sequence[str], name: str = "lv") -> Any:
    """One structure's plane (time, height, width) of masks (time, structure, height, width), of whatever kind.

    InputError where it is none of their `structures`.
    """
    if name not in structures:
        raise InputError(f"These masks are of {', '.join(structures)}, not of {name}.")
    return masks[:, list(structures).index(name)]


def to_bytes(masks: Masks) -> NDArray[np.uint8]:
    """Probabilities in [0, 1] as they lie on disk: uint8, round(255 p)."""
    return np.rint(masks * np.float32(255)).astype(np.uint8)


def from_bytes(masks: NDArray[np.uint8]) -> Masks:
    """Masks from disk (uint8, 255 p) as float32 probabilities."""
    return masks.astype(np.float32) / np.float32(255)
