"""The student's step as an ONNX graph, for machines without torch."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from echodfkd.errors import InputError, MissingExtra
from echodfkd.files import writing
from echodfkd.student.card import Card
from echodfkd.student.folded import FoldedNetwork, foldable
from echodfkd.student.network import AnyNetwork
from echodfkd.student.steppers import OnnxStepper

OPSET = 20
TOLERANCE = 1e-4
"""Largest difference in probability between the graph and torch that an export may show. By choice: 3e-5 has been seen
on a busy machine, where torch adds in another order."""
CHECKED_STEPS = 10
"""Random frames on which every export is compared with torch, the state handed on from step to step."""


class GreyStep(nn.Module):
    """The network's step between grey levels and probabilities: scale, step, sigmoid. What the graph holds."""

    def __init__(self, network: AnyNetwork | FoldedNetwork, input_scale: float):
        super().__init__()
        self.network, self.input_scale = network, input_scale

    def forward(self, frame: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Probabilities (1, structure, h, w) of a uint8 frame (1, 1, h, w), then every layer's next state."""
        pairs = tuple(zip(state[0::2], state[1::2], strict=True))
        logits, after = self.network.step(frame.float() * self.input_scale, pairs)
        return (logits.sigmoid(), *(tensor for pair in after for tensor in pair))


def export_onnx(network: AnyNetwork, card: Card, path: Path) -> None:
    """Writes the step of `network` at the card's working size as ONNX (opset 20), all or nothing.

    Inputs: `frame` uint8 (batch, 1, size, size), then `hidden_0`, `cell_0`, `hidden_1` ... float32, zeros at the start
    of a clip; a frame-wise network has none of these. Outputs: `probabilities` float32 (batch, structure, size, size),
    then `next_hidden_0`, `next_cell_0` ... in the same order. What is affine is multiplied out (`folded`).
    The network's mode is left as it was. Raises MissingExtra without onnx and onnxscript, InputError where the written
    graph does not give torch's masks, as with weights that are not finite.
    """
    training, size = network.training, card.preprocessing.size
    step = GreyStep(network, card.preprocessing.input_scale).eval()
    try:
        with writing(path) as part:
            part.write_bytes(_graph(_folded(step, size), _flat_zeros(network, 2, size), size))
            _check_graph(part, step, _flat_zeros(network, 1, size), size)
    finally:
        network.train(training)


def _folded(step: GreyStep, size: int) -> GreyStep:
    """The step with fewer operations where the network's decoder folds."""
    if not foldable(step.network, size):
        return step
    return GreyStep(FoldedNetwork(step.network), step.input_scale).eval()


def _graph(step: GreyStep, state: list[Tensor], size: int) -> bytes:
    """The traced graph, serialised, without the exporter's notes on source files: equal networks give equal bytes."""
    any_batch = {0: torch.export.Dim("batch")}
    names = [f"{kind}_{layer}" for layer in range(len(state) // 2) for kind in ("hidden", "cell")]
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                step,
                (torch.zeros(2, 1, size, size, dtype=torch.uint8), *state),
                input_names=["frame", *names],
                output_names=["probabilities", *(f"next_{name}" for name in names)],
                opset_version=OPSET,
                dynamic_shapes={"frame": any_batch, **({"state": (any_batch,) * len(state)} if state else {})},
                dynamo=True,
                verbose=False,
            )
        except ImportError:
            raise MissingExtra("Exporting a student to ONNX", "study") from None
    model: Any = program.model_proto  # type: ignore[union-attr]
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True))


def _check_graph(path: Path, step: GreyStep, state: list[Tensor], size: int) -> None:
    """Raises InputError unless the graph at `path` follows torch over random frames within TOLERANCE."""
    graph, given = OnnxStepper(path), None
    draw = np.random.default_rng(0)
    for _ in range(CHECKED_STEPS):
        frame = draw.integers(0, 256, (size, size), dtype=np.uint8)
        with torch.inference_mode():
            expected, *state = step(torch.from_numpy(frame)[None, None], *state)
        found, given = graph.step(frame, given)
        difference = float(np.abs(found - expected[0].numpy()).max())
        if not difference <= TOLERANCE:  # NaN must not pass
            raise InputError(
                f"The exported graph differs from torch by {difference:.2g} in probability, more than {TOLERANCE:g}. "
                "Check that its weights are finite, or use the student with torch."
            )


def _flat_zeros(network: AnyNetwork, batch: int, size: int) -> list[Tensor]:
    """The state before the first frame as a flat list: hidden, cell, hidden, cell ..."""
    return [tensor for pair in network.zero_state(batch, size, size) for tensor in pair]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Holds back what the exporter prints, logs and warns about; errors still come through."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
