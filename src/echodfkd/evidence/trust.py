"""Which evidence without labels to trust: rank correlations with true Dice, where truth is known.

A row is one segmenter on one clip: `segmenter`, `name`, any number of evidence (a number, or None where it cannot be
had; more is better), and `dice`, the true one or None. Evidence is named as it comes: whoever adds a column is judged
like the others. A name with a dot is part of the one before the dot.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.stats.intervals import bootstrap
from echodfkd.stats.ranks import spearman, spearman_of_columns

Row = Mapping[str, Any]
Cube = NDArray[np.float64]  # (clip, segmenter, 2): evidence and Dice, NaN where there is none

TRUTH = "dice"
NOT_EVIDENCE = ("segmenter", "name", TRUTH)


def summary(rows: Sequence[Row], *, seed: int = 0, resamples: int = 1000) -> dict[str, Any]:
    """Rows as one dictionary of plain numbers: each segmenter's means, and rank correlations where Dice is known.

    `names` and `evidence` keep the order in which they came. `segmenters` maps each to its mean of every evidence and
    of `dice` over its clips, `rank_correlation` each evidence to those of CORRELATIONS (None where no Dice is known).
    Each number has value, low, high (95 % bootstrap by clip) and n, the number of clips. Raises InputError without
    rows, or where one segmenter has a clip twice.
    """
    names, segmenters = _checked(rows)
    evidence = evidence_names(rows)
    known = any(row.get(TRUTH) is not None for row in rows)
    return plain(
        {
            "n": {"clips": len(names), "segmenters": len(segmenters), "seed": seed, "resamples": resamples},
            "evidence": evidence,
            "names": segmenters,
            "segmenters": {
                one: {key: _mean(rows, one, key, seed, resamples) for key in (*evidence, TRUTH)} for one in segmenters
            },
            "rank_correlation": {key: rank_correlations(rows, key, seed=seed, resamples=resamples) for key in evidence}
            if known
            else None,
        }
    )


def evidence_names(rows: Sequence[Row]) -> list[str]:
    """The names of all evidence in the rows, in the order in which they first come."""
    return list(dict.fromkeys(key for row in rows for key in row if key not in NOT_EVIDENCE))


def rank_correlations(
    rows: Sequence[Row], evidence: str, *, seed: int = 0, resamples: int = 1000
) -> dict[str, dict[str, Any] | None]:
    """Spearman's rank correlation of one evidence with true Dice, by each of CORRELATIONS, with intervals by clip.

    Whole clips are drawn, with all segmenters on them: the intervals tell what other clips would give, not what other
    segmenters would. None where it is not defined (fewer than three values, or equal ones).
    """
    cube = _cube(rows, evidence)
    return {name: _interval(cube, statistic, seed, resamples) for name, statistic in CORRELATIONS.items()}


def per_clip(cube: Cube) -> float:
    """Over all pairs of a segmenter and a clip."""
    return float(_of_known(cube.reshape(-1, 1, 2))[0])


def per_model(cube: Cube) -> float:
    """Over the segmenters, each by its means over the clips on which evidence and Dice are known."""
    known = _known(cube)
    counts = known.sum(axis=0)
    sums = np.where(known[..., None], cube, 0.0).sum(axis=0)
    return float(_of_known((sums[counts > 0] / counts[counts > 0][:, None])[:, None])[0])


def within_clip(cube: Cube) -> float:
    """Mean over the clips of the correlation over the segmenters on a clip: does it pick the better mask?"""
    return _mean_of(_of_known(cube.transpose(1, 0, 2)))


def across_clips(cube: Cube) -> float:
    """Mean over the segmenters of the correlation over a segmenter's clips: does it find the clips that failed?"""
    return _mean_of(_of_known(cube))


CORRELATIONS: dict[str, Callable[[Cube], float]] = {
    "per_clip": per_clip,
    "per_model": per_model,
    "within_clip": within_clip,
    "across_clips": across_clips,
}
"""What is correlated with what."""


def _of_known(cube: Cube) -> NDArray[np.float64]:
    """Spearman's rank correlation of every column of pairs (n, column, 2), of those that are finite: (column,).

    NaN for fewer than three, which tell nothing, or for equal values.
    """
    if len(cube) >= 3 and np.isfinite(cube).all():
        return spearman_of_columns(cube)
    known = [pairs[np.isfinite(pairs).all(axis=1)] for pairs in cube.transpose(1, 0, 2)]
    return np.array([spearman(pairs) if len(pairs) >= 3 else np.nan for pairs in known])


def _checked(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Names of the clips and of the segmenters, in order; InputError without rows, or for a pair that comes twice."""
    if not rows:
        raise InputError("Evidence needs at least one row, got none.")
    pairs = [(row["segmenter"], row["name"]) for row in rows]
    if twice := next((pair for pair in pairs if pairs.count(pair) > 1), None):
        raise InputError(
            f"Segmenter {twice[0]} has two rows for the clip {twice[1]}. Give every segmenter its own name."
        )
    return list(dict.fromkeys(name for _, name in pairs)), list(dict.fromkeys(one for one, _ in pairs))


def _cube(rows: Sequence[Row], evidence: str) -> Cube:
    """Evidence and Dice of every clip and segmenter."""
    names, segmenters = _checked(rows)
    cube = np.full((len(names), len(segmenters), 2), np.nan)
    for row in rows:
        values = [row.get(evidence), row.get(TRUTH)]
        cube[names.index(row["name"]), segmenters.index(row["segmenter"])] = [
            np.nan if value is None else value for value in values
        ]
    return cube


def _known(cube: Cube) -> NDArray[np.bool_]:
    """Where evidence and Dice are both known: (clip, segmenter)."""
    return np.asarray(np.isfinite(cube).all(axis=2))


def _interval(cube: Cube, statistic: Callable[[Cube], float], seed: int, resamples: int) -> dict[str, Any] | None:
    """A correlation with its interval and the clips behind it; None where it is not defined."""
    cube = cube[_known(cube).any(axis=1)]
    if not len(cube) or not np.isfinite(statistic(cube)):
        return None
    return asdict(bootstrap(cube, statistic, seed=seed, resamples=resamples))


def _mean(rows: Sequence[Row], segmenter: str, key: str, seed: int, resamples: int) -> dict[str, Any] | None:
    """The mean of a column over a segmenter's clips that have it."""
    values = [row[key] for row in rows if row["segmenter"] == segmenter and row.get(key) is not None]
    return asdict(bootstrap(values, seed=seed, resamples=resamples)) if values else None


def _mean_of(values: NDArray[np.float64]) -> float:
    """The mean of those that are defined; NaN where none is."""
    finite = values[np.isfinite(values)]
    return float(np.mean(finite)) if len(finite) else float("nan")
