"""Which evidence without labels to trust: rank correlations with true Dice, where truth is known.

Evidence is named as it comes, and more is better: whoever adds one is judged like the others. A name with a dot is part
of the one before the dot.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.evidence.records import TRUTH, ClipEvidence, Counts, Intervals, Judgement
from echodfkd.stats.intervals import bootstrap
from echodfkd.stats.ranks import spearman, spearman_of_columns
from echodfkd.tables import csv_text, read_rows

Cube = NDArray[np.float64]  # (clip, segmenter, 2): evidence and Dice, NaN where there is none
WORDS = ("segmenter", "name")
"""The columns of `label_free.csv` that are no numbers."""


def summary(rows: Sequence[ClipEvidence], *, seed: int = 0, resamples: int = 1000) -> Judgement:
    """Each segmenter's means over its clips, and by each of CORRELATIONS how evidence follows Dice where it is known.

    Each number has a 95 % interval by clip. Raises InputError without rows, or where one segmenter has a clip twice.
    """
    names, segmenters = _checked(rows)
    evidence, boot = evidence_names(rows), partial(bootstrap, seed=seed, resamples=resamples)

    def means(segmenter: str) -> Intervals:
        own = [row for row in rows if row.segmenter == segmenter]
        known = {key: [value for row in own if (value := row.of(key)) is not None] for key in (*evidence, TRUTH)}
        return {key: boot(values) if values else None for key, values in known.items()}

    found = Judgement(
        n=Counts(len(names), len(segmenters), seed=seed, resamples=resamples),
        evidence=tuple(evidence),
        names=tuple(segmenters),
        segmenters={one: means(one) for one in segmenters},
    )
    if all(row.dice is None for row in rows):
        return found
    ranks = {key: rank_correlations(rows, key, seed=seed, resamples=resamples) for key in evidence}
    return replace(found, rank_correlation=ranks)


def evidence_names(rows: Sequence[ClipEvidence]) -> list[str]:
    """The names of all evidence in the rows, in the order in which they first come."""
    return list(dict.fromkeys(key for row in rows for key in row.evidence))


def evidence_csv(rows: Sequence[ClipEvidence]) -> str:
    """`label_free.csv`: segmenter, name, evidence and dice of each row."""
    cells = ({"segmenter": row.segmenter, "name": row.name, **row.evidence, TRUTH: row.dice} for row in rows)
    return csv_text(cells, [*WORDS, *evidence_names(rows), TRUTH])


def read_evidence(path: Path) -> list[ClipEvidence]:
    """The rows of a `label_free.csv`."""
    rows = read_rows(path, WORDS)
    return [ClipEvidence(row.pop("segmenter"), row.pop("name"), dice=row.pop(TRUTH), evidence=row) for row in rows]


def rank_correlations(
    rows: Sequence[ClipEvidence], evidence: str, *, seed: int = 0, resamples: int = 1000
) -> Intervals:
    """Spearman's rank correlation of one evidence with true Dice, by each of CORRELATIONS, with intervals by clip.

    Whole clips are drawn, with all segmenters on them: the intervals tell what other clips would give, not what other
    segmenters would. None where it is not defined (fewer than three values, or equal ones).
    """
    cube = _cube(rows, evidence)
    known = cube[_known(cube).any(axis=1)]
    return {
        name: bootstrap(known, statistic, seed=seed, resamples=resamples)
        if len(known) and np.isfinite(statistic(known))
        else None
        for name, statistic in CORRELATIONS.items()
    }


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


def _checked(rows: Sequence[ClipEvidence]) -> tuple[list[str], list[str]]:
    """Names of the clips and of the segmenters, in order; InputError without rows, or for a pair that comes twice."""
    if not rows:
        raise InputError("Evidence needs at least one row, got none.")
    pairs = [(row.segmenter, row.name) for row in rows]
    if twice := next((pair for pair in pairs if pairs.count(pair) > 1), None):
        raise InputError(
            f"Segmenter {twice[0]} has two rows for the clip {twice[1]}. Give every segmenter its own name."
        )
    return list(dict.fromkeys(name for _, name in pairs)), list(dict.fromkeys(one for one, _ in pairs))


def _cube(rows: Sequence[ClipEvidence], evidence: str) -> Cube:
    """Evidence and Dice of every clip and segmenter."""
    names, segmenters = _checked(rows)
    cube = np.full((len(names), len(segmenters), 2), np.nan)
    for row in rows:
        pair = np.array([row.of(evidence), row.dice], np.float64)  # None becomes NaN
        cube[names.index(row.name), segmenters.index(row.segmenter)] = pair
    return cube


def _known(cube: Cube) -> NDArray[np.bool_]:
    """Where evidence and Dice are both known: (clip, segmenter)."""
    return np.asarray(np.isfinite(cube).all(axis=2))


def _mean_of(values: NDArray[np.float64]) -> float:
    """The mean of those that are defined; NaN where none is."""
    finite = values[np.isfinite(values)]
    return float(np.mean(finite)) if len(finite) else float("nan")
