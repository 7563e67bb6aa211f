"""Ventricles are drawn from the statistics that the package carries, and these are ones that a population can have."""

import tomllib
from dataclasses import fields, replace
from importlib.resources import files

import numpy as np
import pytest
from scripts import ROOT

from echodfkd.synthetic import population, ventricle
from echodfkd.synthetic.anatomy import Anatomy
from echodfkd.synthetic.heart import sound
from echodfkd.synthetic.recipe import Conditions, draw_recipe

WELL = dict.fromkeys(
    ("dilated", "hypertrophic", "small", "foreshortened", "lateral_akinesia", "septal_akinesia", "full_depth"), 0.0
)
"""Nothing is added to what the population gives."""


def numbers(dials):
    """The numbers of `population.json` but the ejection fraction, of dials by name."""
    values = []
    for name in population.statistics()["numbers"][1:]:
        dial, *place = name.split(".")
        value = dials[dial][int(place[0])] if place else dials[dial]
        values.append(np.log(value) if dial in population.LOGARITHMS else value)
    return np.array(values)


def correlation():
    """The whole matrix."""
    rows = population.statistics()["correlation"]
    lower = np.array([[*row, *[0.0] * (len(rows) - len(row))] for row in rows])
    return lower + np.tril(lower, -1).T


def of_the_mean(fraction):
    """The anatomy of a patient with `fraction` percent, average in all else."""
    drawn = draw_recipe(Conditions(), 0, 0, 4).anatomy
    return replace(drawn, width=1.0, asymmetry=0.0, **population.ventricle(np.zeros(population.size()), fraction))


def test_the_package_carries_its_statistics():
    assert files("echodfkd.synthetic").joinpath("population.json").is_file()
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["echodfkd"]
    found = {path for pattern in packed for path in (ROOT / "src" / "echodfkd").glob(pattern)}
    assert ROOT / "src" / "echodfkd" / "synthetic" / "population.json" in found


def test_the_statistics_name_every_dial_that_has_an_end_systole():
    names = {field.name for field in fields(Anatomy)}
    moving = {f"anatomy.{name}" for name in names if f"{name}_es" in names or name.endswith("_es")}
    assert set(population.counts()) == moving
    assert population.statistics()["numbers"][0] == "ejection_fraction"
    several = {dial: count for dial, count in population.counts().items() if count > 1}
    assert set(several.values()) == {ventricle.DEGREE}
    assert {dial.removesuffix("_es") for dial in several} == {"anatomy.septal", "anatomy.lateral"}


def test_the_statistics_are_ones_a_population_can_have():
    told, matrix = population.statistics(), correlation()
    assert len(told["numbers"]) == len(told["mean"]) == len(told["deviation"]) == len(matrix)
    assert [len(row) for row in told["correlation"]] == list(range(1, len(matrix) + 1))
    assert min(told["deviation"]) > 0
    assert (np.diag(matrix) == 1).all() and np.abs(matrix).max() <= 1
    assert np.linalg.eigvalsh(matrix).min() >= -1e-6


def test_ventricles_spread_as_the_population_given_the_fraction():
    told = population.statistics()
    covariance = correlation() * np.outer(told["deviation"], told["deviation"])
    left = covariance[1:, 1:] - np.outer(covariance[1:, 0], covariance[0, 1:]) / covariance[0, 0]
    middle = numbers(population.ventricle(np.zeros(population.size()), 55))
    steps = np.array([numbers(population.ventricle(one, 55)) - middle for one in np.eye(population.size())])
    assert np.allclose(steps.T @ steps, population.WIDER**2 * left, atol=1e-6)


def test_ventricles_go_with_the_fraction_as_the_population_s_do():
    told, zero = population.statistics(), np.zeros(population.size())
    low, high = (numbers(population.ventricle(zero, told["mean"][0] + d * told["deviation"][0])) for d in (-1, 1))
    assert np.allclose((low + high) / 2, told["mean"][1:])
    assert np.allclose((high - low) / 2, correlation()[1:, 0] * told["deviation"][1:])


def test_the_mean_patient_s_contours_eject_what_the_mean_patient_ejects():
    # Shape and length at both moments were traced; the fraction was measured from other tracings of the same patients.
    fraction = population.statistics()["mean"][0]
    anatomy = of_the_mean(fraction)
    unit = ventricle.disc_integral(*ventricle.sides(anatomy, np.array([0.0, 1.0])))
    volume = unit * np.array([anatomy.length_share, anatomy.length_share_es]) ** 3
    assert 100 * (1 - volume[1] / volume[0]) == pytest.approx(fraction, abs=6)


@pytest.fixture(scope="module")
def drawn():
    """400 recipes as clips have them: what no sector holds or no heart can be was drawn again."""
    return [draw_recipe(Conditions(cropped=1.0, **WELL), 1, number, 4) for number in range(400)]


def test_drawn_recipes_keep_the_population_s_mean_and_spread(drawn):
    zero, deviation = np.zeros(population.size()), np.array(population.statistics()["deviation"][1:])
    expected = deviation * np.sqrt(1 - correlation()[1:, 0] ** 2) * population.WIDER
    beside = [
        (numbers(vars(r.anatomy)) - numbers(population.ventricle(zero, r.rhythm.ejection_fraction))) / expected
        for r in drawn
    ]
    # Hearts that leave the sector were drawn again: a fifth of a deviation higher, a tenth narrower.
    assert np.abs(np.mean(beside, axis=0)).max() < 0.4
    assert np.abs(np.std(beside, axis=0) - 1).max() < 0.25


def test_drawn_recipes_go_with_the_fraction(drawn):
    fractions = [r.rhythm.ejection_fraction for r in drawn]
    wider = np.std(fractions) / population.statistics()["deviation"][0]
    slope = correlation()[1:, 0]
    expected = slope * wider / np.sqrt((slope * wider) ** 2 + population.WIDER**2 * (1 - slope**2))
    values = np.array([numbers(vars(r.anatomy)) for r in drawn])
    found = np.array([np.corrcoef(fractions, column)[0, 1] for column in values.T])
    assert np.abs(found - expected).max() < 0.2


@pytest.mark.parametrize("fraction", [5, 15, 35, 55, 80])
def test_a_heart_of_the_mean_is_sound(fraction):
    assert sound(of_the_mean(fraction))


def test_no_annulus_closes():
    far = numbers(population.ventricle(np.full(population.size(), 9.0), 55))
    assert np.isfinite(far).all()
    for sign in (-9.0, 9.0):
        drawn = population.ventricle(np.full(population.size(), sign), 55)
        assert min(drawn["base_width"], drawn["base_width_es"]) >= population.NARROWEST


def test_every_dial_is_told_in_words_with_its_unit():
    told = {name: (words, unit) for name, words, unit in population.in_words()}
    assert set(told) == set(population.counts())
    assert told["anatomy.axis"][1] == "degrees"
    assert told["anatomy.length_share"][0].startswith("exp(-0.")
    assert all(words.count("+-") == population.counts()[name] for name, (words, _) in told.items())
