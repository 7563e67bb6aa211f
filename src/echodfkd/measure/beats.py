"""Find end-diastole (ED) and end-systole (ES) in an area curve, without being told where to look."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError

ASSUMED_FPS = 50.0
"""Frames per second taken for a clip that does not tell its own: a common rate of echocardiograms. By choice."""


@dataclass(frozen=True)
class BeatDetector:
    """Dials of `beat_events`. Times are seconds, so that one setting serves 10 to 200 frames per second. By choice."""

    smoothing_s: float = 0.04  # standard deviation of the Gaussian: a tenth of a fast beat, far below systole's 0.3 s
    prominence: float = 0.3  # least rise on both sides of an ES, as a share of the curve's range: above diastasis' dip
    distance_s: float = 0.33  # least time between two ES: 180 beats per minute
    least_range: float = 0.02  # a curve whose range is below this share of its mean does not beat (EF below about 3 %)

    def __post_init__(self) -> None:
        if not (0 <= self.smoothing_s < 1 and 0 < self.prominence < 1 and 0 < self.distance_s < 5):
            raise InputError(
                "A beat detector needs 0 <= smoothing_s < 1, 0 < prominence < 1 and 0 < distance_s < 5, got "
                f"{self.smoothing_s}, {self.prominence} and {self.distance_s}."
            )
        if not 0 <= self.least_range < 1:
            raise InputError(f"A beat detector needs 0 <= least_range < 1, got {self.least_range}.")


@dataclass(frozen=True)
class Events:
    """ED and ES frame numbers of a clip in ascending order, and the frame rate (Hz) they were found with."""

    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    fps: float = ASSUMED_FPS
    fps_assumed: bool = False

    def beats(self) -> tuple[tuple[int, int], ...]:
        """Complete contractions: each ES with the last ED before it and after the ES before it, as (ed, es)."""
        starts = (-1, *self.es_frames[:-1]) if self.es_frames else ()
        pairs = (
            (_last_between(self.ed_frames, start, es), es) for start, es in zip(starts, self.es_frames, strict=True)
        )
        return tuple((ed, es) for ed, es in pairs if ed is not None)


def beat_events(area: ArrayLike, fps: float | None, detector: BeatDetector | None = None) -> Events:
    """ED and ES frames of a whole clip from its area curve (time,), found without any reference.

    1. The curve is smoothed by a Gaussian of `smoothing_s` seconds.
    2. Its range is the 95th minus the 5th percentile; a range below `least_range` of the mean gives no events.
    3. ES are minima that rise by `prominence` x range on both sides and lie `distance_s` seconds apart.
    4. ED is the maximum before each ES, back to the ES before. After the last ES a maximum counts as ED where
       the curve has fallen again by `prominence` x range.

    The ends: what happened before the first frame and after the last is unknown, so an extremum on an end (or within
    one smoothing width of it) is no event. A clip that starts at ED therefore reports its first ES without an ED.
    Smoothing draws an extremum towards its flatter side: on planted curves ED and ES come about 10 ms early.
    Without a frame rate 50 Hz is assumed and `Events.fps_assumed` says so.
    """
    detector = detector or BeatDetector()
    rate = check_rate(fps)
    curve = smoothed(check_curve(area), rate, detector.smoothing_s)
    low, high = np.percentile(curve, [5, 95])
    if len(curve) < 3 or high - low <= detector.least_range * max(curve.mean(), 1e-9):
        return Events((), (), rate, fps is None)
    rise = detector.prominence * (high - low)
    minima = peaks(-curve, prominence=rise, distance=max(1.0, detector.distance_s * rate))
    maxima = _maxima_around(curve, minima, rise, edge=max(1, round(detector.smoothing_s * rate)))
    return Events(maxima, tuple(int(frame) for frame in minima), rate, fps is None)


def heart_rate(events: Events) -> float | None:
    """Beats per minute from the median time between successive ES (ED where there are more); None below two."""
    frames = max(events.es_frames, events.ed_frames, key=len)
    return None if len(frames) < 2 else float(60 * events.fps / np.median(np.diff(frames)))


def check_curve(area: ArrayLike) -> NDArray[np.float64]:
    """The curve as float64 (time,); InputError unless it is one finite number per frame."""
    curve = np.asarray(area, np.float64)
    if curve.ndim != 1 or len(curve) == 0 or not np.isfinite(curve).all():
        raise InputError(f"An area curve must be one finite number per frame, got an array of shape {curve.shape}.")
    return curve


def check_rate(fps: float | None) -> float:
    """The frame rate (Hz), the assumed one where it is unknown; InputError unless it is above 0."""
    if fps is not None and not 0 < fps < 100_000:
        raise InputError(f"A frame rate must be above 0 Hz, got {fps}. Use None where it is unknown.")
    return ASSUMED_FPS if fps is None else float(fps)


def smoothed(curve: NDArray[np.float64], fps: float, seconds: float) -> NDArray[np.float64]:
    """The curve after a Gaussian whose standard deviation is given in seconds; the end values are held outside."""
    sigma = seconds * fps
    if sigma < 1e-6:
        return curve
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(curve, reach, mode="edge"), weights / weights.sum(), mode="valid")


def peaks(curve: NDArray[np.float64], prominence: float, distance: float) -> NDArray[np.intp]:
    """The peaks of a curve (time,) that are at least `distance` apart, the higher first, and then `prominence` high.

    As scipy.signal.find_peaks has them, whose import takes longer than the rest of a clip: the middle of a plateau is a
    peak, an end is none, and a peak's prominence is its height over the higher of the two lowest points on the ways to
    higher ground.
    """
    ends = np.append(np.flatnonzero(np.diff(curve)), len(curve) - 1)  # of every stretch of equal values
    level = curve[ends]
    high = 1 + np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:]))
    found = (ends[high - 1] + 1 + ends[high]) // 2
    kept: list[int] = []
    for peak in found[np.argsort(curve[found])[::-1]].tolist():
        if all(abs(peak - other) >= np.ceil(distance) for other in kept):
            kept.append(peak)
    return np.array(sorted(peak for peak in kept if _prominence(curve, peak) >= prominence), np.intp)


def _prominence(curve: NDArray[np.float64], peak: int) -> float:
    """How far a peak stands above the higher of the two lowest points on the ways to higher ground, or to the ends."""
    higher = np.flatnonzero(curve > curve[peak])
    place = np.searchsorted(higher, peak)
    start = higher[place - 1] + 1 if place else 0
    stop = higher[place] if place < len(higher) else len(curve)
    return float(curve[peak] - max(curve[start : peak + 1].min(), curve[peak:stop].min()))


def _maxima_around(curve: NDArray[np.float64], minima: NDArray, rise: float, edge: int) -> tuple[int, ...]:
    """The highest frame before each minimum, back to the minimum before, and a last one the curve has left again."""
    bounds = [0, *(int(frame) for frame in minima)]
    found = [start + int(np.argmax(curve[start:stop])) for start, stop in pairwise(bounds)]
    last = bounds[-1] + int(np.argmax(curve[bounds[-1] :]))
    if len(minima) and curve[last] - curve[last:].min() >= rise:
        found.append(last)
    return tuple(frame for frame in found if edge <= frame < len(curve) - edge)


def _last_between(frames: tuple[int, ...], start: int, stop: int) -> int | None:
    """The last of `frames` in (start, stop), None where there is none."""
    return max((frame for frame in frames if start < frame < stop), default=None)
