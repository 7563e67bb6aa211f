"""A model as one file: it says how it is run, gives the model's masks, and needs nothing of this package."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.student.bundled import find_model
from echodfkd.student.student import load_student
from echodfkd.video import write


@pytest.fixture(scope="module")
def graph(student_folder, tmp_path_factory) -> Path:
    from echodfkd.commands.export import export

    return export(student_folder, tmp_path_factory.mktemp("graph") / "small.onnx").path


def test_a_graph_gives_the_masks_of_its_model(graph, student_folder):
    clip = Clip("clip", beating(12))
    np.testing.assert_allclose(load_student(graph)(clip), load_student(student_folder, "torch")(clip), atol=1e-4)


def test_a_graph_says_how_it_is_run(graph):
    about = onnxruntime.InferenceSession(graph).get_modelmeta().custom_metadata_map
    card = json.loads(about["card"])
    assert (about["structures"], float(about["threshold"]), int(about["size"])) == ("lv,la", 0.5, 28)
    assert card["warm_up"] == 4 and card["preprocessing"]["size"] == 28


def test_several_clips_step_together(graph):
    session = onnxruntime.InferenceSession(graph)
    frames = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), dtype=np.uint8)

    def run(batch):
        state = {item.name: np.zeros((len(batch), *item.shape[1:]), np.float32) for item in session.get_inputs()[1:]}
        return session.run(None, {"frame": batch, **state})

    for together, alone in zip(run(frames), run(frames[1:2]), strict=True):
        np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def test_the_command_segments_with_a_graph(graph, tmp_path, echodfkd):
    write(tmp_path / "clip.avi", beating(12), 50)
    assert echodfkd("segment", tmp_path / "clip.avi", "--model", graph, "--out", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out" / "clip" / "measures.json").read_text())["model"]["name"] == "B2,1"


def test_whole_numbers_keep_the_masks(student_folder, tmp_path):
    from echodfkd.commands.export import export

    found = export(student_folder, tmp_path / "small.onnx", int8=True, size=32)
    assert 0.95 <= found.agreement <= 1 and load_student(found.path).card.preprocessing.size == 32


def test_whole_numbers_remember_what_the_network_remembers(student_folder, tmp_path):
    from echodfkd.commands.export import export

    whole, exact = (
        load_student(export(student_folder, tmp_path / name, int8=name == "whole.onnx", size=32).path)
        for name in ("whole.onnx", "exact.onnx")
    )
    frame = beating(1)[0]
    expected = exact.features(frame)
    assert np.corrcoef(whole.features(frame), expected)[0, 1] > 0.99
    np.testing.assert_allclose(whole.features(frame), expected, atol=0.1 * expected.max())


@pytest.fixture(scope="module")
def glancing(tmp_path_factory):
    """A network whose memory says nothing, so that its logits are half its glance's, in a folder, and a frame."""
    from echodfkd.student.card import Card, Preprocessing
    from echodfkd.student.checkpoint import save
    from echodfkd.student.network import NetworkSettings, seeded_network

    settings, frame = NetworkSettings(blocks=2, filters=4, glance=4), beating(1, 32, 32)[0]
    network = seeded_network(settings, 3)
    with torch.no_grad():
        for _ in range(50):  # running statistics of the frame's own
            network.glance(torch.from_numpy(frame).float()[None, None] / 255)
        network.eval()
        network.head.weight *= 0
        network.head.bias *= 0
        network.glance.network.head.weight *= 8
        network.glance.network.head.bias += 4  # all of a drawn frame is inside, and `export` finds the same masks
    folder = tmp_path_factory.mktemp("glance") / "student"
    save(folder, network, Card(settings, Preprocessing(32)))
    return folder, network, frame


@pytest.mark.parametrize("int8", [False, True])
def test_a_glance_is_in_the_graph(glancing, tmp_path, int8):
    from echodfkd.commands.export import export

    folder, network, frame = glancing
    found = load_student(export(folder, tmp_path / "small.onnx", int8=int8).path)
    with torch.no_grad():
        expected = (network.glance(torch.from_numpy(frame).float()[None, None] / 255) / 2).sigmoid()[0].numpy()
    told = next(found.stream([frame]))
    assert expected.std() > 0.05
    assert np.abs(told - expected).max() < (0.1 if int8 else 1e-4)
    assert np.corrcoef(told.ravel(), expected.ravel())[0, 1] > 0.97


@pytest.mark.long
def test_a_graph_keeps_the_limits_of_its_own_arithmetic_alone(tmp_path):
    from echodfkd.commands.export import export

    made = [export(find_model("b3"), tmp_path / f"{int8}.onnx", int8=int8) for int8 in (True, False)]
    assert [one.unmeasured for one in made] == [False, True]
    whole, exact = (one.card for one in made)
    bundled = load_student("b3").card
    assert (whole.familiar, whole.ejection_interval) == (bundled.familiar, bundled.ejection_interval) != (None, None)
    assert (exact.familiar, exact.ejection_interval) == (None, None)
    assert [one.provenance["published"]["whole_numbers"] for one in (whole, exact)] == [True, False]


def test_a_graph_that_segment_would_not_take_is_not_written(student_folder, tmp_path, echodfkd):
    code, _, complaint = echodfkd("export", student_folder, "--out", tmp_path / "graph.png")
    assert code == 2 and ".onnx" in complaint and not list(tmp_path.iterdir())


def test_a_graph_without_a_card_is_refused(student_folder, tmp_path, echodfkd):
    write(tmp_path / "clip.avi", beating(2), 50)
    bare = tmp_path / "bare.onnx"
    bare.write_bytes((student_folder / "model.onnx").read_bytes())
    code, _, complaint = echodfkd("segment", tmp_path / "clip.avi", "--model", bare, "--out", tmp_path / "out")
    assert code == 2 and "no card" in complaint


def test_the_example_needs_no_package_of_ours(graph, student_folder, tmp_path):
    example = Path(__file__).parents[2] / "examples" / "run_graph.py"
    write(tmp_path / "clip.avi", beating(12, 56, 56), 50)
    program = f"import sys, runpy; sys.modules['echodfkd'] = None; runpy.run_path({str(example)!r})"
    words = [graph, tmp_path / "clip.avi", tmp_path / "masks.npy"]
    subprocess.run([sys.executable, "-c", program, *map(str, words)], check=True)
    masks = np.load(tmp_path / "masks.npy")
    student = load_student(student_folder, warm_up=0, hindsight=False)
    expected = student(Clip("clip", beating(12, 56, 56))) >= student.threshold
    assert masks.shape == (12, 2, 28, 28) and abs(masks.mean() - expected.mean()) < 0.02
