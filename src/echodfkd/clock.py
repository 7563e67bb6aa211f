"""When the frames of a clip were taken, and which rates a film of a heart can have: one rule for whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

Times = NDArray[np.float64]  # (time,), seconds, rising

ASSUMED_FPS = 50.0
"""Frames per second taken for a clip that does not tell its own: a common rate of echocardiograms. By choice."""
POSSIBLE_FPS = (2.0, 500.0)
"""Hz between which a rate is believed. Tools write 1 where they know none, and their clocks' ticks (600, 1000, 90000);
below, a beat is two frames, above, no machine films a whole ventricle."""
FPS_RANGE = (15.0, 200.0)
"""Hz beyond which a believed rate is told as odd: below, systole is a handful of frames. By choice."""
HEART_RATES = (30.0, 180.0)
"""Beats per minute between which a heart rate is believed. By choice."""
GAP_S, GAP_STEPS = 0.1, 1.8
"""What is missing between two frames is a gap from so many seconds, half a systole at 180 beats per minute, and so
many of the clip's usual steps."""
JITTER = 0.02
"""Share of a step by which frames may come too early or late and still be even."""


@dataclass(frozen=True, eq=False)
class Clock:
    """When a clip's frames were taken.

    `times` (time,) are seconds from the first frame; None: every frame comes 1 / `fps` after the one before. Where they
    are uneven `fps` (Hz) is the usual rate. None is unknown, and `unknown` says why where the file says anything; the
    usual step then counts as one of ASSUMED_FPS, in `times` too.
    Between the frames n of `gaps` and n + 1 too much is missing to know what the heart did; `dropped` frames are known
    to be missing, in gaps or evenly.
    """

    fps: float | None = None
    times: Times | None = None
    gaps: tuple[int, ...] = ()
    dropped: int = 0
    unknown: str = ""

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps < 100_000:
            raise InputError(f"A frame rate must be above 0 Hz, got {self.fps}. Use None where it is unknown.")
        if self.times is not None:
            check_times(self.times, len(self.times))

    @property
    def rate(self) -> float:
        """Hz, the assumed one where it is unknown."""
        return ASSUMED_FPS if self.fps is None else float(self.fps)

    def at(self, frames: Sequence[int]) -> NDArray[np.float64]:
        """Where some frames stand (frame,), in steps of 1 / `rate` from the first: their numbers where even."""
        if self.times is None:
            return np.asarray(frames, np.float64)
        return (self.times[np.asarray(frames, np.intp)] - self.times[0]) * self.rate

    def places(self, count: int) -> NDArray[np.float64]:
        """The same of all `count` frames (count,); InputError where the clock is that of another clip."""
        if self.times is not None:
            check_times(self.times, count)
        return self.at(range(count))

    def across(self, first: int, second: int) -> bool:
        """Whether a gap lies between two frames."""
        return any(first <= gap < second for gap in self.gaps)

    def parts(self, count: int) -> list[slice]:
        """The clip's `count` frames from gap to gap."""
        ends = [0, *(gap + 1 for gap in self.gaps), count]
        return [slice(start, stop) for start, stop in pairwise(ends)]


Rate = Clock | float | None
"""A frame rate (Hz), None where it is unknown, or all that is known of a clip's time."""


def as_clock(rate: Rate) -> Clock:
    """The clock of a clip of which the rate may be all that is known; InputError unless that is above 0 Hz."""
    return rate if isinstance(rate, Clock) else Clock(rate)


def believed(rate: Rate) -> Clock:
    """The clock as far as it can be believed: a rate beyond POSSIBLE_FPS counts as unknown; gaps stay."""
    clock = as_clock(rate)
    return clock if clock.fps is None else clock_of_rate(clock.fps, clock.times, clock.gaps, clock.dropped)


def clock_of_rate(fps: float, times: Times | None = None, gaps: tuple[int, ...] = (), dropped: int = 0) -> Clock:
    """The clock that a rate makes, whatever number it is, as far as it can be believed."""
    if POSSIBLE_FPS[0] < fps <= POSSIBLE_FPS[1]:
        return Clock(float(fps), times, gaps, dropped)
    steps = None if times is None else times * (fps / ASSUMED_FPS)
    return Clock(None, steps, gaps, dropped, f"a rate of {fps:g} Hz is no film's of a heart")


def odd_rate(clock: Clock) -> str:
    """What is odd about a clip's rate, believed or not; nothing where all is well or nothing is said of it."""
    if clock.fps is None:
        return clock.unknown
    return "" if FPS_RANGE[0] <= clock.fps <= FPS_RANGE[1] else f"{clock.fps:.4g} Hz"


def clock_of_times(times: Times, nominal: float | None = None, tick: float = 0.0, last: float | None = None) -> Clock:
    """The clock of frames taken at `times` (time,) s, as far as it can be believed.

    `nominal` is the rate (Hz) that the file states; even times that agree with it to 1 % keep it. `tick` (s) is what
    times are rounded to, `last` how long the last frame is shown, where known. InputError where times do not rise.
    """
    check_times(times, len(times))
    if len(times) < 2:
        return Clock() if nominal is None else clock_of_rate(nominal)
    steps, span = np.diff(times), float(times[-1] - times[0])
    usual, mean = float(np.median(steps)), span / len(steps)
    numbers = np.arange(len(times))
    lag = times - times[0] - np.polyfit(numbers, times - times[0], 1)[0] * numbers
    if np.ptp(lag) <= max(min(1.5 * tick, 0.6 * usual), JITTER * mean):
        if nominal is not None and abs(nominal * mean - 1) <= JITTER / 2 + tick / span:
            return clock_of_rate(nominal)
        return clock_of_rate(float(f"{1 / mean if last is None else len(times) / (span + last):.9g}"))
    second = 1.0 if POSSIBLE_FPS[0] < 1 / usual <= POSSIBLE_FPS[1] else ASSUMED_FPS * usual
    gaps = np.flatnonzero(steps > max(GAP_STEPS * usual, GAP_S * second))
    dropped = sum(round(float(steps[gap] / usual)) - 1 for gap in gaps)
    agrees = nominal is not None and abs(nominal * usual - 1) <= JITTER
    rate = nominal if agrees and nominal is not None else float(f"{1 / usual:.6g}")
    return clock_of_rate(rate, times - times[0], tuple(int(gap) for gap in gaps), dropped)


def clock_of_numbers(numbers: NDArray[np.int64], nominal: float | None, unknown: str = "") -> Clock:
    """The clock of frames whose times are whole steps of `nominal` Hz, as AVI has them: what lacks a frame was dropped.

    `unknown` says why there is no nominal rate. InputError where numbers do not rise.
    """
    known = Clock(unknown=unknown) if nominal is None else clock_of_rate(nominal)
    dropped = int(numbers[-1] - numbers[0] + 1 - len(numbers))
    if not dropped:
        return known
    found = clock_of_times(numbers / known.rate, known.rate)
    return replace(found, dropped=dropped, fps=known.fps and found.fps, unknown=known.unknown or found.unknown)


def clock_of_clip(fps: float | None, times: Times | None = None, dropped: int = 0) -> Clock:
    """The clock of frames of which a rate (Hz), uneven times (time,) and the number of dropped ones are kept.

    Without a rate the unit of the times is unknown too. Gaps are found in them anew.
    """
    if times is None:
        return replace(believed(fps), dropped=dropped)
    found = clock_of_times(times, fps)
    return replace(found, fps=found.fps if fps is not None else None, dropped=max(dropped, found.dropped))


def listed_clock(clock: Clock, frames: int, listed: float | None) -> Clock:
    """The `clock` of a film's `frames` frames where a list tells the rate (Hz) of their recording; itself without.

    The list knows better than a film's header, which may tell how fast it is to be played, but not of frames that the
    film has lost: where every second is missing it has half the rate of its recording. A list that tells the very rate
    of what is left is believed.
    """
    if listed is None:
        return clock
    usual, every = 1 / clock.rate, 1  # steps of the recording in a usual step of the film
    if clock.times is not None and frames > 1:
        usual = float(np.median(np.diff(clock.times)))
    if clock.dropped and not (clock.fps and abs(listed / clock.fps - 1) <= JITTER):
        span = float(clock.times[-1]) if clock.times is not None else (frames - 1) * usual
        every = max(1, round((frames - 1 + clock.dropped) * usual / span))
    times = None if clock.times is None else clock.times * (every / listed / usual)
    return clock_of_rate(listed / every, times, clock.gaps, clock.dropped)


def check_times(times: Times, count: int) -> None:
    """InputError unless `times` are the rising seconds (time,) of `count` frames."""
    if times.ndim != 1 or len(times) != count or not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise InputError(
            f"Times must be rising seconds, one for each of {count} frames, got {times.dtype} {times.shape}."
        )
