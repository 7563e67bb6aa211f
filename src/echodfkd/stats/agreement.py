"""How well two ways to measure the same thing agree: errors, correlation, and the limits of Bland and Altman.

Pairs are (clip, 2): what was predicted, then what is true.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echodfkd.stats.intervals import Groups, Interval

LIMIT = 1.96
"""Standard deviations from the bias to the limits of agreement: 95 % of normal differences lie between them."""


def correlation(pairs: NDArray) -> float:
    """Pearson's r between the columns; NaN where one of them does not vary."""
    a, b = pairs.T - pairs.mean(axis=0)[:, None]
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 1e-12 else float("nan")


def explained(pairs: NDArray) -> float:
    """Coefficient of determination, 1 - squared error / spread of the truth; NaN where the truth does not vary."""
    error, spread = ((pairs[:, 0] - pairs[:, 1]) ** 2).sum(), ((pairs[:, 1] - pairs[:, 1].mean()) ** 2).sum()
    return float(1 - error / spread) if spread > 1e-12 else float("nan")


STATISTICS: dict[str, Callable[[NDArray], float]] = {
    "mae": lambda pairs: float(np.abs(pairs[:, 0] - pairs[:, 1]).mean()),
    "bias": lambda pairs: float((pairs[:, 0] - pairs[:, 1]).mean()),
    "rmse": lambda pairs: float(np.sqrt(((pairs[:, 0] - pairs[:, 1]) ** 2).mean())),
    "correlation": correlation,
    "r2": explained,
}
"""What is reported of pairs. `r2` is not the square of `correlation`: it counts bias and scale as errors."""


def deviation(pairs: NDArray) -> float:
    """Standard deviation of the differences of at least two pairs, n - 1 in the denominator."""
    return float((pairs[:, 0] - pairs[:, 1]).std(ddof=1))


LIMITS: dict[str, Callable[[NDArray], float]] = {
    "bias": STATISTICS["bias"],
    "sd": deviation,
    "lower": lambda pairs: STATISTICS["bias"](pairs) - LIMIT * deviation(pairs),
    "upper": lambda pairs: STATISTICS["bias"](pairs) + LIMIT * deviation(pairs),
}
"""What `bland_altman` reports of pairs."""


@dataclass(frozen=True)
class BlandAltman:
    """Bias (mean of predicted - true), standard deviation of the differences, and the two limits of agreement."""

    bias: Interval
    sd: Interval
    lower: Interval
    upper: Interval


def bland_altman(pairs: NDArray, boot: Callable[..., Interval], groups: Groups = None) -> BlandAltman | None:
    """Limits of agreement, bias -+ 1.96 SD (n - 1 in the SD), of (predicted, true) pairs (clip, 2), with intervals.

    None for fewer than two pairs: one difference has no spread. The limits tell where 95 % of differences lie as far as
    those are normal and alike over the range; look at the figure. Source: Bland and Altman, Lancet 1986;327:307-310.
    `boot` is `bootstrap` with its draws: intervals are by clip, or by group, instead of Bland and Altman's normal
    approximation. With groups the differences of all clips are still taken together.
    """
    if len(pairs) < 2:
        return None
    return BlandAltman(**{name: boot(pairs, statistic, groups=groups) for name, statistic in LIMITS.items()})
