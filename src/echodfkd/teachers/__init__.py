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
from echodfkd.student.segment import load_student
from echodfkd.teachers.archive import MaskArchive
from echodfkd.teachers.blend import Blend
from echodfkd.teachers.chosen import Chosen
from echodfkd.teachers.recorded import RecordedTeacher

__all__ = ["TEACHERS", "MaskArchive", "RecordedTeacher", "load_teacher"]


class Recorded(Protocol):
    """Where clips' own masks are: a store, by what a teacher needs of it."""

    structures: tuple[str, ...]

    def masks(self, name: str) -> NDArray[np.uint8]:
        """Masks of a clip, uint8 (time, structure, height, width), 255 p."""


Builder = Callable[[Path | None, Recorded, Sequence[str]], Segmenter]


def _truth(path: Path | None, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """The masks that were known when the clips were made: the simulator's truth."""
    return RecordedTeacher(clips.masks, structures, clips.structures)


def _archive(path: Path | None, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """Somebody's outputs: the folder `path` of `<clip name>.seg.npz`."""
    if path is None:
        raise InputError("The teacher 'archive' needs the folder of its masks: teacher.path.")
    return MaskArchive(path, structures)


def _model(path: Path | None, clips: Recorded, structures: Sequence[str]) -> Segmenter:
    """A model of ours: the folder `path`. A frame-wise one takes frames in batches, unless it must do without torch."""
    if path is None:
        raise InputError("The teacher 'model' needs the folder of a model: teacher.path or teacher.name.")
    if read_card(path).network.remembers or find_spec("torch") is None:
        return Chosen(load_student(path), structures)
    from echodfkd.teachers.unet import UNetTeacher

    return Chosen(UNetTeacher(path), structures)


TEACHERS: dict[str, Builder] = {"truth": _truth, "archive": _archive, "model": _model}
"""The known teachers by their name in a study; each is made from a folder, the clips to be labelled and structures."""


def load_teacher(
    kind: str, path: Path | None, clips: Recorded, structures: Sequence[str], truth: float = 0.0
) -> Segmenter:
    """The teacher of that name, for `clips`, with the wanted structures as channels. InputError where there is none.

    With `truth`, that share of the clips' own masks is in its masks.
    """
    if kind not in TEACHERS:
        raise InputError(f"The known teachers are {', '.join(TEACHERS)}, got {kind!r}.")
    teacher = TEACHERS[kind](path, clips, structures)
    return Blend(teacher, _truth(None, clips, structures), truth) if truth else teacher
