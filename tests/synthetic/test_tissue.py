from dataclasses import replace

import numpy as np
import pytest
import torch

from echodfkd.clip import STRUCTURES
from echodfkd.errors import InputError
from echodfkd.synthetic import acoustics
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.synthetic.tensors import dial_tensors

LV, MYOCARDIUM = STRUCTURES.index("lv"), STRUCTURES.index("myocardium")
EVEN = {"segments": (0.0, 0.0), "gap_depth": (0.0, 0.0), "specular": 0.0, "gradient": 0.0, "lateral_loss": 0.0}
ALONE = {
    "endocardium": 2.2,
    "ridge": 0.0,
    "pericardium": -40.0,
    "outer_edge": 1.5,
    "background": -30.0,
    "unevenness": 1.0,
}


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
    assert np.percentile(after, 97) / np.median(after) > 1.2 * np.percentile(before, 97) / np.median(before)


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
    with pytest.raises(InputError, match="every gap needs a place"):
        drawn(gap_depth=(1.0,))
