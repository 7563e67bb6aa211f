"""The connected pieces of a mask, by the runs of pixels along its rows, and how its hull bulges.

NumPy alone, as everyday use needs no SciPy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]  # (height, width)


@dataclass(frozen=True)
class Pieces:
    """A mask's runs of pixels and the piece that each belongs to; pixels of one piece share edges.

    Runs go from `starts` to before `stops`, places in rows laid end to end with one empty pixel after each. `areas` are
    the pixels of every piece, in the order in which a reader meets them.
    """

    shape: tuple[int, int]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]
    of: NDArray[np.intp]
    areas: NDArray[np.int64]

    def mask(self, piece: int) -> Mask:
        """The pixels of one piece alone (height, width)."""
        height, width = self.shape
        edges = np.zeros(height * (width + 1) + 1, np.int8)
        mine = self.of == piece
        edges[self.starts[mine]], edges[self.stops[mine]] = 1, -1
        return np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_).reshape(height, width + 1)[:, :width]


def pieces(mask: Mask) -> Pieces:
    """The pieces of a mask (height, width)."""
    height, width = mask.shape
    rows = np.zeros((height, width + 1), np.int8)
    rows[:, :width] = mask
    edges = np.flatnonzero(np.diff(rows.ravel(), prepend=np.int8(0)))
    starts, stops = edges[0::2], edges[1::2]
    first = np.searchsorted(stops, starts + width + 1, side="right")  # the runs below one that share a column with it
    after = np.searchsorted(starts, stops + width + 1, side="left")
    root = list(range(len(starts)))
    for run, (low, high) in enumerate(zip(first.tolist(), after.tolist(), strict=True)):
        for below in range(low, high):
            a, b = _root(root, run), _root(root, below)
            root[max(a, b)] = min(a, b)
    roots, of = np.unique([_root(root, run) for run in root], return_inverse=True)
    areas = np.bincount(of, weights=stops - starts, minlength=len(roots)).astype(np.int64)
    return Pieces((height, width), starts, stops, of, areas)


def largest_component(mask: Mask) -> Mask:
    """The largest connected component (pixels sharing an edge) alone; empty stays empty, a tie keeps the upper one."""
    found = pieces(mask)
    return mask if len(found.areas) < 2 else found.mask(int(np.argmax(found.areas)))


def bulge(rows: NDArray, columns: NDArray) -> list[tuple[int, int]]:
    """The corners (row, column) of the convex hull to the side where columns grow, from the first row to the last."""
    corners: list[tuple[int, int]] = []
    for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
        while len(corners) > 1:
            (y0, x0), (y1, x1) = corners[-2:]
            if (x1 - x0) * (y - y0) > (x - x0) * (y1 - y0):  # beyond the straight line past it
                break
            corners.pop()
        corners.append((y, x))
    return corners


def _root(root: list[int], run: int) -> int:
    """The first run of the piece that `run` belongs to, as far as is known; the way there is made shorter."""
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run
