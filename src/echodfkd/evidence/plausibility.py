"""Whether masks look like a beating left ventricle in its place: traits of a clip, each in [0, 1], and all of them.

The limits are anatomy's and the view's, by choice and wide: true masks of simulated hearts keep within nearly all.
Grey levels are not looked at (but to find the fan): an egg of the right size in the right place is plausible,
whatever lies under it.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echodfkd.clip import evenly_spread
from echodfkd.errors import InputError
from echodfkd.measure.beats import ASSUMED_FPS, BeatDetector, check_rate, smoothed
from echodfkd.measure.ejection import long_axis
from echodfkd.measure.sector import Sector, whole_image
from echodfkd.measure.shape import Mask, MaskClip, area_curve, centroid, check_masks, component_areas, solidity

SHAPES = 25
"""Frames, evenly spread, on which shape and place are looked at."""

Range = tuple[float, float, float, float]
"""Where a trait's score leaves 0, reaches 1, leaves 1 and is back at 0; straight in between."""

OPEN = float("inf")


@dataclass(frozen=True)
class Traits:
    """The limits of each trait. Every value by choice: healthy and sick hearts in an apical view score 1."""

    area: Range = (0.01, 0.04, 0.25, 0.45)
    """Share of the image. A ventricle takes 5 to 20 % of a frame of EchoNet's kind."""
    convex: Range = (0.7, 0.95, OPEN, OPEN)
    """Share of its convex hull: an egg with its blunt end cut off fills nearly all of it."""
    whole: Range = (0.5, 0.98, OPEN, OPEN)
    """Share of the mask that is its largest piece."""
    filled: Range = (0.8, 0.99, OPEN, OPEN)
    """Share of the mask with its holes filled that it holds itself."""
    long: Range = (1.0, 1.1, 3.0, 4.0)
    """Ratio of the spreads along and across the long axis: from a dilated ventricle to a slender one at systole."""
    upright: Range = (-OPEN, -OPEN, 30.0, 60.0)
    """Degrees between the long axis and the line to the fan's apex; the rounder the mask, the less it counts."""
    aside: Range = (-OPEN, -OPEN, 20.0, 40.0)
    """Degrees between the fan's axis and the line from its apex to the middle of the mask."""
    deep: Range = (0.15, 0.25, 0.75, 0.9)
    """Distance of the mask's middle from the fan's apex over the fan's depth."""
    steady: Range = (-OPEN, -OPEN, 0.05, 0.15)
    """Way of the mask's middle in a frame at ASSUMED_FPS over its diameter, 95th percentile: as `verdict.Limits`."""
    beats: Range = (0.0, 0.08, 0.65, 0.9)
    """Range of the smoothed area over its largest value: from a failing heart (EF 15 %) to a vigorous one."""

    def __post_init__(self) -> None:
        for trait in fields(self):
            low, full, still, high = getattr(self, trait.name)
            if not low <= full <= still <= high:
                raise InputError(f"Limits of a trait must rise, got {trait.name} = {low, full, still, high}.")


def plausibility(
    masks: MaskClip, fps: float | None, fan: Sector | None = None, traits: Traits | None = None
) -> dict[str, float]:
    """Each trait of a clip (time, height, width) bool as `plausibility.<trait>`, and `plausibility`: their product.

    Traits multiply: a mask that cannot be in one way is not made good by the others. Those of shape and place are means
    over SHAPES frames, on which an empty mask scores 0. `fan` is the image's sector (`sector.sector`); without one it
    is taken to fill the image. A still has neither beat nor way, and scores 1 in both.
    """
    check_masks(masks)
    fan, traits = fan or whole_image(*masks.shape[1:]), traits or Traits()
    looked = evenly_spread(len(masks), SHAPES)
    shapes = [shape_scores(masks[frame], fan, traits) for frame in looked]
    found = {name: float(np.mean([shape[name] for shape in shapes])) for name in shapes[0]}
    found |= motion_scores(masks, fps, traits)
    whole = {"plausibility": float(np.prod(list(found.values())))}
    return whole | {f"plausibility.{name}": score for name, score in found.items()}


def shape_scores(mask: Mask, fan: Sector, traits: Traits) -> dict[str, float]:
    """The traits of one frame's shape and place, all 0 where it is empty."""
    names = ("area", "convex", "whole", "filled", "long", "upright", "aside", "deep")
    if not mask.any():
        return dict.fromkeys(names, 0.0)
    pieces, axis = component_areas(mask), long_axis(mask)
    (row, column), (top, middle) = centroid(mask), fan.apex
    way = np.array([row - top, column - middle])
    distance = float(np.hypot(*way))
    cosine = abs(float(axis.direction @ way)) / max(distance, 1e-9)
    values = {
        "area": mask.mean(),
        "convex": solidity(mask),
        "whole": pieces[0] / pieces.sum(),
        "filled": mask.sum() / ndimage.binary_fill_holes(mask).sum(),
        "long": axis.elongation,
        "upright": np.degrees(np.arccos(min(1.0, cosine))),
        "aside": np.degrees(np.arctan2(abs(way[1]), way[0])),
        "deep": distance / fan.depth,
    }
    scores = {name: within(float(value), getattr(traits, name)) for name, value in values.items()}
    # The long axis of a round mask points anywhere: what it says counts in full from `long`'s fullness on.
    sure = within(axis.elongation, (*traits.long[:2], OPEN, OPEN))
    return scores | {"upright": 1 - sure * (1 - scores["upright"])}


def motion_scores(masks: MaskClip, fps: float | None, traits: Traits) -> dict[str, float]:
    """The traits of a clip's motion: whether its middle is steady, and whether its area beats."""
    if len(masks) < 2:
        return {"steady": 1.0, "beats": 1.0}
    area = area_curve(masks).astype(np.float64)
    if not area.any():
        return {"steady": 0.0, "beats": 0.0}
    rate = check_rate(fps)
    low, high = np.percentile(smoothed(area, rate, BeatDetector().smoothing_s), [5, 95])
    return {
        "steady": within(_way(masks, float(np.median(area)), rate), traits.steady),
        "beats": within(float((high - low) / max(high, 1e-9)), traits.beats),
    }


def within(value: float, limits: Range) -> float:
    """1 inside the middle limits, 0 outside the outer ones, straight in between."""
    low, full, still, high = limits
    if full <= value <= still:
        return 1.0
    if not low < value < high:
        return 0.0
    return (value - low) / (full - low) if value < full else (high - value) / (high - still)


def _way(masks: MaskClip, area: float, rate: float) -> float:
    """95th percentile of the middle's way from frame to frame over a diameter; slower clips may go further."""
    middles = np.array([centroid(mask) for mask in masks])
    ways: NDArray[np.float64] = np.hypot(*np.diff(middles, axis=0).T)
    ways = ways[np.isfinite(ways)]  # to and from an empty mask there is no way
    diameter = np.sqrt(4 * max(area, 1.0) / np.pi)
    return float(np.percentile(ways, 95) / diameter / max(1.0, ASSUMED_FPS / rate)) if len(ways) else OPEN
