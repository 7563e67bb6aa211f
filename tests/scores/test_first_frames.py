import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores import first_frames as made
from echodfkd.scores.first_frames import settled


def first_frames(*given, **told):
    """As it is written."""
    return plain(made.first_frames(*given, **told))


def test_frames_and_later_mean_are_those_worked_by_hand():
    found = first_frames([[0.5, 0.7, 0.9, 0.9], [0.3, 0.9, 0.8, 0.8, 0.8], [0.4]], frames=2, resamples=50)
    assert [frame["value"] for frame in found["by_frame"]] == pytest.approx([0.4, 0.8])
    assert [frame["n"] for frame in found["by_frame"]] == [3, 2]
    assert found["later"]["value"] == pytest.approx(0.85)
    assert [gap["value"] for gap in found["gap"]] == pytest.approx([-0.45, -0.05])  # the short clip has no later mean
    assert [gap["n"] for gap in found["gap"]] == [2, 2]


def test_a_planted_convergence_is_found_at_its_frame():
    rng, time = np.random.default_rng(0), np.arange(40)
    dip = 0.4 * np.exp(-time / 2)  # 0.01 is passed at 2 ln 40 = 7.4 frames
    clips = [0.9 - dip + 0.002 * rng.normal(size=40) + 0.05 * rng.normal() for _ in range(60)]
    found = first_frames(clips, resamples=200)
    assert found["settled"]["value"] == pytest.approx(8, abs=1)
    assert found["settled"]["low"] >= 7
    assert found["by_frame"][0]["value"] == pytest.approx(0.5, abs=0.03)
    assert found["gap"][0]["high"] - found["gap"][0]["low"] < found["by_frame"][0]["high"] - found["by_frame"][0]["low"]


def test_what_is_alike_on_every_frame_has_settled_at_once_and_what_never_reaches_it_has_not():
    assert first_frames([[0.8] * 20] * 3, resamples=20)["settled"]["value"] == 0
    assert first_frames([[0.5] * 16 + [0.9] * 5] * 3, resamples=20)["settled"]["value"] == 16


def test_settling_is_for_good():
    assert settled(np.array([[-0.3, 0.0, -0.2, 0.0, 0.1]])) == 3
    assert settled(np.array([[-0.3, np.nan, 0.0], [0.3, np.nan, -0.05]])) == 3  # frame 0 has mean 0, frame 2 -0.025
    assert settled(np.array([[-0.3, np.nan, 0.0]])) == 1


def test_frames_without_truth_do_not_count():
    found = first_frames([[np.nan, 0.6, 0.8, np.nan, 0.9], [np.nan, 0.8, 0.9, 0.9, 0.9]], frames=3, resamples=20)
    assert found["by_frame"][0] is None
    assert found["by_frame"][1]["value"] == pytest.approx(0.7)
    assert found["later"]["value"] == pytest.approx(0.9)


def test_nonsense_is_refused():
    with pytest.raises(InputError, match=r"frame 15, .*3 frames"):
        first_frames([[0.9, 0.9, 0.9]])
    with pytest.raises(InputError, match="Dice per frame"):
        first_frames([np.zeros((2, 3))])
    with pytest.raises(InputError, match="one first frame"):
        first_frames([[0.9]], frames=0)
