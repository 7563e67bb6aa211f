"""The EchoNet-Dynamic layout: `FileList.csv`, `VolumeTracings.csv`, `Videos/*.avi` to clips, labels, splits, tracings.

A folder without `VolumeTracings.csv` (EchoNet-Synthetic's layout) gives its clips without tracings. A fault that
concerns one clip leaves that clip out and says why; a fault of a whole table is an InputError that names file and line.
"""

import re
import unicodedata
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables, video
from echodfkd.data import tracing
from echodfkd.data.dataset import Dataset, KnownClip, Listed, Outline, ed_es, traced_truth
from echodfkd.data.tracing import Segments, Tracing
from echodfkd.errors import InputError, one_line

SPLITS = {"TRAIN": "train", "VAL": "validation", "TEST": "test"}
NEEDED = ("FileName", "EF", "FPS", "NumberOfFrames", "Split")
LAYOUT = "EchoNet's layout has FileList.csv and a folder Videos."
TRACED = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")
Rows = NDArray[np.float64]  # (row, 5): X1, Y1, X2, Y2, Frame


class Films(Dataset):
    """What EchoNet's layouts share: `FileList.csv`, `Videos/<name>.avi`, perhaps tracings in `VolumeTracings.csv`."""

    @property
    def traced(self) -> bool:
        """Whether the data set comes with tracings."""
        return bool(self.structures)

    def file(self, name: str) -> Path:
        """The clip's film in `Videos`."""
        return self._films.get(_composed(name), self.folder / "Videos" / f"{name}.avi")

    @cached_property
    def _films(self) -> dict[str, Path]:
        """The films that are there by name, whatever the case of their suffix and the form of their accents."""
        there = sorted((self.folder / "Videos").glob("*.[aA][vV][iI]"))  # of two of a name .avi counts, not .AVI
        return {_composed(path.stem): path for path in there if path.is_file()}

    def _untraced(self) -> InputError:
        return InputError(f"{self.folder} has no tracings (VolumeTracings.csv) to score masks against.")

    def _read_list(self, needed: tuple[str, ...]) -> None:
        """Takes in the list's rows; what cannot be read of one row leaves that clip out."""
        seen: set[str] = set()
        for line, cells in tables.ragged(self.folder / "FileList.csv", needed, hint=LAYOUT):
            name = tables.clip_name(cells, line)
            if name in seen:
                self.remark(name, "duplicate", f"FileList.csv lists it again in line {line}; the first row is used.")
                continue
            seen.add(name)
            try:
                tables.check_cells(cells)
                self.listed[name] = self._row_of(name, cells)
            except ValueError as error:
                self.leave_out(name, "table", f"FileList.csv, line {line}: {error}")

    def _row_of(self, name: str, cells: dict[str, str]) -> Listed:
        """One row of the list. ValueError says what is wrong with it."""
        raise NotImplementedError

    def _match_films(self) -> None:
        """Leaves out the clips without a film and the films without a row."""
        known = {_composed(name) for name in (*self.listed, *self.left_out)}
        for name in self.listed:
            if _composed(name) not in self._films:
                self.leave_out(name, "missing-file", f"There is no Videos/{name}.avi.")
        for name in sorted(self._films.keys() - known):
            self.leave_out(name, "unlisted", "FileList.csv does not list it.")

    def _size(self, name: str) -> tuple[int, int]:
        row = self.listed[name]
        if row.height and row.width:
            return row.height, row.width
        with video.open_video(self.file(name)) as film:
            return film.height, film.width


def _composed(name: str) -> str:
    """A name with its accents in one form: file systems and tables differ in it."""
    return unicodedata.normalize("NFC", name)


class EchoNet(Films):
    """A data set in EchoNet-Dynamic's layout. Opening it reads the two tables; clips are read one by one.

    `<name>_<frame>.npy` of (21, 4) beside the tables is a repaired tracing: it stands in for all the table's rows of
    that frame. Raises InputError where a table or one of its columns is missing.
    """

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        self._read_list(NEEDED)
        self._tracings: dict[str, Rows] = {}
        if (self.folder / "VolumeTracings.csv").is_file():
            self.structures = ("lv",)
            self._tracings = self._traced()
            for name in {**self.listed, **self._tracings}:
                self._judge(name)
        self._match_films()

    def tracings(self, name: str) -> list[Tracing]:
        """The clip's tracings by frame, then by annotator; masks uint8 {0, 1} (height, width) as the original draws.

        Empty for a data set without tracings. Raises MissingExtra without scikit-image.
        """
        self.row(name)
        height, width = self._size(name)
        return [
            Tracing(frame, annotator, segments, tracing.mask(segments, height, width))
            for frame, drawn in self._segments(name).items()
            for annotator, segments in enumerate(drawn)
        ]

    def ed_es(self, name: str) -> tuple[int, int]:
        """The frames traced at end-diastole and end-systole: the larger and the smaller traced area, in any order.

        Areas are the masks' pixels, on average over a frame's annotators. InputError for a data set without tracings.
        """
        drawn = self.tracings(name)
        if not drawn:
            raise self._untraced()
        return ed_es([one.frame for one in drawn], [one.mask for one in drawn])

    def truth(self, name: str) -> KnownClip:
        """The traced frames; of several annotators a pixel needs half."""
        drawn = self.tracings(name)
        if not drawn:
            raise self._untraced()
        return traced_truth([one.frame for one in drawn], [one.mask for one in drawn])

    def outlines(self, name: str) -> list[Outline]:
        """The outlines of the whole tracings, not rounded, of clips that are left out as well."""
        return [
            Outline(frame, annotator, tracing.outline(segments))
            for frame, drawn in self._segments(name).items()
            for annotator, segments in enumerate(drawn)
        ]

    def _segments(self, name: str) -> dict[int, list[Segments]]:
        """The clip's whole tracings (21, 4) by frame."""
        rows = self._tracings.get(name, np.empty((0, 5)))
        return {int(frame): tracing.annotators(rows[rows[:, 4] == frame, :4])[0] for frame in np.unique(rows[:, 4])}

    def _row_of(self, name: str, cells: dict[str, str]) -> Listed:
        split = SPLITS.get(cells["Split"].strip().upper())
        if split is None:
            raise ValueError(f"Split is {cells['Split']!r}, not one of {', '.join(SPLITS)}.")
        frames, fps = tables.number(cells, "NumberOfFrames"), tables.number(cells, "FPS")
        if frames < 1 or fps <= 0:
            raise ValueError(f"a clip needs frames and a frame rate above 0, got {frames:g} and {fps:g}.")
        size = [tables.optional(cells, column) for column in ("FrameHeight", "FrameWidth")]
        height, width = (int(length) if length else None for length in size)
        volumes = tables.optional(cells, "ESV"), tables.optional(cells, "EDV")
        return Listed(name, split, tables.number(cells, "EF"), fps, int(frames), *volumes, height, width)

    def _traced(self) -> dict[str, Rows]:
        """The tracings' rows by clip, repaired ones in place of the table's; rows that are no numbers leave it out."""
        collected: dict[str, list[list[float]]] = {}
        for line, cells in tables.ragged(self.folder / "VolumeTracings.csv", TRACED):
            name = tables.clip_name(cells, line)
            try:
                tables.check_cells(cells)
                collected.setdefault(name, []).append([tables.number(cells, column) for column in TRACED[1:]])
            except ValueError as error:
                if name not in self.left_out:
                    self.leave_out(name, "table", f"VolumeTracings.csv, line {line}: {error}")
        found = {name: np.array(listing) for name, listing in collected.items() if name not in self.left_out}
        for (name, frame), path in self._repaired.items():
            try:
                segments = tracing.read_segments(path)
            except InputError as error:
                self.leave_out(name, "segments", one_line(error).replace(str(path), path.name))
                continue
            rows = found.get(name, np.empty((0, 5)))
            repaired = np.column_stack([segments, np.full(tracing.SEGMENTS, frame)])
            found[name] = np.concatenate([rows[rows[:, 4] != frame], repaired])
        return found

    @cached_property
    def _repaired(self) -> dict[tuple[str, int], Path]:
        """The repaired tracings beside the tables by clip and frame; other files are not looked at."""
        names = ((path, re.fullmatch(r"(.+)_(\d+)", path.stem)) for path in sorted(self.folder.glob("*.npy")))
        return {(name[1], int(name[2])): path for path, name in names if name}

    def _judge(self, name: str) -> None:
        """Leaves a clip out, or remarks on it, by its tracings."""
        if name in self.left_out:
            return
        row, rows = self.listed.get(name), self._tracings.get(name)
        if row is None:
            self.leave_out(name, "unlisted", "It is traced, but FileList.csv does not list it.")
        elif rows is None:
            self.leave_out(name, "untraced", "It has no tracing in VolumeTracings.csv.")
        else:
            self._judge_frames(name, row.frames or 0, rows)

    def _judge_frames(self, name: str, length: int, rows: Rows) -> None:
        """Leaves a clip out whose tracings are unfit; remarks on rows that belong to no whole tracing."""
        frames = np.unique(rows[:, 4])
        if bad := [frame for frame in frames if not (0 <= frame < length and frame == int(frame))]:
            repaired = self._repaired.get((name, bad[0]))  # 3.0 is 3, and 3.5 is in no file's name
            table = "VolumeTracings.csv" if repaired is None else repaired.name
            self.leave_out(name, "traced-frame", f"{table} traces frame {bad[0]:g} of a clip of {length}.")
        if len(frames) < 2:
            told = "VolumeTracings.csv traces one frame only; end-diastole and end-systole are needed."
            self.leave_out(name, "one-phase", told)
        leftovers = []
        for frame in frames:
            drawn, leftover = tracing.annotators(rows[rows[:, 4] == frame, :4])
            if len(drawn) > 1:
                self.note(name, "merged-annotators", f"{len(drawn)} tracings of frame {frame:g}")
            if not drawn:
                told = f"VolumeTracings.csv has {leftover} segments for frame {frame:g}"
                self.leave_out(name, "segments", f"{told}, {tracing.SEGMENTS} make a tracing.")
            elif leftover:
                leftovers.append(f"{leftover} of frame {frame:g}")
        if leftovers:
            told = f"Segments that belong to no whole tracing are not used: {', '.join(leftovers)}."
            self.remark(name, "segments", told)
