"""The verb `bench`: how long a frame takes on this machine, the model alone and from a file to a cut mask."""

import platform
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from echodfkd import resize
from echodfkd.clip import WORKING_SIZE
from echodfkd.engine import alone, cores, processor
from echodfkd.errors import InputError, MissingExtra
from echodfkd.student.bundled import find_model
from echodfkd.student.card import Card, Preprocessing
from echodfkd.student.settings import FramewiseSettings
from echodfkd.student.steppers import Frame, FrameMasks, Stepper
from echodfkd.student.student import Student, load_student
from echodfkd.video import open_video, write

FRAMES, ROUNDS = 120, 3
"""Frames of the film, and how often each subject sees it, in turn with the others: a machine's speed drifts."""
ENOUGH = 5.0
"""Seconds of the processor's time after which a round of a slow subject ends, once some frames are counted."""
WARM = 5
"""Steps at the start of a round that are not counted."""
PARTS = ("reading", "to the working size", "the model", "back and cut")
"""Where a frame's time goes, in this order."""
DEEPLAB = "deeplab"
FORMS = ("torch", "float32", "int8", DEEPLAB)
"""What `against` may name besides models: the model's network with torch, its graphs, EchoNet's network."""

Times = list[float]  # milliseconds of each frame


@dataclass(frozen=True)
class Row:
    """One subject's times over all rounds. Latencies are by the clock, rates by the processor's time."""

    name: str
    size: int
    alone: Times = field(repr=False)
    whole: Times = field(repr=False)
    parts: tuple[float, ...]
    """Mean milliseconds of each of PARTS."""
    rates: tuple[float, float]
    """Frames that one processor does in a second of its time: the model alone, and from a file to a cut mask."""
    first_mask: float
    """Seconds from the start of the process to the first mask, the shortest of the rounds."""
    memory: float
    """Most memory that a process of its own took, MB."""


@dataclass(frozen=True)
class Bench:
    """What was measured, on what."""

    machine: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def bench(model: str | None = None, against: Sequence[str] = (), clip: Path | None = None) -> Bench:
    """Times of the model's graph and of all in `against`: further models, or of FORMS, each on one thread.

    They see a film of noise of the working size, or `clip`, in turn, a process for each. Raises InputError for names
    that are unknown, MissingExtra where a form needs what is not installed.
    """
    notes = []
    with TemporaryDirectory() as folder:
        film = clip or _film(Path(folder) / "noise.avi")
        subjects = {_label(model): (str(find_model(model)), "auto")}
        for name in against:
            subjects[_label(model) + f" {name}" if name in FORMS else name] = _subject(model, name, Path(folder))
        if DEEPLAB in against and subjects[_label(model) + f" {DEEPLAB}"][0] == "":
            notes.append("deeplab has random weights, as none were fetched: `echodfkd models fetch echonet-deeplabv3`.")
        rounds = [
            {name: alone(_measured, (name, *subject, film, time.time())) for name, subject in subjects.items()}
            for _ in range(ROUNDS)
        ]
    rows = tuple(_joined([one[name] for one in rounds]) for name in subjects)
    return Bench(f"{processor()}, {cores()} cores, {platform.system()} {platform.machine()}", rows, tuple(notes))


def words(found: Bench) -> str:
    """The table, the machine and where the first subject's time goes, as lines."""
    head = (
        "one thread",
        "size",
        "p50 ms",
        "p95 ms",
        "frames/s",
        "file to mask: p50",
        "p95",
        "frames/s",
        "first mask s",
        "MB",
    )
    table = [head]
    for row in found.rows:
        (p50, p95), (q50, q95) = (np.percentile(times, (50, 95)) for times in (row.alone, row.whole))
        numbers = f"{p50:.2f}", f"{p95:.2f}", f"{row.rates[0]:.0f}", f"{q50:.2f}", f"{q95:.2f}", f"{row.rates[1]:.0f}"
        table.append((row.name, str(row.size), *numbers, f"{row.first_mask:.2f}", f"{row.memory:.0f}"))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in table]
    first = found.rows[0]
    spent = ", ".join(f"{name} {part:.2f}" for name, part in zip(PARTS, first.parts, strict=True))
    return "\n".join(
        [
            *lines,
            f"A frame of {first.name}, ms: {spent}.",
            "Latency by the clock, one causal pass; frames/s by the processor's time, of one processor.",
            f"{found.machine}.",
            *found.notes,
        ]
    )


def _label(model: str | None) -> str:
    """What the model is called in the table."""
    return Path(model or find_model(None)).name


def _film(path: Path) -> Path:
    """A film of noise: the time does not depend on what is seen."""
    draw = np.random.default_rng(0)
    write(path, (draw.integers(0, 200, (WORKING_SIZE, WORKING_SIZE), dtype=np.uint8) for _ in range(FRAMES)), 50)
    return path


def _subject(model: str | None, name: str, folder: Path) -> tuple[str, str]:
    """What stands beside the model: where it lies and how it is loaded."""
    if name in ("torch", "float32", "int8") and find_spec("torch") is None:
        raise MissingExtra(f"bench --against {name}", "study")
    if name == "torch":
        return str(find_model(model)), "torch"
    if name in ("float32", "int8"):
        from echodfkd.commands.export import export

        return str(export(find_model(model), folder / f"{name}.onnx", int8=name == "int8").path), "auto"
    if name == DEEPLAB:
        if find_spec("torchvision") is None:
            raise MissingExtra("bench --against deeplab", "teachers")
        from echodfkd.teachers.fetch import find_fetched

        try:
            return str(find_fetched("echonet-deeplabv3")), DEEPLAB
        except InputError:
            return "", DEEPLAB
    return str(find_model(name)), "auto"


def _measured(task: tuple[str, str, Any, Path, float]) -> Row:
    """One round of one subject, in a process that does nothing else; `started` is when it was asked for."""
    name, place, form, film, started = task
    student, stepper = _loaded(place, form)
    size, threshold = student.card.preprocessing.size, student.threshold
    parts, steps, whole = np.zeros(len(PARTS)), list[float](), list[float]()
    state, first_mask, busy = None, 0.0, 0.0
    frames: list[Frame] = []
    with open_video(film) as video:
        source = iter(video)
        while True:
            clock, ticks = [time.perf_counter()], time.process_time()
            frame = next(source, None)
            if frame is None or (busy > ENOUGH and len(steps) > WARM):
                break
            clock.append(time.perf_counter())
            seen = resize.fit(frame, size, video.spacing)
            clock.append(time.perf_counter())
            masks, state = stepper.step(seen, state)
            clock.append(time.perf_counter())
            _ = resize.unfit(masks, video.height, video.width, video.spacing) >= threshold
            clock.append(time.perf_counter())
            first_mask = first_mask or time.time() - started
            if len(frames) >= WARM:
                steps.append(1000 * (clock[3] - clock[2]))
                whole.append(1000 * (clock[4] - clock[0]))
                parts += 1000 * np.diff(clock)
                busy += time.process_time() - ticks
            frames.append(seen)
    if not whole:
        raise InputError(f"{film} has too few frames to tell anything: give one of more than {WARM}.")
    ticks, state = time.process_time(), None
    for seen in frames:
        _, state = stepper.step(seen, state)
    lone = len(frames) / (time.process_time() - ticks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Row(name, size, steps, whole, tuple(parts / len(whole)), (lone, len(whole) / busy), first_mask, peak)


def _loaded(place: str, form: Any) -> tuple[Student, Stepper]:
    """A subject ready to step."""
    if form == DEEPLAB:
        stepper = DeepLabStepper(place)
        card = Card(FramewiseSettings(levels=1, structures=("lv",)), Preprocessing(), warm_up=0)
        return Student(card, stepper), stepper
    student = load_student(Path(place), form)
    return student, student.stepper


class DeepLabStepper:
    """EchoNet's DeepLabv3, frame by frame on one thread; of random weights where `place` is empty."""

    def __init__(self, place: str):
        from echodfkd.teachers.deeplab import empty_network, network

        self._network = network(Path(place)) if place else empty_network()

    def step(self, frame: Frame, state: Any) -> tuple[FrameMasks, Any]:
        """Probabilities (1, size, size) of a frame (size, size); no state."""
        import torch

        with torch.inference_mode():
            grey = torch.from_numpy(frame).float()[None, None].expand(1, 3, *frame.shape) / 50 - 0.65
            return self._network(grey)["out"][0].sigmoid().numpy(), None

    def memory(self, state: Any) -> None:
        """It remembers nothing."""


def _joined(rounds: Sequence[Row]) -> Row:
    """The rounds of one subject as one row."""
    return replace(
        rounds[0],
        alone=[value for one in rounds for value in one.alone],
        whole=[value for one in rounds for value in one.whole],
        parts=tuple(np.mean([one.parts for one in rounds], axis=0)),
        rates=tuple(np.max([one.rates for one in rounds], axis=0)),
        first_mask=min(one.first_mask for one in rounds),
        memory=max(one.memory for one in rounds),
    )
