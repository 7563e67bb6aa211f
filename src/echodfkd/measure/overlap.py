"""How well two masks cover each other, frame by frame or pooled over many frames.

The empty-mask rule: two empty masks agree perfectly and score 1; an empty mask against anything else scores 0.
"""

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

Values = NDArray[np.float64]


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Values:
    """Dice coefficient 2|A and B| / (|A| + |B|) of each frame, in [0, 1].

    `a` and `b` are bool (..., height, width) of one shape; the result has the shape of the leading axes.
    """
    shared, in_a, in_b = overlap_counts(a, b)
    return ratio(2 * shared, in_a + in_b)


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Values:
    """Intersection over union (Jaccard index) |A and B| / |A or B| of each frame, in [0, 1]; shapes as for `dice`."""
    shared, in_a, in_b = overlap_counts(a, b)
    return ratio(shared, in_a + in_b - shared)


def overlap_counts(
    a: NDArray[np.bool_], b: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pixels in both, in `a` and in `b`, per frame. Sums of these over frames give the pooled coefficients."""
    check_pair(a, b)
    shared, in_a, in_b = (np.count_nonzero(mask, axis=(-2, -1)) for mask in (a & b, a, b))
    return np.asarray(shared, np.int64), np.asarray(in_a, np.int64), np.asarray(in_b, np.int64)


def ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Values:
    """`part / whole`, and 1 where the whole is empty (both masks empty: nothing to find, nothing invented)."""
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))


def pooled_dice(counts: NDArray[np.int64]) -> float:
    """Dice of all frames taken as one large image, from rows of (both, first, second) counts (row, 3).

    Large masks weigh more than in a mean of per-frame values; say which of the two a number is.
    """
    shared, first, second = counts.sum(axis=0)
    return float(ratio(2 * shared, first + second))


def pooled_iou(counts: NDArray[np.int64]) -> float:
    """Intersection over union of all frames taken as one large image; rows as for `pooled_dice`."""
    shared, first, second = counts.sum(axis=0)
    return float(ratio(shared, first + second - shared))


def check_pair(a: np.ndarray, b: np.ndarray) -> None:
    """Raises InputError unless both are bool (..., height, width) of one shape."""
    if a.shape != b.shape or a.ndim < 2 or a.dtype != np.bool_ or b.dtype != np.bool_:
        raise InputError(
            f"Masks to compare must be bool (..., height, width) of one shape, got {a.dtype} {a.shape} "
            f"and {b.dtype} {b.shape}. Bring both to the clip's own size and cut them at their threshold."
        )
