from typing import get_args, get_type_hints

import numpy as np
import pytest

from echodfkd.clip import STRUCTURES, Clip, to_bytes
from echodfkd.errors import InputError, StudyError
from echodfkd.teachers import TEACHERS, Teacher, load_teacher
from echodfkd.teachers.archive import write_masks

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


@pytest.mark.parametrize("kind", sorted(TEACHERS.keys() - {"truth"}))
def test_a_teacher_without_a_place_is_refused(kind):
    with pytest.raises(StudyError, match=r"teacher\.path"):
        Teacher(kind)


def test_every_kind_of_a_study_but_the_fusion_of_others_has_its_builder():
    assert {*TEACHERS, "fusion"} == set(get_args(get_type_hints(Teacher)["kind"]))


def test_a_structure_that_is_never_taught_is_refused():
    with pytest.raises(InputError, match="lv, but not la"):
        load_teacher(Teacher(structures=("lv",)), Clips(), ("lv", "la"))
