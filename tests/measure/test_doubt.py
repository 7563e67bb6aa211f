"""Doubt along the outline becomes doubt about the ejection fraction."""

import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.measure.doubt import doubt, doubts, grades, interval
from echodfkd.measure.ejection import disc_volume
from echodfkd.measure.measures import measures

FPS = 50


def soft(reach, frames=120):
    """Grades of a beating heart whose narrow and wide cut lie `reach` pixels inside and outside of its outline."""
    curve, _, _ = beating(frames, FPS, 70)
    sides = [(28 * k, 14 * k) for k in np.sqrt(curve / 1000)]
    cuts = [[ellipse(a + step, b + step, 0.2) for a, b in sides] for step in (reach, -reach)]
    return np.add(*np.array(cuts, np.uint8)), np.stack([ellipse(a, b, 0.2) for a, b in sides])


def test_grades_count_the_cuts_that_a_probability_reaches():
    assert grades(np.float32([0.29, 0.31, 0.5, 0.69, 0.71]), 0.5).tolist() == [0, 1, 1, 1, 2]
    assert grades(np.float32([0.11, 0.13, 0.51, 0.53]), 0.2).tolist() == [0, 1, 1, 2]


def test_a_doubt_is_half_of_the_way_from_the_least_to_the_most_that_a_beat_ejects():
    least, most = 100 * (90 - 60) / 90, 100 * (110 - 40) / 110
    assert doubt({3: (90, 110), 9: (40, 60)}, (3, 9)) == pytest.approx((most - least) / 2)


def test_a_sharp_outline_leaves_no_doubt_and_a_softer_one_more():
    _, masks = soft(0)
    found = [measures(masks, FPS, grades=soft(reach)[0], factor=1.0).doubts for reach in (0, 1, 2)]
    assert found[0] == pytest.approx(np.zeros(len(found[0])))
    assert len(found[0]) >= 1 and (np.array(found[0]) < found[1]).all() and (np.array(found[1]) < found[2]).all()


def test_doubts_are_those_of_the_discs():
    graded, masks = soft(2)
    [(ed, es)] = measures(masks, FPS).ejection.beats[:1]
    sizes = {frame: [disc_volume(graded[frame] >= least) for least in (2, 1)] for frame in (ed, es)}
    assert doubts(graded, [(ed, es)], FPS, steady_s=0) == pytest.approx([doubt(sizes, (ed, es))])


def test_without_a_narrow_end_diastole_nothing_is_known():
    assert doubt({0: (0, 50), 5: (0, 30)}, (0, 5)) == np.inf
    assert interval(55, [np.inf], 0.8) == (0, 100)


def test_an_interval_lies_around_the_fraction_and_within_0_to_100():
    assert interval(50, [10, 20, 12], 0.5) == (44, 56)
    assert interval(3, [10], 1) == (0, 13)
    assert interval(97, [10], 1) == (87, 100)


def test_measures_tell_an_interval_where_grades_and_factor_are_known_and_the_clip_is_not_refused():
    graded, masks = soft(1)
    found = measures(masks, FPS, grades=graded, factor=0.8)
    low, high = found.ejection_interval
    assert low < found.ejection_fraction < high
    assert high - low == pytest.approx(2 * 0.8 * np.median(found.doubts))
    assert measures(masks, FPS).ejection_interval is None
    assert measures(masks, FPS, grades=graded).ejection_interval is None
    still = measures(masks[:1], FPS, grades=graded[:1], factor=0.8)
    assert still.verdict == "refused" and still.ejection_interval is None
