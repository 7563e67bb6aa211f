import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.errors import InputError
from echodfkd.measure.beats import Events, beat_events
from echodfkd.measure.ejection import (
    area_length_volume,
    cardiobench_csv,
    disc_volume,
    ejection_at_by_method,
    ejection_by_method,
    ejection_fraction,
    ejection_of_beats,
    long_axis,
)
from echodfkd.measure.shape import area_curve

ANGLES = [0, 0.3, np.pi / 4, 1.2, np.pi / 2, 2.5]


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(("a", "b"), [(30, 15), (24, 10), (40, 25)])
def test_volume_of_an_ellipse_is_the_ellipsoids(a, b, angle):
    truth = 4 / 3 * np.pi * a * b**2
    assert disc_volume(ellipse(a, b, angle)) == pytest.approx(truth, rel=0.015)


@pytest.mark.parametrize("angle", ANGLES)
def test_volume_of_half_an_ellipse_is_half_an_ellipsoid(angle):
    mask = ellipse(120, 40, angle, size=300, half=True)
    assert disc_volume(mask) == pytest.approx(2 / 3 * np.pi * 120 * 40**2, rel=0.015)


def test_volume_grows_with_the_cube_of_the_size():
    small, large = (disc_volume(ellipse(24 * k, 11 * k, 0.4, size=112 * k)) for k in (1, 2))
    assert large / small == pytest.approx(8, rel=0.01)


def test_turning_the_image_by_a_right_angle_or_mirroring_it_keeps_the_volume():
    mask = ellipse(30, 14, 0.5, half=True)
    for turned in (np.rot90(mask), mask[::-1], mask[:, ::-1], mask.T):
        assert disc_volume(turned) == pytest.approx(disc_volume(mask), rel=1e-4)


def test_a_mask_cut_by_the_image_border_loses_nothing_to_it():
    mask = ellipse(30, 14, 0)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert disc_volume(tight) == pytest.approx(disc_volume(mask), rel=1e-4)


def test_a_rectangle_is_a_cylinder():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 20:36] = True
    assert disc_volume(mask) == pytest.approx(np.pi / 4 * 16**2 * 40, rel=0.02)


def test_spacing_gives_millilitres_and_may_differ_between_axes():
    mask = ellipse(30, 15, 0)
    assert disc_volume(mask, (2.0, 2.0)) == pytest.approx(8 * disc_volume(mask) / 1000, rel=1e-3)
    assert disc_volume(mask, (1.0, 0.5)) == pytest.approx(4 / 3 * np.pi * 30 * 7.5**2 / 1000, rel=0.015)


@pytest.mark.parametrize("angle", ANGLES)
def test_the_long_axis_of_a_turned_ellipse_is_found(angle):
    axis = long_axis(ellipse(32, 14, angle))
    assert abs(axis.direction @ [np.cos(angle), np.sin(angle)]) == pytest.approx(1, abs=1e-3)
    assert axis.length == pytest.approx(64, abs=1.5)
    assert axis.width == pytest.approx(28, abs=1.5)
    assert axis.elongation == pytest.approx(32 / 14, rel=0.03)
    assert axis.centre == pytest.approx([55.7, 55.7], abs=0.3)


def test_empty_and_single_pixel_masks():
    empty, one = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    one[4, 4] = True
    assert disc_volume(empty) == 0
    assert disc_volume(one) == pytest.approx(np.pi / 4, rel=0.5)
    with pytest.raises(InputError, match="long axis"):
        long_axis(empty)


def test_impossible_dials_are_refused():
    with pytest.raises(InputError, match="one disc"):
        disc_volume(ellipse(9, 4), discs=0)
    with pytest.raises(InputError, match="lengths above 0"):
        disc_volume(ellipse(9, 4), (0.0, 1.0))


def ellipsoids(area_curve):
    """Ellipses that shrink evenly in all directions, so that their volume follows the curve."""
    return np.stack([ellipse(28 * k, 14 * k, 0.2) for k in np.cbrt(area_curve / area_curve.max())])


@pytest.mark.parametrize("ef", [30, 50, 65])
def test_the_planted_ejection_fraction_of_every_beat_is_recovered(ef):
    curve, ed, es = beating(150, 50, 70)
    volume = 1 - ef / 100 * (1000 - curve) / 400
    found = ejection_fraction(ellipsoids(volume), Events(tuple(ed), tuple(es)))
    assert len(found.per_beat) >= 2
    assert found.per_beat == pytest.approx([ef] * len(found.per_beat), abs=2)
    assert found.median == pytest.approx(ef, abs=1.5)


def test_ejection_fraction_ignores_stray_pixels_and_square_pixels_size():
    curve, ed, es = beating(80, 50, 70)
    masks, events = ellipsoids(curve), Events(tuple(ed), tuple(es))
    speckled = masks.copy()
    speckled[:, 2:5, 2:5] = True
    plain = ejection_fraction(masks, events)
    assert ejection_fraction(speckled, events) == plain
    assert ejection_fraction(masks, events, (0.4, 0.4)).median == pytest.approx(plain.median)


def test_flicker_does_not_pass_for_contraction():
    """The extremes of a noisy curve lie where the noise was extreme; the median of near frames undoes much of it."""
    curve, _, _ = beating(200, 50, 60)
    errors = []
    for seed in range(6):
        flicker = np.random.default_rng(seed).normal(1, 0.06, 200)
        masks = ellipsoids(np.append((1 - 0.4 * (1000 - curve) / 400) * flicker, 1.3))[:-1]  # true EF 40 %
        events = beat_events(area_curve(masks), 50)
        errors.append([ejection_fraction(masks, events, steady_s=steady).median - 40 for steady in (0, 0.02)])
    single, steady = np.sqrt(np.mean(np.square(errors), axis=0))
    assert steady < 0.8 * single
    assert np.mean(errors, axis=0)[1] < np.mean(errors, axis=0)[0] - 0.5  # the luck of extremes only adds


def test_ejection_by_hand_and_beats_without_a_volume_left_out():
    found = ejection_of_beats([(0, 5), (9, 14), (20, 25)], [(100.0, 40.0), (0.0, 0.0), (80.0, 40.0)])
    assert found.per_beat == (60.0, 50.0)
    assert found.beats == ((0, 5), (20, 25))
    assert found.median == 55.0
    assert ejection_of_beats([], []).median is None


def test_events_outside_the_clip_are_refused():
    with pytest.raises(InputError, match="3 frames"):
        ejection_fraction(np.ones((3, 8, 8), bool), Events((1,), (3,)))


@pytest.mark.parametrize("angle", ANGLES)
def test_area_length_of_ellipses_and_of_half_ones_is_exact(angle):
    whole = area_length_volume(ellipse(60, 30, angle, size=200))
    assert whole == pytest.approx(4 / 3 * np.pi * 60 * 30**2, rel=0.02)
    half = area_length_volume(ellipse(120, 40, angle, size=300, half=True))
    assert half == pytest.approx(2 / 3 * np.pi * 120 * 40**2, rel=0.02)


def test_area_length_by_hand_on_a_rectangle():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 20:36] = True
    assert area_length_volume(mask) == pytest.approx(8 * (40 * 16) ** 2 / (3 * np.pi * 40))
    assert area_length_volume(mask, (0.5, 0.5)) == pytest.approx(8 * (40 * 16) ** 2 / (3 * np.pi * 40) / 8 / 1000)
    assert area_length_volume(mask, (0.5, 0.25)) == pytest.approx(8 * (20 * 4) ** 2 / (3 * np.pi * 20) / 1000)
    assert area_length_volume(np.zeros((9, 9), bool)) == 0


def rectangles(*sides):
    masks = np.zeros((len(sides), 40, 40), bool)
    for mask, (height, width) in zip(masks, sides, strict=True):
        mask[5 : 5 + height, 5 : 5 + width] = True
    return masks


def test_three_ejection_fractions_by_hand_on_rectangles():
    found = ejection_at_by_method(rectangles((30, 10), (24, 8)), [(0, 1)], fps=50.0, steady_s=0)
    assert list(found) == ["discs", "area_length", "area_ratio"]
    assert found["area_ratio"].per_beat == pytest.approx((100 * (300 - 192) / 300,))  # 36 %
    assert found["area_length"].per_beat == pytest.approx((100 * (1 - (192**2 / 24) / (300**2 / 30)),))  # 48.8 %
    assert found["discs"].per_beat == pytest.approx((100 * (1 - 8**2 * 24 / (10**2 * 30)),), abs=0.7)  # cylinders
    assert found["area_ratio"].ed_volumes == (300.0,)


def test_all_methods_take_the_same_beats_and_the_median_of_the_same_frames():
    masks = rectangles((30, 10), (30, 12), (30, 11), (20, 9), (20, 7), (20, 8))
    found = ejection_at_by_method(masks, [(1, 4)], fps=50.0)  # a frame to both sides
    assert {ejection.beats for ejection in found.values()} == {((1, 4),)}
    assert found["area_ratio"].ed_volumes == (330.0,)
    assert found["area_ratio"].es_volumes == (160.0,)
    assert found["area_length"].ed_volumes == pytest.approx((8 * 330**2 / (3 * np.pi * 30),))


@pytest.mark.parametrize("ef", [30, 60])
def test_every_method_tells_its_own_truth_of_ellipsoids_that_shrink_evenly(ef):
    curve, ed, es = beating(150, 50, 70)
    masks = ellipsoids(1 - ef / 100 * (1000 - curve) / 400)
    events = Events(tuple(ed), tuple(es))
    found = ejection_by_method(masks, events)
    assert found["discs"].median == pytest.approx(ef, abs=1.5)
    assert found["area_length"].median == pytest.approx(ef, abs=2)
    assert found["area_ratio"].median == pytest.approx(100 * (1 - (1 - ef / 100) ** (2 / 3)), abs=1.5)
    assert found["discs"] == ejection_fraction(masks, events)
    assert ejection_by_method(masks, events, methods=["area_ratio"]) == {"area_ratio": found["area_ratio"]}


def test_the_area_ratio_does_not_see_how_the_area_is_spread():
    """A wall that moves in by a fifth and one that shortens by a fifth: one area, two volumes."""
    masks = rectangles((30, 10), (30, 8), (24, 10))
    thinner, shorter = (ejection_at_by_method(masks, [(0, es)], 50.0, steady_s=0) for es in (1, 2))
    assert thinner["area_ratio"].median == shorter["area_ratio"].median == pytest.approx(20)
    for method in ("discs", "area_length"):
        assert thinner[method].median > shorter[method].median + 10


def test_unknown_methods_are_refused():
    with pytest.raises(InputError, match="area_ratio, got biplane"):
        ejection_by_method(np.ones((3, 8, 8), bool), Events((), ()), methods=["biplane"])


def test_the_cardiobench_file_has_its_header_and_a_line_for_every_clip():
    rows = [
        {"name": "0X1A", "ef_predicted": 54.3219, "ef_area_ratio": 40.0},
        {"name": "b, c", "ef_predicted": None, "ef_area_ratio": 0.0},
    ]
    assert cardiobench_csv(rows) == 'FileName,EF_pred\n0X1A,54.32\n"b, c",\n'
    assert cardiobench_csv(rows, "ef_area_ratio") == 'FileName,EF_pred\n0X1A,40.00\n"b, c",0.00\n'
    assert cardiobench_csv([]) == "FileName,EF_pred\n"
    with pytest.raises(InputError, match="got 0X1A more than once"):
        cardiobench_csv(rows[:1] * 2)
