"""Who labels the clips, as a value, and all kinds of them: one teacher or several. No torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from echodfkd.clip import Segmenter, check_structures
from echodfkd.errors import InputError, StudyError
from echodfkd.teachers.framed import Input
from echodfkd.teachers.noisy import Noise
from echodfkd.teachers.recorded import Recorded, RecordedTeacher

FUSION = "fusion"
"""The kind that is several teachers together."""


@dataclass(frozen=True)
class Teacher:
    """Who labels the clips: the simulator's own truth, somebody's masks, a network, or several of these together."""

    kind: str = "truth"
    """One of KINDS, or `fusion` of several."""
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
        if self.kind not in (*KINDS, FUSION):
            raise StudyError(f"teacher.kind must be one of {', '.join((*KINDS, FUSION))}, got {self.kind!r}.")
        given = tuple(key for key in ("path", "name") if getattr(self, key) is not None)
        if given not in (((),) if self.kind == FUSION else KINDS[self.kind].places):
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
        if self.kind == FUSION and not self.of:
            raise StudyError("kind = 'fusion' needs its teachers: [[teacher.of]], once for each.")
        if self.kind != FUSION and self.fusion != "mean":
            raise StudyError(f"teacher.fusion goes with kind = 'fusion', got kind = '{self.kind}'.")
        if self.kind == FUSION and (self.structures or self.threshold is not None):
            raise StudyError(
                "Structures and thresholds are each teacher's own in a fusion: say them in [[teacher.of]]."
            )
        if any(one.kind == FUSION for one in self.of):
            raise StudyError("A fusion is of teachers, not of fusions.")
        if self.fusion != "weighted" and any(one.weight != 1 for one in self.of):
            raise StudyError(f"Weights are read by fusion = 'weighted', got fusion = '{self.fusion}'.")

    def each(self) -> Iterator["Teacher"]:
        """It, and every teacher in it."""
        yield self
        for one in self.of:
            yield from one.each()

    @property
    def place(self) -> Path:
        """Where its file or folder lies; InputError where there is none, or nothing here has its name."""
        if (place := self.folder) is None:
            raise InputError(f"The teacher '{self.kind}' needs its place: teacher.path or teacher.name.")
        return place

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


Builder = Callable[[Teacher, Recorded, Sequence[str]], Segmenter]


@dataclass(frozen=True)
class Kind:
    """What a kind of teacher is."""

    build: Builder
    """Makes one of its settings, the clips to be labelled and the structures asked for; it may know others."""
    places: tuple[tuple[str, ...], ...]
    """Which of `teacher.path` and `teacher.name` say where it is found, in each way."""
    words: str
    """What a student's card says of it. `{content}` is what its table holds under its kind, `{digest}` the start."""


def truth(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """The masks that were known when the clips were made: the simulator's truth."""
    return RecordedTeacher(clips.masks, clips.structures, clips.known)


def _archive(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Somebody's outputs, whose channels are `structures` where neither they nor the study say."""
    from echodfkd.teachers.archive import MaskArchive
    from echodfkd.teachers.manifest import MANIFEST

    channels = teacher.structures or (() if (teacher.place / MANIFEST).is_file() else structures)
    return MaskArchive(teacher.place, channels, teacher.partial)


def _model(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """A model of ours. A frame-wise one takes frames in batches, unless it must do without torch."""
    from echodfkd.student.card import read_card
    from echodfkd.student.student import load_student

    if read_card(teacher.place).network.remembers or find_spec("torch") is None:
        return load_student(teacher.place)
    from echodfkd.teachers.unet import UNetTeacher

    return UNetTeacher(teacher.place)


def _deeplab(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """EchoNet-Dynamic's own network."""
    from echodfkd.teachers.deeplab import DeepLab

    return DeepLab(teacher.place)


def _onnx(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Anybody's graph."""
    from echodfkd.teachers.onnx import OnnxTeacher

    return OnnxTeacher(teacher.place, teacher.structures, teacher.input or Input())


def _python(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Anybody's class."""
    from echodfkd.teachers.python import PythonTeacher

    return PythonTeacher(teacher.name or "", teacher.path)


KINDS: dict[str, Kind] = {
    "truth": Kind(truth, ((),), "the simulator's own truth: no patient's frame, and no weight that saw one"),
    "archive": Kind(
        _archive, (("path",),), "an archive of masks ({digest}): no patient's frame; its owner knows what drew them"
    ),
    "model": Kind(
        _model,
        (("path",), ("name",)),
        "the masks of another model (weights {digest}): no patient's frame; see that model's card",
    ),
    "deeplab": Kind(
        _deeplab,
        (("path",), ("name",)),
        "EchoNet-Dynamic's DeepLabv3 ({digest}), which learned from that data set's patients",
    ),
    "onnx": Kind(_onnx, (("path",),), "a graph ({digest}): its owner knows what it learned from"),
    "python": Kind(_python, (("name",), ("path", "name")), "the class {content}: its owner knows what it learned from"),
}
"""The known teachers by their kind in a study; a fusion is made of these. A new one is a file and its line here."""
