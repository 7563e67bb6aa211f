"""A frame-wise model of ours as a teacher: many frames at once, and nothing remembered between them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from echodfkd import resize
from echodfkd.clip import Clip, Frames, Masks, check_frames, to_bytes
from echodfkd.engine import resolve_precision
from echodfkd.errors import InputError
from echodfkd.resize import Spacing
from echodfkd.student.checkpoint import load_network
from echodfkd.student.framewise import FramewiseNetwork, fused

BATCH = {"cpu": 4, "cuda": 64}
"""Frames in one pass: what fits a core's cache, where more was slower; on a GPU enough to fill it."""


class UNetTeacher:
    """A Segmenter: the masks of every frame by the frame-wise model in `folder`, on the GPU where there is one.

    `precision` as in training: `auto` is bfloat16 where the processor multiplies it natively, several times as fast as
    float32. Raises InputError where the folder holds no model or a recurrent one.
    """

    def __init__(self, folder: Path, precision: str = "auto"):
        network, card = load_network(folder)
        if not isinstance(network, FramewiseNetwork):
            raise InputError(f"{folder} holds a {card.network.name}, which remembers: load_student runs it.")
        self.structures, self.threshold = card.network.structures, card.threshold
        self._size, self._scale = card.preprocessing.size, card.preprocessing.input_scale
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._halved = resolve_precision(precision) == "bfloat16"
        self._network = fused(network).to(self._device)

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""
        masks = np.empty((len(clip.frames), len(self.structures), *clip.frames.shape[1:]), np.float32)
        for part, given in self._batches(clip.frames, clip.spacing):
            masks[part] = given
        return masks

    def masks(self, frames: Frames) -> NDArray[np.uint8]:
        """The same of grey `frames` (n, height, width) uint8, in any order, as they lie on disk: uint8, 255 p."""
        check_frames(frames)
        masks = np.empty((len(frames), len(self.structures), *frames.shape[1:]), np.uint8)
        for part, given in self._batches(frames):
            masks[part] = to_bytes(given)
        return masks

    def _batches(self, frames: Frames, spacing: Spacing = None) -> Iterator[tuple[slice, Masks]]:
        """Where each batch lies and its probabilities at the frames' own size."""
        time, height, width = frames.shape
        for start in range(0, time, BATCH[self._device]):
            part = slice(start, start + BATCH[self._device])
            worked = resize.fit(frames[part], self._size, spacing)
            yield part, resize.unfit(self._probabilities(worked), height, width, spacing)

    def _probabilities(self, frames: Frames) -> Masks:
        """Probabilities (n, structure, size, size) of frames (n, size, size)."""
        grey = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device).float() * self._scale
        with torch.inference_mode(), torch.autocast(self._device, torch.bfloat16, enabled=self._halved):
            logits, _ = self._network(grey[:, None, None])
        masks: Masks = logits[:, 0].float().sigmoid().cpu().numpy()
        return masks
