"""The generator's ventricles fitted to masks: what was drawn comes back, and so do the statistics of many."""

from dataclasses import replace

import numpy as np
import pytest
from scripts import script

from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.population import statistics
from echodfkd.synthetic.recipe import Conditions, draw_recipe

family = script("benchmarks/shape_family.py")
SIDE = 112
SKEWED = family.Ventricle(
    apex=np.array([52.0, 18.0]),
    base=np.array([64.0, 80.0]),
    tilt=0.05,
    half=0.2,
    septal=np.array([0.22, 0.4, 0.1, 0.25]),
    lateral=np.array([0.35, 0.55, 0.35, 0.4]),
)


def test_a_ventricle_of_the_family_is_found_again():
    fit = family.fitted(SKEWED.mask(SIDE, SIDE))
    found = fit.ventricle
    assert fit.dice > 0.985
    assert np.linalg.norm(found.apex - SKEWED.apex) < 2.5
    for end, wanted in zip(found.ends, SKEWED.ends, strict=True):
        assert np.linalg.norm(end - wanted) < 2.5
    assert found.lean == pytest.approx(SKEWED.lean, abs=1.5)
    for side, wanted in zip(found.across(), SKEWED.across(), strict=True):
        assert side[30:] == pytest.approx(wanted[30:], abs=0.03)


def test_an_outline_runs_from_the_septal_end_by_the_apex_to_the_lateral_one():
    line = SKEWED.outline()
    assert np.allclose(line[0], SKEWED.ends[0]) and np.allclose(line[-1], SKEWED.ends[1])
    assert np.allclose(line[len(line) // 2], SKEWED.apex)
    assert SKEWED.ends[0][1] < SKEWED.ends[1][1] and SKEWED.ends[0][0] < SKEWED.ends[1][0]


def test_a_mirrored_tilt_puts_the_other_end_nearer_to_the_apex():
    lengths = [[np.linalg.norm(end - one.apex) for end in one.ends] for one in (SKEWED, replace(SKEWED, tilt=-0.05))]
    assert lengths[0] == pytest.approx(lengths[1][::-1]) and lengths[0][0] < lengths[0][1]


def test_the_generators_own_tracings_are_followed():
    recipe = draw_recipe(Conditions(fps=(20, 20), heart_rate=(80, 80)), 3, 0, 4)
    for mask in generate([recipe], structures=("lv",), annotator="traced").masks[0, :, 0] >= 128:
        assert family.fitted(mask).dice > 0.96


def test_a_line_of_pixels_has_no_fit():
    line = np.zeros((SIDE, SIDE), np.bool_)
    line[30:60, 50] = True
    found = family.fitted(line)
    assert found is None or found.dice < 0.9


def test_ejection_by_discs_is_that_of_a_ventricle_that_shrinks_alike():
    """All lengths times 0.8: 1 - 0.8 ** 3 of the volume is ejected."""
    small = replace(SKEWED, base=SKEWED.apex + 0.8 * (SKEWED.base - SKEWED.apex))
    numbers = np.stack([SKEWED.numbers(SIDE), small.numbers(SIDE)])[None]
    assert family.disc_ejection(numbers) == pytest.approx([100 * (1 - 0.8**3)])


def test_the_statistics_of_many_are_those_they_were_drawn_from_and_read_as_the_generators():
    rng = np.random.default_rng(0)
    middle = np.stack([SKEWED.numbers(SIDE)] * 2)
    middle[1, 2] -= 0.15
    drawn = middle + 0.02 * rng.normal(size=(4000, 2, len(middle[0])))
    told = family.population(drawn, "made for a test")
    names, own = told["numbers"], statistics()
    assert names == own["numbers"] and set(told) == set(own) and told["patients"] == 4000
    assert told["mean"][1:] == pytest.approx(middle.ravel().tolist(), abs=0.002)
    assert told["deviation"][1:] == pytest.approx([0.02] * (len(names) - 1), rel=0.05)
    assert [len(row) for row in told["correlation"]] == list(range(1, len(names) + 1))
    assert all(row[-1] == 1 for row in told["correlation"])
    assert family.population_text(told).count("\n") == len(names) - 1
