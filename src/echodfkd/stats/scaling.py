"""Score against size: power laws with and without a floor, their intervals, which of the two the points prefer, and
which points no other beats.

found = laws_of(parameters, dice, seed=0)          # (student,) both
found.power.slope

A deficit is what a score lacks of 1. Laws are fitted by least squares of the deficits' logarithms, so that halving a
deficit counts the same wherever it happens. Logarithms are natural; a slope does not depend on their base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError
from echodfkd.stats.intervals import Interval, bootstrap

FEWEST = 3
"""Points of a power law at least: two lie on one whatever they are."""
FEWEST_FLOOR = 5
"""Points of a law with a floor at least, so that AICc is defined for it."""
STEEPEST = 5.0
"""Slopes that a law with a floor may have: steeper ones are a step, which points tell nothing about. By choice."""
STARTS = (0.0, 0.5, 0.8, 0.95, 0.99)
"""Floors, as shares of the smallest deficit, at which the search for the best one begins. By choice."""
AT_BOUND = 0.99
"""Share of the smallest deficit from which on a floor counts as one at its bound. By choice."""
TELLING = 2.0
"""Difference of AICc from which one law is called better (Burnham and Anderson 2002, section 2.6)."""
_EXACT = 1e-24
"""Mean squared residual below which a fit counts as exact: what rounding leaves."""


@dataclass(frozen=True)
class PowerLaw:
    """deficit = amplitude * size^-slope, for sizes from `smallest` to `largest`.

    `slope` has its bootstrap interval over points, `slope_t` that of Student's t from the residuals (95 % both), which
    is the fairer one of few points. `residual` is the root mean square of the logarithms' residuals.
    """

    amplitude: float
    slope: Interval
    slope_t: Interval
    residual: float
    aicc: float | None
    smallest: float
    largest: float

    def __call__(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Deficits that the law says of these sizes."""
        return self.amplitude * np.asarray(sizes, np.float64) ** -self.slope.value


@dataclass(frozen=True)
class SaturatingLaw:
    """deficit = floor + amplitude * size^-slope: a power law that ends at `floor`, for sizes as in PowerLaw.

    `at_bound` says that the floor came out at the smallest deficit, where the search ends: then the best student alone
    tells it, and neither it nor the slope means much.
    """

    amplitude: float
    slope: Interval
    floor: Interval
    at_bound: bool
    residual: float
    aicc: float | None
    smallest: float
    largest: float

    def __call__(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Deficits that the law says of these sizes."""
        return self.floor.value + self.amplitude * np.asarray(sizes, np.float64) ** -self.slope.value


def power_law(sizes: ArrayLike, deficits: ArrayLike, *, seed: int, resamples: int = 2000) -> PowerLaw:
    """The least-squares line through log deficit over log size, with two intervals of its slope.

    `sizes` and `deficits` are (point,), positive. InputError for fewer than three points or equal sizes.
    """
    logs = _logs(sizes, deficits, FEWEST)
    slope = bootstrap(logs, lambda rows: _line(rows)[1], seed=seed, resamples=resamples)
    intercept = _line(logs)[0]
    residuals = logs[:, 1] - (intercept - slope.value * logs[:, 0])
    half = _half_width(logs[:, 0], residuals)
    by_residuals = Interval(slope.value, slope.value - half, slope.value + half, len(logs))
    return PowerLaw(float(np.exp(intercept)), slope, by_residuals, _rms(residuals), aicc(residuals, 2), *_span(sizes))


def saturating_law(sizes: ArrayLike, deficits: ArrayLike, *, seed: int, resamples: int = 300) -> SaturatingLaw:
    """The least-squares law with a floor between 0 and the smallest deficit, in logarithms too.

    Intervals are by bootstrap over points; each resample is searched anew from the fit, which is why there are fewer.
    InputError for fewer than five points or equal sizes.
    """
    logs = _logs(sizes, deficits, FEWEST_FLOOR)
    best = min((_searched(logs, share) for share in STARTS), key=lambda found: found.cost)
    ends = _ends(logs, best.x, seed, resamples)
    height, slope, share = best.x
    least, middle, n = float(np.exp(logs[:, 1].min())), logs[:, 0].mean(), len(logs)
    return SaturatingLaw(
        float(np.exp(height + slope * middle)),
        Interval(float(slope), *ends[0], n),
        Interval(float(share * least), *ends[1], n),
        bool(share > AT_BOUND),
        _rms(best.fun),
        aicc(best.fun, 3),
        *_span(sizes),
    )


def aicc(residuals: ArrayLike, parameters: int) -> float | None:
    """Akaike's criterion with its correction for few points (Hurvich and Tsai 1989), of Gaussian residuals.

    Smaller is better. `parameters` are those of the curve; the residuals' variance counts as one more. None where
    there are too few points for the correction.
    """
    values = np.asarray(residuals, np.float64)
    n, k = len(values), parameters + 1
    if n - k - 1 <= 0:
        return None
    return float(n * np.log(max(float(np.mean(values**2)), _EXACT)) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def preferred(power: PowerLaw, saturating: SaturatingLaw | None) -> str | None:
    """`power` or `saturating`, whichever has the AICc smaller by at least 2; None where the points do not tell."""
    if saturating is None or power.aicc is None or saturating.aicc is None:
        return None
    if abs(power.aicc - saturating.aicc) < TELLING:
        return None
    return "power" if power.aicc < saturating.aicc else "saturating"


def pareto_front(costs: ArrayLike, scores: ArrayLike) -> NDArray[np.bool_]:
    """Which points (point,) no other beats: none costs less or the same and scores more or the same, one of it truly.

    Equal points do not beat each other. InputError where the arrays differ in shape or hold what is not finite.
    """
    cost, score = (np.asarray(values, np.float64) for values in (costs, scores))
    if cost.ndim != 1 or cost.shape != score.shape or not np.isfinite([*cost, *score]).all():
        raise InputError(f"A front needs as many finite costs as scores, got {cost.shape} and {score.shape}.")
    no_worse = (cost[:, None] <= cost) & (score[:, None] >= score)  # [a, b]: a is no worse than b in both
    truly = (cost[:, None] < cost) | (score[:, None] > score)
    beaten: NDArray[np.bool_] = np.any(no_worse & truly, axis=0)
    return ~beaten


@dataclass(frozen=True)
class Laws:
    """Both laws of n points, None for what cannot be fitted, and which of the two is `preferred`."""

    n: int
    power: PowerLaw | None = None
    saturating: SaturatingLaw | None = None
    preferred: str | None = None


def laws_of(sizes: Sequence[float], scores: Sequence[float], *, seed: int, resamples: int = 2000) -> Laws:
    """Both laws of the deficits 1 - score; a law with a floor is resampled 300 times at most."""
    deficits = 1 - np.asarray(scores, np.float64)
    points = len(set(sizes)) if bool((deficits > 0).all()) else 0
    if points < FEWEST:
        return Laws(len(deficits))
    power, floor = power_law(sizes, deficits, seed=seed, resamples=resamples), None
    if points >= FEWEST_FLOOR:
        floor = saturating_law(sizes, deficits, seed=seed, resamples=min(resamples, 300))
    return Laws(len(deficits), power, floor, preferred(power, floor))


def _logs(sizes: ArrayLike, deficits: ArrayLike, fewest: int) -> NDArray[np.float64]:
    """Logarithms (point, 2) of sizes and deficits; InputError where there is none or where they tell no slope."""
    pairs = [np.asarray(values, np.float64) for values in (sizes, deficits)]
    if pairs[0].ndim != 1 or pairs[0].shape != pairs[1].shape:
        raise InputError(f"A law needs as many sizes as deficits, got {pairs[0].shape} and {pairs[1].shape}.")
    if not (np.isfinite(pairs).all() and np.greater(pairs, 0).all()):
        raise InputError("A law is fitted in logarithms: sizes and deficits must be above 0 and finite.")
    if len(set(pairs[0].tolist())) < fewest:
        raise InputError(f"This law needs at least {fewest} different sizes, got {len(set(pairs[0].tolist()))}.")
    return np.log(np.stack(pairs, axis=1))


def _span(sizes: ArrayLike) -> tuple[float, float]:
    """The smallest and the largest size."""
    return float(np.min(sizes)), float(np.max(sizes))


def _line(logs: NDArray) -> tuple[float, float]:
    """Intercept and falling slope of the least-squares line; NaN where a resample has one size only."""
    x, y = logs.T
    spread = ((x - x.mean()) ** 2).sum()
    if spread < 1e-12:
        return float("nan"), float("nan")
    rise = ((x - x.mean()) * (y - y.mean())).sum() / spread
    return float(y.mean() - rise * x.mean()), float(-rise)


def _half_width(x: NDArray, residuals: NDArray, level: float = 0.95) -> float:
    """Half the width of the slope's interval by Student's t with n - 2 degrees of freedom."""
    free = len(x) - 2
    error = np.sqrt((residuals**2).sum() / free / ((x - x.mean()) ** 2).sum())
    from scipy import stats

    return float(stats.t.ppf(0.5 + level / 2, free) * error)


def _searched(logs: NDArray, share: float, start: NDArray | None = None) -> Any:
    """scipy's least-squares result for (height at the mean log size, slope, floor as a share of the least deficit)."""
    x, y = logs[:, 0] - logs[:, 0].mean(), logs[:, 1]
    least = np.exp(y.min())

    def residuals(law: NDArray) -> NDArray[np.float64]:
        return np.log(law[2] * least + np.exp(law[0] - law[1] * x)) - y

    if start is None:
        above = np.log(np.maximum(np.exp(y) - share * least, 1e-3 * least))
        height, slope = _line(np.stack([x, above], axis=1))
        start = np.array([height, np.clip(slope, 0.01, STEEPEST - 0.01), share])
    inside = np.clip(start, [-50, 1e-6, 1e-6], [50, STEEPEST - 1e-6, 1 - 1e-6])
    bounds = ([-np.inf, 0, 0], [np.inf, STEEPEST, 1])
    from scipy import optimize

    return optimize.least_squares(residuals, inside, bounds=bounds, x_scale=(1, 1, 1), xtol=1e-12, ftol=1e-12)


def _ends(logs: NDArray, best: NDArray, seed: int, resamples: int) -> list[tuple[float | None, float | None]]:
    """Ends of the 95 % bootstrap intervals of the slope and of the floor; resamples of too few sizes are left out."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(resamples):
        rows = logs[rng.integers(0, len(logs), len(logs))]
        if len(np.unique(rows[:, 0])) >= FEWEST:
            _, slope, share = _searched(rows, 0.0, best).x
            found.append((slope, share * np.exp(rows[:, 1].min())))
    if not found:
        return [(None, None)] * 2
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    return [(float(low[k]), float(high[k])) for k in range(2)]


def _rms(residuals: NDArray) -> float:
    return float(np.sqrt(np.mean(residuals**2)))
