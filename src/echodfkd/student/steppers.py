"""One frame after another through a network, with onnxruntime or with torch. No torch at import."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echodfkd.engine import onnx_session

if TYPE_CHECKING:
    from echodfkd.student.network import AnyNetwork

Frame = NDArray[np.uint8]  # (height, width)
FrameMasks = NDArray[np.float32]  # (structure, height, width)
CHANNELS_LAST = "step, channels last"
"""What a graph is called whose states are (batch, row, column, channel)."""


class Stepper(Protocol):
    """Whatever takes one frame of the working size and a state to probabilities and the next state."""

    def step(self, frame: Frame, state: Any) -> tuple[FrameMasks, Any]:
        """Probabilities (structure, size, size) of a frame (size, size), and the next state; the first is None."""

    def memory(self, state: Any) -> NDArray[np.float32] | None:
        """What the deepest memory holds in a state, (channel, rows, columns); None where there is none."""


class OnnxStepper:
    """Steps through an exported graph with onnxruntime on the CPU, on one thread: a step is too small to share.

    It can be sent to other processes, which load the graph anew.
    """

    def __init__(self, path: Path, threads: int = 1):
        self._made_from = path, threads
        self._session = onnx_session(path, threads)
        self.states = self._session.get_inputs()[1:]
        self._channels_last = self._session.get_modelmeta().graph_name == CHANNELS_LAST

    def __reduce__(self) -> tuple[type["OnnxStepper"], tuple[Path, int]]:
        return OnnxStepper, self._made_from

    @property
    def metadata(self) -> dict[str, str]:
        """What the graph says of itself."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def step(
        self, frame: Frame, state: list[NDArray[np.float32]] | None
    ) -> tuple[FrameMasks, list[NDArray[np.float32]]]:
        """Probabilities (structure, size, size) of a frame (size, size), and the state for the next."""
        if state is None:
            state = [np.zeros((1, *item.shape[1:]), np.float32) for item in self.states]
        given = {item.name: value for item, value in zip(self.states, state, strict=True)}
        probabilities, *after = self._session.run(None, {"frame": frame[None, None], **given})
        return probabilities[0], after

    def memory(self, state: list[NDArray[np.float32]]) -> NDArray[np.float32] | None:
        """See `Stepper`: states are hidden, cell, hidden, cell ..., deepest last."""
        if not state:
            return None
        memory = np.asarray(state[-2][0], np.float32)
        return memory.transpose(2, 0, 1) if self._channels_last else memory


class TorchStepper:
    """Steps with the torch network itself, on the CPU and with as many threads as torch has."""

    def __init__(self, network: "AnyNetwork", input_scale: float):
        self._network = network.eval()
        self._scale = input_scale

    def step(self, frame: Frame, state: Any) -> tuple[FrameMasks, Any]:
        """Probabilities (structure, size, size) of a frame (size, size), and the state for the next."""
        import torch

        with torch.inference_mode():
            grey = torch.from_numpy(np.ascontiguousarray(frame)).float() * self._scale
            logits, state = self._network.step(grey[None, None], state)
            return logits[0].sigmoid().numpy(), state

    def memory(self, state: Any) -> NDArray[np.float32] | None:
        """See `Stepper`."""
        return np.asarray(state[-1][0][0].numpy(), np.float32) if state else None
