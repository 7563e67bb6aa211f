"""The outline of one mask: its points by place, the grey across it, and how far another mask reaches beyond it.

Points are (x, y) in pixels, pixel centres at whole numbers. "Septal" is the image's left, "lateral" its right, the apex
above: as apical four-chamber views are shown.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree
from skimage.measure import find_contours

Mask = NDArray[np.bool_]  # (height, width)
Points = NDArray[np.float64]  # (point, 2): x, y

POINTS = 160
"""Points of an outline, evenly spread along it."""
FINE = 4
"""Points for each of a line's own, where distances to it are wanted."""
SMALLEST = 20
"""Pixels below which a mask has no outline worth the name."""
REACH = tuple(range(-12, 13, 2))
"""Pixels across an outline at which grey is looked at, inside to outside."""
PLACES = ("septum", "lateral", "apex", "base")


@dataclass(frozen=True)
class Outline:
    """Where a mask ends, and which way is out."""

    points: Points
    normals: Points
    """Outward unit normals."""
    along: NDArray[np.float64]
    """(point,) 0 at the apical end of the mask's long axis .. 1 at the basal end."""
    across: NDArray[np.float64]
    """(point,) pixels to the lateral side of that axis."""
    downwards: NDArray[np.float64]
    """(point,) how far the normal points along the axis, towards the base: -1..1."""

    @cached_property
    def places(self) -> dict[str, NDArray[np.bool_]]:
        """Which points lie at the middle of septum and lateral wall, at the apex, at the base; by PLACES."""
        side = (self.along > 0.35) & (self.along < 0.85) & (np.abs(self.downwards) < 0.6)
        return {
            "septum": side & (self.across < 0),
            "lateral": side & (self.across > 0),
            "apex": (self.along < 0.12) & (self.downwards < -0.6),
            "base": (self.along > 0.8) & (self.downwards > 0.7),
        }


def outline(mask: Mask) -> Outline:
    """The outline of the largest piece of a mask; one without points where it has fewer than SMALLEST pixels."""
    if mask.sum() < SMALLEST:
        nothing = np.empty(0)
        return Outline(np.empty((0, 2)), np.empty((0, 2)), nothing, nothing, nothing)
    points = resampled(contour(mask), POINTS)
    axis = long_axis(mask)
    normals = _normals(points)
    along, across = along_and_across(points, mask, axis)
    return Outline(points, normals, (along - along.min()) / np.ptp(along), across, normals @ axis)


def contour(mask: Mask) -> Points:
    """The longest line between the mask and what is around it."""
    return max(contours(mask), key=len)


def contours(mask: Mask) -> list[Points]:
    """The closed lines between a mask and what is around it; their first points are not told again at their ends."""
    return [line[:-1, ::-1] - 1.0 for line in find_contours(np.pad(mask.astype(np.float64), 1), 0.5)]


def resampled(line: Points, count: int) -> Points:
    """A closed line's shape by `count` points, evenly spread along it."""
    closed = np.concatenate([line, line[:1]])
    travelled = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    wanted = np.linspace(0, travelled[-1], count, endpoint=False)
    return np.stack([np.interp(wanted, travelled, closed[:, n]) for n in (0, 1)], axis=-1)


def long_axis(mask: Mask) -> NDArray[np.float64]:
    """The unit vector (x, y) along which a mask's pixels spread most; it points down the image, towards the base."""
    spread = np.cov(np.argwhere(mask)[:, ::-1].T)
    axis = np.linalg.eigh(spread)[1][:, 1]
    return axis if axis[1] >= 0 else -axis


def sideways(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit vector square to an axis that points down the image: towards the image's right."""
    return np.array([axis[1], -axis[0]])


def along_and_across(
    points: Points, mask: Mask, axis: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels from a mask's centre to each of `points` along an axis and across it."""
    offsets = points - np.argwhere(mask)[:, ::-1].mean(axis=0)
    return offsets @ axis, offsets @ sideways(axis)


def _normals(points: Points) -> Points:
    """Outward unit normals of a closed line."""
    tangents = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=-1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    x, y = points.T
    clockwise = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0
    return normals if clockwise else -normals


def profiles(frame: NDArray[np.uint8], edge: Outline) -> NDArray[np.float64]:
    """Mean grey (place, reach) across an outline, by PLACES and REACH; NaN at a place without points."""
    found = np.full((len(PLACES), len(REACH)), np.nan)
    grey = frame.astype(np.float64)
    for number, name in enumerate(PLACES):
        here = edge.places[name]
        spots = edge.points[here][:, None] + np.array(REACH)[:, None] * edge.normals[here][:, None]
        if len(spots):
            found[number] = values_at(grey, spots).mean(axis=0)
    return found


def departures(mask: Mask, edge: Outline) -> NDArray[np.float64]:
    """Pixels by which a mask reaches beyond an outline, mean at each of PLACES; below 0 where it stays inside.

    That is the distance of an outline's point to the nearest line around the mask. NaN where the mask is empty or the
    place has no points.
    """
    found = np.full(len(PLACES), np.nan)
    if mask.any():
        lines = cKDTree(np.concatenate([resampled(line, FINE * len(line)) for line in contours(mask)]))
        for number, name in enumerate(PLACES):
            if (here := edge.points[edge.places[name]]).size:
                inside = values_at(mask.astype(np.float64), here) >= 0.5
                found[number] = np.where(inside, 1, -1) @ lines.query(here)[0] / len(here)
    return found


def signed_distance(mask: Mask) -> NDArray[np.float64]:
    """(height, width) pixels from each pixel's centre to the end of a mask that is not empty, above 0 inside.

    A mask ends at the image's border at the latest.
    """
    wider = np.pad(mask, 1)
    inside = np.where(wider, distance_transform_edt(wider) - 0.5, 0.5 - distance_transform_edt(~wider))
    return inside[1:-1, 1:-1]


def values_at(image: NDArray[np.float64], spots: NDArray[np.float64]) -> NDArray[np.float64]:
    """An image (height, width) at `spots` (..., 2): x, y; bilinear, its border held beyond it."""
    return map_coordinates(image, [spots[..., 1], spots[..., 0]], order=1, mode="nearest")
