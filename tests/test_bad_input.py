"""What is wrong costs the user one line and exit code 2: never a traceback, nothing half-written, nothing lost."""

import fcntl
import json
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import forked
import numpy as np
import pytest
from small_student import beating, make_student

from echodfkd.store.store import Entry, StoreWriter
from echodfkd.video import write

ROOT = Path(__file__).parents[1]
TINY = ROOT / "studies" / "tiny.toml"


@pytest.fixture
def refusal(echodfkd, tmp_path) -> Callable[..., str]:
    """The one line with which the command refuses, run in this process."""

    def call(*words: object) -> str:
        return told(*echodfkd(*words), tmp_path)

    return call


def told(code: int, out: str, complaint: str, folder: Path) -> str:
    """The line that a refusal consists of, after everything was checked that holds of every refusal."""
    lines = [line for line in complaint.splitlines() if line.startswith("echodfkd: ")]
    assert code == 2, complaint
    assert len(lines) == 1 and complaint.endswith(lines[0] + "\n"), complaint
    assert "Traceback" not in complaint + out and "Exception ignored" not in complaint
    assert [path for path in folder.rglob("*") if ".part" in path.name] == []
    return lines[0]


def command(*words: object, largest_file: int | None = None, **options) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own, which may write files up to a size: all that is left of a disk."""
    limit = None if largest_file is None else (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file,) * 2))
    line = [sys.executable, "-m", "echodfkd", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, preexec_fn=limit, **options)


def told_by(result: subprocess.CompletedProcess[str], folder: Path) -> str:
    return told(result.returncode, result.stdout, result.stderr, folder)


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "clip.avi"
    write(path, beating(30), 50)
    return path


@pytest.fixture
def stores(tmp_path) -> tuple[Path, Path]:
    """Clips and their masks as two stores of the smallest kind."""
    entries = [Entry(name, name, 16, 50.0) for name in ("train", "validation", "test")]
    frames = np.concatenate([beating(16, 112, 112, seed) for seed in range(3)])
    masks = np.where(frames > 100, 255, 0).astype(np.uint8)[:, None]
    clips, labels = tmp_path / "clips", tmp_path / "labels"
    for folder, images in ((clips, frames), (labels, None)):
        writer = StoreWriter(folder, ("lv",), (112, 112), {"of": folder.name}, with_frames=images is not None)
        writer.write(0, entries, images, masks)
        writer.finish(1)
    return clips, labels


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


# Clips


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("This is no film.\n" * 20)


def zero_frames(path: Path) -> None:
    """A healthy AVI whose list of pictures is empty, as a recorder leaves it that is switched off at once."""
    content = path.read_bytes()
    start = content.index(b"movi") + 4
    path.write_bytes(content[: start - 8] + (4).to_bytes(4, "little") + content[start - 4 : start])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (missing, "No such file"),
        (truncated, "is cut off: only"),
        (empty, "is empty (0 bytes)"),
        (text, "is not a film or picture"),
        (zero_frames, "frames"),
    ],
)
def test_a_clip_that_cannot_be_read_is_named_with_the_reason(damage, reason, clip, tmp_path, student_folder, refusal):
    damage(clip)
    line = refusal("segment", clip, "--model", student_folder, "--out", tmp_path / "out", "--overlay")
    assert str(clip) in line and reason in line
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["summary.csv"]


# Models


def alter(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        card = json.loads((folder / "model.json").read_text())
        change(card)
        (folder / "model.json").write_text(json.dumps(card))

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: flip_a_byte(folder / "model.onnx"), "does not have the checksum of its card"),
        (lambda folder: flip_a_byte(folder / "model.safetensors"), "does not have the checksum of its card"),
        (lambda folder: (folder / "model.onnx").unlink(), "is missing"),
        (lambda folder: (folder / "model.json").unlink(), "it holds no model.json"),
        (shutil.rmtree, "it is no folder, and the bundled models are b4, b3, teacher"),
        (lambda folder: (folder / "model.json").write_text("{"), "readable JSON"),
        (lambda folder: (folder / "model.json").write_bytes(b"\xff\x00"), "readable JSON"),
        (lambda folder: (folder / "model.json").write_text("[1]"), "student's card"),
        (alter(lambda card: card.update(threshold=2)), "0 and 1, got 2"),
        (alter(lambda card: card.update(version=99)), "format version 99"),
        (alter(lambda card: card.update(network=[])), "student's card"),
        (alter(lambda card: card.update(files=["model.safetensors"])), "student's card"),
        (alter(lambda card: card.update(files={"../secret": "0"})), "student's card"),
        (alter(lambda card: card["network"].update(structures="lv")), "student's card"),
    ],
)
def test_a_damaged_student_is_refused_before_anything_is_written(
    damage, reason, clip, tmp_path, student_folder, refusal
):
    model = tmp_path / "model"
    shutil.copytree(student_folder, model)
    damage(model)
    assert reason in refusal("segment", clip, "--model", model, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_nowhere_is_told_which_there_are(clip, tmp_path, refusal, monkeypatch):
    monkeypatch.setattr("echodfkd.student.bundled.ROOT", tmp_path / "none")
    for words, reason in (
        ((), "b4 is not in this installation"),
        (("--model", "b3"), "b3 is not in this installation"),
        (("--model", "b5"), "b4, b3, teacher"),
    ):
        assert reason in refusal("segment", clip, *words, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_hindsight_is_refused_for_a_network_without_memory(clip, tmp_path, refusal):
    from echodfkd.student.card import Card, Preprocessing
    from echodfkd.student.checkpoint import save
    from echodfkd.student.network import seeded_network
    from echodfkd.student.settings import FramewiseSettings

    settings = FramewiseSettings(levels=1, filters=4, structures=("lv",))
    save(tmp_path / "model", seeded_network(settings, 0), Card(settings, Preprocessing(112), warm_up=0))
    line = refusal("segment", clip, "--model", tmp_path / "model", "--hindsight", "--out", tmp_path / "out")
    assert "has no memory" in line


class Foreign:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_checkpoint_of_foreign_objects_is_not_opened(tmp_path, refusal):
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    (tmp_path / "objects.ckpt").write_bytes(pickle.dumps({"state_dict": Foreign(tmp_path / "ran")}))
    (tmp_path / "empty.ckpt").write_bytes(b"")
    for number in range(20):  # what torch's reader makes of a file that is no checkpoint depends on its first bytes
        (tmp_path / f"noise{number}.ckpt").write_bytes(random.Random(number).randbytes(400))
    (tmp_path / "hello.ckpt").write_text("hello\n")
    strange = [(path.name, f"{path.name} is no") for path in sorted(tmp_path.glob("noise*"))]
    for name, reason in (
        *strange,
        ("hello.ckpt", "hello.ckpt is no"),
        ("text.ckpt", "text.ckpt is no"),
        ("objects.ckpt", "not opened"),
        ("empty.ckpt", "torch checkpoint"),
        ("none.ckpt", "No such checkpoint"),
    ):
        assert reason in refusal("import-reference", tmp_path / name, "--out", tmp_path / "student")
    assert not (tmp_path / "student").exists() and not (tmp_path / "ran").exists()


# Studies


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("epochs = 4", "epoch = 4", "training.epoch, did you mean epochs"),
        ("epochs = 4", 'epochs = "many"', "got 'many'"),
        ("window = 12", "window = 40", "training.window (40)"),
        ("size = 28", "size = 27", "training.size (27)"),
        ("seed = 3", "seed = ", "readable TOML"),
    ],
)
def test_a_wrong_study_makes_no_folder(old, new, reason, tmp_path, refusal):
    study = tmp_path / "study.toml"
    study.write_text(TINY.read_text().replace(old, new))
    for verb in ("run", "synth"):
        line = refusal(verb, study, "--out", tmp_path / "out")
        assert str(study) in line or "contradict" in line
        assert reason in line
    assert not (tmp_path / "out").exists()


def test_a_missing_study_is_named(tmp_path, refusal):
    assert f"No such study: {tmp_path / 'no.toml'}" in refusal("run", tmp_path / "no.toml", "--out", tmp_path / "out")


# Stores and predictions


def test_a_damaged_store_teaches_nobody(stores, tmp_path, refusal):
    clips, labels = stores
    words = ("distill", TINY, "--clips", clips, "--labels", labels, "--out", tmp_path / "student")
    flip_a_byte(labels / "shard-00000.json")
    assert f"{labels / 'shard-00000.json'} is damaged" in refusal(*words)
    flip_a_byte(labels / "shard-00000.json")
    for shard in (clips / "shard-00000.frames.npy", labels / "shard-00000.masks.npy"):
        flip_a_byte(shard)
        assert f"{shard} is damaged" in refusal(*words)
        flip_a_byte(shard)
    (labels / "shard-00000.masks.npy").write_bytes(b"")
    assert "shard-00000.masks.npy is damaged" in refusal(*words)
    assert not (tmp_path / "student").exists()


def test_labels_that_do_not_fit_the_clips_are_refused(stores, tmp_path, refusal):
    clips, _ = stores
    other = StoreWriter(tmp_path / "other", ("lv",), (112, 112), {}, with_frames=False)
    entries = [Entry(name, name, 16, 50.0) for name in ("train", "somebody")]
    other.write(0, entries, None, np.zeros((32, 1, 112, 112), np.uint8))
    other.finish(1)
    words = ("distill", TINY, "--clips", clips, "--labels", tmp_path / "other", "--out", tmp_path / "student")
    assert "validation" in refusal(*words)
    assert "is no finished store" in refusal(*words[:3], tmp_path, *words[4:]).replace("holds no", "is no")
    assert not (tmp_path / "student").exists()


def predict(folder: Path, name: str, masks: np.ndarray) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / name / "masks.npz", masks=masks)


def test_evaluate_names_what_is_no_data_set_and_no_prediction(stores, tmp_path, refusal):
    clips, _ = stores
    predictions, out = tmp_path / "predictions", tmp_path / "scores"
    words = ("evaluate", predictions, "--labels", clips, "--out", out)
    assert "folder of predictions" in refusal(*words)
    predictions.mkdir()
    assert "holds no <clip name>/masks.npz" in refusal(*words)
    predict(predictions, "somebody", np.zeros((16, 112, 112), np.uint8))
    assert "None of the 1 predictions" in refusal(*words)
    assert "no split 'training'" in refusal(*words, "--split", "training")
    assert f"{tmp_path} is no data set" in refusal("evaluate", predictions, "--labels", tmp_path, "--out", out)
    for masks, reason in (
        (np.zeros((16, 50, 50), np.uint8), "differ"),
        (np.zeros((9, 112, 112), np.uint8), "differ"),
        (np.full((16, 112, 112), 7, np.uint8), "got 7"),
        (np.zeros((16, 112, 112), np.float32), "got float32"),
    ):
        predict(predictions, "test", masks)
        assert reason in refusal(*words)
    (predictions / "test" / "masks.npz").write_bytes(b"PK no archive")
    assert "readable .npz" in refusal(*words)
    assert not out.exists()


def test_evaluate_does_not_score_against_damaged_labels(stores, tmp_path, refusal):
    clips, _ = stores
    predict(tmp_path / "predictions", "test", np.zeros((16, 112, 112), np.uint8))
    flip_a_byte(clips / "shard-00000.masks.npy")
    line = refusal("evaluate", tmp_path / "predictions", "--labels", clips, "--out", tmp_path / "scores")
    assert "shard-00000.masks.npy is damaged" in line and not (tmp_path / "scores").exists()


def test_report_wants_a_run_with_scores(tmp_path, refusal):
    assert "not what `echodfkd run`" in refusal("report", tmp_path)
    (tmp_path / "study.json").write_text("{}")
    assert "no scores yet" in refusal("report", tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "scores.json").write_text("{}")
    assert "echodfkd evaluate" in refusal("report", tmp_path / "other")


# Places that cannot be written


def test_a_place_below_a_file_is_refused(clip, stores, tmp_path, student_folder, refusal):
    (tmp_path / "file").write_text("kept")
    out = tmp_path / "file" / "out"
    clips, labels = stores
    for words in (
        ("segment", clip, "--model", student_folder),
        ("run", TINY),
        ("synth", TINY),
        ("distill", TINY, "--clips", clips, "--labels", labels),
    ):
        line = refusal(*words, "--out", out)
        assert str(tmp_path / "file") in line and "hoose another" in line
    assert (tmp_path / "file").read_text() == "kept"


# Raw masks of the clip are 92,160 bytes a structure, overlay.mp4 is some 160 kB: the disk fills up in each of them.
@pytest.mark.parametrize("space", [0, 10_000, 120_000])
def test_a_full_disk_leaves_the_older_results(space, clip, tmp_path, student_folder):
    out = tmp_path / "out"
    words = ("segment", clip, "--model", student_folder, "--out", out, "--overlay")
    (out / "clip").mkdir(parents=True)
    (out / "clip" / "measures.json").write_text("older")
    line = told_by(command(*words, largest_file=space), tmp_path)
    assert f"Cannot write {out / 'clip'}" in line and "Free space" in line
    assert [path.read_text() for path in (out / "clip").iterdir()] == ["older"]
    assert [path.name for path in out.iterdir()] == ["clip"]


@pytest.mark.long
def test_a_study_that_filled_the_disk_goes_on_when_there_is_space(tmp_path):
    study, run, other = tmp_path / "study.toml", tmp_path / "run", tmp_path / "undisturbed"
    # A shard is two files of 200 kB and a checkpoint has 500 kB: with 400 kB clips and labels are made, training stops.
    small = {"frames = 60": "frames = 16", "epochs = 4": "epochs = 1", "shard = 3": 'shard = 1\nstructures = ["lv"]'}
    small |= {"resamples = 200": "resamples = 200\nrobustness = false"}
    text = TINY.read_text()
    for old, new in small.items():
        text = text.replace(old, new)
    study.write_text(text)
    line = told_by(forked.run("run", study, "--out", run, largest=400_000), tmp_path)
    assert f"Cannot write {run / 'student-training'}" in line and (run / "labels" / "index.json").is_file()
    for folder in (run, other):
        result = forked.run("run", study, "--out", folder)
        assert result.returncode == 0, result.stderr
    for name in ("clips/index.json", "labels/index.json", "student/model.safetensors", "scores/scores.json"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("verb", ["run", "segment"])
def test_a_folder_that_another_process_works_in_is_refused(verb, clip, tmp_path, student_folder, refusal):
    out = tmp_path / "out"
    out.mkdir()
    what = [TINY] if verb == "run" else [clip, "--model", student_folder]
    with open(out / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert f"Another process works in {out}" in refusal(verb, *what, "--out", out)
    assert [path.name for path in out.iterdir()] == [".lock"]


# Without the extra


@pytest.fixture
def without_study(tmp_path) -> dict[str, str]:
    """An environment in which nothing of the extra `study` can be imported, as where it is not installed."""
    folder = tmp_path / "stubs"
    for name in ("torch", "lightning", "safetensors", "skimage", "onnx", "onnxscript", "tensorboard"):
        (folder / name).mkdir(parents=True)
        refuses = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        (folder / name / "__init__.py").write_text(refuses)
    paths = [str(folder), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def test_without_torch_a_student_with_its_graph_segments(clip, tmp_path, student_folder, without_study):
    words = ("segment", clip, "--model", student_folder, "--out", tmp_path / "out", "--overlay")
    result = command(*words, env=without_study)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "out" / "clip").iterdir())) == 4


def test_without_torch_everything_else_names_the_install_line(clip, stores, tmp_path, without_study):
    make_student(tmp_path / "bare", onnx=False)
    clips, labels = stores
    (tmp_path / "a.ckpt").touch()
    for words in (
        ("run", TINY),
        ("synth", TINY),
        ("distill", TINY, "--clips", clips, "--labels", labels),
        ("segment", clip, "--model", tmp_path / "bare"),
        ("import-reference", tmp_path / "a.ckpt"),
    ):
        line = told_by(command(*words, "--out", tmp_path / "out", env=without_study), tmp_path)
        assert "pip install 'echodfkd[study]'" in line
    assert not (tmp_path / "out").exists()


def test_without_torch_stores_are_scored(stores, tmp_path, without_study):
    clips, _ = stores
    predict(tmp_path / "predictions", "test", np.zeros((16, 112, 112), np.uint8))
    words = ("evaluate", tmp_path / "predictions", "--labels", clips, "--out", tmp_path / "scores")
    assert command(*words, "--resamples", 100, env=without_study).returncode == 0


# Interrupted


def test_ctrl_c_ends_a_command_with_one_line(tmp_path, student_folder):
    film = tmp_path / "long.avi"
    piece = beating(100, 64, 64)
    write(film, (piece[n % 100] for n in range(6000)), 50)
    out = tmp_path / "out"
    line = [sys.executable, "-m", "echodfkd", "segment", film, "--model", student_folder, "--out", out]
    process = subprocess.Popen(list(map(str, line)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not any(out.glob(".*.part/lv.raw")):
        time.sleep(0.01)
    process.send_signal(2)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaint == "echodfkd: interrupted; start the command again\n"
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_asked_to_end_does_so_with_one_line_too(sent, stores, tmp_path):
    study, (clips, labels), out = tmp_path / "study.toml", stores, tmp_path / "student"
    study.write_text(TINY.read_text().replace("epochs = 4", "epochs = 100000"))
    words = ("distill", study, "--clips", clips, "--labels", labels, "--out", out)
    process = forked.started(*words, err=tmp_path / "told.txt")
    while process.is_alive() and not (tmp_path / "student-training" / "last.ckpt").is_file():
        time.sleep(0.01)
    os.kill(process.pid, sent)
    process.join(timeout=60)
    assert process.exitcode == 130
    said = [line for line in (tmp_path / "told.txt").read_text().splitlines() if not line.startswith("epoch ")]
    assert said == ["echodfkd: interrupted; the same command continues where it stopped"]
    assert not out.exists() and not list((tmp_path / "student-training").glob(".*"))
