"""Somebody's network as a teacher: single frames in batches, brought to its input and its masks brought back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echodfkd import resize
from echodfkd.clip import WORKING_SIZE, Clip, Masks, check_structures
from echodfkd.errors import InputError, StudyError

ROUNDING = 1e-4
"""By which probabilities of a network in half precision may leave [0, 1]."""
MOST_OF_EDGE = 0.9
"""Share of the frames' edges from which a class is the background. By choice: a network that is sure gives it more."""
Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Normalised frames (n, channel, size, size) to outputs (n, structure or class, size, size)."""


@dataclass(frozen=True)
class Input:
    """How grey frames enter somebody's network, and what comes out of it."""

    size: int = WORKING_SIZE
    """Rows and columns of the square it works at."""
    channels: Literal[1, 3] = 1
    """Grey, or the same grey three times."""
    mean: tuple[float, ...] = (0.0,)
    """Taken off the grey levels 0..255, for all channels or for each."""
    std: tuple[float, ...] = (255.0,)
    """What they are then divided by, likewise; 255 gives 0..1, 1 leaves them."""
    output: Literal["logits", "probabilities", "classes", "softmax"] = "logits"
    """One logit or probability (a sigmoid's) per structure and pixel; or of classes, which are the background, then the
    structures, their logits or what a softmax made of them."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise StudyError(f"teacher.input.size must be at least 1 pixel, got {self.size}.")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                given = list(getattr(self, name))
                raise StudyError(f"teacher.input.{name} needs one number, or one for each channel, got {given}.")
        if not all(0 < value < float("inf") for value in self.std):
            raise StudyError(f"teacher.input.std must be above 0, got {list(self.std)}.")


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
            found = self._probabilities(frames, first=start == 0)
            masks[part] = resize.unfit(found, height, width, clip.spacing)
        return masks

    def _probabilities(self, frames: NDArray[np.uint8], first: bool) -> Masks:
        """Probabilities (n, structure, size, size) of grey frames (n, size, size), the first of a clip looked at."""
        out = self._forward(normalised(frames, self._input))
        classes = self._input.output in ("classes", "softmax")
        wanted = (len(frames), len(self.structures) + classes, *frames.shape[1:])
        if out.shape != wanted:
            raise InputError(
                f"The network must give {wanted} (frame, {'class' if classes else 'structure'}, height, width) "
                f"for {', '.join(self.structures)}, got {out.shape}. See teacher.structures and teacher.input."
            )
        if first:
            check_kind(out, self._input.output)
        masks = probabilities(out, self._input.output)
        if not (masks >= 0).all() or not (masks <= 1).all():  # NaN is neither
            raise InputError("The network's outputs are no probabilities. See teacher.input.output.")
        return masks


def check_kind(out: NDArray, kind: str) -> None:
    """InputError where outputs (n, structure or class, ...) of some frames cannot be of that kind (Input.output).

    Read as another kind, they would give masks that are everywhere or nowhere.
    """
    values = out.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError("The network's outputs are no probabilities or logits: some are not finite.")
    shares = bool((values >= -ROUNDING).all() and (values <= 1 + ROUNDING).all())
    whole = shares and values.shape[1] > 1 and bool(np.allclose(values.sum(axis=1), 1, atol=20 * ROUNDING))
    found = f"The network's outputs go from {values.min():.3g} to {values.max():.3g}"
    if whole and kind != "softmax":
        way = "" if kind == "classes" else " One of its channels is the background: name the other structures alone."
        raise InputError(
            f"{found} and add up to 1: a softmax's, not {kind}. Set teacher.input.output = 'softmax'.{way}"
        )
    if kind == "softmax" and not whole:
        other = "probabilities" if shares else "classes"
        raise InputError(f"{found} and their sum is not 1: no softmax's. Is teacher.input.output = '{other}' right?")
    if kind == "probabilities" and not shares:
        raise InputError(f"{found}: these are no probabilities. Is teacher.input.output = 'logits' right?")
    if kind in ("logits", "classes") and shares:
        raise InputError(f"{found}: these are a sigmoid's, not {kind}. Set teacher.input.output = 'probabilities'.")
    if kind == "logits" and values.min() >= 0:
        raise InputError(f"{found}: read as logits, every pixel would be inside. See teacher.input.output.")
    if kind == "logits" and values.shape[1] > 1 and np.allclose(np.exp(values).sum(axis=1), 1, atol=20 * ROUNDING):
        way = "Set teacher.input.output = 'classes' where the first channel is the background."
        raise InputError(f"{found}: the logarithms of a softmax. {way}")
    if kind in ("classes", "softmax"):
        _check_background(probabilities(values, kind))


def _check_background(masks: Masks) -> None:
    """InputError where one of the structures (n, structure, height, width) fills the frames' edges, as none does."""
    edges = np.concatenate([masks[..., 0, :], masks[..., -1, :], masks[..., 0], masks[..., -1]], axis=-1)
    share = edges.mean(axis=(0, 2))
    if share.max() > MOST_OF_EDGE:
        raise InputError(
            f"The network's class {share.argmax() + 1} takes {100 * share.max():.0f} % of the frames' edges, as the "
            "background does, which must be class 0. Give the graph its classes in that order."
        )


def normalised(frames: NDArray[np.uint8], given: Input) -> NDArray[np.float32]:
    """Grey frames (n, size, size) as the network's input (n, channel, size, size): (grey - mean) / std."""
    mean, std = (np.array(values, np.float32).reshape(1, -1, 1, 1) for values in (given.mean, given.std))
    plane = (frames[:, None].astype(np.float32) - mean) / std
    return np.array(np.broadcast_to(plane, (len(frames), given.channels, *frames.shape[1:])))


def probabilities(out: NDArray[np.float32], kind: str) -> Masks:
    """What a network gave (n, structure or class, ...) as probabilities of its structures; `kind` as Input.output."""
    if kind in ("probabilities", "softmax"):
        given = out.astype(np.float32)
        rounded: Masks = np.where(np.abs(given - 0.5) <= 0.5 + ROUNDING, np.clip(given, 0, 1), given)
        return rounded if kind == "probabilities" else rounded[:, 1:]
    if kind == "logits":
        half = np.float32(0.5)
        return half * (1 + np.tanh(half * out.astype(np.float32)))  # the sigmoid, without overflow
    from scipy.special import softmax  # a model's card is read without SciPy

    soft: Masks = softmax(out.astype(np.float32), axis=1)[:, 1:]
    return soft
