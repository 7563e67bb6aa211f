"""Masks as runs of pixels."""

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.web.runs import mask_of, runs


def test_runs_by_hand():
    mask = np.array([[0, 0, 1], [1, 0, 1]], bool)
    assert runs(mask) == [2, 2, 1, 1]
    assert runs(~mask) == [0, 2, 2, 1, 1]
    assert runs(np.zeros((2, 3), bool)) == [6]
    assert runs(np.ones((2, 3), bool)) == [0, 6]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_mask_comes_back_from_its_runs(share):
    mask = np.random.default_rng(3).random((17, 23)) < share
    assert (mask_of(runs(mask), mask.shape) == mask).all()


@pytest.mark.parametrize("lengths", [[5], [7], [-1, 7], [3.0, 3], [True, 5], [6] + [0] * 10, ["6"]])
def test_what_are_no_runs_of_that_size_is_refused(lengths):
    with pytest.raises(InputError, match="6"):
        mask_of(lengths, (2, 3))
