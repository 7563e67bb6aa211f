import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.errors import InputError
from echodfkd.evaluate.beats import beat_events
from echodfkd.evaluate.ejection import ejection_fraction
from echodfkd.evaluate.shape import area_curve
from echodfkd.evaluate.verdict import Limits, Verdict, verdict


def heart(frames=120):
    curve, _, _ = beating(frames, 50, 70)
    return np.stack([ellipse(28 * k, 14 * k, 0.2) for k in np.sqrt(curve / 1000)])


def judged(masks, fps=50.0):
    area = area_curve(masks)
    events = beat_events(area, fps)
    return verdict(masks, area, events, ejection_fraction(masks, events), fps)


def test_a_plain_beating_heart_is_good():
    assert judged(heart()) == Verdict("good", ())


def test_a_still_image_and_a_clip_without_a_beat_are_unusable():
    assert judged(heart()[:1]) == Verdict("unusable", ("a still image: there is no beat to measure",))
    assert judged(np.repeat(heart()[:1], 60, axis=0)) == Verdict("unusable", ("no complete beat in the clip",))


def test_empty_frames_are_counted():
    masks = heart()
    masks[30:34] = False
    found = judged(masks)
    assert found.verdict == "doubtful"
    assert "empty mask on 4 of 120 frames" in found.reasons
    masks[:] = False
    assert judged(masks).verdict == "unusable"
    assert "no ventricle found on 120 of 120 frames" in judged(masks).reasons


def change(kind):
    masks = heart()
    if kind == "pieces":
        masks[:, 90:105, 5:25] = True
    elif kind == "border":
        masks[:, :60, 54:58] = True
    elif kind == "jump":
        masks[70:72] = ellipse(10, 6)
    elif kind == "large":
        masks |= ellipse(50, 50)
    elif kind == "small":
        return np.pad(masks, ((0, 0), (250, 250), (250, 250)))
    elif kind == "short":
        return masks[:38]
    return masks


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pieces", "several large pieces on 120 of 120"),
        ("border", "touches the image border on 120 of 120"),
        ("jump", "area jumps between frames"),
        ("large", "% of the image"),
        ("small", "% of the image"),
        ("short", "short clip: 0.76 s"),
    ],
)
def test_each_doubt_is_named(kind, reason):
    found = judged(change(kind))
    assert found.verdict in ("doubtful", "unusable")
    assert any(reason in one for one in found.reasons)


def test_an_implausible_ejection_fraction_is_doubtful():
    curve, _, _ = beating(120, 50, 70)
    masks = np.stack([ellipse(28 * k, 14 * k) for k in np.linspace(0.2, 1, 401)[np.rint(curve - 600).astype(int)]])
    assert any("outside 5 to 90 %" in reason for reason in judged(masks).reasons)


def test_an_unknown_frame_rate_is_said():
    assert judged(heart(), None) == Verdict("doubtful", ("frame rate unknown, 50 per second assumed",))


def test_limits_refuse_nonsense():
    with pytest.raises(InputError, match="shares in"):
        Limits(empty_share=2)
    with pytest.raises(InputError, match="must rise"):
        Limits(ejection=(90, 5))
