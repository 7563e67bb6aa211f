"""Data sets in their published layouts, made of simulated clips, as tests want them: whole, or with planted defects."""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nibabel
import numpy as np

from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import write

LABELS = {"lv": 1, "myocardium": 2, "la": 3}


@dataclass(frozen=True)
class Beat:
    """A simulated clip, its true masks by structure (time, height, width) bool, and its largest and smallest LV."""

    frames: np.ndarray
    masks: dict[str, np.ndarray]
    fps: float
    ejection_fraction: float
    ed: int
    es: int


@cache
def beats() -> tuple[Beat, ...]:
    """Three simulated clips of 30 frames, drawn once; the first is smallest before it is largest."""
    recipes = [draw_recipe(Conditions(), 3, number, 30) for number in (16, 5, 22)]
    made, found = generate(recipes, 112, structures=tuple(LABELS), annotator="traced"), []
    for frames, masks, truth in zip(made.frames, made.masks, made.truths, strict=True):
        by_name = {name: masks[:, n] > 0 for n, name in enumerate(LABELS)}
        areas = by_name["lv"].sum(axis=(1, 2))
        ends = int(areas.argmax()), int(areas.argmin())
        found.append(Beat(frames, by_name, truth.fps, truth.ejection_fraction, *ends))
    return tuple(found)


def segments(mask: np.ndarray) -> np.ndarray:
    """A mask's tracing (21, 4): the long axis, then 20 chords along rows from wall to wall."""
    rows = np.flatnonzero(mask.any(axis=1))
    rows = rows[np.linspace(0, len(rows) - 1, 20).round().astype(int)]
    first, last = mask[rows].argmax(axis=1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    chords = np.stack([first, rows, last, rows], axis=1).astype(float)
    axis = [(first[0] + last[0]) / 2, rows[0], (first[-1] + last[-1]) / 2, rows[-1]]
    return np.concatenate([[axis], chords])


@dataclass
class Traced:
    """One clip of EchoNet-Dynamic's layout, to be spoilt before it is written: film, row of the list, tracings."""

    film: np.ndarray | None
    row: dict[str, object] | None
    tracings: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """(frame, segments), in the table's order."""


def traced(beat: Beat, name: str, split: str = "TEST") -> Traced:
    count, height, width = beat.frames.shape
    fraction = beat.ejection_fraction
    row = {"FileName": name, "EF": f"{fraction:.6f}", "ESV": f"{101.3 * (1 - fraction / 100):.6f}", "EDV": "101.3"}
    row |= {"FrameHeight": height, "FrameWidth": width, "FPS": beat.fps, "NumberOfFrames": count, "Split": split}
    drawn = [(frame, segments(beat.masks["lv"][frame])) for frame in (beat.es, beat.ed)]
    return Traced(beat.frames, row, drawn)


def write_echonet(folder: Path, clips: dict[str, Traced]) -> Path:
    """EchoNet-Dynamic's files: names without suffix in the list, with suffix in the tracings."""
    (folder / "Videos").mkdir(parents=True)
    rows = [clip.row for clip in clips.values() if clip.row]
    with open(folder / "FileList.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with open(folder / "VolumeTracings.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["FileName", "X1", "Y1", "X2", "Y2", "Frame"])
        for name, clip in clips.items():
            writer.writerows([f"{name}.avi", *row, frame] for frame, drawn in clip.tracings for row in drawn)
    for name, clip in clips.items():
        if clip.film is not None:
            write(folder / "Videos" / f"{name}.avi", clip.film, 50)
    return folder


def write_pediatric(folder: Path, clips: dict[str, Beat], folds: list[int]) -> Path:
    """EchoNet-Pediatric's A4C files: patients and folds in the list, outlines point by point in the tracings."""
    here = folder / "A4C"
    (here / "Videos").mkdir(parents=True)
    listed = ["FileName,EF,Sex,Age,Weight,Height,Split"]
    drawn = ["FileName,X,Y,Frame"]
    for (name, beat), fold in zip(clips.items(), folds, strict=True):
        listed.append(f"{name}.avi,{beat.ejection_fraction},F,7,21.5,,{fold}")
        for frame in (beat.ed, beat.es):
            chords = segments(beat.masks["lv"][frame])[1:]
            points = np.concatenate([chords[:, :2], chords[::-1, 2:], chords[:1, :2]])
            drawn += [f"{name}.avi,{x},{y},{frame}" for x, y in points]
        write(here / "Videos" / f"{name}.avi", beat.frames, beat.fps)
    (here / "FileList.csv").write_text("\n".join(listed) + "\n")
    (here / "VolumeTracings.csv").write_text("\n".join(drawn) + "\n")
    return folder


@dataclass
class Patient:
    """One patient of CAMUS's layout, to be spoilt: images (time, height, width), masks by phase, lines of the info."""

    half: np.ndarray | None
    masks: dict[str, np.ndarray]
    info: dict[str, object] | None
    sequence_masks: np.ndarray | None = None


def patient(beat: Beat, rows: int = 100) -> Patient:
    """The half of a beat between its end frames, in time's order; the image is less high than wide."""
    first, last = sorted((beat.ed, beat.es))
    part = slice(first, last + 1), slice(0, rows)
    labels = sum(beat.masks[name][part].astype(np.uint8) * value for name, value in LABELS.items())
    ed, es = (0, last - first) if beat.ed < beat.es else (last - first, 0)
    info = {"ED": ed + 1, "ES": es + 1, "NbFrame": last - first + 1, "Sex": "F", "Age": 56, "ImageQuality": "Good"}
    info |= {"EF": round(beat.ejection_fraction), "FrameRate": f"{beat.fps:.1f}"}
    return Patient(beat.frames[part], {"ED": labels[ed], "ES": labels[es]}, info, labels)


def write_camus(folder: Path, patients: dict[str, Patient], splits: dict[str, list[str]] | None = None) -> Path:
    """CAMUS's files: NIfTI as (x, y[, t]), 0.308 mm across and 0.154 mm down."""
    for name, one in patients.items():
        here = folder / "database_nifti" / name
        here.mkdir(parents=True)
        if one.half is not None:
            save_nifti(here / f"{name}_4CH_half_sequence.nii.gz", one.half)
        if one.sequence_masks is not None:
            save_nifti(here / f"{name}_4CH_half_sequence_gt.nii.gz", one.sequence_masks)
        for phase, mask in one.masks.items():
            save_nifti(here / f"{name}_4CH_{phase}_gt.nii.gz", mask)
        if one.info is not None:
            lines = [f"{key}: {value}" for key, value in one.info.items()]
            (here / "Info_4CH.cfg").write_text("\n".join(lines) + "\n")
    for word, names in (splits or {}).items():
        (folder / "database_split").mkdir(exist_ok=True)
        (folder / "database_split" / f"subgroup_{word}.txt").write_text("\n".join(names) + "\n")
    return folder


def save_nifti(path: Path, array: np.ndarray, spacing: tuple[float, float] = (0.154, 0.308)) -> None:
    """(height, width) or (time, height, width) as (x, y[, t]); `spacing` is mm, y then x."""
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), np.diag([-spacing[1], -spacing[0], 1, 1]))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
