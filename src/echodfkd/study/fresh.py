"""Training clips drawn and labelled while a student learns: no window is ever seen twice, and no disk holds one."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from echodfkd.clip import WORKING_SIZE, Clip, Segmenter, to_bytes
from echodfkd.distill.windows import Batch, batch_of, check_shares, example, look_of, order, with_known
from echodfkd.engine import WORKER_ENDED, begin, block_interrupts, cores
from echodfkd.errors import MissingExtra, OutputError
from echodfkd.study.settings import Study
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import draw_recipe
from echodfkd.teachers import known, load_teacher

FIRST_NUMBER = 3_000_000
"""Fresh clips are numbered from here on, beyond every clip that a store holds."""

AHEAD = 4
"""Batches that each worker draws ahead of the training."""

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class FreshBatches(Dataset[Arrays]):
    """All batches of a study's training, the first epoch's first: frames and masks as `distill.windows.Batch`, arrays.

    Batch `k` depends on the study and k alone (and, by a grey level, on the `device` that draws). It can be sent to
    other processes: a teacher is loaded where it is first asked.
    """

    study: Study
    device: str = "cpu"
    rank: int = 0
    world: int = 1
    """Of so many processes that share every batch this one draws the part of `rank`."""

    def __post_init__(self) -> None:
        check_shares(self.study.training.batch, self.study.clips.train.count, self.world)

    @property
    def per_epoch(self) -> int:
        """Batches of one epoch; the last may be smaller."""
        return -(-self.study.clips.train.count // self.study.training.batch)

    def __len__(self) -> int:
        return self.study.training.epochs * self.per_epoch

    def __getitem__(self, index: int) -> Arrays:
        study, (epoch, place) = self.study, divmod(index, self.per_epoch)
        count, training = study.clips.train.count, study.training
        numbers = range(place * training.batch, min((place + 1) * training.batch, count))[self.rank :: self.world]
        clips = self._clips([FIRST_NUMBER + epoch * count + k for k in numbers])
        shown = [(order(training, study.seed, epoch, k), look_of(training, study.seed, epoch, k)) for k in numbers]
        frames, masks = batch_of(
            [
                example(clip.frames, self._masks(clip), training.size, *way)
                for clip, way in zip(clips, shown, strict=True)
            ]
        )
        return with_known(frames, masks, study.student.structures, [known(self._teacher, clip) for clip in clips])

    def _clips(self, numbers: Sequence[int]) -> list[Clip]:
        """The clips of those numbers; their true masks lie in `_drawn` until the next are drawn."""
        study = self.study
        recipes = [draw_recipe(study.conditions, study.seed, n, study.clips.train.frames) for n in numbers]
        made = generate(recipes, WORKING_SIZE, self.device, study.student.structures, annotator=study.clips.annotator)
        names = [f"fresh-{number}" for number in numbers]
        self._drawn.kept = dict(zip(names, made.masks, strict=True))
        return [
            Clip(name, frames, truth.fps) for name, frames, truth in zip(names, made.frames, made.truths, strict=True)
        ]

    def _masks(self, clip: Clip) -> NDArray[np.uint8]:
        """The teacher's masks of a clip just drawn, (time, structure, height, width) uint8, 255 p."""
        return to_bytes(self._teacher(clip))

    @cached_property
    def _drawn(self) -> "_Drawn":
        return _Drawn(self.study.student.structures)

    @cached_property
    def _teacher(self) -> Segmenter:
        return load_teacher(self.study.teacher, self._drawn, self.study.student.structures)


def check_teacher(study: Study) -> None:
    """Loads the study's teacher: what is wrong with it is raised before hours are spent."""
    load_teacher(study.teacher, _Drawn(study.clips.structures), study.student.structures)
    if study.cohort is not None and study.cohort.fusion == "staple" and find_spec("SimpleITK") is None:
        raise MissingExtra("cohort.fusion = 'staple'", "teachers")


class _Drawn:
    """The true masks of the clips that were drawn last: what a store is to a teacher."""

    def __init__(self, structures: tuple[str, ...]):
        self.structures = structures
        self.kept: dict[str, NDArray[np.uint8]] = {}

    def masks(self, name: str) -> NDArray[np.uint8]:
        """True masks of a clip, uint8 (time, structure, height, width), 255 p."""
        return self.kept[name]

    def known(self, name: str) -> tuple[str, ...]:
        """All: everything of a drawn clip is known."""
        return self.structures


class FreshWindows:
    """The source of a study with `clips.fresh`: batches drawn by `workers` processes beside the training, in order.

    They go on drawing ahead from epoch to epoch, during validation too, until `close` or the end of this process, even
    when it is killed. None takes half the processors: drawing is faster than learning, a large teacher may not be. With
    no workers this process draws; so it does where there is a GPU, on which it draws far faster. What is drawn does not
    depend on the workers. As a context it ends them, and raises OutputError where one was ended from outside.
    """

    def __init__(self, study: Study, workers: int | None = None):
        gpu = torch.cuda.is_available()
        self.batches = FreshBatches(study, "cuda" if gpu else "cpu")
        self.workers = 0 if gpu else max(1, cores() // 2) if workers is None else workers
        self._coming: Generator[Batch] | None = None
        self._next = 0

    def epoch(self, number: int, rank: int = 0, world: int = 1) -> "FreshEpoch":
        """The batches of epoch `number`, or `rank`'s part of each, drawn when they are asked for: see `Source`."""
        if (rank, world) != (self.batches.rank, self.batches.world):
            self.close()
            self.batches = replace(self.batches, rank=rank, world=world)
        return FreshEpoch(self, number * self.batches.per_epoch, self.batches.per_epoch)

    def batch(self, index: int) -> Batch:
        """Batch `index` of the training; asked for in their order, the batches are there already."""
        if self._coming is None or index != self._next:
            self.close()
            self._coming = self._from(index)
        self._next = index + 1
        return next(self._coming)

    def close(self) -> None:
        """Ends the workers."""
        if self._coming is not None:
            self._coming.close()
        self._coming = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()
        if isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker"):  # wherever it was heard of
            raise OutputError(WORKER_ENDED) from None

    def _from(self, index: int) -> Generator[Batch]:
        """The batches from `index` on to the end of the training."""
        processes = self.workers > 0
        loader = DataLoader(
            self.batches,
            batch_size=None,
            sampler=range(index, len(self.batches)),
            num_workers=self.workers,
            collate_fn=_as_it_is,
            multiprocessing_context="spawn" if processes else None,  # a forked copy of a process with threads can hang
            prefetch_factor=AHEAD if processes else None,
            worker_init_fn=partial(_begin, os.getpid()),
            generator=torch.Generator(),
        )
        with block_interrupts():
            arrays = iter(loader)
        for batch in arrays:
            yield tuple(torch.from_numpy(array) for array in batch)


@dataclass(frozen=True)
class FreshEpoch:
    """`count` batches of `source` from `first` on."""

    source: FreshWindows
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        return (self.source.batch(self.first + k) for k in range(self.count))


def _begin(parent: int, _: int) -> None:
    """What every worker does first."""
    begin(parent)


def _as_it_is(arrays: Any) -> Any:
    """Batches travel as arrays, through a pipe: shared memory, as tensors take, is small in many containers."""
    return arrays
