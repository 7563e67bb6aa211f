import numpy as np
import pytest

from echodfkd.clip import STRUCTURES, Clip, to_bytes
from echodfkd.errors import InputError, StudyError
from echodfkd.files import sha256
from echodfkd.report.model_card import teacher_words
from echodfkd.study.settings import study_from
from echodfkd.teachers import Teacher, load_teacher
from echodfkd.teachers.archive import write_masks
from echodfkd.teachers.provenance import teacher_table
from echodfkd.teachers.recorded import RecordedTeacher
from echodfkd.teachers.settings import KINDS, Kind

SPLITS = {name: {"count": 1, "frames": 30} for name in ("train", "validation", "test")}
RNG = np.random.default_rng(8)
CLIP = Clip("a", RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8))
MASKS = RNG.integers(0, 256, (3, 5, 4, 5), dtype=np.uint8)


class Clips:
    """What a teacher needs of a store."""

    structures = STRUCTURES

    def masks(self, name):
        return {"a": MASKS}[name]

    def known(self, name):
        return self.structures


def test_the_truth_is_the_clips_own_masks():
    np.testing.assert_array_equal(to_bytes(load_teacher(Teacher(), Clips(), ("lv",))(CLIP)), MASKS[:, :1])


def test_an_archive_is_a_folder_of_masks(tmp_path):
    write_masks(tmp_path / "a.seg.npz", MASKS[:, 0])
    teacher = load_teacher(Teacher("archive", tmp_path), Clips(), ("lv",))
    np.testing.assert_array_equal(to_bytes(teacher(CLIP)), MASKS[:, :1])


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"truth"}))
def test_a_teacher_without_a_place_is_refused(kind):
    with pytest.raises(StudyError, match=r"teacher\.path"):
        Teacher(kind)


def test_a_kind_that_nobody_knows_is_refused_with_those_that_are():
    with pytest.raises(StudyError, match=r"truth, archive, .*'wishes'"):
        Teacher("wishes")


def test_a_new_kind_of_teacher_is_its_line_among_the_kinds(monkeypatch, tmp_path):
    """It is read from a study, teaches, and has its words in a student's card."""
    inverted = RecordedTeacher({"a": 255 - MASKS}.get, STRUCTURES)
    monkeypatch.setitem(KINDS, "wishes", Kind(lambda *_: inverted, (("path",),), "wishes ({digest})"))
    (tmp_path / "w").write_text("more light")
    teacher = study_from({"name": "x", "clips": SPLITS, "teacher": {"kind": "wishes", "path": f"{tmp_path}/w"}}).teacher
    np.testing.assert_array_equal(to_bytes(load_teacher(teacher, Clips(), ("lv",))(CLIP)), 255 - MASKS[:, :1])
    table = teacher_table(teacher, ("lv",))
    assert table["wishes"] == sha256(tmp_path / "w")
    assert teacher_words(table) == f"wishes ({table['wishes'][:16]})."


def test_a_structure_that_is_never_taught_is_refused():
    with pytest.raises(InputError, match="lv, but not la"):
        load_teacher(Teacher(structures=("lv",)), Clips(), ("lv", "la"))
