"""The one threshold that turns a student's probabilities into masks, chosen on validation clips."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Masks, Segmenter, evenly_spread
from echodfkd.distill.mixture import Pair
from echodfkd.store.store import Store

GRID = np.arange(5, 100, 5) / 100
"""The thresholds tried."""
CLIPS = 32
"""Clips looked at, at most, evenly spread over the validation clips: more would move the choice by less than a step."""


def choose_threshold(
    student: Segmenter, clips: Store, labels: Store, split: str = "validation", others: Sequence[Pair] = ()
) -> float:
    """The threshold out of 0.05, 0.10 .. 0.95 with the best mean per-frame Dice against the teacher cut at one half.

    The student is used as it will be: whole clips, from their first frame, at their own size. One threshold serves all
    structures and phases, as in the paper; of equals, the one nearest 0.5 is taken. What is not known does not count.
    `others` are clips and labels that count too.
    """
    return best_threshold(student, ((clips, labels), *others), split)[0]


def best_threshold(student: Segmenter, pairs: Sequence[Pair], split: str = "validation") -> tuple[float, float]:
    """The threshold that `choose_threshold` chooses on clips and labels, and the mean Dice there, 0 to 1."""
    scores = [score for pair in pairs for score in _scores(student, *pair, split)]
    mean = np.concatenate(scores, axis=1).mean(axis=1).round(6)
    best = np.flatnonzero(mean == mean.max())
    return float(GRID[best[np.abs(GRID[best] - 0.5).argmin()]]), float(mean.max())


def _scores(student: Segmenter, clips: Store, labels: Store, split: str) -> Iterator[NDArray[np.float64]]:
    """Dice by threshold of every mask of a clip, clip by clip."""
    entries = clips.split(split)
    chosen = [entries[k] for k in evenly_spread(len(entries), CLIPS)]
    for entry in chosen:
        known = [name for name in student.structures if name in labels.known(entry.name)]
        truth = labels.masks(entry.name)[:, [labels.structures.index(name) for name in known]] >= 128
        masks = student(clips.clip(entry))[:, [list(student.structures).index(name) for name in known]]
        yield dice_by_threshold(masks, truth)


def dice_by_threshold(probabilities: Masks, truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice of every mask for every threshold of GRID: (threshold, time x structure); 1 where both masks are empty.

    Both are (time, structure, height, width). Each pixel is sorted once, by how many thresholds it reaches; the pixels
    inside at a threshold are those that reach it or more.
    """
    planes = probabilities.shape[0] * probabilities.shape[1]
    reached = np.searchsorted(GRID.astype(np.float32), probabilities.reshape(planes, -1), side="right")
    cell = reached + (len(GRID) + 1) * np.arange(planes)[:, None]
    shape = planes, len(GRID) + 1
    inside, overlap = (
        np.bincount(cells.ravel(), minlength=planes * shape[1]).reshape(shape)[:, :0:-1].cumsum(axis=1)[:, ::-1].T
        for cells in (cell, cell[truth.reshape(planes, -1)])
    )
    total = inside + np.count_nonzero(truth, axis=(-2, -1)).ravel()
    return np.where(total > 0, 2.0 * overlap / np.maximum(total, 1), 1.0)
