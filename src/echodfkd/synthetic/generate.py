"""Clips and their truth from recipes: a deterministic tensor computation, batched over clips, the same on CPU and GPU.

On the CPU one clip at a time and a few frames at a time stay in the cache; a GPU takes many. A clip's bytes depend
neither on the clips beside it nor on how its time is cut.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echodfkd.clip import STRUCTURES, check_structures
from echodfkd.engine import one_torch_thread
from echodfkd.errors import InputError
from echodfkd.synthetic import acoustics, beat, display, marks, noise, raster, tissue
from echodfkd.synthetic.annotator import ANATOMICAL, labelled
from echodfkd.synthetic.heart import Heart, heart
from echodfkd.synthetic.recipe import ClipRecipe, noise_fields, noise_starts
from echodfkd.synthetic.tensors import dial_tensors

CPU_CHUNK, GPU_CHUNK = (1, 8), (32, 32)
"""Clips and frames that are drawn at once."""


@dataclass(frozen=True)
class Truth:
    """What is known of a clip by construction; the lists have one entry per frame."""

    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    ejection_fraction: float
    """Percent: mean over the beats shown, from the volume curve that drew the clip."""
    heart_rate: float
    """Beats per minute, mean over the beats shown."""
    fps: float
    spacing: float
    """mm per pixel."""
    volume_ml: tuple[float, ...]
    """LV volume by single-plane discs."""
    valve_opening: tuple[float, ...]
    """Of mitral and tricuspid valve, 0 closed .. 1."""

    def to_dict(self) -> dict[str, Any]:
        """The truth as JSON-able numbers."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Rendered:
    """What `generate` returns; arrays lie in the main memory."""

    frames: NDArray[np.uint8]
    """(clip, time, height, width)."""
    masks: NDArray[np.uint8]
    """(clip, time, structure, height, width), 0 or 255."""
    truths: tuple[Truth, ...]


class Stopwatch:
    """Seconds spent per stage; with a device other than the CPU each stage is waited for."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to stage `name`."""
        start = perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


@contextmanager
def _unwatched(name: str) -> Iterator[None]:
    yield


def generate(
    recipes: Sequence[ClipRecipe],
    size: int = 112,
    device: str = "cpu",
    structures: Sequence[str] = STRUCTURES,
    watch: Stopwatch | None = None,
    annotator: str = ANATOMICAL,
) -> Rendered:
    """The clips of `recipes`, all of one length, as size x size frames, with the masks of `structures` by `annotator`.

    Raises InputError where the recipes differ in length, none is given, or the size is below 32.
    """
    names = check_structures(structures)
    if size < 32 or len({recipe.frames for recipe in recipes}) != 1:
        lengths = sorted({recipe.frames for recipe in recipes})
        raise InputError(f"Clips drawn together need one length and a size of 32 or more, got {lengths} and {size}.")
    with one_torch_thread() if device == "cpu" else nullcontext():
        return _drawn(recipes, size, device, names, watch, annotator)


def _drawn(
    recipes: Sequence[ClipRecipe],
    size: int,
    device: str,
    names: tuple[str, ...],
    watch: Stopwatch | None,
    annotator: str,
) -> Rendered:
    """`generate` for checked arguments."""
    times = recipes[0].frames
    frames = np.empty((len(recipes), times, size, size), np.uint8)
    masks = np.empty((len(recipes), times, len(names), size, size), np.uint8)
    truths: list[Truth] = []
    clips, length = CPU_CHUNK if device == "cpu" else GPU_CHUNK
    for first in range(0, len(recipes), clips):
        group = slice(first, first + clips)
        scene = _Scene(recipes[group], size, torch.device(device), watch, annotator)
        for start in range(0, times, length):
            cut = slice(start, min(start + length, times))
            frames[group, cut], masks[group, cut] = scene.draw(cut, names)
        truths.extend(scene.truths)
    return Rendered(frames, masks, tuple(truths))


class _Scene:
    """A few clips made ready to be drawn, some frames at a time."""

    def __init__(
        self,
        recipes: Sequence[ClipRecipe],
        size: int,
        device: torch.device,
        watch: Stopwatch | None,
        annotator: str,
    ) -> None:
        self.recipes, self.size, self.annotator = recipes, size, annotator
        self.stage = watch.stage if watch else _unwatched
        with self.stage("anatomy"):
            cycles = [beat.cycle(recipe.rhythm, recipe.frames) for recipe in recipes]
            hearts = [
                heart(recipe.anatomy, recipe.tracing, cycle) for recipe, cycle in zip(recipes, cycles, strict=True)
            ]
            self.truths = [_truth(r, c, h, size) for r, c, h in zip(recipes, cycles, hearts, strict=True)]
            self.shapes = raster.geometry(hearts, device)
            self.walls = tissue.wall_tables([recipe.tissue for recipe in recipes], hearts, device)
            self.tissue = dial_tensors([recipe.tissue for recipe in recipes], device)
            self.sides = torch.tensor([h.side for h in hearts], dtype=torch.float32, device=device)
        with self.stage("noise and sector"):
            shape = (5, acoustics.ROUGH, acoustics.ROUGH)
            rough = torch.from_numpy(np.stack([noise_fields(recipe, 2, shape) for recipe in recipes])).to(device)
            starts = np.stack([noise_starts(recipe, 0, (4,), noise.LENGTH) for recipe in recipes])
            fresh = np.stack([noise_starts(recipe, 1, (recipe.frames, 2), noise.LENGTH) for recipe in recipes])
            self.fresh = torch.from_numpy(fresh).to(device)
            dials = dial_tensors([recipe.acoustics for recipe in recipes], device)
            self.sector = acoustics.sectors(dials, self.sides, torch.from_numpy(starts).to(device), rough[:, :3], size)
            self.ground = tissue.grounds(self.tissue, rough[:, 3:], size)
            displays = [recipe.display for recipe in recipes]
            self.display = dial_tensors(displays, device)
            self.marks = marks.burnt_in(displays, [recipe.acoustics for recipe in recipes], size).to(device)

    def draw(self, cut: slice, structures: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Frames (clip, time, h, w) and masks (clip, time, structure, h, w) at the frames `cut`."""
        shapes, rest = self.shapes.at(cut.start, cut.stop), self.shapes.at(0, 1)
        with self.stage("raster"):
            where = raster.distances(shapes, self.size)
            masks = raster.masks(where, *labelled(where, self.annotator), self.sector.inside, structures)
        with self.stage("tissue"):
            level = tissue.levels(self.tissue, self.sides, where, shapes, self.walls, self.ground)
        with self.stage("motion"):
            moved = raster.displacement(shapes, rest, where, acoustics.MOTION_STEP)
        with self.stage("acoustics"):
            level = acoustics.to_polar(level, self.sector.to_polar)
            moved = acoustics.to_polar(moved.mul_(1 / acoustics.GRAIN), self.sector.motion_to_polar)
            power = acoustics.power(level, moved, self.sector, self.fresh[:, cut])
        with self.stage("display"):
            frames = display.grey(power, self.display, self.sector, self.marks)
        with self.stage("copy"):
            return _host(frames), _host(masks)


def _host(values: Tensor) -> NDArray[np.uint8]:
    return values.cpu().numpy()


def _truth(recipe: ClipRecipe, cycle: beat.Cycle, shapes: Heart, size: int) -> Truth:
    """The Truth of one clip."""
    return Truth(
        ed_frames=cycle.ed_frames,
        es_frames=cycle.es_frames,
        ejection_fraction=cycle.ejection_fraction,
        heart_rate=cycle.heart_rate,
        fps=recipe.rhythm.fps,
        spacing=shapes.side / size,
        volume_ml=tuple(shapes.volume.tolist()),
        valve_opening=tuple(shapes.opening.tolist()),
    )
