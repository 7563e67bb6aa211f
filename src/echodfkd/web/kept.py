"""A clip on disk between two tasks of workers: grey frames and what else is known of it, and nothing of its file."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Part
from echodfkd.clock import Clock
from echodfkd.errors import InputError
from echodfkd.files import read_json, write_json
from echodfkd.measure.doubt import Grades
from echodfkd.video.source import Source

FRAMES, ABOUT, GRADES = "frames.raw", "clip.json", "grades.npy"
Frame = NDArray[np.uint8]


def keeping(source: Source, folder: Path, frames: int, pixels: int, came: Callable[[int], None]) -> Source:
    """The source, of which the first pass writes every frame to `folder`, and every later one reads it there.

    `came` hears how many frames there are so far. InputError where there are more than `frames`, or `pixels` in all.
    """
    path, count = folder / FRAMES, 0
    each = source.size[0] * source.size[1]

    def first() -> Iterator[Frame]:
        """The frames, each written as it passes."""
        nonlocal count
        here, part = 0, path.with_suffix(".part")
        with open(part, "wb") as file:
            for frame in source.frames():
                here += 1
                if here > frames or here * each > pixels:
                    raise InputError(
                        f"This clip is too long for this server: it takes {frames} frames and {pixels:,} pixels in all."
                    )
                file.write(np.ascontiguousarray(frame).tobytes())
                file.flush()
                came(here)
                yield frame
        part.rename(path)
        count = here

    def again() -> Iterator[Frame]:
        return iter(np.memmap(path, np.uint8, "r", shape=(count, *source.size))) if count else first()

    return replace(source, frames=again, uncut=None)


def keep(source: Source, folder: Path) -> None:
    """Writes what is known of a clip, whose frames lie in `folder` already."""
    clock = source.clock
    write_json(
        folder / ABOUT,
        {
            "name": source.name,
            "size": list(source.size),
            "fps": clock.fps,
            "times": None if clock.times is None else clock.times.tolist(),
            "gaps": list(clock.gaps),
            "dropped": clock.dropped,
            "unknown": clock.unknown,
            "spacing": None if source.spacing is None else list(source.spacing),
            "relative": source.relative,
            "part": None if source.part is None else [[one.start, one.stop] for one in source.part],
            "remarks": list(source.remarks),
        },
    )


def keep_grades(graded: Grades, folder: Path) -> None:
    """Keeps how sure the model is of each pixel: events that somebody moves have an interval, too."""
    np.save(folder / GRADES, graded)


def kept_grades(folder: Path) -> Grades:
    """The grades (time, height, width) of the clip in `folder`, mapped from disk."""
    grades: Grades = np.load(folder / GRADES, mmap_mode="r")
    return grades


def kept_source(folder: Path) -> Source:
    """The clip in `folder`, its frames mapped from disk."""
    told: dict[str, Any] = read_json(folder / ABOUT)
    height, width = told["size"]
    frames = np.memmap(folder / FRAMES, np.uint8, "r").reshape(-1, height, width)
    times = None if told["times"] is None else np.array(told["times"])
    clock = Clock(told["fps"], times, tuple(told["gaps"]), told["dropped"], told["unknown"])
    spacing = None if told["spacing"] is None else (told["spacing"][0], told["spacing"][1])
    part: Part | None = None
    if told["part"] is not None:
        rows, columns = (slice(*span) for span in told["part"])
        part = rows, columns
    about = (lambda: clock, told["relative"], part, tuple(told["remarks"]))
    return Source(told["name"], clock.fps, lambda: iter(frames), (height, width), spacing, *about)
