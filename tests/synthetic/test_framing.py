"""How clips are framed: EchoNet-Dynamic's crop, whole sectors with a smaller heart, and what lies between."""

import copy

import numpy as np
import pytest

from echodfkd.synthetic import framing
from echodfkd.synthetic.recipe import Conditions, draw_recipe

CHANCES = np.linspace(0.05, 0.95, framing.NUMBERS)


@pytest.fixture
def drawn():
    """Numbers of one clip before it is framed."""
    recipe = draw_recipe(Conditions(cropped=0, full_depth=0), 3, 1, 4).to_dict()
    return {name: recipe[name] for name in ("acoustics", "anatomy", "tracing", "tissue")}


def framed(drawn, chance, more=CHANCES):
    """A framed copy."""
    copied = copy.deepcopy(drawn)
    framing.frame(copied, chance, more, 0.6, 0.25)
    return copied


def recipes(**shares):
    return [draw_recipe(Conditions(**shares), 7, number, 4) for number in range(40)]


def changed(before, after):
    return {
        f"{group}.{name}" for group in before for name in before[group] if before[group][name] != after[group][name]
    }


def test_the_share_says_which_framing_a_clip_has(drawn):
    crop, whole, free = (framed(drawn, chance) for chance in (0.59, 0.84, 0.86))
    assert changed(drawn, crop) == {f"acoustics.{name}" for name in framing.CROPPED}
    assert "anatomy.length_share" in changed(drawn, whole)
    assert free == drawn


def test_cropped_clips_have_the_sector_of_the_constants():
    for recipe in recipes(cropped=1, full_depth=0):
        for name, distribution in framing.CROPPED.items():
            low, high = distribution.at(0.0), distribution.at(1.0)
            assert low <= getattr(recipe.acoustics, name) <= high


def test_whole_sectors_lie_inside_the_image():
    for a in (recipe.acoustics for recipe in recipes(cropped=0, full_depth=1)):
        turned = np.deg2rad(np.linspace(-a.half_angle, a.half_angle, 91) + a.steer)
        arc = np.stack([a.probe_x + a.depth * np.sin(turned), a.probe_y + a.depth * np.cos(turned)])
        assert arc.min() > 0 and arc.max() < 1
        assert 0 < a.probe_y < 0.5


def test_hearts_in_whole_sectors_are_smaller():
    crop, whole = (
        np.mean([recipe.anatomy.length_share for recipe in recipes(**shares)])
        for shares in ({"cropped": 1, "full_depth": 0}, {"cropped": 0, "full_depth": 1})
    )
    assert 0.6 * crop < whole < 0.92 * crop


@pytest.mark.parametrize("size", [0.0, 0.3, 1.0])
def test_a_whole_sector_takes_the_heart_along(drawn, size):
    # A similarity about the tip: lengths and places, at both moments, by one factor.
    whole = framed(drawn, 0.7, np.array([0.5, size, 0.5, 0.5, 0.5, 0.5]))
    scale = framing.FULL_SIZE.at(size)
    tip = np.array([whole["acoustics"]["probe_x"], whole["acoustics"]["probe_y"]])
    for phase in ("", "_es"):
        before, after = drawn["anatomy"], whole["anatomy"]
        assert after["length_share" + phase] == pytest.approx(scale * before["length_share" + phase])
        base = np.array([before["base_x" + phase], before["base_y" + phase]])
        moved = np.array([after["base_x" + phase], after["base_y" + phase]])
        assert moved - tip == pytest.approx(scale * (base - [framing.TIP_X, framing.TIP_Y]))


def test_outlines_of_whole_sectors_lie_as_another_data_set_s_tracers_draw_them(drawn):
    whole = framed(drawn, 0.7)
    further = {name: whole["tracing"][name] - drawn["tracing"][name] for name in drawn["tracing"]}
    assert further == pytest.approx(framing.CAMUS_TRACERS)


def test_framing_leaves_the_tissue_alone(drawn):
    assert all(framed(drawn, chance)["tissue"] == drawn["tissue"] for chance in (0.1, 0.7, 0.9))
