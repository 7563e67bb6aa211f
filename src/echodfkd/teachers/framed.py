"""Somebody's network as a teacher: single frames in batches, brought to its input and its masks brought back."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from echodfkd import resize
from echodfkd.clip import Clip, Masks, check_structures
from echodfkd.errors import InputError
from echodfkd.teachers.settings import Input

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Normalised frames (n, channel, size, size) to outputs (n, structure or class, size, size)."""


class Framed:
    """A Segmenter: masks of every frame by `forward`, of at most `batch` frames at once whatever the clip's length.

    Raises InputError where outputs are not of the shape that `structures` and `given` ask for, or not finite.
    """

    threshold = 0.5

    def __init__(self, forward: Forward, structures: Sequence[str], given: Input, batch: int):
        self.structures = check_structures(structures)
        self._forward, self._input, self._batch = forward, given, batch

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""
        time, height, width = clip.frames.shape
        masks = np.empty((time, len(self.structures), height, width), np.float32)
        for start in range(0, time, self._batch):
            part = slice(start, start + self._batch)
            frames = resize.fit(clip.frames[part], self._input.size, clip.spacing)
            masks[part] = resize.unfit(self._probabilities(frames), height, width, clip.spacing)
        return masks

    def _probabilities(self, frames: NDArray[np.uint8]) -> Masks:
        """Probabilities (n, structure, size, size) of grey frames (n, size, size)."""
        out = self._forward(normalised(frames, self._input))
        classes = self._input.output == "classes"
        wanted = (len(frames), len(self.structures) + classes, *frames.shape[1:])
        if out.shape != wanted:
            raise InputError(
                f"The network must give {wanted} (frame, {'class' if classes else 'structure'}, height, width) "
                f"for {', '.join(self.structures)}, got {out.shape}. See teacher.structures and teacher.input."
            )
        masks = probabilities(out, self._input.output)
        if not (masks >= 0).all() or not (masks <= 1).all():  # NaN is neither
            raise InputError("The network's outputs are no probabilities. See teacher.input.output.")
        return masks


def normalised(frames: NDArray[np.uint8], given: Input) -> NDArray[np.float32]:
    """Grey frames (n, size, size) as the network's input (n, channel, size, size): (grey - mean) / std."""
    mean, std = (np.array(values, np.float32).reshape(1, -1, 1, 1) for values in (given.mean, given.std))
    plane = (frames[:, None].astype(np.float32) - mean) / std
    return np.array(np.broadcast_to(plane, (len(frames), given.channels, *frames.shape[1:])))


def probabilities(out: NDArray[np.float32], kind: str) -> Masks:
    """What a network gave (n, structure or class, ...) as probabilities of its structures; `kind` as Input.output."""
    if kind == "probabilities":
        return out.astype(np.float32)
    if kind == "logits":
        half = np.float32(0.5)
        return half * (1 + np.tanh(half * out.astype(np.float32)))  # the sigmoid, without overflow
    soft: Masks = softmax(out.astype(np.float32), axis=1)[:, 1:]
    return soft
