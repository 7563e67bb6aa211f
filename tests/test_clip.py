"""The vocabulary's own arithmetic."""

from itertools import pairwise

import pytest

from echodfkd.clip import evenly_spread


@pytest.mark.parametrize(("count", "most"), [(1, 1), (1, 5), (7, 7), (7, 50), (100, 5), (31, 30), (2, 1)])
def test_what_is_evenly_spread_begins_with_the_first_has_steps_alike_and_ends_with_the_last(count, most):
    found = evenly_spread(count, most).tolist()
    assert len(found) == min(count, most) and found[0] == 0
    assert found[-1] == count - 1 or most == 1
    steps = {b - a for a, b in pairwise(found)}
    assert not steps or max(steps) - min(steps) <= 1
