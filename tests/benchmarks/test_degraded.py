import numpy as np
import pytest
from scripts import script
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.errors import InputError
from echodfkd.student.student import load_student

degraded_student = script("benchmarks/degraded.py").degraded_student


@pytest.fixture(scope="module")
def clip():
    return Clip("beating", beating(6))


def test_without_noise_it_is_the_student(student_folder, clip):
    whole = load_student(student_folder, "torch")(clip)
    np.testing.assert_array_equal(degraded_student(student_folder, 0, seed=1)(clip), whole)


def test_more_noise_takes_it_further_away(student_folder, clip):
    whole = load_student(student_folder, "torch")(clip)
    away = [
        np.mean([np.abs(degraded_student(student_folder, strength, seed)(clip) - whole).mean() for seed in range(4)])
        for strength in (0.01, 0.1, 1.0)
    ]
    assert 0 < away[0] < away[1] < away[2]


def test_the_noise_is_its_seeds(student_folder, clip):
    one, again, other = (degraded_student(student_folder, 0.1, seed)(clip) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()


def test_it_is_used_as_the_student_is(student_folder):
    whole, worse = load_student(student_folder), degraded_student(student_folder, 0.1, 1)
    assert worse.card == whole.card and worse.structures == whole.structures and worse.threshold == whole.threshold


def test_a_negative_strength_is_refused(student_folder):
    with pytest.raises(InputError, match="a strength from 0"):
        degraded_student(student_folder, -0.1, 1)
