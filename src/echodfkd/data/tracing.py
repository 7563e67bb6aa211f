"""A left ventricle as EchoNet-Dynamic's annotators traced it: 21 segments, to a polygon and a mask.

Segment 0 is the long axis; segments 1 to 20 are chords across it, each from one wall to the other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError, MissingExtra

SEGMENTS = 21
Segments = NDArray[np.float64]  # (segment, 4): x1, y1, x2, y2 in pixels


@dataclass(frozen=True)
class Tracing:
    """One annotator's tracing of one frame: `segments` (21, 4) in pixels, `mask` uint8 {0, 1} (height, width).

    `annotator` counts from 0 in the order of the file; whether the same number is the same person is not known.
    """

    frame: int
    annotator: int
    segments: Segments
    mask: NDArray[np.uint8]


def annotators(rows: Segments) -> tuple[list[Segments], int]:
    """The whole tracings (21, 4) among one frame's rows (row, 4), and how many rows belong to none.

    Several annotators' tracings follow each other without a mark. A multiple of 21 rows is cut every 21 rows.
    Otherwise a tracing is a long axis and the 20 rows up to the next one; a row is the next long axis if it runs along
    the current one rather than across it, as chords do. What is too short or too long for a tracing is counted, never
    joined. A tracing whose rows somebody sorted is put in order.
    """
    cuts = range(SEGMENTS, len(rows), SEGMENTS) if len(rows) % SEGMENTS == 0 else _next_axes(rows)
    whole = [in_order(part) for part in np.split(rows, cuts) if len(part) == SEGMENTS]
    return whole, len(rows) - SEGMENTS * len(whole)


def in_order(segments: Segments) -> Segments:
    """The same tracing (21, 4) as it was drawn: the long axis, then the chords along it; itself where it is so.

    It is not where another row is the long axis, the one that lies most across all the others, or where chords go back
    along it by more than a pixel; and only where the outline crosses itself nowhere once they stand in order.
    """
    x, y = (segments[:, 2:] - segments[:, :2]).T
    axis = int(np.argmax(np.abs(np.outer(x, y) - np.outer(y, x)).sum(axis=1)))
    length = max(np.hypot(x[axis], y[axis]), 1e-9)
    along = (segments[:, :2] + segments[:, 2:]) @ np.array([x[axis], y[axis]]) / (2 * length)
    steps = np.diff(along[1:])
    if axis == 0 and (steps * (np.sign(steps.sum()) or 1) > -1).all():
        return segments
    found = segments[[axis, *(number for number in np.argsort(along, kind="stable") if number != axis)]]
    return segments if crossings(outline(found)) else found


def _next_axes(rows: Segments) -> list[int]:
    """Where a further long axis stands: the rows within 45 degrees of the long axis before them."""
    steps = rows[:, 2:] - rows[:, :2]
    found, axis = [], steps[0]
    for number, step in enumerate(steps[1:], start=1):
        along, across = abs(step @ axis), abs(axis[0] * step[1] - axis[1] * step[0])
        if along > across:
            found.append(number)
            axis = step
    return found


def read_segments(path: Path) -> Segments:
    """A repaired tracing: a `.npy` of 21 finite segments x1, y1, x2, y2 (21, 4). InputError where it is none."""
    try:
        segments = np.asarray(np.load(path, allow_pickle=False), np.float64)
    except Exception:  # foreign bytes lead the header's parser into errors of many kinds
        segments = np.empty(0)
    if segments.shape != (SEGMENTS, 4) or not np.isfinite(segments).all():
        raise InputError(f"{path} must hold a tracing, finite numbers ({SEGMENTS}, 4): x1, y1, x2, y2 of each segment.")
    return segments


def outline(segments: Segments) -> NDArray[np.float64]:
    """The outline (40, 2) as x, y: first ends of the chords, then their second ends on the way back."""
    chords = segments[1:]
    return np.concatenate([chords[:, :2], chords[::-1, 2:]])


def polygon(segments: Segments) -> NDArray[np.int64]:
    """The outline (40, 2) as x, y in whole pixels."""
    return np.rint(outline(segments)).astype(np.int64)


def mask(segments: Segments, height: int, width: int) -> NDArray[np.uint8]:
    """The inside of a tracing, uint8 {0, 1} (height, width); what lies outside the frame is cut off."""
    return filled(polygon(segments), height, width)


def filled(corners: NDArray[np.int64], height: int, width: int) -> NDArray[np.uint8]:
    """The inside of a polygon (corner, 2) of x, y in whole pixels, uint8 {0, 1} (height, width).

    Filled by `skimage.draw.polygon`, as the data set's authors do. Raises MissingExtra where scikit-image is missing.
    """
    try:
        from skimage.draw import polygon as fill
    except ImportError:
        raise MissingExtra("Drawing EchoNet's tracings", "study") from None
    columns, rows = corners.T
    inside = np.zeros((height, width), np.uint8)
    inside[fill(rows, columns, (height, width))] = 1
    return inside


def crossings(points: NDArray[np.float64]) -> int:
    """How often the closed outline (point, 2) crosses itself; touching itself, and points given twice, do not count."""
    start = points[np.any(points != np.roll(points, 1, axis=0), axis=1)]
    stop, number = np.roll(start, -1, axis=0), np.arange(len(start))
    # Two edges cross where each one's ends lie on different sides of the other.
    sides_start = _side(start[:, None], stop[:, None], start[None])
    sides_stop = _side(start[:, None], stop[:, None], stop[None])
    apart = sides_start * sides_stop < 0
    return int(np.sum(apart & apart.T & (number[:, None] < number[None])))


def _side(a: NDArray, b: NDArray, point: NDArray) -> NDArray:
    """On which side of the line from a to b a point lies: -1, 0 (on it) or 1."""
    along, to = b - a, point - a
    return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])
