"""What a single mask looks like: its area, its pieces, its place, how convex it is, whether it touches the border."""

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import check_spacing
from echodfkd.errors import InputError
from echodfkd.pieces import Mask, bulge, largest_component, pieces

MaskClip = NDArray[np.bool_]  # (time, height, width)
Spacing = tuple[float, float] | None  # mm per pixel, y then x


def check_masks(masks: np.ndarray, dimensions: int = 3) -> None:
    """Raises InputError unless `masks` is a boolean array with that many axes, the last two being height and width."""
    axes = "(height, width)" if dimensions == 2 else "(time, height, width)"
    if masks.dtype != np.bool_ or masks.ndim != dimensions:
        raise InputError(
            f"Masks must be {axes} bool, got {masks.dtype} {masks.shape}. Cut probabilities with `masks >= threshold`."
        )


def pixel_scale(spacing: Spacing) -> NDArray[np.float64]:
    """The sides of a pixel (y, x) in mm, ones where unknown; raises InputError unless they are two lengths above 0."""
    check_spacing(spacing)
    return np.array(spacing or (1.0, 1.0), np.float64)


def area_curve(masks: MaskClip) -> NDArray[np.int64]:
    """Pixels inside the mask of each frame: (time,) from (time, height, width) bool."""
    check_masks(masks)
    return masks.sum(axis=(1, 2), dtype=np.int64)


def component_areas(mask: Mask) -> NDArray[np.int64]:
    """Pixels of every connected component (pixels sharing an edge), largest first; empty for an empty mask."""
    return np.sort(pieces(mask[_box(mask)]).areas)[::-1]


def touches_border(mask: Mask) -> bool:
    """Whether any pixel of the mask lies on the outermost rows or columns of the image."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def centroid(mask: Mask) -> tuple[float, float]:
    """Mean row and column of the pixels inside; NaN for an empty mask."""
    if not mask.any():
        return float("nan"), float("nan")
    box = _box(mask)
    counts = [np.count_nonzero(mask[box], axis=axis) for axis in (1, 0)]
    row, column = (
        side.start + count @ np.arange(len(count)) / count.sum() for side, count in zip(box, counts, strict=True)
    )
    return float(row), float(column)


def solidity(mask: Mask) -> float:
    """Pixels of the largest component over pixels whose centre lies in its convex hull, in (0, 1]; 1 for an empty mask.

    Exactly 1 for every digitised convex outline, however small. Pixels in the hull are counted by Pick's theorem:
    a polygon on a lattice holds area + points on its edge / 2 + 1 points.
    """
    piece = largest_component(mask[_box(mask)])
    rows = np.flatnonzero(piece.any(axis=1))
    if len(rows) < 2 or np.count_nonzero(piece.any(axis=0)) < 2:
        return 1.0  # a straight line, a pixel, nothing: no hull with an area
    first, last = piece[rows].argmax(axis=1), piece.shape[1] - 1 - piece[rows, ::-1].argmax(axis=1)
    left, right = bulge(rows, -first), bulge(rows, last)
    corners = np.array([*((y, -x) for y, x in left), *reversed(right)])
    step = np.roll(corners, -1, axis=0) - corners
    twice_area = abs(int((corners[:, 0] * step[:, 1] - corners[:, 1] * step[:, 0]).sum()))
    inside = (twice_area + int(np.gcd(*step.T).sum())) / 2 + 1
    return float(np.count_nonzero(piece) / inside)


def _box(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns between the first and the last that hold a pixel; empty for an empty mask."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
