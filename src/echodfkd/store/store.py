"""Clips and masks in shards: per shard one `.npy` of frames, one of masks (both memory-mapped) and a JSON marker.

A shard's marker is written after its arrays and holds their SHA-256; the index is written after all shards. So what a
killed run left is either whole or not there, and carrying on ends with the same bytes as an undisturbed run: no file
holds a time, a path or a machine.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, channel, check_structures
from echodfkd.errors import InputError, StudyError
from echodfkd.files import differences, is_plain_name, read_json, sha256
from echodfkd.names import clip_name
from echodfkd.store.place import Place, Unreachable, place_of
from echodfkd.store.shards import Bytes, array_name, as_json, check_array, mapped, marker_name, write_array

FORMAT = "echodfkd store 1"
KINDS = ("frames", "masks")
INDEX, SETTINGS = "index.json", "settings.json"
AGREEMENT = "agreement"
"""The fact of a labelled clip that says how far several teachers agree on it: a Dice for every two and structure."""
KNOWN = "known"
"""The fact of a clip that lists the structures that its masks tell of; without it they tell of all."""


@dataclass(frozen=True)
class Entry:
    """One clip of a store: its name, split, number of frames, frame rate (Hz), and facts that JSON can hold."""

    name: str
    split: str
    frames: int
    fps: float | None = None
    facts: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not is_plain_name(self.name) or self.frames < 1:
            raise InputError(
                f"An entry needs a name that is no path, and at least one frame, got {self.name!r} with {self.frames}."
            )


class StoreWriter:
    """Writes a store shard by shard into `place`, and goes on where an earlier run was stopped.

    `size` is (height, width); `settings` says how the content was made (JSON). No structures: a store without masks.
    Raises StudyError where the place holds shards made with other settings.
    """

    def __init__(
        self,
        place: Place | Path | str,
        structures: tuple[str, ...],
        size: tuple[int, int],
        settings: dict[str, Any],
        with_frames: bool = True,
    ):
        if not structures and not with_frames:
            raise StudyError("A store needs frames, masks or both, got neither.")
        self.place = place_of(place)
        self.place.prepare()
        self.structures = check_structures(structures) if structures else ()
        self.size = (int(size[0]), int(size[1]))
        self.with_frames = with_frames
        self._whole: set[int] = set()
        self._begin(as_json({**_head(self), "settings": settings}, "settings"))

    def has(self, shard: int) -> bool:
        """Whether the shard is complete and its bytes are those that its marker speaks of."""
        if shard not in self._whole and self._is_whole(shard):
            self._whole.add(shard)
        return shard in self._whole

    def write(self, shard: int, entries: Sequence[Entry], frames: Bytes | None, masks: Bytes | None) -> None:
        """Writes one shard: `frames` (sum of frames, height, width) and `masks` (sum, structure, height, width), uint8.

        The clips follow each other in the order of `entries`. None for what the store does not hold. Raises InputError
        for other shapes or types, OutputError where there is no room.
        """
        arrays = {"frames": frames, "masks": masks}
        rows = sum(entry.frames for entry in entries)
        for kind, array in arrays.items():
            check_array(kind, array, _shape(self, kind, rows))
        listed = as_json([asdict(entry) for entry in entries], f"facts of shard {shard}")
        self._forget(shard)
        hashes = {
            array_name(shard, kind): write_array(self.place, array_name(shard, kind), array)
            for kind, array in arrays.items()
            if array is not None
        }
        self.place.write_json(marker_name(shard), {"entries": listed, "files": hashes})
        self._whole.add(shard)

    def missing(self, shards: int) -> list[int]:
        """The numbers of the shards, of so many, that are not complete."""
        there = set(self.place.names())
        whole = self.place.each(lambda shard: marker_name(shard) in there and self.has(shard), range(shards))
        return [shard for shard, has in enumerate(whole) if not has]

    def finish(self, shards: int) -> "Store":
        """The finished store of that many shards. Raises StudyError where one is missing or a name comes twice."""
        missing = self.missing(shards)
        if missing or shards < 1:
            raise StudyError(
                f"The store {self.place} lacks {len(missing)} of {shards} shards, the first is {missing[:1]}."
            )
        self._clear(shards)
        files: dict[str, str] = {}
        names: Counter[str] = Counter()
        markers = self.place.each(self.place.local, map(marker_name, range(shards)))
        for shard, path in enumerate(markers):
            marker = read_json(path)
            files |= marker["files"] | {marker_name(shard): sha256(path)}
            names.update(entry["name"] for entry in marker["entries"])
        if twice := [name for name, count in names.items() if count > 1]:
            raise StudyError(f"Clip names in a store must differ, got {twice[0]} {names[twice[0]]} times.")
        self.place.write_json(INDEX, {**self._settings, "shards": shards, "files": files})
        return Store(self.place)

    def _begin(self, settings: dict[str, Any]) -> None:
        """Notes the settings in a place without shards; refuses one with shards of others."""
        self._settings, place = settings, self.place
        try:
            if place.read_json(SETTINGS) == settings:
                return
        except Unreachable:
            raise
        except InputError:
            pass
        if not place.has(SETTINGS) or not any(name.startswith("shard-") for name in place.names()):
            place.write_json(SETTINGS, settings)
        elif (before := place.read_json(SETTINGS)) != settings:
            raise StudyError(
                f"The store {place} was begun with other settings ({next(differences(before, settings))}). "
                "Remove the folder or choose another."
            )

    def _is_whole(self, shard: int) -> bool:
        try:
            marker = self.place.read_json(marker_name(shard))
            wanted = {array_name(shard, kind) for kind in KINDS if _shape(self, kind, 1)}
            return set(marker["files"]) == wanted and all(
                sha256(self.place.local(name)) == digest for name, digest in marker["files"].items()
            )
        except Unreachable:  # a shard that cannot be asked for is not one that has to be made again
            raise
        except (InputError, OSError, KeyError, TypeError):
            return False

    def _forget(self, shard: int) -> None:
        """Removes what would speak of a shard's old content, before new content comes."""
        self._whole.discard(shard)
        for name in (INDEX, marker_name(shard)):
            self.place.remove(name)

    def _clear(self, shards: int) -> None:
        """Removes half-written files and the shards beyond the last."""
        self.place.tidy()
        for name in self.place.names():
            number = re.match(r"shard-(\d+)\.", name)
            if number and int(number[1]) >= shards:
                self.place.remove(name)


class Store:
    """A finished store, for reading. It can be sent to other processes: maps are opened anew where they are first used.

    Raises InputError where the place holds no finished store, or its index or a marker is damaged.
    """

    def __init__(self, place: Place | Path | str):
        self.place = place_of(place)
        path = self.place.local(INDEX)
        if not path.is_file():
            raise InputError(
                f"{self.place} holds no finished store (no index.json). Run the stage that writes it again."
            )
        index = self.place.read_json(INDEX)
        if not isinstance(index, dict) or index.get("format") != FORMAT:
            raise InputError(f"{self.place.at(INDEX)} is not the index of a store ('{FORMAT}').")
        self.content = hashlib.sha256(path.read_bytes()).hexdigest()
        self.structures: tuple[str, ...] = tuple(index["structures"])
        self.size: tuple[int, int] = (index["size"][0], index["size"][1])
        self.with_frames: bool = index["with_frames"]
        self.settings: dict[str, Any] = index["settings"]
        self._files: dict[str, str] = index["files"]
        self._rows: list[int] = []
        self._places: dict[str, tuple[Entry, int, int]] = {}
        self._maps: dict[tuple[str, int], Bytes] = {}
        self._copies: set[Path] = set()
        for marker in self.place.each(self._marker, range(index["shards"])):
            self._list(marker)
        self.entries: tuple[Entry, ...] = tuple(entry for entry, _, _ in self._places.values())

    def split(self, name: str) -> tuple[Entry, ...]:
        """The entries of one split. InputError where there is none of that name."""
        chosen = tuple(entry for entry in self.entries if entry.split == name)
        if not chosen:
            there = ", ".join(sorted({entry.split for entry in self.entries}))
            raise InputError(f"The store {self.place} has no split {name!r}; it has {there}.")
        return chosen

    def clip(self, entry: Entry | str) -> Clip:
        """One clip with its frames (memory-mapped) and its frame rate."""
        found, _, _ = self._place(_name(entry))
        return Clip(found.name, self.frames(found.name), found.fps)

    def frames(self, name: str, start: int = 0, stop: int | None = None) -> Bytes:
        """Frames start..stop of a clip: a read-only, memory-mapped view (time, height, width) uint8."""
        return self._window("frames", name, start, stop)

    def masks(self, name: str, start: int = 0, stop: int | None = None) -> Bytes:
        """Masks start..stop of a clip: a read-only, mapped view (time, structure, height, width) uint8, 255 p."""
        return self._window("masks", name, start, stop)

    def inside(self, name: str, structure: str = "lv") -> NDArray[np.bool_]:
        """One structure of a clip, its masks cut at one half: (time, height, width)."""
        return np.asarray(channel(self.masks(name), self.structures, structure) >= 128)

    def known(self, name: str) -> tuple[str, ...]:
        """The structures that a clip's masks tell of: all, or those of its fact `known`; the others are all 0."""
        facts = self._place(name)[0].facts
        return tuple(structure for structure in self.structures if structure in facts.get(KNOWN, self.structures))

    def verify(self, *kinds: str) -> None:
        """Reads every byte, of `frames` or `masks` alone where said; InputError that names the first bad file."""
        left_out = tuple(f".{kind}.npy" for kind in KINDS if kinds and kind not in kinds)
        for _ in self.place.each(self._check, (name for name in self._files if not name.endswith(left_out))):
            pass

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}

    def _check(self, name: str) -> Path:
        """Where a file of the store can be read; InputError unless it is the one in the index."""
        path = self.place.local(name)
        if not path.is_file() or sha256(path) != self._files.get(name):
            raise InputError(
                f"{self.place.at(name)} is damaged or missing. Remove it and run the stage that writes it again."
            )
        return path

    def _marker(self, shard: int) -> dict[str, Any]:
        """One shard's marker."""
        marker: dict[str, Any] = read_json(self._check(marker_name(shard)))
        return marker

    def _list(self, marker: dict[str, Any]) -> None:
        """Takes in the entries of the next shard."""
        row = 0
        for listed in marker["entries"]:
            entry = Entry(**listed)
            self._places[entry.name] = (entry, len(self._rows), row)
            row += entry.frames
        self._rows.append(row)

    def _place(self, name: str) -> tuple[Entry, int, int]:
        """The entry, its shard and its first row in there."""
        found = self._places.get(name) or self._places.get(self._named.get(clip_name(name), name))
        if found is None:
            raise InputError(f"The store {self.place} has no clip {name!r} among its {len(self.entries)}.")
        return found

    @cached_property
    def _named(self) -> dict[str, str]:
        """The names of the entries by what `clip_name` makes of them."""
        return {clip_name(name): name for name in self._places}

    def _window(self, kind: str, name: str, start: int, stop: int | None) -> Bytes:
        entry, shard, row = self._place(name)
        first, last, _ = slice(start, stop).indices(entry.frames)
        return self._map(kind, shard)[row + first : row + max(first, last)]

    def _map(self, kind: str, shard: int) -> Bytes:
        """One shard's array, mapped once where it stays; its shape is checked against the index."""
        array = self._maps.get((kind, shard))
        if array is None:
            shape = _shape(self, kind, self._rows[shard])
            if not shape:
                raise InputError(f"The store {self.place} holds no {kind}.")
            name = array_name(shard, kind)
            if not self.place.stays and (copy := self.place.near(name)) not in self._copies:
                self._check(name)  # fetched again, it may be another file than the one that was checked
                self._copies.add(copy)
            array = mapped(self.place, name, shape)
            if self.place.stays:
                self._maps[kind, shard] = array
        return array


def _head(store: StoreWriter) -> dict[str, Any]:
    shape = {"structures": store.structures, "size": store.size, "with_frames": store.with_frames}
    return {"format": FORMAT, **shape}


def _name(entry: Entry | str) -> str:
    return entry if isinstance(entry, str) else entry.name


def _shape(store: StoreWriter | Store, kind: str, rows: int) -> tuple[int, ...]:
    """The shape of one shard's array; () for what the store does not hold."""
    if kind == "frames":
        return (rows, *store.size) if store.with_frames else ()
    return (rows, len(store.structures), *store.size) if store.structures else ()
