"""What a clip's masks say once somebody mended outlines or events: the measures of `segment`, of other masks."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.commands.segment import CLIP_FILES, measured, write_results
from echodfkd.errors import InputError
from echodfkd.files import filling, read_arrays, read_json
from echodfkd.measure.beats import Events
from echodfkd.measure.measures import Measures
from echodfkd.measure.record import Record, record
from echodfkd.student.student import Student
from echodfkd.video.source import Source
from echodfkd.web.kept import kept_grades, kept_source
from echodfkd.web.runs import mask_of

RESULT, CORRECTED = "result", "corrected"
NOTE = "corrected by hand"
NO_INTERVAL = "no interval: it is known of the model's own outlines, not of those drawn by hand"
Masks = dict[str, NDArray[np.uint8]]
"""{0, 1} (time, height, width) by structure."""


def results(folder: Path) -> tuple[Path, Masks]:
    """The masks that count of the clip in `folder`, and where they lie: the corrected ones where there are any."""
    there = folder / CORRECTED if (folder / CORRECTED).is_dir() else folder / RESULT
    arrays = read_arrays(there / "masks.npz")
    return there, {"lv" if name == "masks" else name: array for name, array in arrays.items()}


def correct(folder: Path, student: Student, changes: Mapping[str, Any]) -> tuple[Measures, Record]:
    """Measures of the clip in `folder` with `changes` to what was found; they lie in `folder`/corrected from then on.

    `changes` are all there are, not those since the last: `outlines`, runs of the ventricle by frame; `ed_frames` and
    `es_frames`, where somebody moved one. The record's `corrected` says which; without changes it is the one that was
    found. Moved events have an interval as found ones do; `no_interval` says why outlines drawn by hand have none.
    InputError for what no clip can have.
    """
    source = kept_source(folder)
    arrays = read_arrays(folder / RESULT / "masks.npz")
    masks: Masks = {"lv" if name == "masks" else name: array for name, array in arrays.items()}
    lv = masks["lv"] = masks["lv"].copy()
    outlines = changes.get("outlines") or {}
    if not isinstance(outlines, dict) or not all(frame.isdecimal() and int(frame) < len(lv) for frame in outlines):
        raise InputError(f"Outlines are told by frame, 0 to {len(lv) - 1}.")
    for frame in outlines:
        lv[int(frame)] = mask_of(outlines[frame], source.size)
    marked = None
    if changes.get("ed_frames") is not None:
        marked = _events(source, changes["ed_frames"], changes.get("es_frames") or (), len(lv))
    sure = student.card.interval_factor is not None
    graded = kept_grades(folder) if sure and not outlines else None
    found = measured(source, lv.view(np.bool_), student, graded=graded, marked=marked)
    told = record(source.name, found, student, source)
    if not outlines and marked is None:
        shutil.rmtree(folder / CORRECTED, ignore_errors=True)
        return found, read_json(folder / RESULT / "measures.json")
    told["corrected"] = {"outlines": sorted(map(int, outlines)), "events": marked is not None}
    if sure and outlines and found.ejection_fraction is not None:
        told["no_interval"] = NO_INTERVAL
    with filling(folder / CORRECTED, CLIP_FILES) as here:
        write_results(here, masks, told)
    return found, told


def _events(source: Source, ed: Sequence[int], es: Sequence[int], frames: int) -> Events:
    """Marked frames as events of the clip; InputError for those that lie outside it."""
    if any(type(frame) is not int or not 0 <= frame < frames for frame in (*ed, *es)):
        raise InputError(f"ED and ES are frames of the clip, 0 to {frames - 1}.")
    clock = source.clock
    return Events(tuple(sorted(set(ed))), tuple(sorted(set(es))), clock.rate, clock.fps is None, clock=clock)
