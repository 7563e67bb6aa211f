"""The bench measures what it says, each subject in a process of its own."""

import numpy as np
import pytest
from small_student import beating

from echodfkd.commands.bench import FRAMES, PARTS, ROUNDS, WARM, bench, words
from echodfkd.errors import InputError
from echodfkd.video import write


@pytest.mark.long
def test_every_subject_has_its_row_of_all_frames_and_rounds(student_folder, tmp_path):
    film = tmp_path / "clip.avi"
    write(film, beating(20), 50)
    found = bench(str(student_folder), ["torch", "float32", "b3"], film)
    assert [row.name for row in found.rows] == ["small", "small torch", "small float32", "b3"]
    assert [row.size for row in found.rows[:2]] == [28, 28]
    for row in found.rows:
        assert len(row.alone) == len(row.whole) == ROUNDS * (20 - WARM)
        assert len(row.parts) == len(PARTS) and np.mean(row.whole) == pytest.approx(sum(row.parts))
        assert all(part < whole for part, whole in zip(row.alone, row.whole, strict=True))
        assert row.rates[0] > row.rates[1] > 0 and row.first_mask > 0 and 20 < row.memory < 4000
    told = words(found)
    assert all(name in told for name in ("small torch", "b3", found.machine, *PARTS))


def test_without_a_film_one_of_noise_is_seen(student_folder):
    assert len(bench(str(student_folder)).rows[0].whole) == ROUNDS * (FRAMES - WARM)


def test_what_is_no_model_is_refused(student_folder):
    with pytest.raises(InputError, match="No model nobody"):
        bench(str(student_folder), ["nobody"])


def test_a_film_of_a_few_frames_tells_nothing(student_folder, tmp_path):
    write(tmp_path / "short.avi", beating(WARM), 50)
    with pytest.raises(InputError, match="too few frames"):
        bench(str(student_folder), (), tmp_path / "short.avi")
