"""Read somebody's ED and ES frames from a table, to judge beats by them in place of a data set's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echodfkd.clock import Rate
from echodfkd.errors import InputError
from echodfkd.scores.frame_distance import Reference
from echodfkd.tables import by_clip, is_blank

COLUMNS = ("FileName", "ED", "ES")
EVERY_BEAT = "every_beat"
"""Optional column: 1 where a clip's row lists all its events, 0 where it lists some."""
MOST_FRAMES = 1_000_000
"""A frame number as high as this is no frame of an echocardiogram but a damaged table."""


@dataclass(frozen=True)
class MarkedEvents:
    """ED and ES frames that somebody marked in one clip, ascending; `complete` says that they are all there are."""

    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    complete: bool

    def of(self, phase: str) -> tuple[int, ...]:
        """The frames of one phase, 'ed' or 'es'."""
        return self.ed_frames if phase == "ed" else self.es_frames

    def reference(self, frames: int, fps: Rate) -> Reference:
        """The reference for a clip of that many frames and that rate (Hz); InputError where an event lies outside."""
        last = max((*self.ed_frames, *self.es_frames), default=0)
        if last >= frames:
            raise InputError(f"An event on frame {last} lies outside of the clip's frames 0..{frames - 1}.")
        return Reference(frames, fps, self.ed_frames, self.es_frames, self.complete)


def read_events(path: Path) -> dict[str, MarkedEvents]:
    """ED and ES frames by clip name from a CSV with the columns FileName, ED, ES; frames are separated by spaces.

    `summary.csv` of `echodfkd segment` is such a table, so a teacher or another student can be the reference. Names are
    those of the predictions' folders (files without their suffix); frames count from 0. A clip without any event is
    left out: it tells nothing. A row lists every beat where its `every_beat` is 1 or, without that column, where a
    phase has two frames or more: one beat alone may be the one that somebody chose. Odd rows cost their clips, as in
    `tables.by_clip`; InputError where the file is missing, is no such table, or no clip has an event.
    """
    found = by_clip(path, COLUMNS, _marked)
    known = {name: events for name, events in found.items() if events.ed_frames or events.es_frames}
    if not known:
        raise InputError(f"{path} holds no ED or ES frame. Write them as frame numbers separated by spaces.")
    return known


def reference_of(events: Mapping[str, MarkedEvents], name: str, frames: int, fps: Rate) -> Reference:
    """What `events` tell of the clip `name`, of that many frames and that rate (Hz): nothing where it is not listed.

    A clip that is not listed has no reference event, and none found in it is extra. InputError where one lies outside.
    """
    try:
        return events.get(name, MarkedEvents((), (), False)).reference(frames, fps)
    except InputError as error:
        raise InputError(f"Clip {name}: {error}") from None


def _marked(cells: dict[str, str]) -> MarkedEvents:
    """The events of a row; ValueError where it is not what it should be."""
    if None in cells:
        raise ValueError("more cells than columns. Separate frames by spaces.")
    ed, es = (_frames(column, cells[column]) for column in ("ED", "ES"))
    told = cells.get(EVERY_BEAT) or ""
    if told not in ("", "0", "1"):
        raise ValueError(f"{EVERY_BEAT} must be 1, 0 or empty, got {told!r}.")
    return MarkedEvents(ed, es, told == "1" if told else max(len(ed), len(es)) > 1)


def _frames(column: str, text: str | None) -> tuple[int, ...]:
    """The frame numbers in a cell, ascending, each once."""
    words = () if is_blank(text) else (text or "").split()
    if any(not _FRAME.fullmatch(word) or float(word) >= MOST_FRAMES for word in words):
        raise ValueError(f"{column} must be frame numbers from 0 on, separated by spaces, got {(text or '')[:60]!r}.")
    return tuple(sorted({int(float(word)) for word in words}))


_FRAME = re.compile(r"[0-9]{1,8}(\.0*)?")
"""A frame's number; programs that know empty cells as NaN write whole numbers with a point."""
