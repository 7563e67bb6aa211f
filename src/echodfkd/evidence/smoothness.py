"""How smoothly masks move: what they do from frame to frame beyond what a beating heart needs. Higher is smoother.

The image is never looked at, so a smooth outline of the wrong thing is smooth, and the smoothest is one that stands
still: see `beats` in `plausibility` beside it. Windows are seconds, so that clips of any frame rate compare. What is
not there is not smooth: frames without a mask score 0.
"""

import numpy as np
from numpy.typing import NDArray

from echodfkd.measure.beats import check_rate, smoothed
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import MaskClip, check_masks
from echodfkd.measure.traits import Traits

NEAR_S = 0.02
"""Seconds to both sides that a frame is compared with: a frame at 50 per second. By choice.

In that time a heart's outline hardly turns back: what comes and goes within it is jitter.
"""


def smoothness(traits: Traits) -> dict[str, float]:
    """The three measures of a clip by name, each in [0, 1]."""
    return {
        "smoothness": outline_smoothness(traits.masks, traits.fps),
        "smoothness.area": area_smoothness(traits.area, traits.fps),
        "smoothness.neighbours": neighbour_dice(traits.masks, traits.fps),
    }


def outline_smoothness(masks: MaskClip, fps: float | None) -> float:
    """Mean Dice of each frame with the majority in time of the frames around it (NEAR_S, at least one on each side).

    An outline that passes a pixel once costs nothing, however fast: the majority of frames in order is the middle one.
    Only what comes and goes costs. 1 for a mask that stands still, and for clips of one or two frames.
    """
    check_masks(masks)
    return _mean_where_present(dice(masks, _majority_in_time(masks, reach(fps))), masks)


def area_smoothness(area: NDArray, fps: float | None) -> float:
    """1 - jitter / range of an area curve (time,), not below 0.

    Jitter is the root mean square of what a Gaussian of NEAR_S seconds takes away: to first order its second
    differences in time, whatever the frame rate. Range is the 95th minus the 5th percentile of the smoothed curve. A
    curve that does not move at all has no beat to be smooth in and scores 0.
    """
    rate, curve = check_rate(fps), np.asarray(area, np.float64)
    calm = smoothed(curve, rate, NEAR_S)
    low, high = np.percentile(calm, [5, 95])
    if high - low <= 1e-9 * max(high, 1.0):
        return 0.0
    return float(max(0.0, 1 - np.sqrt(np.mean((curve - calm) ** 2)) / (high - low)))


def neighbour_dice(masks: MaskClip, fps: float | None) -> float:
    """Mean Dice of frames NEAR_S seconds apart (at least one frame): the plain measure, which charges the beat too."""
    check_masks(masks)
    step = reach(fps)
    if len(masks) <= step:
        return float(masks.any())
    return _mean_where_present(dice(masks[step:], masks[:-step]), masks[step:])


def reach(fps: float | None) -> int:
    """NEAR_S in frames, at least 1."""
    return max(1, round(NEAR_S * check_rate(fps)))


def _mean_where_present(values: NDArray[np.float64], masks: MaskClip) -> float:
    """The mean of values (time,), those of empty masks (time, height, width) taken as 0."""
    return float(np.where(masks.any(axis=(1, 2)), values, 0.0).mean())


def _majority_in_time(masks: MaskClip, frames: int) -> MaskClip:
    """Each pixel's majority over the frames up to `frames` away; towards the ends over as many as both sides have."""
    total = np.concatenate([np.zeros_like(masks[:1], np.int64), np.cumsum(masks, axis=0, dtype=np.int64)])
    at = np.arange(len(masks))
    width = np.minimum(frames, np.minimum(at, at[::-1]))
    inside = total[at + width + 1] - total[at - width]
    return np.asarray(2 * inside > (2 * width + 1)[:, None, None])
