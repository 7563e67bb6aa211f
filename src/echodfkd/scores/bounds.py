"""How good a score can be, given how far annotators stray from themselves (the paper's supplement, section 2).

Two rounds of annotation are Z1 = Y + X1 and Z2 = Y + X2: Y is what the annotator tends to, X1 and X2 are centred,
independent and alike. A perfect model says Y and is compared with one round: its error is X.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from echodfkd.errors import InputError
from echodfkd.scores.records import Rounds
from echodfkd.stats.intervals import Groups, Interval, bootstrap

CAMUS_EF_SD, CAMUS_EF_CORRELATION = 5.7, 0.801
"""Deviation (points) and correlation of two sessions of CAMUS's annotators on the ejection fraction, as published."""
PUBLISHED_FRAME_FLOORS = {"ed": 2.4, "es": 2.0}
"""Frames: expected distance of an annotator from what he tends to, as the supplement found it on EchoNet-Dynamic."""
HALF_WIDTHS = (10, 15, 25, 40, 60, 100)
"""Half-widths (frames) that are tried for the uniform part."""
LEAST_ROUNDS = 30
"""Fewer differences are refused: a share astray of some per cent would not even show. By choice."""

Weights = NDArray[np.float64]


def rmse_floor(intra_sd: float) -> float:
    """The least RMSE that a perfect model gets against single annotations, in the unit of `intra_sd`.

    That is the deviation of one session from the other, Z2 - Z1 = X2 - X1, so sd(X) = sd / sqrt(2) (CAMUS: 5.7 gives
    4.03).
    """
    if not 0 <= intra_sd < np.inf:
        raise InputError(f"An intra-annotator deviation must be 0 or more, got {intra_sd}.")
    return float(intra_sd / np.sqrt(2))


def correlation_ceiling(intra_correlation: float) -> float:
    """The highest correlation of a perfect model with single annotations, from that of one session with the other.

    The latter is the share of the variance that is Y's, so the ceiling is its root (CAMUS: 0.801 gives 0.895). Its
    square is the highest coefficient of determination.
    """
    if not 0 <= intra_correlation <= 1:
        raise InputError(f"An intra-annotator correlation must lie in 0..1, got {intra_correlation}.")
    return float(np.sqrt(intra_correlation))


@dataclass(frozen=True)
class ChoiceNoise:
    """X of a chosen frame: discrete Laplace of that `scale` (frames), a share `astray` uniform on +-half_width."""

    scale: float
    astray: float
    half_width: int

    def shares(self, reach: int) -> Weights:
        """P(X = k) for k = -reach..reach; what lies beyond is left out and the rest sums to 1."""
        distance = np.abs(np.arange(-reach, reach + 1))
        narrow, wide = np.exp(-distance / self.scale), (distance <= self.half_width).astype(np.float64)
        return (1 - self.astray) * narrow / narrow.sum() + self.astray * wide / wide.sum()

    def difference_shares(self, reach: int) -> Weights:
        """P(X1 - X2 = d) for d = -2 reach..2 reach: X is symmetric, so its shares convolved with themselves."""
        shares = self.shares(reach)
        return np.convolve(shares, shares)

    @property
    def mean_distance(self) -> float:
        """E|X| in frames: the floor of a frame distance, since a perfect model says Y and the label Y + X."""
        reach = max(self.half_width, round(40 * self.scale))
        return float(np.abs(np.arange(-reach, reach + 1)) @ self.shares(reach))


def fit_choice_noise(differences: ArrayLike, half_widths: Sequence[int] = HALF_WIDTHS) -> ChoiceNoise:
    """The most likely ChoiceNoise for whole-frame differences Z1 - Z2 of two rounds, (event,) integers.

    The likelihood is that of X1 - X2, its maximum Nelder and Mead's for every half-width. InputError for fewer than 30
    differences, or what are none.
    """
    values = _whole(differences)
    distances, counts = np.unique(np.abs(values), return_counts=True)
    scale = max(float(np.median(np.abs(values))), 0.5)

    def fitted(half_width: int) -> tuple[float, ChoiceNoise]:
        """Negative log-likelihood and noise of that half-width."""
        reach = max(half_width, int(distances[-1]))

        def noise(free: Weights) -> ChoiceNoise:
            return ChoiceNoise(float(np.exp(free[0])), float(free[1]), half_width)

        def loss(free: Weights) -> float:
            shares = noise(free).difference_shares(reach)[2 * reach + distances]
            return float(-(counts @ np.log(np.maximum(shares, 1e-300))))

        limits = ((-3, 5), (0, 0.9))
        found = optimize.minimize(loss, (np.log(scale), 0.03), method="Nelder-Mead", bounds=limits)
        return float(found.fun), noise(found.x)

    return min((fitted(width) for width in half_widths), key=lambda one: one[0])[1]


def rounds_bounds(differences: ArrayLike, *, seed: int = 0, resamples: int = 200, groups: Groups = None) -> Rounds:
    """The floor of the frame distance from two rounds' differences (frames), with intervals by bootstrap.

    Each resample is fitted anew, its half-width kept. `groups` names the clip (or patient) of each difference where one
    has several.
    """
    values = _whole(differences)
    noise = fit_choice_noise(values)

    def floor(drawn: NDArray[np.int64]) -> float:
        return fit_choice_noise(drawn, (noise.half_width,)).mean_distance

    found = bootstrap(values, floor, seed=seed, resamples=resamples, groups=groups)
    return Rounds(
        n=len(values),
        bias=bootstrap(values, seed=seed, resamples=resamples, groups=groups),
        rmse_floor=rmse_floor(float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))),
        floor=Interval(noise.mean_distance, found.low, found.high, found.n),
        scale=noise.scale,
        astray=noise.astray,
        half_width=noise.half_width,
    )


def round_differences(
    first: Mapping[str, Sequence[int]], second: Mapping[str, Sequence[int]]
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """First minus second round's frames by clip, in order of time, and the clips whose rounds do not pair.

    Clips in one round only are left out silently; clips with different numbers of events cannot be paired without
    choosing, and are named.
    """
    both = sorted(first.keys() & second.keys())
    uneven = tuple(name for name in both if len(first[name]) != len(second[name]))
    pairs = {name: zip(sorted(first[name]), sorted(second[name]), strict=False) for name in both if name not in uneven}
    return {name: tuple(int(a) - int(b) for a, b in pair) for name, pair in pairs.items()}, uneven


def _whole(differences: ArrayLike) -> NDArray[np.int64]:
    """The differences as integers; InputError where they are not whole, too few, or absurd."""
    values = np.asarray(differences)
    numeric = values.dtype.kind in "iuf" and values.ndim == 1 and bool(np.isfinite(values).all())
    if not numeric or (values != np.round(values)).any() or (np.abs(values) > 5000).any():
        raise InputError("Differences of two rounds must be a list of whole frames, none above 5000.")
    if len(values) < LEAST_ROUNDS:
        raise InputError(f"A fit of the frame choice needs {LEAST_ROUNDS} events marked twice, got {len(values)}.")
    return values.astype(np.int64)
