"""What EchoNet's layouts share: `FileList.csv`, films in `Videos`, perhaps outlines in `VolumeTracings.csv`.

A fault that concerns one clip costs that clip or less, and is told; a fault of a whole table is an InputError that
names file and line.
"""

import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables, video
from echodfkd.data.dataset import Dataset, KnownClip, Listed
from echodfkd.data.tracing import crossings
from echodfkd.errors import InputError
from echodfkd.names import matched
from echodfkd.video.inputs import is_clip

WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test", "extra": "extra"}
WORDS |= dict.fromkeys(("val", "valid", "validation"), "validation")
"""Lists' words for the splits, whatever their case; EXTRA is that of the public scripts of EchoNet-Synthetic."""
FOLDS = ("train",) * 8 + ("validation", "test")
"""What each fold is for: of ten the last is tested on and the one before validates. By choice: the data set leaves it
open, as ten-fold cross-validation does."""
NEEDED = ("FileName", "Split")
MORE = ("EF", "FPS", "NumberOfFrames", "FrameHeight", "FrameWidth", "ESV", "EDV", "Sex", "Age", "Weight", "Height")
LIST, TRACINGS = "FileList.csv", "VolumeTracings.csv"
LAYOUT = f"EchoNet's layout has {LIST} and a folder Videos."
FRAME = re.compile(r"[0-9]{1,9}(\.0*)?")
POINTS_A_CROSSING = 10
"""A hand's slip crosses an outline once or twice. One that crosses itself more often than once for that many of its
points is none: its points were sorted, or are several outlines'. By choice."""
Rows = NDArray[np.float64]  # (row, number): coordinates, then the frame


class Films(Dataset):
    """A list of films, perhaps with outlines, whose `coordinates` are columns of VolumeTracings.csv.

    Opening one reads the tables; clips are read one by one. Raises InputError where a table or one of its columns is
    missing.
    """

    coordinates: tuple[str, ...] = ()

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        self._read_list()
        self._files = self._matched_films()
        self._rows: dict[str, Rows] = {}
        if (self.folder / TRACINGS).is_file():
            self.structures = ("lv",)
            self._rows = self._traced()
            for name in {**self.listed, **self._rows}:
                self._judge(name)

    def file(self, name: str) -> Path:
        """The clip's film in `Videos`."""
        return self._files.get(name, self.folder / "Videos" / f"{name}.avi")

    def truth(self, name: str) -> KnownClip:
        """InputError: there are no outlines."""
        raise InputError(f"{self.folder} has no tracings ({TRACINGS}) to score masks against.")

    def check_labels(self, name: str) -> None:
        """InputError where the clip's outlines cannot be its film's."""
        self.size(name)

    def size(self, name: str) -> tuple[int, int]:
        """Height and width of the clip's film, in whose pixels it is outlined; the list's where there is no film.

        A list may be wrong. But where it tells other numbers for both sides, the film may have been resized after it
        was outlined: InputError unless the outlines fit the film alone.
        """
        row = self.listed[name]
        listed = (row.height, row.width) if row.height and row.width else None
        try:
            with video.open_video(self.file(name)) as film:
                size = film.height, film.width
        except InputError:
            if listed is None:
                raise
            return listed
        if listed is None or size[0] == listed[0] or size[1] == listed[1]:
            return size
        reach = np.max([one.points.max(axis=0) for one in self.outlines(name)], axis=0)
        if min(listed) < max(size) or (reach > (size[1], size[0])).any():
            told = f"has {size[0]} x {size[1]} pixels, listed {listed[0]} x {listed[1]}"
            raise InputError(f"{name} {told}: nobody can tell in which of them it was outlined. Mend {LIST}.")
        return size

    def _read_list(self) -> None:
        """Takes in the list's rows; one that does not tell its clip or its split leaves that clip out."""
        seen: set[str] = set()
        fractions: dict[str, str] = {}
        for line, cells in tables.ragged(self.folder / LIST, NEEDED, MORE, hint=LAYOUT):
            name, where = tables.named_clip(cells, line), f"{LIST}, line {line}"
            if name in seen:
                self.remark(name, "duplicate", f"{LIST} lists it again in line {line}; the first row is used.")
                continue
            seen.add(name)
            try:
                tables.check_cells(cells)
                self.listed[name] = self._row_of(name, where, cells)
                if "EF" in cells:
                    fractions[name] = cells["EF"]
            except ValueError as error:
                self.leave_out(name, "table", f"{where}: {error}")
        self.settle_ejection(fractions)

    def _row_of(self, name: str, where: str, cells: dict[str, str]) -> Listed:
        """One row of the list, but for its ejection fraction. ValueError where its split cannot be told."""
        split, facts = _split(cells["Split"])
        if split not in WORDS.values():
            told = f"Split is {cells['Split']!r}, none of {', '.join(WORDS)}: it stays a split of its own."
            self.remark(name, "table", f"{where}: {told}")
        known = partial(self.known, name, where, cells)
        frames, *size = (known(one, whole=True) for one in ("NumberOfFrames", "FrameHeight", "FrameWidth"))
        volumes = (None, None) if _no_volumes(cells) else (known("ESV"), known("EDV"))
        count, height, width = (None if one is None else int(one) for one in (frames, *size))
        return Listed(
            name, split, None, self.known_rate(name, where, cells, "FPS"), count, *volumes, height, width, facts
        )

    def _matched_films(self) -> dict[str, Path]:
        """The films by clip; leaves out clips without a film and films without a row.

        They lie in `Videos`, whatever its case, or beside the list, there or in folders below.
        """
        place = next((path for path in sorted(self.folder.glob("*/")) if path.name.casefold() == "videos"), self.folder)
        films = self.films_in(path for path in place.rglob("*") if path.is_file() and is_clip(path))
        meant = matched((*self.listed, *self.left_out), films)
        for name in self.listed:
            if name not in meant:
                self.leave_out(name, "missing-file", f"There is no Videos/{name}.avi.")
        for name in sorted(films.keys() - set(meant.values())):
            self.leave_out(name, "unlisted", f"{LIST} does not list it.")
        return {name: films[film] for name, film in meant.items()}

    def _traced(self) -> dict[str, Rows]:
        """The tracings' rows by clip, in the table's order.

        Rows whose frame is no number (EchoNet-Pediatric's `No Systolic`) are not used; a coordinate that is none leaves
        its clip out.
        """
        rows: dict[str, list[list[float]]] = {}
        spoilt: dict[str, str] = {}
        skipped: Counter[tuple[str, str]] = Counter()
        for line, cells in tables.ragged(self.folder / TRACINGS, ("FileName", *self.coordinates, "Frame")):
            name, frame = tables.named_clip(cells, line), cells["Frame"] or ""
            here = rows.setdefault(name, [])
            try:
                tables.check_cells(cells)
                if FRAME.fullmatch(frame):
                    here.append([*(tables.number(cells, one) for one in self.coordinates), float(frame)])
                else:
                    skipped[name, frame] += 1
            except ValueError as error:
                spoilt.setdefault(name, f"{TRACINGS}, line {line}: {error}")
        names = {name: name for name in rows} | matched(rows, (*self.listed, *self.left_out))
        for name, told in spoilt.items():
            self.leave_out(names[name], "table", told)
        for (name, frame), count in skipped.items():
            self.remark(
                names[name], "traced-frame", f"{count} rows of frame {frame!r}, which is no number, are not used."
            )
        width = len(self.coordinates) + 1
        return {names[name]: np.array(each).reshape(-1, width) for name, each in rows.items() if name not in spoilt}

    def _judge(self, name: str) -> None:
        """Leaves a clip out, or remarks on it, by its tracings."""
        if name in self.left_out:
            return
        rows = self._rows.get(name)
        if name not in self.listed:
            self.leave_out(name, "unlisted", f"It is traced, but {LIST} does not list it.")
        elif rows is None:
            self.leave_out(name, "untraced", f"It has no tracing in {TRACINGS}.")
        else:
            self._judge_frames(name, rows)
            self._judge_outlines(name)

    def _judge_frames(self, name: str, rows: Rows) -> None:
        """Leaves a clip out that is not traced on two frames of its own."""
        frames, listed = np.unique(rows[:, -1]), self.listed[name].frames
        if len(frames) < 2:
            count = {0: "no frame", 1: "one frame only"}[len(frames)]
            told = f"{TRACINGS} traces {count}; end-diastole and end-systole are needed."
            self.leave_out(name, "one-phase", told)
        elif listed is not None and (last := int(frames[-1])) >= listed and not self._has_frame(name, last):
            self.leave_out(
                name, "traced-frame", f"{self._tracing_of(name, last)} traces frame {last} of a clip of {listed}."
            )

    def _has_frame(self, name: str, frame: int) -> bool:
        """Whether the clip's film has a frame of that number, whatever the list says."""
        try:
            with video.open_video(self.file(name)) as film:
                return next(islice(film, frame, None), None) is not None
        except InputError:
            return False

    def _tracing_of(self, name: str, frame: int) -> str:
        """The file that a frame is traced in."""
        return TRACINGS

    def _judge_outlines(self, name: str) -> None:
        """Leaves a clip out of whose points no outline can be made; notes one that crosses itself here and there."""
        for one in self.outlines(name):
            if count := crossings(one.points):
                told = f"frame {one.frame}: {count} times"
                if count * POINTS_A_CROSSING > len(one.points):
                    told = f"{told}, as points do whose rows were sorted"
                    self.leave_out(name, "self-crossing", told)
                else:
                    self.note(name, "self-crossing", told)


def _split(text: str) -> tuple[str, dict[str, int]]:
    """The split that a cell tells, as a word or as one of ten folds, and the fold. ValueError where it tells none."""
    number = tables.parsed_number(text)
    if tables.is_blank(text) or (number is not None and number not in range(len(FOLDS))):
        raise ValueError(f"Split is {text!r}, not a fold of 0 to {len(FOLDS) - 1} or one of {', '.join(WORDS)}.")
    if number is not None:
        return FOLDS[int(number)], {"fold": int(number)}
    return WORDS.get(text.casefold(), text.casefold()), {}


def _no_volumes(cells: Mapping[str, str]) -> bool:
    """Whether both volumes are 0, as scripts write that know none."""
    return all(tables.parsed_number(cells.get(column, "")) == 0 for column in ("ESV", "EDV"))
