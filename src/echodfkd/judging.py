"""Anybody's masks against any labels the house reads: `echodfkd evaluate`."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.data.echonet import EchoNet
from echodfkd.data.store import Store
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


def judge(
    predictions: Path, labels: Path, out: Path, *, split: str = "test", resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Scores of the masks in `predictions` (as `segment` writes them) against the clips of `split`; the scorecard.

    `out` receives `scores.json`, `clips.csv` (one row per clip) and `constant_mask.csv` (the baseline's rows). Clips
    without a prediction, or of a size that the constant mask does not have, are counted, never dropped silently.
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
    scores = scorecard(
        rows, baseline=baseline, references=references, training_ef=known.training_ef, seed=seed, resamples=resamples
    )
    scores["n"] |= {
        "split": split,
        "without_prediction": len(known.names) - len(names),
        "training_clips": training_clips,
        "without_constant_mask": len(rows) - len(baseline),
    }
    make_folder(out)
    write_text(out / "clips.csv", _csv(rows))
    if baseline:
        write_text(out / "constant_mask.csv", _csv(baseline))
    write_json(out / "scores.json", scores)
    return scores


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
    """The labels in a store or in EchoNet-Dynamic's layout; InputError where it is neither or has no such clips."""
    if (folder / "index.json").is_file():
        labels = _store_labels(Store(folder), split)
    elif (folder / "FileList.csv").is_file():
        labels = _echonet_labels(EchoNet(folder), split)
    else:
        raise InputError(
            f"{folder} is no data set: expected a store (index.json) or EchoNet-Dynamic's layout (FileList.csv)."
        )
    if not labels.names:
        raise InputError(f"{folder} has no labelled clips in the split '{split}'.")
    return labels


def _store_labels(store: Store, split: str) -> Labels:
    """A store's own masks of the left ventricle and the facts of its clips."""
    if "lv" not in store.structures:
        raise InputError(f"The store holds masks of {', '.join(store.structures)}, not of the left ventricle (lv).")
    store.verify("masks")
    channel = store.structures.index("lv")
    entries = {entry.name: entry for entry in store.split(split)}

    def case(prediction: Prediction) -> ClipCase:
        """The prediction beside its clip's masks and facts."""
        entry = entries[prediction.name]
        truth = entry.facts.get("truth", {})
        return ClipCase(
            name=entry.name,
            predicted=prediction.masks,
            truth=np.asarray(store.masks(entry.name)[:, channel] >= 128),
            fps=entry.fps,
            ed_frames=tuple(truth.get("ed_frames", ())),
            es_frames=tuple(truth.get("es_frames", ())),
            ejection_fraction=truth.get("ejection_fraction"),
        )

    kept = {entry.split for entry in store.entries}  # fresh training clips are not: those of validation stand in
    training = [entry for entry in store.entries if entry.split == ("train" if "train" in kept else "validation")]
    fractions = [entry.facts["truth"]["ejection_fraction"] for entry in training if "truth" in entry.facts]
    masks = (np.asarray(store.masks(entry.name)[:, channel] >= 128) for entry in training)
    return Labels(tuple(entries), case, masks, float(np.mean(fractions)) if fractions else None)


def _echonet_labels(dataset: EchoNet, split: str) -> Labels:
    """Human tracings of two frames per clip and the data set's ejection fractions; left-out clips are not asked for."""
    if not dataset.traced:
        raise InputError(f"{dataset.folder} has no tracings (VolumeTracings.csv) to score masks against.")
    clips = {clip.name: clip for clip in dataset.split(split)}

    def case(prediction: Prediction) -> ClipCase:
        """The prediction beside the tracings of its clip."""
        clip, traced = clips[prediction.name], _traced_masks(dataset, prediction.name)
        frames = len(prediction.masks)
        if max(traced) >= frames:
            raise InputError(f"Clip {clip.name} has {frames} predicted frames, but frame {max(traced)} is traced.")
        truth = np.zeros((frames, *next(iter(traced.values())).shape), np.bool_)
        for frame, mask in traced.items():
            truth[frame] = mask
        ed, es = dataset.ed_es(clip.name)
        return ClipCase(
            name=clip.name,
            predicted=prediction.masks,
            truth=truth,
            fps=clip.fps,
            ed_frames=(ed,),
            es_frames=(es,),
            ejection_fraction=clip.ejection_fraction,
            labelled=np.isin(np.arange(frames), list(traced)),
            events_complete=False,
        )

    training = dataset.split("train")
    masks = (np.stack(list(_traced_masks(dataset, clip.name).values())) for clip in training)
    fractions = [clip.ejection_fraction for clip in training]
    return Labels(tuple(clips), case, masks, float(np.mean(fractions)) if fractions else None)


def _traced_masks(dataset: EchoNet, name: str) -> dict[int, NDArray[np.bool_]]:
    """The traced mask (height, width) bool of each traced frame: pixels inside for at least half of its annotators."""
    drawn: dict[int, list[NDArray[np.uint8]]] = {}
    for tracing in dataset.tracings(name):
        drawn.setdefault(tracing.frame, []).append(tracing.mask)
    return {frame: np.mean(masks, axis=0) >= 0.5 for frame, masks in drawn.items()}


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows with equal keys as CSV text; None is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def table(scores: Mapping[str, Any]) -> str:
    """The scorecard as lines for a terminal: each score with its interval, its n and what baselines get."""
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
