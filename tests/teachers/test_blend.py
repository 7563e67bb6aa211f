import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.errors import InputError, StudyError
from echodfkd.study.settings import Teacher
from echodfkd.teachers.blend import Blend
from echodfkd.teachers.recorded import RecordedTeacher

CLIP = Clip("one", np.zeros((2, 4, 4), np.uint8))


def of(value, structures=("lv",)):
    return RecordedTeacher({"one": np.full((2, len(structures), 4, 4), value, np.uint8)}.get, structures)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.2), (0.25, 0.4), (1.0, 1.0)])
def test_a_blend_weighs_teacher_and_truth(share, expected):
    masks = Blend(of(51), of(255), share)(CLIP)
    assert masks == pytest.approx(np.full((2, 1, 4, 4), expected), abs=1e-6)


def test_a_blend_of_different_structures_is_refused():
    with pytest.raises(InputError, match="equal structures"):
        Blend(of(0), of(0, ("lv", "rv")), 0.5)


@pytest.mark.parametrize("truth", [-0.1, 1.5])
def test_a_share_of_the_truth_lies_between_0_and_1(truth):
    with pytest.raises(StudyError, match="0 to 1"):
        Teacher(kind="model", name="teacher", truth=truth)


def test_the_truth_is_not_blended_with_itself():
    with pytest.raises(StudyError, match="another teacher's"):
        Teacher(truth=0.5)
