from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from echodfkd.clip import Clip
from echodfkd.errors import InputError
from echodfkd.student.network import seeded_network
from echodfkd.student.reference import import_reference, read_state_dict, reference_network
from echodfkd.student.settings import NetworkSettings
from echodfkd.student.student import load_student


def published(blocks: int, layers: int, filters: int = 12, seed: int = 0) -> dict[str, Tensor]:
    """A state_dict laid out as the published code's, with random weights and random running statistics."""
    draw = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def uniform(shape: tuple[int, ...], low: float, high: float) -> Tensor:
        return torch.rand(shape, generator=draw) * (high - low) + low

    def conv(key: str, inputs: int, outputs: int, kernel: int, bound: float) -> None:
        weights[f"{key}.weight"] = uniform((outputs, inputs, kernel, kernel), -bound, bound)
        weights[f"{key}.bias"] = uniform((outputs,), -0.3, 0.3)

    def norm(key: str, width: int) -> None:
        weights[f"{key}.weight"] = uniform((width,), 0.5, 1.5)
        weights[f"{key}.bias"] = uniform((width,), -0.5, 0.5)
        weights[f"{key}.running_mean"] = uniform((width,), -0.2, 0.2)
        weights[f"{key}.running_var"] = uniform((width,), 0.05, 0.5)
        weights[f"{key}.num_batches_tracked"] = torch.tensor(7)

    for block in range(blocks):
        width = filters * 2**block
        for layer in range(layers):
            inputs = width if layer else (filters * 2 ** (block - 1) if block else 1)
            key = f"model.conv_lstm_blocks.{block}.conv_lstm_layers"
            raw = block == layer == 0  # the first layer meets grey levels up to 255
            conv(f"{key}.{2 * layer}.cell.conv", inputs + width, 4 * width, 3, 0.003 if raw else 0.3 / width**0.5)
            norm(f"{key}.{2 * layer + 1}.layer", width)
    for place, level in enumerate(reversed(range(blocks - 1))):
        width = filters * 2**level
        key = f"model.conv_lstm_upsampling.{place}.conv_lstm_layers"
        conv(f"{key}.1.layer", 2 * width, width, 3, 0.3 / width**0.5)
        norm(f"{key}.2.layer", width)
    conv("model.output_layer.layer", filters, 1, 1, 0.5)
    return weights


def forward(weights: Mapping[str, Tensor], frames: np.ndarray, blocks: int, layers: int) -> np.ndarray:
    """The published network by torch's primitives: one frame at a time, one convolution over [input, hidden]."""

    def norm(signal: Tensor, key: str) -> Tensor:
        mean, variance, scale, shift = (
            weights[f"{key}.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(signal, mean, variance, scale, shift, training=False, eps=1e-5)

    memory: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
    masks = []
    for frame in frames:
        signal = torch.from_numpy(frame).float()[None, None]
        for block in range(blocks):
            if block:
                signal = F.max_pool2d(signal, 2)
            for layer in range(layers):
                key = f"model.conv_lstm_blocks.{block}.conv_lstm_layers"
                kernel, bias = (weights[f"{key}.{2 * layer}.cell.conv.{leaf}"] for leaf in ("weight", "bias"))
                width = kernel.shape[0] // 4
                zeros = torch.zeros(1, width, *signal.shape[-2:])
                hidden, cell = memory.get((block, layer), (zeros, zeros))
                gates = F.conv2d(torch.cat((signal, hidden), dim=1), kernel, bias, padding=1)
                i, f, o, g = (
                    gates[:, :width],
                    gates[:, width : 2 * width],
                    gates[:, 2 * width : 3 * width],
                    gates[:, 3 * width :],
                )
                cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
                hidden = o.sigmoid() * cell.tanh()
                memory[block, layer] = hidden, cell
                signal = norm(hidden, f"{key}.{2 * layer + 1}.layer")
        for place in range(blocks - 1):
            key = f"model.conv_lstm_upsampling.{place}.conv_lstm_layers"
            signal = F.interpolate(signal, scale_factor=2, mode="nearest")
            signal = F.conv2d(signal, weights[f"{key}.1.layer.weight"], weights[f"{key}.1.layer.bias"], padding=1)
            signal = norm(signal, f"{key}.2.layer")
        head = (weights[f"model.output_layer.layer.{leaf}"] for leaf in ("weight", "bias"))
        masks.append(F.conv2d(signal, *head).sigmoid()[0])
    return torch.stack(masks).numpy()


def checkpoint(path, weights, **more):
    torch.save(
        {"state_dict": weights, "epoch": 3, "global_step": 40, "pytorch-lightning_version": "2.0.0", **more}, path
    )
    return path


@pytest.mark.parametrize(("blocks", "layers"), [(1, 1), (2, 1), (2, 3), (3, 2), (4, 1)])
def test_an_imported_student_gives_the_published_networks_masks(tmp_path, blocks, layers):
    weights = published(blocks, layers, seed=blocks)
    card = import_reference(
        checkpoint(tmp_path / "best.ckpt", weights), tmp_path / "student", 0.4, warm_up=0, onnx=False
    )
    frames = np.random.default_rng(0).integers(0, 256, (6, 112, 112), dtype=np.uint8)
    expected = forward(weights, frames, blocks, layers)
    found = load_student(tmp_path / "student")(Clip("noise", frames))
    assert (card.network.name, card.threshold, card.preprocessing.input_scale) == (f"B{blocks},{layers}", 0.4, 1.0)
    assert expected.std() > 0.01, "the comparison needs masks that are not flat"
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_an_imported_student_runs_without_torch_too(tmp_path):
    weights = published(2, 1)
    import_reference(checkpoint(tmp_path / "best.ckpt", weights), tmp_path / "student", warm_up=0)
    frames = np.random.default_rng(1).integers(0, 256, (4, 112, 112), dtype=np.uint8)
    found = load_student(tmp_path / "student", "onnx")(Clip("noise", frames))
    np.testing.assert_allclose(found, forward(weights, frames, 2, 1), atol=1e-5, rtol=0)


def test_other_widths_are_read_off_the_weights():
    assert reference_network(published(3, 2, filters=5)).settings == NetworkSettings(blocks=3, layers=2, filters=5)


def test_the_number_of_weights_is_that_of_the_published_release():
    network = reference_network(published(4, 1))
    assert sum(parameter.numel() for parameter in network.parameters()) == 714_577


def test_decoder_levels_are_told_by_their_channels_whatever_their_number():
    weights = published(3, 1)
    swap = {"upsampling.0": "upsampling.1", "upsampling.1": "upsampling.0"}
    turned = {}
    for key, value in weights.items():
        old = next((part for part in swap if part in key), None)
        turned[key.replace(old, swap[old]) if old else key] = value
    a, b = reference_network(weights).state_dict(), reference_network(turned).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def without(key):
    return lambda weights: weights.pop(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.update({"model.attention.weight": torch.zeros(1)}), r"unknown .*model\.attention\.weight"),
        (
            lambda w: w.update({"model.conv_lstm_blocks.0.conv_lstm_layers.0.layer.weight": torch.zeros(1)}),
            r"unknown .*\.conv_lstm_layers\.0\.layer\.weight",
        ),
        (without("model.conv_lstm_blocks.0.conv_lstm_layers.1.layer.bias"), r"no value .*encoder\.0\.0\.norm\.bias"),
        (
            lambda w: w.update({"model.conv_lstm_blocks.1.conv_lstm_layers.0.cell.conv.bias": torch.zeros(3)}),
            r"shapes .*encoder\.1\.0\.lstm\.conv\.bias",
        ),
        (
            lambda w: w.update(
                {"model.conv_lstm_upsampling.0.conv_lstm_layers.1.layer.weight": torch.zeros(7, 1, 3, 3)}
            ),
            r"7 channels, .*B2,1 has \[12\]",
        ),
        (
            without("model.conv_lstm_upsampling.0.conv_lstm_layers.1.layer.weight"),
            r"\[12\] channels, got 0",
        ),
        (without("model.output_layer.layer.weight"), "published code"),
        (lambda w: w.update({"model.output_layer.layer.weight": torch.zeros(2, 12, 1, 1)}), "one output.*has 2"),
        (
            lambda w: w.update({"model.conv_lstm_blocks.6.conv_lstm_layers.0.cell.conv.bias": torch.zeros(1)}),
            r"published code .*student\.blocks",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(change, message):
    weights = published(2, 1)
    change(weights)
    with pytest.raises(InputError, match=message) as caught:
        reference_network(weights)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_with_python_objects_is_never_unpickled(tmp_path):
    path = checkpoint(tmp_path / "best.ckpt", published(1, 1), hyper_parameters=Harmful(tmp_path / "ran"))
    with pytest.raises(InputError, match=r"Python objects.*torch\.save\(") as caught:
        import_reference(path, tmp_path / "student")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "student").exists()


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_a_bare_state_dict_is_taken_as_well(tmp_path):
    torch.save(published(1, 1), tmp_path / "weights.ckpt")
    assert len(read_state_dict(tmp_path / "weights.ckpt")) == 9


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint_is_one_clear_line(tmp_path, content):
    (tmp_path / "best.ckpt").write_bytes(content)
    with pytest.raises(InputError, match=r"best\.ckpt .*(no checkpoint|readable)") as caught:
        read_state_dict(tmp_path / "best.ckpt")
    assert "\n" not in str(caught.value)


def test_a_missing_checkpoint_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="No such checkpoint"):
        import_reference(tmp_path / "best.ckpt", tmp_path / "student")


def test_a_checkpoint_without_weights_is_refused(tmp_path):
    torch.save({"state_dict": {"epoch": 3}}, tmp_path / "best.ckpt")
    with pytest.raises(InputError, match="no state_dict"):
        read_state_dict(tmp_path / "best.ckpt")


def test_our_own_weights_are_told_apart():
    with pytest.raises(InputError, match="published code"):
        reference_network(seeded_network(NetworkSettings(blocks=1), 0).state_dict())
