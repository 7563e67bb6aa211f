"""A glance (`framewise.Glance`) in whole numbers, as a part of the graph that `int8` draws.

What a convolution gives is rectified by its own limits: uint8 has nothing below zero. Where two signals are joined they
have one step. Signals lie as (batch, row, column, channel).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echodfkd.student.framewise import Glance
from echodfkd.student.whole_graph import MICROSOFT, Graph, Steps, convolved

NOTHING = np.uint8(0)
"""The whole number that means 0."""
FLOAT = 1
"""How ONNX calls float32."""


@dataclass(frozen=True)
class Reach:
    """How far what a convolution makes reaches once it is rectified, and the mean of every channel it is given."""

    high: float
    given: NDArray[np.float64]


Reaches = Mapping[nn.Module, Reach]
"""By convolution."""


def seen_reaches(glance: Glance, frames: NDArray[np.uint8], input_scale: float) -> Reaches:
    """What every 3x3 convolution of a `fused_glance` makes of frames (frame, size, size)."""
    found: dict[nn.Module, Reach] = {}

    def note(conv: nn.Module, signals: tuple[Tensor], made: Tensor) -> None:
        high = max(float(np.quantile(made.numpy().clip(0), 0.9999)), 1e-4)
        found[conv] = Reach(high, signals[0].double().mean(dim=(0, 2, 3)).numpy())

    convs = [part for part in glance.modules() if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3)]
    hooks = [conv.register_forward_hook(note) for conv in convs]
    with torch.inference_mode():
        glance(torch.from_numpy(frames).float()[:, None] * input_scale)
    for hook in hooks:
        hook.remove()
    return found


def glanced(graph: Graph, glance: Glance, input_scale: float, reaches: Reaches, size: int) -> str:
    """Logits (batch, structure, size, size) float32 of the graph's input `frame`, by a `fused_glance`."""
    network: Any = glance.network
    steps = _steps(network, reaches)
    half = graph("AveragePool", graph("Cast", "frame", to=FLOAT), kernel_shape=[2, 2], strides=[2, 2])
    step, side, passed = input_scale, size // 2, list[str]()
    signal = graph("Reshape", graph("QuantizeLinear", half, np.float32(1), NOTHING), np.array([-1, side, side, 1]))

    def level(signal: str, step: float, layers: Any) -> tuple[str, float]:
        for conv in (layers[0], layers[3]):
            weight, bias = (part.detach().double().numpy() for part in (conv.weight, conv.bias))
            given, made = Steps(step, NOTHING), Steps(np.full(len(weight), steps[conv]), NOTHING)
            signal, step = convolved(graph, signal, weight, bias, reaches[conv].given, given, made), steps[conv]
        return signal, step

    for layers in network.encoder:
        if passed:
            signal = graph("NhwcMaxPool", signal, domain=MICROSOFT, kernel_shape=[2, 2], strides=[2, 2])
            side //= 2
        signal, step = level(signal, step, layers)
        passed.append(signal)
    passed.pop()
    width = network.encoder[-1][3].out_channels
    for layers in network.decoder:
        joined = graph("Concat", _doubled(graph, signal, side, width), passed.pop(), axis=-1)
        signal, step = level(joined, step, layers)
        side, width = 2 * side, layers[3].out_channels
    exact = graph("DequantizeLinear", graph("Transpose", signal, perm=[0, 3, 1, 2]), np.float32(step), NOTHING)
    head = [part.detach().numpy() for part in (network.head.weight, network.head.bias)]
    sides = np.array([1, 1, 2, 2], np.float32)
    logits = graph("Conv", exact, *head)
    return graph("Resize", logits, "", sides, mode="linear", coordinate_transformation_mode="half_pixel")


def _steps(network: Any, reaches: Reaches) -> dict[nn.Module, float]:
    """What one means in what each convolution makes; the same where two are joined."""
    steps = {conv: reach.high / 255 for conv, reach in reaches.items()}
    below = [network.encoder[-1], *network.decoder[:-1]]
    for one, other in zip(below, reversed(network.encoder[:-1]), strict=True):
        steps[one[3]] = steps[other[3]] = max(steps[one[3]], steps[other[3]])
    return steps


def _doubled(graph: Graph, signal: str, side: int, width: int) -> str:
    """A signal (batch, side, side, width) with every cell four times."""
    cells = graph("Reshape", signal, np.array([-1, side, 1, side, 1, width]))
    four = graph("Expand", cells, np.array([1, side, 2, side, 2, width]))
    return graph("Reshape", four, np.array([-1, 2 * side, 2 * side, width]))
