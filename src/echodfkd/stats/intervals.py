"""How sure a number is: percentile bootstrap intervals that resample clips (or patients), never frames."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError
from echodfkd.stats.ranks import spearman, spearman_of_columns

Statistic = Callable[[NDArray], float]
Groups = Sequence[Hashable] | None

AT_ONCE: dict[Statistic, Callable[[NDArray], NDArray[np.float64]]] = {
    np.mean: lambda rows: rows.reshape(len(rows), -1).mean(axis=1),
    spearman: lambda rows: spearman_of_columns(rows.swapaxes(0, 1)),
}
"""Statistics that are had of many resamples (resample, clip, ...) at once, in a fraction of the time."""
MOST_ROWS = 2**18
"""Entries of that many resampled clips are in memory at once."""


@dataclass(frozen=True)
class Interval:
    """A value, the ends of its interval, and the number of clips behind it. One clip alone has no ends: None."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Difference(Interval):
    """An interval of a difference, and the two-sided p-value of "the two are alike"; None where there are no ends."""

    p: float | None = None


def bootstrap(
    values: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
    groups: Groups = None,
) -> Interval:
    """The statistic of `values` with its percentile bootstrap interval (Efron 1979), resampling the first axis.

    `values` has one entry per clip: (clip,) numbers or (clip, k) rows such as pixel counts or (predicted, true) pairs.
    Frames of one clip resemble each other, so resampling frames would give intervals that are far too narrow. So do
    clips of one patient: with `groups`, a label per clip, whole groups are drawn (the cluster bootstrap; Davison and
    Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). `n` counts clips in both cases; a single group
    has no ends. Resamples on which the statistic is not finite (a correlation of equal values) are left out.
    """
    array = _checked(values, level, resamples)
    members = _members(groups, len(array))
    value, n = float(statistic(array)), len(array)
    if len(members.sizes) == 1:
        return Interval(value, None, None, n)
    drawn = _resampled(array, statistic, members, np.random.default_rng(seed), resamples)
    if not len(drawn):
        return Interval(value, None, None, n)
    low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)])
    return Interval(value, float(low), float(high), n)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
    groups: Groups = None,
) -> Difference:
    """The statistic of `a` minus that of `b`, two models on the same clips in the same order, with interval and p.

    The interval resamples clips (groups, where given) with both their entries: what makes a clip easy or hard for both
    models cancels out, so it is narrower than that of two separate intervals. `p` is that of the swap test: the models'
    entries are exchanged at random for each clip (each group), as if it did not matter whose they were, and `p` is the
    share of exchanges with a difference at least as large in size, (1 + k) / (1 + resamples) so that it is never 0
    (Phipson and Smyth, Stat Appl Genet Mol Biol 2010;9:39). For means this is the sign-flip test of the differences.
    Entries must be finite: leave out a clip that either model lacks, and say how many.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError(
            f"Paired models need finite entries for the same clips, got shapes {first.shape} and {second.shape}. "
            "Leave out the clips that either lacks."
        )
    pairs = np.stack([first, second], axis=1) if first.ndim else first

    def difference(rows: NDArray) -> float:
        return float(statistic(rows[:, 0])) - float(statistic(rows[:, 1]))

    found = bootstrap(pairs, difference, seed=seed, level=level, resamples=resamples, groups=groups)
    if found.low is None:
        return Difference(found.value, None, None, found.n)
    members, rng = _members(groups, len(pairs)), np.random.default_rng([seed, 1])
    swapped = _swapped(pairs, difference, members, rng, resamples)
    # Sums in another order differ in the last digits: what is equal must count as at least as large.
    as_large = np.count_nonzero(np.abs(swapped) >= abs(found.value) * (1 - 1e-9) - 1e-15)
    return Difference(found.value, found.low, found.high, found.n, (1 + as_large) / (1 + len(swapped)))


@dataclass(frozen=True)
class _Members:
    """Rows by group: `order` lists the rows group after group, `starts` and `sizes` where each group lies in it."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]
    of: NDArray[np.intp]  # group of each row

    @property
    def grouped(self) -> bool:
        """Whether any group has more than one row; else every row is its own, in the order of the rows."""
        return len(self.sizes) < len(self.order)

    def rows(self, drawn: NDArray) -> NDArray[np.intp]:
        """The rows of the drawn groups, each as often as it was drawn."""
        if not self.grouped:
            return drawn
        sizes = self.sizes[drawn]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self.order[np.repeat(self.starts[drawn], sizes) + within]


def _members(groups: Groups, rows: int) -> _Members:
    """The groups in the order in which they first appear; every row its own without `groups`."""
    labels = range(rows) if groups is None else groups
    if len(labels) != rows:
        raise InputError(f"Groups must name one patient for each of the {rows} clips, got {len(labels)} labels.")
    place = {label: n for n, label in enumerate(dict.fromkeys(labels))}
    of = np.array([place[label] for label in labels], np.intp)
    sizes = np.bincount(of)
    return _Members(np.argsort(of, kind="stable"), np.cumsum(sizes) - sizes, sizes, of)


def _checked(values: ArrayLike, level: float, resamples: int) -> NDArray:
    array = np.asarray(values)
    if array.ndim == 0 or len(array) == 0:
        raise InputError(f"An interval needs at least one clip, got an array of shape {array.shape}.")
    if not 0 < level < 1 or resamples < 1:
        raise InputError(f"An interval needs 0 < level < 1 and resamples >= 1, got {level} and {resamples}.")
    return array


def _resampled(
    array: NDArray, statistic: Statistic, members: _Members, rng: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """The finite values of the statistic on that many draws of as many groups, with replacement."""
    draws = rng.integers(0, len(members.sizes), (resamples, len(members.sizes)))
    at_once = AT_ONCE.get(statistic)
    if at_once is None or members.grouped:
        drawn = np.array([statistic(array[members.rows(draw)]) for draw in draws], np.float64)
    else:
        few = range(0, resamples, max(1, MOST_ROWS // len(array)))
        drawn = np.concatenate([at_once(array[draws[start : start + few.step]]) for start in few])
    return drawn[np.isfinite(drawn)]


def _swapped(
    pairs: NDArray, difference: Statistic, members: _Members, rng: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """The finite differences after that many exchanges of the two models' entries (axis 1), group by group."""
    swaps = rng.integers(0, 2, (resamples, len(members.sizes)), np.int8).astype(np.bool_)[:, members.of]
    both = (pairs, pairs[:, ::-1])
    mixed = np.array([difference(_where(swap, *both)) for swap in swaps], np.float64)
    return mixed[np.isfinite(mixed)]


def _where(chosen: NDArray[np.bool_], other: NDArray, taken: NDArray) -> NDArray:
    """Rows of `taken` where chosen, of `other` elsewhere."""
    return np.where(chosen.reshape(-1, *(1,) * (taken.ndim - 1)), taken, other)
