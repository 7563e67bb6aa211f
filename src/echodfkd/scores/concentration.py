"""Whether a few clips carry most of the error: shares of squared error against shares of the clips (supplement 4).

A steep end of that curve is nothing special: squared errors that are normal about zero, the same law for every clip,
already put 56 % of their sum on the worst 15 % of the clips. So that law stands beside every number.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from echodfkd.errors import InputError
from echodfkd.scores.metrics import ERRORS, Row
from echodfkd.scores.records import Concentration
from echodfkd.scores.scorecard import patient_groups
from echodfkd.stats.intervals import Interval, bootstrap

WORST = 0.15
"""Share of the clips that the supplement names."""
LEVEL = 0.95
"""Share of the test sets whose errors are normal that their range holds."""
NORMAL_GINI = 2 / np.pi
"""Gini coefficient of chi-square with one degree of freedom, the law of a squared normal error."""


def clip_error(row: Row, error: str) -> float | None:
    """One clip's error out of ERRORS, None where it cannot be had; InputError for an unknown name."""
    if error not in ERRORS:
        raise InputError(f"An error is one of {', '.join(ERRORS)}, got {error!r}.")
    return ERRORS[error].of(row)


def known_errors(rows: Sequence[Row], error: str) -> NDArray[np.float64]:
    """The errors (clip,) of those clips that have one."""
    found = (clip_error(row, error) for row in rows)
    return np.array([value for value in found if value is not None], np.float64)


def lorenz_curve(errors: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the clips (clip + 1,) and share of the squared error that those with the least of it carry, both 0..1.

    `errors` (clip,) may have a sign. The second is NaN but for its start where no clip has any error.
    """
    squares = np.sort(_checked(errors) ** 2)
    total = squares.sum()
    carried = np.cumsum(squares) / (total if total > 0 else np.nan)
    return np.linspace(0, 1, len(squares) + 1), np.concatenate([[0.0], carried])


def worst_share(errors: ArrayLike, share: float = WORST) -> float:
    """Share of the squared error that the worst `share` of the clips carries, read off the curve; NaN without error."""
    if not 0 < share < 1:
        raise InputError(f"The worst clips are a share between 0 and 1, got {share}.")
    return 1 - float(np.interp(1 - share, *lorenz_curve(errors)))


def gini(errors: ArrayLike) -> float:
    """Gini coefficient of the squared errors: 0 where all are equal, (n - 1) / n where one clip has all the error.

    It is 1 less twice the area below the curve.
    """
    return 1 - 2 * float(np.trapezoid(lorenz_curve(errors)[1], dx=1 / len(np.asarray(errors))))


def normal_curve(share: ArrayLike) -> NDArray[np.float64]:
    """Share of the squared error that the best `share` (0..1) of the clips carries where errors are normal about zero.

    Squared, such errors have the law of chi-square with one degree of freedom; x times its density is the density with
    three, so the curve is the distribution function of the second at the quantile of the first.
    """
    return np.asarray(stats.chi2.cdf(stats.chi2.ppf(share, 1), 3))


def normal_errors(n: int, *, seed: int, draws: int = 2000) -> dict[str, Interval]:
    """What `n` clips with errors normal about zero give: `worst` and `gini`.

    The value is that of endlessly many clips; low and high hold 95 % of `draws` test sets of `n` clips each.
    """
    squares = np.random.default_rng(seed).standard_normal((draws, n))
    found = {"worst": [worst_share(row) for row in squares], "gini": [gini(row) for row in squares]}
    value = {"worst": 1 - float(normal_curve(1 - WORST)), "gini": NORMAL_GINI}
    ends = {name: np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]) for name, drawn in found.items()}
    return {name: Interval(value[name], float(low), float(high), n) for name, (low, high) in ends.items()}


def concentration(rows: Sequence[Row], *, seed: int = 0, resamples: int = 2000) -> dict[str, Concentration | None]:
    """How unevenly each of ERRORS is spread over the clips; None for an error that no clip has.

    `worst` is the share of the squared error that the worst 15 % of the clips carry, `gini` its coefficient, both
    with bootstrap intervals by clip, or by patient where one has several clips. `normal` holds both where errors are
    normal about zero, with the range that as many clips then give; `equal` where every clip has the same error. Below
    some 30 clips both scores come out low.
    """
    return {name: _spread(rows, name, seed, resamples) for name in ERRORS}


def _spread(rows: Sequence[Row], name: str, seed: int, resamples: int) -> Concentration | None:
    known = [row for row in rows if clip_error(row, name) is not None]
    errors = known_errors(known, name)
    if not len(errors):
        return None
    boot = partial(bootstrap, errors, seed=seed, resamples=resamples, groups=patient_groups(known))
    normal = normal_errors(len(errors), seed=seed, draws=resamples)
    equal = {"worst": WORST, "gini": 0.0}
    return Concentration(len(errors), WORST, boot(worst_share), boot(gini), normal, equal)


def _checked(errors: ArrayLike) -> NDArray[np.float64]:
    """The errors as float64 (clip,); InputError unless there is one finite number per clip and at least one clip."""
    array = np.asarray(errors, np.float64)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise InputError(f"Errors must be one finite number per clip, got {array.dtype} {array.shape}.")
    return array
