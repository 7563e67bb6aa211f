"""What lies in a folder of real echocardiograms, to be measured against: stills, clips with two human masks, films.

    REAL/validation/stills.npz        EchoNet-Dynamic patients at ED and ES with human tracings
    REAL/validation/clips.csv, clips/ whole clips, human masks of one ED and one ES frame, ejection fraction
    REAL/validation/camus/            CAMUS stills, `<name>.nii.gz` and `<name>_gt.nii.gz`, native size
    REAL/*.avi, *.teacher.npz         films with somebody's masks of every frame

Patients are numbers here: no name of one leaves this module but in a line that says why a clip was left out.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from outline import Outline, outline
from skimage.measure import regionprops

from echodfkd.clip import Clip
from echodfkd.errors import InputError, one_line
from echodfkd.measure.overlap import dice
from echodfkd.names import SUFFIXES
from echodfkd.scores.predictions import read_masks
from echodfkd.tables import number, optional
from echodfkd.tables import rows as rows_of
from echodfkd.video import clip_name, nifti, read

Mask = NDArray[np.bool_]  # (height, width)
STILLS, CLIPS, CAMUS = (Path("validation", name) for name in ("stills.npz", "clips.csv", "camus"))
PHASES = ("ED", "ES")
BROKEN = 0.8
"""Solidity below which a tracing crosses itself: it is no outline of a ventricle."""
CAMUS_VENTRICLE = 1
"""The label of the left ventricle's cavity in CAMUS."""


@dataclass(frozen=True)
class Pairs:
    """Patients at end diastole and end systole: `frames` and `masks` (patient, phase, height, width), uint8 and bool.

    `ejection_fraction` (patient,) is in percent.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    ejection_fraction: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)

    def at(self, patients: NDArray) -> "Pairs":
        """Those patients alone, by index or by a bool for each."""
        return Pairs(self.frames[patients], self.masks[patients], self.ejection_fraction[patients])

    @cached_property
    def solidity(self) -> NDArray[np.float64]:
        """(patient, phase): see `solidity`."""
        return np.array([[solidity(mask) for mask in pair] for pair in self.masks]).reshape(-1, 2)


@dataclass(frozen=True)
class Still:
    """One frame as a clip of its own, with the mask of its left ventricle; `phase` is one of PHASES."""

    clip: Clip
    mask: Mask
    phase: str
    patient: int

    @cached_property
    def outline(self) -> Outline:
        """The mask's outline."""
        return outline(self.mask)


@dataclass(frozen=True)
class Traced:
    """A whole clip in a file, masked at one ED and one ES frame: `frames` and `masks` by phase. EF in percent."""

    path: Path
    frames: dict[str, int]
    masks: dict[str, Mask]
    ejection_fraction: float
    reader_saw: bool
    """Whether the reader was taught on frames of this clip."""

    @property
    def whole(self) -> bool:
        """Whether neither tracing is broken."""
        return all(solidity(mask) >= BROKEN for mask in self.masks.values())

    def dice(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Dice (phase,) of masks (time, height, width) with the human's; NaN where that tracing is broken."""
        return np.array(
            [
                dice(masks[self.frames[phase]], self.masks[phase]) if solidity(self.masks[phase]) >= BROKEN else np.nan
                for phase in PHASES
            ],
            np.float64,
        )


def over_phases(overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means (clip,) of Dice `overlap` (clip, phase) over the phases whose tracing is whole; NaN where none is."""
    known = np.isfinite(overlap)
    return np.where(known, overlap, 0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)


@dataclass(frozen=True)
class Film:
    """One clip with somebody's masks (time, height, width) bool of every frame."""

    clip: Clip
    masks: NDArray[np.bool_]


def solidity(mask: Mask) -> float:
    """Pixels of a mask over those of the convex hull of all its pieces, their corners counted; 1 for an empty mask."""
    return float(regionprops(mask.astype(np.uint8))[0].solidity) if mask.any() else 1.0


def read_pairs(real: Path) -> Pairs:
    """The patients of `validation/stills.npz`; InputError where it is missing or does not hold them."""
    path = real / STILLS
    try:
        with np.load(path, allow_pickle=False) as archive:
            frames, packed, fraction = (archive[name] for name in ("frames", "masks", "ef"))
    except FileNotFoundError:
        raise InputError(f"No such file: {path}. Give the folder of real echocardiograms that holds it.") from None
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} does not hold stills: {one_line(error)}") from None
    if frames.ndim != 4 or frames.shape[1] != 2 or frames.dtype != np.uint8:
        raise InputError(
            f"{path}: frames must be (patient, 2, height, width) uint8, got {frames.dtype} {frames.shape}."
        )
    masks = np.unpackbits(packed, axis=-1)[..., : frames.shape[-1]].astype(np.bool_)
    return Pairs(frames, masks, np.asarray(fraction, np.float64))


def read_stills(real: Path) -> list[Still]:
    """Every frame of `validation/stills.npz` but for those with a broken tracing; none where there is no such file."""
    if not (real / STILLS).is_file():
        return []
    pairs = read_pairs(real)
    return [
        Still(Clip(f"{patient} {phase}", pairs.frames[patient, [n]]), pairs.masks[patient, n], phase, patient)
        for patient in range(len(pairs))
        for n, phase in enumerate(PHASES)
        if pairs.solidity[patient, n] >= BROKEN
    ]


def read_camus(real: Path) -> list[Still]:
    """CAMUS's stills at their own size, by name; none where there is no such folder."""
    paths = sorted((real / CAMUS).glob("*_gt.nii.gz"))
    patients = {path.name.split("_")[0]: None for path in paths}
    numbers = {name: number for number, name in enumerate(patients)}
    return [_camus_still(path, numbers[path.name.split("_")[0]]) for path in paths]


def _camus_still(labels: Path, patient: int) -> Still:
    """The still whose labels lie in a file `patient*_*_ED_gt.nii.gz`."""
    phase = labels.name.removesuffix("_gt.nii.gz").rpartition("_")[2]
    clip = nifti.read(labels.with_name(labels.name.replace("_gt.", ".")))
    mask = nifti.read_labels(labels)[0] == CAMUS_VENTRICLE
    if phase not in PHASES or mask.shape != clip.frames.shape[1:]:
        raise InputError(f"{labels} must be the labels of an ED or ES frame {clip.frames.shape[1:]}, got {mask.shape}.")
    return Still(clip, mask, phase, patient)


def read_traced(real: Path) -> list[Traced]:
    """The clips that `validation/clips.csv` lists; none where there is no such file."""
    listing = real / CLIPS
    if not listing.is_file():
        return []
    return [_traced(listing.parent / "clips", cells) for _, cells in rows_of(listing, ("FileName", "EF"))]


def _traced(folder: Path, cells: dict[str, str]) -> Traced:
    """The clip of a row; InputError where its masks are missing."""
    path = folder / f"{cells['FileName']}.avi"
    try:
        with np.load(path.with_suffix(".human.npz"), allow_pickle=False) as archive:
            frames = {phase: int(archive[f"{phase.lower()}_frame"]) for phase in PHASES}
            masks = {phase: archive[f"{phase.lower()}_mask"].astype(np.bool_) for phase in PHASES}
        fraction = number(cells, "EF")
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} has no human masks beside it, or no EF: {one_line(error)}") from None
    return Traced(path, frames, masks, fraction, cells.get("ReaderSaw", "0").strip() == "1")


def has_films(folder: Path) -> bool:
    """Whether any clip directly in a folder has masks beside it."""
    return any(True for _ in _with_masks(folder))


def read_films(folder: Path) -> list[Film]:
    """The clips directly in a folder that have a `<name>.teacher.npz` (key `masks`) beside them, by name.

    The frame rate is that of `clips.csv` (FileName, FPS) where it lists one. Clips that cannot be read, and masks of
    several structures or of another size or length than their clip, stay out, each with a line on stderr. InputError
    where no clip is left.
    """
    rates = _rates(folder / "clips.csv")
    found = []
    for path in _with_masks(folder):
        try:
            clip = read(path)
            clip = replace(clip, fps=rates.get(clip.name) or clip.fps)
            found.append(Film(clip, _ventricle(_masks_of(path), clip)))
        except InputError as error:
            print(f"left out: {one_line(error)}", file=sys.stderr)
    if not found:
        raise InputError(f"{folder} holds no clip with masks of its left ventricle in a <name>.teacher.npz beside it.")
    return found


def _with_masks(folder: Path) -> Iterator[Path]:
    """Films with masks beside them, by name."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in SUFFIXES and _masks_of(path).is_file():
            yield path


def _masks_of(path: Path) -> Path:
    """Where the masks of the film in `path` lie."""
    return path.with_name(f"{clip_name(path)}.teacher.npz")


def _rates(listing: Path) -> dict[str, float | None]:
    """Frames per second (Hz) by clip as a table tells them."""
    if not listing.is_file():
        return {}
    try:
        return {cells["FileName"]: optional(cells, "FPS") for _, cells in rows_of(listing, ("FileName",))}
    except ValueError as error:
        raise InputError(f"{listing}: {error} Leave the cell empty where it is unknown.") from None


def _ventricle(path: Path, clip: Clip) -> NDArray[np.bool_]:
    """The left ventricle (time, height, width) in a file of masks; InputError where it is not this clip's alone."""
    masks = read_masks(path)
    if masks.dtype.kind not in "buif":
        raise InputError(f"{path} holds {masks.dtype}, not masks.")
    if masks.shape != clip.frames.shape:
        raise InputError(f"{path} holds masks {masks.shape}; one structure of its clip would be {clip.frames.shape}.")
    values = np.unique(masks)
    if len(values[values != 0]) > 1:
        raise InputError(f"{path} holds the labels {values.tolist()}: more structures than the left ventricle.")
    return masks > 0
