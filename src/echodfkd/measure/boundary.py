"""How far two outlines lie apart, frame by frame: the 95th percentile Hausdorff distance and the mean surface distance.

Published figures of both are made by several rules under one name. Ours:

- The boundary is made of the pixels of a mask with a neighbour across an edge outside the mask; what lies beyond the
  image is outside. Distances go from pixel centre to the nearest centre of the other boundary. MONAI and medpy do so
  too; DeepMind's surface-distance puts the boundary between the pixels.
- HD95 is the larger of the two directed 95th percentiles, as Metrics Reloaded (Maier-Hein et al., Nature Methods
  2024;21:195-212), MONAI and surface-distance have it: a lobe that only one of the masks has is not thinned out by the
  other's boundary. medpy takes one percentile of both directions together, which mostly gives smaller values.
- The mean surface distance is the average symmetric one (ASSD; Heimann et al., IEEE Trans Med Imaging 2009;28:1251-65):
  the mean over all boundary pixels of both masks. medpy and Metrics Reloaded's MASD take the mean of two means.

The empty-mask rule: two empty masks agree and lie 0 apart. Where one alone is empty there is no distance: NaN, or
whatever `missing` says, for example `image_diagonal`. Leaving such frames out of a mean flatters a segmenter that gives
up on hard frames: count them beside it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from echodfkd.measure.overlap import check_pair
from echodfkd.measure.shape import Spacing, pixel_scale

Values = NDArray[np.float64]
Directed = tuple[Values, Values]  # from each boundary pixel of one mask to the other's boundary, and back

PERCENTILE = 95.0


class Apart(NamedTuple):
    """HD95 and mean surface distance of each frame, of the shape of the leading axes; pixels, or mm with a spacing."""

    hd95: Values
    surface_distance: Values


def boundary_distances(
    a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Spacing = None, missing: float = np.nan
) -> Apart:
    """Both distances of each frame of `a` and `b`, bool (..., height, width) of one shape, by the rules above.

    Pixels, or mm where `spacing` (mm per pixel, y then x) is given. `missing` is what a frame gets on which one mask
    alone is empty.
    """
    check_pair(a, b)
    scale = pixel_scale(spacing)
    frames = zip(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]), strict=True)
    found = [_apart(directed_distances(*frame, scale), missing) for frame in frames]
    hd95, mean = np.array(found, np.float64).reshape(*a.shape[:-2], 2).transpose(-1, *range(a.ndim - 2))
    return Apart(hd95, mean)


def hd95(a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Spacing = None, missing: float = np.nan) -> Values:
    """The larger of the two directed 95th percentiles of each frame; as for `boundary_distances`."""
    return boundary_distances(a, b, spacing, missing).hd95


def surface_distance(
    a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Spacing = None, missing: float = np.nan
) -> Values:
    """The average symmetric surface distance of each frame; as for `boundary_distances`."""
    return boundary_distances(a, b, spacing, missing).surface_distance


def image_diagonal(shape: tuple[int, ...], spacing: Spacing = None) -> float:
    """The distance between opposite corner pixels of images (..., height, width): no boundary distance is larger.

    Pass it as `missing` to make an empty mask the worst there is.
    """
    return float(np.linalg.norm((np.array(shape[-2:]) - 1) * pixel_scale(spacing)))


def boundary_pixels(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Rows and columns (pixel, 2) of the pixels of a mask (height, width) with an edge neighbour outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inner)


def directed_distances(a: NDArray[np.bool_], b: NDArray[np.bool_], scale: Values) -> Directed | None:
    """From each boundary pixel of `a` (height, width) to the nearest of `b`, and back; None where either is empty.

    Both empty give two empty sets.
    """
    outlines = [boundary_pixels(mask) * scale for mask in (a, b)]
    sizes = [len(outline) for outline in outlines]
    if not all(sizes):
        return None if any(sizes) else (np.empty(0), np.empty(0))
    first, second = outlines
    return cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]


def _apart(directed: Directed | None, missing: float) -> tuple[float, float]:
    """HD95 and mean surface distance of one frame."""
    if directed is None:
        return missing, missing
    if not len(directed[0]):
        return 0.0, 0.0
    worst = max(float(np.percentile(distances, PERCENTILE)) for distances in directed)
    return worst, float(np.concatenate(directed).mean())
