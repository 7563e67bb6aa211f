from dataclasses import replace

import numpy as np
import pytest
from skimage.draw import polygon2mask

from echodfkd.errors import InputError
from echodfkd.synthetic import population, raster, ventricle
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.dials import sees
from echodfkd.synthetic.heart import heart, resting_contour
from echodfkd.synthetic.recipe import Conditions, draw_recipe


def recipe(number=0, fraction=60.0, frames=60):
    wanted = Conditions(ejection_fraction=(fraction, fraction), heart_rate=(75, 75), fps=(50, 50))
    drawn = draw_recipe(wanted, 8, number, frames)
    return replace(drawn, anatomy=replace(drawn.anatomy, drift=0.0, rocking=0.0))


def shapes(drawn):
    return heart(drawn.anatomy, drawn.tracing, cycle(drawn.rhythm, drawn.frames))


def average(drawn):
    """The same clip with the ventricle of the population's mean for its ejection fraction."""
    mean = population.ventricle(np.zeros(population.size()), drawn.rhythm.ejection_fraction)
    return replace(drawn, anatomy=replace(drawn.anatomy, asymmetry=0.0, **mean))


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


def rotated(contour, side):
    """The polygon (vertex, 2) in mm, its apex at the origin and its annulus' middle on the first axis."""
    points = contour * side
    apex = points[len(points) // 2]
    axis = (points[0] + points[-1]) / 2 - apex
    along = axis / np.linalg.norm(axis)
    return (points - apex) @ np.stack([along, [along[1], -along[0]]], axis=1)


def disc_volume(polygon, step=0.2):
    """ml of a polygon (vertex, 2) in mm by discs across its first axis: rows of filled pixels."""
    pixels = (polygon - polygon.min(axis=0)) / step + 1
    filled = polygon2mask(np.ceil(pixels.max(axis=0)).astype(int) + 2, pixels)
    return np.pi / 4 * (filled.sum(axis=1) * step) ** 2 @ np.full(len(filled), step) / 1000


@pytest.mark.parametrize("number", range(4))
def test_discs_of_the_traced_contour_hold_the_wanted_volume(number):
    drawn = recipe(number, 40 + 10 * number)
    found = shapes(drawn)
    wanted = found.volume[0] * cycle(drawn.rhythm, drawn.frames).volume / cycle(drawn.rhythm, drawn.frames).volume[0]
    for frame in range(0, drawn.frames, 12):
        volume = disc_volume(rotated(found.endocardium[frame], found.side))
        assert volume == pytest.approx(wanted[frame], rel=0.01)
        assert volume == pytest.approx(found.volume[frame], rel=0.01)


@pytest.mark.parametrize("fraction", [15.0, 45.0, 75.0])
def test_volume_follows_the_curve_and_its_fraction(fraction):
    drawn = recipe(1, fraction)
    beats, found = cycle(drawn.rhythm, drawn.frames), shapes(drawn)
    assert np.allclose(found.volume / found.volume[0], beats.volume / beats.volume[0])
    ed, es = beats.ed_frames[0], beats.es_frames[0]
    assert 100 * (1 - found.volume[es] / found.volume[ed]) == pytest.approx(fraction, abs=1.5)


def test_the_base_descends_further_than_the_apex():
    drawn = average(recipe(2))
    beats, found = cycle(drawn.rhythm, drawn.frames), shapes(drawn)
    contour = found.endocardium * found.side
    ed, es = beats.ed_frames[0], beats.es_frames[0]
    apex, base = (np.linalg.norm(contour[es, i] - contour[ed, i]) for i in (contour.shape[1] // 2, 0))
    assert base > 5
    assert apex < 0.7 * base


def test_the_wall_conserves_its_area():
    drawn = recipe(3)
    length, width = np.array([90.0, 75.0]), np.array([46.0, 32.0])
    unit = ventricle.breadth(*ventricle.sides(drawn.anatomy, np.zeros(1)))[0]
    anatomy = replace(drawn.anatomy, length=90.0, width=46 / (90 * unit))
    thickness = ventricle.thickness(anatomy, length, width).mean(axis=1)
    area = thickness * (2 * length + width) + 2 * thickness**2
    assert area[1] == pytest.approx(area[0])
    assert thickness[1] > thickness[0]


def test_hinges_lie_on_their_annulus_and_the_groove_behind_the_lateral_one():
    found = shapes(recipe(4))
    assert side_of_image(found.mitral, found.landmarks[:, 22]).min() > 0
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
    inner, outer = (raster.radius_table(contour) for contour in (found.inner, found.outer))
    assert (outer - inner).min() > 1


def test_normals_are_of_unit_length_and_point_outward():
    found = shapes(average(recipe(8)))
    assert np.allclose(np.linalg.norm(found.normals, axis=1), 1)
    apex = len(found.normals) // 2
    assert found.normals[apex, 1] < -0.8


def test_no_contour_folds_back_behind_itself():
    # A table of radii has one for each direction; apices moved inwards would tie knots.
    for number in range(20):
        found = shapes(recipe(number, frames=20))
        for contour in (found.traced, found.inner, found.outer):
            angles = np.unwrap(np.arctan2(contour[..., 1], contour[..., 0]), axis=1)
            assert (np.diff(angles, axis=1) < 1e-9).all()


def test_insets_are_the_distance_from_the_tracing_to_the_endocardium():
    drawn = average(recipe(9))
    even = dict.fromkeys(("septal", "apical", "lateral"), 3.0)
    even |= dict.fromkeys(("septal_more", "apical_more", "lateral_more"), 0.0)
    found = shapes(replace(drawn, tracing=replace(drawn.tracing, **even)))
    distance = np.linalg.norm(found.inner - found.traced, axis=-1)[:, 7:-7]
    assert np.allclose(distance, 3)


def test_a_weak_heart_changes_its_tracing_less():
    even = dict.fromkeys(("septal", "apical", "lateral"), 0.0)
    moved = []
    for fraction in (20.0, 55.0):
        drawn = average(recipe(9, fraction))
        systolic = dict.fromkeys(("septal_more", "apical_more", "lateral_more"), 4.0)
        found = shapes(replace(drawn, tracing=replace(drawn.tracing, **even, **systolic)))
        moved.append(np.linalg.norm(found.inner - found.traced, axis=-1)[:, 7:-7].max())
    assert moved == pytest.approx([4 * 20 / 55, 4], rel=0.1)  # no beat fills quite like another


def test_the_sector_holds_the_ventricle():
    for number in range(30):
        drawn = recipe(number, frames=4)
        assert sees(drawn.acoustics, resting_contour(drawn.anatomy))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"length": 0}, "length .*above 0, got 0"),
        ({"base_width_es": 0}, "base_width_es .*above 0, got 0"),
        ({"coaptation": 1.2}, r"coaptation .*got 1\.2"),
    ],
)
def test_anatomy_refuses_nonsense(change, words):
    with pytest.raises(InputError, match=words):
        replace(recipe().anatomy, **change)


@pytest.mark.parametrize(
    ("group", "change", "words"),
    [
        ("acoustics", {"half_angle": 95}, "half angle"),
        ("acoustics", {"lateral": 0.8}, "point spread"),
        ("display", {"dynamic_range": 0}, "above 0"),
        ("display", {"smoothing": 2}, "in 0..1"),
        ("tissue", {"segments": (1.0,)}, "2 segments"),
        ("tissue", {"septal_edge": 0}, "septal_edge .*above 0"),
        ("tracing", {"base_more": 16}, "base_more .*got 16"),
    ],
)
def test_dials_refuse_nonsense(group, change, words):
    with pytest.raises(InputError, match=words):
        replace(getattr(recipe(), group), **change)
