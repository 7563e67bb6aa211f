import numpy as np
import pytest

from echodfkd.clip import STRUCTURES, Clip, to_bytes
from echodfkd.errors import InputError
from echodfkd.teachers import TEACHERS, load_teacher
from echodfkd.teachers.archive import write_masks

RNG = np.random.default_rng(8)
CLIP = Clip("a", RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8))
MASKS = RNG.integers(0, 256, (3, 5, 4, 5), dtype=np.uint8)


class Clips:
    """What a teacher needs of a store."""

    structures = STRUCTURES

    def masks(self, name):
        return {"a": MASKS}[name]


def test_the_truth_is_the_clips_own_masks():
    np.testing.assert_array_equal(to_bytes(load_teacher("truth", None, Clips(), ("lv",))(CLIP)), MASKS[:, :1])


def test_an_archive_is_a_folder_of_masks(tmp_path):
    write_masks(tmp_path / "a.seg.npz", MASKS[:, 0])
    np.testing.assert_array_equal(to_bytes(load_teacher("archive", tmp_path, Clips(), ("lv",))(CLIP)), MASKS[:, :1])
    with pytest.raises(InputError, match=r"needs the folder of its masks: teacher\.path"):
        load_teacher("archive", None, Clips(), ("lv",))


def test_an_unknown_teacher_is_answered_with_the_known_ones():
    assert list(TEACHERS) == ["truth", "archive", "model"]
    with pytest.raises(InputError, match="known teachers are truth, archive, model, got 'deeplab'"):
        load_teacher("deeplab", None, Clips(), ("lv",))
