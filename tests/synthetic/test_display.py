from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

NONE = {"ruler": 0.0, "logo": 0.0, "trace": 0.0}


def recipe(**display):
    drawn = draw_recipe(Conditions(quality=(1, 1)), 12, 0, 2)
    return replace(drawn, display=replace(drawn.display, **{**NONE, **display}))


def test_marks_only_brighten_and_leave_the_masks_alone():
    plain, marked = generate([recipe()]), generate([recipe(ruler=200.0, logo=180.0, trace=150.0)])
    assert (marked.frames >= plain.frames).all()
    assert np.array_equal(marked.masks, plain.masks)


def test_an_ecg_line_crosses_the_whole_image_at_its_height():
    traced = generate([recipe(trace=150.0, trace_y=0.9)]).frames[0, 0]
    assert (traced[94:102].max(axis=0) >= 100).all()


def test_a_ruler_lies_outside_the_sector():
    drawn = recipe(ruler=255.0, ruler_offset=0.05)
    added = generate([drawn]).frames[0, 0] > generate([recipe()]).frames[0, 0]
    y, x = (np.argwhere(added).T + 0.5) / 112
    a = drawn.acoustics
    angle = np.rad2deg(np.arctan2(x - a.probe_x, y - a.probe_y)) - a.steer
    assert added.any()
    assert (angle > a.half_angle).all()


def test_white_is_where_the_wanted_grey_falls_on_average_myocardium():
    display = recipe(exposure=0.5, gamma=1.3, dynamic_range=50.0).display
    assert (1 - display.white / display.dynamic_range) ** display.gamma == pytest.approx(0.5)


def test_a_longer_exposure_brightens():
    dark, bright = (generate([recipe(exposure=grey)]).frames.mean() for grey in (0.3, 0.7))
    assert bright > dark + 5


def test_an_exposure_beyond_white_is_refused():
    with pytest.raises(InputError, match=r"exposure .*got 1\.5"):
        recipe(exposure=1.5)
