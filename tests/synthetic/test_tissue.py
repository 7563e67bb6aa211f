from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from echodfkd.clip import STRUCTURES
from echodfkd.errors import InputError
from echodfkd.synthetic import acoustics
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.heart import heart
from echodfkd.synthetic.raster import TABLE, cheap_angle
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.synthetic.tensors import dial_tensors
from echodfkd.synthetic.tissue import grounds, wall_tables

LV, MYOCARDIUM = STRUCTURES.index("lv"), STRUCTURES.index("myocardium")
EVEN = {"segments": (0.0, 0.0), "gap_depth": (0.0, 0.0)}
EVEN |= dict.fromkeys(("specular", "gradient", "lateral_loss", "septal_gain", "apical_loss"), 0.0)
"""A wall that is alike all round."""
SHARP = {
    f"{place}_{side}": mm for place in ("septal", "apical", "lateral") for side, mm in (("edge", 2.2), ("border", 1.5))
}
ALONE = {"ridge": 0.0, "pericardium": -40.0, "background": -30.0, "unevenness": 1.0}
ALONE |= {"background_slope": 0.0, "background_fall": 0.0, "groove": -60.0, "annulus": -60.0, "leaflets": -60.0}
ALONE |= {"strips": (-60.0, -60.0), "spots": (-70.0,) * 3}
"""Nothing bright inside the wall nor beside it."""


def drawn(acoustics=None, **tissue):
    recipe = draw_recipe(Conditions(quality=(1, 1)), 31, 2, 40)
    tissue = replace(
        recipe.tissue, **{**EVEN, **SHARP, **ALONE, "trabeculae": (0.0,) * 7, "papillary": (-60.0, -60.0), **tissue}
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


def ground(**tissue):
    """dB (rows, columns) of what surrounds the heart, without its patches."""
    dials = dial_tensors([drawn(**{"unevenness": 0.0, **tissue}).tissue], torch.device("cpu"))
    return grounds(dials, torch.zeros(1, 2, 8, 8), 112)[0, 0]


def wall(tissue):
    """(place, table) of a clip's wall by place, -1 septal annulus to 1 lateral: level, trabeculae, edge, border."""
    recipe = drawn(**tissue)
    shapes = heart(recipe.anatomy, recipe.tracing, cycle(recipe.rhythm, recipe.frames))
    level, _, depth, edge, border = wall_tables([recipe.tissue], [shapes], torch.device("cpu"))[0].numpy()
    contour = shapes.inner[0][7:-7]
    at = (cheap_angle(contour[:, 0], contour[:, 1]) + 2) * TABLE / 4
    return np.stack([np.interp(at, np.arange(TABLE + 1), table) for table in (level, depth, edge, border)], axis=1)


def test_edges_and_borders_are_as_wide_as_said_at_their_place():
    edges = {"septal_edge": 2.0, "apical_edge": 9.0, "lateral_edge": 17.0}
    borders = {"septal_border": 3.0, "apical_border": 6.0, "lateral_border": 12.0}
    found = wall({**edges, **borders})
    places = [20, len(found) // 2, -20]  # beside the annulus on either side, and the apex between
    assert found[places, 2] == pytest.approx(list(edges.values()), abs=0.2)
    assert found[places, 3] == pytest.approx(list(borders.values()), abs=0.2)


@pytest.mark.parametrize(("dial", "place", "gain"), [("septal_gain", 0.15, 7), ("apical_loss", 0.5, -7)])
def test_a_gain_by_place_changes_that_place_by_its_size_and_spares_the_lateral_wall(dial, place, gain):
    gained = wall({dial: 7.0})[:, 0] - wall({})[:, 0]
    assert gained[round(place * len(gained))] == pytest.approx(gain, abs=0.1)
    assert np.abs(gained[round(0.8 * len(gained)) :]).max() < 0.1


def test_what_surrounds_the_heart_slopes_and_falls_by_what_is_said():
    level = ground(background_slope=6.0, background_fall=-9.0)
    assert (level[:, -1] - level[:, 0]).numpy() == pytest.approx(6.0)
    assert (level[-1] - level[0]).numpy() == pytest.approx(-9.0)
    assert level.mean().item() == pytest.approx(-30.0, abs=1e-4)


def test_the_groove_is_bright_behind_the_lateral_hinge():
    plain, bright = (generate([drawn(groove=level, groove_size=8.0)]) for level in (-60.0, 10.0))
    recipe = drawn()
    shapes = heart(recipe.anatomy, recipe.tracing, cycle(recipe.rhythm, recipe.frames))
    gained = bright.frames[0, 0].astype(int) - plain.frames[0, 0]
    y, x = np.unravel_index(gained.argmax(), gained.shape)
    hinge = shapes.landmarks[0, 19] * 112
    assert gained.max() > 40
    assert x > hinge[0] - 1 and np.hypot(x - hinge[0], y - hinge[1]) < 16


def test_the_blood_of_a_room_with_soft_edges_passes_into_its_wall():
    walls = {"thin_walls": -2.0, "thin_wall": 5.0, "rv_blood": 0.0, "atria_blood": 0.0}
    sharp, soft = (generate([drawn(room_edge=mm, **walls)]) for mm in (1.5, 6.0))
    room = sharp.masks[0, 0, STRUCTURES.index("la")] > 0
    around = ndimage.binary_dilation(room, iterations=3) & (sharp.masks[0, 0] == 0).all(axis=0)
    assert soft.frames[0, 0][around].mean() < 0.9 * sharp.frames[0, 0][around].mean()
    assert soft.frames[0, 0][room].mean() == pytest.approx(sharp.frames[0, 0][room].mean(), abs=2)


def test_trabeculae_brighten_the_cavity_and_are_pressed_flat_in_systole():
    deep = drawn(trabeculae=(6.0,) * 7, compaction=1.0)
    clip, smooth = generate([deep]), generate([drawn()])
    gains = [
        clip.frames[0, t][clip.masks[0, t, LV] > 0].mean() - smooth.frames[0, t][clip.masks[0, t, LV] > 0].mean()
        for t in (clip.truths[0].ed_frames[0], clip.truths[0].es_frames[0])
    ]
    assert gains[0] > 2
    assert abs(gains[1]) < 0.3 * gains[0]


def test_an_apex_without_echo_is_darker():
    silent = drawn(acoustics={"near_loss": 36.0, "near_loss_reach": 0.45})
    assert mean_grey(silent, MYOCARDIUM) < mean_grey(drawn(acoustics={"near_loss": 0.0}), MYOCARDIUM)


def test_a_ridge_brightens_a_line_and_dims_the_rest_of_the_wall():
    clip, plain = generate([drawn(ridge=18.0, ridge_place=0.5, ridge_width=2.5)]), generate([drawn(ridge=0.0)])
    wall = clip.masks[0, 0, MYOCARDIUM] > 0
    before, after = plain.frames[0, 0][wall].astype(float), clip.frames[0, 0][wall].astype(float)
    assert np.median(after) < np.median(before) - 10
    assert np.percentile(after, 97) / np.median(after) > 1.1 * np.percentile(before, 97) / np.median(before)


def even_power(coherence):
    """Received power of a medium that is alike everywhere, far from the sector's borders."""
    recipe = draw_recipe(Conditions(quality=(1, 1)), 31, 2, 1)
    # A narrow point spread: a wide one adds up neighbours that share their scatterers.
    even = {"texture": 0.0, "haze": -90.0, "near_field": -90.0, "noise": -90.0, "defocus": 0.0}
    even |= {"axial": 0.1, "lateral": 0.1}
    lossless = {
        "attenuation": 0.0,
        "streaks": 0.0,
        "edge_loss": (0.0, 0.0),
        "near_loss": 0.0,
        "shadow_losses": (0.0,) * 2,
    }
    dials = dial_tensors([replace(recipe.acoustics, coherence=coherence, **even, **lossless)], torch.device("cpu"))
    rough = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, *[acoustics.ROUGH] * 2), np.float32))
    starts = torch.tensor([[0, 1 << 17, 1 << 18, 1 << 19]])
    sector = acoustics.sectors(dials, torch.tensor([160.0]), starts, rough, 112)
    shape = acoustics.polar_shape(112)
    moved, fresh = torch.zeros(1, 2, *shape), torch.zeros(1, 1, 2, dtype=torch.long)
    power = acoustics.power(torch.zeros(1, 1, *shape), moved, sector, fresh)
    return power[0, 0, 10:-10, 10:-10]


def test_speckle_without_coherence_is_fully_developed():
    # Exponential power: deviation and mean are equal. Neighbouring scatterers are alike and add up beyond 1.
    power = even_power(0.0)
    assert power.mean().item() == pytest.approx(1, rel=0.3)
    assert power.std().item() == pytest.approx(power.mean().item(), rel=0.1)


def test_coherent_echo_has_less_contrast_at_the_same_power():
    # Constant plus fluctuating amplitude: variance of |e|^2 is 1 - c^4 (Rician).
    power = even_power(0.85)
    assert power.mean().item() == pytest.approx(1, rel=0.1)
    assert power.std().item() == pytest.approx((1 - 0.85**4) ** 0.5, rel=0.2)


def test_papillary_muscles_are_bright_and_inside_the_mask():
    assert mean_grey(drawn(papillary=(5.0, 5.0)), LV) > mean_grey(drawn(), LV) + 1


def test_a_gap_needs_a_place_a_width_and_a_depth():
    with pytest.raises(InputError, match="every gap"):
        drawn(gap_depth=(1.0,))
