"""Whether an image and the ventricle found in it look as an apical four-chamber view does in patients.

A frame and its mask are described by a few traits: where the mask lies in the sector, its shape, how dark it is and how
bright what surrounds it on its four sides. `view.json` holds their means, deviations and correlations over patients of
EchoNet-Dynamic and of CAMUS, and nothing else of them. The distance is Mahalanobis': how many deviations off, all
traits together, from the nearer of the two groups. No weight was taught: what no patient looks like is far.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echodfkd import resize
from echodfkd.clip import WORKING_SIZE
from echodfkd.measure.ejection import long_axis
from echodfkd.measure.sector import fan
from echodfkd.measure.shape import Mask, Spacing, largest_component, solidity

Values = NDArray[np.float64]
Frame = NDArray[np.uint8]

LEAST = 30
"""Pixels of the working size below which a mask is no ventricle to describe."""
LOOKED = 9
"""Frames of a clip, evenly spread, that are described."""

WORDS: dict[str, tuple[str, str]] = {
    "size": ("very small in its sector", "very large in its sector"),
    "lean": ("leaning far to the right", "leaning far to the left"),
    "length": ("rounder than from the apex", "longer and narrower than from the apex"),
    "convexity": ("dented", "without any corner"),
    "taper": ("pointed at the wrong end", "not pointed towards the probe"),
    "across": ("too far to the left in the sector", "too far to the right in the sector"),
    "depth": ("too near to the probe", "too deep in the sector"),
    "right_wall": ("without a wall to its right", "its right wall unusually bright"),
    "left_wall": ("without a wall to its left", "its left wall unusually bright"),
    "apex": ("without a wall at its apex", "unusually bright above"),
    "base": ("darker below than inside", "closed below by something bright"),
    "brightness": ("unusually dark", "filled, not dark as blood"),
    "unevenness": ("unusually smooth inside", "uneven inside"),
    "wavering": ("its outline unusually sharp", "its outline uncertain"),
    "doubt": ("unusually sure", "its inside uncertain"),
}
"""Each trait's name, and what it is to be below and above the patients' mean."""
OF_MODEL = ("wavering", "doubt")
"""Traits of a model's probabilities: anybody's masks do without."""


@dataclass(frozen=True)
class Group:
    """Mean and deviation (trait,) and correlation (trait, trait) of the traits over one group of patients."""

    mean: Values
    deviation: Values
    correlation: Values

    def distance(self, traits: Values, known: Sequence[int]) -> tuple[float, int]:
        """Mahalanobis' distance by the traits that are `known`, and the one without which it would fall furthest."""
        off = ((traits - self.mean) / self.deviation)[known]
        weights = self._inverse(tuple(known))
        pull = weights @ off
        return float(np.sqrt(off @ pull)), known[int(np.argmax(pull**2 / np.diag(weights)))]

    def _inverse(self, known: tuple[int, ...]) -> Values:
        return np.linalg.inv(self.correlation[np.ix_(known, known)])


@dataclass(frozen=True)
class Statistics:
    """What is known of patients' traits, and the distances beyond which a clip is odd and is refused."""

    names: tuple[str, ...]
    groups: Mapping[str, Group]
    limits: Mapping[str, tuple[float, float]]
    """Odd and refused, `with_model` and by `masks_alone`."""

    @cached_property
    def alone(self) -> tuple[int, ...]:
        """The traits that masks and image have, whoever made the masks."""
        return tuple(number for number, name in enumerate(self.names) if name not in OF_MODEL)


@lru_cache
def statistics() -> Statistics:
    """What lies in `view.json`, read once."""
    told = json.loads(files("echodfkd.measure").joinpath("view.json").read_text(encoding="utf-8"))
    groups = {
        name: Group(np.array(one["mean"]), np.array(one["deviation"]), _whole(one["correlation"]))
        for name, one in told["groups"].items()
    }
    return Statistics(tuple(told["traits"]), groups, {name: tuple(two) for name, two in told["limits"].items()})


@dataclass(frozen=True)
class View:
    """How far a clip's frames and masks lie from patients': the median over the frames looked at."""

    distance: float
    """In deviations; infinite where no frame looked at has a mask to describe."""
    limits: tuple[float, float]
    """The distance from which it is odd, and from which it is refused."""
    words: str
    """What is most unlike a patient's ventricle."""

    @property
    def refused(self) -> bool:
        """Whether this cannot pass for an apical four-chamber view."""
        return self.distance > self.limits[1]

    @property
    def odd(self) -> bool:
        """Whether it is unusual for one."""
        return self.distance > self.limits[0]


def view(described: Sequence[Values], known: Statistics | None = None) -> View:
    """The view that frames show by what `describe` says of each; at least one. `known`: those of `view.json`."""
    known = known or statistics()
    with_model = not any(np.isnan(one).any() and not np.isnan(one).all() for one in described)
    limits = known.limits["with_model" if with_model else "masks_alone"]
    numbers = range(len(known.names)) if with_model else known.alone
    found = []
    for traits in described:
        if np.isnan(traits[0]):
            found.append((float("inf"), "nowhere to be seen"))
            continue
        (distance, worst), group = min(
            ((group.distance(traits, list(numbers)), group) for group in known.groups.values()),
            key=lambda one: one[0][0],
        )
        above = int(traits[worst] > group.mean[worst])
        found.append((distance, WORDS[known.names[worst]][above]))
    middle = sorted(found, key=lambda one: one[0])[len(found) // 2]
    return View(middle[0], limits, middle[1])


def describe(
    frame: Frame, mask: Mask, probabilities: NDArray[np.float32] | None = None, spacing: Spacing = None
) -> Values:
    """The traits (trait,) of one frame (height, width) uint8 and its mask, in the order of WORDS; NaN what is unknown.

    `probabilities` (height, width) are those that a model gave the ventricle. All NaN where there is no mask.
    """
    grey, inside, sure = _fitted(frame, mask, probabilities, spacing)
    values = np.full(len(WORDS), np.nan)
    inside = largest_component(inside)
    if inside.sum() < LEAST:
        return values
    axis = long_axis(inside)
    down = axis.direction if axis.direction[0] > 0 else -axis.direction
    points = np.argwhere(inside) - axis.centre
    along, across = points @ down, points @ (-down[1], down[0])
    sector = fan(grey[None])
    rows, columns = (np.flatnonzero(sector.any(axis=side)) for side in (1, 0))
    if not len(rows):
        return values
    edge = max(float(np.percentile(grey[sector], 95)), 20.0)
    level = np.log2(1 + grey.astype(np.float64)) / np.log2(1 + edge)
    core = ndimage.binary_erosion(inside, iterations=2)
    core = core if core.any() else inside
    values[:7] = (
        np.log(inside.sum() / sector.sum()),
        np.arctan2(down[1], down[0]),
        np.log(axis.elongation),
        solidity(inside),
        np.log(_breadth(along, across, slice(0, 2)) / _breadth(along, across, slice(4, 6))),
        (axis.centre[1] - columns[0]) / (columns[-1] + 1 - columns[0]),
        (axis.centre[0] - rows[0]) / (rows[-1] + 1 - rows[0]),
    )
    values[7:11] = _surroundings(level, inside, axis.centre, down, np.ptp(along) / 2, np.ptp(across) / 2)
    values[7:11] -= level[core].mean()
    values[11:13] = level[core].mean(), level[core].std()
    if sure is not None:
        around = inside & ~ndimage.binary_erosion(inside)
        values[13:] = (sure * (1 - sure)).sum() / around.sum(), np.log(1.02 - sure[inside].mean())
    return values


def _fitted(
    frame: Frame, mask: Mask, probabilities: NDArray[np.float32] | None, spacing: Spacing
) -> tuple[Frame, Mask, Values | None]:
    """All at the working size, square."""
    size = WORKING_SIZE
    grey = resize.fit(frame, size, spacing)
    inside = resize.fit(mask.astype(np.uint8) * 255, size, spacing) >= 128
    if probabilities is None:
        return grey, inside, None
    sure = resize.fit((255 * probabilities + 0.5).astype(np.uint8), size, spacing) / 255.0
    return grey, inside, sure


def _breadth(along: Values, across: Values, sixths: slice) -> float:
    """Sum of the breadths of those sixths of the length, counted from the probe, in pixels; at least 1."""
    place = np.minimum((6 * (along - along.min()) / (np.ptp(along) + 1e-9)).astype(int), 5)
    parts = [across[place == number] for number in range(*sixths.indices(6))]
    return 1 + sum(float(np.ptp(part)) for part in parts if len(part))


def _surroundings(level: Values, inside: Mask, centre: Values, down: Values, half_length: float, half: float) -> Values:
    """Mean level (4,) of what lies 2 to 6 pixels around the mask: to its right, its left, above and below."""
    ring = ndimage.binary_dilation(inside, iterations=6) & ~ndimage.binary_dilation(inside)
    points = np.argwhere(ring) - centre
    along = points @ down / (half_length + 0.5)
    across = points @ (-down[1], down[0]) / (half + 1)
    levels, beside = level[ring], np.abs(along) < 0.7
    inner = level[inside].mean()
    sides = (beside & (across > 0), beside & (across < 0), along < -0.8, along > 0.8)
    return np.array([levels[side].mean() if side.any() else inner for side in sides])


def _whole(rows: Sequence[Sequence[float]]) -> Values:
    """The symmetrical matrix of its lower triangle."""
    lower = np.zeros((len(rows), len(rows)))
    for number, row in enumerate(rows):
        lower[number, : len(row)] = row
    return lower + lower.T - np.diag(np.diag(lower))
