import numpy as np
import pytest
from planted_hearts import ellipse
from scipy.spatial import Delaunay

from echodfkd.errors import InputError
from echodfkd.measure.shape import (
    area_curve,
    centroid,
    component_areas,
    largest_component,
    solidity,
    touches_border,
)


def two_pieces():
    mask = np.zeros((8, 8), bool)
    mask[1:3, 1:3], mask[4:7, 4:7] = True, True
    return mask


def test_area_curve_counts_the_pixels_of_each_frame():
    assert area_curve(np.stack([two_pieces(), np.zeros((8, 8), bool)])).tolist() == [13, 0]


def test_components_are_counted_largest_first_and_the_largest_is_kept():
    assert component_areas(two_pieces()).tolist() == [9, 4]
    kept = largest_component(two_pieces())
    assert kept.sum() == 9
    assert kept[5, 5]


def test_pixels_that_share_only_a_corner_are_two_components():
    assert component_areas(np.eye(2, dtype=bool)).tolist() == [1, 1]


def test_largest_component_leaves_single_and_empty_masks_alone():
    empty = np.zeros((4, 4), bool)
    assert not largest_component(empty).any()
    assert component_areas(empty).size == 0
    assert np.array_equal(largest_component(np.ones((4, 4), bool)), np.ones((4, 4), bool))


@pytest.mark.parametrize("place", [(0, 3), (7, 3), (3, 0), (3, 7)])
def test_a_pixel_on_any_side_touches_the_border(place):
    mask = two_pieces()
    assert not touches_border(mask)
    mask[place] = True
    assert touches_border(mask)


def test_probabilities_are_refused_with_the_way_on():
    with pytest.raises(InputError, match="got float32"):
        area_curve(np.zeros((2, 3, 3), np.float32))


def test_the_centroid_is_the_mean_place_of_the_pixels():
    assert centroid(two_pieces()) == pytest.approx(np.argwhere(two_pieces()).mean(axis=0))
    assert np.isnan(centroid(np.zeros((4, 4), bool))).all()


@pytest.mark.parametrize("a", [1, 2, 5, 28])
@pytest.mark.parametrize("angle", [0, 0.4, 1.1])
def test_a_digitised_ellipse_is_exactly_convex_at_any_size(a, angle):
    assert solidity(ellipse(a, 0.6 * a, angle)) == 1


def test_solidity_of_shapes_worked_by_hand():
    corner = np.zeros((9, 9), bool)
    corner[1:6, 1], corner[5, 1:6] = True, True  # an L of 9 pixels; its hull is a triangle over 1 + 2 + 3 + 4 + 5
    assert solidity(corner) == 9 / 15
    bay = np.ones((5, 5), bool)
    bay[:3, 2] = False
    assert solidity(bay) == 22 / 25
    assert solidity(two_pieces()) == 1  # of the largest piece alone
    for flat in (np.zeros((3, 3), bool), np.eye(3, dtype=bool), np.ones((1, 7), bool), np.ones((7, 1), bool)):
        assert solidity(flat) == 1


def test_solidity_counts_the_pixels_that_a_triangulation_finds_in_the_hull():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = largest_component(rng.random((12, 15)) < 0.7)
        points = np.argwhere(np.ones_like(mask))
        inside = Delaunay(np.argwhere(mask)).find_simplex(points) >= 0
        assert solidity(mask) == pytest.approx(mask.sum() / inside.sum())
