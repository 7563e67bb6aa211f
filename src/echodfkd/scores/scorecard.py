"""All scores of a set of clips as one record, each with its interval, its n and its baseline.

rows = [score_clip(case) for case in cases]
scores = scorecard(rows, baseline=[score_clip(replace(case, predicted=constant)) for case in cases], ...)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clock import Clock, clock_of_clip
from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.measure.beats import Events, beat_events
from echodfkd.measure.boundary import boundary_distances, image_diagonal
from echodfkd.measure.ejection import Ejection, ejection_at_by_method
from echodfkd.measure.measures import Measures, measures
from echodfkd.measure.overlap import dice, iou, overlap_counts, pooled_dice, pooled_iou
from echodfkd.measure.shape import Mask, MaskClip, check_masks
from echodfkd.scores.frame_distance import (
    PHASES,
    TOLERANCE_S,
    Reference,
    frame_distances,
    match_events,
    null_curves,
)
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

Row = dict[str, Any]
Bootstrap = Callable[..., Interval]
BOUNDARY = ("hd95", "surface_distance", "hd95_mm", "surface_distance_mm")
EF_COLUMNS = {"discs": "ef_predicted", "area_length": "ef_area_length", "area_ratio": "ef_area_ratio"}
END_MARGIN_S = 0.1
"""Reference events this near (s) to an end are counted, not missed: the curve has no room to turn. By choice."""


@dataclass(frozen=True)
class ClipCase:
    """One clip to score: predicted and true masks (time, height, width) bool, and what else is known of it.

    `labelled` (time,) bool marks the frames that have a true mask (None: all). ED and ES frames and EF (percent) are
    the truth's; `events_complete` says that they list every event of the clip. `one_contraction` says that the clip
    goes from ED to ES (or back), where no curve shows that it turns: its ejection fraction is then taken at the truth's
    frames. `spacing` is mm per pixel, y then x; it matters where pixels are not square. `patient` says whose clip it
    is: where patients have several, intervals are by patient. `times` (time,) are seconds, where frames are uneven.
    """

    name: str
    predicted: MaskClip
    truth: MaskClip
    fps: float | None = None
    ed_frames: tuple[int, ...] = ()
    es_frames: tuple[int, ...] = ()
    ejection_fraction: float | None = None
    labelled: NDArray[np.bool_] | None = None
    events_complete: bool = True
    one_contraction: bool = False
    spacing: tuple[float, float] | None = None
    patient: str | None = None
    times: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_masks(self.predicted)
        check_masks(self.truth)
        if self.predicted.shape != self.truth.shape:
            raise InputError(
                f"Clip {self.name}: predicted masks {self.predicted.shape} and true masks {self.truth.shape} differ. "
                "Both must be at the clip's own size and length."
            )
        if any(not 0 <= frame < len(self.truth) for frame in (*self.ed_frames, *self.es_frames)):
            raise InputError(f"Clip {self.name}: ED and ES frames must lie in 0..{len(self.truth) - 1}.")
        if self.labelled is not None and self.labelled.shape != (len(self.truth),):
            raise InputError(f"Clip {self.name}: `labelled` must have one entry per frame, got {self.labelled.shape}.")

    @property
    def clock(self) -> Clock:
        """When its frames were taken, as far as that can be believed."""
        return clock_of_clip(self.fps, self.times)

    @property
    def reference(self) -> Reference:
        """What is known of the clip's beats."""
        return Reference(len(self.truth), self.clock, self.ed_frames, self.es_frames, self.events_complete)


def score_clip(case: ClipCase, reference: Reference | None = None) -> Row:
    """Every score of one clip as a flat row of plain numbers (None where it cannot be had): one line of a CSV.

    Beats are judged by `reference`, None being the truth's own.
    """
    found = measures(case.predicted, case.clock, case.spacing)
    row: Row = {"name": case.name, "patient": case.patient, "frames": found.frames, "fps": case.fps}
    row |= _overlap_row(case) | beats_row(found.area, found.events, reference or case.reference)
    true, predicted = case.ejection_fraction, _predicted_ejections(case, found)
    row |= {"ef_true": true} | {EF_COLUMNS[method]: ejection.median for method, ejection in predicted.items()}
    row["ef_error"] = None if true is None or row["ef_predicted"] is None else row["ef_predicted"] - true
    return plain(row)


def beats_row(curve: NDArray, events: Events, reference: Reference) -> Row:
    """`event_row` of both phases of a clip, `events` being those found in its curve."""
    found = zip(PHASES, (events.ed_frames, events.es_frames), strict=True)
    return {key: value for phase, at in found for key, value in event_row(curve, at, reference, phase).items()}


def _predicted_ejections(case: ClipCase, found: Measures) -> dict[str, Ejection]:
    """Ejection fractions of the predicted masks, at the events found in them unless the truth must tell them."""
    if not case.one_contraction:
        return found.ejections
    beats = tuple(zip(case.ed_frames, case.es_frames, strict=True))
    return ejection_at_by_method(case.predicted, beats, found.events.time, case.spacing)


def event_row(area: NDArray, found: Sequence[int], reference: Reference, phase: str) -> Row:
    """One phase of one clip: the paper's frame distance and the one-to-one matching, keys prefixed by the phase."""
    matched = match_events(found, reference.of(phase), reference.time)
    margin = END_MARGIN_S * matched.fps
    inside = tuple(frame for frame in matched.missed if margin <= frame < reference.frames - margin)
    counted = replace(matched, missed=inside, extra=matched.extra if reference.complete else ())
    return {
        f"{phase}_afd": _mean(frame_distances(area, reference.of(phase), phase)),
        f"{phase}_matched": len(counted.pairs),
        f"{phase}_missed": len(counted.missed),
        f"{phase}_at_ends": len(matched.missed) - len(counted.missed),
        f"{phase}_extra": len(counted.extra) if reference.complete else None,
        f"{phase}_distance_frames": _mean(np.abs(counted.errors_frames)),
        f"{phase}_distance_ms": _mean(np.abs(counted.errors_ms)),
        f"{phase}_bias_ms": _mean(counted.errors_ms),
        f"{phase}_penalised_ms": counted.penalised_ms,
    }


def constant_mask(masks: Iterable[MaskClip]) -> Mask:
    """The pixels that are inside on at least half of all frames of the training clips: (height, width) bool.

    What a segmenter reaches that never looks at the image. It maximises the share of pixels that are right; the mask of
    best mean Dice can be somewhat larger, so this baseline is a simple one, not the strongest of its kind.
    """
    inside, frames = None, 0
    for clip in masks:
        check_masks(clip)
        count = clip.sum(axis=0, dtype=np.int64)
        inside = count if inside is None else inside + count
        frames += len(clip)
    if inside is None or frames == 0:
        raise InputError("A constant mask needs at least one training clip, got none.")
    return 2 * inside >= frames


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


def _overlap_row(case: ClipCase) -> Row:
    labelled = np.ones(len(case.truth), np.bool_) if case.labelled is None else case.labelled
    values = {"dice": dice(case.predicted, case.truth), "iou": iou(case.predicted, case.truth)}
    at = {"": np.flatnonzero(labelled)} | {
        f"_{phase}": np.array([n for n in case.reference.of(phase) if labelled[n]], np.intp) for phase in PHASES
    }
    row = {name + suffix: _mean(frames[where]) for name, frames in values.items() for suffix, where in at.items()}
    counts = overlap_counts(case.predicted[labelled], case.truth[labelled])
    row |= dict(zip(("px_both", "px_predicted", "px_true"), (int(c.sum()) for c in counts), strict=True))
    return row | _boundary_row(case, labelled, at)


def _boundary_row(case: ClipCase, labelled: NDArray[np.bool_], at: dict[str, NDArray[np.intp]]) -> Row:
    """Mean distances over the frames on which there is one, and how many labelled frames have none."""
    values = _boundary_frames(case, labelled)
    row: Row = {}
    for name, frames in values.items():
        found = {suffix: frames[where] for suffix, where in at.items()}
        row |= {name + suffix: _mean(distances[np.isfinite(distances)]) for suffix, distances in found.items()}
    distances = values["hd95"][labelled]
    worst = np.where(np.isfinite(distances), distances, image_diagonal(case.truth.shape))
    return row | {"hd95_penalised": _mean(worst), "one_empty": int(np.count_nonzero(~np.isfinite(distances)))}


def _boundary_frames(case: ClipCase, labelled: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Each of `BOUNDARY` per frame; NaN where unlabelled, where one mask alone is empty, in mm without a spacing."""
    pair = case.predicted[labelled], case.truth[labelled]
    found = list(boundary_distances(*pair))
    if case.spacing is not None:
        y, x = case.spacing
        found += [y * pixels for pixels in found] if y == x else boundary_distances(*pair, case.spacing)
    values = {name: np.full(len(case.truth), np.nan) for name in BOUNDARY}
    for name, distances in zip(BOUNDARY, found, strict=False):
        values[name][labelled] = distances
    return values


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


def _mean(values: NDArray) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
