import numpy as np
import pytest
from planted_hearts import ellipse
from scipy import ndimage
from scipy.spatial.distance import cdist, directed_hausdorff

from echodfkd.errors import InputError
from echodfkd.measure.boundary import (
    boundary_distances,
    boundary_pixels,
    directed_distances,
    hd95,
    image_diagonal,
    surface_distance,
)


def square(top, left, side, size=24):
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def disc(radius, size=120):
    y, x = np.mgrid[:size, :size] - size // 2
    return y**2 + x**2 <= radius**2


def blobs(seed, shape=(6, 30, 33)):
    """Smooth random masks of several pieces, some cut by the image's border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), (0, 2.5, 2.5))
    return noise > np.quantile(noise, 0.7)


def brute(a, b, spacing=(1.0, 1.0)):
    """Both distances of one frame from SciPy's erosion and the table of all distances."""
    outlines = [np.argwhere(mask & ~ndimage.binary_erosion(mask)) * np.array(spacing) for mask in (a, b)]
    table = cdist(*outlines)
    there, back = table.min(axis=1), table.min(axis=0)
    return max(np.percentile(there, 95), np.percentile(back, 95)), np.append(there, back).mean()


def test_a_square_moved_by_two_pixels_has_the_distances_worked_by_hand():
    a, b = square(4, 4, 3), square(4, 6, 3)
    # Eight boundary pixels each. The left column's three are 2, 2 and 2 from b's left column; the middle column's two
    # are 1 from it; the right column's three lie on it: mean 8 / 8. The way back mirrors it.
    assert surface_distance(a, b) == pytest.approx(1.0)
    assert hd95(a, b) == pytest.approx(2.0)


def test_a_square_inside_a_larger_one_has_the_distances_worked_by_hand():
    inner, outer = square(5, 5, 3), square(4, 4, 5)
    # Inner's 8 boundary pixels are 1 away. Of outer's 16, the 12 that are no corners are 1 away, 4 corners root 2.
    assert surface_distance(inner, outer) == pytest.approx((8 + 12 + 4 * np.sqrt(2)) / 24)
    assert hd95(inner, outer) == pytest.approx(np.sqrt(2))  # 4 of 16 exceed 1: the larger direction tells


def test_hd95_is_the_larger_direction_and_not_the_percentile_of_both_together():
    body = square(40, 20, 60, 120)
    spike = body.copy()
    spike[12:40, 50] = True  # 28 of spike's boundary pixels are far from the body; none of the body's from spike
    there, back = directed_distances(spike, body, np.ones(2))
    assert back.max() <= 1
    assert hd95(spike, body) == pytest.approx(np.percentile(there, 95))
    assert hd95(spike, body) > np.percentile(np.append(there, back), 95) + 5


@pytest.mark.parametrize(("small", "large"), [(20, 26), (30, 33), (15, 45)])
def test_circles_about_one_centre_lie_the_difference_of_their_radii_apart(small, large):
    found = boundary_distances(disc(small), disc(large))
    assert found.hd95 == pytest.approx(large - small, abs=0.6)
    assert found.surface_distance == pytest.approx(large - small, abs=0.4)


def test_moving_a_mask_gives_no_more_than_the_step_and_hausdorff_nearly_all_of_it():
    mask, step = disc(30), 7
    found = boundary_distances(mask, np.roll(mask, step, axis=1))
    assert step - 0.6 <= found.hd95 <= step
    assert found.surface_distance == pytest.approx(step * 2 / np.pi, rel=0.06)  # mean of |cos| around a circle


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 0.5), (0.7, 0.3)])
def test_distances_agree_with_the_table_of_all_distances(spacing):
    a, b = blobs(0), blobs(1)
    found = np.stack(boundary_distances(a, b, spacing), axis=-1)
    assert found == pytest.approx(np.array([brute(*pair, spacing) for pair in zip(a, b, strict=True)]))


def test_the_longest_directed_distance_is_scipys_hausdorff():
    a, b = ellipse(30, 14, 0.2), ellipse(27, 17, 0.5)
    there, back = directed_distances(a, b, np.ones(2))
    outlines = [boundary_pixels(mask) for mask in (a, b)]
    assert there.max() == pytest.approx(directed_hausdorff(*outlines)[0])
    assert back.max() == pytest.approx(directed_hausdorff(*outlines[::-1])[0])
    assert hd95(a, b) <= max(there.max(), back.max())


def test_boundary_distances_are_symmetric_and_zero_only_for_itself():
    a, b = blobs(2), blobs(3)
    for measure in (hd95, surface_distance):
        assert measure(a, b) == pytest.approx(measure(b, a))
        assert (measure(a, b) > 0).all()
        assert np.array_equal(measure(a, a), np.zeros(len(a)))


def test_moving_turning_and_mirroring_both_masks_changes_nothing():
    a, b = (np.pad(mask, 10) for mask in (blobs(4)[0], blobs(5)[0]))
    for move in (lambda m: np.roll(m, (3, -5), (0, 1)), np.rot90, np.flipud):
        assert boundary_distances(move(a), move(b)) == pytest.approx(boundary_distances(a, b))


def test_millimetres_are_pixels_times_the_spacing_and_each_axis_has_its_own():
    a, b = blobs(6), blobs(7)
    assert hd95(a, b, (0.4, 0.4)) == pytest.approx(0.4 * hd95(a, b))
    across, down = square(4, 4, 1), square(4, 9, 1)
    assert hd95(across, down, (2.0, 0.3)) == pytest.approx(5 * 0.3)
    assert hd95(across.T, down.T, (2.0, 0.3)) == pytest.approx(5 * 2.0)


def test_the_boundary_has_the_pixels_with_a_neighbour_outside_and_the_image_ends_it():
    full = np.ones((4, 5), bool)
    assert len(boundary_pixels(full)) == 14
    assert np.array_equal(boundary_pixels(full), np.argwhere(full & ~ndimage.binary_erosion(full)))
    ring = square(2, 2, 5)
    ring[4, 4] = False
    assert len(boundary_pixels(ring)) == 16 + 4  # the hole's edge neighbours; its diagonal ones are inside


def test_two_empty_masks_agree_and_one_alone_has_no_distance_unless_told():
    empty, full = np.zeros((2, 24, 24), bool), np.stack([square(2, 2, 5)] * 2)
    full[1] = False
    for measure in (hd95, surface_distance):
        assert np.array_equal(measure(empty, full), [np.nan, 0.0], equal_nan=True)
        assert measure(full, empty, missing=image_diagonal((24, 24))).tolist() == [np.hypot(23, 23), 0.0]


def test_no_distance_exceeds_the_images_diagonal():
    first, last = np.zeros((9, 13), bool), np.zeros((9, 13), bool)
    first[0, 0], last[-1, -1] = True, True
    assert hd95(first, last, (0.5, 2.0)) == image_diagonal((9, 13), (0.5, 2.0)) == pytest.approx(np.hypot(4, 24))


def test_leading_axes_are_kept():
    masks = blobs(8, (6, 20, 20)).reshape(2, 3, 20, 20)
    found = boundary_distances(masks, masks[::-1])
    assert found.hd95.shape == found.surface_distance.shape == (2, 3)
    assert found.hd95[1, 2] == hd95(masks[1, 2], masks[0, 2])
    assert hd95(masks[:0], masks[:0]).shape == (0, 3)


def test_masks_that_cannot_be_compared_and_impossible_spacings_are_refused():
    with pytest.raises(InputError, match=r"got bool \(1, 3, 3\) and bool \(1, 3, 4\)"):
        hd95(np.zeros((1, 3, 3), bool), np.zeros((1, 3, 4), bool))
    with pytest.raises(InputError, match="float64"):
        surface_distance(np.zeros((1, 3, 3)), np.zeros((1, 3, 3), bool))
    with pytest.raises(InputError, match="lengths above 0"):
        hd95(disc(3), disc(3), (0.0, 1.0))
