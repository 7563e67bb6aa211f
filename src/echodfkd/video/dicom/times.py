"""When the frames were taken: FrameTime, FrameTimeVector, CineRate, RecommendedDisplayFrameRate, in that order."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from echodfkd.clock import JITTER, POSSIBLE_FPS, Clock, believed, clock_of_times
from echodfkd.video.dicom.header import number, numbers

AGREE = 0.1
"""Share by which two rates may differ: some tags hold whole numbers only."""


@dataclass(frozen=True, eq=False)
class Timing:
    """The clock as far as it can be believed, and what contradicts it."""

    clock: Clock
    remarks: tuple[str, ...] = ()


def timing(header: Any, frames: int) -> Timing:
    """When the `frames` frames of a clip were taken.

    The first tag that tells a rate that a film of a heart can have counts; the others are held to it. Where none does,
    the first is what is not believed.
    """
    if frames < 2:
        return Timing(Clock())
    steps = np.array(numbers(header, "FrameTimeVector"), np.float64)
    whole = len(steps) == frames and bool((steps[1:] > 0).all())
    step = number(header, "FrameTime")
    rates = {
        "FrameTime": 1000 / step if step else None,
        "FrameTimeVector": 1000 / float(steps[1:].mean()) if whole else None,
        "CineRate": number(header, "CineRate"),
        "RecommendedDisplayFrameRate": number(header, "RecommendedDisplayFrameRate"),
    }
    told = {keyword: rate for keyword, rate in rates.items() if rate is not None and 0 < rate < 100_000}
    if not told:
        return Timing(Clock())
    possible = (keyword for keyword, rate in told.items() if POSSIBLE_FPS[0] < rate <= POSSIBLE_FPS[1])
    chosen = next(possible, next(iter(told)))
    against = [f"{keyword} {rate:.4g}" for keyword, rate in told.items() if not _agree(rate, told[chosen])]
    if len(steps) and not whole:
        against.append(f"FrameTimeVector {len(steps)} steps for {frames} frames")
    elif chosen == "FrameTime" and whole and np.ptp(steps[1:]) > 2 * JITTER * steps[1:].mean():
        against.append("FrameTimeVector uneven steps")
    remark = f"{chosen} says {told[chosen]:.4g} frames per second, which is used, but {', '.join(against)}"
    clock = believed(told[chosen])
    if chosen == "FrameTimeVector":
        clock = clock_of_times(np.concatenate([[0.0], np.cumsum(steps[1:]) / 1000]), tick=0.001)
    return Timing(clock, (remark,) if against else ())


def _agree(rate: float, other: float) -> bool:
    return abs(rate - other) <= AGREE * other
