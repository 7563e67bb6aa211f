"""The second pass from the end: what it is, what it leaves alone, and that a file holds it as well as memory does."""

import io
from dataclasses import replace

import numpy as np
import pytest

from echodfkd import resize
from echodfkd.clip import Clip
from echodfkd.errors import StudyError
from echodfkd.student.checkpoint import Card, Preprocessing, read_card, save
from echodfkd.student.settings import FramewiseSettings
from echodfkd.student.spool import Spool
from echodfkd.student.steppers import OnnxStepper
from echodfkd.student.student import Student, load_student

SHAPE = {"blocks": 2, "filters": 4, "structures": ("lv", "la")}


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def causal(tmp_path, make_network) -> Student:
    network = make_network(**SHAPE)
    save(tmp_path / "student", network, Card(network.settings, Preprocessing(size=32), warm_up=3))
    return load_student(tmp_path / "student")


@pytest.fixture
def both_ways(tmp_path, causal) -> Student:
    return load_student(tmp_path / "student", hindsight=True)


@pytest.fixture
def nearer(causal) -> Student:
    return Student(replace(causal.card, hindsight=True, hindsight_zoom=1.25), causal.stepper)


class Memory:
    """A stepper whose masks are the mean grey of the frames it has seen, and that notes what it saw."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def step(self, frame, state):
        grey = int(frame[0, 0])
        self.seen.append(grey)
        total, count = state or (0, 0)
        state = total + grey, count + 1
        return np.full((1, *frame.shape), state[0] / state[1] / 255, np.float32), state


def numbered(count: int) -> Clip:
    return Clip("numbers", np.repeat(np.arange(count, dtype=np.uint8), 64).reshape(count, 8, 8))


def remembering(warm_up: int) -> tuple[Student, Memory]:
    stepper = Memory()
    card = Card(replace(Card().network, blocks=1), Preprocessing(size=8), warm_up=warm_up, hindsight=True)
    return Student(card, stepper), stepper


@pytest.mark.parametrize("zoom", [1.0, 1.25])
def test_both_ends_at_once_say_what_one_after_the_other_says(tmp_path, make_network, monkeypatch, zoom):
    network, clip = make_network(**SHAPE), Clip("noise", noise(30, 40, 36))
    card = Card(network.settings, Preprocessing(size=32), warm_up=3, hindsight=True, hindsight_zoom=zoom)
    save(tmp_path / "student", network, card, onnx=True)
    student = load_student(tmp_path / "student")
    assert isinstance(student.stepper, OnnxStepper)
    monkeypatch.setattr("echodfkd.engine.machine.cores", lambda: 1)
    after = student(clip)
    monkeypatch.setattr("echodfkd.engine.machine.cores", lambda: 2)
    for most in (30, 10):  # the clip is as long as may be, and longer
        monkeypatch.setattr("echodfkd.student.student.AT_ONCE", most)
        np.testing.assert_array_equal(student(clip), after)


def test_a_clip_worked_by_hand():
    """Frames of grey 0, 1, 2 without warm-up: means 0, 1/2, 1 on the way there and 1, 3/2, 2 on the way back."""
    student, _ = remembering(0)
    masks = student(numbered(3))[:, 0, 0, 0] * 255
    np.testing.assert_allclose(masks, [0.5, 1.0, 1.5], rtol=1e-6)


def test_each_pass_has_a_warm_up_mirrored_at_its_own_start():
    student, stepper = remembering(2)
    student(numbered(5))
    assert stepper.seen == [2, 1, 0, 1, 2, 3, 4, 2, 3, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("length", [1, 2, 9])
def test_it_is_the_mean_of_the_clip_and_of_the_clip_played_backwards(length, causal, both_ways):
    frames = noise(length, 32, 32)
    there, back = causal(Clip("there", frames)), causal(Clip("back", frames[::-1]))[::-1]
    assert np.array_equal(both_ways(Clip("both", frames)), np.float32(0.5) * (there + back))


PART = slice(3, 44), slice(2, 30)


@pytest.mark.parametrize("zoom", [1.25, 1.08, 0.8])
@pytest.mark.parametrize(("spacing", "part"), [(None, None), ((0.5, 0.6), None), (None, PART)])
def test_the_second_pass_may_look_from_nearer_or_further_and_has_no_word_beyond_its_border(zoom, spacing, part, causal):
    """Both passes are brought back to the frame's own size: at the working one a crop may lie half a pixel beside."""
    frames = noise(6, 47, 33)
    student = Student(replace(causal.card, hindsight=True, hindsight_zoom=zoom), causal.stepper)
    there = causal(Clip("there", frames, spacing=spacing, part=part))
    near = resize.fit(frames[(slice(None), *(part or ()))], 32, spacing, zoom)
    back = causal(Clip("back", near[::-1]))[::-1]
    seen = np.zeros_like(there)
    own = seen[(..., *part)] if part else seen
    own[...] = resize.unfit(back, *own.shape[-2:], spacing, zoom)
    unseen = np.isnan(seen)
    assert unseen.any() == (zoom > 1)
    both = student(Clip("both", frames, spacing=spacing, part=part))
    np.testing.assert_array_equal(both[unseen], there[unseen])
    np.testing.assert_array_equal(both[~unseen], (np.float32(0.5) * (there + seen))[~unseen])


def test_a_clip_played_backwards_gives_the_same_masks_backwards(both_ways):
    frames = noise(9, 32, 32)
    assert np.array_equal(both_ways(Clip("a", frames))[::-1], both_ways(Clip("b", frames[::-1])))


def test_masks_come_at_the_frames_own_size(both_ways):
    frames = noise(4, 47, 33)
    working = both_ways(Clip("fitted", resize.fit(frames, 32)))
    assert np.array_equal(both_ways(Clip("noise", frames)), resize.unfit(working, 47, 33))


def test_a_stream_knows_nothing_of_it(causal, both_ways):
    frames = noise(6, 32, 32)
    assert np.array_equal(np.stack(list(both_ways.stream(frames))), causal(Clip("noise", frames)))


def test_a_frame_late_in_the_clip_changes_the_first_mask_only_with_hindsight(causal, both_ways):
    frames = noise(6, 32, 32)
    other = frames.copy()
    other[5] = 255 - other[5]
    for student, changes in ((causal, False), (both_ways, True)):
        first, second = (student(Clip("noise", clip))[0] for clip in (frames, other))
        assert np.array_equal(first, second) is not changes


@pytest.mark.parametrize("length", [1, 3, 12])
def test_a_file_holds_what_memory_holds_bit_by_bit(length, both_ways, nearer):
    frames = noise(length, 40, 24)
    for student in (both_ways, nearer):
        from_file = np.stack(list(student.masks_in_turn(iter(frames), Spool(io.BytesIO()))))[::-1]
        assert np.array_equal(from_file, student(Clip("noise", frames)))


def test_no_frames_give_no_masks(both_ways):
    assert list(both_ways.masks_in_turn([], [])) == []


def test_a_spool_gives_back_the_last_pair_first_however_they_come_and_go():
    spool, stack = Spool(io.BytesIO()), []
    draw = np.random.default_rng(0)
    for number in range(40):
        if stack and draw.random() < 0.4:
            assert all(map(np.array_equal, spool.pop(), stack.pop()))
        pair = noise(6, 6, seed=number), draw.random((2, 6, 6), dtype=np.float32)
        spool.append(pair)
        stack.append(pair)
        assert len(spool) == len(stack)
    while stack:
        assert all(map(np.array_equal, spool.pop(), stack.pop()))
    with pytest.raises(IndexError):
        spool.pop()


def test_the_caller_overrules_the_card(tmp_path, make_network):
    network = make_network(**SHAPE)
    save(tmp_path / "student", network, Card(network.settings, Preprocessing(size=32), hindsight=True))
    assert read_card(tmp_path / "student").hindsight
    assert load_student(tmp_path / "student").direction == -1
    assert load_student(tmp_path / "student", hindsight=False).direction == 1


def test_hindsight_is_true_or_false():
    with pytest.raises(StudyError, match=r"hindsight .*got 1"):
        Card(hindsight=1)


@pytest.mark.parametrize("zoom", [0.4, 2.1, float("nan"), True, "near"])
def test_a_zoom_out_of_range_is_refused(zoom):
    with pytest.raises(StudyError, match=r"hindsight_zoom: a zoom lies between 0\.5 and 2, got"):
        Card(hindsight_zoom=zoom)


def test_a_network_without_memory_has_no_hindsight():
    with pytest.raises(StudyError, match="no memory"):
        Card(FramewiseSettings(), hindsight=True)
