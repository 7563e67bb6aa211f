"""A data set as something to judge masks by: its clips, how to score one, what is known beside the masks."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables
from echodfkd.clip import Clip
from echodfkd.clock import listed_clock
from echodfkd.data.dataset import Dataset, KnownClip, Listed
from echodfkd.data.findings import Finding
from echodfkd.data.layouts import layout_of, open_dataset
from echodfkd.errors import InputError, LabelsError
from echodfkd.scores.predictions import Prediction
from echodfkd.scores.scorecard import ClipCase, constant_mask

LV = "lv"
Covariates = dict[str, float | str | None]


@dataclass(frozen=True)
class Labels:
    """The labelled clips of one split: their names, how to score one, and what the training clips say.

    `case` joins a prediction with its clip's truth, or raises LabelsError where that cannot be used; `covariates` are
    what an error may go with; `clip` reads the frames. `training_masks` (time, height, width) bool and `training_ef`
    (percent, mean) give the baselines that never look at an image; they pass over what cannot be read, and are empty
    where there are no training clips. `left_out` counts clips of any split that the data set cannot use, `unknown`
    those of this split whose masks do not tell of the ventricle; `layout` names the kind of data set. `faults` are what
    is wrong with its clips, `every` names them all, usable or not.
    """

    names: tuple[str, ...]
    case: Callable[[Prediction], ClipCase]
    covariates: Callable[[str], Covariates]
    clip: Callable[[str], Clip]
    training_masks: Iterator[NDArray[np.bool_]]
    training_ef: float | None
    left_out: int = 0
    unknown: int = 0
    layout: str = ""
    faults: tuple[Finding, ...] = ()
    unused: Collection[str] = ()
    every: Collection[str] = ()


def read_labels(folder: Path, split: str) -> Labels:
    """The labels of the left ventricle in any data set; InputError where there are none of that split."""
    dataset = open_dataset(folder)
    if not dataset.structures:
        raise InputError(f"{folder} has no tracings or masks to score against.")
    if LV not in dataset.structures:
        raise InputError(f"{folder} holds masks of {', '.join(dataset.structures)}, not of the left ventricle (lv).")
    listed = dataset.split(split)
    clips = {row.name: row for row in listed if _tells(row)}
    if not clips:
        there = Counter(row.split for row in dataset.clips)
        told = ", ".join(f"{name} ({count})" for name, count in there.items()) or "none"
        why = "".join(f" {line}." for line in dataset.fault_lines())
        raise InputError(f"{folder} has no labelled clips in the split '{split}'; splits with clips: {told}.{why}")
    training = [row for row in dataset.training if _tells(row)]
    fractions = [row.ejection_fraction for row in training if row.ejection_fraction is not None]
    return Labels(
        names=tuple(clips),
        case=lambda found: clip_case(found, clips[found.name], _truth(dataset, found)),
        covariates=lambda name: covariates(clips[name]),
        clip=dataset.read,
        training_masks=_masks(dataset, training),
        training_ef=float(np.mean(fractions)) if fractions else None,
        left_out=len(dataset.left_out),
        faults=tuple(dataset.faults),
        unused=dataset.left_out.keys(),
        every=dataset.names,
        unknown=len(listed) - len(clips),
        layout=layout_of(dataset),
    )


def clip_case(prediction: Prediction, row: Listed, truth: KnownClip) -> ClipCase:
    """A prediction beside its clip's labels; InputError where it is too short for them."""
    length = truth.length or len(prediction.masks)
    if max(truth.frames) >= length:
        raise InputError(f"Clip {row.name} has {length} predicted frames, but frame {max(truth.frames)} is traced.")
    ventricle = truth.of(LV)
    masks = np.zeros((length, *ventricle.shape[1:]), np.bool_)
    masks[list(truth.frames)] = ventricle
    clock = listed_clock(prediction.clock, len(prediction.masks), row.fps)
    return ClipCase(
        name=row.name,
        predicted=prediction.masks,
        truth=masks,
        fps=clock.fps,
        ed_frames=truth.ed_frames,
        es_frames=truth.es_frames,
        ejection_fraction=row.ejection_fraction,
        labelled=np.isin(np.arange(length), truth.frames),
        events_complete=truth.every_beat,
        one_contraction=truth.one_contraction,
        spacing=truth.spacing,
        times=clock.times,
    )


def covariates(row: Listed) -> Covariates:
    """What a data set tells of a clip besides its masks: `heart_rate` (per minute) and `quality`; None where unknown.

    Quality is a word of CAMUS's (Good, Medium, Poor) or the simulator's number, 0 worst to 1 best.
    """
    drawn = row.facts.get("recipe", {}).get("quality")
    rate = row.facts.get("truth", {}).get("heart_rate")
    return {"heart_rate": rate, "quality": row.facts.get("image_quality") if drawn is None else drawn}


def read_patients(path: Path) -> dict[str, str]:
    """Whose clip each is, from a CSV with the columns FileName and Patient; refusals and warnings of `by_clip`."""
    hint = "It must be a CSV with the columns FileName and Patient."
    return tables.by_clip(path, ("FileName", "Patient"), _patient, hint=hint)


def _patient(cells: dict[str, str]) -> str:
    """The patient of a row; ValueError where it has none."""
    if tables.is_blank(cells["Patient"]):
        raise ValueError("every clip needs a patient.")
    return cells["Patient"]


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


def _truth(dataset: Dataset, found: Prediction) -> KnownClip:
    """The clip's labels; LabelsError where they cannot be read, or tell of frames that its film does not have."""
    try:
        truth = dataset.truth(found.name)
    except InputError as error:
        raise LabelsError(f"The labels of {found.name} cannot be used: {error}") from None
    last = max(truth.frames)
    if truth.length is None and len(found.masks) <= last >= _film_length(dataset, found.name):
        raise LabelsError(
            f"The labels of {found.name} cannot be used: its film ends before frame {last}, a traced one."
        )
    return truth


def _film_length(dataset: Dataset, name: str) -> float:
    """The frames of a clip's film; infinity where it cannot be read, so that it speaks against no label."""
    try:
        return len(dataset.read(name).frames)
    except InputError:
        return inf


def _masks(dataset: Dataset, rows: Sequence[Listed]) -> Iterator[NDArray[np.bool_]]:
    """The masks (labelled frame, height, width) of the ventricle in each clip whose labels can be read."""
    for row in rows:
        try:
            masks = dataset.truth(row.name).of(LV)
        except InputError:
            continue
        yield masks


def _tells(row: Listed) -> bool:
    """Whether a clip's masks tell of the left ventricle: a store may hold clips whose teacher did not know it."""
    known = row.facts.get("known")
    return known is None or LV in known
