import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echodfkd import resize
from echodfkd.clip import Clip, Segmenter
from echodfkd.errors import InputError
from echodfkd.files import sha256
from echodfkd.student.checkpoint import Card, Preprocessing, save
from echodfkd.student.network import NetworkSettings
from echodfkd.student.student import Student, load_student, reflected

SHAPE = {"blocks": 2, "filters": 4, "structures": ("lv", "la")}
REAL = Path(__file__).parents[2].parent / "shared" / "real"


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, make_network) -> Path:
    card = Card(NetworkSettings(**SHAPE), Preprocessing(size=32), threshold=0.4, warm_up=3)
    save(tmp_path / "student", make_network(**SHAPE), card)
    return tmp_path / "student"


class Recorder:
    """A stepper that remembers what it saw: its state is how many frames came before, its masks the frame's grey."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def step(self, frame, state):
        self.seen.append(int(frame[0, 0]))
        return np.stack([frame, frame]).astype(np.float32) / 255, (state or 0) + 1


def recorded(warm_up: int, size: int = 8) -> tuple[Student, Recorder]:
    stepper = Recorder()
    card = Card(NetworkSettings(blocks=1, structures=("lv", "la")), Preprocessing(size=size), warm_up=warm_up)
    return Student(card, stepper), stepper


def numbered(count: int) -> np.ndarray:
    return np.repeat(np.arange(count, dtype=np.uint8), 64).reshape(count, 8, 8)


def test_a_student_is_a_segmenter(folder):
    student: Segmenter = load_student(folder)
    masks = student(Clip("noise", noise(5, 32, 32)))
    assert (student.structures, student.threshold) == (("lv", "la"), 0.4)
    assert masks.shape == (5, 2, 32, 32)
    assert masks.dtype == np.float32
    assert 0 <= masks.min() < masks.max() <= 1


def test_the_whole_clip_is_the_stream_stacked(folder):
    student, frames = load_student(folder), noise(9, 40, 24)
    assert np.array_equal(student(Clip("noise", frames)), np.stack(list(student.stream(iter(frames)))))


def test_two_streams_at_once_do_not_disturb_each_other(folder):
    student, a, b = load_student(folder), noise(6, 32, 32), noise(6, 32, 32, seed=1)
    pairs = list(zip(student.stream(a), student.stream(b), strict=True))
    assert np.array_equal(np.stack([first for first, _ in pairs]), student(Clip("a", a)))
    assert np.array_equal(np.stack([second for _, second in pairs]), student(Clip("b", b)))


@pytest.mark.parametrize(
    ("length", "warm_up", "expected"),
    [
        (10, 3, [3, 2, 1]),
        (4, 3, [3, 2, 1]),
        (3, 5, [1, 0, 1, 2, 1]),
        (2, 4, [0, 1, 0, 1]),
        (1, 3, [0, 0, 0]),
        (0, 3, []),
        (5, 0, []),
    ],
)
def test_the_warm_up_mirrors_the_start(length, warm_up, expected):
    assert reflected(length, warm_up) == expected


@pytest.mark.parametrize("length", [2, 3, 7, 20])
def test_the_warm_up_is_numpys_reflection(length):
    assert reflected(length, 12) == np.pad(np.arange(length), (12, 0), mode="reflect")[:12].tolist()


def test_the_warm_up_runs_before_the_clip_and_every_frame_gets_one_mask():
    student, stepper = recorded(warm_up=3)
    masks = student(Clip("numbers", numbered(6)))
    assert stepper.seen == [3, 2, 1, 0, 1, 2, 3, 4, 5]
    assert np.rint(masks[:, 0, 0, 0] * 255).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_warm_up_changes_masks_only_by_what_it_pads(folder):
    frames = noise(6, 32, 32)
    padded = Clip("padded", np.pad(frames, ((3, 0), (0, 0), (0, 0)), mode="reflect"))
    warm, cold = load_student(folder), load_student(folder, warm_up=0)
    assert np.array_equal(warm(Clip("noise", frames)), cold(padded)[3:])
    assert not np.array_equal(warm(Clip("noise", frames)), cold(Clip("noise", frames)))


def test_a_still_is_a_clip_of_one_frame(folder):
    masks = load_student(folder)(Clip("still", noise(1, 50, 70)))
    assert masks.shape == (1, 2, 50, 70)


def test_a_still_is_the_mean_of_its_looks_and_a_clip_has_the_plain_one(folder):
    student, frames = load_student(folder), noise(2, 50, 70)
    [plain] = student(Clip("still", frames[:1]))
    near, far = (resize.unfit(student(fitted(frames[:1], z))[0], 50, 70, zoom=z) for z in (1.25, 0.8))
    many = Student(replace(student.card, looks=(1.25, 0.8)), student.stepper)
    [mean] = many(Clip("still", frames[:1]))
    seen = np.isfinite(near)
    assert seen.sum() == 2 * 50 * 56 and np.isfinite(far).all()
    np.testing.assert_allclose(mean[seen], ((plain + near + far) / 3)[seen], atol=1e-6)
    np.testing.assert_allclose(mean[~seen], ((2 * plain + far) / 3)[~seen], atol=1e-6)
    np.testing.assert_array_equal(many(Clip("clip", frames)), student(Clip("clip", frames)))


def fitted(frames: np.ndarray, zoom: float) -> Clip:
    return Clip("fitted", resize.fit(frames, 32, zoom=zoom))


def test_an_empty_stream_gives_no_masks(folder):
    assert list(load_student(folder).stream([])) == []


@pytest.mark.parametrize(("height", "width"), [(20, 20), (64, 64), (33, 91), (120, 30)])
def test_masks_come_at_the_frames_own_size(folder, height, width):
    student, frames = load_student(folder), noise(4, height, width)
    working = student(Clip("fitted", resize.fit(frames, 32)))
    masks = student(Clip("noise", frames))
    assert masks.shape == (4, 2, height, width)
    np.testing.assert_array_equal(masks, resize.unfit(working, height, width))


def test_the_network_sees_hearts_in_their_true_proportions(folder):
    student, frames = load_student(folder), noise(6, 24, 32)
    flat = Clip("flat", np.repeat(frames, 2, axis=1), spacing=(0.15, 0.3))
    working = student(Clip("square", resize.fit(frames, 32)))
    np.testing.assert_array_equal(student(flat), resize.resized(resize.unfit(working, 24, 32), 48, 32))
    np.testing.assert_array_equal(student(flat), np.stack(list(student.stream(flat.frames, flat.spacing))))
    square = Clip("square", frames, spacing=(0.3, 0.3))
    np.testing.assert_array_equal(student(square), student(Clip("unknown", frames)))


def test_frames_after_the_mask_never_change_it(folder):
    student, frames = load_student(folder), noise(12, 32, 32)
    whole = student(Clip("noise", frames))
    cut = student(Clip("noise", frames[:7]))
    assert np.array_equal(whole[:7], cut)


def test_a_stream_reads_no_further_than_its_warm_up():
    student, _ = recorded(warm_up=3)
    read = []

    def source() -> Iterator[np.ndarray]:
        for number, frame in enumerate(numbered(100)):
            read.append(number)
            yield frame

    stream = student.stream(source())
    next(stream)
    assert len(read) == 4
    for _ in range(50):
        next(stream)
    assert len(read) == 51


def test_a_clip_of_ten_thousand_frames_streams(folder):
    student, _ = recorded(warm_up=8)
    frame = noise(8, 8)
    assert sum(1 for _ in student.stream(frame for _ in range(10_000))) == 10_000


@pytest.mark.parametrize(
    "frame", [np.zeros((8, 8), np.float32), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8), np.uint8)]
)
def test_frames_of_another_kind_are_refused(folder, frame):
    with pytest.raises(InputError, match=r"\(height, width\) uint8"):
        list(load_student(folder).stream([noise(8, 8)] * 20 + [frame]))


def test_the_caller_overrules_the_card(folder):
    as_saved = load_student(folder)
    assert (as_saved.card.warm_up, as_saved.largest_component) == (3, False)
    overruled = load_student(folder, warm_up=0, largest_component=True)
    assert (overruled.card.warm_up, overruled.largest_component) == (0, True)
    assert replace(overruled.card, warm_up=3, largest_component=False) == as_saved.card


def test_an_unknown_backend_is_refused(folder):
    with pytest.raises(InputError, match="onnx or torch, got 'tpu'"):
        load_student(folder, "tpu")


def test_the_graph_is_refused_where_there_is_none(folder):
    with pytest.raises(InputError, match=r"no model\.onnx"):
        load_student(folder, "onnx")


def test_a_file_that_is_no_graph_is_one_clear_line(folder):
    (folder / "model.onnx").write_bytes(b"text")
    card = (folder / "model.json").read_text()
    weights = sha256(folder / "model.safetensors")
    listed = f'"model.onnx": "{sha256(folder / "model.onnx")}", "model.safetensors": "{weights}"'
    (folder / "model.json").write_text(card.replace(f'"model.safetensors": "{weights}"', listed))
    with pytest.raises(InputError, match=r"model\.onnx .*graph") as caught:
        load_student(folder)
    assert "\n" not in str(caught.value)


def test_importing_and_reading_a_card_need_no_torch(folder):
    code = (
        "import sys\n"
        "import echodfkd.student.student, echodfkd.student.checkpoint\n"
        f"echodfkd.student.checkpoint.read_card(__import__('pathlib').Path({str(folder)!r}))\n"
        "print([name for name in ('torch', 'lightning', 'safetensors', 'onnx', 'skimage') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_torch_and_graph_the_install_line_is_told(folder):
    code = (
        "import sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'torch' else find(name, *more)\n"
        "from pathlib import Path\n"
        "from echodfkd.student.student import load_student\n"
        "from echodfkd.errors import MissingExtra\n"
        "try:\n"
        f"    load_student(Path({str(folder)!r}))\n"
        "except MissingExtra as error:\n"
        "    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'echodfkd[study]'" in told


@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips lie beside the repository only where it is developed")
def test_real_clips_pass_through(folder):
    from echodfkd.video import read

    clip = read(sorted(REAL.glob("*.avi"))[0])
    masks = load_student(folder)(clip)
    assert masks.shape == (len(clip.frames), 2, *clip.frames.shape[1:])
    assert np.isfinite(masks).all()
