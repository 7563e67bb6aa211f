"""Anybody's masks against any labels the house reads: `echodfkd evaluate`."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.data.findings import Exclusion
from echodfkd.errors import InputError
from echodfkd.evaluate.frame_distance import PHASES, Reference
from echodfkd.evaluate.overlap import dice
from echodfkd.evaluate.predictions import prediction_folders, read_prediction
from echodfkd.evaluate.scorecard import ClipCase, constant_mask, score_clip, scorecard
from echodfkd.files import make_folder, write_bytes, write_json, write_text
from echodfkd.labels import Labels, read_labels
from echodfkd.report.figures import png_bytes
from echodfkd.report.gallery import Shown, clip_gallery
from echodfkd.report.words import Interval, count, interval, number

WORST = 6
"""Clips in the picture of the worst."""


@dataclass
class Judged:
    """What was found of every clip, in one order; `frame_dice` (time,) is NaN on frames without a label."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    baseline: list[dict[str, Any]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    frame_dice: list[NDArray[np.float64]] = field(default_factory=list)


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

    `out` receives `scores.json`, `clips.csv` (one row per clip), `constant_mask.csv` (the baseline's rows) and
    `worst.png`. Clips without a prediction, or of a size that the constant mask does not have, are counted, never
    dropped silently. With `exclude` the scorecard is that of all clips as ever, and under `clean` the one without the
    excluded stands beside. Raises InputError where nothing matches or a file is not what it should be.
    """
    known = read_labels(labels, split)
    folders = _matching(predictions, known, f"split '{split}' of {labels}")
    constant, training_clips = _constant(known, folders)
    judged = _judged(known, folders, constant)

    def card(wanted: Callable[[str], bool]) -> dict[str, Any]:
        """The scorecard of the clips whose names are wanted."""
        chosen = [wanted(name) for name in folders]
        return scorecard(
            list(compress(judged.rows, chosen)),
            baseline=[row for row in judged.baseline if wanted(row["name"])],
            references=list(compress(judged.references, chosen)),
            training_ef=known.training_ef,
            seed=seed,
            resamples=resamples,
        )

    scores = card(lambda name: True)
    scores["n"] |= {
        "split": split,
        "without_prediction": len(known.names) - len(folders),
        "left_out": known.left_out,
        "unknown": known.unknown,
        "training_clips": training_clips,
        "without_constant_mask": len(judged.rows) - len(judged.baseline),
    }
    rows = judged.rows
    if exclude is not None:
        scores |= _clean(list(folders), exclude, card)
        rows = [row | {"excluded": "; ".join(exclude.clips.get(row["name"], ()))} for row in rows]
    make_folder(out)
    write_text(out / "clips.csv", _csv(rows))
    if judged.baseline:
        write_text(out / "constant_mask.csv", _csv(judged.baseline))
    _show_worst(known, folders, rows, out / "worst.png")
    write_json(out / "scores.json", scores)
    return scores


def _matching(predictions: Path, known: Labels, where: str) -> dict[str, Path]:
    """The folders of predictions of labelled clips, by name, in the labels' order; InputError where there are none."""
    there = {folder.name: folder for folder in prediction_folders(predictions)}
    found = {name: there[name] for name in known.names if name in there}
    if not found:
        raise InputError(f"None of the {len(there)} predictions in {predictions} is a clip of {where}.")
    return found


def _judged(known: Labels, folders: Mapping[str, Path], constant: NDArray[np.bool_] | None) -> Judged:
    """Every clip scored, one at a time in memory."""
    found = Judged()
    for name, folder in folders.items():
        case = known.case(read_prediction(folder))
        found.rows.append(score_clip(case) | known.covariates(name))
        found.references.append(case.reference)
        found.frame_dice.append(_frame_dice(case))
        if constant is not None and constant.shape == case.truth.shape[1:]:
            always = np.broadcast_to(constant, case.truth.shape).copy()
            found.baseline.append(score_clip(replace(case, predicted=always)))
    return found


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
    return Shown(folder.name, f"Dice {row['dice']:.3f}", frames, case.predicted, case.truth, moments)


def _clean(
    names: Sequence[str], exclude: Exclusion, card: Callable[[Callable[[str], bool]], dict[str, Any]]
) -> dict[str, Any]:
    """What is `excluded` (the reasons asked for, clips by reason) and the scorecard of the others as `clean`."""
    gone = {name: exclude.clips[name] for name in names if name in exclude.clips}
    if len(gone) == len(names):
        raise InputError(f"All {len(names)} clips are excluded ({', '.join(exclude.reasons)}). Ask for fewer reasons.")
    by_reason = {reason: sum(reason in reasons for reasons in gone.values()) for reason in exclude.reasons}
    return {"excluded": {"clips": len(gone), "by_reason": by_reason}, "clean": card(lambda name: name not in gone)}


def _constant(known: Labels, folders: Mapping[str, Path]) -> tuple[NDArray[np.bool_] | None, int]:
    """The constant mask of the training clips of the first clip's size, None without any, and how many they are.

    Clips pass one by one: a data set's masks need not fit into memory.
    """
    size = known.case(read_prediction(next(iter(folders.values())))).truth.shape[1:]
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
