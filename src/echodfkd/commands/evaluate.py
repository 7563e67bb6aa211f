"""Anybody's masks against any labels the house reads: `echodfkd evaluate`."""

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.data.findings import Exclusion
from echodfkd.errors import InputError, LabelsError, one_line
from echodfkd.files import make_folder, plain, write_bytes, write_json, write_text
from echodfkd.measure.beats import beat_events
from echodfkd.measure.ejection import cardiobench_csv
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import MaskClip, area_curve, largest_component
from echodfkd.report.draw.figures import png_bytes
from echodfkd.report.draw.gallery import Shown, clip_gallery
from echodfkd.scores.bounds import round_differences, rounds_bounds
from echodfkd.scores.concentration import concentration
from echodfkd.scores.events_file import MarkedEvents, read_events, reference_of
from echodfkd.scores.first_frames import FRAMES, first_frames
from echodfkd.scores.frame_distance import PHASES, Reference
from echodfkd.scores.frame_rate import rate_scores
from echodfkd.scores.known_clips import Labels, read_labels, read_patients
from echodfkd.scores.paired import paired_scores
from echodfkd.scores.predictions import prediction_folders, read_model, read_prediction
from echodfkd.scores.scorecard import ClipCase, Row, constant_mask, event_row, patient_groups, score_clip, scorecard
from echodfkd.scores.strata import strata

WORST = 6
"""Clips in the picture of the worst."""


@dataclass(frozen=True)
class Marks:
    """What tables beside the data set tell: events that replace its own, whose clip each is. None: nothing."""

    events: Mapping[str, MarkedEvents] | None = None
    patients: Mapping[str, str] | None = None


@dataclass
class Judged:
    """What was found of every clip, in one order; `frame_dice` (time,) is NaN on frames without a label.

    `unreadable` says of the clips that are not among them what is wrong with their labels.
    """

    rows: list[Row] = field(default_factory=list)
    baseline: list[Row] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    frame_dice: list[NDArray[np.float64]] = field(default_factory=list)
    piece_dice: list[NDArray[np.float64]] = field(default_factory=list)
    constant_dice: list[NDArray[np.float64]] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def judge(
    predictions: Path,
    labels: Path,
    out: Path,
    *,
    split: str = "test",
    resamples: int = 2000,
    seed: int = 0,
    exclude: Exclusion | None = None,
    against: Path | None = None,
    events: Path | None = None,
    second_round: Path | None = None,
    patients: Path | None = None,
) -> dict[str, Any]:
    """Scores of the masks in `predictions` (as `segment` writes them) against the clips of `split`; the scorecard.

    `out` receives `scores.json`, `clips.csv` (one row per clip), `constant_mask.csv` (the baseline's rows),
    `cardiobench.csv` and `worst.png`. Clips without a prediction, whose labels cannot be read, or of a size that the
    constant mask does not have, are counted, never dropped silently. With `exclude` the scorecard is that of all clips
    as ever, and under `clean` the one without the excluded stands beside. `against` is a second folder of predictions,
    compared clip by clip. `events` is a table (FileName, ED, ES) by which beats are judged in place of the data set's
    own, `second_round` another annotation of the same, which tells how far one may be off. `patients` (FileName,
    Patient) makes intervals by patient. Raises InputError where nothing matches or a file is not what it should be.
    """
    known = read_labels(labels, split)
    folders = _matching(predictions, known, f"split '{split}' of {labels}")
    marks = Marks(
        None if events is None else read_events(events), None if patients is None else read_patients(patients)
    )
    again = _second_round(marks.events, second_round)
    constant, training_clips = constant_of(known, _size(known, folders))
    judged = _judged(known, folders, marks, constant)
    for reason in judged.unreadable.values():
        print(f"echodfkd: {reason}", file=sys.stderr)
    names = [row["name"] for row in judged.rows]

    def card(wanted: Callable[[str], bool]) -> dict[str, Any]:
        """The scorecard of the clips whose names are wanted."""
        chosen = [wanted(name) for name in names]
        return scorecard(
            list(compress(judged.rows, chosen)),
            baseline=[row for row in judged.baseline if wanted(row["name"])],
            references=list(compress(judged.references, chosen)),
            training_ef=known.training_ef,
            seed=seed,
            resamples=resamples,
        )

    scores = card(lambda name: True) | _evidence(judged, seed, resamples)
    scores["n"] |= {"split": split, "training_clips": training_clips} | _not_scored(known, folders, judged)
    scores |= {"labels": known.layout, "model": read_model(next(iter(folders.values())))}
    if events is not None:
        scores["n"] |= {"events_from": events.name, "without_events": sum(not _seen(row) for row in judged.rows)}
    if again is not None and marks.events is not None:
        scores |= _rounds(marks.events, again, judged.rows, seed)
    if against is not None:
        other = _judged(known, _matching(against, known, f"split '{split}' of {labels}"), marks, None)
        told = dict(zip(("first", "second"), _told_apart(predictions, against), strict=True))
        scores["paired"] = told | paired_scores(judged.rows, other.rows, seed=seed, resamples=resamples)
    rows = judged.rows
    if exclude is not None:
        scores |= _clean(names, exclude, card)
        rows = [row | {"excluded": "; ".join(exclude.clips.get(row["name"], ()))} for row in rows]
    _write(out, scores, rows, judged.baseline)
    _show_worst(known, folders, rows, out / "worst.png")
    return scores


def _told_apart(first: Path, second: Path) -> tuple[str, str]:
    """The folders' names, with those of the folders above them where they are the same: two runs have both `masks`."""
    one, other = first.resolve().parts, second.resolve().parts
    count = next((k for k in range(1, max(len(one), len(other))) if one[-k:] != other[-k:]), 1)
    return "/".join(one[-count:]), "/".join(other[-count:])


def _write(out: Path, scores: Mapping[str, Any], rows: list[Row], baseline: list[Row]) -> None:
    """The scores and tables in `out`; what other scores left there and these have not is removed."""
    make_folder(out)
    for left in ("constant_mask.csv", "worst.png"):
        (out / left).unlink(missing_ok=True)
    write_text(out / "clips.csv", _csv(rows))
    write_text(out / "cardiobench.csv", cardiobench_csv(rows))
    if baseline:
        write_text(out / "constant_mask.csv", _csv(baseline))
    write_json(out / "scores.json", scores)


def _not_scored(known: Labels, folders: Mapping[str, Path], judged: Judged) -> dict[str, int]:
    """How many clips were not scored, by why, and how many have no constant mask beside them."""
    return {
        "without_prediction": len(known.names) - len(folders),
        "left_out": known.left_out,
        "unreadable": len(judged.unreadable),
        "unknown": known.unknown,
        "without_constant_mask": len(judged.rows) - len(judged.baseline),
    }


def _evidence(judged: Judged, seed: int, resamples: int) -> dict[str, Any]:
    """What goes beyond the scorecard: the frame rate, where the errors are, the first frames."""
    rows = judged.rows
    return {
        "frame_rate": rate_scores(rows, seed=seed, resamples=resamples),
        "concentration": concentration(rows, seed=seed, resamples=resamples),
        "strata": strata(rows, seed=seed, resamples=resamples),
        "first_frames": _first_frames(judged, seed, resamples),
    }


def _first_frames(judged: Judged, seed: int, resamples: int) -> dict[str, Any] | None:
    """Dice of the first frames, of the masks as they are and of the constant mask; None where too few are labelled."""
    curves = {"as given": judged.frame_dice, "largest piece": judged.piece_dice}
    if len(judged.constant_dice) == len(judged.rows):
        curves["constant mask"] = judged.constant_dice
    labelled = [int(np.isfinite(curve).sum()) for curve in judged.frame_dice]
    if max(labelled) <= FRAMES or not any(np.isfinite(curve[FRAMES:]).any() for curve in judged.frame_dice):
        return None
    groups = patient_groups(judged.rows)
    score = partial(first_frames, seed=seed, resamples=resamples, groups=groups)
    return {
        "n": {"clips": len(judged.rows), "frames": sum(labelled)},
        "warm_up": None,
        "variants": {name: score(each) for name, each in curves.items()},
        "frame_0_less_causal": {},
    }


def _second_round(
    first: Mapping[str, MarkedEvents] | None, second_round: Path | None
) -> Mapping[str, MarkedEvents] | None:
    """The second round of annotation; None without one. InputError where there is no first to compare it with."""
    if second_round is None:
        return None
    if first is None:
        raise InputError("A second round of annotation (--second-round) goes with a first one: --events FILE.csv.")
    return read_events(second_round)


def _rounds(
    first: Mapping[str, MarkedEvents], second: Mapping[str, MarkedEvents], rows: Sequence[Row], seed: int
) -> dict[str, Any]:
    """`rounds`: the noise of the frame choice by phase, from the scored clips that both rounds marked alike.

    `rounds_clips` counts those that were scored, marked in both rounds, and of other numbers of events in them;
    `rounds_lacking` says of a phase why it has no noise. InputError where an event lies outside its clip.
    """
    for row in rows:
        reference_of(second, row["name"], row["frames"], row["fps"])
    names = [row["name"] for row in rows if row["name"] in first and row["name"] in second]
    whose = {row["name"]: row["patient"] or row["name"] for row in rows}
    found, lacking, uneven = {}, {}, set()
    for phase in PHASES:
        one, other = ({name: events[name].of(phase) for name in names} for events in (first, second))
        pairs, odd = round_differences(one, other)
        uneven |= set(odd)
        groups = [whose[name] for name, values in pairs.items() for _ in values]
        try:
            found[phase] = rounds_bounds([v for values in pairs.values() for v in values], seed=seed, groups=groups)
        except InputError as error:  # too few to fit: the scores do not hang on it
            lacking[phase] = one_line(error)
    counts = {"scored": len(rows), "both": len(names), "uneven": len(uneven)}
    return {"rounds": found, "rounds_lacking": lacking, "rounds_clips": counts}


def _matching(predictions: Path, known: Labels, where: str) -> dict[str, Path]:
    """The folders of predictions of labelled clips, by name, in the labels' order; InputError where there are none."""
    there = {folder.name: folder for folder in prediction_folders(predictions)}
    found = {name: there[name] for name in known.names if name in there}
    if not found:
        raise InputError(f"None of the {len(there)} predictions in {predictions} is a clip of {where}.")
    return found


def _size(known: Labels, folders: Mapping[str, Path]) -> tuple[int, ...]:
    """The (height, width) of the first clip whose labels can be read; InputError where those of none can."""
    reason = ""
    for folder in folders.values():
        try:
            return known.case(read_prediction(folder)).truth.shape[1:]
        except LabelsError as error:
            reason = reason or str(error)
    raise InputError(f"The labels of none of the {len(folders)} clips can be used. The first: {reason}")


def _judged(known: Labels, folders: Mapping[str, Path], marks: Marks, constant: NDArray[np.bool_] | None) -> Judged:
    """Every clip scored, one at a time in memory."""
    found = Judged()
    for name, folder in folders.items():
        try:
            case = known.case(read_prediction(folder))
        except LabelsError as error:
            found.unreadable[name] = one_line(error)
            continue
        if marks.patients is not None:
            case = replace(case, patient=_patient(name, marks.patients))
        reference = case.reference
        if marks.events is not None:
            reference = reference_of(marks.events, name, len(case.truth), case.fps)
        found.rows.append(_row(case, reference) | known.covariates(name))
        found.references.append(reference)
        found.frame_dice.append(_frame_dice(case))
        found.piece_dice.append(_frame_dice(replace(case, predicted=_largest_pieces(case.predicted))))
        if constant is not None and constant.shape == case.truth.shape[1:]:
            always = replace(case, predicted=np.broadcast_to(constant, case.truth.shape).copy())
            found.baseline.append(_row(always, reference))
            found.constant_dice.append(_frame_dice(always))
    return found


def _row(case: ClipCase, reference: Reference) -> Row:
    """The clip's scores, its beats by the reference, and its true area in pixels."""
    row, labelled = score_clip(case), len(case.truth) if case.labelled is None else int(case.labelled.sum())
    row["area"] = row["px_true"] / labelled if labelled else None
    if reference != case.reference:
        area = area_curve(case.predicted)
        events = beat_events(area, case.fps)
        for phase, found in (("ed", events.ed_frames), ("es", events.es_frames)):
            row |= plain(event_row(area, found, reference, phase))
    return row


def _seen(row: Row) -> bool:
    """Whether the reference had any event of the clip."""
    return any(row[f"{phase}_afd"] is not None for phase in PHASES)


def _patient(name: str, patients: Mapping[str, str]) -> str:
    """Whose clip it is; InputError for a clip that the table does not name."""
    if name not in patients:
        raise InputError(f"The table of patients does not name clip {name}. Give every clip scored a row.")
    return patients[name]


def _largest_pieces(masks: MaskClip) -> MaskClip:
    """The largest piece of every frame's mask."""
    return np.stack([largest_component(mask) for mask in masks])


def _frame_dice(case: ClipCase) -> NDArray[np.float64]:
    """Dice of every frame (time,); NaN where there is no label."""
    values = dice(case.predicted, case.truth)
    return values if case.labelled is None else np.where(case.labelled, values, np.nan)


def _show_worst(known: Labels, folders: Mapping[str, Path], rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """A picture of the clips of lowest Dice at their labelled ED and ES; none where their frames cannot be read."""
    shown = []
    for row in sorted(rows, key=lambda row: (row["dice"], row["name"]))[:WORST]:
        with suppress(InputError):  # labels may come without films
            shown.append(_shown(known, folders[row["name"]], row))
    figure = clip_gallery(shown)
    if figure is not None:
        write_bytes(path, png_bytes(figure, dpi=80))


def _shown(known: Labels, folder: Path, row: Mapping[str, Any]) -> Shown:
    """One clip as the gallery wants it."""
    case, frames = known.case(read_prediction(folder)), known.clip(folder.name).frames
    moments = {phase.upper(): number for phase in PHASES for number in case.reference.of(phase)[:1]}
    return Shown(folder.name, f"clip's Dice {row['dice']:.3f}", frames, case.predicted, case.truth, moments)


def _clean(
    names: Sequence[str], exclude: Exclusion, card: Callable[[Callable[[str], bool]], dict[str, Any]]
) -> dict[str, Any]:
    """What is `excluded` (the reasons asked for, clips by reason) and the scorecard of the others as `clean`."""
    gone = {name: exclude.clips[name] for name in names if name in exclude.clips}
    if len(gone) == len(names):
        raise InputError(f"All {len(names)} clips are excluded ({', '.join(exclude.reasons)}). Ask for fewer reasons.")
    by_reason = {reason: sum(reason in reasons for reasons in gone.values()) for reason in exclude.reasons}
    return {"excluded": {"clips": len(gone), "by_reason": by_reason}, "clean": card(lambda name: name not in gone)}


def constant_of(known: Labels, size: tuple[int, ...]) -> tuple[NDArray[np.bool_] | None, int]:
    """The constant mask of the training clips of that (height, width), None without any, and how many they are.

    Clips pass one by one: a data set's masks need not fit into memory.
    """
    used = 0

    def fitting() -> Iterator[NDArray[np.bool_]]:
        nonlocal used
        for clip in known.training_masks:
            if clip.shape[1:] == size:
                used += 1
                yield clip

    fit = fitting()
    first = next(fit, None)
    return (None if first is None else constant_mask(chain([first], fit))), used


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows with equal keys as CSV text; None is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
