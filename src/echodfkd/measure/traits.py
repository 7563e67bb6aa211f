"""What one clip's masks look like in numbers: the traits that a verdict and a score of plausibility have limits for."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from echodfkd.clock import ASSUMED_FPS, Clock, Rate, as_clock
from echodfkd.lapses import Lapse, interrupted
from echodfkd.measure.beats import BeatDetector, EvenPart, even_parts, smoothed
from echodfkd.measure.shape import MaskClip, area_curve, centroid, check_masks, component_areas, solidity

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Traits:
    """The traits of masks (time, height, width) bool at a rate (Hz, None where unknown), each measured once, if asked.

    Areas are pixels, ways pixels from one frame to the next.
    """

    masks: MaskClip = field(repr=False)
    time: Rate = None
    lapses: tuple[Lapse, ...] = ()
    """Where the frames show nothing or stand still; `clock` has gaps there."""
    before: int = 0
    """Frames of the clip that came before these."""

    def __post_init__(self) -> None:
        check_masks(self.masks)
        self.clock.places(len(self.masks))

    @cached_property
    def clock(self) -> Clock:
        """When the frames were taken."""
        return interrupted(as_clock(self.time), self.lapses, len(self.masks))

    @property
    def fps(self) -> float | None:
        """The frame rate (Hz); None where it is unknown."""
        return self.clock.fps

    @cached_property
    def area(self) -> NDArray[np.int64]:
        """Pixels inside (time,)."""
        return area_curve(self.masks)

    @property
    def rate(self) -> float:
        """The frame rate (Hz), the assumed one where it is unknown."""
        return self.clock.rate

    @property
    def slower(self) -> float:
        """How many times longer a frame lasts than at ASSUMED_FPS, at least 1: so much more may change in it."""
        return max(1.0, ASSUMED_FPS / self.rate)

    @property
    def slower_steps(self) -> Values:
        """The same of each step to the next frame (time - 1,); without end across a gap."""
        steps = np.maximum(1.0, ASSUMED_FPS / self.rate * np.diff(self.clock.places(len(self.masks))))
        steps[list(self.clock.gaps)] = np.inf
        return steps

    @property
    def seconds(self) -> float:
        """How long the clip lasts, its last frame counting as one usual step."""
        return float(self.clock.places(len(self.masks))[-1] + 1) / self.rate

    @property
    def typical_area(self) -> float:
        """The median area, at least a pixel."""
        return max(float(np.median(self.area)), 1.0)

    @property
    def diameter(self) -> float:
        """That of a circle of the typical area."""
        return float(np.sqrt(4 * self.typical_area / np.pi))

    @cached_property
    def pieces(self) -> list[NDArray[np.int64]]:
        """The areas of each frame's connected pieces, largest first."""
        return [component_areas(mask) for mask in self.masks]

    @cached_property
    def middles(self) -> Values:
        """Mean row and column of each frame's mask (time, 2); NaN for an empty one."""
        return np.array([centroid(mask) for mask in self.masks])

    @cached_property
    def ways(self) -> Values:
        """The way of the middle from each frame to the next (time - 1,); NaN to and from an empty mask."""
        return np.asarray(np.hypot(*np.diff(self.middles, axis=0).T))

    def solidity(self, frame: int) -> float:
        """The share of its convex hull that one frame's largest piece fills."""
        return solidity(self.masks[frame])

    @property
    def swing(self) -> float:
        """Range of the smoothed area, 95th less 5th percentile, over the former."""
        low, high = np.percentile(self._calm(BeatDetector().smoothing_s), [5, 95])
        return float((high - low) / max(high, 1e-9))

    @property
    def raggedness(self) -> float:
        """Share of the area's variance lost by half of the beat detector's smoothing, in [0, 1]; 0 for a constant.

        Half, because the whole of it takes a tenth of a clean beat at 150 per minute. At rates below about 30 frames
        per second jitter cannot be told from motion, and little of it is seen.
        """
        area = np.concatenate([part.values for part in self._even[0]])
        rest = area - self._calm(BeatDetector().smoothing_s / 2)
        return float(np.mean(rest**2) / area.var()) if area.var() > 0 else 0.0

    @cached_property
    def _even(self) -> tuple[list[EvenPart], float]:
        return even_parts(self.area.astype(np.float64), self.clock)

    def _calm(self, seconds: float) -> Values:
        """The area at even times, smoothed by a Gaussian of that standard deviation."""
        parts, rate = self._even
        return np.concatenate([smoothed(part.values, rate, seconds) for part in parts])
