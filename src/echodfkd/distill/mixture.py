"""Real clips and drawn ones in one training: so many windows of each in every batch, validated on both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch

from echodfkd.distill.settings import Training
from echodfkd.distill.windows import (
    Batch,
    Batches,
    Epoch,
    Source,
    StoreWindows,
    Window,
    check_shares,
    check_windows,
    look_of,
    middle_windows,
    order,
)
from echodfkd.store.store import Store

FIRST_ORDER = 1_000_000
"""Real windows are numbered from here on where chance decides how they are played, apart from drawn ones."""

Pair = tuple[Store, Store]
"""Clips and a teacher's masks of them."""


def mixed(drawn: Pair, real: Pair | None, structures: tuple[str, ...], training: Training, seed: int) -> Source:
    """The source of a training whose clips are kept: drawn ones, real ones, or both by `training.real_share`."""
    if real is None:
        return StoreWindows(*drawn, structures, training, seed)
    if training.real_share == 1:
        return StoreWindows(*real, structures, training, seed)
    return with_real(StoreWindows(*drawn, structures, training.drawn_alone, seed), real, structures, training, seed)


def with_real(drawn: Source, real: Pair, structures: tuple[str, ...], training: Training, seed: int) -> "MixedWindows":
    """The batches of `drawn`, each with `training.real_windows` windows of the real clips after its own."""
    return MixedWindows(drawn, RealWindows(*real, structures, training, seed))


def validation_pairs(drawn: Pair, real: Pair | None, training: Training) -> list[Pair]:
    """Whose validation clips choose epoch and threshold: the drawn ones, the real ones, or both."""
    pairs = [] if real is not None and training.real_share == 1 else [drawn]
    real_ones = real is not None and (not pairs or any(entry.split == "validation" for entry in real[0].entries))
    return [*pairs, real] if real is not None and real_ones else pairs


def validation(pairs: Sequence[Pair], structures: tuple[str, ...], training: Training) -> Epoch:
    """The middle window of every validation clip of `pairs`, in every epoch; InputError where they do not fit."""
    length = training.window
    batches = []
    for clips, labels in pairs:
        entries = check_windows(clips, labels, structures, length, "validation")
        windows = middle_windows(entries, length)
        batches.append(Batches(clips, labels, structures, training.size, windows, training.batch))
    return Chained(tuple(batches))


@dataclass(frozen=True)
class RealWindows:
    """Windows of a store's split `train` at random starts, in an order that shows every clip before any comes again.

    A function of the seed and of a window's place in the whole training alone. InputError where the stores cannot
    teach `structures`.
    """

    clips: Store
    labels: Store
    structures: tuple[str, ...]
    training: Training
    seed: int

    def __post_init__(self) -> None:
        check_windows(self.clips, self.labels, self.structures, self.training.window, "train")

    def part(self, epoch: int, batches: int, rank: int = 0, world: int = 1) -> Batches:
        """The windows of an epoch of that many batches, or `rank`'s part of each: see `Source`."""
        training, seed, each = self.training, self.seed, self.training.real_windows
        first = epoch * batches * each
        windows = [
            replace(
                window,
                order=order(training, seed, epoch, FIRST_ORDER + k),
                look=look_of(training, seed, epoch, FIRST_ORDER + k),
            )
            for k, window in enumerate(self._windows(first, batches * each))
        ]
        check_shares(each, len(windows), world)
        part = windows[rank::world]
        return Batches(self.clips, self.labels, self.structures, training.size, part, each // world)

    def _windows(self, first: int, count: int) -> list[Window]:
        """The windows `first` to `first + count` of an endless row, in which each pass shows every clip once."""
        entries, length = self.clips.split("train"), self.training.window
        start, stop = first // len(entries), -(-(first + count) // len(entries))
        passes = [self._pass(number, length) for number in range(start, stop)]
        skipped = first - start * len(entries)
        return list(chain(*passes))[skipped : skipped + count]

    def _pass(self, number: int, length: int) -> list[Window]:
        entries = self.clips.split("train")
        generator = np.random.default_rng((self.seed, number, 0, 2))  # 2: apart from drawn windows and from `order`
        starts = [int(generator.integers(entry.frames - length + 1)) for entry in entries]
        return [Window(entries[k].name, starts[k], length) for k in generator.permutation(len(entries))]


@dataclass(frozen=True)
class MixedWindows:
    """The source whose batches are those of `drawn`, and windows of `real` after them."""

    drawn: Source
    real: RealWindows

    def epoch(self, number: int, rank: int = 0, world: int = 1) -> "MixedEpoch":
        """The batches of epoch `number`, as many as `drawn` has, or `rank`'s part of each: see `Source`."""
        drawn = self.drawn.epoch(number, rank, world)
        return MixedEpoch(drawn, self.real.part(number, len(drawn), rank, world))


@dataclass(frozen=True)
class MixedEpoch:
    """Two epochs of equally many batches, joined batch by batch."""

    first: Epoch
    second: Epoch

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[Batch]:
        return (joined(*both) for both in zip(self.first, self.second, strict=True))


@dataclass(frozen=True)
class Chained:
    """The batches of several epochs, one epoch after the other."""

    epochs: tuple[Epoch, ...]

    def __len__(self) -> int:
        return sum(len(epoch) for epoch in self.epochs)

    def __iter__(self) -> Iterator[Batch]:
        return chain(*self.epochs)


def joined(first: Batch, second: Batch) -> Batch:
    """The windows of two batches as one; where one of them does not say what is known, all of it is."""
    parts = [*zip(first[:2], second[:2], strict=True)]
    if len(first) > 2 or len(second) > 2:
        parts.append((_known(first), _known(second)))
    return tuple(torch.cat(part) for part in parts)


def _known(batch: Batch) -> torch.Tensor:
    """Which structures of each window are known, (batch, structure) bool."""
    masks = batch[1]
    return batch[2] if len(batch) > 2 else torch.ones(len(masks), masks.shape[2], dtype=torch.bool)
