"""Clips that no publication laid out, as data sets: a plain folder of films, a store of ours."""

from pathlib import Path

import numpy as np

from echodfkd.clip import Clip
from echodfkd.data.dataset import Dataset, KnownClip, Listed
from echodfkd.errors import InputError
from echodfkd.store.place import Place
from echodfkd.store.store import Store
from echodfkd.video.inputs import clip_files


class Folder(Dataset):
    """The films and pictures that a folder stands for (`clip_files`), by name; no labels, all in the split 'test'."""

    def __init__(self, folder: Path | str):
        super().__init__(folder)
        self._files = self.films_in(clip_files([self.folder]))
        for name in self._files:
            self.listed[name] = Listed(name, "test")

    def file(self, name: str) -> Path:
        """The clip's file."""
        return self._files[name]


class Stored(Dataset):
    """A store of clips and masks; its clips are its own, checked against their checksums, and need no judging."""

    def __init__(self, place: Place | Path | str):
        super().__init__(str(place))
        self.store = Store(place)
        self.structures = self.store.structures
        if self.structures:
            self.store.verify("masks")
        for entry in self.store.entries:
            fraction = entry.facts.get("truth", {}).get("ejection_fraction")
            self.listed[entry.name] = Listed(
                entry.name, entry.split, fraction, entry.fps, entry.frames, facts=dict(entry.facts)
            )

    def __str__(self) -> str:
        return str(self.store.place)

    @property
    def training(self) -> tuple[Listed, ...]:
        """The clips of 'train'; fresh ones are kept nowhere, and those of 'validation' stand in."""
        wanted = "train" if any(row.split == "train" for row in self.clips) else "validation"
        return tuple(row for row in self.clips if row.split == wanted)

    def split(self, name: str) -> tuple[Listed, ...]:
        """The clips of a split, whose name the study chose. InputError where there is none of that name."""
        return tuple(self.listed[entry.name] for entry in self.store.split(name))

    def file(self, name: str) -> Path:
        """InputError: a store's clips are no files."""
        raise InputError(f"{self} is a store: its clips are no films. `run` and `distill` check it themselves.")

    def read(self, name: str) -> Clip:
        """One clip, memory-mapped."""
        return self.store.clip(name)

    def truth(self, name: str) -> KnownClip:
        """The masks of every frame, cut at one half, and all events that the facts tell."""
        known = self.row(name).facts.get("truth", {})
        masks = np.asarray(self.store.masks(name) >= 128)
        return KnownClip(
            tuple(range(len(masks))),
            self.structures,
            masks,
            tuple(known.get("ed_frames", ())),
            tuple(known.get("es_frames", ())),
            length=len(masks),
            every_beat=True,
        )
