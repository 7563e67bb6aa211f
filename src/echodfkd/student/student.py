"""A student at work: masks of clips and of endless streams, frame by frame, with torch or without it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from echodfkd import engine, resize
from echodfkd.clip import Clip, Masks, Part
from echodfkd.errors import InputError, MissingExtra
from echodfkd.files import sha256
from echodfkd.pieces import largest_component
from echodfkd.resize import Spacing
from echodfkd.student.bundled import find_model
from echodfkd.student.card import GRAPH, WEIGHTS, Card, check_files, parsed_card, read_card
from echodfkd.student.familiar import SHOWN, Familiar, features_of, of_table
from echodfkd.student.spool import Stack
from echodfkd.student.steppers import Frame, FrameMasks, OnnxStepper, Stepper, TorchStepper

Along = TypeVar("Along")
AT_ONCE = 1000
"""Frames of a clip that may be walked from both ends at once: 20 MB at 64 pixels. By choice."""


@dataclass(frozen=True)
class Pass:
    """Where a pass over frames stands, as a value: whoever keeps one can go on from it as often as he likes."""

    waiting: tuple[Any, ...] = ()
    """What was pushed before the pass could begin: (frame, what comes along)."""
    begun: bool = False
    state: Any = None
    """The network's memory after the last frame."""


class Student:
    """A Segmenter: masks of a clip at once or of a stream frame by frame.

    In a pass the mask of a frame depends on it and on the frames before it. The network starts from zeros, so the
    pass's start is run into it backwards first, `card.warm_up` frames long (the supplement's cure), and dropped. A
    stream is one pass. So is a clip, with the same numbers, unless `card.hindsight` asks for a second from its end.
    """

    def __init__(self, card: Card, stepper: Stepper):
        self.card = card
        self.stepper = stepper

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
        """Whether only the largest piece of each mask is to be kept, by whoever cuts the masks."""
        return self.card.largest_component

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size. For long clips use `masks_in_turn`."""
        masks = np.empty((len(clip.frames), len(self.structures), *clip.frames.shape[1:]), np.float32)
        given = self.masks_in_turn(clip.frames, [], clip.spacing, clip.part)
        for place, mask in zip(masks[:: self.direction], given, strict=True):
            place[...] = mask
        return masks

    @property
    def direction(self) -> Literal[1, -1]:
        """The order in which a whole clip's masks come: 1 from its first frame on, -1 with hindsight, from its last."""
        return -1 if self.card.hindsight else 1

    def masks_in_turn(
        self, frames: Iterable[Frame], kept: Stack, spacing: Spacing = None, part: Part | None = None
    ) -> Iterator[FrameMasks]:
        """A whole clip's probabilities (structure, height, width), frame by frame in this student's `direction`.

        `spacing` is the clip's, mm per pixel, y then x: the network sees square pixels; `part` the rows and columns
        that it sees, all without one: beyond them nothing is inside. With hindsight `kept`, which must be empty, holds
        what the second pass sees of every frame and the first's masks, at the working size, between the two passes: a
        list, or a Spool where memory must not grow with the clip. Without, it stays empty. Of a clip of one frame: see
        `still`.
        """
        coming = iter(frames)
        begun = list(islice(coming, 2))
        if len(begun) == 1:
            return iter([self.still(begun[0], spacing, part)])
        frames = chain(begun, coming)
        if self.card.hindsight:
            return self.look_back(frames, kept, spacing, part)
        return self.stream(frames, spacing, part)

    def still(self, frame: Frame, spacing: Spacing = None, part: Part | None = None) -> FrameMasks:
        """Probabilities (structure, height, width) of a frame (height, width) uint8 alone, all looks averaged.

        A heart that does not move is recognised less surely, but looked at in several sizes, by `card.looks`, more so:
        what a size brings is its own mistakes. Where one sees nothing, beyond its border, it says what the plain look
        says. A `stream` of one frame gets the plain look alone.
        """
        [plain] = self.stream([frame], spacing, part)
        total = plain.copy()
        for zoom in self.card.looks:
            [(_, size, masks)] = self._pass(self._fitted([frame], spacing, part, zoom))
            seen = whole(masks, size, spacing, part, zoom)
            total += np.where(np.isnan(seen), plain, seen)
        return total / np.float32(1 + len(self.card.looks))

    def stream(
        self, frames: Iterable[Frame], spacing: Spacing = None, part: Part | None = None
    ) -> Iterator[FrameMasks]:
        """For each grey frame (height, width) uint8, in order, its probabilities (structure, height, width).

        Always causal, whatever the card says of hindsight. Holds a few frames whatever the length: the first mask comes
        once `warm_up` + 1 frames are seen (or the stream has ended), every other one with its frame. `spacing` and
        `part`: see `masks_in_turn`. Raises InputError for frames of another type.
        """
        for _, size, masks in self._pass(self._fitted(frames, spacing, part)):
            yield whole(masks, size, spacing, part)

    def look_back(
        self, frames: Iterable[Frame], kept: Stack, spacing: Spacing = None, part: Part | None = None
    ) -> Iterator[FrameMasks]:
        """For each frame of a clip, last one first, the mean of what a pass from the start and one from the end say.

        The second pass is the first on the clip played backwards, at the card's `hindsight_zoom`: same weights, and a
        reflected warm-up of its own at the clip's end. The mean is taken of probabilities at the working size or, with
        a zoom, at the frames' own; beyond the border of what a zoom sees the first pass has the word. `kept`,
        `spacing` and `part`: see `masks_in_turn`. A graph walks a clip of up to `AT_ONCE` frames from both ends at the
        same time, where the process may take two threads.
        """
        coming = self._fitted_twice(frames, spacing, part)
        two = isinstance(self.stepper, OnnxStepper) and engine.threads() > 1
        begun = list(islice(coming, AT_ONCE + 1)) if two else []
        if 0 < len(begun) <= AT_ONCE:
            with ThreadPoolExecutor(1) as beside:
                again = ((near, None) for _, (_, near) in reversed(begun))
                walked = beside.submit(lambda: [masks for *_, masks in self._pass(again)])
                size = self._keep(begun, kept)
                backwards = ((kept.pop()[1], masks) for masks in walked.result())
        else:
            size = self._keep(chain(begun, coming), kept)
            walk = self._pass(kept.pop() for _ in range(len(kept)))
            backwards = ((first, second) for _, first, second in walk)
        zoom, half = self.card.hindsight_zoom, np.float32(0.5)
        for first, second in backwards:
            if zoom == 1:
                yield whole(half * (first + second), size, spacing, part)
            else:
                plain, seen = whole(first, size, spacing, part), whole(second, size, spacing, part, zoom)
                yield half * (plain + np.where(np.isnan(seen), plain, seen))

    def _fitted_twice(
        self, frames: Iterable[Frame], spacing: Spacing, part: Part | None
    ) -> Iterator[tuple[Frame, tuple[tuple[int, int], Frame]]]:
        """What the first pass sees of frames, each with its (height, width) and what the second pass sees."""
        zoom = self.card.hindsight_zoom
        for frame in frames:
            [(plain, own)] = self._fitted([frame], spacing, part)
            near = plain if zoom == 1 else next(self._fitted([frame], spacing, part, zoom))[0]
            yield plain, (own, near)

    def _keep(self, frames: Iterable[tuple[Frame, tuple[tuple[int, int], Frame]]], kept: Stack) -> tuple[int, int]:
        """Puts what the second pass sees of every frame, with the first's masks, on `kept`; the frames' own size."""
        size = (0, 0)
        for _, (own, near), masks in self._pass(frames):
            kept.append((near, masks))
            size = own
        return size

    def cut(self, probabilities: FrameMasks) -> NDArray[np.bool_]:
        """Masks (structure, height, width) at the threshold; their largest pieces alone, where the card wants that."""
        masks = probabilities >= self.threshold
        return np.stack([largest_component(mask) for mask in masks]) if self.largest_component else masks

    def features(self, frame: Frame, spacing: Spacing = None, part: Part | None = None) -> NDArray[np.float64] | None:
        """What the memory holds of one frame (height, width) uint8 alone: see `familiar`; None without a memory."""
        [(seen, _)], state = self._fitted([frame], spacing, part), None
        for _ in range(SHOWN):
            _, state = self.stepper.step(seen, state)
        memory = self.stepper.memory(state)
        return None if memory is None else features_of(memory)

    @cached_property
    def familiar(self) -> Familiar | None:
        """What its memory holds of drawn hearts; None where its card does not tell."""
        return None if self.card.familiar is None else of_table(self.card.familiar)

    def strangeness(
        self, frame: Frame, spacing: Spacing = None, part: Part | None = None
    ) -> NDArray[np.float64] | None:
        """How far a frame (height, width) uint8 lies from drawn hearts, then `odds` of each other view that its card
        knows: (1 + view,); None where nothing is known.
        """
        if self.familiar is None or (found := self.features(frame, spacing, part)) is None:
            return None
        return np.array([self.familiar.distance(found), *self.familiar.odds(found)])

    def push(
        self, frame: Frame, at: Pass, spacing: Spacing = None, part: Part | None = None
    ) -> tuple[list[FrameMasks], Pass]:
        """`stream` for whoever has one frame at a time: the masks that are known with this frame, and the pass after.

        The first `warm_up` frames give no masks; the next one gives those of all of them, every later one its own.
        """
        [fitted] = self._fitted([frame], spacing, part)
        known, after = self._push(fitted, at)
        return [whole(masks, size, spacing, part) for _, size, masks in known], after

    def finish(self, at: Pass, spacing: Spacing = None, part: Part | None = None) -> list[FrameMasks]:
        """The masks of a stream that ended before its pass began; none where it did."""
        return [whole(masks, size, spacing, part) for _, size, masks in self._finish(at)]

    def _push(self, pair: tuple[Frame, Along], at: Pass) -> tuple[list[tuple[Frame, Along, FrameMasks]], Pass]:
        if at.begun:
            masks, state = self.stepper.step(pair[0], at.state)
            return [(*pair, masks)], Pass(begun=True, state=state)
        waiting = (*at.waiting, pair)
        return self._begin(waiting) if len(waiting) > self.card.warm_up else ([], Pass(waiting))

    def _begin(self, waiting: Sequence[tuple[Frame, Any]]) -> tuple[list[tuple[Frame, Any, FrameMasks]], Pass]:
        """The masks of the frames that waited, after the reflected ones before them."""
        state, known = None, []
        for index in reflected(len(waiting), self.card.warm_up):
            _, state = self.stepper.step(waiting[index][0], state)
        for frame, along in waiting:
            masks, state = self.stepper.step(frame, state)
            known.append((frame, along, masks))
        return known, Pass(begun=True, state=state)

    def _finish(self, at: Pass) -> list[tuple[Frame, Any, FrameMasks]]:
        return self._begin(at.waiting)[0] if at.waiting else []

    def _pass(self, frames: Iterable[tuple[Frame, Along]]) -> Iterator[tuple[Frame, Along, FrameMasks]]:
        """For each frame of the working size, in order, its masks; what came along with the frame comes along."""
        at = Pass()
        for pair in frames:
            known, at = self._push(pair, at)
            yield from known
        yield from self._finish(at)

    def _fitted(
        self, frames: Iterable[Frame], spacing: Spacing, part: Part | None = None, zoom: float = 1.0
    ) -> Iterator[tuple[Frame, tuple[int, int]]]:
        """What is seen of frames, at the working size, each with its (height, width). InputError for another type."""
        for frame in frames:
            height, width = _checked(frame).shape
            yield resize.fit(frame[part or ...], self.card.preprocessing.size, spacing, zoom), (height, width)


def whole(
    masks: FrameMasks, size: tuple[int, int], spacing: Spacing, part: Part | None, zoom: float = 1.0
) -> FrameMasks:
    """Masks at the working size at the frame's own (height, width), 0 beyond the `part`; `zoom`: see `resize.unfit`."""
    if part is None:
        return resize.unfit(masks, *size, spacing, zoom)
    whole = np.zeros((len(masks), *size), np.float32)
    seen = whole[:, part[0], part[1]]
    seen[...] = resize.unfit(masks, seen.shape[1], seen.shape[2], spacing, zoom)
    return whole


def load_student(
    model: Path | str | None = None,
    backend: Literal["auto", "onnx", "torch"] = "auto",
    *,
    threads: int = 1,
    warm_up: int | None = None,
    largest_component: bool | None = None,
    hindsight: bool | None = None,
) -> Student:
    """A student ready to segment: of its folder, of a graph that `export` wrote, or of a bundled name; None is b4.

    `warm_up`, `largest_component` and `hindsight` overrule its card. `auto` takes the ONNX graph where the folder has
    one, as it steps faster than torch and needs none of it, and torch otherwise. `threads` are onnxruntime's: several
    gain little on so small a step, and clips side by side gain more; torch keeps its own number. Raises InputError
    where a file is missing, altered or unknown, MissingExtra where torch is needed and not installed.
    """
    folder = model if isinstance(model, Path) else find_model(model)
    if backend not in ("auto", "onnx", "torch"):
        raise InputError(f"A backend is auto, onnx or torch, got {backend!r}.")
    card, stepper = _graph(folder, threads) if folder.is_file() else _of_folder(folder, backend, threads)
    wanted = {"warm_up": warm_up, "largest_component": largest_component, "hindsight": hindsight}
    chosen: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    return Student(replace(card, **chosen), stepper)


def _of_folder(folder: Path, backend: str, threads: int) -> tuple[Card, Stepper]:
    """The card of a student's folder, and its graph or its network."""
    card = read_card(folder)
    if backend == "onnx" or (backend == "auto" and GRAPH in card.files):
        check_files(folder, card, needed=GRAPH)
        return card, OnnxStepper(folder / GRAPH, threads)
    return card, _torch_stepper(folder)


def _graph(path: Path, threads: int) -> tuple[Card, Stepper]:
    """The card in a graph that `export` wrote, and the graph. What tells it from others is its own checksum."""
    stepper = OnnxStepper(path, threads)
    if "card" not in stepper.metadata:
        raise InputError(f"{path} carries no card: it is no graph that `export` wrote. Give a student's folder.")
    try:
        table = json.loads(stepper.metadata["card"])
    except ValueError:
        raise InputError(f"{path} carries a card that is no JSON. Export it again.") from None
    return replace(parsed_card(table, f"The card in {path}"), files={WEIGHTS: sha256(path)}), stepper


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
            "Read files with echodfkd.video.open_video."
        )
    return frame


def identity(student: Student) -> dict[str, Any]:
    """What tells one model from another in a result: shape, threshold, starts of checksums, options.

    `graph` is that of the graph that was walked, as one in whole numbers gives other masks than the weights it was made
    of; None where torch walked the weights themselves.
    """
    card = student.card
    graph = card.files.get(GRAPH, card.files[WEIGHTS]) if isinstance(student.stepper, OnnxStepper) else None
    return {
        "name": card.network.name,
        "weights": card.files[WEIGHTS][:16],
        "graph": graph and graph[:16],
        "threshold": card.threshold,
        "warm_up": card.warm_up,
        "largest_component": card.largest_component,
        "hindsight": card.hindsight,
        "hindsight_zoom": card.hindsight_zoom if card.hindsight else 1.0,
    }
