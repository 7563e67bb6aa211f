"""What is done in a worker: every function here takes what can be pickled, and says what it finds as messages."""

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.commands.segment import Watch, segment_clip
from echodfkd.engine import begin
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.measure.measures import Measures
from echodfkd.student.student import Student, load_student
from echodfkd.video import file_source
from echodfkd.video.container import is_dicom
from echodfkd.video.source import Source
from echodfkd.web.correct import RESULT, correct
from echodfkd.web.downloads import Taken, packed
from echodfkd.web.drawn import drawn
from echodfkd.web.kept import keep, keep_grades, keeping, kept_source
from echodfkd.web.runs import runs
from echodfkd.web.told import told

Tell = Callable[..., None]
"""Says a message of a kind, with what belongs to it."""
TOLD_S = 0.05
"""Seconds for which masks are gathered before they are told: a message a frame would cost more than the masks."""


@dataclass(frozen=True)
class Bounds:
    """How much of a clip is taken: frames, pixels of all of them, and the bytes of memory of the process."""

    frames: int
    pixels: int
    memory: int
    models: tuple[Path, ...]


def worker(bounds: Bounds, pipe: Connection, parent: int) -> None:
    """What a process does until its pipe is closed: one task after another."""
    begin(parent)
    resource.setrlimit(resource.RLIMIT_AS, (bounds.memory, bounds.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence()
    with_models(bounds.models)

    def tell(kind: str, **values: Any) -> None:
        pipe.send({"kind": kind, **values})

    works: dict[str, Callable[..., dict[str, Any] | None]]
    works = {"segment": partial(segment, bounds), "draw": draw, "again": again, "correct": mend, "pack": pack}
    while True:
        try:
            name, given = pipe.recv()
        except EOFError:
            return
        try:
            tell("done", **(works[name](tell, **given) or {}))
        except EchodfkdError as error:
            words = one_line(error).replace(str(given.get("path", "\0")), "This clip")
            tell("failed", words=words)
        except MemoryError:
            tell("failed", words="This clip needs more memory than this server gives it.")
        except Exception as error:  # ours: the place is told, and nothing of what was read
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = "" if place is None else f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
            tell(
                "failed",
                words="Something went wrong with this clip that should not.",
                fault=f"{type(error).__name__} {where}",
            )


def silence() -> None:
    """Nothing that a library says gets out of this process: it may quote a file."""
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def with_models(models: tuple[Path, ...]) -> None:
    """Loads the first model before anybody asks, so that the first clip need not wait."""
    if models:
        student(models[0])


@lru_cache(maxsize=3)
def student(model: Path) -> Student:
    """The model of a folder or graph."""
    return load_student(model)


class Told(Watch):
    """Tells the masks of a clip in bundles, as runs by structure, and at the end what they say."""

    def __init__(self, tell: Tell, model: Student, folder: Path):
        self._tell, self._names, self._step, self._folder = tell, model.structures, model.direction, folder
        self._passed = 0
        self._next = 0
        self._sure = False
        self._bundle: list[dict[str, Any]] = []
        self._told_at = time.monotonic()
        self.found: Measures | None = None

    def early(self, masks: NDArray[np.bool_]) -> None:
        """A frame's masks by the first of two passes."""
        self._add(self._passed, masks)
        self._passed += 1

    def sure(self, masks: NDArray[np.bool_]) -> None:
        """A frame's masks as they stay."""
        if not self._sure:
            self._flush()
            self._sure, self._next = True, 0 if self._step == 1 else self._passed - 1
        self._add(self._next, masks)
        self._next += self._step

    def measured(self, found: Measures) -> None:
        """What all of them say."""
        self._flush()
        self.found = found
        if found.grades is not None and found.factor is not None:
            keep_grades(found.grades, self._folder)

    def _add(self, frame: int, masks: NDArray[np.bool_]) -> None:
        by_name = {name: runs(mask) for name, mask in zip(self._names, masks, strict=True)}
        self._bundle.append({"frame": frame, "runs": by_name, "area": int(masks[self._names.index("lv")].sum())})
        if time.monotonic() - self._told_at > TOLD_S:
            self._flush()

    def _flush(self) -> None:
        if self._bundle:
            self._tell("masks", sure=self._sure, masks=self._bundle)
        self._bundle, self._told_at = [], time.monotonic()


def segment(bounds: Bounds, tell: Tell, path: Path, folder: Path, name: str, model: Path) -> dict[str, Any]:
    """Masks and measures of an uploaded file. InputError where it is no clip, or a larger one than is taken."""
    of_dicom = is_dicom(path)
    source = file_source(path)
    if not of_dicom:
        source = replace(source, name=name)

    source = keeping(source, folder, bounds.frames, bounds.pixels, _came(tell))
    found = _segmented(tell, source, folder, model, of_dicom)
    if not of_dicom:  # of DICOM a SEG may be wanted, which refers to its header
        path.unlink()
    return found


def _came(tell: Tell) -> Callable[[int], None]:
    """Tells now and then how many frames there are."""

    def came(frames: int) -> None:
        if frames % 8 == 1:
            tell("frames", frames=frames)

    return came


def draw(tell: Tell, folder: Path, name: str, model: Path, heart: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a drawn heart, whose truth is told too."""
    source, truth = drawn(name, heart, folder, _came(tell))
    return {**_segmented(tell, source, folder, model), "truth": truth}


def again(tell: Tell, of: Path, folder: Path, model: Path) -> dict[str, Any]:
    """The same of a clip that lies in the folder `of` already, by another model."""
    source = kept_source(of)
    os.link(of / "frames.raw", folder / "frames.raw")
    return _segmented(tell, source, folder, model)


def _segmented(tell: Tell, source: Source, folder: Path, model: Path, dicom: bool = False) -> dict[str, Any]:
    """What `segment` writes of a source, in `folder`/result."""
    by = student(model)
    height, width = source.size
    part = None if source.part is None else [[one.start, one.stop] for one in source.part]
    tell(
        "opened",
        height=height,
        width=width,
        fps=source.fps,
        structures=by.structures,
        part=part,
        dicom=dicom,
        spacing=source.spacing,
    )
    watch = Told(tell, by, folder)
    told_of = segment_clip(source, by, folder / RESULT, watch=watch)
    keep(source, folder)
    if watch.found is None:
        raise InputError("This clip holds no frame.")
    return {"measures": told(watch.found, told_of), "frames": watch.found.frames}


def mend(tell: Tell, folder: Path, model: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Measures of the clip in `folder` with outlines and events as somebody corrected them."""
    found, told_of = correct(folder, student(model), changes)
    return {"measures": told(found, told_of)}


def pack(tell: Tell, clips: Sequence[tuple[str, Path, Path, Path | None]], out: Path, what: str) -> None:
    """What is downloaded of clips, each a label, a folder, a model and, of DICOM, its file; as the file `out`."""
    packed([Taken(label, folder, student(model), file) for label, folder, model, file in clips], out, what)
