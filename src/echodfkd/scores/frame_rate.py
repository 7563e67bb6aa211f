"""How the distances of ED and ES depend on the frame rate: the paper's Figure 4, in frames and in milliseconds."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echodfkd.scores.metrics import Row, column
from echodfkd.scores.records import RateBin, RateScores, RateTrend
from echodfkd.scores.scorecard import Bootstrap, mean_of, patient_groups
from echodfkd.stats.intervals import bootstrap
from echodfkd.stats.ranks import spearman

DISTANCES = tuple(f"{phase}_{name}" for phase in ("ed", "es") for name in ("afd", "distance_frames", "distance_ms"))
"""Columns of `clip_row.score_clip` that are looked at: the paper's aFD, and events one to one."""
MOST_BINS = 6
LEAST_CLIPS = 10
"""Fewer clips than this tell nothing of a slope. By choice."""


def rate_scores(rows: Sequence[Row], *, seed: int = 0, resamples: int = 2000) -> RateScores | None:
    """Distances against frame rate: `bins` (mean with interval in each) and `trend` (slope, rank correlation).

    `rows` are those of `clip_row.score_clip`. Bins hold their lower edge and the last one its upper. Each trend has
    `slope` (least squares, frames or ms per Hz) and `spearman`, with 95 % bootstrap intervals by clip (by patient where
    the rows tell), and `intercept`. A distance that is constant in time has a slope in frames of that time and none in
    milliseconds. None where fewer than `LEAST_CLIPS` clips have a rate, or all have the same.
    """
    known = [row for row in rows if row["fps"] is not None]
    rates = np.array([row["fps"] for row in known], np.float64)
    if len(known) < LEAST_CLIPS or np.ptp(rates) < 1e-9:
        return None
    bounds = rate_edges(rates)
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    bins = [_bin(known, rates, low, high, high == bounds[-1], boot) for low, high in pairwise(bounds)]
    trend = {name: _trend(known, name, boot) for name in DISTANCES}
    return RateScores(tuple(one for one in bins if one.clips), trend)


def rate_edges(rates: NDArray[np.float64]) -> tuple[float, ...]:
    """At most seven edges (Hz) that cut the rates into bins of about as many clips; a common rate is not cut."""
    edges = np.unique(np.quantile(rates, np.linspace(0, 1, MOST_BINS + 1), method="closest_observation"))
    return tuple(float(edge) for edge in edges)


def least_squares(pairs: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept of the line through (x, y) rows that has least squared error; NaN where x does not vary."""
    x, y = pairs.T
    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / spread if spread > 1e-12 else np.nan
    return float(slope), float(y.mean() - slope * x.mean())


def _bin(rows: Sequence[Row], rates: NDArray, low: float, high: float, last: bool, boot: Bootstrap) -> RateBin:
    """One bin: its edges, clips, mean rate, and each distance's mean with interval (None where no clip has it)."""
    inside = (rates >= low) & ((rates <= high) if last else (rates < high))
    chosen = [row for row, held in zip(rows, inside, strict=True) if held]
    rate = float(rates[inside].mean()) if chosen else None
    distances = {name: mean_of(chosen, column(name), boot) for name in DISTANCES}
    return RateBin(low, high, len(chosen), rate, **distances)


def _trend(rows: Sequence[Row], name: str, boot: Bootstrap) -> RateTrend | None:
    having = [row for row in rows if row.get(name) is not None]
    pairs, groups = np.array([(row["fps"], row[name]) for row in having], np.float64), patient_groups(having)
    if len(pairs) < LEAST_CLIPS or np.ptp(pairs[:, 0]) < 1e-9:
        return None
    slope = boot(pairs, lambda rows: least_squares(rows)[0], groups=groups)
    ranks = boot(pairs, spearman, groups=groups)
    return RateTrend(slope, least_squares(pairs)[1], ranks)
