"""Score against size: power laws of what a score lacks of 1, with and without a floor, and which points no other beats.

Laws are least-squares fits of the deficits' logarithms, so that halving a deficit counts the same wherever it happens.
SciPy is imported where it fits one: a light install has none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError
from echodfkd.stats.intervals import Interval

FEWEST, FEWEST_FLOOR = 3, 5
"""Different sizes that a law without and with a floor needs at least."""
STEEPEST = 5.0
"""Slopes that a law with a floor may have: steeper ones are a step, which points tell nothing about. By choice."""
STARTS = (0.01, 0.5, 0.8, 0.95, 0.99)
"""Floors, as shares of the smallest deficit, at which the search for the best one begins. By choice."""
AT_BOUND = 0.99
"""Share of the smallest deficit from which on the best point alone tells a floor: such a law is none. By choice."""


@dataclass(frozen=True)
class PowerLaw:
    """deficit = floor + amplitude * size^-slope, for sizes from `smallest` to `largest`; None: no floor.

    Slope and floor have 95 % intervals by Student's t from the residuals.
    """

    amplitude: float
    slope: Interval
    floor: Interval | None
    smallest: float
    largest: float

    def __call__(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Deficits that the law says of these sizes."""
        floor = 0.0 if self.floor is None else self.floor.value
        return floor + self.amplitude * np.asarray(sizes, np.float64) ** -self.slope.value


@dataclass(frozen=True)
class Laws:
    """Both laws of n points; None for what they do not tell."""

    n: int
    power: PowerLaw | None = None
    saturating: PowerLaw | None = None


def laws_of(sizes: ArrayLike, scores: ArrayLike) -> Laws:
    """Both laws of the deficits 1 - score (point,); none of them where a score is 1 or there are too few sizes."""
    deficits = 1 - np.asarray(scores, np.float64)
    points = len(np.unique(sizes)) if (deficits > 0).all() else 0
    power = power_law(sizes, deficits) if points >= FEWEST else None
    return Laws(len(deficits), power, saturating_law(sizes, deficits) if points >= FEWEST_FLOOR else None)


def power_law(sizes: ArrayLike, deficits: ArrayLike) -> PowerLaw:
    """The line through log deficit over log size. `sizes` and `deficits` are (point,), positive.

    InputError for fewer than three different sizes.
    """
    from scipy import stats

    x, y = _logs(sizes, deficits, FEWEST)
    line = stats.linregress(x, y)
    slope = _interval(-line.slope, line.stderr, len(x), parameters=2)
    return PowerLaw(float(np.exp(line.intercept)), slope, None, float(np.min(sizes)), float(np.max(sizes)))


def saturating_law(sizes: ArrayLike, deficits: ArrayLike) -> PowerLaw | None:
    """The law with a floor between 0 and the smallest deficit; None where the best point alone would be its floor.

    InputError for fewer than five different sizes.
    """
    from scipy import optimize, stats

    x, y = _logs(sizes, deficits, FEWEST_FLOOR)
    middle, least, n = x.mean(), float(np.exp(y.min())), len(x)

    def law(x: NDArray[np.float64], height: float, slope: float, share: float) -> NDArray[np.float64]:
        return np.log(share * least + np.exp(height - slope * (x - middle)))

    def searched(share: float) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Squared error, parameters and their deviations of the fit that is found from that floor on."""
        above = stats.linregress(x - middle, np.log(np.maximum(np.exp(y) - share * least, 1e-3 * least)))
        start = (above.intercept, np.clip(-above.slope, 0.01, STEEPEST - 0.01), share)
        limits = ([-np.inf, 0, 0], [np.inf, STEEPEST, 1])
        found, spread = optimize.curve_fit(law, x, y, start, bounds=limits, max_nfev=5000, xtol=1e-12, ftol=1e-12)
        return float(np.square(law(x, *found) - y).sum()), found, np.sqrt(np.diag(spread))

    _, (height, slope, share), errors = min((searched(share) for share in STARTS), key=lambda one: one[0])
    if share > AT_BOUND:
        return None
    amplitude = float(np.exp(height + slope * middle))
    floor = _interval(share * least, errors[2] * least, n, parameters=3)
    steepness = _interval(slope, errors[1], n, parameters=3)
    return PowerLaw(amplitude, steepness, floor, float(np.min(sizes)), float(np.max(sizes)))


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


def _logs(sizes: ArrayLike, deficits: ArrayLike, fewest: int) -> NDArray[np.float64]:
    """Logarithms (2, point) of sizes and deficits; InputError where there is none or where they tell no slope."""
    pairs = [np.asarray(values, np.float64) for values in (sizes, deficits)]
    if pairs[0].ndim != 1 or pairs[0].shape != pairs[1].shape:
        raise InputError(f"A law needs as many sizes as deficits, got {pairs[0].shape} and {pairs[1].shape}.")
    if not (np.isfinite(pairs).all() and np.greater(pairs, 0).all()):
        raise InputError("A law is fitted in logarithms: sizes and deficits must be above 0 and finite.")
    if (different := len(np.unique(pairs[0]))) < fewest:
        raise InputError(f"This law needs at least {fewest} different sizes, got {different}.")
    return np.log(np.stack(pairs))


def _interval(value: float, error: float, n: int, parameters: int) -> Interval:
    """A fitted value with its 95 % interval by Student's t; no ends where the points do not tell its error."""
    from scipy import stats

    half = float(stats.t.ppf(0.975, n - parameters) * error)
    low, high = (float(value) - half, float(value) + half) if np.isfinite(half) else (None, None)
    return Interval(float(value), low, high, n)
