"""EchoNet-Pediatric's apical four-chamber views: `A4C/FileList.csv`, `A4C/VolumeTracings.csv`, `A4C/Videos/*.avi`.

What is known of the layout: the list's columns FileName, EF, Sex, Age, Weight, Height and Split, ten folds 0 to 9; the
tracings' columns FileName, X, Y and Frame, an outline point by point. Frame rate, length and size stand in no table:
they are the films'. What is not known for certain, and so taken as it comes: whether names carry their suffix (both
are read), whether an outline's first point is repeated at its end (either way is closed), and words in place of a
frame's number (those rows are not used, and a remark says so).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from echodfkd.data import tracing
from echodfkd.data.dataset import KnownClip, Listed, Outline, traced_truth
from echodfkd.data.films import TRACINGS, Films, Rows


class Pediatric(Films):
    """A data set in EchoNet-Pediatric's layout; `folder` is the one with FileList.csv (A4C)."""

    coordinates = ("X", "Y")

    def truth(self, name: str) -> KnownClip:
        """The two outlined frames. MissingExtra without scikit-image, InputError as `size` does."""
        self.row(name)
        drawn = self._drawn(name)
        if not drawn:
            return super().truth(name)
        height, width = self.size(name)
        outlines = (np.rint(points).astype(np.int64) for points in drawn.values())
        return traced_truth(list(drawn), [tracing.filled(corners, height, width) for corners in outlines])

    def outlines(self, name: str) -> list[Outline]:
        """The clip's outlines by frame."""
        return [Outline(frame, 0, points) for frame, points in self._drawn(name).items()]

    def _drawn(self, name: str) -> dict[int, NDArray[np.float64]]:
        """The outlines (point, 2) by frame, points in the table's order."""
        rows = self._rows.get(name, np.empty((0, 3)))
        return {int(frame): rows[rows[:, 2] == frame, :2] for frame in np.unique(rows[:, 2])}

    def _row_of(self, name: str, where: str, cells: dict[str, str]) -> Listed:
        row = super()._row_of(name, where, cells)
        facts = {one.lower(): self.known(name, where, cells, one, zero=True) for one in ("Age", "Weight", "Height")}
        return replace(row, facts=row.facts | {"sex": cells.get("Sex") or None} | facts)

    def _judge_frames(self, name: str, rows: Rows) -> None:
        super()._judge_frames(name, rows)
        if few := [frame for frame, points in self._drawn(name).items() if len(points) < 3]:
            self.leave_out(name, "segments", f"{TRACINGS} has fewer than 3 points for frame {few[0]}.")
