"""A folded step whose recurrent convolutions compute in whole numbers: an ONNX graph, on most processors much faster.

Weights are int8 with a scale for each output channel. What is convolved is uint8: every channel that is remembered is
rounded to 1/127 of the range that it showed on clips, and so is the input of every gate. Cells, gates and all that
follows the last memory stay float32. Signals lie as (batch, row, column, channel).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echodfkd.student.folded import SEEN, FoldedDecoder, FoldedNetwork
from echodfkd.student.int8_glance import glanced, seen_reaches
from echodfkd.student.network import Network
from echodfkd.student.whole_graph import MICROSOFT, Graph, Steps, Value, convolved

WIDEST = (8.0, 8.0, 8.0, 4.0)
"""Beyond these a gate (admit, forget, show, candidate) is open or shut to a thousandth."""
STEP = np.float32(1 / 127)
"""What hidden states are rounded to, as a share of their range."""
ZERO, ONE = np.uint8(128), np.uint8(255)
"""The whole numbers that mean 0 and 1."""
FEW = 6
"""Frames of each clip that a glance, which sees them alone, is shown."""
LANES = 4
"""Channels are filled up to a multiple of it, as the products read so many at once."""


@dataclass(frozen=True)
class Ranges:
    """How far what is rounded in one layer reaches: the inputs of its four gates, and every channel it remembers.

    `given` is the mean of every channel that its convolution is given, from below and of what it remembers.
    """

    gates: tuple[float, ...]
    hidden: NDArray[np.float32]
    given: NDArray[np.float64]


def _seen_ranges(network: Network, frames: NDArray[np.uint8], input_scale: float) -> tuple[Ranges, ...]:
    """For every layer how far what is rounded reaches on clips (clip, time, size, size)."""
    folded = FoldedNetwork(network)
    gates: list[list[list[float]]] = []
    given: list[list[NDArray[np.float64]]] = []
    reach: list[list[NDArray[np.float32]]] = []

    def note(_: object, signals: tuple[Tensor], sums: Tensor) -> None:
        gates[-1].append([float(torch.quantile(part.abs().flatten(), 0.9999)) for part in sums.chunk(4, dim=1)])
        given[-1].append(signals[0].double().mean(dim=(0, 2, 3)).numpy())

    hooks = [layer.lstm.conv.register_forward_hook(note) for block in folded.encoder for layer in block]
    state = network.zero_state(len(frames), *frames.shape[2:])
    with torch.inference_mode():
        for frame in frames.swapaxes(0, 1):
            gates.append([])
            given.append([])
            _, state = folded.step(torch.from_numpy(frame.copy()).float()[:, None] * input_scale, state)
            reach.append([hidden.abs().amax(dim=(0, 2, 3)).numpy() for hidden, _ in state])
    for hook in hooks:
        hook.remove()
    widest = np.minimum(np.max(gates, axis=0), WIDEST).clip(1e-3)
    return tuple(
        Ranges(
            tuple(map(float, one)),
            np.max([step[layer] for step in reach], axis=0).clip(1e-4),
            np.mean([step[layer] for step in given], axis=0),
        )
        for layer, one in enumerate(widest)
    )


def int8_graph(network: Network, input_scale: float, seen: NDArray[np.uint8]) -> Any:
    """The step of a foldable network as an ONNX model for any batch of frames uint8 (batch, 1, size, size).

    What is rounded reaches as far as on the clips `seen` (clip, time, size, size) of the working size. Inputs and
    outputs are those of `export.export_onnx`, but that states are (batch, row, column, channel).
    """
    graph, folded, size = Graph(), FoldedNetwork(network), seen.shape[-1]
    ranges = _seen_ranges(network, seen, input_scale)
    signal = graph("Reshape", "frame", np.array([-1, size, size, 1]))
    batch = graph("Shape", "frame", start=0, end=1)
    inputs: list[Value] = [("frame", np.uint8, (1, size, size))]
    outputs: list[Value] = [("probabilities", np.float32, (len(network.settings.structures), size, size))]
    norm, number, signal_of, hidden = None, 0, "", ""
    for level, block in enumerate(folded.encoder):
        side = size >> level
        for place, layer in enumerate(block):
            width = layer.norm.num_features
            names = f"hidden_{number}", f"cell_{number}"
            inputs += [(name, np.float32, (side, side, width)) for name in names]
            outputs += [(f"next_{name}", np.float32, (side, side, width)) for name in names]
            if norm is not None:
                signal = graph("QuantizeLinear", signal_of, STEP, ZERO)
                if not place:
                    signal = graph("NhwcMaxPool", signal, domain=MICROSOFT, kernel_shape=[2, 2], strides=[2, 2])
            reached = ranges[max(0, number - 1) : number + 1]
            weight, ones, mean = _weights(layer.lstm.conv.weight, norm, input_scale, reached)
            share = 1 / ranges[number].hidden
            before = graph("QuantizeLinear", graph("Mul", names[0], share), STEP, ZERO)
            filled = graph(
                "Expand",
                np.full((1, side, side, ones), ONE),
                graph("Concat", batch, np.array([side, side, ones]), axis=0),
            )
            joined = graph("Concat", signal, before, filled, axis=-1)
            gates = _gates(graph, joined, weight, layer.lstm.conv.bias, ranges[number].gates, mean)
            admit, forget, show = (graph("Sigmoid", gate) for gate in gates[:3])
            new = graph("Mul", admit, graph("Tanh", gates[3]))
            cell = graph("Add", graph("Mul", forget, names[1]), new, names=[f"next_{names[1]}"])
            hidden = graph("Mul", show, graph("Tanh", cell), names=[f"next_{names[0]}"])
            signal_of = graph("Mul", hidden, share)
            norm, number = layer.norm, number + 1
    logits = _decoded(graph, graph("Transpose", hidden, perm=[0, 3, 1, 2]), folded.decoder)
    if folded.glance is not None:
        reaches = seen_reaches(
            folded.glance, seen[:, :: max(1, seen.shape[1] // FEW)].reshape(-1, size, size), input_scale
        )
        both = graph("Add", logits, glanced(graph, folded.glance, input_scale, reaches, size))
        logits = graph("Mul", both, np.float32(0.5))
    graph("Sigmoid", logits, names=["probabilities"])
    return graph.model(inputs, outputs)


def _weights(
    weight: Tensor, norm: Any, input_scale: float, reached: Sequence[Ranges]
) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """A layer's weights for what it is given, how many channels of ones that has at the end, and the mean of each.

    What comes from below is not normalised, or not brought from grey levels to the range around zero that whole numbers
    have. The scale is multiplied into the weights; the shift holds inside the image and not in the zeros around it, and
    so it comes from channels of ones, which have zeros around them too.
    """
    exact = weight.detach().double().numpy()
    own = reached[-1].hidden.astype(np.float64)
    given = exact.shape[1] - len(own)
    if norm is None:  # a grey level of q means 127 input_scale (q - 128) / 127 + 128 input_scale
        scale, shift = np.array([127 * input_scale]), np.array([128 * input_scale])
    else:
        scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double().numpy()
        shift = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * scale
        scale = scale * reached[0].hidden
    below = exact[:, :given]
    one = np.einsum("ogyx,g->oyx", below, shift)[:, None]
    ones = LANES - exact.shape[1] % LANES
    remembered = exact[:, given:] * own[:, None, None]
    weights = np.concatenate([below * scale[:, None, None], remembered, *[one / ones] * ones], axis=1)
    from_below = np.divide(reached[-1].given[:given] - shift, scale, out=np.zeros(given), where=scale != 0)
    mean = np.concatenate([from_below, reached[-1].given[given:] / own, np.ones(ones)])
    return weights, ones, mean


def _gates(
    graph: Graph,
    joined: str,
    weight: NDArray[np.float64],
    bias: Tensor,
    ranges: Sequence[float],
    mean: NDArray[np.float64],
) -> list[str]:
    """The inputs of the four gates, float32, by one convolution of whole numbers."""
    steps = Steps(np.repeat(np.array(ranges) / 127, len(weight) // 4), ZERO)  # each gate has its own
    sums = convolved(graph, joined, weight, bias.detach().double().numpy(), mean, Steps(STEP, ZERO), steps)
    parts = [f"{sums}_{k}" for k in range(4)]
    graph("Split", sums, names=parts, axis=-1, num_outputs=4)
    return [
        graph("DequantizeLinear", part, np.float32(wide / 127), ZERO) for part, wide in zip(parts, ranges, strict=True)
    ]


def _decoded(graph: Graph, hidden: str, decoder: FoldedDecoder) -> str:
    """Logits from the last hidden state, as FoldedDecoder makes them."""

    def seen(signal: str, axis: int, kind: str) -> str:
        part = SEEN[kind]
        if part == slice(None):
            return signal
        start, stop = part.start or 0, 2**31 if part.stop is None else part.stop
        return graph("Slice", signal, np.array([start]), np.array([stop]), np.array([axis]))

    rows = []
    for down in SEEN:
        row = seen(hidden, 2, down)
        made = {across: [part.numpy() for part in decoder.patches(down, across)] for across in SEEN}
        rows.append(graph("Concat", *(graph("Conv", seen(row, 3, across), *made[across]) for across in SEEN), axis=3))
    return graph("DepthToSpace", graph("Concat", *rows, axis=2), blocksize=decoder.factor, mode="CRD")
