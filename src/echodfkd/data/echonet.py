"""The EchoNet-Dynamic layout: `FileList.csv`, `VolumeTracings.csv`, `Videos/*.avi` to clips, labels, splits, tracings.

A folder without `VolumeTracings.csv` (EchoNet-Synthetic's layout) gives its clips without tracings. A fault that
concerns one clip leaves that clip out and says why; a fault of a whole table is an InputError that names file and line.
"""

import csv
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.data import tracing, video
from echodfkd.data.tracing import Tracing
from echodfkd.errors import InputError

SPLITS = {"TRAIN": "train", "VAL": "validation", "TEST": "test"}
NEEDED = ("FileName", "EF", "FPS", "NumberOfFrames", "Split")
TRACED = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")
Rows = NDArray[np.float64]  # (row, 5): X1, Y1, X2, Y2, Frame


@dataclass(frozen=True)
class Listed:
    """One row of FileList.csv: EF in percent, volumes in ml, fps in Hz, size in pixels; None where nothing stands."""

    name: str
    split: str
    ejection_fraction: float
    fps: float
    frames: int
    esv_ml: float | None = None
    edv_ml: float | None = None
    height: int | None = None
    width: int | None = None


class EchoNet:
    """A data set in EchoNet-Dynamic's layout. Opening it reads the two tables; clips are read one by one.

    `clips` are those that can be used, in the order of the list; `left_out` says of every other name why; `remarks`
    holds what is odd about clips that are used. Raises InputError where a table or one of its columns is missing.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self.left_out: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        listed = dict(self._listed())
        self._tracings = self._traced(listed) if (self.folder / "VolumeTracings.csv").is_file() else None
        there = {path.name for path in (self.folder / "Videos").glob("*.avi")}
        for name in listed:
            if f"{name}.avi" not in there:
                self.left_out.setdefault(name, f"There is no Videos/{name}.avi.")
        self.clips: tuple[Listed, ...] = tuple(row for name, row in listed.items() if name not in self.left_out)

    @property
    def traced(self) -> bool:
        """Whether the data set comes with tracings."""
        return self._tracings is not None

    def split(self, name: str) -> tuple[Listed, ...]:
        """The clips of 'train', 'validation' or 'test'. InputError for another name."""
        if name not in SPLITS.values():
            raise InputError(f"EchoNet's splits are {', '.join(SPLITS.values())}, got {name!r}.")
        return tuple(row for row in self.clips if row.split == name)

    def read(self, name: str) -> Clip:
        """One clip. Its frame rate is the list's, which is the recording's; frames are those that decode."""
        row = self._row(name)
        return replace(video.read(self.folder / "Videos" / f"{name}.avi"), fps=row.fps)

    def tracings(self, name: str) -> list[Tracing]:
        """The clip's tracings by frame, then by annotator; masks uint8 {0, 1} (height, width) as the original draws.

        Empty for a data set without tracings. Raises MissingExtra without scikit-image.
        """
        row = self._row(name)
        height, width = (row.height, row.width) if row.height and row.width else self._size(name)
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
            raise InputError(f"{self.folder} has no tracings (VolumeTracings.csv), so no ED and ES frames.")
        frames = sorted({one.frame for one in drawn})
        areas = [np.mean([one.mask.sum() for one in drawn if one.frame == frame]) for frame in frames]
        return frames[int(np.argmax(areas))], frames[int(np.argmin(areas))]

    @cached_property
    def _by_name(self) -> dict[str, Listed]:
        return {row.name: row for row in self.clips}

    def _row(self, name: str) -> Listed:
        if name in self._by_name:
            return self._by_name[name]
        reason = self.left_out.get(name)
        near = difflib.get_close_matches(name, self._by_name, 1)
        hint = f" The nearest name is {near[0]}." if near else ""
        raise InputError(f"Clip {name} is left out: {reason}" if reason else f"{self.folder} has no clip {name}.{hint}")

    def _size(self, name: str) -> tuple[int, int]:
        with video.open_video(self.folder / "Videos" / f"{name}.avi") as film:
            return film.height, film.width

    def _segments(self, name: str) -> dict[int, list[Rows]]:
        """The clip's tracings (21, 4) by frame."""
        rows = (self._tracings or {}).get(name, np.empty((0, 5)))
        frames = sorted({int(frame) for frame in rows[:, 4]})
        return {frame: tracing.annotators(rows[rows[:, 4] == frame, :4])[0] for frame in frames}

    def _listed(self) -> Iterator[tuple[str, Listed]]:
        """The list's rows by name; what cannot be read of one row leaves that clip out."""
        seen: set[str] = set()
        for line, cells in _table(self.folder / "FileList.csv", NEEDED):
            name = cells["FileName"].removesuffix(".avi")
            if name in seen:
                self.remarks[name] = f"FileList.csv lists it again in line {line}; the first row is used."
                continue
            seen.add(name)
            try:
                yield name, _listed(name, cells)
            except ValueError as error:
                self.left_out[name] = f"FileList.csv, line {line}: {error}"

    def _traced(self, listed: dict[str, Listed]) -> dict[str, Rows]:
        """The tracings' rows by clip; clips whose tracings are missing or unfit are left out."""
        collected: dict[str, list[list[float]]] = {}
        for line, cells in _table(self.folder / "VolumeTracings.csv", TRACED):
            name = cells["FileName"].removesuffix(".avi")
            try:
                collected.setdefault(name, []).append([_number(cells, column) for column in TRACED[1:]])
            except ValueError as error:
                self.left_out.setdefault(name, f"VolumeTracings.csv, line {line}: {error}")
        rows = {name: np.array(listing) for name, listing in collected.items() if name not in self.left_out}
        for name in {**listed, **rows}:
            self._judge(name, listed.get(name), rows.get(name))
        return rows

    def _judge(self, name: str, row: Listed | None, rows: Rows | None) -> None:
        """Leaves a clip out, or remarks on it, by its tracings."""
        if row is None:
            self.left_out.setdefault(name, "It is traced, but FileList.csv does not list it.")
        elif rows is None:
            self.left_out.setdefault(name, "It has no tracing in VolumeTracings.csv.")
        elif reason := _unfit(rows, row):
            self.left_out[name] = reason
        elif remark := _odd(rows):
            self.remarks[name] = remark


def _unfit(rows: Rows, row: Listed) -> str:
    """Why a clip's tracings cannot be used; empty where they can."""
    frames = np.unique(rows[:, 4])
    if bad := [frame for frame in frames if not (0 <= frame < row.frames and frame == int(frame))]:
        return f"VolumeTracings.csv traces frame {bad[0]:g} of a clip of {row.frames}."
    if len(frames) < 2:
        return "VolumeTracings.csv traces one frame only; end-diastole and end-systole are needed."
    for frame in frames:
        drawn, leftover = tracing.annotators(rows[rows[:, 4] == frame, :4])
        if not drawn:
            return f"VolumeTracings.csv has {leftover} segments for frame {frame:g}, {tracing.SEGMENTS} make a tracing."
    return ""


def _odd(rows: Rows) -> str:
    """What is odd about usable tracings: rows that belong to no whole tracing."""
    leftovers = {frame: tracing.annotators(rows[rows[:, 4] == frame, :4])[1] for frame in np.unique(rows[:, 4])}
    told = [f"{count} of frame {frame:g}" for frame, count in leftovers.items() if count]
    return f"Segments that belong to no whole tracing are not used: {', '.join(told)}." if told else ""


def _table(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers. InputError where the file, a column or a cell is missing."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            lacking = [column for column in needed if column not in (reader.fieldnames or ())]
            if lacking:
                raise InputError(f"{path}, line 1: there is no column {', '.join(lacking)}.")
            for cells in reader:
                if None in cells or None in cells.values():
                    raise InputError(
                        f"{path}, line {reader.line_num}: it must have {len(reader.fieldnames or ())} cells."
                    )
                yield reader.line_num, cells
    except FileNotFoundError:
        raise InputError(f"No such file: {path}. EchoNet's layout has FileList.csv and a folder Videos.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file: {error}.") from None


def _listed(name: str, cells: dict[str, str]) -> Listed:
    """One row of the list. ValueError says what is wrong with it."""
    split = SPLITS.get(cells["Split"].strip().upper())
    if split is None:
        raise ValueError(f"Split is {cells['Split']!r}, not one of {', '.join(SPLITS)}.")
    frames, fps = _number(cells, "NumberOfFrames"), _number(cells, "FPS")
    if frames < 1 or fps <= 0:
        raise ValueError(f"a clip needs frames and a frame rate above 0, got {frames:g} and {fps:g}.")
    size = [_optional(cells, column) for column in ("FrameHeight", "FrameWidth")]
    height, width = (int(length) if length else None for length in size)
    volumes = _optional(cells, "ESV"), _optional(cells, "EDV")
    return Listed(name, split, _number(cells, "EF"), fps, int(frames), *volumes, height, width)


def _optional(cells: dict[str, str], column: str) -> float | None:
    return _number(cells, column) if cells.get(column, "").strip() else None


def _number(cells: dict[str, str], column: str) -> float:
    """A cell's finite number. ValueError says which cell is none."""
    try:
        number = float(cells[column])
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise ValueError(f"{column} is {cells[column]!r}, not a number.")
    return number
