"""A data set as something to judge masks by: its clips, what is known of one, what the training clips say."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables
from echodfkd.clock import listed_clock
from echodfkd.data.dataset import Dataset, KnownClip, Listed
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import InputError, LabelsError
from echodfkd.measure.shape import Mask, MaskClip, check_masks
from echodfkd.scores.clip_row import check_pair
from echodfkd.scores.predictions import Prediction, read_prediction
from echodfkd.store.place import Place

LV = "lv"
Covariates = dict[str, float | str | None]


@dataclass(frozen=True)
class KnownClips:
    """The clips of one split of `dataset` whose masks tell of the left ventricle, `rows` as they are listed, by name.

    `unknown` counts the others of the split. What the training clips say are the baselines that never look at an image.
    """

    dataset: Dataset
    rows: Mapping[str, Listed]
    unknown: int = 0

    def pair(self, name: str, folder: Path) -> tuple[Prediction, KnownClip]:
        """The prediction in `folder`, timed as the list says, and what is known of its clip.

        LabelsError where the labels cannot be used, InputError where the masks are not of that clip.
        """
        found, row = read_prediction(folder, name), self.rows[name]
        known = replace(self._truth(found), ejection_fraction=row.ejection_fraction)
        found = timed_by_list(found, row)
        check_pair(found, known)
        return found, known

    @property
    def training_ef(self) -> float | None:
        """The mean ejection fraction (percent) of the training clips; None where there is none."""
        known = [row.ejection_fraction for row in self._training if row.ejection_fraction is not None]
        return float(np.mean(known)) if known else None

    def training_masks(self) -> Iterator[NDArray[np.bool_]]:
        """The masks (labelled frame, height, width) of each training clip whose labels can be read."""
        for row in self._training:
            with suppress(InputError):
                yield self.dataset.truth(row.name).of(LV)

    @property
    def _training(self) -> list[Listed]:
        return [row for row in self.dataset.training if _tells(row)]

    def _truth(self, found: Prediction) -> KnownClip:
        """The clip's labels, with the length of its film; LabelsError where they cannot be read, or lie beyond it."""
        try:
            truth = self.dataset.truth(found.name)
        except InputError as error:
            raise LabelsError(f"The labels of {found.name} cannot be used: {error}") from None
        count, last = len(found.masks), max(truth.frames)
        if truth.length is not None or (count == self.rows[found.name].frames and last < count):
            return truth
        length = self._film_length(found.name)
        if length is not None and count <= last >= length:
            raise LabelsError(
                f"The labels of {found.name} cannot be used: its film ends before frame {last}, a traced one."
            )
        return replace(truth, length=length)

    def _film_length(self, name: str) -> int | None:
        """The frames of a clip's film; None where it cannot be read, so that it speaks against no mask."""
        try:
            return len(self.dataset.read(name).frames)
        except InputError:
            return None


def known_clips(folder: Place | Path | str, split: str) -> KnownClips:
    """The clips of a split with labels of the left ventricle in any data set; InputError where there are none."""
    dataset = open_dataset(folder)
    if not dataset.structures:
        raise InputError(f"{folder} has no tracings or masks to score against.")
    if LV not in dataset.structures:
        raise InputError(f"{folder} holds masks of {', '.join(dataset.structures)}, not of the left ventricle (lv).")
    listed = dataset.split(split)
    rows = {row.name: row for row in listed if _tells(row)}
    if not rows:
        there = Counter(row.split for row in dataset.clips)
        told = ", ".join(f"{name} ({count})" for name, count in there.items()) or "none"
        why = "".join(f" {line}." for line in dataset.fault_lines())
        raise InputError(f"{folder} has no labelled clips in the split '{split}'; splits with clips: {told}.{why}")
    return KnownClips(dataset, rows, len(listed) - len(rows))


def timed_by_list(prediction: Prediction, row: Listed) -> Prediction:
    """The prediction at the list's frame rate, which is the recording's, where the frames do not speak against it."""
    clock = listed_clock(prediction.clock, len(prediction.masks), row.fps)
    return replace(prediction, fps=clock.fps, times=clock.times, dropped=0)


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


def constant_of(known: KnownClips, size: tuple[int, ...]) -> tuple[NDArray[np.bool_] | None, int]:
    """The constant mask of the training clips of that (height, width), None without any, and how many they are.

    Clips pass one by one: a data set's masks need not fit into memory.
    """
    used = 0

    def fitting() -> Iterator[NDArray[np.bool_]]:
        nonlocal used
        for clip in known.training_masks():
            if clip.shape[1:] == size:
                used += 1
                yield clip

    fit = fitting()
    first = next(fit, None)
    return (None if first is None else constant_mask(chain([first], fit))), used


def _tells(row: Listed) -> bool:
    """Whether a clip's masks tell of the left ventricle: a store may hold clips whose teacher did not know it."""
    known = row.facts.get("known")
    return known is None or LV in known
