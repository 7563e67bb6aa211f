"""Anybody's masks against any labels the house reads: `echodfkd evaluate`."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.data.dataset import Listed, Truth
from echodfkd.data.findings import Exclusion
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import InputError
from echodfkd.evaluate.predictions import Prediction, prediction_folders, read_prediction
from echodfkd.evaluate.scorecard import ClipCase, constant_mask, score_clip, scorecard
from echodfkd.files import make_folder, write_json, write_text
from echodfkd.report.summary import Interval, count, interval, number


@dataclass(frozen=True)
class Labels:
    """A data set as something to judge by: the clips of the split, how to score one, and what the training clips say.

    `case` joins a prediction with its clip's truth. `training_masks` (time, height, width) bool and `training_ef`
    (percent, mean) give the baselines that never look at an image; they are empty where there are no training clips.
    """

    names: tuple[str, ...]
    case: Callable[[Prediction], ClipCase]
    training_masks: Iterator[NDArray[np.bool_]]
    training_ef: float | None
    left_out: int = 0


def judge(
    predictions: Path,
    labels: Path,
    out: Path,
    *,
    split: str = "test",
    resamples: int = 2000,
    seed: int = 0,
    exclude: Exclusion | None = None,
) -> dict[str, Any]:
    """Scores of the masks in `predictions` (as `segment` writes them) against the clips of `split`; the scorecard.

    `out` receives `scores.json`, `clips.csv` (one row per clip) and `constant_mask.csv` (the baseline's rows). Clips
    without a prediction, or of a size that the constant mask does not have, are counted, never dropped silently. With
    `exclude` the scorecard is that of all clips as ever, and under `clean` the one without the excluded stands beside.
    Raises InputError where nothing matches or a file is not what it should be.
    """
    known = read_labels(labels, split)
    folders = {folder.name: folder for folder in prediction_folders(predictions)}
    names = [name for name in known.names if name in folders]
    if not names:
        raise InputError(
            f"None of the {len(folders)} predictions in {predictions} is a clip of split '{split}' of {labels}."
        )
    size = known.case(read_prediction(folders[names[0]])).truth.shape[1:]
    constant, training_clips = _constant(known.training_masks, size)
    rows, baseline, references = [], [], []
    for name in names:
        case = known.case(read_prediction(folders[name]))
        rows.append(score_clip(case))
        references.append(case.reference)
        if constant is not None and constant.shape == case.truth.shape[1:]:
            baseline.append(score_clip(replace(case, predicted=np.broadcast_to(constant, case.truth.shape).copy())))

    def card(wanted: Callable[[str], bool]) -> dict[str, Any]:
        """The scorecard of the clips whose names are wanted."""
        chosen = [wanted(name) for name in names]
        return scorecard(
            list(compress(rows, chosen)),
            baseline=[row for row in baseline if wanted(row["name"])],
            references=list(compress(references, chosen)),
            training_ef=known.training_ef,
            seed=seed,
            resamples=resamples,
        )

    scores = card(lambda name: True)
    scores["n"] |= {
        "split": split,
        "without_prediction": len(known.names) - len(names),
        "left_out": known.left_out,
        "training_clips": training_clips,
        "without_constant_mask": len(rows) - len(baseline),
    }
    if exclude is not None:
        scores |= _clean(names, exclude, card)
        rows = [row | {"excluded": "; ".join(exclude.clips.get(row["name"], ()))} for row in rows]
    make_folder(out)
    write_text(out / "clips.csv", _csv(rows))
    if baseline:
        write_text(out / "constant_mask.csv", _csv(baseline))
    write_json(out / "scores.json", scores)
    return scores


def _clean(
    names: Sequence[str], exclude: Exclusion, card: Callable[[Callable[[str], bool]], dict[str, Any]]
) -> dict[str, Any]:
    """What is `excluded` (the reasons asked for, clips by reason) and the scorecard of the others as `clean`."""
    gone = {name: exclude.clips[name] for name in names if name in exclude.clips}
    if len(gone) == len(names):
        raise InputError(f"All {len(names)} clips are excluded ({', '.join(exclude.reasons)}). Ask for fewer reasons.")
    by_reason = {reason: sum(reason in reasons for reasons in gone.values()) for reason in exclude.reasons}
    return {"excluded": {"clips": len(gone), "by_reason": by_reason}, "clean": card(lambda name: name not in gone)}


def _constant(masks: Iterator[NDArray[np.bool_]], size: tuple[int, ...]) -> tuple[NDArray[np.bool_] | None, int]:
    """The constant mask of the training clips of that (height, width), None without any, and how many they are.

    Clips pass one by one: a data set's masks need not fit into memory.
    """
    used = 0

    def fitting() -> Iterator[NDArray[np.bool_]]:
        nonlocal used
        for clip in masks:
            if clip.shape[1:] == size:
                used += 1
                yield clip

    fit = fitting()
    first = next(fit, None)
    return (None if first is None else constant_mask(chain([first], fit))), used


def read_labels(folder: Path, split: str) -> Labels:
    """The labels of the left ventricle in any data set; InputError where there are none of that split."""
    dataset = open_dataset(folder)
    if not dataset.structures:
        raise InputError(f"{folder} has no tracings or masks to score against.")
    if "lv" not in dataset.structures:
        raise InputError(f"{folder} holds masks of {', '.join(dataset.structures)}, not of the left ventricle (lv).")
    clips = {row.name: row for row in dataset.split(split)}
    if not clips:
        raise InputError(f"{folder} has no labelled clips in the split '{split}'.")
    masks = (dataset.truth(row.name).of("lv") for row in dataset.training)
    fractions = [row.ejection_fraction for row in dataset.training if row.ejection_fraction is not None]

    def case(prediction: Prediction) -> ClipCase:
        """The prediction beside its clip's labels."""
        return _case(prediction, clips[prediction.name], dataset.truth(prediction.name))

    mean = float(np.mean(fractions)) if fractions else None
    return Labels(tuple(clips), case, masks, mean, len(dataset.left_out))


def _case(prediction: Prediction, row: Listed, truth: Truth) -> ClipCase:
    """A prediction beside its clip's labels; InputError where it is too short for them."""
    length = truth.length or len(prediction.masks)
    if max(truth.frames) >= length:
        raise InputError(f"Clip {row.name} has {length} predicted frames, but frame {max(truth.frames)} is traced.")
    ventricle = truth.of("lv")
    masks = np.zeros((length, *ventricle.shape[1:]), np.bool_)
    masks[list(truth.frames)] = ventricle
    return ClipCase(
        name=row.name,
        predicted=prediction.masks,
        truth=masks,
        fps=row.fps or prediction.fps,
        ed_frames=truth.ed_frames,
        es_frames=truth.es_frames,
        ejection_fraction=row.ejection_fraction,
        labelled=np.isin(np.arange(length), truth.frames),
        events_complete=truth.every_beat,
        one_contraction=truth.one_contraction,
        spacing=truth.spacing,
    )


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows with equal keys as CSV text; None is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def table(scores: Mapping[str, Any]) -> str:
    """The scorecard as lines for a terminal; with an exclusion of all clips, then of those that are not excluded."""
    if "excluded" not in scores:
        return _table(scores)
    gone, total = scores["excluded"], scores["n"]["clips"]
    told = ", ".join(f"{reason} {count}" for reason, count in gone["by_reason"].items()) or "no reason given"
    return (
        f"All {total} clips\n{_table(scores)}\n\n"
        f"Without the {gone['clips']} excluded ({told}): {total - gone['clips']} clips\n{_table(scores['clean'])}"
    )


def _table(scores: Mapping[str, Any]) -> str:
    """One scorecard as lines: each score with its interval, its n and what baselines get."""
    constant, always = scores["constant_mask"] or {}, scores["ejection"]["always_training_mean"] or {}
    nulls = scores["null_curves"] or {}
    rows = [("", "value (95 % interval)", "n", "baselines")]
    for name, key in (("Dice", "overall"), ("Dice at ED", "ed"), ("Dice at ES", "es")):
        rows.append(_line(name, scores["dice"][key], 3, {"constant mask": constant.get("dice", {}).get(key)}))
    rows.append(_line("IoU", scores["iou"]["overall"], 3, {"constant mask": constant.get("iou", {}).get("overall")}))
    for phase in ("ed", "es"):
        beside = {name.replace("_", " "): null[phase]["afd"] for name, null in nulls.items()}
        rows.append(_line(f"aFD {phase.upper()}, frames", scores["afd"][phase], 2, beside))
    for phase in ("ed", "es"):
        found = scores["events"][phase]
        rows.append((*_line(f"{phase.upper()} one to one, ms", found["distance_ms"], 0, {})[:3], _counts(found)))
    rows.append(
        _line("EF error, points", scores["ejection"]["mae"], 1, {"always the training mean": always.get("mae")})
    )
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    )


def _line(name: str, found: Interval, digits: int, baselines: Mapping[str, Interval]) -> tuple[str, str, str, str]:
    told = "; ".join(f"{label} {number(value, digits)}" for label, value in baselines.items() if value is not None)
    return name, interval(found, digits), count(found), told


def _counts(found: Mapping[str, Any]) -> str:
    extra = "" if found["extra"] is None else f", {found['extra']} extra"
    return f"{found['matched']} matched, {found['missed']} missed{extra}"
