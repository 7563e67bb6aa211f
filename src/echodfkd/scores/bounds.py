"""How good a score can be, given how far annotators stray from themselves (the paper's supplement, section 2).

Two rounds of annotation are Z1 = Y + X1 and Z2 = Y + X2: Y is what the annotator tends to, X1 and X2 are centred,
independent and alike. A perfect model says Y and is compared with one round: its error is X. Such a bound holds for
labels of one annotation each, on the population that the rounds were made on. A model can beat it by chance on few
clips, or where the test labels are means of several rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.special import expit

from echodfkd.errors import InputError
from echodfkd.scores.records import Histogram, NoiseFamily, Rounds
from echodfkd.stats.intervals import Groups, Interval, bootstrap

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
class IntraAnnotator:
    """How far annotators stray from themselves, as published: EF deviation (points) and correlation, and by whom."""

    who: str
    ef_sd: float
    ef_correlation: float

    @property
    def rmse_floor(self) -> float:
        """The least RMSE (points) of a perfect model."""
        return rmse_floor(self.ef_sd)

    @property
    def correlation_ceiling(self) -> float:
        """The highest correlation of a perfect model; its square is the highest R2."""
        return correlation_ceiling(self.ef_correlation)


CAMUS = IntraAnnotator("CAMUS, intra-annotator", 5.7, 0.801)
PUBLISHED_FRAME_FLOORS = {"ed": 2.4, "es": 2.0}
"""Frames: expected distance of an annotator from what he tends to, as the supplement found it on EchoNet-Dynamic."""


# How an annotator chooses a frame: a narrow discrete distribution, and now and then any frame at all.


def laplace(frames: NDArray[np.int64], scale: float) -> Weights:
    """Weights exp(-|k| / scale): the discrete Laplace distribution, unnormalised."""
    return np.exp(-np.abs(frames) / scale)


def gaussian(frames: NDArray[np.int64], scale: float) -> Weights:
    """Weights exp(-k^2 / (2 scale^2)): the discrete Gaussian, unnormalised."""
    return np.exp(-0.5 * (frames / scale) ** 2)


def uniform(frames: NDArray[np.int64], scale: float) -> Weights:
    """Weights 1 up to `scale` frames from 0 and a fraction on the next, so that `scale` may be any number above 0."""
    return np.clip(scale - np.abs(frames) + 1, 0.0, 1.0)


def student_t(frames: NDArray[np.int64], scale: float, freedom: float) -> Weights:
    """Weights (1 + (k / scale)^2 / freedom)^(-(freedom + 1) / 2): Student's t on whole numbers, unnormalised."""
    return (1 + (frames / scale) ** 2 / freedom) ** (-(freedom + 1) / 2)


FAMILIES: dict[str, tuple[Callable[..., Weights], int]] = {
    "laplace": (laplace, 1),
    "gaussian": (gaussian, 1),
    "uniform": (uniform, 1),
    "student t": (student_t, 2),
}
"""The narrow part's weights by name, with the number of parameters it has, the scale (frames) first."""


@dataclass(frozen=True)
class ChoiceNoise:
    """How far from the frame that he tends to an annotator's choice falls: a distribution on whole frames.

    The share `astray` of choices is uniform on -half_width..half_width frames; the others follow the family.
    """

    family: str
    parameters: tuple[float, ...]
    astray: float
    half_width: int

    def shares(self, reach: int) -> Weights:
        """P(X = k) for k = -reach..reach; what lies beyond (of a heavy tail) is left out and the rest sums to 1."""
        frames = np.arange(-reach, reach + 1)
        narrow = FAMILIES[self.family][0](frames, *self.parameters)
        wide = (np.abs(frames) <= self.half_width).astype(np.float64)
        return (1 - self.astray) * narrow / narrow.sum() + self.astray * wide / wide.sum()

    def difference_shares(self, reach: int) -> Weights:
        """P(X1 - X2 = d) for d = -2 reach..2 reach: X is symmetric, so its shares convolved with themselves."""
        shares = self.shares(reach)
        return np.convolve(shares, shares)

    def mean_distance(self, reach: int) -> float:
        """E|X| in frames: the floor of a frame distance, since a perfect model says Y and the label Y + X."""
        return float(np.abs(np.arange(-reach, reach + 1)) @ self.shares(reach))


@dataclass(frozen=True)
class Fit:
    """Choice noise fitted to differences of two rounds: the noise, its log-likelihood, AIC, and its reach (frames)."""

    noise: ChoiceNoise
    log_likelihood: float
    aic: float
    reach: int

    @property
    def floor(self) -> float:
        """E|X| in frames."""
        return self.noise.mean_distance(self.reach)


HALF_WIDTHS = (10, 15, 25, 40, 60, 100)
"""Half-widths (frames) that are tried for the uniform part; the best by likelihood counts as one parameter."""
LEAST_ROUNDS = 30
"""Fewer differences are refused: a share astray of some per cent would not even show. By choice."""


def fit_choice_noise(differences: ArrayLike, family: str = "laplace", half_widths: Sequence[int] = HALF_WIDTHS) -> Fit:
    """The most likely ChoiceNoise of a family for whole-frame differences Z1 - Z2 of two rounds, (clip,) integers.

    The likelihood is that of X1 - X2 (`scipy.optimize.minimize`, Nelder-Mead, from a narrow and a wide start).
    """
    counts = _counts(_whole(differences))
    reach = max(*half_widths, len(counts) // 2)
    fits = [_fitted(counts, family, width, reach) for width in half_widths]
    return max(fits, key=lambda fit: fit.log_likelihood)


def compare_families(differences: ArrayLike, half_widths: Sequence[int] = HALF_WIDTHS) -> dict[str, Fit]:
    """A Fit of every family, best first by Akaike's criterion, 2 x parameters - 2 x log-likelihood (Akaike 1974)."""
    fits = {name: fit_choice_noise(differences, name, half_widths) for name in FAMILIES}
    return dict(sorted(fits.items(), key=lambda item: item[1].aic))


def distance_floor(
    differences: ArrayLike, fit: Fit, *, seed: int, resamples: int = 200, groups: Groups = None
) -> Interval:
    """E|X| in frames of a fit to those differences, with a bootstrap interval by clip (its half-width is kept).

    Each resample is fitted anew, from the fit as start. `groups` names the clip (or patient) of each difference where
    one has several.
    """
    noise, values = fit.noise, _whole(differences)

    def floor(drawn: NDArray[np.int64]) -> float:
        counts = _counts(drawn)
        reach = max(fit.reach, len(counts) // 2)
        return _fitted(counts, noise.family, noise.half_width, reach, (_free(noise),)).floor

    found = bootstrap(values, floor, seed=seed, resamples=resamples, groups=groups)
    return Interval(fit.floor, found.low, found.high, found.n)


def rounds_bounds(differences: ArrayLike, *, seed: int = 0, resamples: int = 200, groups: Groups = None) -> Rounds:
    """The floor of the frame distance from two rounds' differences (frames).

    `bias` (mean difference: two annotators who differ on purpose are not alike, and the model does not hold),
    `rmse_floor` (frames), `families` (AIC less the best's, floor, share astray, half-width, parameters), the `best` and
    its `floor` (frames). `histogram` has the differences, their share and the best fit's. `groups` names the clip (or
    patient) of each difference where one has several.
    """
    values = _whole(differences)
    fits = compare_families(values)
    best = next(iter(fits.values()))
    return Rounds(
        n=len(values),
        bias=bootstrap(values, seed=seed, resamples=resamples, groups=groups),
        rmse_floor=rmse_floor(float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))),
        best=best.noise.family,
        families={name: _told(fit, best.aic) for name, fit in fits.items()},
        floor=distance_floor(values, best, seed=seed, resamples=resamples, groups=groups),
        histogram=_histogram(values, best),
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


def _counts(values: NDArray[np.int64]) -> Weights:
    """How often each difference -m..m occurs, m the largest: (2 m + 1,)."""
    largest = int(np.abs(values).max())
    return np.bincount(values + largest, minlength=2 * largest + 1).astype(np.float64)


def _free(noise: ChoiceNoise) -> Weights:
    """A ChoiceNoise's numbers without limits: the logit of the share astray, the parameters' logarithms."""
    share = float(np.clip(noise.astray, 1e-4, 0.9))
    return np.array([np.log(share / (1 - share)), *np.log(noise.parameters)])


def _noise(free: Weights, family: str, half_width: int) -> ChoiceNoise:
    """The ChoiceNoise of `_free`'s numbers, held within what floating point can carry."""
    parameters = np.exp(np.clip(free[1:], -4, 8))
    return ChoiceNoise(family, tuple(map(float, parameters)), float(expit(np.clip(free[0], -30, 30))), half_width)


def _fitted(counts: Weights, family: str, half_width: int, reach: int, starts: Sequence[Weights] | None = None) -> Fit:
    """The most likely noise of that family and half-width for counted differences."""
    loss = partial(_loss, counts=counts, family=family, half_width=half_width, reach=reach)
    begun = _starts(counts, family) if starts is None else starts
    found = min((_minimum(loss, start) for start in begun), key=lambda result: result.fun)
    parameters = len(found.x) + 1  # the half-width is chosen too
    return Fit(_noise(found.x, family, half_width), float(-found.fun), float(2 * parameters + 2 * found.fun), reach)


def _minimum(loss: Callable[[Weights], float], start: Weights) -> OptimizeResult:
    """The loss's minimum near `start`, by Nelder and Mead with first steps of one half in every direction."""
    simplex = np.vstack([start, start + 0.5 * np.eye(len(start))])
    return minimize(loss, start, method="Nelder-Mead", options={"initial_simplex": simplex})


def _starts(counts: Weights, family: str) -> tuple[Weights, ...]:
    """Where to begin: the scale from the median and from twice the mean distance of the two rounds, few astray."""
    distance = np.abs(np.arange(len(counts)) - len(counts) // 2)
    order = np.argsort(distance)
    median = distance[order][np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2)]
    scales = (max(float(median), 0.5), 2 * float(distance @ counts / counts.sum()) + 0.5)
    rest = [3.0] * (FAMILIES[family][1] - 1)
    return tuple(np.array([-3.5, *np.log([scale, *rest])]) for scale in scales)


def _loss(free: Weights, *, counts: Weights, family: str, half_width: int, reach: int) -> float:
    """Negative log-likelihood of the counted differences."""
    shares = _noise(free, family, half_width).difference_shares(reach)
    middle, half = 2 * reach, len(counts) // 2
    seen = shares[middle - half : middle + half + 1]
    return float(-(counts @ np.log(np.maximum(seen, 1e-300))))


def _told(fit: Fit, best: float) -> NoiseFamily:
    noise = fit.noise
    return NoiseFamily(fit.aic - best, fit.log_likelihood, fit.floor, noise.astray, noise.half_width, noise.parameters)


def _histogram(values: NDArray[np.int64], fit: Fit) -> Histogram:
    """The differences -m..m, the share of clips at each, and the share the fit expects."""
    counts = _counts(values)
    half, middle = len(counts) // 2, 2 * fit.reach
    expected = fit.noise.difference_shares(fit.reach)[middle - half : middle + half + 1]
    shares = counts / counts.sum()
    return Histogram(tuple(range(-half, half + 1)), tuple(shares.tolist()), tuple(expected.tolist()))
