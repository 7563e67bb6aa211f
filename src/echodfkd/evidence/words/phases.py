"""End diastole and end systole from words: an image-text judge watches the mitral valve (the paper's section 3.9).

The valve is shut from end diastole to the end of systole. So the sum over time of "closed" minus "open" falls while the
ventricle fills and rises while it empties: lowest at ED, highest at ES, the other way round than the area.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import detrend

from echodfkd.clip import Frames
from echodfkd.clock import Rate
from echodfkd.errors import InputError
from echodfkd.evidence.records import CurveScores, Intervals, PhaseScores, ValveScores
from echodfkd.evidence.words.prompts import Prompts, Similarity
from echodfkd.measure.beats import Events, beat_events
from echodfkd.scores.clip_row import beats_row
from echodfkd.scores.events_file import COLUMNS
from echodfkd.scores.frame_distance import PHASES, Reference, null_curves
from echodfkd.stats.intervals import Interval, bootstrap
from echodfkd.tables import csv_text

Row = Mapping[str, float | None]  # of one clip: the keys of `clip_row.beats_row`
Curve = NDArray[np.float64]
MEANS = ("penalised_ms", "distance_ms", "bias_ms", "afd")
COUNTS = ("matched", "missed", "extra", "at_ends")
COMPARED = ("penalised_ms", "afd")
"""Distances in which a judge is compared with curves that saw no image."""
DRAWS = 20
"""Curves of each kind that saw no image drawn for every clip: what a clip gets by chance is their mean."""


def valve_curve(closed: ArrayLike, opened: ArrayLike) -> Curve:
    """The paper's f (time,): the cumulative sum of closed minus open, less its least-squares line.

    Both are similarities (time,) to the two prompts. Raises InputError unless they are finite and of one length.
    """
    shut, wide = np.asarray(closed, np.float64), np.asarray(opened, np.float64)
    if shut.ndim != 1 or shut.shape != wide.shape or not len(shut) or not np.isfinite([shut, wide]).all():
        raise InputError(f"The valve needs two finite similarities per frame, got {shut.shape} and {wide.shape}.")
    total = np.cumsum(shut - wide)
    return np.asarray(detrend(total, type="linear"), np.float64) if len(total) > 1 else np.zeros(1)


def as_area(curve: ArrayLike) -> Curve:
    """The curve upside down and lifted to 1 and more, with a range of 1: what takes an area curve takes this one."""
    values = np.asarray(curve, np.float64)
    span = np.ptp(values)
    return 1 + (values.max() - values) / (span if span > 0 else 1)


def valve_events(curve: ArrayLike, fps: Rate) -> Events:
    """ED and ES frames by the beat detector that also reads area curves."""
    return beat_events(as_area(curve), fps)


def clip_curve(judge: Similarity, prompts: Prompts, frames: Frames) -> Curve:
    """f (time,) of a whole clip, by a judge."""
    found = judge.similarities(frames, prompts.valve)
    return valve_curve(found["closed"], found["open"])


def events_csv(events: Mapping[str, Events]) -> str:
    """CSV text with FileName, ED, ES by clip name, frames joined by spaces: `events_file.read_events` reads it."""
    joined = ((name, *(" ".join(map(str, one)) for one in (e.ed_frames, e.es_frames))) for name, e in events.items())
    return csv_text((dict(zip(COLUMNS, row, strict=True)) for row in joined), COLUMNS)


def phase_row(curve: ArrayLike, reference: Reference) -> Row:
    """The beat scores of one clip's curve for both phases, as `clip_row.beats_row` has them."""
    return beats_row(as_area(curve), valve_events(curve, reference.time), reference)


def phase_scores(
    rows: Sequence[Row], references: Sequence[Reference], *, seed: int = 0, resamples: int = 2000, draws: int = DRAWS
) -> ValveScores:
    """Beat scores of `phase_row` rows and of null curves on the same clips, each with its interval.

    `references` are the rows' own, in their order. `by_chance` holds what curves that saw no image get, `draws` of each
    kind averaged for every clip. `nearer_than_chance` holds the paired differences by null and phase: of each clip the
    null's distance less the judge's, above 0 where the judge comes nearer, by milliseconds and by the paper's aFD.
    """
    if not rows or len(rows) != len(references):
        raise InputError(f"Phases need a reference per clip, got {len(rows)} clips and {len(references)} references.")
    if draws < 1:
        raise InputError(f"Phases need at least one null curve per clip, got {draws}.")
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    drawn = [chance_rows(reference, [seed, n], draws) for n, reference in enumerate(references)]
    chance = {name: [found[name] for found in drawn] for name in drawn[0]}
    judge, by_chance = _scores(rows, boot), {name: _scores(found, boot) for name, found in chance.items()}
    nearer = {name: _nearer(rows, found, boot) for name, found in chance.items()}
    return ValveScores(judge.ed, judge.es, by_chance, nearer, draws)


def chance_rows(reference: Reference, seed: Sequence[int], draws: int = DRAWS) -> dict[str, Row]:
    """What curves that saw no image get on one clip: a `phase_row` by name of the null, the mean of `draws` of them."""
    curves = [null_curves(reference, [*seed, draw]) for draw in range(draws)]
    return {
        name: _mean_row([phase_row(-one[name], reference) for one in (curves if np.ptp(first) else curves[:1])])
        for name, first in curves[0].items()
    }


def _mean_row(rows: Sequence[Row]) -> Row:
    """The mean of every score over rows of one clip, of those that have it; None where none has."""
    known = {f"{phase}_{key}": _known(rows, f"{phase}_{key}") for phase in PHASES for key in (*MEANS, *COUNTS)}
    return {key: float(np.mean(values)) if values else None for key, values in known.items()}


def _known(rows: Sequence[Row], key: str) -> list[float]:
    """The values of a column that are there."""
    return [value for row in rows if (value := row[key]) is not None]


def _nearer(rows: Sequence[Row], null: Sequence[Row], boot: partial[Interval]) -> dict[str, Intervals]:
    """Per phase the null's distance less the judge's on the clips where both are known, with intervals."""

    def gain(key: str) -> Interval | None:
        pairs = [(one[key], other[key]) for one, other in zip(rows, null, strict=True)]
        gaps = [by_chance - judged for judged, by_chance in pairs if judged is not None and by_chance is not None]
        return boot(gaps) if gaps else None

    return {phase: {key: gain(f"{phase}_{key}") for key in COMPARED} for phase in PHASES}


def _scores(rows: Sequence[Row], boot: partial[Interval]) -> CurveScores:
    """Per phase the means with their intervals, and the counts."""
    return CurveScores(*(_phase_scores(rows, phase, boot) for phase in PHASES))


def _phase_scores(rows: Sequence[Row], phase: str, boot: partial[Interval]) -> PhaseScores:
    def count(key: str) -> int:
        return round(sum(_known(rows, f"{phase}_{key}")))

    def mean(key: str) -> Interval | None:
        known = _known(rows, f"{phase}_{key}")
        return boot(known) if known else None

    return PhaseScores(
        matched=count("matched"),
        missed=count("missed"),
        extra=count("extra"),
        at_ends=count("at_ends"),
        penalised_ms=mean("penalised_ms"),
        distance_ms=mean("distance_ms"),
        bias_ms=mean("bias_ms"),
        afd=mean("afd"),
    )
