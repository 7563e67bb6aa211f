"""Clips scored one by one: masks, their labels, and what tables beside the data set tell of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.data.dataset import KnownClip
from echodfkd.engine import HERE, Engine
from echodfkd.errors import InputError, LabelsError, one_line
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import MaskClip, largest_component
from echodfkd.scores.clip_row import Row, reference, score_clip
from echodfkd.scores.events_file import MarkedEvents, reference_of
from echodfkd.scores.frame_distance import PHASES, Reference
from echodfkd.scores.known_clips import KnownClips, covariates
from echodfkd.scores.predictions import Prediction, named_predictions, prediction_folders

CLIPS_PER_PROCESS = 60
"""Clips to score for which another process is started: one needs seconds to begin."""


@dataclass(frozen=True)
class Marks:
    """What tables beside the data set tell: events that replace its own, whose clip each is. None: nothing."""

    events: Mapping[str, MarkedEvents] | None = None
    patients: Mapping[str, str] | None = None


@dataclass
class ScoredClips:
    """What was found of every clip, in one order; `frame_dice` (time,) is NaN on frames without a label.

    `unreadable` says of the clips that are not among them what is wrong with their labels, `beyond` of those that are
    which marked event lies outside of them: it and the others of the clip are not used.
    """

    rows: list[Row] = field(default_factory=list)
    baseline: list[Row] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    frame_dice: list[NDArray[np.float64]] = field(default_factory=list)
    piece_dice: list[NDArray[np.float64]] = field(default_factory=list)
    constant_dice: list[NDArray[np.float64]] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    beyond: dict[str, str] = field(default_factory=dict)

    def add(self, others: "ScoredClips") -> None:
        """Takes in what was found of other clips, after its own."""
        for part in fields(self):
            mine, theirs = getattr(self, part.name), getattr(others, part.name)
            if isinstance(mine, dict):
                mine.update(theirs)
            else:
                mine.extend(theirs)


def predicted_clips(predictions: Path, known: KnownClips, where: str) -> dict[str, Path]:
    """The folders of predictions of labelled clips, by name, in the labels' order; InputError where there are none."""
    there = named_predictions(predictions, known.rows)
    found = {name: there[name] for name in known.rows if name in there}
    if not found:
        first = [folder.name for folder in prediction_folders(predictions)]
        raise InputError(
            f"None of the {len(first)} predictions in {predictions} is a clip of {where}: the first is of "
            f"{first[0]!r}, the first clip is {next(iter(known.rows))!r}."
        )
    return found


def first_size(known: KnownClips, folders: Mapping[str, Path], spared: Collection[str] = ()) -> tuple[int, ...]:
    """The (height, width) of the first clip whose labels can be read; InputError where those of none can."""
    reason = ""
    for name, folder in folders.items():
        try:
            return known.pair(name, folder)[1].masks.shape[2:]
        except InputError as error:
            _check_spared(error, name, spared)
            reason = reason or str(error)
    raise InputError(f"The labels of none of the {len(folders)} clips can be used. The first: {reason}")


def scored_clips(
    known: KnownClips,
    folders: Mapping[str, Path],
    marks: Marks,
    constant: NDArray[np.bool_] | None,
    spared: Collection[str] = (),
    engine: Engine = HERE,
) -> ScoredClips:
    """Every clip scored, one at a time in a process's memory. Whatever is wrong with one of the `spared` stops nobody.

    They are scored where the `engine` says.
    """
    score, found = partial(_scored, known, folders, marks, constant, frozenset(spared)), ScoredClips()
    for one in engine.in_order(score, list(folders), worth=len(folders) // CLIPS_PER_PROCESS):
        found.add(one)
    return found


def _scored(
    known: KnownClips,
    folders: Mapping[str, Path],
    marks: Marks,
    constant: NDArray[np.bool_] | None,
    spared: Collection[str],
    name: str,
) -> ScoredClips:
    """One clip scored."""
    found = ScoredClips()
    try:
        prediction, truth = known.pair(name, folders[name])
    except InputError as error:
        _check_spared(error, name, spared)
        found.unreadable[name] = one_line(error)
        return found
    patient = None if marks.patients is None else marks.patients.get(name)
    beats, frames = reference(prediction, truth), len(prediction.masks)
    if marks.events is not None:
        try:
            beats = reference_of(marks.events, name, frames, prediction.clock)
        except InputError as error:
            found.beyond[name] = one_line(error)
            beats = reference_of({}, name, frames, prediction.clock)
    score = partial(_row, known=truth, beats=beats, patient=patient)
    found.rows.append(score(prediction) | covariates(known.rows[name]))
    found.references.append(beats)
    found.frame_dice.append(_frame_dice(prediction.masks, truth))
    found.piece_dice.append(_frame_dice(_largest_pieces(prediction.masks), truth))
    if constant is not None and constant.shape == truth.masks.shape[2:]:
        always = np.broadcast_to(constant, prediction.masks.shape).copy()
        found.baseline.append(score(replace(prediction, masks=always)))
        found.constant_dice.append(_frame_dice(always, truth))
    return found


def _check_spared(error: InputError, name: str, spared: Collection[str]) -> None:
    """Raises the error again unless it is about a clip's labels, or about a clip that is left out anyhow."""
    if not isinstance(error, LabelsError) and name not in spared:
        raise error


def _row(prediction: Prediction, known: KnownClip, beats: Reference, patient: str | None) -> Row:
    """The clip's scores, its beats by the reference, and its true area in pixels."""
    row = score_clip(prediction, known, beats, patient)
    row["area"] = row["px_true"] / len(known.frames)
    return row


def seen(row: Row) -> bool:
    """Whether the reference had any event of the clip."""
    return any(row[f"{phase}_afd"] is not None for phase in PHASES)


def _largest_pieces(masks: MaskClip) -> MaskClip:
    """The largest piece of every frame's mask."""
    return np.stack([largest_component(mask) for mask in masks])


def _frame_dice(masks: MaskClip, known: KnownClip) -> NDArray[np.float64]:
    """Dice of every frame (time,); NaN where there is no label."""
    values, labelled = np.full(len(masks), np.nan), list(known.frames)
    values[labelled] = dice(masks[labelled], known.of("lv"))
    return values
