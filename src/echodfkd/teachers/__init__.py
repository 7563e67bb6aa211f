"""Segment clips with what others know: every teacher is a Segmenter; a student sees nothing of it but its masks."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Segmenter
from echodfkd.errors import InputError
from echodfkd.student.card import read_card
from echodfkd.student.student import load_student
from echodfkd.teachers.archive import MaskArchive
from echodfkd.teachers.blend import Blend
from echodfkd.teachers.chosen import Chosen
from echodfkd.teachers.fusion import Fusion, Heard, Member
from echodfkd.teachers.known import known
from echodfkd.teachers.manifest import MANIFEST
from echodfkd.teachers.noisy import Noisy
from echodfkd.teachers.recorded import RecordedTeacher
from echodfkd.teachers.settings import Input, Noise, Teacher

__all__ = ["TEACHERS", "Input", "MaskArchive", "Noise", "RecordedTeacher", "Teacher", "known", "load_teacher"]


class Recorded(Protocol):
    """Where clips' own masks are: a store, by what a teacher needs of it."""

    structures: tuple[str, ...]

    def masks(self, name: str) -> NDArray[np.uint8]:
        """Masks of a clip, uint8 (time, structure, height, width), 255 p."""

    def known(self, name: str) -> tuple[str, ...]:
        """Which of `structures` those masks tell of."""


Builder = Callable[[Teacher, Recorded, Sequence[str]], Segmenter]


def _truth(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """The masks that were known when the clips were made: the simulator's truth."""
    return RecordedTeacher(clips.masks, clips.structures, clips.known)


def _archive(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Somebody's outputs, whose channels are `structures` where neither they nor the study say."""
    folder = _folder(teacher)
    channels = teacher.structures or (() if (folder / MANIFEST).is_file() else structures)
    return MaskArchive(folder, channels, teacher.partial)


def _model(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """A model of ours. A frame-wise one takes frames in batches, unless it must do without torch."""
    folder = _folder(teacher)
    if read_card(folder).network.remembers or find_spec("torch") is None:
        return load_student(folder)
    from echodfkd.teachers.unet import UNetTeacher

    return UNetTeacher(folder)


def _deeplab(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """EchoNet-Dynamic's own network."""
    from echodfkd.teachers.deeplab import DeepLab

    return DeepLab(_folder(teacher))


def _onnx(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Anybody's graph."""
    from echodfkd.teachers.onnx import OnnxTeacher

    return OnnxTeacher(_folder(teacher), teacher.structures, teacher.input or Input())


def _python(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Anybody's class."""
    from echodfkd.teachers.python import PythonTeacher

    return PythonTeacher(teacher.name or "", teacher.path)


TEACHERS: dict[str, Builder] = {
    "truth": _truth,
    "archive": _archive,
    "model": _model,
    "deeplab": _deeplab,
    "onnx": _onnx,
    "python": _python,
}
"""The known teachers by their kind in a study; each is made from its settings, the clips to be labelled, and the
structures that are asked for, and may know others. A fusion is made of these."""


def load_teacher(teacher: Teacher, clips: Recorded, structures: Sequence[str], heard: Heard | None = None) -> Segmenter:
    """The teacher that the settings describe, for `clips`, with the wanted structures as channels.

    `teachers.known` tells which of them it knows in a clip. `heard` is called with what each of several says of a clip.
    InputError where one of the structures is never taught.
    """
    made: Segmenter
    if teacher.kind == "fusion":
        made = Fusion(_members(teacher, clips, structures), structures, teacher.fusion, heard)
    else:
        made = Chosen(_one(teacher, clips, structures), structures)
    return _finished(made, teacher, clips)


def _members(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> list[Member]:
    """The several teachers, each with those of the wanted structures that it teaches; who teaches none is left out."""
    members = []
    for number, one in enumerate(teacher.of, start=1):
        known_to_it = _one(one, clips, structures)
        wanted = [name for name in structures if name in known_to_it.structures]
        if wanted:
            made = _finished(Chosen(known_to_it, wanted), one, clips)
            members.append(Member(f"{number} {one.kind}", made, one.weight))
    return members


def _one(teacher: Teacher, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """One teacher with all that it teaches, at its threshold."""
    made = TEACHERS[teacher.kind](teacher, clips, structures)
    return Chosen(made, teacher.structures or tuple(made.structures), teacher.threshold)


def _finished(made: Segmenter, teacher: Teacher, clips: Recorded) -> Segmenter:
    """With the share of the truth and the noise that the settings ask for."""
    if teacher.truth:
        made = Blend(made, Chosen(_truth(teacher, clips, ()), made.structures), teacher.truth)
    return Noisy(made, teacher.noise) if teacher.noise else made


def _folder(teacher: Teacher) -> Path:
    """Where the teacher lies; InputError where the settings name no place."""
    folder = teacher.folder
    if folder is None:
        raise InputError(f"The teacher '{teacher.kind}' needs its place: teacher.path or teacher.name.")
    return folder
