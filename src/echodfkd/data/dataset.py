"""What a data set is to the house, whatever its layout: clips in splits, their frames, their labels, their faults."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd import tables, video
from echodfkd.clip import Clip, channel, check_structures
from echodfkd.clock import believed, listed_clock
from echodfkd.data.ejection import in_percent
from echodfkd.data.findings import Finding, fault_lines
from echodfkd.errors import InputError
from echodfkd.video.container import is_dicom

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Listed:
    """One clip as its data set lists it: EF in percent, volumes in ml, fps in Hz, size in pixels; None where unknown.

    `facts` holds what else the data set tells: age, image quality, fold.
    """

    name: str
    split: str
    ejection_fraction: float | None = None
    fps: float | None = None
    frames: int | None = None
    esv_ml: float | None = None
    edv_ml: float | None = None
    height: int | None = None
    width: int | None = None
    facts: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class KnownClip:
    """What is known of one clip: `masks` (labelled frame, structure, height, width) bool of `frames`, ascending.

    `length` is the clip's number of frames where the labels tell it. `every_beat` says that ED and ES frames list all
    events of the clip; `one_contraction` that the clip ends at them, so that nobody could find them in it.
    `ejection_fraction` is in percent, `fps` in Hz, `spacing` mm per pixel, y then x; None where they are not known.
    """

    frames: tuple[int, ...]
    structures: tuple[str, ...]
    masks: NDArray[np.bool_]
    ed_frames: tuple[int, ...] = ()
    es_frames: tuple[int, ...] = ()
    length: int | None = None
    every_beat: bool = False
    one_contraction: bool = False
    spacing: tuple[float, float] | None = None
    ejection_fraction: float | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        check_structures(self.structures)
        wanted = (len(self.frames), len(self.structures))
        if self.masks.dtype != np.bool_ or self.masks.ndim != 4 or self.masks.shape[:2] != wanted:
            raise InputError(
                f"True masks must be bool {wanted} and height, width, got {self.masks.dtype} {self.masks.shape}."
            )

    def of(self, structure: str) -> NDArray[np.bool_]:
        """The masks of one structure: (labelled frame, height, width)."""
        return np.asarray(channel(self.masks, self.structures, structure))

    def whole(self, structure: str, frames: int) -> NDArray[np.bool_] | None:
        """Those of a clip of that many frames (time, height, width); None where some frame has none."""
        return self.of(structure) if self.frames == tuple(range(frames)) else None


@dataclass(frozen=True)
class Outline:
    """One outline as an annotator drew it on one frame: `points` (point, 2) as x, y in pixels, closed by itself."""

    frame: int
    annotator: int
    points: NDArray[np.float64]


class Dataset(ABC):
    """Clips and labels in some published layout. Opening one reads its tables; clips are read one by one.

    `listed` holds every row that can be read; `clips` those that can be used; `left_out` says of every other name
    why; `remarks` what is odd about clips that are used; `faults` all of it, by reason. `structures` are those with
    labels.
    """

    structures: tuple[str, ...] = ()

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self.listed: dict[str, Listed] = {}
        self.left_out: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.faults: list[Finding] = []

    def __str__(self) -> str:
        return str(self.folder)

    @abstractmethod
    def file(self, name: str) -> Path:
        """Where a clip's film lies, or should lie."""

    @property
    def clips(self) -> tuple[Listed, ...]:
        """The clips that can be used, in the order of the list."""
        return tuple(row for name, row in self.listed.items() if name not in self.left_out)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that was met: listed, and not listed but there."""
        return tuple({**self.listed, **self.left_out})

    @property
    def training(self) -> tuple[Listed, ...]:
        """The clips that baselines may learn from."""
        return self.split("train")

    def split(self, name: str) -> tuple[Listed, ...]:
        """The clips of 'train', 'validation', 'test' or a split of the data set's own. InputError for another name."""
        splits = dict.fromkeys((*SPLITS, *(row.split for row in self.clips)))
        if name not in splits:
            raise InputError(f"{type(self).__name__}'s splits are {', '.join(splits)}, got {name!r}.")
        return tuple(row for row in self.clips if row.split == name)

    def fault_lines(self) -> list[str]:
        """A line for every reason for which clips are not used, or are odd: how many, and the first."""
        return fault_lines(self.faults, self.left_out)

    def films_in(self, files: Iterable[Path]) -> dict[str, Path]:
        """The films and pictures among files by clip name; of two of a name the `.avi`, and a remark."""
        found: dict[str, Path] = {}
        for path in sorted(files, key=lambda path: (path.suffix != ".avi", path)):
            first = found.setdefault(name := video.name(path), path)
            if first is not path:
                both = "A second file" if is_dicom(path) else path.name, "another" if is_dicom(first) else first.name
                self.remark(name, "duplicate", f"{both[0]} has the name of {both[1]}, which is used.")
        return dict(sorted(found.items()))

    def known(
        self, name: str, where: str, cells: Mapping[str, str], column: str, *, whole: bool = False, zero: bool = False
    ) -> float | None:
        """A cell's number above 0, or from 0 on; None where it is blank and, with a remark, where it is odd."""
        try:
            found = tables.optional(cells, column)
            if found is not None and (found < 0 or (found == 0 and not zero) or (whole and found % 1)):
                raise ValueError(f"{column} is {cells[column]!r}, not a {'whole ' * whole}number above 0.")
        except ValueError as error:
            self.remark(name, "table", f"{where}: {error} It counts as unknown.")
            return None
        return found

    def known_rate(self, name: str, where: str, cells: Mapping[str, str], column: str) -> float | None:
        """The same of a frame rate (Hz), which must be one that a film of a heart can have."""
        clock = believed(self.known(name, where, cells, column))
        if clock.unknown:
            self.remark(name, "frame-rate", f"{where}: {clock.unknown}. It counts as unknown.")
        return clock.fps

    def settle_ejection(self, written: Mapping[str, str]) -> None:
        """Gives the listed clips their ejection fractions, from the cells of one list by clip."""
        volumes = {name: (self.listed[name].esv_ml, self.listed[name].edv_ml) for name in written}
        fractions, odd = in_percent(written, volumes)
        for name, fraction in fractions.items():
            self.listed[name] = replace(self.listed[name], ejection_fraction=fraction)
        for one in odd:
            self.remark(one.name, one.reason, one.value)

    def row(self, name: str) -> Listed:
        """What the data set lists of one clip. InputError for a clip that is left out, or that there is not."""
        if name in self.listed and name not in self.left_out:
            return self.listed[name]
        reason = self.left_out.get(name)
        near = difflib.get_close_matches(name, [row.name for row in self.clips], 1)
        hint = f" The nearest name is {near[0]}." if near else ""
        raise InputError(f"Clip {name} is left out: {reason}" if reason else f"{self} has no clip {name}.{hint}")

    def read(self, name: str) -> Clip:
        """One clip, timed by the list's frame rate, which is the recording's; frames are those that decode."""
        row = self.row(name)
        clip = video.read(self.file(name))
        clock = listed_clock(clip.clock, len(clip.frames), row.fps)
        return replace(clip, name=name, fps=clock.fps, times=clock.times)

    def truth(self, name: str) -> KnownClip:
        """The labels of one clip. InputError for a data set without."""
        raise InputError(f"{self} has no labels to score masks against.")

    def check_labels(self, name: str) -> None:
        """InputError where the labels of a clip cannot be read, or are not its film's."""
        self.truth(name)

    def outlines(self, name: str) -> Sequence[Outline]:
        """A listed clip's labels as they were drawn; none where they were not drawn as outlines."""
        return ()

    def phases(self, name: str) -> tuple[int, int] | None:
        """The frames of ED and ES of a listed clip, without its masks; None where the labels do not tell them."""
        drawn = self.outlines(name)
        if len({one.frame for one in drawn}) < 2:
            return None
        return _extremes([one.frame for one in drawn], [enclosed_area(one.points) for one in drawn])

    def note(self, name: str, reason: str, value: str) -> None:
        """Keeps a fault of a clip that is used all the same."""
        self.faults.append(Finding(name, reason, value))

    def remark(self, name: str, reason: str, value: str) -> None:
        """Keeps a fault of a clip that is used, and says so among the remarks."""
        self.note(name, reason, value)
        self.remarks[name] = f"{self.remarks[name]} {value}" if name in self.remarks else value

    def leave_out(self, name: str, reason: str, value: str) -> None:
        """Keeps a fault for which the clip cannot be used."""
        self.note(name, reason, value)
        self.left_out.setdefault(name, value)


def ed_es(frames: Iterable[int], masks: Iterable[NDArray]) -> tuple[int, int]:
    """The frames of end-diastole and end-systole: the larger and the smaller area, on average over a frame's masks."""
    return _extremes(frames, [float(np.sum(mask)) for mask in masks])


def _extremes(frames: Iterable[int], areas: Iterable[float]) -> tuple[int, int]:
    """The frames of the largest and of the smallest area; a frame that comes several times has their mean."""
    found: dict[int, list[float]] = {}
    for frame, area in zip(frames, areas, strict=True):
        found.setdefault(frame, []).append(area)
    ordered = sorted(found, key=lambda frame: (np.mean(found[frame]), frame))
    return ordered[-1], ordered[0]


def enclosed_area(points: NDArray[np.float64]) -> float:
    """The area inside an outline (point, 2), in square pixels (the shoelace formula)."""
    x, y = points.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def traced_truth(frames: Sequence[int], masks: Sequence[NDArray]) -> KnownClip:
    """The labels of a clip traced on a few frames: inside is what at least half of a frame's annotators say."""
    each = sorted(set(frames))
    agreed = [np.mean([mask for frame, mask in zip(frames, masks, strict=True) if frame == one], 0) for one in each]
    ed, es = ed_es(frames, masks)
    return KnownClip(tuple(each), ("lv",), np.stack(agreed)[:, None] >= 0.5, (ed,), (es,))
