"""Windows of consecutive frames and the teacher's masks of them, cut from stores in an order that a seed decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echodfkd.data.store import Entry, Store
from echodfkd.errors import InputError
from echodfkd.resize import fit


@dataclass(frozen=True)
class Window:
    """`length` consecutive frames of the clip `name` from frame `start`."""

    name: str
    start: int
    length: int


def draw_windows(entries: Sequence[Entry], length: int, seed: int, epoch: int) -> list[Window]:
    """One window of `length` frames of every clip, at a random start, in random order.

    A function of (seed, epoch) alone, so that a resumed training sees what an undisturbed one would have seen.
    """
    generator = np.random.default_rng((seed, epoch))
    starts = [int(generator.integers(entry.frames - length + 1)) for entry in entries]
    return [Window(entries[k].name, starts[k], length) for k in generator.permutation(len(entries))]


def middle_windows(entries: Sequence[Entry], length: int) -> list[Window]:
    """The window of `length` frames in the middle of every clip, in the store's order: what validation looks at."""
    return [Window(entry.name, (entry.frames - length) // 2, length) for entry in entries]


@dataclass(frozen=True)
class Batches:
    """Batches of windows as tensors: frames and masks (batch, time, channel, size, size) uint8.

    Frames come from `clips` with one channel; masks (255 p) come from `labels` with a channel for each of
    `structures`. Both are resampled by area where `size` is not the stores' own.
    """

    clips: Store
    labels: Store
    structures: tuple[str, ...]
    size: int
    windows: Sequence[Window]
    batch: int

    def __len__(self) -> int:
        return -(-len(self.windows) // self.batch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(self.windows), self.batch):
            pairs = [self.pair(window) for window in self.windows[first : first + self.batch]]
            frames, masks = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*pairs, strict=True))
            yield frames, masks

    def pair(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Frames (time, 1, size, size) and masks (time, structure, size, size) of one window, both uint8."""
        cut = window.start, window.start + window.length
        channels = [self.labels.structures.index(name) for name in self.structures]
        frames = self.clips.frames(window.name, *cut)
        masks = self.labels.masks(window.name, *cut)[:, channels]
        return fit(frames, self.size)[:, None], fit(masks, self.size)


def check_windows(clips: Store, labels: Store, structures: Sequence[str], length: int, split: str) -> tuple[Entry, ...]:
    """The clips of `split`, fit to teach; InputError where none is there, one is too short or the labels do not fit."""
    entries = clips.split(split)
    missing = [name for name in structures if name not in labels.structures]
    if missing:
        raise InputError(f"The labels hold {', '.join(labels.structures)} but not {', '.join(missing)}.")
    labelled = {entry.name: entry.frames for entry in labels.entries}
    for entry in entries:
        if labelled.get(entry.name) != entry.frames:
            got = labelled.get(entry.name, "none")
            raise InputError(
                f"Clip {entry.name} has {entry.frames} frames but {got} labelled: label these clips first."
            )
        if entry.frames < length:
            raise InputError(f"Clip {entry.name} has {entry.frames} frames, fewer than the window of {length}.")
    return entries
