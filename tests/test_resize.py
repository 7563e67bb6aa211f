import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.ndimage import gaussian_filter

from echodfkd.errors import InputError
from echodfkd.resize import fit, resized, square_pixels, unfit

RNG = np.random.default_rng(7)
sizes = st.integers(1, 40)


def block_mean(frames: np.ndarray, factor: int) -> np.ndarray:
    height, width = frames.shape[-2:]
    blocks = frames.reshape(-1, height // factor, factor, width // factor, factor)
    return np.floor(blocks.mean(axis=(2, 4)) + 0.5).astype(np.uint8)


def disc(height: int, width: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2) < radius
    return (255 * inside).astype(np.uint8)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_fit_is_the_block_mean_for_whole_factors(factor):
    frames = RNG.integers(0, 256, (4, 12 * factor, 12 * factor), dtype=np.uint8)
    np.testing.assert_array_equal(fit(frames, 12), block_mean(frames, factor))


def test_fit_weighs_by_covered_area_where_pixels_are_split():
    # 3 pixels on 2: each result pixel covers one whole pixel and half of the middle one.
    row = np.array([[0, 90, 180]], np.uint8)
    square = np.repeat(row, 3, axis=0)
    np.testing.assert_array_equal(fit(square, 2), [[30, 150], [30, 150]])


def test_fit_rounds_half_up():
    assert fit(np.array([[1, 2], [1, 2]], np.uint8), 1) == 2
    assert fit(np.array([[2, 3], [2, 3]], np.uint8), 1) == 3


def test_fit_is_exact_in_both_working_precisions():
    # 317 is prime: the weights add up to 317 squared, beyond what float32 adds exactly.
    frame = RNG.integers(0, 256, (317, 317), dtype=np.uint8)
    share = np.zeros((112, 317))
    for pixel in range(112):
        for source in range(317):
            share[pixel, source] = max(0, min((pixel + 1) * 317, (source + 1) * 112) - max(pixel * 317, source * 112))
    expected = np.floor(share @ frame @ share.T / 317**2 + 0.5)
    np.testing.assert_array_equal(fit(frame, 112), expected)


@given(sizes, st.integers(0, 255))
def test_a_constant_square_stays_constant(size, level):
    assert (fit(np.full((9, 9), level, np.uint8), size) == level).all()


@given(sizes, sizes, st.floats(0, 1, width=32))
def test_a_constant_mask_stays_constant(height, width, level):
    masks = np.full((2, 16, 16), level, np.float32)
    np.testing.assert_allclose(unfit(masks, height, width), level, atol=1e-6)


def test_nothing_changes_at_the_own_size():
    frames = RNG.integers(0, 256, (3, 20, 20), dtype=np.uint8)
    masks = RNG.random((3, 2, 20, 20), dtype=np.float32)
    np.testing.assert_array_equal(fit(frames, 20), frames)
    np.testing.assert_array_equal(unfit(masks, 20, 20), masks)


@given(sizes, sizes, sizes)
@settings(deadline=None)
def test_a_frame_does_not_depend_on_its_neighbours(height, width, size):
    rng = np.random.default_rng(height * 1000 + width)
    frames = rng.integers(0, 256, (5, height, width), dtype=np.uint8)
    masks = rng.random((5, size, size), dtype=np.float32)
    np.testing.assert_array_equal(fit(frames, size)[2], fit(frames[2], size))
    np.testing.assert_array_equal(unfit(masks, height, width)[3], unfit(masks[3], height, width))


@given(sizes, sizes, sizes)
@settings(deadline=None)
def test_any_sizes_give_the_size_asked_for(height, width, size):
    assert fit(np.zeros((2, 1, height, width), np.uint8), size).shape == (2, 1, size, size)
    assert unfit(np.zeros((2, 1, size, size), np.float32), height, width).shape == (2, 1, height, width)


def test_the_longer_side_fills_the_square_and_the_rest_is_black():
    fitted = fit(np.full((20, 40), 200, np.uint8), 10)
    assert (fitted[[0, 1, 8, 9]] == 0).sum() >= 20
    np.testing.assert_array_equal(fitted[3:7], 200)
    np.testing.assert_array_equal(fit(np.full((40, 20), 200, np.uint8), 10), fitted.T)


@pytest.mark.parametrize(("height", "width"), [(200, 320), (320, 200), (224, 224)])
def test_a_circle_stays_a_circle(height, width):
    fitted = fit(disc(height, width, 80), 112).astype(float)
    radius = 80 * 112 / max(height, width)
    np.testing.assert_allclose(fitted.sum() / 255, np.pi * radius**2, rtol=0.01)
    tall, wide = np.ptp(np.nonzero(fitted > 127), axis=1)
    assert abs(tall - wide) <= 1


def test_going_up_repeats_pixels():
    small = np.array([[10, 20], [30, 40]], np.uint8)
    np.testing.assert_array_equal(fit(small, 6), np.kron(small, np.ones((3, 3), np.uint8)))


def test_unfit_is_bilinear_between_pixel_centres_going_up():
    masks = RNG.random((8, 8), dtype=np.float32)
    oracle = ndimage.zoom(masks.astype(np.float64), 4, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(unfit(masks, 32, 32), oracle, atol=1e-6)


def test_unfit_is_the_mean_going_down():
    masks = RNG.random((12, 12), dtype=np.float32)
    np.testing.assert_allclose(unfit(masks, 4, 4), masks.reshape(4, 3, 4, 3).mean(axis=(1, 3)), rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(112, 112), (300, 400), (401, 303), (90, 60), (1, 50)])
def test_a_smooth_mask_survives_the_way_there_and_back(height, width):
    radius = max(height, width) / 5
    mask = gaussian_filter(disc(height, width, radius).astype(np.float64), max(height, width) / 30, mode="nearest")
    there = fit(np.rint(mask).astype(np.uint8), 112).astype(np.float32) / 255
    # Half the distance to the padding is not defined by the mask: compare away from the cut edges.
    back = unfit(there, height, width)
    edge = 3 if min(height, width) > 20 else 0
    inner = np.s_[edge : height - edge, edge : width - edge]
    error = np.abs(back - mask / 255)[inner]
    assert error.max() < (0.03 if height > 1 else 0.6)


def test_other_types_and_shapes_are_refused():
    with pytest.raises(InputError, match=r"got float32 \(4, 4\)"):
        fit(np.zeros((4, 4), np.float32), 8)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one pixel"):
        fit(np.zeros((3, 0, 4), np.uint8), 8)
    with pytest.raises(InputError, match="one pixel a side, got 0"):
        fit(np.zeros((4, 4), np.uint8), 0)
    with pytest.raises(InputError, match="must be square"):
        unfit(np.zeros((4, 5), np.float32), 8, 8)


def test_pixels_become_square_by_averaging_the_finer_side():
    frame = np.array([[10, 1], [20, 2], [31, 4], [40, 4]], np.uint8)
    np.testing.assert_array_equal(square_pixels(frame, (0.5, 1.0)), [[15, 2], [36, 4]])  # halves are rounded up
    np.testing.assert_array_equal(square_pixels(frame.T, (1.0, 0.5)), [[15, 36], [2, 4]])
    assert square_pixels(np.zeros((90, 60), np.uint8), (0.2, 0.3)).shape == (60, 60)
    assert square_pixels(np.zeros((1, 60), np.uint8), (0.1, 0.3)).shape == (1, 60)


def test_square_or_unknown_pixels_are_left_alone():
    frame = np.arange(12, dtype=np.uint8).reshape(4, 3)
    for spacing in (None, (0.3, 0.3), (0.3, 0.303)):
        assert square_pixels(frame, spacing) is frame


def test_a_smooth_mask_comes_back_from_square_pixels():
    mask = gaussian_filter(disc(120, 90, 24).astype(np.float64), 4)
    seen = square_pixels(np.rint(mask).astype(np.uint8), (0.154, 0.308)).astype(np.float32) / 255
    assert seen.shape == (60, 90)
    back = resized(np.stack([seen, seen]), 120, 90)
    assert back.shape == (2, 120, 90) and np.abs(back - mask / 255).max() < 0.03
    assert resized(seen, 60, 90) is seen


def test_clips_of_flat_pixels_are_seen_as_those_of_square_ones():
    frames = RNG.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    flat = np.repeat(frames, 2, axis=1)
    np.testing.assert_array_equal(fit(flat, 16, (0.2, 0.4)), fit(frames, 16))
    np.testing.assert_array_equal(fit(flat, 16, (0.4, 0.4)), fit(flat, 16))
    assert (fit(flat, 16) != fit(frames, 16)).any()


def test_masks_find_their_way_back_to_flat_pixels():
    mask = gaussian_filter(disc(40, 60, 12).astype(np.float64), 3)
    frames = np.rint(mask).astype(np.uint8)
    flat = np.repeat(frames, 2, axis=0)
    back = unfit(fit(flat, 56, (0.2, 0.4)).astype(np.float32) / 255, *flat.shape, (0.2, 0.4))
    assert back.shape == flat.shape and np.abs(back - flat / 255).max() < 0.05


# Zoom


def test_a_zoom_sees_the_middle_alone():
    frames = RNG.integers(0, 256, (2, 40, 40), dtype=np.uint8)
    np.testing.assert_array_equal(fit(frames, 10, zoom=2), block_mean(frames[:, 10:30, 10:30], 2))


def test_below_one_it_sees_more_than_there_is():
    found = fit(np.full((16, 16), 200, np.uint8), 8, zoom=0.5)
    np.testing.assert_array_equal(found, np.pad(np.full((4, 4), 200), 2))


@given(sizes, sizes, sizes, st.sampled_from([0.5, 0.85, 1.0, 1.17, 2.0]))
def test_what_a_zoom_shows_comes_back_and_the_rest_is_unknown(height, width, size, zoom):
    back = unfit(np.full((1, size, size), 0.5, np.float32), height, width, zoom=zoom)
    known = np.isfinite(back)
    assert back.shape == (1, height, width) and np.allclose(back[known], 0.5, atol=1e-6)
    side = max(1, round(max(height, width) / zoom))
    assert known.sum() == min(side, height) * min(side, width)


def test_a_smooth_mask_survives_every_zoom_there_and_back():
    grey = gaussian_filter(disc(112, 112, 30), 4)
    for zoom in (0.85, 0.92, 1.08, 1.17):
        back = unfit((fit(grey, 64, zoom=zoom) / np.float32(255))[None], 112, 112, zoom=zoom)[0]
        known = np.isfinite(back)
        assert known[10:-10, 10:-10].all() and np.abs(back - grey / 255)[known].max() < 0.05
