"""Whether masks look like a beating left ventricle in its place: traits of a clip, each in [0, 1], and all of them.

The limits are anatomy's and the view's, by choice and wide: true masks of simulated hearts keep within nearly all.
Grey levels are not looked at (but to find the fan): an egg of the right size in the right place is plausible,
whatever lies under it.
"""

import numpy as np
from scipy import ndimage

from echodfkd.clip import evenly_spread
from echodfkd.measure.ejection import long_axis
from echodfkd.measure.sector import Sector, whole_image
from echodfkd.measure.traits import Traits

SHAPES = 25
"""Frames, evenly spread, on which shape and place are looked at."""

Range = tuple[float, float, float, float]
"""Where a trait's score leaves 0, reaches 1, leaves 1 and is back at 0; straight in between."""

OPEN = float("inf")


RANGES: dict[str, Range] = {
    "area": (0.01, 0.04, 0.25, 0.45),  # share of the image: 5 to 20 % of a frame of EchoNet's kind
    "convex": (0.7, 0.95, OPEN, OPEN),  # share of its convex hull: an egg with its blunt end cut off fills nearly all
    "whole": (0.5, 0.98, OPEN, OPEN),  # share of the mask that is its largest piece
    "filled": (0.8, 0.99, OPEN, OPEN),  # share of the mask with its holes filled that it holds itself
    "long": (1.0, 1.1, 3.0, 4.0),  # spread along over across the long axis: dilated at one end, slender at the other
    "upright": (-OPEN, -OPEN, 30.0, 60.0),  # degrees between the long axis and the line to the fan's apex
    "aside": (-OPEN, -OPEN, 20.0, 40.0),  # degrees between the fan's axis and the line from its apex to the middle
    "deep": (0.15, 0.25, 0.75, 0.9),  # distance of the mask's middle from the fan's apex over the fan's depth
    "steady": (-OPEN, -OPEN, 0.05, 0.15),  # way of the middle in a frame at ASSUMED_FPS over its diameter, 95th perc.
    "beats": (0.0, 0.08, 0.65, 0.9),  # range of the smoothed area over its largest: from EF 15 % to a vigorous heart
}
"""The limits of each trait. Every value by choice: healthy and sick hearts in an apical view score 1."""
SHAPE = ("area", "convex", "whole", "filled", "long", "upright", "aside", "deep")
"""The traits of one frame."""


def plausibility(traits: Traits, fan: Sector | None = None) -> dict[str, float]:
    """The score of each trait of a clip as `plausibility.<trait>`, and `plausibility`: their product.

    Traits multiply: a mask that cannot be in one way is not made good by the others. Those of shape and place are means
    over SHAPES frames, on which an empty mask scores 0. `fan` is the image's sector (`sector.sector`); without one it
    is taken to fill the image. A still has neither beat nor way, and scores 1 in both.
    """
    fan = fan or whole_image(*traits.masks.shape[1:])
    shapes = [shape_scores(traits, frame, fan) for frame in evenly_spread(len(traits.masks), SHAPES)]
    found = {name: float(np.mean([shape[name] for shape in shapes])) for name in SHAPE} | motion_scores(traits)
    whole = {"plausibility": float(np.prod(list(found.values())))}
    return whole | {f"plausibility.{name}": score for name, score in found.items()}


def shape_scores(traits: Traits, frame: int, fan: Sector) -> dict[str, float]:
    """The traits of one frame's shape and place, all 0 where it is empty."""
    mask, pieces = traits.masks[frame], traits.pieces[frame]
    if not mask.any():
        return dict.fromkeys(SHAPE, 0.0)
    axis, way = long_axis(mask), traits.middles[frame] - fan.apex
    distance = float(np.hypot(*way))
    cosine = abs(float(axis.direction @ way)) / max(distance, 1e-9)
    values = {
        "area": mask.mean(),
        "convex": traits.solidity(frame),
        "whole": pieces[0] / pieces.sum(),
        "filled": mask.sum() / ndimage.binary_fill_holes(mask).sum(),
        "long": axis.elongation,
        "upright": np.degrees(np.arccos(min(1.0, cosine))),
        "aside": np.degrees(np.arctan2(abs(way[1]), way[0])),
        "deep": distance / fan.depth,
    }
    scores = {name: within(float(value), RANGES[name]) for name, value in values.items()}
    # The long axis of a round mask points anywhere: what it says counts in full from `long`'s fullness on.
    sure = within(axis.elongation, (*RANGES["long"][:2], OPEN, OPEN))
    return scores | {"upright": 1 - sure * (1 - scores["upright"])}


def motion_scores(traits: Traits) -> dict[str, float]:
    """The traits of a clip's motion: whether its middle is steady, and whether its area beats."""
    if len(traits.masks) < 2:
        return {"steady": 1.0, "beats": 1.0}
    if not traits.area.any():
        return {"steady": 0.0, "beats": 0.0}
    ways = traits.ways[np.isfinite(traits.ways)]  # to and from an empty mask there is no way
    steady = float(np.percentile(ways, 95) / traits.diameter / traits.slower) if len(ways) else OPEN
    return {"steady": within(steady, RANGES["steady"]), "beats": within(traits.swing, RANGES["beats"])}


def within(value: float, limits: Range) -> float:
    """1 inside the middle limits, 0 outside the outer ones, straight in between."""
    low, full, still, high = limits
    if full <= value <= still:
        return 1.0
    if not low < value < high:
        return 0.0
    return (value - low) / (full - low) if value < full else (high - value) / (high - still)
