"""EchoNet-Dynamic's teacher: torchvision's DeepLabv3 on a ResNet-50, from the checkpoint that was published."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import echodfkd.vision  # noqa: F401  before torchvision is imported
from echodfkd.errors import InputError, MissingExtra
from echodfkd.student.reference import read_state_dict
from echodfkd.teachers.framed import Framed, Input

INPUT = Input(
    channels=3, mean=(32.085175, 32.591923, 33.37932), std=(50.129288, 50.487717, 51.34619), output="probabilities"
)
"""What it was published with: grey levels 0..255 as RGB, mean and spread per channel of EchoNet-Dynamic's training
clips. The sigmoid is taken on the network's own device."""
PREFIX = "module."
"""What every key of the published weights begins with: they were saved from a DataParallel."""
BATCH = {"cpu": 8, "cuda": 64}
"""Frames in one pass."""


class DeepLab(Framed):
    """A Segmenter of the left ventricle: each frame's masks, in float32, on the GPU where there is one.

    `path` is a dict with `state_dict`, as EchoNet-Dynamic publishes it; nothing but tensors and numbers is unpickled.
    Raises MissingExtra without torchvision, InputError where the file is missing or holds anything else.
    """

    def __init__(self, path: Path):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network(path).to(device)
        self._device = device
        super().__init__(self._run, ("lv",), INPUT, BATCH[device])

    def _run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (n, 1, size, size) of normalised frames (n, 3, size, size)."""
        with torch.inference_mode():
            logits: Tensor = self._network(torch.from_numpy(frames).to(self._device))["out"]
            masks: NDArray[np.float32] = logits.sigmoid().cpu().numpy()
        return masks


def network(path: Path) -> nn.Module:
    """The published network in evaluation mode: one output channel, no auxiliary head. Errors as for DeepLab."""
    if find_spec("torchvision") is None:
        raise MissingExtra("EchoNet's DeepLabv3", "teachers")
    with torch.serialization.safe_globals(_numbers()):
        weights = read_state_dict(path)
    empty = empty_network()
    renamed = {key.removeprefix(PREFIX): value for key, value in weights.items()}
    expected = {key: value.shape for key, value in empty.state_dict().items()}
    given = {key: value.shape for key, value in renamed.items()}
    if given != expected:
        odd = sorted(key for key in given.keys() | expected.keys() if given.get(key) != expected.get(key))
        raise InputError(
            f"{path} is not EchoNet's DeepLabv3 (ResNet-50, one output, no auxiliary head): {len(odd)} of its weights "
            f"are missing, unknown or of another shape, first {odd[0]}."
        )
    empty.load_state_dict(renamed)
    return empty.eval()


def empty_network() -> nn.Module:
    """The network with random weights, in evaluation mode."""
    from torchvision.models.segmentation import deeplabv3_resnet50

    made: nn.Module = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=1, aux_loss=False)
    return made.eval()


def _numbers() -> list[Any]:
    """What unpickling a NumPy number calls, under its names of old and of today: a training's loss may be one."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)]
    return [(scalar, "numpy.core.multiarray.scalar"), scalar, np.dtype, *kinds]
