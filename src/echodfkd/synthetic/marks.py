"""What scanners burn into the picture: a ruler beside the sector, a logo at its tip, an ECG line at the bottom."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echodfkd.synthetic.dials import Acoustics, Display

Points = NDArray[np.float64]

PIXEL = 1 / 112
"""Side of a pixel of the frames that EchoNet-Dynamic keeps, share of the image side: marks are a pixel or two wide."""


def burnt_in(displays: Sequence[Display], sectors: Sequence[Acoustics], size: int) -> Tensor:
    """(clip, 1, size, size) uint8 grey levels of the marks, 0 where there is none."""
    drawn = [_marks(display, sector, size) for display, sector in zip(displays, sectors, strict=True)]
    return torch.from_numpy(np.stack(drawn))[:, None]


def _marks(d: Display, a: Acoustics, size: int) -> NDArray[np.uint8]:
    """(size, size) the marks of one clip."""
    image = np.zeros((size, size))
    for level, width, points in ((d.ruler, 0.5, _ruler(d, a)), (d.logo, 1.2, _logo(d, a)), (d.trace, 0.5, _trace(d))):
        if level > 0:
            image = np.maximum(image, level * _dots(points, width * PIXEL, size))
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _dots(points: Points, width: float, size: int) -> Points:
    """(size, size) Gaussian dots of height 1 at `points` (point, 2), sums held at 1."""
    centres = (np.arange(size) + 0.5) / size
    x, y = (np.exp(-(((centres[:, None] - points[:, axis]) / width) ** 2) / 2) for axis in (0, 1))
    return np.minimum(y @ x.T, 1)


def _ruler(d: Display, a: Acoustics) -> Points:
    """Dots along the sector's right side, outside it."""
    angle = np.deg2rad(a.steer + a.half_angle)
    reach = np.arange(0.1, a.depth, d.ruler_step)[:, None]
    along, outward = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    return np.array([a.probe_x, a.probe_y]) + reach * along + d.ruler_offset * outward


def _logo(d: Display, a: Acoustics) -> Points:
    """One dot beside the sector's tip."""
    return np.array([[a.probe_x + d.logo_x, a.probe_y + a.nearest - 0.03]])


def _trace(d: Display) -> Points:
    """A line across the image with a spike in every beat of its paper."""
    x = np.arange(0, 1, PIXEL / 2)
    spike = np.clip(1 - np.abs((x / 0.31) % 1 - 0.5) / 0.06, 0, 1)
    return np.stack([x, d.trace_y - 0.06 * spike], axis=1)
