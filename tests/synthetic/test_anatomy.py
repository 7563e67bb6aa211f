from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.synthetic import ventricle
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.dials import sees
from echodfkd.synthetic.heart import heart, resting_contour
from echodfkd.synthetic.recipe import Conditions, draw_recipe


def recipe(number=0, fraction=60.0, frames=60):
    wanted = Conditions(ejection_fraction=(fraction, fraction), heart_rate=(75, 75), fps=(50, 50))
    drawn = draw_recipe(wanted, 8, number, frames)
    return replace(drawn, anatomy=replace(drawn.anatomy, drift=0.0, rocking=0.0))


def shapes(drawn):
    return heart(drawn.anatomy, cycle(drawn.rhythm, drawn.frames))


def side_of_image(line, points):
    """Value of lines (time, 3) at points (time, ..., 2)."""
    a, b, c = (line[:, i].reshape(-1, *([1] * (points.ndim - 2))) for i in range(3))
    return a * points[..., 0] + b * points[..., 1] + c


def test_the_disc_integral_of_a_circle_is_two_thirds():
    angle = np.linspace(0, np.pi, 400)
    right = np.stack([0.5 - 0.5 * np.cos(angle), 0.5 * np.sin(angle)], axis=-1)[None]
    left = right * [1, -1]
    assert ventricle.disc_integral(left, right)[0] == pytest.approx(2 / 3, rel=1e-3)


def test_the_disc_integral_of_a_box_cut_at_a_slant_is_worked_by_hand():
    # Sides of length 0.9 and 1.1, one apart: a full chord up to 0.9, then the slant takes it to nothing at 1.1.
    left, right = np.array([[[0, -0.5], [0.9, -0.5]]]), np.array([[[0, 0.5], [1.1, 0.5]]])
    assert ventricle.disc_integral(left, right)[0] == pytest.approx(0.9 + 0.2 / 3, rel=2e-3)


@pytest.mark.parametrize("fraction", [15.0, 45.0, 75.0])
def test_volume_follows_the_curve_and_its_fraction(fraction):
    drawn = recipe(1, fraction)
    beats, found = cycle(drawn.rhythm, drawn.frames), shapes(drawn)
    assert np.allclose(found.volume / found.volume[0], beats.volume / beats.volume[0])
    ed, es = beats.ed_frames[0], beats.es_frames[0]
    assert 100 * (1 - found.volume[es] / found.volume[ed]) == pytest.approx(fraction, abs=1.5)


def test_the_base_descends_further_than_the_apex():
    drawn = recipe(2)
    beats, found = cycle(drawn.rhythm, drawn.frames), shapes(drawn)
    contour = found.endocardium * found.side
    ed, es = beats.ed_frames[0], beats.es_frames[0]
    apex, base = (np.linalg.norm(contour[es, i] - contour[ed, i]) for i in (contour.shape[1] // 2, 0))
    assert base > 5
    # Of the shortening the apex takes two fifths at most, the base the rest.
    assert apex < 0.7 * base


def test_the_wall_conserves_its_area():
    drawn = recipe(3)
    length, width = np.array([90.0, 75.0]), np.array([46.0, 32.0])
    anatomy = replace(drawn.anatomy, length=90.0, ratio=90 / 46)
    thickness = ventricle.thickness(anatomy, length, width).mean(axis=1)
    area = thickness * (2 * length + width) + 2 * thickness**2
    assert area[1] == pytest.approx(area[0])
    assert thickness[1] > thickness[0]


def test_hinges_lie_on_their_annulus():
    found = shapes(recipe(4))
    assert np.abs(side_of_image(found.mitral, found.landmarks[:, 18:20])).max() < 1e-9
    assert np.abs(side_of_image(found.tricuspid, found.landmarks[:, 20:22])).max() < 1e-9


def test_shut_leaflets_meet_and_open_ones_part():
    drawn = recipe(5)
    found = shapes(drawn)
    gap = np.linalg.norm(found.leaflets[:, 0, -1] - found.leaflets[:, 1, -1], axis=-1) * found.side
    shut, wide = found.opening == 0, found.opening > 0.9
    assert gap[shut].max() < 2
    assert gap[wide].min() > 5


def test_leaflets_stay_on_the_ventricles_side():
    found = shapes(recipe(6))
    assert side_of_image(found.mitral, found.leaflets[:, :2]).max() < 1e-6


def test_the_outer_contour_encloses_the_inner_one():
    found = shapes(recipe(7))
    inner, outer = (np.hypot(*np.moveaxis(c[:, 7:-7], -1, 0)) for c in (found.inner, found.outer))
    assert (outer - inner).min() > 1


def test_normals_are_of_unit_length_and_point_outward():
    found = shapes(recipe(8))
    assert np.allclose(np.linalg.norm(found.normals, axis=1), 1)
    apex = len(found.normals) // 2
    assert found.normals[apex, 1] < -0.8


def test_the_sector_holds_the_ventricle():
    for number in range(30):
        drawn = recipe(number, frames=4)
        assert sees(drawn.acoustics, resting_contour(drawn.anatomy))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"length": 0}, "length must be above 0, got 0"), ({"widest": 1.2}, "widest must be between 0 and 1, got 1.2")],
)
def test_anatomy_refuses_nonsense(change, words):
    with pytest.raises(InputError, match=words):
        replace(recipe().anatomy, **change)


@pytest.mark.parametrize(
    ("group", "change", "words"),
    [
        ("acoustics", {"half_angle": 95}, "half angle of 0 to 90"),
        ("acoustics", {"lateral": 0.8}, "point spread lie in 0..0.5"),
        ("display", {"dynamic_range": 0}, "must be above 0"),
        ("display", {"smoothing": 2}, "in 0..1"),
        ("tissue", {"segments": (1.0,)}, "at least 2 segments"),
    ],
)
def test_dials_refuse_nonsense(group, change, words):
    with pytest.raises(InputError, match=words):
        replace(getattr(recipe(), group), **change)
