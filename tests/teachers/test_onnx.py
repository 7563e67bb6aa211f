"""A graph that somebody exported: its masks are what its formula says, whatever the batch and the clip's size."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from echodfkd.clip import Clip
from echodfkd.errors import InputError, StudyError
from echodfkd.teachers import Input, Teacher, load_teacher
from echodfkd.teachers.framed import normalised, probabilities

FRAMES = np.random.default_rng(1).integers(0, 256, (11, 8, 8), dtype=np.uint8)
CLIP = Clip("a", FRAMES)


def graph(path, channels=1, outputs=1, batch="n", size=8, scale=1.0):
    """Writes a graph whose output k is `scale * (k + 1)` times the sum of its input's channels."""
    weights = np.array([[[[scale * (k + 1)]]] * channels for k in range(outputs)], np.float32)
    node = helper.make_node("Conv", ["frames", "w"], ["out"])
    made = helper.make_graph(
        [node],
        "sum",
        [helper.make_tensor_value_info("frames", TensorProto.FLOAT, [batch, channels, size, size])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, outputs, size, size])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel())],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def teacher(path, structures=("lv",), **given):
    given = {"size": 8, **given}
    return load_teacher(Teacher("onnx", path, structures=structures, input=Input(**given)), None, structures)


@pytest.mark.parametrize("batch", ["n", 1, 4, 16])
def test_logits_become_probabilities_whatever_the_graphs_batch(tmp_path, batch):
    masks = teacher(graph(tmp_path / "g.onnx", batch=batch), mean=(100.0,), std=(50.0,))(CLIP)
    assert masks.dtype == np.float32
    np.testing.assert_allclose(masks[:, 0], 1 / (1 + np.exp(-(FRAMES - 100.0) / 50)), atol=1e-6)


def test_probabilities_are_taken_as_they_are(tmp_path):
    masks = teacher(graph(tmp_path / "g.onnx"), output="probabilities")(CLIP)
    np.testing.assert_allclose(masks[:, 0], FRAMES / 255, atol=1e-6)


def test_classes_are_the_background_and_then_the_structures(tmp_path):
    masks = teacher(graph(tmp_path / "g.onnx", outputs=3), ("lv", "la"), output="classes")(CLIP)
    grey = FRAMES / 255.0
    shares = np.exp(np.stack([grey, 2 * grey, 3 * grey], axis=1))
    np.testing.assert_allclose(masks, shares[:, 1:] / shares.sum(1, keepdims=True), atol=1e-6)


def test_three_channels_are_the_same_grey_normalised_each_its_own_way(tmp_path):
    path = graph(tmp_path / "g.onnx", channels=3)
    masks = teacher(path, channels=3, mean=(0.0, 10.0, 20.0), std=(100.0, 200.0, 400.0))(CLIP)
    logits = FRAMES / 100.0 + (FRAMES - 10.0) / 200 + (FRAMES - 20.0) / 400
    np.testing.assert_allclose(masks[:, 0], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_clips_of_another_size_get_masks_of_their_own_size(tmp_path):
    flat = Clip("b", np.full((2, 24, 16), 51, np.uint8))
    masks = teacher(graph(tmp_path / "g.onnx"), output="probabilities")(flat)
    assert masks.shape == (2, 1, 24, 16)
    np.testing.assert_allclose(masks[:, :, :, 4:12], 0.2, atol=1e-6)


def test_a_network_sees_hearts_in_their_true_proportions(tmp_path):
    network = teacher(graph(tmp_path / "g.onnx"), output="probabilities")
    flat = Clip("b", np.repeat(FRAMES, 2, axis=1), spacing=(0.15, 0.3))
    masks = network(flat).reshape(len(FRAMES), 8, 2, 8).mean(2)
    np.testing.assert_allclose(masks[:, 2:-2], _smoothed(FRAMES / 255.0)[:, 2:-2], atol=1e-6)


def _smoothed(frames: np.ndarray) -> np.ndarray:
    """What two rows drawn out of one between its neighbours have on average: an eighth of each neighbour."""
    return (np.roll(frames, 1, axis=1) + 6 * frames + np.roll(frames, -1, axis=1)) / 8


def test_the_sigmoid_of_any_logit_is_a_number():
    out = probabilities(np.array([-1e4, 0, 1e4], np.float32), "logits")
    np.testing.assert_array_equal(out, [0, 0.5, 1])


def test_frames_are_normalised_in_grey_levels():
    frames = np.array([[[0, 255]]], np.uint8)
    np.testing.assert_allclose(normalised(frames, Input(size=1)), [[[[0, 1]]]])


def test_graphs_that_take_something_else_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"float32 input \(frame, 1, 8, 8\), .*3, 8, 8"):
        teacher(graph(tmp_path / "g.onnx", channels=3))
    (tmp_path / "no.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="not a graph"):
        teacher(tmp_path / "no.onnx")
    with pytest.raises(InputError, match="No such graph"):
        teacher(tmp_path / "none.onnx")


def other_graph(path, node, inputs, output, values=()):
    """Writes a graph of one node that gives `out`, of type `output`."""
    made = helper.make_graph([node], "other", inputs, [helper.make_value_info("out", output)], values)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def test_a_damaged_graph_prints_nothing(tmp_path, capfd):
    path = graph(tmp_path / "g.onnx")
    path.write_bytes(path.read_bytes().replace(b"Conv", b"Con\xff"))
    with pytest.raises(InputError, match="is not a graph"):
        teacher(path)
    assert capfd.readouterr() == ("", "")


def test_graphs_without_input_or_with_masks_that_are_no_numbers_are_refused(tmp_path):
    frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["n", 1, 8, 8])
    shape = ["n", 1, 8, 8]
    constant = helper.make_node(
        "Constant", [], ["out"], value=helper.make_tensor("v", TensorProto.FLOAT, [1, 1, 8, 8], [0.0] * 64)
    )
    floats = helper.make_tensor_type_proto(TensorProto.FLOAT, [1, 1, 8, 8])
    path = other_graph(tmp_path / "none.onnx", constant, [], floats)
    with pytest.raises(InputError, match=r"float32 input .*none"):
        teacher(path)
    node = helper.make_node("Cast", ["frames"], ["out"], to=TensorProto.STRING)
    path = other_graph(
        tmp_path / "words.onnx", node, [frames], helper.make_tensor_type_proto(TensorProto.STRING, shape)
    )
    with pytest.raises(InputError, match=r"first output.* tensor\(string\)"):
        teacher(path)
    node = helper.make_node("SequenceConstruct", ["frames"], ["out"])
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, shape))
    with pytest.raises(InputError, match=r"seq\(tensor\(float\)\)"):
        teacher(other_graph(tmp_path / "list.onnx", node, [frames], sequence))


def test_outputs_that_are_no_masks_of_the_structures_are_refused(tmp_path):
    path = graph(tmp_path / "g.onnx", outputs=2)
    with pytest.raises(InputError, match=r"\(8, 1, 8, 8\) .*for lv, got"):
        teacher(path)(CLIP)
    with pytest.raises(InputError, match=r"no probabilities.* teacher\.input\.output"):
        teacher(graph(tmp_path / "g.onnx", scale=300.0), output="probabilities")(CLIP)
    with pytest.raises(InputError, match="no probabilities"):
        teacher(graph(tmp_path / "g.onnx", scale=float("nan")))(CLIP)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"size": 0}, "1 pixel, got 0"),
        ({"mean": (1.0, 2.0)}, r"mean .*got \[1\.0, 2\.0\]"),
        ({"std": (0.0,)}, r"std .*above 0, got \[0\.0\]"),
    ],
)
def test_impossible_inputs_are_refused(given, fault):
    with pytest.raises(StudyError, match=fault):
        Input(**given)


def test_a_graph_needs_the_names_of_its_channels(tmp_path):
    with pytest.raises(StudyError, match="name its channels"):
        Teacher("onnx", tmp_path)
