"""One clip's masks against what is known of it: every score as a flat row of plain numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.data.dataset import KnownClip
from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.measure.beats import Events
from echodfkd.measure.boundary import boundary_distances, image_diagonal
from echodfkd.measure.ejection import Ejection, ejection_at_by_method
from echodfkd.measure.measures import Measures, measures, told_fraction
from echodfkd.measure.overlap import dice, iou, overlap_counts
from echodfkd.measure.shape import MaskClip, Spacing, check_masks
from echodfkd.scores.frame_distance import PHASES, Reference, frame_distances, match_events
from echodfkd.scores.predictions import Prediction

Row = dict[str, Any]
BOUNDARY = ("hd95", "surface_distance", "hd95_mm", "surface_distance_mm")
EF_COLUMNS = {"discs": "ef_predicted", "area_length": "ef_area_length", "area_ratio": "ef_area_ratio"}
END_MARGIN_S = 0.1
"""Reference events this near (s) to an end are counted, not missed: the curve has no room to turn. By choice."""


def check_pair(prediction: Prediction, known: KnownClip) -> None:
    """InputError unless the masks are of the known clip: of its size and length, its labelled frames among them."""
    check_masks(prediction.masks)
    name, there = prediction.name, len(prediction.masks)
    length = known.length or there
    if max(known.frames) >= length:
        raise InputError(f"Clip {name} has {length} predicted frames, but frame {max(known.frames)} is traced.")
    true = (length, *known.masks.shape[2:])
    if prediction.masks.shape != true:
        raise InputError(
            f"Clip {name}: predicted masks {prediction.masks.shape} and true masks {true} differ. "
            "Both must be at the clip's own size and length."
        )
    if any(not 0 <= frame < there for frame in (*known.ed_frames, *known.es_frames)):
        raise InputError(f"Clip {name}: ED and ES frames must lie in 0..{there - 1}.")


def reference(prediction: Prediction, known: KnownClip) -> Reference:
    """What is known of the clip's beats, in the prediction's time."""
    return Reference(len(prediction.masks), prediction.clock, known.ed_frames, known.es_frames, known.every_beat)


def score_clip(
    prediction: Prediction, known: KnownClip, beats: Reference | None = None, patient: str | None = None
) -> Row:
    """Every score of one clip as a flat row of plain numbers (None where it cannot be had): one line of a CSV.

    The ejection fraction by discs is on the prediction's line, as `segment` tells it; that by other methods is not.
    Beats are judged by `beats`, None being what is known of the clip. Of a clip that goes from ED to ES alone no curve
    shows that it turns: its ejection fraction is taken at the known frames. `patient` says whose clip it is: where
    patients have several, intervals are by patient.
    """
    check_pair(prediction, known)
    found = measures(prediction.masks, prediction.clock, known.spacing, lapses=prediction.lapses)
    row: Row = {"name": prediction.name, "patient": patient, "frames": found.frames, "fps": prediction.fps}
    row |= _overlap_row(prediction.masks, known)
    row |= beats_row(found.area, found.events, beats or reference(prediction, known))
    true, predicted = known.ejection_fraction, _predicted_ejections(prediction, known, found)
    row |= {"ef_true": true} | {EF_COLUMNS[method]: ejection.median for method, ejection in predicted.items()}
    row["ef_predicted"] = told_fraction(row["ef_predicted"], prediction.line)
    row["ef_error"] = None if true is None or row["ef_predicted"] is None else row["ef_predicted"] - true
    return plain(row)


def beats_row(curve: NDArray, events: Events, reference: Reference) -> Row:
    """`event_row` of both phases of a clip, `events` being those found in its curve."""
    found = zip(PHASES, (events.ed_frames, events.es_frames), strict=True)
    return {key: value for phase, at in found for key, value in event_row(curve, at, reference, phase).items()}


def _predicted_ejections(prediction: Prediction, known: KnownClip, found: Measures) -> dict[str, Ejection]:
    """Ejection fractions of the predicted masks, at the events found in them unless the truth must tell them."""
    if not known.one_contraction:
        return found.ejections
    beats = tuple(zip(known.ed_frames, known.es_frames, strict=True))
    return ejection_at_by_method(prediction.masks, beats, found.events.time, known.spacing)


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


def _overlap_row(masks: MaskClip, known: KnownClip) -> Row:
    predicted, true = masks[list(known.frames)], known.of("lv")
    values = {"dice": dice(predicted, true), "iou": iou(predicted, true)}
    place = {frame: n for n, frame in enumerate(known.frames)}
    events = dict(zip(PHASES, (known.ed_frames, known.es_frames), strict=True))
    at = {"": np.arange(len(true))} | {
        f"_{phase}": np.array([place[n] for n in events[phase] if n in place], np.intp) for phase in PHASES
    }
    row = {name + suffix: _mean(frames[where]) for name, frames in values.items() for suffix, where in at.items()}
    counts = overlap_counts(predicted, true)
    row |= dict(zip(("px_both", "px_predicted", "px_true"), (int(c.sum()) for c in counts), strict=True))
    return row | _boundary_row(predicted, true, known.spacing, at)


def _boundary_row(predicted: MaskClip, true: MaskClip, spacing: Spacing, at: dict[str, NDArray[np.intp]]) -> Row:
    """Mean distances over the frames on which there is one, and on how many labelled frames one mask alone is empty."""
    values = _boundary_frames(predicted, true, spacing)
    row: Row = {}
    for name, frames in values.items():
        found = {suffix: frames[where] for suffix, where in at.items()}
        row |= {name + suffix: _mean(distances[np.isfinite(distances)]) for suffix, distances in found.items()}
    distances = values["hd95"]
    worst = np.where(np.isfinite(distances), distances, image_diagonal(true.shape))
    return row | {"hd95_penalised": _mean(worst), "one_empty": int(np.count_nonzero(~np.isfinite(distances)))}


def _boundary_frames(predicted: MaskClip, true: MaskClip, spacing: Spacing) -> dict[str, NDArray[np.float64]]:
    """Each of `BOUNDARY` by labelled frame; NaN where one mask alone is empty, and in mm without a spacing."""
    found = list(boundary_distances(predicted, true))
    if spacing is not None:
        y, x = spacing
        found += [y * pixels for pixels in found] if y == x else boundary_distances(predicted, true, spacing)
    unknown = [np.full(len(true), np.nan)] * (len(BOUNDARY) - len(found))
    return dict(zip(BOUNDARY, [*found, *unknown], strict=True))


def _mean(values: NDArray) -> float | None:
    return float(np.mean(values)) if len(values) else None
