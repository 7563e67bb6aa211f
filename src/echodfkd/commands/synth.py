"""The verb `synth`: a study's synthetic clips with exact truth, as a store."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echodfkd.clip import WORKING_SIZE
from echodfkd.engine import HERE, Engine
from echodfkd.store.place import Place, place_of
from echodfkd.store.store import Entry, Store, StoreWriter
from echodfkd.study.settings import MOST_CLIPS, Study, study_table
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import GENERATOR, draw_recipe

FRAMES_PER_PROCESS = 2000
"""Frames to draw for which another process is started: one needs seconds to begin, and draws hundreds a second."""


def synth(study: Study, out: Place | Path | str, engine: Engine = HERE) -> Store:
    """The study's synthetic clips with the simulator's truth, as a store in `out`; finished shards are kept.

    Shards are drawn where the `engine` says. With `clips.fresh` the store holds those of validation and test alone.
    """
    shards = list(_shards(study))
    place = place_of(out)
    with place.holding():
        writer = _clip_writer(study, place)
        missing = writer.missing(len(shards))
        frames = sum(shards[number].frames * len(shards[number].members) for number in missing)
        engine.for_each(partial(_render, study, place), missing, "synth", worth=1 + frames // FRAMES_PER_PROCESS)
        return writer.finish(len(shards))


def _render(study: Study, place: Place, number: int) -> None:
    """Draws and writes one shard of the study's clips, unless whoever was taken for dead has."""
    writer = _clip_writer(study, place)
    if writer.has(number):
        return
    shard = list(_shards(study))[number]
    recipes = [draw_recipe(study.conditions, study.seed, member, shard.frames) for _, member in shard.members]
    made = generate(recipes, WORKING_SIZE, structures=study.clips.structures, annotator=study.clips.annotator)
    entries = [
        Entry(name, shard.split, shard.frames, truth.fps, {"recipe": recipe.to_dict(), "truth": truth.to_dict()})
        for (name, _), recipe, truth in zip(shard.members, recipes, made.truths, strict=True)
    ]
    writer.write(number, entries, np.concatenate(made.frames), np.concatenate(made.masks))


def _clip_writer(study: Study, place: Place) -> StoreWriter:
    """The writer of a study's clips; it refuses a place of other clips."""
    settings = {"generator": GENERATOR} | {key: study_table(study)[key] for key in ("seed", "clips", "conditions")}
    if study.clips.fresh:
        del settings["clips"]["train"]  # not in there
    return StoreWriter(place, study.clips.structures, (WORKING_SIZE, WORKING_SIZE), settings)


class _Shard(NamedTuple):
    """Clips of one split that are drawn together: (name, number) of each, all of `frames` frames."""

    split: str
    frames: int
    members: list[tuple[str, int]]


def _shards(study: Study) -> Iterator[_Shard]:
    """The shards of a study's clips. The numbers of the splits lie far apart, so that one may grow alone."""
    for first, split in ((0, "train"), (MOST_CLIPS, "validation"), (2 * MOST_CLIPS, "test")):
        if study.clips.fresh and split == "train":
            continue  # `fresh` draws them, numbered from 3,000,000
        part = getattr(study.clips, split)
        members = [(f"{split}-{k:05d}", first + k) for k in range(part.count)]
        for k in range(0, len(members), study.clips.shard):
            yield _Shard(split, part.frames, members[k : k + study.clips.shard])
