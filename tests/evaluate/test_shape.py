import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.evaluate.shape import area_curve, component_areas, largest_component, touches_border


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
    with pytest.raises(InputError, match=r"got float32 .* Cut probabilities"):
        area_curve(np.zeros((2, 3, 3), np.float32))
