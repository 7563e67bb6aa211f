import json

import numpy as np
import pytest
from scipy import stats

from echodfkd.files import plain, shaped
from echodfkd.scores.sizes import SizeScores, StudentRow, size_scores
from echodfkd.stats.intervals import Interval


def row(name, parameters, dice):
    found = None if dice is None else Interval(dice, dice - 0.01, dice + 0.01, 9)
    return StudentRow(name, parameters, 2 * parameters, dice=found, iou=found)


def test_a_grids_scores_are_plain_and_pass_over_students_without_any():
    scores = size_scores([row("a", 1e3, 0.5), row("b", 1e4, None), row("c", 1e5, 0.4), row("d", 1e6, 0.9)])
    told = plain(scores)
    assert json.loads(json.dumps(told)) == told and plain(shaped(SizeScores, told)) == told
    assert scores.front == {"parameters": ["a", "d"], "flops": ["a", "d"]}
    power = scores.laws["parameters"]["dice"].power
    line = stats.linregress([3, 5, 6], np.log10([0.5, 0.6, 0.1]))
    assert power.slope.value == pytest.approx(-line.slope)
    assert scores.laws["flops"]["dice"].power.slope.value == pytest.approx(-line.slope)
    assert scores.laws["parameters"]["dice"].saturating is None
