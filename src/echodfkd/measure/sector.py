"""Where the fan of an ultrasound image begins and how deep it goes, from its frames alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echodfkd.video.fan import fan


@dataclass(frozen=True)
class Sector:
    """The fan's apex (row, column; it may lie above the image) and depth, rows from the apex to its lower end."""

    apex: tuple[float, float]
    depth: float


def whole_image(height: int, width: int) -> Sector:
    """The fan that fills the image from the middle of its upper edge: what is taken where frames tell none."""
    return Sector((0.0, (width - 1) / 2), float(height))


def sector(frames: NDArray[np.uint8]) -> Sector:
    """Where the lines along the two sides of a clip's `fan` meet, and its depth.

    Where its sides do not open downwards, or meet nowhere near the image's top, the fan is taken to begin in the middle
    of its uppermost row; a black clip has `whole_image`.
    """
    lit = fan(frames)
    rows = np.flatnonzero(lit.any(axis=1))
    if len(rows) < 8:
        return whole_image(*lit.shape)
    first, last = lit[rows].argmax(axis=1), lit.shape[1] - 1 - lit[rows, ::-1].argmax(axis=1)
    apex = _meeting(rows, first, last, lit.shape) or (float(rows[0]), float(first[0] + last[0]) / 2)
    return Sector(apex, float(rows[-1] - apex[0]))


def _meeting(
    rows: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp], shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """Where lines along the left and the right side meet; None where that is no place for an apex.

    The sides are looked at from a tenth of the rows down to where the fan is widest, or the image's edge is reached.
    """
    inside = (first > 0) & (last < shape[1] - 1)
    widest = int(np.argmax(last - first))
    part = inside & (np.arange(len(rows)) >= len(rows) // 10) & (np.arange(len(rows)) <= widest)
    if part.sum() < 6:
        return None
    (left, left_start), (right, right_start) = (np.polyfit(rows[part], side[part], 1) for side in (first, last))
    if right - left < 0.2:  # columns a row by which the fan opens: a fan of 12 degrees is none
        return None
    row = (left_start - right_start) / (right - left)
    column = left * row + left_start
    return (float(row), float(column)) if -0.3 <= row / shape[0] <= 0.3 and 0 <= column < shape[1] else None
