"""The generator's family of ventricles, fitted to masks: every tracing as a handful of numbers, and their statistics.

The family is that of `synthetic.ventricle.sides`: along its axis from the apex (s = 0) to its end of the annulus
(s = 1) a side's distance from the axis is sqrt(s) times a polynomial of s in Bernstein's form, whose last coefficient
is half the annulus. Given the two corners, apex and axis follow, and least squares gives the coefficients; the corners
are those with which the fit covers the mask best.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from outline import Mask, Points, along_and_across, contour, long_axis, resampled, sideways
from skimage.draw import polygon

from echodfkd.measure.overlap import dice
from echodfkd.synthetic.ventricle import DEGREE, bernstein

Array = NDArray[np.float64]

CONTOUR = 240
"""Points of a contour that a fit follows."""
SLANTS = (0.5, 0.8, 1.2, 1.8)
"""Corners tried first: the points that lie farthest along the axis, so many pixels counted for each one sideways."""
STEPS = (6, 3, 2, 1, 1)
"""Points of the contour by which corners are moved, in turn."""
GAIN = 1e-4
"""Dice that another pair of corners must gain."""
RIDGE = 2e-3
"""Pull of the coefficients towards half the annulus: a box. What few points lie on stays tame."""
CORNER = 0.995
"""Share of a side from which on its points belong to the corner, which digitised masks round off."""
NARROWEST = 0.02
"""Least half of an annulus, share of the length."""
WELL = 0.94
"""Dice from which a fit says what the tracing says."""
WHOLE = 0.85
"""Solidity from which a tracing enters the statistics: stricter than what is measured against."""
DIALS = ("base_x", "base_y", "length_share", "axis", "base_tilt", "base_width")
"""What the generator calls the first numbers of a ventricle; then come the coefficients of both sides."""


ALONG = 1 - np.cos(np.linspace(0, 0.7 * np.pi, 60))
ALONG /= ALONG[-1]
"""(place,) shares of the axis at which an outline is drawn, densest at the apex."""
TERMS = np.sqrt(ALONG)[:, None] * bernstein(ALONG)
"""(place, DEGREE + 1) what each coefficient of a side adds to its distance from the axis there."""


@dataclass(frozen=True)
class Ventricle:
    """One member of the family in an image. Points are (x, y) in pixels, other lengths shares of the ventricle's."""

    apex: Points
    base: Points
    """Middle of the annulus."""
    tilt: float
    """By how much the septal end of the annulus is nearer to the apex than its middle."""
    half: float
    """Half the annulus."""
    septal: Array
    """(DEGREE,) coefficients of the septal side from the apex on, without the last, which is `half`."""
    lateral: Array

    @property
    def length(self) -> float:
        """Pixels from apex to the middle of the annulus."""
        return float(np.linalg.norm(self.base - self.apex))

    @property
    def axes(self) -> tuple[Points, Points]:
        """Unit vectors from the apex to the base, and across to the lateral side."""
        along = (self.base - self.apex) / self.length
        return along, sideways(along)

    @property
    def lean(self) -> float:
        """Degrees by which the apex leans to the image's left."""
        x, y = self.base - self.apex
        return float(np.degrees(np.arctan2(x, y)))

    @property
    def ends(self) -> tuple[Points, Points]:
        """Septal and lateral end of the annulus."""
        step = self.tilt * self.axes[0] + self.half * self.axes[1]
        return self.base - self.length * step, self.base + self.length * step

    def across(self) -> tuple[Array, Array]:
        """(place,) distance of the septal and of the lateral side from the axis at ALONG, shares of the length."""
        septal, lateral = (TERMS @ np.append(side, self.half) for side in (self.septal, self.lateral))
        return septal, lateral

    def outline(self) -> Points:
        """The closed line from the septal end by the apex to the lateral one, in pixels."""
        septal, lateral = self.across()
        u = np.concatenate([ALONG[::-1] * (1 - self.tilt), ALONG * (1 + self.tilt)])
        v = np.concatenate([-septal[::-1], lateral])
        along, across = self.axes
        return self.apex + self.length * (u[:, None] * along + v[:, None] * across)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels inside."""
        x, y = self.outline().T
        inside = np.zeros((height, width), np.bool_)
        inside[polygon(y, x, inside.shape)] = True
        return inside

    def numbers(self, side: int) -> Array:
        """The numbers that the generator draws, in the order of DIALS, for an image of so many pixels a side."""
        x, y = (self.base + 0.5) / side
        placed = [x, y, np.log(self.length / side), self.lean, self.tilt, self.half]
        return np.concatenate([placed, self.septal, self.lateral])


@dataclass(frozen=True)
class Fit:
    """The member of the family nearest to a mask, and its Dice with it."""

    ventricle: Ventricle
    dice: float
    corners: tuple[int, int]
    """Points of the contour at which the septal and the lateral side end."""


def fitted(mask: Mask) -> Fit | None:
    """The fit to a mask (height, width) of an apical view; None where no member of the family comes near."""
    line = resampled(contour(mask), CONTOUR)
    best: Fit | None = None
    for corners in _first_corners(mask, line):
        best = _better(best, _fit(mask, line, corners), 0.0)
    for step in STEPS if best else ():
        assert best is not None
        for corners in _near(best.corners, step):
            best = _better(best, _fit(mask, line, corners), GAIN)
    return best


def _first_corners(mask: Mask, line: Points) -> Iterator[tuple[int, int]]:
    """Where the two corners may lie."""
    along, across = along_and_across(line, mask, long_axis(mask))
    for slant in SLANTS:
        yield int(np.argmax(along - slant * across)), int(np.argmax(along + slant * across))


def _near(corners: tuple[int, int], step: int) -> Iterator[tuple[int, int]]:
    """Both corners `step` points of the contour away or where they are, in all eight ways that move one."""
    for first in (-step, 0, step):
        for second in (-step, 0, step):
            if first or second:
                yield (corners[0] + first) % CONTOUR, (corners[1] + second) % CONTOUR


def _better(best: Fit | None, found: Fit | None, gain: float) -> Fit | None:
    """`found` where its Dice is higher by more than `gain`."""
    if best is None or (found is not None and found.dice > best.dice + gain):
        return found
    return best


def _fit(mask: Mask, line: Points, corners: tuple[int, int]) -> Fit | None:
    """The fit with these corners; None where they leave a side nothing to follow."""
    ventricle = _least_squares(line, corners)
    if ventricle is None:
        return None
    return Fit(ventricle, float(dice(ventricle.mask(*mask.shape), mask)), corners)


def _least_squares(line: Points, corners: tuple[int, int]) -> Ventricle | None:
    """The ventricle whose annulus ends at two points of a contour and whose sides follow it."""
    septal, lateral = corners
    base = (line[septal] + line[lateral]) / 2
    tip = int(np.argmax(np.linalg.norm(line - base, axis=1)))
    axis = base - line[tip]
    u, v = ((line - line[tip]) @ way / (axis @ axis) for way in (axis, sideways(axis)))
    half, tilt = float(v[lateral]), float(u[lateral]) - 1
    sides = []
    for end, other, sign in ((septal, lateral, -1), (lateral, septal, 1)):
        here = _way(tip, end, other)
        side = _side(np.clip(u[here] / (1 + sign * tilt), 0, 1), sign * v[here], half)
        if side is None or half <= NARROWEST:
            return None
        sides.append(side)
    return Ventricle(line[tip], base, tilt, half, *sides)


def _way(start: int, end: int, other: int) -> NDArray[np.intp]:
    """Points of the contour from `start` to `end`, by the way that does not meet `other` if one of them does not."""
    forth, back = (end - start) % CONTOUR, (start - end) % CONTOUR
    if (other - start) % CONTOUR > forth:
        return (start + np.arange(forth + 1)) % CONTOUR
    return (start - np.arange(back + 1)) % CONTOUR


def _side(s: Array, distance: Array, half: float) -> Array | None:
    """(DEGREE,) coefficients of a side whose points lie so far from the axis; None of too few points."""
    free = s < CORNER
    if free.sum() < 2 * DEGREE:
        return None
    terms = np.sqrt(s[free])[:, None] * bernstein(s[free])
    wanted = distance[free] - half * terms[:, DEGREE]
    terms = terms[:, :DEGREE]
    normal = terms.T @ terms + RIDGE * np.eye(DEGREE)
    return np.asarray(np.linalg.solve(normal, terms.T @ wanted + RIDGE * half), np.float64)


def disc_ejection(numbers: Array) -> Array:
    """(patient,) ejection fraction in percent by discs across the axis, of `numbers` (patient, phase, number)."""
    chords = (numbers[..., 6 : 6 + DEGREE] + numbers[..., 6 + DEGREE :]) @ TERMS[:, :DEGREE].T
    chords = chords + 2 * numbers[..., 5, None] * TERMS[:, DEGREE]
    volumes = np.exp(3 * numbers[..., 2]) * np.trapezoid(chords**2, ALONG, axis=-1)
    return 100 * (1 - volumes[:, 1] / volumes[:, 0])


def number_names() -> list[str]:
    """What the generator calls the numbers of a ventricle at ED, then at ES, as its population has them."""
    sides = [f"{side}.{k}" for side in ("septal", "lateral") for k in range(DEGREE)]
    names = [*DIALS, *sides]
    late = [".".join([f"{dial}_es", *place]) for dial, *place in (name.split(".") for name in names)]
    return [*names, *late]


def population(numbers: Array, source: str) -> dict[str, Any]:
    """Mean, deviation and correlation of `numbers` (patient, phase, number), as `synthetic.population` reads them."""
    rows = np.column_stack([disc_ejection(numbers), numbers.reshape(len(numbers), -1)])
    together = np.corrcoef(rows.T)
    return {
        "source": source,
        "patients": len(rows),
        "numbers": ["ejection_fraction", *number_names()],
        "mean": [float(f"{value:.5g}") for value in rows.mean(axis=0)],
        "deviation": [float(f"{value:.4g}") for value in rows.std(axis=0)],
        "correlation": [[round(float(value), 3) for value in row[: n + 1]] for n, row in enumerate(together)],
    }


def population_text(statistics: dict[str, Any]) -> str:
    """The statistics as JSON, a row of the correlation on each line."""
    return json.dumps(statistics, separators=(", ", ": ")).replace("], [", "],\n  [")
