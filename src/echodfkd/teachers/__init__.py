"""Segment clips with what others know: every teacher is a Segmenter; a student sees nothing of it but its masks."""

from collections.abc import Sequence

from echodfkd.clip import Segmenter
from echodfkd.teachers.archive import MaskArchive
from echodfkd.teachers.blend import Blend
from echodfkd.teachers.chosen import Chosen
from echodfkd.teachers.framed import Input
from echodfkd.teachers.fusion import Fusion, Heard, Member
from echodfkd.teachers.known import known
from echodfkd.teachers.noisy import Noise, Noisy
from echodfkd.teachers.recorded import Recorded, RecordedTeacher
from echodfkd.teachers.settings import FUSION, KINDS, Teacher, truth

__all__ = ["Input", "MaskArchive", "Noise", "RecordedTeacher", "Teacher", "known", "load_teacher"]


def load_teacher(teacher: Teacher, clips: Recorded, structures: Sequence[str], heard: Heard | None = None) -> Segmenter:
    """The teacher that the settings describe, for `clips`, with the wanted structures as channels.

    `teachers.known` tells which of them it knows in a clip. `heard` is called with what each of several says of a clip.
    InputError where one of the structures is never taught.
    """
    made: Segmenter
    if teacher.kind == FUSION:
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
    made = KINDS[teacher.kind].build(teacher, clips, structures)
    return Chosen(made, teacher.structures or tuple(made.structures), teacher.threshold)


def _finished(made: Segmenter, teacher: Teacher, clips: Recorded) -> Segmenter:
    """With the share of the truth and the noise that the settings ask for."""
    if teacher.truth:
        made = Blend(made, Chosen(truth(teacher, clips, ()), made.structures), teacher.truth)
    return Noisy(made, teacher.noise) if teacher.noise else made
