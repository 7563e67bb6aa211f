import numpy as np
import pytest
from planted_hearts import beating, ellipse

from echodfkd.errors import InputError
from echodfkd.measure.measures import measures, told_fraction
from echodfkd.measure.shape import area_curve
from echodfkd.measure.verdict import Limits, Verdict, verdict


def heart(frames=120, strength=1.0, fps=50, rate=70):
    curve, _, _ = beating(frames, fps, rate)
    return np.stack([ellipse(28 * k, 14 * k, 0.2) for k in np.sqrt(1 - strength * (1 - curve / 1000))])


def judged(masks, fps=50.0):
    return measures(masks, fps).judged


def test_a_plain_beating_heart_is_good():
    assert judged(heart()) == Verdict("typical", ())


@pytest.mark.parametrize("fps", [15, 30, 50, 120])
@pytest.mark.parametrize("rate", [45, 70, 110, 150])
def test_clean_hearts_of_any_rate_are_good(fps, rate):
    assert judged(heart(3 * fps, 0.9, fps, rate), float(fps)) == Verdict("typical", ())


def test_a_dent_that_passes_quickly_and_a_breath_in_the_rhythm_are_no_doubt():
    masks = heart()
    masks[50:55] = hooked(masks)[50:55]
    assert judged(masks) == Verdict("typical", ())
    assert judged(heart(260)[np.r_[0:105, 110:260]]) == Verdict("typical", ())


def test_a_limit_set_wide_takes_its_doubt_away():
    found, wide = measures(hooked(heart()), 50.0), Limits(solidity=0.3, border_frames=1.0)
    assert verdict(found.traits, found.events, found.ejection, wide) == Verdict("typical", ())


def test_a_still_image_and_a_clip_without_a_beat_are_refused():
    assert judged(heart()[:1]) == Verdict("refused", ("a still image: there is no beat to measure",))
    assert judged(np.repeat(heart()[:1], 60, axis=0)) == Verdict("refused", ("no complete beat in the clip",))


def test_empty_frames_are_counted():
    masks = heart()
    masks[30:34] = False
    found = judged(masks)
    assert found.verdict == "review"
    assert "empty mask on 4 of 120 frames" in found.reasons
    masks[:] = False
    assert judged(masks).verdict == "refused"
    assert "no ventricle found on 120 of 120 frames" in judged(masks).reasons


def hooked(masks):
    """The masks with a thin hook out of their side and round a corner."""
    masks = masks.copy()
    masks[:, 54:58, 60:92], masks[:, 40:58, 88:92] = True, True
    return masks


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
    elif kind == "hooked":
        return hooked(masks)
    elif kind == "leaping":
        masks[70:] = np.roll(masks[70:], 9, axis=2)
    elif kind == "irregular":
        return heart(420)[np.r_[0:100, 130:180, 200:300]]  # two beats lose parts of their filling
    elif kind == "uneven":
        return np.concatenate([heart(150, k) for k in (0.4, 1.0)])
    elif kind == "ragged":
        grow = 1 + 0.12 * np.random.default_rng(0).standard_normal(len(masks))
        return np.stack([ellipse(28 * k, 14 * k) for k in np.sqrt(area_curve(masks) * grow / 1231)])
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
        ("hooked", "dented or hooked outline on 50 of 50 frames looked at"),
        ("leaping", "the mask leaps to another place between frames, 1 times"),
        ("irregular", "irregular beats"),
        ("uneven", "% in its beats"),
        ("ragged", "ragged area curve"),
    ],
)
def test_each_doubt_is_named(kind, reason):
    found = judged(change(kind))
    assert found.verdict in ("review", "refused")
    assert any(reason in one for one in found.reasons)


def test_a_mask_that_shrinks_by_more_than_a_heart_has_no_ejection_fraction():
    curve, _, _ = beating(120, 50, 70)
    masks = np.stack([ellipse(28 * k, 14 * k) for k in np.linspace(0.2, 1, 401)[np.rint(curve - 600).astype(int)]])
    found = measures(masks, 50)
    assert found.verdict == "refused" and "volume by discs falls by" in found.reasons[0]
    assert found.ejection.median > 90 and found.ejection_fraction is None and found.ejection_interval is None


def test_only_beats_that_a_heart_may_have_are_told():
    assert told_fraction(89.9, (1.0, 0.0)) == 89.9 and told_fraction(50.0, (0.8, 5.0)) == 45.0
    assert told_fraction(90.1, (0.8, 5.0)) is None and told_fraction(None, (1.0, 0.0)) is None


def test_a_heart_that_hardly_beats_wants_a_look():
    curve, _, _ = beating(120, 50, 70)
    masks = np.stack([ellipse(28 * k, 14 * k) for k in np.interp(curve, (curve.min(), curve.max()), (0.985, 1))])
    found = measures(masks, 50)
    assert 0 < found.ejection.median < 5 and found.ejection_fraction is not None
    assert any("is below 5 %" in reason for reason in found.reasons)


def test_an_unknown_frame_rate_is_said():
    assert judged(heart(), None) == Verdict("review", ("frame rate unknown, 50 per second assumed",))


def test_limits_refuse_nonsense():
    with pytest.raises(InputError, match="shares in"):
        Limits(empty_share=2)
    with pytest.raises(InputError, match="ejection_spread > 0"):
        Limits(shift=0)
    with pytest.raises(InputError, match=r"longest .*got 0\.5"):
        Limits(intervals=0.5)
    with pytest.raises(InputError, match="must rise"):
        Limits(area=(0.5, 0.1))
