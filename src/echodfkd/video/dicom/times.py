"""When the frames were taken: FrameTime, FrameTimeVector, CineRate, RecommendedDisplayFrameRate, in that order.

Where FrameIncrementPointer names one of them (PS3.3 C.7.6.6), that one comes first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    steps, odd = _steps(np.array(numbers(header, "FrameTimeVector"), np.float64), frames)
    whole = len(steps) == frames - 1
    step = number(header, "FrameTime")
    rates = {
        "FrameTime": 1000 / step if step else None,
        "FrameTimeVector": 1000 / float(steps.mean()) if whole else None,
        "CineRate": number(header, "CineRate"),
        "RecommendedDisplayFrameRate": number(header, "RecommendedDisplayFrameRate"),
    }
    pointed = _pointed(header)
    ordered = sorted(rates.items(), key=lambda one: one[0] not in pointed)
    told = {keyword: rate for keyword, rate in ordered if rate is not None and 0 < rate < 100_000}
    if not told:
        return Timing(Clock(), odd)
    possible = (keyword for keyword, rate in told.items() if POSSIBLE_FPS[0] < rate <= POSSIBLE_FPS[1])
    chosen = next(possible, next(iter(told)))
    against = [f"{keyword} {rate:.4g}" for keyword, rate in told.items() if not _agree(rate, told[chosen])]
    if chosen == "FrameTime" and whole and np.ptp(steps) > 2 * JITTER * steps.mean():
        against.append("FrameTimeVector uneven steps")
    remark = f"{chosen} says {told[chosen]:.4g} frames per second, which is used, but {', '.join(against)}"
    clock = believed(told[chosen])
    if chosen == "FrameTimeVector":
        clock = clock_of_times(np.concatenate([[0.0], np.cumsum(steps) / 1000]), tick=0.001)
    return Timing(clock, (*([remark] if against else []), *odd))


def _pointed(header: Any) -> list[str]:
    """The keywords that the header's FrameIncrementPointer names."""
    from pydicom.datadict import keyword_for_tag

    return [keyword_for_tag(int(tag)) for tag in numbers(header, "FrameIncrementPointer") if 0 < tag < 2**32]


def _steps(vector: NDArray[np.float64], frames: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The milliseconds between frames that a vector tells, none where it cannot be believed, and what is odd about it.

    The standard has one for each frame, the first being 0 (PS3.3 C.7.6.5.1.2). Some writers leave that out, others
    write the times themselves: no film comes slower from frame to frame.
    """
    steps = vector[1:] if len(vector) == frames else vector
    if not len(vector):
        return steps, ()
    if len(steps) != frames - 1 or not (steps > 0).all():
        return steps[:0], (f"FrameTimeVector {len(vector)} steps for {frames} frames, which is not used",)
    if len(vector) == frames and (np.diff(vector) > 0).all() and steps[-1] > steps[0] * len(steps) / 2 > steps[0]:
        return np.diff(vector), ("FrameTimeVector holds times, where the steps between them belong",)
    return steps, () if len(vector) == frames else ("FrameTimeVector lacks the first frame's 0",)


def _agree(rate: float, other: float) -> bool:
    return abs(rate - other) <= AGREE * other
