"""Windows of consecutive frames and the teacher's masks of them, in an order that a seed decides.

Where they come from is a Source: stores of clips and masks here, a generator of new ones elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echodfkd.distill.appearance import Words, altered, look
from echodfkd.distill.settings import Training
from echodfkd.errors import InputError
from echodfkd.resize import fit
from echodfkd.store.store import AGREEMENT, Entry, Store

Example = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Frames (time, 1, size, size) and masks (time, structure, size, size), 255 p, of one window."""

Batch = tuple[Tensor, ...]
"""Frames (batch, time, 1, size, size) and masks (batch, time, structure, size, size), 255 p, both uint8; where a
structure of a window is not known, a third: which are, (batch, structure) bool."""


class Epoch(Protocol):
    """The batches of one epoch, whose number is known."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


class Source(Protocol):
    """Where a training's windows come from; what it gives depends on a seed and the epoch alone."""

    def epoch(self, number: int, rank: int = 0, world: int = 1) -> Epoch:
        """The batches of epoch `number`, 0 being the first; of `world` processes that share each batch, `rank`'s part.

        InputError where batches or windows are no multiples of `world`: parts of unequal size would weigh unequally.
        """


def check_shares(batch: int, windows: int, world: int) -> None:
    """InputError unless `world` processes can share every batch of so many windows evenly."""
    if batch % world or windows % world:
        raise InputError(
            f"{world} processes share every batch evenly: training.batch and the windows of an epoch must be multiples "
            f"of {world}, got {batch} and {windows}. Change them, or --devices and --nodes."
        )


@dataclass(frozen=True)
class Window:
    """`length` consecutive frames of the clip `name` from frame `start`, shown as they are or in another `order`."""

    name: str
    start: int
    length: int
    order: tuple[int, ...] | None = None
    """Which of its frames are seen one after the other, counted from `start`."""
    look: Words | None = None
    """In which look of its own it is shown; None: as the clip is."""


def draw_windows(entries: Sequence[Entry], length: int, seed: int, epoch: int) -> list[Window]:
    """One window of `length` frames of every clip, at a random start, in random order.

    A function of (seed, epoch) alone, so that a resumed training sees what an undisturbed one would have seen.
    """
    generator = np.random.default_rng((seed, epoch))
    starts = [int(generator.integers(entry.frames - length + 1)) for entry in entries]
    return [Window(entries[k].name, starts[k], length) for k in generator.permutation(len(entries))]


def doubted(entries: Sequence[Entry], labels: Store, share: float) -> Sequence[Entry]:
    """The share of the clips on which several teachers agree least, in their own order; at least one.

    InputError where the labels do not tell how far teachers agree, unless all are taken.
    """
    if share == 1:
        return entries
    told = {entry.name: [row["dice"] for row in entry.facts.get(AGREEMENT, ())] for entry in labels.entries}
    if silent := [entry.name for entry in entries if not told[entry.name]]:
        raise InputError(
            f"training.doubted = {share:g} needs several teachers of each clip ([[teacher.of]] or [cohort]): "
            f"the labels do not tell how far any agree on {silent[0]}."
        )
    agreed = {name: float(np.mean(rows)) for name, rows in told.items() if rows}
    least = sorted(entries, key=lambda entry: (agreed[entry.name], entry.name))[: max(1, round(share * len(entries)))]
    return [entry for entry in entries if entry in least]


def middle_windows(entries: Sequence[Entry], length: int) -> list[Window]:
    """The window of `length` frames in the middle of every clip, in the store's order: what validation looks at."""
    return [Window(entry.name, (entry.frames - length) // 2, length) for entry in entries]


def order(training: Training, seed: int, epoch: int, number: int) -> tuple[int, ...] | None:
    """In which order window `number` of an epoch shows its frames: None as they are, backwards, or one throughout.

    A function of (seed, epoch, number) and of `training`'s window and shares. One window in `stills` shows one frame;
    of those that move, one in `backwards` is played from its end.
    """
    chance = np.random.default_rng((seed, epoch, number, 1))  # 1: apart from `draw_windows`, which ends in zeros
    still, frame, back = chance.random(), int(chance.integers(training.window)), chance.random()
    if still < training.stills:
        return (frame,) * training.window
    return tuple(reversed(range(training.window))) if back < training.backwards else None


def look_of(training: Training, seed: int, epoch: int, number: int) -> Words | None:
    """In which look window `number` of an epoch is shown: None as it is, as all but a share `altered` of them are."""
    return look(training.altered, (seed, epoch, number, 3))  # 3: apart from `order` and from real windows' places


def example(
    frames: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    size: int,
    order: Sequence[int] | None,
    look: Words | None = None,
) -> Example:
    """One window as a student sees it: at its `size`, resampled by area, its frames in `order`, in a `look`.

    From frames (time, height, width) and masks (time, structure, height, width), both uint8.
    """
    seen = slice(None) if order is None else list(order)
    shown = fit(frames, size)[seen, None], fit(masks, size)[seen]
    return shown if look is None else altered(*shown, look)


def batch_of(examples: Sequence[Example]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Examples stacked into one batch, as arrays."""
    frames, masks = zip(*examples, strict=True)
    return np.stack(frames), np.stack(masks)


def with_known(
    frames: NDArray[np.uint8], masks: NDArray[np.uint8], structures: Sequence[str], known: Sequence[Sequence[str]]
) -> tuple[NDArray[Any], ...]:
    """A batch as arrays, which of its `structures` are `known` in each window third; without it where all are.

    Raises InputError where a window teaches nothing: a batch of such ones would have no loss.
    """
    table = np.array([[name in there for name in structures] for there in known])
    if not table.any(axis=1).all():
        raise InputError(f"A window teaches nothing: no teacher knows any of {', '.join(structures)} in its clip.")
    return (frames, masks) if table.all() else (frames, masks, table)


@dataclass(frozen=True)
class StoreWindows:
    """The source that cuts one window of every clip of a store's split `train`, at a random start, in random order.

    Raises InputError where the stores cannot teach `structures`.
    """

    clips: Store
    labels: Store
    structures: tuple[str, ...]
    training: Training
    seed: int

    def __post_init__(self) -> None:
        check_windows(self.clips, self.labels, self.structures, self.training.window, "train")
        _ = self._taught

    @cached_property
    def _taught(self) -> Sequence[Entry]:
        return doubted(self.clips.split("train"), self.labels, self.training.doubted)

    def epoch(self, number: int, rank: int = 0, world: int = 1) -> "Batches":
        """The batches of epoch `number`, or `rank`'s part of each: see `Source`."""
        training, seed = self.training, self.seed
        drawn = draw_windows(self._taught, training.window, seed, number)
        windows = [
            replace(window, order=order(training, seed, number, k), look=look_of(training, seed, number, k))
            for k, window in enumerate(drawn)
        ]
        check_shares(training.batch, len(windows), world)
        windows, batch = windows[rank::world], training.batch // world
        return Batches(self.clips, self.labels, self.structures, training.size, windows, batch)


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

    def __iter__(self) -> Iterator[Batch]:
        for first in range(0, len(self.windows), self.batch):
            windows = self.windows[first : first + self.batch]
            frames, masks = batch_of([self.pair(window) for window in windows])
            arrays = with_known(frames, masks, self.structures, [self.labels.known(window.name) for window in windows])
            yield tuple(torch.from_numpy(array) for array in arrays)

    def pair(self, window: Window) -> Example:
        """One window's frames and masks."""
        cut = window.start, window.start + window.length
        channels = [self.labels.structures.index(name) for name in self.structures]
        frames = self.clips.frames(window.name, *cut)
        masks = self.labels.masks(window.name, *cut)[:, channels]
        return example(frames, masks, self.size, window.order, window.look)


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
        if not any(name in labels.known(entry.name) for name in structures):
            raise InputError(
                f"Clip {entry.name} teaches nothing: no teacher knows any of {', '.join(structures)} in it."
            )
    return entries
