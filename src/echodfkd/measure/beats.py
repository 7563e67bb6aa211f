"""Find end-diastole (ED) and end-systole (ES) in an area curve, without being told where to look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.clock import ASSUMED_FPS, HEART_RATES, POSSIBLE_FPS, Clock, Rate, as_clock
from echodfkd.errors import InputError


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
    """ED and ES frame numbers of a clip in ascending order, and the frame rate (Hz) they were found with.

    `clock` says when the frames were taken where they are uneven; `crowded` that the curve has its dips closer together
    than beats can be.
    """

    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    fps: float = ASSUMED_FPS
    fps_assumed: bool = False
    crowded: bool = False
    clock: Clock | None = field(default=None, compare=False, repr=False)

    @property
    def time(self) -> Clock:
        """When the clip's frames were taken."""
        return self.clock or Clock(self.fps)

    def beats(self) -> tuple[tuple[int, int], ...]:
        """Complete contractions: each ES with the last ED before it and after the ES before it, as (ed, es).

        None lies across a gap in time.
        """
        starts = (-1, *self.es_frames[:-1]) if self.es_frames else ()
        pairs = (
            (_last_between(self.ed_frames, start, es), es) for start, es in zip(starts, self.es_frames, strict=True)
        )
        return tuple((ed, es) for ed, es in pairs if ed is not None and not self.time.across(ed, es))


def beat_events(area: ArrayLike, fps: Rate, detector: BeatDetector | None = None) -> Events:
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

    Where a clock gives uneven times the curve is first drawn evenly through them. A gap in time is an end on both of
    its sides: no event lies on it, no contraction across it. A stretch between two without any area has no part in the
    range.
    """
    detector, clock, area = detector or BeatDetector(), as_clock(fps), check_curve(area)
    parts, rate = even_parts(area, clock)
    curves = [smoothed(part.values, rate, detector.smoothing_s) for part in parts]
    whole = np.concatenate([curve for curve in curves if curve.any()] or curves)
    low, high = np.percentile(whole, [5, 95])
    if len(area) < 3 or high - low <= detector.least_range * max(whole.mean(), 1e-9):
        return Events((), (), clock.rate, clock.fps is None, clock=clock)
    rise, distance = detector.prominence * (high - low), max(1.0, detector.distance_s * rate)
    edge = max(1, round(detector.smoothing_s * rate))
    ed, es, steps = list[int](), list[int](), list[int]()
    for part, curve in zip(parts, curves, strict=True):
        minima = peaks(-curve, prominence=rise, distance=distance)
        steps += np.diff(peaks(-curve, prominence=rise, distance=1)).tolist()
        es += part.frames[minima].tolist()
        ed += part.frames[_maxima_around(curve, minima, rise, edge)].tolist()
    crowded = len(steps) > 1 and float(np.median(steps)) < distance
    return Events(tuple(ed), tuple(es), clock.rate, clock.fps is None, crowded, clock)


def heart_rate(events: Events) -> float | None:
    """Beats per minute from the median time between successive ES (ED where there are more); None below two.

    Times across a gap do not count.
    """
    steps = steps_between(max(events.es_frames, events.ed_frames, key=len), events.time)
    return float(60 * events.fps / np.median(steps)) if len(steps) else None


def believed_heart_rate(events: Events) -> float | None:
    """The same where the frame rate is known, dips are not too close to be beats, and HEART_RATES holds it."""
    rate = None if events.fps_assumed or events.crowded else heart_rate(events)
    return rate if rate is not None and HEART_RATES[0] <= rate <= HEART_RATES[1] else None


def steps_between(frames: Sequence[int], clock: Clock) -> NDArray[np.float64]:
    """The times between successive frames of a list, in steps of the clock's rate, less those across a gap."""
    kept = [not clock.across(first, second) for first, second in pairwise(frames)]
    return np.diff(clock.at(frames))[kept]


@dataclass(frozen=True, eq=False)
class EvenPart:
    """A curve at even times between two gaps: `values` (time,), and for each the clip's frame nearest to it."""

    values: NDArray[np.float64]
    frames: NDArray[np.intp]


def even_parts(curve: NDArray[np.float64], clock: Clock) -> tuple[list[EvenPart], float]:
    """A curve (time,) from gap to gap at even times, by straight lines between uneven ones, and their rate (Hz).

    The rate is that of the clip's shorter steps, so that nothing is lost.
    """
    spans = clock.parts(len(curve))
    if clock.times is None:
        return [EvenPart(curve[span], np.arange(span.start, span.stop)) for span in spans], clock.rate
    places = clock.places(len(curve)) / clock.rate
    steps = np.concatenate([np.diff(places[span]) for span in spans])
    rate = min(1 / float(np.percentile(steps, 10)), POSSIBLE_FPS[1]) if len(steps) else clock.rate
    parts = []
    for span in spans:
        times = places[span]
        even = times[0] + np.arange(int((times[-1] - times[0]) * rate + 1e-6) + 1) / rate
        nearest = np.searchsorted((times[1:] + times[:-1]) / 2, even)
        parts.append(EvenPart(np.interp(even, times, curve[span]), span.start + nearest))
    return parts, rate


def check_curve(area: ArrayLike) -> NDArray[np.float64]:
    """The curve as float64 (time,); InputError unless it is one finite number per frame."""
    curve = np.asarray(area, np.float64)
    if curve.ndim != 1 or len(curve) == 0 or not np.isfinite(curve).all():
        raise InputError(f"An area curve must be one finite number per frame, got an array of shape {curve.shape}.")
    return curve


def check_rate(fps: Rate) -> float:
    """The frame rate (Hz), the assumed one where it is unknown; InputError unless it is above 0."""
    return as_clock(fps).rate


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


def _maxima_around(curve: NDArray[np.float64], minima: NDArray, rise: float, edge: int) -> list[int]:
    """The highest frame before each minimum, back to the minimum before, and a last one the curve has left again."""
    bounds = [0, *(int(frame) for frame in minima)]
    found = [start + int(np.argmax(curve[start:stop])) for start, stop in pairwise(bounds)]
    last = bounds[-1] + int(np.argmax(curve[bounds[-1] :]))
    if len(minima) and curve[last] - curve[last:].min() >= rise:
        found.append(last)
    return [frame for frame in found if edge <= frame < len(curve) - edge]


def _last_between(frames: tuple[int, ...], start: int, stop: int) -> int | None:
    """The last of `frames` in (start, stop), None where there is none."""
    return max((frame for frame in frames if start < frame < stop), default=None)
