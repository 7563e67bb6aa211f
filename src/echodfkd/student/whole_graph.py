"""ONNX graphs that compute in whole numbers, drawn node by node: the graph itself, and its convolution."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echodfkd.student.steppers import CHANNELS_LAST

Value = tuple[str, type[np.generic], tuple[int, ...]]  # an input or output: name, type, shape without the batch
MICROSOFT = "com.microsoft"
"""Whose operators `QLinearConv` and `NhwcMaxPool` take channels last."""


WIDEST_WEIGHT = 64
"""Processors without instructions for whole numbers (AVX2 alone) add two products in 16 bits and cut what is more off:
2 x 255 x 64 still fits."""


class Graph:
    """A graph as it is drawn: called with a kind of node and its inputs, names or constants, it gives its output."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def __call__(self, kind: str, *inputs: Any, names: Sequence[str] = (), **attributes: Any) -> str:
        """One more node; the name of its output, the first of `names` where these are given."""
        from onnx import helper

        outputs = list(names) or [f"{kind.lower()}_{len(self._nodes)}"]
        given = [item if isinstance(item, str) else self._constant(item) for item in inputs]
        self._nodes.append(helper.make_node(kind, given, outputs, **attributes))
        return outputs[0]

    def model(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Any:
        """The model, with inputs and outputs given as name, type and shape without the batch."""
        from onnx import helper

        given, made = [
            [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), ["batch", *shape])
                for name, kind, shape in side
            ]
            for side in (inputs, outputs)
        ]
        graph = helper.make_graph(self._nodes, CHANNELS_LAST, given, made, self._constants)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="echodfkd")

    def _constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


class Steps(NamedTuple):
    """What the whole numbers (uint8) of a signal mean: `step` times what is above `zero`, one step for each channel."""

    step: Any
    zero: np.uint8


def convolved(
    graph: Graph,
    signal: str,
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    mean: NDArray[np.float64],
    given: Steps,
    made: Steps,
) -> str:
    """A 3x3 convolution of a signal (batch, row, column, channel) uint8, by int8 weights with a scale for each output.

    What rounding the weights adds to a sum on average, at the `mean` of every channel that is given, is taken off again
    with the bias (Nagel et al., Data-Free Quantization, ICCV 2019).
    """
    scale = np.abs(weight).max(axis=(1, 2, 3)).clip(1e-12) / WIDEST_WEIGHT
    whole = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
    off = np.einsum("oiyx,i->o", weight - whole * scale[:, None, None, None], mean)
    start = np.rint((bias + off) / (scale * given.step)).astype(np.int32)
    return graph(
        "QLinearConv",
        *(signal, np.float32(given.step), given.zero),
        *(whole, (scale / made.step).astype(np.float32), np.zeros(len(weight), np.int8)),
        *(np.float32(1), made.zero, start),  # a step of each output, as if it were 1
        domain=MICROSOFT,
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        channels_last=1,
    )
