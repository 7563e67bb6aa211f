from dataclasses import replace

import numpy as np
import pytest

from echodfkd.clip import STRUCTURES
from echodfkd.errors import InputError
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

LV, MYOCARDIUM = STRUCTURES.index("lv"), STRUCTURES.index("myocardium")
EVEN = {"segments": (0.0, 0.0), "gap_depth": (0.0, 0.0), "specular": 0.0, "gradient": 0.0, "lateral_loss": 0.0}
ALONE = {"pericardium": -40.0, "outer_edge": 1.5, "background": -30.0, "unevenness": 1.0}


def drawn(acoustics=None, **tissue):
    recipe = draw_recipe(Conditions(quality=(1, 1)), 31, 2, 40)
    tissue = replace(
        recipe.tissue, **{**EVEN, **ALONE, "trabeculae": (0.0,) * 7, "papillary": (-60.0, -60.0), **tissue}
    )
    return replace(recipe, tissue=tissue, acoustics=replace(recipe.acoustics, **(acoustics or {})))


def mean_grey(recipe, structure, right=None):
    """Mean grey of a structure in the first frame, of its right half only where `right` is True."""
    clip = generate([recipe])
    where = clip.masks[0, 0, structure] > 0
    if right is not None:
        middle = np.nonzero(clip.masks[0, 0, LV])[1].mean()
        where = where & ((np.arange(112) > middle) == right)
    return clip.frames[0, 0][where].mean()


def test_a_lateral_loss_dims_the_lateral_wall_and_spares_the_septum():
    full, lost = drawn(), drawn(lateral_loss=20.0)
    assert mean_grey(lost, MYOCARDIUM, right=True) < 0.75 * mean_grey(full, MYOCARDIUM, right=True)
    assert mean_grey(lost, MYOCARDIUM, right=False) > 0.9 * mean_grey(full, MYOCARDIUM, right=False)


def test_trabeculae_brighten_the_cavity_and_are_pressed_flat_in_systole():
    deep = drawn(trabeculae=(6.0,) * 7, compaction=1.0)
    clip, smooth = generate([deep]), generate([drawn()])
    gains = [
        clip.frames[0, t][clip.masks[0, t, LV] > 0].mean() - smooth.frames[0, t][clip.masks[0, t, LV] > 0].mean()
        for t in (clip.truths[0].ed_frames[0], clip.truths[0].es_frames[0])
    ]
    assert gains[0] > 3
    assert abs(gains[1]) < 0.3 * gains[0]


def test_an_apex_without_echo_is_darker():
    silent = drawn(acoustics={"near_loss": 36.0, "near_loss_reach": 0.45})
    assert mean_grey(silent, MYOCARDIUM) < mean_grey(drawn(acoustics={"near_loss": 0.0}), MYOCARDIUM)


def test_papillary_muscles_are_bright_and_inside_the_mask():
    assert mean_grey(drawn(papillary=(5.0, 5.0)), LV) > mean_grey(drawn(), LV) + 1


def test_a_gap_needs_a_place_a_width_and_a_depth():
    with pytest.raises(InputError, match="every gap needs a place"):
        drawn(gap_depth=(1.0,))
