"""Whether an image and the ventricle found in it look as an apical four-chamber view does in patients.

A frame and its mask are described by a few traits: where the mask lies in the sector, its shape, how dark it is and how
bright what surrounds it on its four sides. `view.json` holds their means, deviations and correlations over patients of
EchoNet-Dynamic and of CAMUS, and nothing else of them. The distance is Mahalanobis': how many deviations off, all
traits together, from the nearer of the two groups. No weight was taught for it: what no patient looks like is far. A
model adds what its memory holds (`student/familiar.py`): how far from drawn hearts, and the odds of other views.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from math import hypot

import numpy as np
from numpy.typing import NDArray

from echodfkd import resize
from echodfkd.clip import WORKING_SIZE, Part, evenly_spread
from echodfkd.lapses import is_blank
from echodfkd.measure.ejection import long_axis
from echodfkd.measure.sector import fan
from echodfkd.measure.shape import Mask, MaskClip, Spacing, largest_component, solidity
from echodfkd.student.student import Student

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
}
"""Each trait's name, and what it is to be below and above the patients' mean."""
STRANGE = "unlike the hearts that the model was taught on"
LIKE = {
    "mirrored": "seen left for right",
    "two-chamber": "without a right heart beside it, as in a two-chamber view",
    "three-chamber": "as in a three-chamber view",
    "short axis": "as in a short-axis view",
}
"""What a ventricle is where the model takes its frame for another view, by that view's name in the card."""
OTHER = "as in another view"
WEIGHT = 2.0
"""Deviations that a frame counts for every time that it is as strange to the model as drawn hearts are. By choice."""
ODDS, MARGIN = 0.8, 2.0
"""Deviations that a frame counts for every unit by which the logarithm of its odds to show another view lies above
-MARGIN. By choice."""


@dataclass(frozen=True)
class Look:
    """The model's part: how strange a frame (height, width) is to it, with the odds of each of `views`, as
    `Student.strangeness` has it, and the limits of the distance with that.
    """

    strange: Callable[[Frame], Values]
    limits: tuple[float, float]
    views: tuple[str, ...] = ()


def look_of(student: Student, spacing: Spacing = None, part: Part | None = None) -> Look | None:
    """The part of a student whose card knows drawn hearts; None of another. `spacing` and `part`: see `view_of`."""
    known = student.familiar
    if known is None:
        return None

    def strange(frame: Frame) -> Values:
        found = student.strangeness(frame, spacing, part)
        return np.zeros(0) if found is None else found  # a student without a memory

    return Look(strange, (known.odd, known.refused), known.views)


@dataclass(frozen=True)
class Group:
    """Mean and deviation (trait,) and correlation (trait, trait) of the traits over one group of patients."""

    mean: Values
    deviation: Values
    correlation: Values

    def distance(self, traits: Values) -> tuple[float, int]:
        """Mahalanobis' distance, and the number of the trait without which it would fall furthest."""
        off = (traits - self.mean) / self.deviation
        pull = self._inverse @ off
        return float(np.sqrt(off @ pull)), int(np.argmax(pull**2 / np.diag(self._inverse)))

    @cached_property
    def _inverse(self) -> Values:
        return np.asarray(np.linalg.inv(self.correlation), np.float64)


@dataclass(frozen=True)
class Statistics:
    """What is known of patients' traits, and the distances from which a clip is odd and is refused."""

    groups: Mapping[str, Group]
    limits: tuple[float, float]


@lru_cache
def statistics() -> Statistics:
    """What lies in `view.json`, read once."""
    found = json.loads(files("echodfkd.measure").joinpath("view.json").read_text(encoding="utf-8"))
    groups = {
        name: Group(np.array(one["mean"]), np.array(one["deviation"]), _whole(one["correlation"]))
        for name, one in found["groups"].items()
    }
    return Statistics(groups, tuple(found["limits"]))


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


def view_of(
    frames: Iterable[Frame],
    masks: MaskClip,
    spacing: Spacing = None,
    part: Part | None = None,
    look: Look | None = None,
) -> View:
    """The view that a clip's grey frames (height, width) uint8 show with its LV's masks (time, height, width).

    `part` is the rows and columns that show the body, all without one; `look` is the model's part, where it has one.
    Frames that show nothing have no say, unless there are no others.
    """
    looked = set(evenly_spread(len(masks), LOOKED).tolist())
    told = [
        (is_blank(frame[part or ...]), described(frame, masks[n], spacing, part, look))
        for n, frame in enumerate(frames)
        if n in looked
    ]
    return view([one for blank, one in told if not blank] or [one for _, one in told], look)


def described(
    frame: Frame, mask: Mask, spacing: Spacing = None, part: Part | None = None, look: Look | None = None
) -> Values:
    """What `describe` says of the `part` of a frame that shows the body, and how strange the frame is to a `look`."""
    seen = part or (slice(None), slice(None))
    traits = describe(frame[seen], mask[seen], spacing)
    return traits if look is None or np.isnan(traits).any() else np.concatenate([traits, look.strange(frame)])


def view(described: Sequence[Values], look: Look | None = None, known: Statistics | None = None) -> View:
    """The view that frames show by what `described` says of each; at least one. `known`: those of `view.json`."""
    known = known or statistics()
    known = known if look is None else replace(known, limits=look.limits)
    views = () if look is None else look.views
    found = sorted((_nearest(traits, known, views) for traits in described), key=lambda one: one[0])
    usual = Counter(words for _, words in found).most_common(1)[0][0]  # the middle frame alone may be told by a hair
    return View(found[len(found) // 2][0], known.limits, usual)


def _nearest(traits: Values, known: Statistics, views: Sequence[str]) -> tuple[float, str]:
    """The distance from the nearer group, and what is most unlike it."""
    if np.isnan(traits).any():
        return float("inf"), "nowhere to be seen"
    traits, (strange, *odds) = traits[: len(WORDS)], traits[len(WORDS) :].tolist() or [0.0]
    (distance, worst), group = min(
        ((group.distance(traits), group) for group in known.groups.values()), key=lambda one: one[0][0]
    )
    parts = [(distance, tuple(WORDS.values())[worst][int(traits[worst] > group.mean[worst])])]
    parts.append((WEIGHT * strange, STRANGE))
    if odds:
        above = max(float(np.logaddexp.reduce(odds)) + MARGIN, 0.0)
        parts.append((ODDS * above, LIKE.get(views[int(np.argmax(odds))], OTHER)))
    return hypot(*(part for part, _ in parts)), max(parts, key=lambda one: one[0])[1]


def describe(frame: Frame, mask: Mask, spacing: Spacing = None) -> Values:
    """The traits (trait,) of a frame (height, width) uint8 and its mask, in WORDS' order; NaN without a mask."""
    grey = resize.fit(frame, WORKING_SIZE, spacing)
    inside = largest_component(resize.fit(mask.astype(np.uint8) * 255, WORKING_SIZE, spacing) >= 128)
    sector = fan(grey[None], parted=True)
    values = np.full(len(WORDS), np.nan)
    if inside.sum() < LEAST or not sector.any():
        return values
    axis = long_axis(inside)
    down = axis.direction if axis.direction[0] > 0 else -axis.direction
    points = np.argwhere(inside) - axis.centre
    along, across = points @ down, points @ (-down[1], down[0])
    rows, columns = (np.flatnonzero(sector.any(axis=side)) for side in (1, 0))
    edge = max(float(np.percentile(grey[sector], 95)), 20.0)
    level = np.log2(1 + grey.astype(np.float64)) / np.log2(1 + edge)
    core = ~_grown(~inside, 2)
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
    return values


def _grown(mask: Mask, steps: int) -> Mask:
    """The mask and all that lies within so many steps to a side of it."""
    grown = mask.copy()
    for _ in range(steps):
        wider = grown.copy()
        wider[1:] |= grown[:-1]
        wider[:-1] |= grown[1:]
        wider[:, 1:] |= grown[:, :-1]
        wider[:, :-1] |= grown[:, 1:]
        grown = wider
    return grown


def _breadth(along: Values, across: Values, sixths: slice) -> float:
    """Sum of the breadths of those sixths of the length, counted from the probe, in pixels; at least 1."""
    place = np.minimum((6 * (along - along.min()) / (np.ptp(along) + 1e-9)).astype(int), 5)
    parts = [across[place == number] for number in range(*sixths.indices(6))]
    return 1 + sum(float(np.ptp(part)) for part in parts if len(part))


def _surroundings(level: Values, inside: Mask, centre: Values, down: Values, half_length: float, half: float) -> Values:
    """Mean level (4,) of what lies 2 to 6 pixels around the mask: to its right, its left, above and below."""
    ring = _grown(inside, 6) & ~_grown(inside, 1)
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
