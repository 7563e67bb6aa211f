"""All scores of a set of clips as one record, each with its interval, its n and its baseline.

rows = [score_clip(prediction, known) for prediction, known in pairs]
scores = scorecard(rows, baseline=[score_clip(replace(one, masks=constant), known) for one, known in pairs], ...)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.measure.beats import beat_events
from echodfkd.measure.overlap import pooled_dice, pooled_iou
from echodfkd.scores.clip_row import BOUNDARY, EF_COLUMNS, Row, beats_row
from echodfkd.scores.frame_distance import PHASES, TOLERANCE_S, Reference, null_curves
from echodfkd.scores.metrics import METRICS, column, placeless
from echodfkd.scores.records import (
    AlwaysMean,
    BothEvents,
    Boundary,
    ByPhase,
    Counts,
    EjectionErrors,
    EjectionScores,
    EventScores,
    NullScores,
    Overlap,
    Scorecard,
)
from echodfkd.stats.agreement import STATISTICS, bland_altman
from echodfkd.stats.intervals import Groups, Interval, Statistic, bootstrap

Bootstrap = Callable[..., Interval]


def scorecard(
    rows: Sequence[Row],
    *,
    baseline: Sequence[Row] = (),
    references: Sequence[Reference] = (),
    training_ef: float | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Scorecard:
    """Rows of `score_clip` as one record of intervals: value, low, high (95 % bootstrap by clip) and n.

    Where patients have several clips whole patients are drawn, but for the null curves; `n` stays that of clips.

    `baseline` holds the rows of the constant mask on the same clips, `references` the clips' known beats (for the
    null curves), `training_ef` the mean EF (percent) of the training clips: the baseline of always saying that
    number. `resamples` are the bootstrap's draws; `seed` sets them and the null curves.
    """
    if not rows:
        raise InputError("A scorecard needs at least one clip, got none.")
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    overlap = _overlap_scores(rows, boot)
    return Scorecard(
        dice=overlap.dice,
        iou=overlap.iou,
        boundary=overlap.boundary,
        n=Counts(
            clips=len(rows),
            patients=len({row["patient"] for row in rows if row.get("patient") is not None}) or None,
            frames=sum(row["frames"] for row in rows),
            seed=seed,
            resamples=resamples,
        ),
        constant_mask=_overlap_scores(baseline, boot) if baseline else None,
        afd={phase: _interval(rows, f"{phase}_afd", boot) for phase in PHASES},
        events=BothEvents(_event_scores(rows, "ed", boot), _event_scores(rows, "es", boot), TOLERANCE_S),
        ejection=_ejection_scores(rows, training_ef, boot),
        null_curves=_null_scores(references, seed, boot) if references else None,
        more={one.key: mean_of(rows, one.of, boot) for one in placeless(METRICS)} or None,
    )


def _overlap_scores(rows: Sequence[Row], boot: Bootstrap) -> Overlap:
    counts = np.array([[row["px_both"], row["px_predicted"], row["px_true"]] for row in rows])

    def pooled(pool: Statistic) -> Interval:
        return boot(counts, pool, groups=patient_groups(rows))

    return Overlap(
        replace(_by_phase(rows, "dice", boot), pooled=pooled(pooled_dice)),
        replace(_by_phase(rows, "iou", boot), pooled=pooled(pooled_iou)),
        Boundary(
            **{name: _by_phase(rows, name, boot) for name in BOUNDARY},
            hd95_penalised=_interval(rows, "hd95_penalised", boot),
            one_empty=_total(row.get("one_empty") for row in rows),
        ),
    )


def _by_phase(rows: Sequence[Row], name: str, boot: Bootstrap) -> ByPhase:
    return ByPhase(_interval(rows, name, boot), *(_interval(rows, f"{name}_{phase}", boot) for phase in PHASES))


def _event_scores(rows: Sequence[Row], phase: str, boot: Bootstrap) -> EventScores:
    def mean(name: str) -> Interval | None:
        return _interval(rows, f"{phase}_{name}", boot)

    def total(name: str) -> int | None:
        return _total(row[f"{phase}_{name}"] for row in rows)

    return EventScores(
        distance_frames=mean("distance_frames"),
        distance_ms=mean("distance_ms"),
        bias_ms=mean("bias_ms"),
        penalised_ms=mean("penalised_ms"),
        matched=total("matched"),
        missed=total("missed"),
        extra=total("extra"),
        at_ends=total("at_ends"),
    )


def _ejection_scores(rows: Sequence[Row], training_ef: float | None, boot: Bootstrap) -> EjectionScores:
    known = [row for row in rows if row["ef_true"] is not None]
    methods = {method: _agreement(known, column, training_ef, boot) for method, column in EF_COLUMNS.items()}
    always = None
    if training_ef is not None:
        said = np.array([(training_ef, row["ef_true"]) for row in known])
        wanted = {name: STATISTICS[name] for name in ("mae", "bias", "rmse")}
        always = AlwaysMean(training_ef, **_statistics(said, wanted, patient_groups(known), boot))
    return EjectionScores(**vars(methods["discs"]), clips=len(known), always_training_mean=always, methods=methods)


def penalised_mae(rows: Sequence[Row], column: str, training_ef: float | None, boot: Bootstrap) -> Interval | None:
    """Mean absolute error over all clips, one without an ejection fraction counting as if it said the training mean.

    Whoever gives up on the hard clips gains nothing. None where a clip has none and there are no training clips.
    """
    said = [training_ef if row[column] is None else row[column] for row in rows]
    if not rows or any(value is None for value in said):
        return None
    pairs = np.array(list(zip(said, (row["ef_true"] for row in rows), strict=True)))
    return boot(pairs, STATISTICS["mae"], groups=patient_groups(rows))


def _agreement(rows: Sequence[Row], column: str, training_ef: float | None, boot: Bootstrap) -> EjectionErrors:
    """Errors and limits of agreement of a predicted ejection fraction; rows without one are counted."""
    told = [row for row in rows if row[column] is not None]
    pairs, groups = np.array([(row[column], row["ef_true"]) for row in told]), patient_groups(told)
    return EjectionErrors(
        **_statistics(pairs, STATISTICS, groups, boot),
        bland_altman=bland_altman(pairs, boot, groups),
        without_prediction=len(rows) - len(told),
        mae_penalised=penalised_mae(rows, column, training_ef, boot),
    )


def _statistics(
    pairs: NDArray, statistics: Mapping[str, Statistic], groups: Groups, boot: Bootstrap
) -> dict[str, Interval]:
    """Each statistic of the pairs with its interval; none where there is no pair."""
    return {name: boot(pairs, one, groups=groups) for name, one in statistics.items()} if len(pairs) else {}


def _null_scores(references: Sequence[Reference], seed: int, boot: Bootstrap) -> dict[str, dict[str, NullScores]]:
    """What curves that never saw an image get from both metrics, one draw per clip, detector included."""
    drawn = [null_curves(clip, [seed, n]) for n, clip in enumerate(references)]
    scores = {}
    for name in drawn[0]:
        rows = [_null_row(curves[name], clip) for curves, clip in zip(drawn, references, strict=True)]
        scores[name] = {
            phase: NullScores(*(_interval(rows, f"{phase}_{key}", boot) for key in ("afd", "penalised_ms")))
            for phase in PHASES
        }
    return scores


def _null_row(curve: NDArray, reference: Reference) -> Row:
    # The detector wants areas: the curve is lifted above zero, as a ventricle's area is, without changing its shape.
    return beats_row(curve, beat_events(10 + curve, reference.time), reference)


def _interval(rows: Sequence[Row], key: str, boot: Bootstrap) -> Interval | None:
    """Mean of a column over the clips that have it, with its interval; None where none has."""
    return mean_of(rows, column(key), boot)


def mean_of(
    rows: Sequence[Mapping[str, Any]], of: Callable[[Mapping[str, Any]], float | None], boot: Bootstrap
) -> Interval | None:
    """Mean of a clip's number over the clips that have it, with its interval; None where none has."""
    told = [(row, value) for row in rows if (value := of(row)) is not None]
    groups = patient_groups([row for row, _ in told])
    return boot([value for _, value in told], groups=groups) if told else None


def patient_groups(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Whose clips the rows are, a clip of nobody known being its own; None where nobody has two of them."""
    labels = [(row.get("patient"), None if row.get("patient") else number) for number, row in enumerate(rows)]
    return labels if len(set(labels)) < len(labels) else None


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
