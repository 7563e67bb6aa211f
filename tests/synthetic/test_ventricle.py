"""The family of shapes that a left ventricle's contour belongs to, and what of it is no heart."""

from dataclasses import replace

import numpy as np
import pytest

from echodfkd.synthetic import ventricle
from echodfkd.synthetic.heart import sound
from echodfkd.synthetic.recipe import Conditions, draw_recipe

REST, BOTH = np.zeros(1), np.array([0.0, 1.0])


def shaped(septal, lateral=None, base_width=0.3, tilt=0.0):
    """An anatomy with those coefficients at both moments."""
    lateral = septal if lateral is None else lateral
    dials = {"septal": tuple(septal), "lateral": tuple(lateral), "base_width": base_width, "base_tilt": tilt}
    drawn = draw_recipe(Conditions(), 0, 0, 4).anatomy
    return replace(drawn, width=1.0, asymmetry=0.0, **dials, **{f"{name}_es": value for name, value in dials.items()})


def test_equal_coefficients_are_a_parabola():
    # Bernstein polynomials sum to 1: every side is then c sqrt(s).
    left, right = ventricle.sides(shaped((0.3,) * 4), REST)
    assert np.allclose(right[0, :, 1], 0.3 * np.sqrt(right[0, :, 0]))
    assert np.allclose(left, right * [1, -1])
    assert ventricle.disc_integral(left, right)[0] == pytest.approx(2 * 0.3**2, rel=1e-3)


def test_half_an_ellipse_is_of_the_family():
    # b sqrt(1 - (1 - s)^2) = b sqrt(s) sqrt(2 - s): the root is all but a polynomial of the fourth degree.
    places = np.linspace(0, 1, 200)
    terms = ventricle.bernstein(places)
    wanted = 0.25 * np.sqrt(2 - places) - 0.25 * terms[:, -1]
    fitted = np.linalg.lstsq(terms[:, :-1], wanted, rcond=None)[0]
    right = ventricle.sides(shaped(fitted, base_width=0.25), REST)[1][0]
    assert np.abs(right[:, 1] - 0.25 * np.sqrt(1 - (1 - right[:, 0]) ** 2)).max() < 1e-4


def test_sides_are_linear_in_their_coefficients():
    chance = np.random.default_rng(0)
    first, second = chance.normal(size=(2, 5))
    one, other, both = (
        ventricle.sides(shaped(c[:4], base_width=c[4]), REST)[1][0, :, 1]
        for c in (np.abs(first), np.abs(second), 2 * np.abs(first) + 3 * np.abs(second))
    )
    assert np.allclose(2 * one + 3 * other, both)


def test_a_side_s_coefficients_move_no_other_side():
    left, right = ventricle.sides(shaped((0.3,) * 4), REST)
    same, moved = ventricle.sides(shaped((0.3,) * 4, (0.2, 0.6, 0.1, 0.5)), REST)
    assert np.array_equal(left, same)
    assert not np.allclose(right, moved)


def test_the_apex_is_the_origin_and_the_annulus_lies_about_the_axis():
    left, right = ventricle.sides(shaped((0.2, 0.5, 0.0, 0.4), (0.3, 0.6, 0.3, 0.5), 0.22, 0.04), REST)
    assert not left[0, 0].any() and not right[0, 0].any()
    assert left[0, -1] == pytest.approx([0.96, -0.22])
    assert right[0, -1] == pytest.approx([1.04, 0.22])


def test_shapes_go_straight_from_end_diastole_to_end_systole():
    anatomy = draw_recipe(Conditions(), 0, 1, 4).anatomy
    for side in ventricle.sides(anatomy, np.array([0.0, 0.5, 1.0])):
        assert np.allclose(side[1], (side[0] + side[2]) / 2)


def test_a_wall_that_does_not_move_is_made_up_for_by_the_other():
    anatomy = shaped((0.3,) * 4)
    plain, leaning = (ventricle.sides(replace(anatomy, asymmetry=shift), BOTH) for shift in (0.0, 0.05))
    for before, after in zip(plain, leaning, strict=True):
        assert np.array_equal(before[0], after[0])
        assert (after[1] - before[1])[:, 1].min() == pytest.approx(-0.05, abs=1e-4)
    assert ventricle.disc_integral(*leaning)[1] == pytest.approx(ventricle.disc_integral(*plain)[1])


def test_a_heart_whose_walls_cross_is_refused():
    assert sound(shaped((0.3, 0.4, 0.2, 0.4)))
    assert not sound(shaped((0.3, -0.9, -0.9, 0.4)))


def test_a_pointed_apex_is_a_heart_and_a_waist_is_none():
    assert sound(shaped((0.05, 0.4, 0.2, 0.4)))
    assert not sound(shaped((0.6, 0.6, -0.7, 0.1)))


def test_an_annulus_half_way_up_the_wall_is_refused():
    assert not sound(shaped((0.3, 0.4, 0.2, 0.4), tilt=0.3))


def circle(vertices=40):
    """(1, vertex, 2) most of a circle about the origin, at falling angles."""
    angle = np.linspace(2.6, -2.6, vertices)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]


def test_contours_without_a_fold_stay_as_they_are():
    assert np.array_equal(ventricle.unfolded(circle()), circle())


def test_a_fold_becomes_a_straight_line_and_the_rest_stays():
    folded = circle()
    folded[0, 18:22] = folded[0, 21:17:-1]
    made = ventricle.unfolded(folded)
    angles = np.unwrap(np.arctan2(made[..., 1], made[..., 0]), axis=1)
    assert (np.diff(angles, axis=1) <= 1e-12).all()
    assert np.array_equal(made[0, :17], circle()[0, :17]) and np.array_equal(made[0, 23:], circle()[0, 23:])
    assert np.allclose(ventricle.unfolded(made), made)


def test_a_contour_that_leaves_the_origin_outside_stays_as_it_is():
    outside = circle()[:, ::-1].copy()
    assert np.array_equal(ventricle.unfolded(outside), outside)
