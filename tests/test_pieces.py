import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from echodfkd.pieces import pieces


@given(st.integers(1, 24), st.integers(1, 24), st.floats(0, 1), st.integers(0, 1000))
@settings(deadline=None)
def test_pieces_are_those_that_scipy_labels_in_its_order(height, width, share, seed):
    mask = np.random.default_rng(seed).random((height, width)) < share
    labels, count = ndimage.label(mask)
    found = pieces(mask)
    assert found.areas.tolist() == np.bincount(labels.ravel(), minlength=1)[1:].tolist()
    for piece in range(count):
        np.testing.assert_array_equal(found.mask(piece), labels == piece + 1)


def test_a_spiral_is_one_piece():
    spiral = np.array([[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]], bool)
    assert pieces(spiral).areas.tolist() == [14]
