"""Who labels the clips, as a value: one teacher or several. No torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from echodfkd.clip import WORKING_SIZE, check_structures
from echodfkd.errors import StudyError

PLACES = {
    "truth": ((),),
    "archive": (("path",),),
    "model": (("path",), ("name",)),
    "deeplab": (("path",), ("name",)),
    "onnx": (("path",),),
    "python": (("name",), ("path", "name")),
    "fusion": ((),),
}
"""Which of `path` and `name` say where a teacher of each kind is found."""


@dataclass(frozen=True)
class Input:
    """How grey frames enter somebody's network, and what comes out of it."""

    size: int = WORKING_SIZE
    """Rows and columns of the square it works at."""
    channels: Literal[1, 3] = 1
    """Grey, or the same grey three times."""
    mean: tuple[float, ...] = (0.0,)
    """Taken off the grey levels 0..255, for all channels or for each."""
    std: tuple[float, ...] = (255.0,)
    """What they are then divided by, likewise; 255 gives 0..1, 1 leaves them."""
    output: Literal["logits", "probabilities", "classes", "softmax"] = "logits"
    """One logit or probability (a sigmoid's) per structure and pixel; or of classes, which are the background, then the
    structures, their logits or what a softmax made of them."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise StudyError(f"teacher.input.size must be at least 1 pixel, got {self.size}.")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                given = list(getattr(self, name))
                raise StudyError(f"teacher.input.{name} needs one number, or one for each channel, got {given}.")
        if not all(0 < value < float("inf") for value in self.std):
            raise StudyError(f"teacher.input.std must be above 0, got {list(self.std)}.")


@dataclass(frozen=True)
class Noise:
    """What blurs a teacher's masks before anybody sees them.

    Whoever knows the seed can take the flips back; without it a median over neighbours and frames undoes most of them.
    """

    seed: int
    """Kept out of every archive."""
    temperature: float = 1.0
    """Logits are divided by it: above 1 the masks get softer, below 1 harder."""
    flips: float = 0.0
    """Chance that a pixel near the border changes sides: p becomes 1 - p."""
    border: float = 2.0
    """Pixels from the border, at the clip's own size, up to which they do."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise StudyError(f"teacher.noise.seed must be 0 or more, got {self.seed}.")
        if not 0 < self.temperature < float("inf"):
            raise StudyError(f"teacher.noise.temperature must be above 0, got {self.temperature}.")
        if not 0 <= self.flips <= 0.5:
            raise StudyError(f"teacher.noise.flips is a chance from 0 to 0.5, got {self.flips}.")
        if not 0 < self.border < float("inf"):
            raise StudyError(f"teacher.noise.border must be above 0 pixels, got {self.border}.")


@dataclass(frozen=True)
class Teacher:
    """Who labels the clips: the simulator's own truth, somebody's masks, a network, or several of these together."""

    kind: Literal["truth", "archive", "model", "deeplab", "onnx", "python", "fusion"] = "truth"
    path: Path | None = None
    """An archive's folder of `<clip name>.seg.npz`, a model's of ours, a checkpoint, a graph, or what a Python class is
    made from; relative paths start at the study file."""
    name: str | None = None
    """What is found without a path: a bundled model, a fetched checkpoint, or a class as `module:Class`."""
    truth: float = 0.0
    """Share of the simulator's truth in the masks of any other teacher, 0 to 1."""
    structures: tuple[str, ...] = ()
    """What it teaches; none: all it knows. The channels, in order, of a graph and of an archive without manifest."""
    threshold: float | None = None
    """Probability from which its pixels count as inside where several are compared or vote; none: its own."""
    input: Input | None = None
    """Of a graph: how frames enter it."""
    partial: bool = False
    """Of an archive: it may lack clips. Others then teach these; what nobody teaches stays out of the loss."""
    fusion: Literal["mean", "weighted", "majority", "staple"] = "mean"
    """How several become one where they teach the same structure."""
    of: tuple["Teacher", ...] = ()
    """The several teachers of a fusion."""
    weight: float = 1.0
    """What one of several counts in a weighted mean."""
    noise: Noise | None = None
    """What blurs its masks; none leaves them."""
    about: str = ""
    """What a reader of its masks should know of it; published in an archive."""

    def __post_init__(self) -> None:
        given = tuple(key for key in ("path", "name") if getattr(self, key) is not None)
        if given not in PLACES[self.kind]:
            raise StudyError(
                "teacher.path goes with kind = 'archive' and 'onnx', one of teacher.path and teacher.name with kind = "
                "'model' and 'deeplab', teacher.name with 'python', neither with 'truth' and 'fusion', "
                f"got kind = '{self.kind}', path = {self.path} and name = {self.name}."
            )
        if not 0 <= self.truth <= 1 or (self.truth and self.kind == "truth"):
            raise StudyError(
                "teacher.truth is the share of the truth, 0 to 1, beside another teacher's masks, "
                f"got {self.truth} with kind = '{self.kind}'."
            )
        if self.structures:
            check_structures(self.structures)
        elif self.kind == "onnx":
            raise StudyError("A graph does not name its channels: say teacher.structures with kind = 'onnx'.")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise StudyError(f"teacher.threshold lies between 0 and 1, got {self.threshold}.")
        if not 0 < self.weight < float("inf"):
            raise StudyError(f"teacher.weight must be above 0, got {self.weight}.")
        for name, kind in (("input", "onnx"), ("partial", "archive"), ("of", "fusion")):
            if getattr(self, name) and self.kind != kind:
                raise StudyError(f"teacher.{name} goes with kind = '{kind}', got kind = '{self.kind}'.")
        self._check_several()

    def _check_several(self) -> None:
        """StudyError where what makes one teacher of several contradicts itself."""
        if self.kind == "fusion" and not self.of:
            raise StudyError("kind = 'fusion' needs its teachers: [[teacher.of]], once for each.")
        if self.kind != "fusion" and self.fusion != "mean":
            raise StudyError(f"teacher.fusion goes with kind = 'fusion', got kind = '{self.kind}'.")
        if self.kind == "fusion" and (self.structures or self.threshold is not None):
            raise StudyError(
                "Structures and thresholds are each teacher's own in a fusion: say them in [[teacher.of]]."
            )
        if any(one.kind == "fusion" for one in self.of):
            raise StudyError("A fusion is of teachers, not of fusions.")
        if self.fusion != "weighted" and any(one.weight != 1 for one in self.of):
            raise StudyError(f"Weights are read by fusion = 'weighted', got fusion = '{self.fusion}'.")

    def each(self) -> Iterator["Teacher"]:
        """It, and every teacher in it."""
        yield self
        for one in self.of:
            yield from one.each()

    @property
    def folder(self) -> Path | None:
        """Where its file or folder lies; None where it has none. InputError where nothing here has its name."""
        if self.name is None or self.kind == "python":
            return self.path
        if self.kind == "deeplab":
            from echodfkd.teachers.fetch import find_fetched

            return find_fetched(self.name)
        from echodfkd.student.bundled import find_model

        return find_model(self.name)
