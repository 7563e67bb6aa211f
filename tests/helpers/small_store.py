"""A store of six small clips in three shards, and how it is written."""

import numpy as np

from echodfkd.store.store import Entry, StoreWriter

SIZE = (6, 8)
STRUCTURES = ("lv", "la")
LENGTHS = [[4, 3], [5], [2, 6, 1]]
SPLITS = ("train", "validation", "test")


def shard_of(shard, lengths=LENGTHS):
    rng = np.random.default_rng(shard)
    entries = [
        Entry(f"clip-{shard}-{number}", SPLITS[number], length, 50.0 if number else None, {"ef": 60.25, "ed": [1, 9]})
        for number, length in enumerate(lengths[shard])
    ]
    rows = sum(lengths[shard])
    frames = rng.integers(0, 256, (rows, *SIZE), dtype=np.uint8)
    return entries, frames, rng.integers(0, 256, (rows, len(STRUCTURES), *SIZE), dtype=np.uint8)


def writer_in(folder, **changes):
    arguments = {"structures": STRUCTURES, "size": SIZE, "settings": {"seed": 1, "range": (10, 20.5)}} | changes
    return StoreWriter(folder, **arguments)


def written(folder, shards=3):
    writer = writer_in(folder)
    for shard in range(shards):
        if not writer.has(shard):
            writer.write(shard, *shard_of(shard))
    return writer.finish(shards)


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
