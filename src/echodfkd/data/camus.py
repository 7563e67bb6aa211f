"""The CAMUS layout: apical four-chamber half sequences in NIfTI with an expert's masks of the two end frames.

    database_nifti/patient0001/patient0001_4CH_half_sequence.nii.gz      from end-diastole to end-systole
                               patient0001_4CH_{ED,ES}_gt.nii.gz         1 left ventricle, 2 myocardium, 3 left atrium
                               Info_4CH.cfg                              ED, ES, NbFrame (from 1), ImageQuality, EF, ...
    database_split/subgroup_{training,validation,testing}.txt            patients, one a line; may be missing

A clip bears the name of its half sequence. Where an end frame has no mask of its own, `..._half_sequence_gt` gives it.
"""

import re
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables
from echodfkd.data.dataset import Dataset, KnownClip, Listed
from echodfkd.errors import InputError
from echodfkd.names import clip_name, matched
from echodfkd.video import nifti

LABELS = {"lv": 1, "myocardium": 2, "la": 3}
SPLIT_FILES = {"training": "train", "validation": "validation", "testing": "test"}


class Camus(Dataset):
    """A data set in CAMUS's layout. Opening it reads the info and split files; images are read one by one.

    Without split files every clip is in 'test': nothing of it was trained on. Frame numbers count from 0 here.
    """

    structures = tuple(LABELS)

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        splits, fractions = self._splits(), dict[str, str]()
        for patient in self._patients:
            name, files = f"{patient}_4CH_half_sequence", splits.get(patient, [])
            split = SPLIT_FILES[files[0]] if files else "" if splits else "test"
            if len(set(files)) > 1:
                told = ", ".join(f"subgroup_{word}.txt" for word in dict.fromkeys(files))
                self.leave_out(name, "leakage", f"Its patient is in {told}.")
            if not split:
                self.leave_out(name, "unlisted", "No split file lists this patient.")
            info = self._info(patient, name)
            self.listed[name] = self._listed(name, split, info)
            if told := next((info[key] for key in ("EF", "LVef") if not tables.is_blank(info.get(key))), ""):
                fractions[name] = told
            if not self.file(name).is_file():
                self.leave_out(name, "missing-file", f"There is no {self.file(name).name}.")
            for phase in ("ED", "ES"):
                if not any(path.is_file() for path in self._mask_files(name, phase)):
                    self.leave_out(name, "untraced", f"There is no {patient}_4CH_{phase}_gt.nii.gz.")
            self._judge_phases(name)
        self.settle_ejection(fractions)
        for patient in sorted(splits.keys() - set(self._patients)):
            name = f"{patient}_4CH_half_sequence"
            self.leave_out(name, "missing-file", f"A split file lists {patient}, but there is no such folder.")

    def file(self, name: str) -> Path:
        """The clip's half sequence."""
        return _either(self._folder / _patient(name) / f"{name}.nii.gz")

    def truth(self, name: str) -> KnownClip:
        """The expert's masks of the ED and the ES frame. InputError where they do not fit the half sequence."""
        row, clip = self.row(name), self.read(name)
        frames = {phase: row.facts[phase] for phase in ("ED", "ES")}
        masks = {frames[phase]: self._mask(name, phase, frames[phase], len(clip.frames)) for phase in frames}
        if max(masks) >= len(clip.frames) or len(masks) < 2:
            told = f"ED and ES are frames {frames['ED']} and {frames['ES']}"
            raise InputError(f"{self.file(name).name} has {len(clip.frames)} frames, but {told}.")
        for mask in masks.values():
            if mask.shape != clip.frames.shape[1:]:
                raise InputError(f"The masks of {name} are {mask.shape}, its frames {clip.frames.shape[1:]}.")
        labelled = tuple(sorted(masks))
        planes = np.stack([[masks[frame] == label for label in LABELS.values()] for frame in labelled])
        return KnownClip(
            labelled,
            self.structures,
            planes,
            (frames["ED"],),
            (frames["ES"],),
            length=len(clip.frames),
            one_contraction=True,
            spacing=clip.spacing,
        )

    def phases(self, name: str) -> tuple[int, int]:
        """As Info_4CH.cfg says."""
        facts = self.listed[name].facts
        return facts["ED"], facts["ES"]

    def _mask(self, name: str, phase: str, frame: int, length: int) -> NDArray[np.uint8]:
        """The labels (height, width) of one phase: of its own file, or of the sequence's at that frame."""
        own, sequence = self._mask_files(name, phase)
        labels = nifti.read_labels(own if own.is_file() else sequence)
        wanted = 1 if own.is_file() else length
        if len(labels) != wanted:
            raise InputError(f"{(own if wanted == 1 else sequence).name} has {len(labels)} frames, not {wanted}.")
        found = labels[0] if own.is_file() else labels[min(frame, length - 1)]
        if found.max() > max(LABELS.values()):
            raise InputError(f"The labels of {name} at {phase} must be 0 to {max(LABELS.values())}, got {found.max()}.")
        if not (found == LABELS["lv"]).any():
            raise InputError(f"The mask of {name} at {phase} holds no left ventricle.")
        return found

    def _mask_files(self, name: str, phase: str) -> tuple[Path, Path]:
        patient = _patient(name)
        folder = self._folder / patient
        return _either(folder / f"{patient}_4CH_{phase}_gt.nii.gz"), _either(folder / f"{name}_gt.nii.gz")

    @cached_property
    def _folder(self) -> Path:
        """Where the patients' folders lie."""
        inside = self.folder / "database_nifti"
        return inside if inside.is_dir() else self.folder

    @cached_property
    def _patients(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self._folder.glob("patient*") if path.is_dir()))

    def _info(self, patient: str, name: str) -> dict[str, str]:
        """The lines `key: value` of Info_4CH.cfg; leaves the clip out where they are missing or not to be read."""
        path = self._folder / patient / "Info_4CH.cfg"
        try:
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        except FileNotFoundError:
            self.leave_out(name, "missing-file", "There is no Info_4CH.cfg.")
            return {}
        except OSError as error:
            self.leave_out(name, "table", f"Info_4CH.cfg cannot be read: {error.strerror}.")
            return {}
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        info = {key.strip(): value.strip() for key, value in pairs}
        for key in ("ED", "ES"):
            if not re.fullmatch(r"0*[1-9][0-9]{0,8}(\.0*)?", info.get(key, "")):
                self.leave_out(name, "table", f"Info_4CH.cfg: {key} is {info.get(key)!r}, not a number from 1.")
        return info

    def _listed(self, name: str, split: str, info: dict[str, str]) -> Listed:
        """One clip by its info file, but for its ejection fraction; keys of the older release are read too."""
        known = partial(self.known, name, "Info_4CH.cfg", info)
        facts: dict[str, Any] = {key: int(tables.parsed_number(info.get(key, "")) or 1) - 1 for key in ("ED", "ES")}
        facts |= {"image_quality": info.get("ImageQuality"), "sex": info.get("Sex"), "age": known("Age", zero=True)}
        frames, volumes = known("NbFrame", whole=True), (known("LVesv"), known("LVedv"))
        return Listed(
            name,
            split,
            None,
            self.known_rate(name, "Info_4CH.cfg", info, "FrameRate"),
            None if frames is None else int(frames),
            *volumes,
            facts=facts,
        )

    def _judge_phases(self, name: str) -> None:
        row = self.listed[name]
        if name not in self.left_out and row.frames and max(row.facts["ED"], row.facts["ES"]) >= row.frames:
            told = f"Info_4CH.cfg: ED {row.facts['ED'] + 1} and ES {row.facts['ES'] + 1} of {row.frames} frames."
            self.leave_out(name, "traced-frame", told)

    def _splits(self) -> dict[str, list[str]]:
        """The words of the split files that list each patient; none where the data set brings no such files."""
        splits: dict[str, list[str]] = {}
        for folder in (self.folder, self.folder / "database_split", self._folder.parent / "database_split"):
            for word in SPLIT_FILES:
                for patient in _lines(folder / f"subgroup_{word}.txt"):
                    splits.setdefault(clip_name(patient), []).append(word)
        meant = matched(splits, self._patients)
        return {meant.get(patient, patient): words for patient, words in splits.items()}


def _lines(path: Path) -> list[str]:
    """The words of a text file; none where there is no such file, InputError where it cannot be read."""
    if not path.is_file():
        return []
    try:
        return path.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} must be a text file in UTF-8, a patient on each line: {error}.") from None


def _patient(name: str) -> str:
    return name.partition("_")[0]


def _either(path: Path) -> Path:
    """The file, or its unpacked `.nii` where only that is there."""
    unpacked = path.with_name(f"{clip_name(path)}.nii")
    return unpacked if unpacked.is_file() and not path.is_file() else path
