"""How sure a number is: percentile bootstrap intervals that resample clips (or patients), never frames."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError


@dataclass(frozen=True)
class Interval:
    """A value, the ends of its interval, and the number of clips behind it. One clip alone has no ends: None."""

    value: float
    low: float | None
    high: float | None
    n: int


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[NDArray], float] = np.mean,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """The statistic of `values` with its percentile bootstrap interval (Efron 1979), resampling the first axis.

    `values` has one entry per clip: (clip,) numbers or (clip, k) rows such as pixel counts or (predicted, true) pairs.
    Frames of one clip resemble each other, so resampling frames would give intervals that are far too narrow.
    Resamples on which the statistic is not finite (a correlation of equal values) are left out.
    """
    array = np.asarray(values)
    if array.ndim == 0 or len(array) == 0:
        raise InputError(f"An interval needs at least one clip, got an array of shape {array.shape}.")
    if not 0 < level < 1 or resamples < 1:
        raise InputError(f"An interval needs 0 < level < 1 and resamples >= 1, got {level} and {resamples}.")
    value, n = float(statistic(array)), len(array)
    if n == 1:
        return Interval(value, None, None, 1)
    drawn = _resampled(array, statistic, np.random.default_rng(seed), resamples)
    if not len(drawn):
        return Interval(value, None, None, n)
    low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)])
    return Interval(value, float(low), float(high), n)


def _resampled(array: NDArray, statistic: Callable, rng: np.random.Generator, resamples: int) -> NDArray[np.float64]:
    """The finite values of the statistic on that many draws of as many rows, with replacement."""
    rows = rng.integers(0, len(array), (resamples, len(array)))
    drawn = np.array([statistic(array[row]) for row in rows], np.float64)
    return drawn[np.isfinite(drawn)]
