import numpy as np
import pytest

from echodfkd.measure.sector import sector, whole_image
from echodfkd.video.fan import fan


def speckled(apex=(4.0, 60.0), depth=100.0, half_angle=38.0, size=112, seed=0):
    """Speckle within a fan."""
    rows, columns = np.mgrid[:size, :size]
    down, aside = rows - apex[0], columns - apex[1]
    inside = (np.hypot(down, aside) <= depth) & (np.abs(np.degrees(np.arctan2(aside, down))) <= half_angle)
    return (inside * np.random.default_rng(seed).integers(0, 200, (6, size, size))).astype(np.uint8)


@pytest.mark.parametrize("apex", [(4, 60), (10, 48), (-8, 55)])
@pytest.mark.parametrize("half_angle", [30, 42])
def test_a_planted_fan_is_found(apex, half_angle):
    found = sector(speckled(apex, 100 - apex[0], half_angle))
    np.testing.assert_allclose(found.apex, apex, atol=4)
    assert found.depth == pytest.approx(100 - apex[0], abs=5)


def test_marks_in_a_corner_do_not_move_it():
    frames = speckled()
    plain = sector(frames)
    frames[:, 100:106, 2:12] = 255
    assert sector(frames) == plain


def test_a_black_clip_is_taken_to_be_filled_by_the_fan():
    assert sector(np.zeros((3, 50, 81), np.uint8)) == whole_image(50, 81)
    assert whole_image(50, 81).apex == (0.0, 40.0)


def test_a_rectangle_has_its_apex_in_the_middle_of_its_upper_edge():
    frames = np.zeros((3, 112, 112), np.uint8)
    frames[:, 10:100, 20:91] = 90
    assert sector(frames).apex == pytest.approx((10.0, 55.0))


def test_the_sector_holds_a_black_cavity_and_no_mark_beside_it():
    frames = np.zeros((2, 9, 12), np.uint8)
    frames[0, 1:8, 1:8] = 50
    frames[0, 3:6, 3:6] = 0
    frames[1, 4, 10] = 200  # a mark
    frames[:, 0] = 5  # what video coding adds
    expected = np.zeros((9, 12), bool)
    expected[1:8, 1:8] = True
    assert np.array_equal(fan(frames), expected)
    assert not fan(np.zeros((2, 4, 4), np.uint8)).any()


@pytest.mark.parametrize("middle", [-30, 0, 25])
def test_a_fan_that_a_shadow_parts_is_whole_and_a_mark_beside_it_is_not_its(middle):
    frames = speckled((0.0, 55.5), 112.0, 44.0)
    rows, columns = np.mgrid[:112, :112]
    shadow = np.abs(np.degrees(np.arctan2(columns - 55.5, rows + 0.5)) - middle) <= 4
    shaded = np.where(shadow | (rows < 12), np.uint8(0), frames)
    shaded[:, 5:12, 100:107] = 200  # a mark
    found, whole = fan(shaded, parted=True), fan(frames) & (rows >= 12)
    assert not (found & ~whole).any() and (whole & ~found).sum() < 0.03 * whole.sum()
    assert fan(shaded).sum() < 0.9 * whole.sum()


def test_a_strip_below_a_fan_is_not_its_part():
    frames = np.zeros((2, 112, 112), np.uint8)
    frames[:, :70] = speckled((0.0, 55.5), 68.0, 44.0)[:2, :70]
    alone = fan(frames, parted=True)
    frames[:, 82:100, 2:110] = 90  # a Doppler's curve
    assert alone.sum() > 18 * 108 > 0.05 * alone.sum()
    assert np.array_equal(fan(frames, parted=True), alone)


@pytest.mark.parametrize("apex", [(2.0, 50.0), (-2.0, 55.5)])
def test_every_pixel_of_a_planted_fan_is_found_up_to_the_image_s_edge_and_no_ruler_two_pixels_beside_it(apex):
    frames = speckled(apex, 112.0, 44.0)
    rows, columns = np.mgrid[:112, :112]
    down, aside = rows - apex[0], columns - apex[1]
    expected = (np.hypot(down, aside) <= 112) & (np.abs(np.degrees(np.arctan2(aside, down))) <= 44)
    assert np.array_equal(fan(frames), expected)
    ends = [int(np.flatnonzero(row)[-1]) + 3 for row in expected[20:40]]
    for row, column in enumerate(ends, start=20):
        frames[:, row, column] = 255
    assert np.array_equal(fan(frames), expected) and sector(frames).apex == pytest.approx(apex, abs=1)
