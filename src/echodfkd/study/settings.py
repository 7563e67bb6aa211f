"""A study: the settings of every stage, and the table that holds them, read with every fault told at once."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from echodfkd.clip import STRUCTURES, WORKING_SIZE, check_structures
from echodfkd.data.settings import Data
from echodfkd.distill.settings import Training
from echodfkd.errors import StudyError
from echodfkd.parsed import fault
from echodfkd.student.settings import FramewiseSettings, NetworkSettings, flops_per_frame, shape_class
from echodfkd.study.cohort import Cohort
from echodfkd.study.search import Search
from echodfkd.synthetic.recipe import Conditions
from echodfkd.teachers.settings import Teacher

MOST_CLIPS = 1_000_000
"""Kept in a split: so many numbers lie between those of one split and those of the next."""


@dataclass(frozen=True)
class Split:
    """How many synthetic clips a split holds and how long they are."""

    count: int
    """Clips."""
    frames: int
    """Frames of each clip."""

    def __post_init__(self) -> None:
        if self.count < 0 or self.frames < 1:
            raise StudyError(f"A split needs at least one clip of one frame, got {self.count} of {self.frames}.")


@dataclass(frozen=True)
class Clips:
    """The synthetic clips: their splits and the size of the store's shards."""

    train: Split
    """With `fresh`, the clips of one epoch, each exactly `training.window` frames long; a count of 0 where all
    that is trained on is real."""
    validation: Split
    test: Split
    shard: int = 16
    """Clips in one shard of the store, rendered together."""
    structures: tuple[str, ...] = STRUCTURES
    """Whose true masks are kept; the disk pays for each."""
    annotator: Literal["anatomical", "traced"] = "anatomical"
    """How the true masks trace the left ventricle: its endocardium, or as humans trace it in echo data sets."""
    fresh: bool = False
    """Training clips are drawn and labelled anew for every epoch, while the student learns, and kept nowhere."""

    def __post_init__(self) -> None:
        check_structures(self.structures)
        if self.shard < 1:
            raise StudyError(f"clips.shard must be at least 1, got {self.shard}.")


def _tag(student: Any) -> str:
    """Which settings read a `student`, a table of them or the value made from one."""
    kind = student.get("kind") if isinstance(student, dict) else getattr(student, "kind", None)
    return "recurrent" if kind is None else "framewise"


Student = Annotated[
    Annotated[NetworkSettings, Tag("recurrent")] | Annotated[FramewiseSettings, Tag("framewise")], Discriminator(_tag)
]
"""A student's shape: recurrent, unless its table has a `kind`."""


@dataclass(frozen=True)
class Sizes:
    """A grid of students, each taught and judged alike: every number of layers with every number of blocks.

    The cheapest come first, so that a run that is stopped leaves as many as its time allowed.
    """

    blocks: tuple[int, ...] = (1, 2, 3, 4)
    """In place of `student.blocks`."""
    layers: tuple[int, ...] = (1, 2, 3, 4)
    """In place of `student.layers`."""

    def __post_init__(self) -> None:
        for name in ("blocks", "layers"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise StudyError(f"sizes.{name} must be different numbers, at least one, got {list(values)}.")


@dataclass(frozen=True)
class Scoring:
    """How the student's masks are judged."""

    resamples: int = 2000
    """Bootstrap resamples behind each interval."""
    robustness: bool = True
    """Whether the student is run again on clips made worse, and on first frames without its warm-up."""

    def __post_init__(self) -> None:
        if self.resamples < 100:
            raise StudyError(f"scoring.resamples must be at least 100 for an interval, got {self.resamples}.")


@dataclass(frozen=True)
class LabelFree:
    """Judging without labels: the student among others of known order, and what each kind of evidence is worth."""

    judge: str | None = None
    """The image-text model: `standin`, `echoclip`, `hf-hub:OWNER/MODEL` or `local-dir:FOLDER`; none with ""."""
    everything: bool = False
    """Whether evidence that does not follow true Dice on real hearts is shown as well."""
    rivals: tuple[str, ...] = ()
    """Models to compare the student with, by bundled name or folder."""
    snapshots: tuple[int, ...] = ()
    """Epochs, counted from 1, after which the student is kept as it then is, to be compared with the finished one."""
    clips: int = 16
    """Test clips that are judged, the first ones."""
    atlases: int = 48
    """Simulated images for the reverse classification; 0 leaves it out."""

    def __post_init__(self) -> None:
        if self.clips < 1 or self.atlases < 0:
            raise StudyError(f"label_free needs clips and no negative atlases, got {self.clips} and {self.atlases}.")
        if any(epoch < 1 for epoch in self.snapshots):
            raise StudyError(f"label_free.snapshots are epochs counted from 1, got {list(self.snapshots)}.")
        names = [Path(model).name for model in self.rivals]
        if len(set(names)) < len(names):
            raise StudyError(f"label_free.rivals need names that differ, got {', '.join(names)}.")


@dataclass(frozen=True)
class Study:
    """One study, whole: who, on what clips, taught by whom, how, and how it is judged."""

    name: str
    clips: Clips
    seed: int = 0
    conditions: Conditions = field(default_factory=Conditions)
    teacher: Teacher = field(default_factory=Teacher)
    student: Student = field(default_factory=NetworkSettings)
    training: Training = field(default_factory=Training)
    scoring: Scoring = field(default_factory=Scoring)
    data: tuple[Data, ...] = ()
    """Data sets whose clips are taught on, by `training.real_share`, beside drawn ones or in their place."""
    sizes: Sizes | None = None
    """A grid of students in place of the one; what `student` says besides blocks and layers holds for all."""
    label_free: LabelFree | None = None
    """Whether and how the student is judged without labels too."""
    cohort: Cohort | None = None
    """Students that the teacher teaches first, and that then teach the student together in its place."""
    search: Search | None = None
    """What `echodfkd search` may set which dials to; each trial is this study with its dials set."""
    hindsight: bool = False
    """Whether the student's card asks for a second pass from a clip's end. Its threshold is chosen, and it is judged,
    the way it will be used; `training.backwards` teaches it to walk that way, which asks for nothing."""
    hindsight_zoom: float = 1.0
    """Zoom of that second pass, 0.5 to 2: see `student.card.Card`."""

    def __post_init__(self) -> None:
        faults = []
        if self.seed < 0:
            faults.append(f"seed must be 0 or more, got {self.seed}")
        window, drawn = self.training.window, self.clips.train.frames
        if self.clips.fresh and drawn != window:
            faults.append(
                f"with clips.fresh a training clip is one window: clips.train.frames ({drawn}) must be training.window "
                f"({window})"
            )
        faults += self._counted() + self._mixed() + self._together()
        if self.teacher.weight != 1:
            faults.append(f"teacher.weight is what one of several counts: [[teacher.of]], got {self.teacher.weight}")
        if self.clips.fresh and any(teacher.kind == "archive" for teacher in self.teacher.each()):
            faults.append("with clips.fresh the teacher must see every new clip, which an archive of masks cannot")
        for split in ("validation",) if self.clips.fresh else ("train", "validation"):
            frames = getattr(self.clips, split).frames
            if frames < self.training.window:
                faults.append(
                    f"clips.{split}.frames ({frames}) is shorter than training.window ({self.training.window})"
                )
        lacking = [name for name in self.student.structures if name not in self.clips.structures]
        if self.teacher.kind == "truth" and lacking:
            faults.append(f"student.structures has {', '.join(lacking)}, which clips.structures does not keep")
        if "lv" not in self.student.structures:
            faults.append(
                f"student.structures must hold lv, which is what is scored, got {list(self.student.structures)}"
            )
        if self.hindsight and not self.student.remembers:
            faults.append(f"hindsight is for students with a memory, {self.student.name} has none")
        if not 0.5 <= self.hindsight_zoom <= 2 or (self.hindsight_zoom != 1 and not self.hindsight):
            faults.append(f"hindsight_zoom lies between 0.5 and 2 and goes with hindsight, got {self.hindsight_zoom:g}")
        deepest = max(self.shapes, key=lambda shape: shape.divisor)
        step = deepest.divisor
        if self.training.size % step:
            faults.append(f"training.size ({self.training.size}) must be a multiple of {step} for {deepest.name}")
        if self.sizes is not None and self.training.start is not None:
            faults.append("training.start has the weights of one shape, [sizes] asks for several")
        if self.label_free is not None and self.label_free.snapshots and self.training.start_share:
            faults.append("label_free.snapshots are students as they were taught: training.start_share must be 0")
        if self.label_free is not None and max(self.label_free.snapshots, default=0) > self.training.epochs:
            faults.append(
                f"label_free.snapshots go beyond training.epochs ({self.training.epochs}): "
                f"{max(self.label_free.snapshots)}"
            )
        if self.training.size > WORKING_SIZE:
            faults.append(f"training.size ({self.training.size}) is larger than the clips' {WORKING_SIZE}")
        if faults:
            raise StudyError("Settings contradict each other: " + "; ".join(faults) + ".")
        if self.search is not None and (faults := self._searched(self.search)):
            raise StudyError("; ".join(faults) + ".")

    @property
    def shapes(self) -> tuple[Student, ...]:
        """The one student to teach, or those of the grid by FLOPs. StudyError where one of these cannot be."""
        if self.sizes is None:
            return (self.student,)
        if not isinstance(self.student, NetworkSettings):
            raise StudyError(f"[sizes] is a grid of recurrent students, {self.student.name} is none.")
        grid = product(self.sizes.blocks, self.sizes.layers)
        shapes = [replace(self.student, blocks=blocks, layers=layers) for blocks, layers in grid]
        return tuple(sorted(shapes, key=flops_per_frame))

    @property
    def alone(self) -> "tuple[Study, ...]":
        """The same study of each of its students alone."""
        return tuple(replace(self, student=shape, sizes=None) for shape in self.shapes)

    @property
    def members(self) -> "dict[str, Study]":
        """The studies of the cohort's students by name; StudyError where one cannot be."""
        assert self.cohort is not None and isinstance(self.student, NetworkSettings)
        shapes = product(self.cohort.blocks or (self.student.blocks,), self.cohort.layers or (self.student.layers,))
        found = {}
        for (blocks, layers), seed in product(shapes, self.cohort.seeds):
            shape = replace(self.student, blocks=blocks, layers=layers)
            training = replace(self.training, doubted=1.0)  # one teacher does not disagree
            member = replace(self, student=shape, seed=seed, training=training, cohort=None, label_free=None)
            found[f"{shape.name}-{seed}"] = member
        return found

    def taught_by(self, folder: Path) -> "Study":
        """The study of the student whose teacher is the cohort: its students lie in `folder`."""
        assert self.cohort is not None
        of = tuple(Teacher("model", path=folder / name / "student") for name in self.members)
        return replace(self, teacher=Teacher("fusion", of=of, fusion=self.cohort.fusion), cohort=None)

    @property
    def drawn_alone(self) -> "Study":
        """The same study of the drawn windows of every batch, without the real ones."""
        return replace(self, data=(), training=self.training.drawn_alone)

    def _counted(self) -> list[str]:
        """What is wrong with the numbers of drawn clips."""
        faults, all_real = [], self.training.real_share == 1
        for name in ("train", "validation", "test"):
            count, frames = getattr(self.clips, name).count, getattr(self.clips, name).frames
            if not count and not (name == "train" and all_real):
                faults.append(f"clips.{name} needs at least one clip of one frame, got {count} of {frames}")
            if count > MOST_CLIPS and not (name == "train" and self.clips.fresh):
                faults.append(f"clips.{name} keeps at most {MOST_CLIPS:,} clips, got {count:,}: take clips.fresh")
        if self.clips.train.count and all_real:
            faults.append(
                "with training.real_share = 1 no drawn clip is trained on: clips.train.count must be 0, "
                f"got {self.clips.train.count}"
            )
        if self.clips.fresh and all_real:
            faults.append("clips.fresh draws clips to train on, training.real_share = 1 wants none")
        return faults

    def _together(self) -> list[str]:
        """What is wrong with a cohort of teachers, or with a choice of clips on which teachers disagree."""
        faults = []
        if self.training.doubted < 1 and self.clips.fresh:
            faults.append("training.doubted chooses among kept clips, clips.fresh keeps none")
        if self.cohort is None:
            return faults
        if self.sizes is not None or self.search is not None or self.data:
            faults.append("[cohort] goes without [sizes], [search] and [[data]]")
        if not self.student.remembers or self.training.start is not None:
            faults.append("[cohort] is of recurrent students that start anew: no student.kind, no training.start")
        return faults

    def _searched(self, search: Search) -> list[str]:
        """What is wrong with a search for dials."""
        faults = list(search.faults(study_table(replace(self, search=None))))
        if self.sizes is not None:
            faults.append("[sizes] and [search] do not go together: search over student.blocks and student.layers")
        if self.data:
            faults.append("a search teaches on drawn clips: [search] goes without [[data]]")
        if self.training.start is not None:
            faults.append("a search's students begin anew: [search] goes without training.start")
        return faults

    def _mixed(self) -> list[str]:
        """What is wrong with real clips beside drawn ones."""
        faults, share = [], self.training.real_share
        if bool(self.data) != bool(share):
            faults.append(
                f"[[data]] and training.real_share above 0 go together, got {len(self.data)} data sets and {share:g}"
            )
        if self.data and any(one.kind == "truth" or one.truth for one in self.teacher.each()):
            faults.append(
                "the simulator's truth knows no real clip: with [[data]] take another teacher, no teacher.truth"
            )
        if self.data and not any(one.train for one in self.data):
            faults.append("some [[data]] must name splits to train on")
        if share == 1 and not any(one.validation for one in self.data):
            faults.append("with training.real_share = 1 some [[data]] must name splits for validation")
        return faults


def study_from(table: dict[str, Any], source: str = "study") -> Study:
    """The study that a nested `table` describes; StudyError listing every unknown key and every bad value."""
    faults = list(_unknown_keys(table, Study))
    try:
        study: Study = _ADAPTER.validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        faults += [fault(item) for item in error.errors()]
    if faults:
        raise StudyError(f"{source}: " + "; ".join(faults))
    return study


def study_table(study: Study) -> dict[str, Any]:
    """The study as nested JSON-able values, every one of them: what a run keeps.

    `study_from` reads it back; keys that an older table lacks came later, and their defaults say what it meant.
    """
    table: dict[str, Any] = _ADAPTER.dump_python(study, mode="json")
    return table


def _unknown_keys(table: dict[str, Any], kind: type, place: str = "") -> Iterator[str]:
    """A fault for every key that no setting reads, here and in the tables below."""
    known = get_type_hints(kind)
    if "student" in known:
        known["student"] = shape_class(table.get("student"))
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            yield f"unknown key {place}{key}" + (
                f", did you mean {near[0]}?" if near else f" (known: {', '.join(known)})"
            )
            continue
        below = [(f"{place}{key}.", value)]
        if get_origin(known[key]) is dict and isinstance(value, dict):
            below = [(f"{place}{key}.{name}.", item) for name, item in value.items()]
        elif isinstance(value, list):
            below = [(f"{place}{key}.{number}.", item) for number, item in enumerate(value)]
        for settings in (kind for kind in (known[key], *get_args(known[key])) if isinstance(kind, type)):
            for here, item in below:
                if is_dataclass(settings) and isinstance(item, dict):
                    yield from _unknown_keys(item, settings, here)


_ADAPTER: TypeAdapter[Study] = TypeAdapter(Study)
