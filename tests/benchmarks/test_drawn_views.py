"""What drawn hearts are made into so that they are other views."""

import numpy as np
import pytest
from scripts import script

views = script("benchmarks/drawn_views.py")
ROWS, COLUMNS = np.mgrid[:40, :40]


def test_an_upright_ventricles_right_side_is_on_both_sides_of_it():
    mask = np.hypot((ROWS - 20) / 12, (COLUMNS - 15) / 4) < 1
    frame = np.random.default_rng(0).integers(0, 255, (1, 40, 40), np.uint8)
    [twice] = views.lateral_twice(frame, mask)
    assert np.array_equal(twice[:, 15:], frame[0, :, 15:])
    assert np.array_equal(twice[:, :15], frame[0, :, 30:15:-1])


def test_about_a_leaning_axis_what_lies_outside_of_the_image_is_black():
    lean = np.deg2rad(30)
    along = (ROWS - 20) * np.cos(lean) + (COLUMNS - 26) * np.sin(lean)
    across = (COLUMNS - 26) * np.cos(lean) - (ROWS - 20) * np.sin(lean)
    mask = np.hypot(along / 12, across / 4) < 1
    [twice] = views.lateral_twice(np.full((1, 40, 40), 200, np.uint8), mask)
    right = across >= 1
    assert (twice[right] == 200).all()
    assert set(np.unique(twice)) == {0, 200} and (twice == 0).any()


@pytest.mark.parametrize("degrees", [0, 90, -90])
def test_leaning_turns_about_the_middle(degrees):
    frame = np.arange(100, dtype=np.uint8).reshape(1, 10, 10)
    turned = views.leaned(frame, degrees)[0, 1:, 1:]
    assert np.array_equal(turned, np.rot90(frame[0, 1:, 1:], -degrees // 90))
