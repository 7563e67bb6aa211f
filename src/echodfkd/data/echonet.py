"""The EchoNet-Dynamic layout: `FileList.csv`, `VolumeTracings.csv`, `Videos/*.avi` to clips, labels, splits, tracings.

A folder without `VolumeTracings.csv` (EchoNet-Synthetic's layout) gives its clips without tracings.
"""

import re
from functools import cached_property
from pathlib import Path

import numpy as np

from echodfkd.data import tracing
from echodfkd.data.dataset import KnownClip, Outline, ed_es, traced_truth
from echodfkd.data.films import TRACINGS, Films, Rows
from echodfkd.data.tracing import Segments, Tracing
from echodfkd.errors import InputError, one_line
from echodfkd.names import is_hidden, matched


class EchoNet(Films):
    """A data set in EchoNet-Dynamic's layout. Opening it reads the two tables; clips are read one by one.

    `<name>_<frame>.npy` of (21, 4) beside the tables is a repaired tracing: it stands in for all the table's rows of
    that frame. Raises InputError where a table or one of its columns is missing.
    """

    coordinates = ("X1", "Y1", "X2", "Y2")

    @property
    def traced(self) -> bool:
        """Whether the data set comes with tracings."""
        return bool(self.structures)

    def tracings(self, name: str) -> list[Tracing]:
        """The clip's tracings by frame, then by annotator; masks uint8 {0, 1} (height, width) as the original draws.

        Empty for a data set without tracings. Raises MissingExtra without scikit-image, InputError as `size` does.
        """
        self.row(name)
        if not self.traced:
            return []
        height, width = self.size(name)
        return [
            Tracing(frame, annotator, segments, tracing.mask(segments, height, width))
            for frame, drawn in self._segments(name).items()
            for annotator, segments in enumerate(drawn)
        ]

    def ed_es(self, name: str) -> tuple[int, int]:
        """The frames traced at end-diastole and end-systole: the larger and the smaller traced area, in any order.

        Areas are the masks' pixels, on average over a frame's annotators. InputError for a data set without tracings.
        """
        drawn = self._needed(name)
        return ed_es([one.frame for one in drawn], [one.mask for one in drawn])

    def truth(self, name: str) -> KnownClip:
        """The traced frames; of several annotators a pixel needs half."""
        drawn = self._needed(name)
        return traced_truth([one.frame for one in drawn], [one.mask for one in drawn])

    def outlines(self, name: str) -> list[Outline]:
        """The outlines of the whole tracings, not rounded, of clips that are left out as well."""
        return [
            Outline(frame, annotator, tracing.outline(segments))
            for frame, drawn in self._segments(name).items()
            for annotator, segments in enumerate(drawn)
        ]

    def _needed(self, name: str) -> list[Tracing]:
        """The clip's tracings; InputError for a data set without."""
        if not (drawn := self.tracings(name)):
            super().truth(name)
        return drawn

    def _segments(self, name: str) -> dict[int, list[Segments]]:
        """The clip's whole tracings (21, 4) by frame."""
        rows = self._rows.get(name, np.empty((0, 5)))
        return {int(frame): tracing.annotators(rows[rows[:, 4] == frame, :4])[0] for frame in np.unique(rows[:, 4])}

    def _traced(self) -> dict[str, Rows]:
        """The tracings' rows by clip, repaired ones in place of the table's."""
        found = super()._traced()
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
        there = (path for path in sorted(self.folder.glob("*.npy")) if not is_hidden(path))
        found = {path: told for path in there if (told := re.fullmatch(r"(.+)_([0-9]+)", path.stem))}
        names = matched([told[1] for told in found.values()], (*self.listed, *self.left_out))
        return {(names.get(told[1], told[1]), int(told[2])): path for path, told in found.items()}

    def _tracing_of(self, name: str, frame: int) -> str:
        repaired = self._repaired.get((name, frame))
        return TRACINGS if repaired is None else repaired.name

    def _judge_frames(self, name: str, rows: Rows) -> None:
        """Leaves a clip out whose tracings are unfit; remarks on rows in disorder or of no whole tracing."""
        super()._judge_frames(name, rows)
        leftovers, sorted_rows = [], []
        for frame in np.unique(rows[:, 4]):
            given = rows[rows[:, 4] == frame, :4]
            drawn, leftover = tracing.annotators(given)
            if len(drawn) > 1:
                self.note(name, "merged-annotators", f"{len(drawn)} tracings of frame {frame:g}")
            if not drawn:
                told = f"{TRACINGS} has {leftover} segments for frame {frame:g}"
                self.leave_out(name, "segments", f"{told}, {tracing.SEGMENTS} make a tracing.")
            elif leftover:
                leftovers.append(f"{leftover} of frame {frame:g}")
            elif not np.array_equal(np.concatenate(drawn), given):
                sorted_rows.append(f"{frame:g}")
        if leftovers:
            told = f"Segments that belong to no whole tracing are not used: {', '.join(leftovers)}."
            self.remark(name, "segments", told)
        if sorted_rows:
            told = f"Segments in disorder are put in order along the long axis: frame {', '.join(sorted_rows)}."
            self.remark(name, "segments", told)
