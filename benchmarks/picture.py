"""What a frame looks like around its ventricle: the fan it shows, grey levels of its regions, the grain of its texture.

Every measure is a dict of numbers by name; what cannot be measured on a frame is missing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from outline import PLACES, REACH, SMALLEST, Outline, along_and_across, long_axis, profiles, signed_distance, values_at
from scipy import ndimage

from echodfkd.measure.sector import sector
from echodfkd.video.fan import LIT

Frame = NDArray[np.uint8]  # (height, width)
Mask = NDArray[np.bool_]  # (height, width)
Array = NDArray[np.float64]

QUANTILES = (10, 50, 90)
"""Percentiles of the grey levels of a region."""
CAVITY, WALL, OUTSIDE = 3.0, (1.0, 7.0), 12.0
"""Pixels from the outline: the cavity begins so far inside it, the wall lies between, what is outside lies beyond."""
SIDES = (0.15, 0.85)
"""Shares of the long axis between which what lies beside a ventricle is its wall."""
MARGIN = 3.0
"""Degrees from a fan's sides within which its frame is not looked at."""
LAGS = np.arange(8)
"""Pixels over which a texture is compared with itself."""
SMOOTH = 3.0
"""Pixels of the Gaussian whose result is taken for the tissue's own brightness ..."""
BRIGHT = 25.0
"""... which must be that high where texture is looked at: grey levels."""
GRAIN = 300
"""Pixels that a texture needs."""


@dataclass(frozen=True)
class Fan:
    """The ultrasound's sector: its tip (x, y) in pixels, and its sides in degrees to the right of straight down."""

    tip: tuple[float, float]
    left: float
    right: float

    def polar(self, height: int, width: int) -> tuple[Array, Array]:
        """(height, width) pixels from the tip, and degrees to the right of straight down."""
        y, x = np.mgrid[:height, :width]
        x, y = x - self.tip[0], y - self.tip[1]
        return np.hypot(x, y), np.degrees(np.arctan2(x, y))

    def inside(self, height: int, width: int) -> Mask:
        """The pixels that lie well between its sides."""
        _, degrees = self.polar(height, width)
        return (degrees > self.left + MARGIN) & (degrees < self.right - MARGIN)

    @property
    def numbers(self) -> dict[str, float]:
        """Where it lies and how wide it opens."""
        x, y = self.tip
        return {"tip x, px": x, "tip y, px": y, "opening, degrees": self.right - self.left}


def fan(frames: NDArray[np.uint8]) -> Fan | None:
    """The fan of some frames (time, height, width); None where nothing is lit.

    Its sides are the outermost directions from its tip in which most of what lies at middle depth is lit.
    """
    found = sector(frames)
    lit = ndimage.binary_closing(frames.max(axis=0) > LIT, iterations=2)
    tip = (found.apex[1], found.apex[0])
    distance, degrees = Fan(tip, -90, 90).polar(*lit.shape)
    middle = (distance > 0.2 * found.depth) & (distance < 0.7 * found.depth)
    ways = np.arange(-75, 76)
    which = np.rint(degrees).astype(int)
    shares = [lit[middle & (which == way)].mean() if (middle & (which == way)).any() else 0.0 for way in ways]
    bright = ways[np.array(shares) > 0.5]
    return Fan(tip, float(bright[0]) - 0.5, float(bright[-1]) + 0.5) if len(bright) else None


def profile_numbers(frame: Frame, edge: Outline) -> dict[str, float]:
    """Mean grey at each of REACH across the outline, at each of PLACES."""
    values = profiles(frame, edge)
    return {
        profile_name(place, reach): float(values[n, k])
        for n, place in enumerate(PLACES)
        for k, reach in enumerate(REACH)
        if np.isfinite(values[n, k])
    }


def profile_name(place: str, reach: int) -> str:
    """What the grey at a place, so many pixels outside the outline, is called."""
    return f"{place} {reach:+d} px"


def grey_levels(frame: Frame, mask: Mask, where: Fan) -> dict[str, float]:
    """QUANTILES of the grey levels of cavity, wall and what lies outside."""
    told = {}
    for name, region in regions(mask, where).items():
        if region.sum() >= SMALLEST:
            for percent, value in zip(QUANTILES, np.percentile(frame[region], QUANTILES), strict=True):
                told[f"{name}, {percent} %"] = float(value)
    return told


def regions(mask: Mask, where: Fan) -> dict[str, Mask]:
    """The pixels of cavity, wall (beside the ventricle, neither at its apex nor at its base) and what lies outside."""
    beyond = -signed_distance(mask)
    points = np.argwhere(np.ones_like(mask))[:, ::-1].astype(np.float64)
    along, _ = along_and_across(points, mask, long_axis(mask))
    first, last = along[mask.ravel()].min(), along[mask.ravel()].max()
    share = ((along - first) / (last - first)).reshape(mask.shape)
    beside = (share > SIDES[0]) & (share < SIDES[1])
    return {
        "cavity": beyond < -CAVITY,
        "wall": beside & (beyond > WALL[0]) & (beyond < WALL[1]),
        "outside": where.inside(*mask.shape) & (beyond > OUTSIDE),
    }


def texture(frame: Frame, mask: Mask, where: Fan) -> dict[str, float]:
    """Contrast of the tissue's texture, and pixels along and across the beam over which it stays alike.

    Texture is what a frame holds beyond its smoothed self, over that; a correlation length is where its correlation
    with itself falls to a half.
    """
    grey = frame.astype(np.float64)
    smooth = ndimage.gaussian_filter(grey, SMOOTH)
    rest = (grey - smooth) / (smooth + 5)
    looked = (smooth > BRIGHT) & ~mask & where.inside(*mask.shape)
    if looked.sum() < GRAIN:
        return {}
    spots = np.argwhere(looked)[:, ::-1].astype(np.float64)
    beam = spots - where.tip
    beam /= np.maximum(np.linalg.norm(beam, axis=1, keepdims=True), 1e-9)
    told = {"contrast": float(rest[looked].std())}
    for name, way in (("along the beam, px", beam), ("across the beam, px", np.stack([beam[:, 1], -beam[:, 0]], -1))):
        told[name] = half_width(correlations(rest, spots, way))
    return told


def correlations(image: Array, spots: Array, way: Array) -> Array:
    """(lag,) correlation of an image at `spots` (spot, 2) with itself LAGS pixels further along unit vectors `way`."""
    here = values_at(image, spots)
    there = [values_at(image, spots + lag * way) for lag in LAGS]
    return np.array([np.corrcoef(here, values)[0, 1] for values in there])


def half_width(correlation: Array) -> float:
    """Where a correlation (lag,) that begins at 1 first falls to a half; the last of LAGS where it never does."""
    below = np.flatnonzero(correlation < 0.5)
    if not len(below):
        return float(LAGS[-1])
    after = below[0]
    high, low = correlation[after - 1], correlation[after]
    return float(LAGS[after] - (0.5 - low) / (high - low))
