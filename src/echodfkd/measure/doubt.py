"""How sure an ejection fraction is: the doubt along the outline, pushed through the discs.

A probability that falls slowly across the outline leaves open where that lies. The outline is cut twice more, where the
model is surer and where it is less sure. A beat ejects most where its ED is cut wide and its ES narrow, and least the
other way round; half of what lies between is the beat's doubt, in points. How many doubts hold the truth nine times out
of ten is measured on clips with known ejection fractions and kept in the model's card.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echodfkd.clock import Rate
from echodfkd.measure.ejection import STEADY_S, disc_volume, frames_near
from echodfkd.measure.shape import Mask, Spacing, largest_component

STEP = 0.4
"""Share of the way from the threshold to 0, and to 1, at which the outline is cut again: 0.3 and 0.7 for 0.5.

By choice: on real clips 0.2 and 0.6 order errors alike.
"""
Grades = NDArray[np.uint8]
"""How many of the two cuts a pixel's probability reaches: 0 outside the wide one, 1 between them, 2 in the narrow."""


def grades(probabilities: NDArray[np.float32], threshold: float) -> Grades:
    """The grades (..., height, width) of one structure's probabilities of that shape, around its `threshold`."""
    wide, narrow = (1 - STEP) * threshold, threshold + STEP * (1 - threshold)
    return (probabilities >= wide).view(np.uint8) + (probabilities >= narrow).view(np.uint8)


def doubts(
    graded: Grades, beats: Sequence[tuple[int, int]], fps: Rate, spacing: Spacing = None, steady_s: float = STEADY_S
) -> tuple[float, ...]:
    """The doubt of every (ED, ES) beat in points, by discs on grades (time, height, width); see `ejection_at`."""
    near = frames_near(beats, len(graded), fps, steady_s)
    sizes = {frame: bounds(graded[frame], spacing) for frames in near.values() for frame in frames}
    steady = {event: np.median([sizes[one] for one in frames], axis=0).tolist() for event, frames in near.items()}
    return tuple(doubt(steady, beat) for beat in beats)


def bounds(graded: Mask | Grades, spacing: Spacing = None) -> tuple[float, float]:
    """The narrow and the wide volume of one frame's grades (height, width), by discs."""
    narrow, wide = (disc_volume(largest_component(graded >= least), spacing) for least in (2, 1))
    return narrow, wide


def doubt(volumes: Mapping[int, Sequence[float]], beat: tuple[int, int]) -> float:
    """Half of what lies between the least and the most that a beat may eject, in points; infinite without a narrow ED.

    `volumes` are the narrow and the wide one of each event.
    """
    (ed_narrow, ed_wide), (es_narrow, es_wide) = (volumes[event] for event in beat)
    return float(50 * (es_wide / ed_narrow - es_narrow / ed_wide)) if ed_narrow > 0 else float("inf")


def interval(fraction: float, doubts: Sequence[float], factor: float) -> tuple[float, float]:
    """`fraction` (percent) with `factor` times the median doubt to both sides, in 0 to 100."""
    half = factor * float(np.median(doubts))
    return max(fraction - half, 0.0), min(fraction + half, 100.0)
