"""The verb `gather`: clips of data sets at the working size, as a store: a copy, which is as private as they are."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from echodfkd.clip import WORKING_SIZE, Clip, Frames
from echodfkd.data.dataset import Dataset, Listed
from echodfkd.data.findings import exclusion
from echodfkd.data.layouts import layout_of, open_dataset
from echodfkd.data.settings import Data
from echodfkd.engine import HERE, Engine
from echodfkd.errors import InputError, StudyError
from echodfkd.resize import fit
from echodfkd.store.place import Place, place_of
from echodfkd.store.store import Entry, Store, StoreWriter
from echodfkd.study.settings import Study

log = logging.getLogger(__name__)
SHARDS_PER_PROCESS = 4
"""Shards to gather for which another process is started: one needs a second or two to begin."""
NOTICE = "PRIVATE.txt"
NOTICE_TEXT = (
    "This folder holds clips of data sets. Their licences forbid to publish copies: keep it, and the run that it is "
    "part of, to yourself.\n"
)


@dataclass(frozen=True)
class _Taken:
    """One clip and the split of the store that it goes into."""

    dataset: Dataset
    row: Listed
    split: str


def gather(study: Study, out: Place | Path | str, engine: Engine = HERE) -> Store:
    """The clips of the study's data sets, as `gather_data` writes them into `out`. StudyError without any."""
    if not study.data:
        raise StudyError("The study takes no real clips: it has no [[data]].")
    return gather_data(study.data, out, study.training.window, study.clips.shard, engine)


def gather_data(
    data: Sequence[Data], out: Place | Path | str, window: int, shard: int = 16, engine: Engine = HERE
) -> Store:
    """The clips that `data` choose, as a store of frames without masks in `out`; finished shards are kept.

    Frames are brought to square pixels and to the working size. A clip shorter than `window` is continued back and
    forth. Names stay the data set's. Raises InputError where a split is empty, two data sets share a name, or a clip
    cannot be read; StudyError where `out` was begun with others.
    """
    each = [_taken(one) for one in data]
    taken = [clip for clips, _ in each for clip in clips]
    _check_names(taken)
    shards = [taken[k : k + shard] for k in range(0, len(taken), shard)]
    place = place_of(out)
    with place.holding():
        writer = StoreWriter(
            place,
            (),
            (WORKING_SIZE, WORKING_SIZE),
            {"window": window, "shard": shard, "data": [told for _, told in each]},
        )
        place.write_text(NOTICE, NOTICE_TEXT)
        missing = writer.missing(len(shards))
        work = partial(_gather_shard, writer, shards, window)
        engine.for_each(work, missing, "gather", worth=len(missing) // SHARDS_PER_PROCESS)
        return writer.finish(len(shards))


def _gather_shard(writer: StoreWriter, shards: Sequence[Sequence[_Taken]], window: int, number: int) -> None:
    """Reads and writes one shard, unless whoever was taken for dead has."""
    if writer.has(number):
        return
    read = [_read(clip) for clip in shards[number]]
    frames = [continued(working(clip), window) for clip in read]
    entries = [
        Entry(one.row.name, one.split, len(shown), clip.fps)
        for one, clip, shown in zip(shards[number], read, frames, strict=True)
    ]
    writer.write(number, entries, np.concatenate(frames), None)


def working(clip: Clip) -> Frames:
    """The clip's frames in their true proportions at the working size."""
    return fit(clip.frames, WORKING_SIZE, clip.spacing)


def continued(frames: Frames, length: int) -> Frames:
    """Frames (time, height, width), played back and forth until there are `length`; more stay as they are."""
    last = len(frames) - 1
    if last + 1 >= length:
        return frames
    return frames[last - np.abs(np.arange(length) % max(1, 2 * last) - last)]


def _taken(data: Data) -> tuple[list[_Taken], dict[str, Any]]:
    """The clips that are taken of one data set, and what can be told of them without its path."""
    dataset = open_dataset(data.path)
    for line in dataset.fault_lines():
        log.warning(line)
    asked = None if data.exclude is None else exclusion(data.exclude, data.reasons)
    excluded = {} if asked is None else asked.of(dataset.names, str(data.path)).clips
    taken, gone = [], Counter[str]()
    for name, split in data.use.items():
        rows = dataset.split(name)
        if not rows:
            there = ", ".join(sorted({row.split for row in dataset.clips})) or "none"
            raise InputError(f"{data.path} has no clips in the split '{name}'; it has clips in: {there}.")
        gone.update(reason for row in rows for reason in excluded.get(row.name, ()))
        kept = [row for row in rows if row.name not in excluded]
        if not kept:
            raise InputError(f"Every clip of the split '{name}' of {data.path} is excluded. Exclude for fewer reasons.")
        taken += [_Taken(dataset, row, split) for row in kept]
    listed = "".join(f"{one.split} {one.row.name}\n" for one in taken)
    return taken, {
        "layout": layout_of(dataset),
        "about": data.about,
        "clips": dict(Counter(one.split for one in taken)),
        "excluded": dict(sorted(gone.items())),
        "names": hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest(),
    }


def _check_names(taken: Sequence[_Taken]) -> None:
    """InputError where two clips have one name: masks are found by it."""
    for name, count in Counter(one.row.name for one in taken).items():
        if count > 1:
            raise InputError(f"Clips of a study's data sets must differ in name, got {name} {count} times.")


def _read(taken: _Taken) -> Clip:
    """The clip; InputError that says how to go on without it."""
    try:
        clip = taken.dataset.read(taken.row.name)
    except InputError as error:
        raise InputError(
            f"{error} `echodfkd check` lists every clip that cannot be read; leave them out by data.exclude."
        ) from None
    return clip
