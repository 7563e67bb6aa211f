import numpy as np
import pytest

from echodfkd.clip import STRUCTURES, Clip, from_bytes
from echodfkd.errors import InputError
from echodfkd.teachers.recorded import RecordedTeacher

RNG = np.random.default_rng(6)
CLIP = Clip("a", RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8))
MASKS = {"a": RNG.integers(0, 256, (3, 5, 4, 5), dtype=np.uint8), "b": np.zeros((2, 5, 4, 5), np.uint8)}


def test_masks_stay_probabilities():
    teacher = RecordedTeacher(MASKS.__getitem__, STRUCTURES)
    masks = teacher(CLIP)
    np.testing.assert_array_equal(masks, from_bytes(MASKS["a"]))
    assert (teacher.structures, teacher.threshold) == (STRUCTURES, 0.5)
    assert masks.dtype == np.float32
    assert 0 <= masks.min() <= masks.max() <= 1


def test_masks_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"clip b .*\(3, 5, 4, 5\), got \(2, 5, 4, 5\)"):
        RecordedTeacher(MASKS.__getitem__, STRUCTURES)(Clip("b", CLIP.frames))
