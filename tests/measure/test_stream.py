"""A stream says what the whole clip says, as soon as that is sure, and forgets when another scene begins."""

import numpy as np
import pytest
from small_student import make_student

from echodfkd.clip import Clip
from echodfkd.commands.segment import segmentation
from echodfkd.errors import InputError
from echodfkd.measure.doubt import interval
from echodfkd.measure.measures import on_line
from echodfkd.measure.stream import KEPT_S, SURE_S, Beat, Stream
from echodfkd.measure.verdict import Verdict
from echodfkd.student.student import load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.other_views import other_view
from echodfkd.synthetic.recipe import Conditions, draw_recipe

RATE = 40.0


@pytest.fixture(scope="module")
def frames():
    """(time, height, width) of a drawn heart that beats at 75 a minute for four beats."""
    return generate([draw_recipe(Conditions(fps=(RATE, RATE), heart_rate=(75, 75)), 3, 7, 150)]).frames[0]


@pytest.fixture(scope="module")
def causal():
    return load_student("b4", hindsight=False)


def watched(stream, frames, times=None):
    """Masks of every frame, every beat told and not withdrawn, and every `Live`, from first push to the end."""
    masks, known = [], []
    for number, frame in enumerate(frames):
        some, live = stream.push(frame, None if times is None else times[number])
        masks, known = masks + some, [*known, live]
    some, live = stream.finish()
    known.append(live)
    beats = []
    for live in known:
        beats = [beat for beat in beats if beat not in live.withdrawn] + list(live.ended)
    return masks + some, sorted(beats, key=lambda beat: beat.es), known


def numbers(beats):
    return [(beat.ed, beat.es, pytest.approx(beat.ejection_fraction, abs=0.01)) for beat in beats]


def test_masks_beats_and_fractions_are_those_of_the_whole_clip(frames, causal):
    whole = segmentation(Clip("drawn", frames, RATE), causal)
    masks, beats, known = watched(Stream(causal, fps=RATE), frames)
    assert np.array_equal([one["lv"] for one in masks], whole.masks["lv"])
    assert len(beats) >= 3
    assert numbers(beats) == [
        (*beat, of) for beat, of in zip(whole.ejection.beats, whole.record["ejection_fraction_per_beat"], strict=True)
    ]
    assert known[-1].heart_rate == pytest.approx(whole.heart_rate)


@pytest.fixture(scope="module")
def fibrillating(causal):
    """Weak hearts whose beats differ in length and size, what whole clips say of them, and what streams said."""
    conditions = Conditions(fps=(RATE, RATE), heart_rate=(80, 80), ejection_fraction=(15, 40), arrhythmia=1.0)
    clips = [generate([draw_recipe(conditions, 3, number, 150)]).frames[0] for number in (8, 15, 22, 34)]
    clips.append(clips[0][:63])  # its only beat is none
    return [(segmentation(Clip("drawn", one, RATE), causal), *watched(Stream(causal, fps=RATE), one)) for one in clips]


def test_what_stands_at_the_end_is_what_the_whole_clip_says_though_beats_were_withdrawn(fibrillating):
    for whole, _, beats, _ in fibrillating:
        assert numbers(beats) == [
            (*beat, of)
            for beat, of in zip(whole.ejection.beats, whole.record["ejection_fraction_per_beat"], strict=True)
        ]
    assert any(live.withdrawn for *_, known in fibrillating for live in known)


def test_after_a_beat_is_withdrawn_the_last_that_is_left_counts(fibrillating):
    left = []
    for *_, known in fibrillating:
        told = list[Beat]()
        for live in known:
            assert all(beat in told for beat in live.withdrawn)
            told = [beat for beat in told if beat not in live.withdrawn] + list(live.ended)
            if live.withdrawn:
                last = max(told, key=lambda beat: beat.es, default=None)
                assert live.ejection_fraction == (last and last.ejection_fraction)
                assert ("no complete beat yet" in live.judged.reasons) == (last is None)
                left.append(len(told))
    assert min(left) == 0 and max(left) > 0


def test_uneven_times_end_with_the_frames_of_the_whole_clip(frames, causal):
    chance = np.random.default_rng(1)
    times = np.cumsum(chance.uniform(0.8, 1.2, len(frames))) / RATE
    whole = segmentation(Clip("drawn", frames, RATE, times=times - times[0]), causal)
    _, beats, _ = watched(Stream(causal), frames, times)
    assert [(beat.ed, beat.es) for beat in beats] == list(whole.ejection.beats)


def test_a_beat_whose_frames_are_forgotten_is_not_withdrawn(causal):
    """Longer than what is kept: what was told in the first seconds stays, and is what the whole clip says."""
    frames = generate([draw_recipe(Conditions(fps=(25, 25), heart_rate=(75, 75)), 3, 7, 330)]).frames[0]
    whole = segmentation(Clip("drawn", frames, 25.0), causal)
    _, beats, known = watched(Stream(causal, fps=25.0), frames)
    assert known[-1].frames / 25 > KEPT_S + 3 and len(beats) > 12
    assert not any(live.withdrawn for live in known)
    assert [(beat.ed, beat.es) for beat in beats] == list(whole.ejection.beats)


def test_a_beat_before_another_scene_is_told_when_that_begins(frames, causal):
    _, beats, _ = watched(Stream(causal, fps=RATE), frames)
    last = beats[1]
    cut = last.es + 8  # too early for it to be sure
    stream = Stream(causal, fps=RATE)
    known = [stream.push(frame)[1] for frame in (*frames[:cut], *np.zeros_like(frames[:3]))]
    ended = [beat for live in known for beat in live.ended]
    assert known[cut].restarted and known[cut].ended
    assert [(beat.ed, beat.es) for beat in ended] == [(beat.ed, beat.es) for beat in beats[:2]]
    assert "no complete beat yet" not in known[cut].judged.reasons  # the verdict is that of the beat told
    assert "no complete beat yet" in known[cut + 1].judged.reasons
    assert known[cut + 1].ejection_fraction is None


def test_intervals_of_beats_are_those_of_the_whole_clip_unless_it_is_refused(frames, causal, monkeypatch):
    whole, line = segmentation(Clip("drawn", frames, RATE), causal), causal.card.ejection
    within = [
        interval(on_line(fraction, line), [doubt], causal.card.interval_factor)
        for fraction, doubt in zip(whole.ejection.per_beat, whole.doubts, strict=True)
    ]
    for judged, told in (("typical", within), ("refused", [None] * len(within))):
        monkeypatch.setattr("echodfkd.measure.stream.verdict", lambda *_, judged=judged, **__: Verdict(judged, ()))
        _, beats, _ = watched(Stream(causal, fps=RATE), frames)
        assert [beat.interval for beat in beats] == [one and pytest.approx(one) for one in told]


def test_a_beat_is_told_once_and_when_it_is_sure(frames, causal):
    stream = Stream(causal, fps=RATE)
    told = [(number, beat) for number, frame in enumerate(frames) for beat in stream.push(frame)[1].ended]
    assert len({beat.es for _, beat in told}) == len(told) >= 3
    assert all(SURE_S * RATE <= number - beat.es <= SURE_S * RATE + 2 for number, beat in told)


def test_times_tell_the_rate_and_a_gap_costs_its_beat(frames, causal):
    even = np.arange(len(frames)) / RATE
    _, beats, known = watched(Stream(causal), frames, even)
    assert known[-1].fps == pytest.approx(RATE)
    late = even + np.where(np.arange(len(frames)) > (beats[1].ed + beats[1].es) // 2, 0.5, 0)
    _, fewer, known = watched(Stream(causal), frames, late)
    assert known[-1].gaps == 1
    assert beats[1].es not in [beat.es for beat in fewer]
    assert beats[-1].es in [beat.es for beat in fewer]


def test_every_gap_is_counted_one_within_the_warm_up_too(frames, causal):
    times = np.arange(len(frames)) / RATE
    for after in (4, 29, 60):
        times = times + np.where(np.arange(len(frames)) > after, 1.0, 0)
    _, _, known = watched(Stream(causal), frames, times)
    assert known[-1].gaps == 3


@pytest.mark.parametrize("spacing", [(0, 1), (float("nan"), 1), (1,)])
def test_sides_of_a_pixel_that_cannot_be_are_refused(spacing, causal, frames):
    with pytest.raises(InputError, match="Spacing"):
        Stream(causal, fps=RATE, spacing=spacing)
    with pytest.raises(InputError, match="Spacing"):
        Clip("x", frames, RATE, spacing)


@pytest.mark.parametrize(("seed", "upto"), [(0, "("), (3, ":")])
def test_what_is_no_four_chamber_view_is_no_better_watched_than_read(causal, seed, upto):
    """Of seed 3 the reason may name another trait, as other frames are looked at and two are about as odd."""
    frames = other_view("short axis", seed, 96)
    whole = segmentation(Clip("ring", frames, 24.0), causal)
    _, beats, known = watched(Stream(causal, fps=24.0), frames)
    assert beats and whole.view.refused
    assert known[-1].judged.verdict == "refused"
    assert known[-1].judged.reasons[0].split(upto)[0] == whole.reasons[0].split(upto)[0]


def test_another_scene_and_another_size_start_anew(frames, causal):
    stream = Stream(causal, fps=RATE)
    other = generate([draw_recipe(Conditions(), 3, 8, 30)]).frames[0]
    told = [stream.push(frame)[1].restarted for part in (frames[:30], other, other[:, :100]) for frame in part]
    assert [number for number, reason in enumerate(told) if reason] == [30, 60]
    assert "scene" in told[30]
    assert "112 x 100" in told[60]
    assert stream.finish()[1].frames == 90


def test_masks_after_a_new_start_are_those_of_a_clip_of_its_own(frames, causal):
    other = generate([draw_recipe(Conditions(), 3, 8, 30)]).frames[0]
    masks, _, _ = watched(Stream(causal, fps=RATE), [*frames[:20], *other])
    alone, _, _ = watched(Stream(causal, fps=RATE), other)
    assert len(masks) == 50
    assert all(np.array_equal(a["lv"], b["lv"]) for a, b in zip(masks[20:], alone, strict=True))


def test_a_state_that_was_kept_can_be_put_back(frames, causal):
    stream = Stream(causal, fps=RATE)
    for frame in frames[:40]:
        stream.push(frame)
    kept = stream.state
    first = [stream.push(frame)[1].area for frame in frames[40:50]]
    stream.state = kept
    assert [stream.push(frame)[1].area for frame in frames[40:50]] == first


def test_a_stream_shorter_than_its_warm_up_gives_its_masks_at_the_end(frames, causal):
    masks, beats, _ = watched(Stream(causal, fps=RATE), frames[:3])
    assert len(masks) == 3
    assert beats == []


def test_what_is_kept_does_not_grow(frames, student_folder):
    stream = Stream(load_student(student_folder, hindsight=False), fps=5.0)
    kept = []
    for frame in np.concatenate([frames, frames]):
        stream.push(frame)
        kept.append(len(stream.state.ventricles))
    assert max(kept) == 51


def test_nonsense_is_refused(frames, causal, tmp_path):
    stream = Stream(causal)
    stream.push(frames[0], 1.0)
    with pytest.raises(InputError, match="rise"):
        stream.push(frames[1], 1.0)
    with pytest.raises(InputError, match="above 0"):
        Stream(causal, fps=0.0)
    make_student(tmp_path / "atria", onnx=False, structures=("la",))
    with pytest.raises(InputError, match="left ventricle"):
        Stream(load_student(tmp_path / "atria"))
