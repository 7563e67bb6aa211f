"""One object holds what a clip's masks say, and each part is what its own function gives."""

import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.errors import InputError
from echodfkd.measure.beats import beat_events, heart_rate
from echodfkd.measure.ejection import ejection_by_method, ejection_fraction
from echodfkd.measure.measures import measures
from echodfkd.measure.shape import area_curve


def heart():
    curve, _, _ = beating(120, 50, 70)
    return np.stack([ellipse(28 * k, 14 * k, 0.2) for k in np.sqrt(curve / 1000)])


def test_measures_are_those_of_the_functions_they_name():
    masks, found = heart(), measures(heart(), 50.0, (0.4, 0.4))
    events = beat_events(area_curve(masks), 50.0)
    assert (found.frames, found.fps, found.events) == (120, 50.0, events) and found.es_frames == events.es_frames
    assert found.ejection == ejection_fraction(masks, events, (0.4, 0.4)) and found.ejection.beats
    assert found.ejections == ejection_by_method(masks, events, (0.4, 0.4))
    assert found.ejections["discs"].median == found.ejection_fraction
    assert found.heart_rate == heart_rate(events) and (found.verdict, found.reasons) == ("typical", ())


def test_an_assumed_frame_rate_tells_no_heart_rate():
    found = measures(heart())
    assert found.events.fps_assumed and found.heart_rate is None and found.verdict == "review"


def test_what_has_been_measured_is_kept():
    found = measures(heart(), 50.0)
    assert found.ejection is found.ejection and found.area is found.area and found.judged is found.judged


def test_what_are_no_masks_rate_or_spacing_is_refused():
    for masks, fps, spacing in ((heart()[0], 50.0, None), (heart(), 0.0, None), (heart(), 50.0, (0.0, 1.0))):
        with pytest.raises(InputError):
            measures(masks, fps, spacing)
