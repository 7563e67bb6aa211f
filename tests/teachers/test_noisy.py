"""Noise on a teacher's masks: where it may fall, how much of it, and that a seed decides."""

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.teachers.noisy import Noise, Noisy, near_border, softened
from echodfkd.teachers.recorded import RecordedTeacher

rows, columns = np.mgrid[:64, :64]
DISC = np.hypot(rows - 32, columns - 32) < 20
MASKS = np.repeat(np.where(DISC, 230, 25).astype(np.uint8)[None, None], 20, axis=0)


def clip(name="a"):
    return Clip(name, np.zeros((20, 64, 64), np.uint8))


def noisy(**noise):
    return Noisy(RecordedTeacher(lambda name: MASKS, ("lv",)), Noise(**{"seed": 1, **noise}))


def test_flips_fall_near_the_border_alone_and_as_often_as_said():
    masks = noisy(flips=0.25, border=3.0)(clip())
    flipped = masks[:, 0] != np.float32(MASKS[:, 0] / np.float32(255))
    near = near_border(DISC, 3)
    assert not flipped[:, ~near].any()
    count = 20 * np.count_nonzero(near)
    assert flipped[:, near].mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / count))
    np.testing.assert_allclose(masks[:, 0][flipped], 1 - MASKS[:, 0][flipped] / 255, atol=1e-6)


def test_the_border_is_where_the_other_side_is_so_many_pixels_away():
    line = np.zeros((1, 9), bool)
    line[0, 4:] = True
    np.testing.assert_array_equal(np.flatnonzero(near_border(line, 2)), [2, 3, 4, 5])
    assert not near_border(np.ones((3, 3), bool), 2).any() and not near_border(np.zeros((3, 3), bool), 2).any()


def test_a_temperature_divides_the_logits():
    p = np.array([0, 0.1, 0.5, 0.8, 1], np.float32)
    inner = p[1:-1].astype(float)
    expected = 1 / (1 + np.exp(-np.log(inner / (1 - inner)) / 3))
    np.testing.assert_allclose(softened(p, 3.0), [0, *expected, 1], atol=1e-6)
    np.testing.assert_array_equal(softened(p, 1.0), p)


def test_seed_and_name_decide_the_noise():
    first = noisy(flips=0.3)(clip())
    np.testing.assert_array_equal(noisy(flips=0.3)(clip()), first)
    assert (noisy(flips=0.3, seed=2)(clip()) != first).any()
    assert (noisy(flips=0.3)(clip("b")) != first).any()


def test_without_dials_nothing_changes():
    np.testing.assert_array_equal(noisy()(clip())[:, 0], (MASKS[:, 0].astype(np.float32) / np.float32(255)))
