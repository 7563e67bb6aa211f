"""EchoNet-Pediatric's apical four-chamber views: `A4C/FileList.csv`, `A4C/VolumeTracings.csv`, `A4C/Videos/*.avi`.

What is known of the layout: the list's columns FileName, EF, Sex, Age, Weight, Height and Split, ten folds 0 to 9; the
tracings' columns FileName, X, Y and Frame, an outline point by point. Frame rate, length and size stand in no table:
they are the films'. What is not known for certain, and so taken as it comes: whether names carry their suffix (both
are read), whether an outline's first point is repeated at its end (either way is closed), and words in place of a
frame's number (those rows are not used, and a remark says so).
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables
from echodfkd.data import tracing
from echodfkd.data.dataset import KnownClip, Listed, Outline, traced_truth
from echodfkd.data.echonet import Films

NEEDED = ("FileName", "EF", "Split")
TRACED = ("FileName", "X", "Y", "Frame")
FOLDS = ("train",) * 8 + ("validation", "test")
"""What each fold is for: of ten the last is tested on and the one before validates. By choice: the data set leaves it
open, as ten-fold cross-validation does."""


class Pediatric(Films):
    """A data set in EchoNet-Pediatric's layout; `folder` is the one with FileList.csv (A4C)."""

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        self._read_list(NEEDED)
        self._drawn: dict[str, dict[int, NDArray[np.float64]]] = {}
        if (self.folder / "VolumeTracings.csv").is_file():
            self.structures = ("lv",)
            self._drawn = self._traced()
            for name in {**self.listed, **self._drawn}:
                self._judge(name)
        self._match_films()

    def truth(self, name: str) -> KnownClip:
        """The two outlined frames. MissingExtra without scikit-image."""
        self.row(name)
        drawn = self._drawn.get(name)
        if not drawn:
            raise self._untraced()
        height, width = self._size(name)
        outlines = (np.rint(points).astype(np.int64) for points in drawn.values())
        return traced_truth(list(drawn), [tracing.filled(corners, height, width) for corners in outlines])

    def outlines(self, name: str) -> list[Outline]:
        """The clip's outlines by frame."""
        return [Outline(frame, 0, points) for frame, points in self._drawn.get(name, {}).items()]

    def _row_of(self, name: str, cells: dict[str, str]) -> Listed:
        fold = tables.number(cells, "Split")
        if fold not in range(len(FOLDS)):
            raise ValueError(f"Split is {cells['Split']!r}, not a fold of 0 to {len(FOLDS) - 1}.")
        facts: dict[str, Any] = {"fold": int(fold), "sex": cells.get("Sex", "").strip() or None}
        facts |= {column.lower(): _known(cells, column) for column in ("Age", "Weight", "Height")}
        frames = _known(cells, "NumberOfFrames")
        return Listed(name, FOLDS[int(fold)], tables.number(cells, "EF"), frames=int(frames or 0) or None, facts=facts)

    def _traced(self) -> dict[str, dict[int, NDArray[np.float64]]]:
        """The outlines (point, 2) by clip and frame, points in the table's order."""
        points: dict[str, dict[int, list[tuple[float, float]]]] = {}
        skipped: Counter[tuple[str, str]] = Counter()
        for line, cells in tables.ragged(self.folder / "VolumeTracings.csv", TRACED):
            name, frame = tables.clip_name(cells, line), (cells["Frame"] or "").strip()
            here = points.setdefault(name, {})
            try:
                tables.check_cells(cells)
                if not re.fullmatch(r"[0-9]+(\.0)?", frame):
                    skipped[name, frame] += 1
                    continue
                point = tables.number(cells, "X"), tables.number(cells, "Y")
            except ValueError as error:
                if name not in self.left_out:
                    self.leave_out(name, "table", f"VolumeTracings.csv, line {line}: {error}")
                continue
            here.setdefault(int(float(frame)), []).append(point)
        for (name, frame), count in skipped.items():
            self.remark(name, "traced-frame", f"{count} rows of frame {frame!r}, which is no number, are not used.")
        return {
            name: {frame: np.array(here[frame]) for frame in sorted(here)}
            for name, here in points.items()
            if name not in self.left_out
        }

    def _judge(self, name: str) -> None:
        """Leaves a clip out by its tracings."""
        if name in self.left_out:
            return
        if name not in self.listed:
            self.leave_out(name, "unlisted", "It is traced, but FileList.csv does not list it.")
        elif name not in self._drawn:
            self.leave_out(name, "untraced", "It has no tracing in VolumeTracings.csv.")
        elif few := [frame for frame, points in self._drawn[name].items() if len(points) < 3]:
            self.leave_out(name, "segments", f"VolumeTracings.csv has fewer than 3 points for frame {few[0]}.")
        elif len(self._drawn[name]) < 2:
            told = "VolumeTracings.csv traces one frame only; end-diastole and end-systole are needed."
            self.leave_out(name, "one-phase", told)
        elif (length := self.listed[name].frames) and (last := max(self._drawn[name])) >= length:
            self.leave_out(name, "traced-frame", f"VolumeTracings.csv traces frame {last} of a clip of {length}.")


def _known(cells: dict[str, str], column: str) -> float | None:
    """A cell's number; None where there is none, as for a patient of unknown weight."""
    try:
        return tables.optional(cells, column)
    except ValueError:
        return None
