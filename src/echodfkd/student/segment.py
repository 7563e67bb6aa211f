"""A student at work: masks of clips and of endless streams, frame by frame, with torch or without it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from echodfkd import resize
from echodfkd.clip import Clip, Masks
from echodfkd.errors import InputError, MissingExtra
from echodfkd.student.card import GRAPH, Card, check_files, read_card
from echodfkd.student.steppers import Frame, FrameMasks, OnnxStepper, Stepper, TorchStepper


class Student:
    """A Segmenter: masks of a clip at once or of a stream frame by frame, the same numbers both ways.

    The mask of a frame depends on it and on the frames before it. The network starts from zeros, so the
    clip's start is run into it backwards first, `card.warm_up` frames long (the supplement's cure), and dropped.
    """

    def __init__(self, card: Card, stepper: Stepper):
        self.card = card
        self._stepper = stepper

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the masks' channels."""
        return self.card.network.structures

    @property
    def threshold(self) -> float:
        """The probability from which a pixel counts as inside."""
        return self.card.threshold

    @property
    def largest_component(self) -> bool:
        """Whether only the largest piece of each mask should be kept: a wish to whoever cuts the masks."""
        return self.card.largest_component

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size. For long clips use `stream`."""
        masks = np.empty((len(clip.frames), len(self.structures), *clip.frames.shape[1:]), np.float32)
        for index, mask in enumerate(self.stream(clip.frames)):
            masks[index] = mask
        return masks

    def stream(self, frames: Iterable[Frame]) -> Iterator[FrameMasks]:
        """For each grey frame (height, width) uint8, in order, its probabilities (structure, height, width).

        Holds a few frames whatever the length: the first mask comes once `warm_up` + 1 frames are seen (or the stream
        has ended), every other one with its frame. Raises InputError for frames of another type.
        """
        source = iter(frames)
        start = [_checked(frame) for frame in islice(source, self.card.warm_up + 1)]
        state = None
        for index in reflected(len(start), self.card.warm_up):
            _, state = self._step(start[index], state)
        for frame in chain(start, map(_checked, source)):
            masks, state = self._step(frame, state)
            yield resize.unfit(masks, *frame.shape)

    def _step(self, frame: Frame, state: Any) -> tuple[FrameMasks, Any]:
        """The masks of one frame of any size at the working size, and the next state."""
        return self._stepper.step(resize.fit(frame, self.card.preprocessing.size), state)


def load_student(
    folder: Path,
    backend: Literal["auto", "onnx", "torch"] = "auto",
    *,
    threads: int | None = None,
    warm_up: int | None = None,
    largest_component: bool | None = None,
) -> Student:
    """The student in `folder`, ready to segment; `warm_up` and `largest_component` overrule its card.

    `auto` takes the ONNX graph where the folder has one, as it steps faster than torch and needs none of it, and torch
    otherwise. `threads` limits onnxruntime's threads; torch keeps its own number. Raises InputError where a file is
    missing, altered or unknown, MissingExtra where torch is needed and not installed.
    """
    card = read_card(folder)
    if backend not in ("auto", "onnx", "torch"):
        raise InputError(f"A backend is auto, onnx or torch, got {backend!r}.")
    stepper: Stepper
    if backend == "onnx" or (backend == "auto" and GRAPH in card.files):
        check_files(folder, card, needed=GRAPH)
        stepper = OnnxStepper(folder / GRAPH, threads)
    else:
        stepper = _torch_stepper(folder)
    wanted = {"warm_up": warm_up, "largest_component": largest_component}
    chosen: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    return Student(replace(card, **chosen), stepper)


def reflected(length: int, warm_up: int) -> list[int]:
    """Indices of the `warm_up` frames to run before a clip of `length` frames: its start, mirrored at frame 0.

    The nearest is frame 1; a clip shorter than that is walked to and fro, a single frame is repeated.
    """
    if length < 2:
        return [0] * (warm_up * length)
    period = 2 * (length - 1)
    return [min(back % period, period - back % period) for back in range(warm_up, 0, -1)]


def _torch_stepper(folder: Path) -> TorchStepper:
    """The network in `folder` as a stepper; MissingExtra where torch is not installed."""
    if find_spec("torch") is None:
        raise MissingExtra(f"The student in {folder} (it has no {GRAPH})", "study")
    from echodfkd.student.checkpoint import load_network

    network, card = load_network(folder)
    return TorchStepper(network, card.preprocessing.input_scale)


def _checked(frame: Frame) -> Frame:
    """The frame itself; InputError unless it is (height, width) uint8 of at least one pixel."""
    if frame.ndim != 2 or frame.dtype != np.uint8 or 0 in frame.shape:
        raise InputError(
            f"Frames must be (height, width) uint8 of at least one pixel, got {frame.dtype} {frame.shape}. "
            "Read files with echodfkd.data.video.open_video."
        )
    return frame
