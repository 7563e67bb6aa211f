"""The verb `convert`: clips of any format as a folder in EchoNet-Dynamic's layout that names nobody."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import WORKING_SIZE
from echodfkd.errors import InputError, MissingExtra, one_line
from echodfkd.files import filling, write_text
from echodfkd.resize import fit
from echodfkd.tables import csv_text
from echodfkd.video import file_source, name, write
from echodfkd.video.fan import Pixels, Screen, box
from echodfkd.video.inputs import clip_files, refusal
from echodfkd.video.source import Source

COLUMNS = ("FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split")
LAYOUT = ("FileList.csv", "Videos")
UNKNOWN_FPS = 1.0
"""Hz that a film is written with whose rate nobody knows: AVI has no word for that, and no reader believes 1."""


@dataclass(frozen=True)
class Converted:
    """What came of one clip, the `number`th of `count`: its new name and number of frames, or why it was not done."""

    source: str
    number: int
    count: int
    name: str = ""
    frames: int = 0
    fps: float | None = None
    refusal: str = ""


def convert(
    inputs: Sequence[Path], out: Path, key: Path | None = None, done: Callable[[Converted], None] | None = None
) -> list[Converted]:
    """Clips (files, or folders of them) in `out` as EchoNet-Dynamic has them; what came of each, in their order.

    Every film is what its fan shows, 112 x 112, grey, MJPG; what lies beside the fan is gone, whatever the format.
    Clips are named by numbers; `key` is a table of which number is which clip, to be kept apart. Raises InputError
    where no clip could be converted, OutputError where `out` cannot be written; it is replaced as a whole.
    """
    if key is not None and out.resolve() in key.resolve().parents:
        raise InputError(f"The key {key} would lie in {out}, which is to be shared. Keep it elsewhere.")
    paths = clip_files(inputs)
    found: list[Converted] = []
    with filling(out, LAYOUT) as here:
        (here / "Videos").mkdir()
        for number, path in enumerate(paths, start=1):
            one = Converted(name(path), number, len(paths))
            try:
                one = _converted(
                    file_source(path), here / "Videos", replace(one, name=f"clip-{number:0{_digits(paths)}}")
                )
            except (InputError, MissingExtra) as error:
                one = replace(one, refusal=refusal(path, number, len(paths), error))
            found.append(one)
            if done is not None:
                done(one)
        kept = [one for one in found if not one.refusal]
        if not kept:
            raise InputError(f"None of {len(found)} clips could be converted. The first: {found[0].refusal}")
        write_text(here / "FileList.csv", csv_text(map(_row, kept), COLUMNS))
    if key is not None:
        write_text(
            key, csv_text([{"FileName": one.name, "Source": one.source} for one in kept], ("FileName", "Source"))
        )
    return found


def _digits(paths: Sequence[Path]) -> int:
    return max(4, len(str(len(paths))))


def _row(one: Converted) -> dict[str, object]:
    """A clip's row of the list; what nobody knows is empty."""
    known = {"FPS": None if one.fps is None else f"{one.fps:.6g}", "NumberOfFrames": one.frames, "Split": "TEST"}
    return {"FileName": one.name, "FrameHeight": WORKING_SIZE, "FrameWidth": WORKING_SIZE, **known}


def _converted(source: Source, films: Path, one: Converted) -> Converted:
    """One clip, written among the `films`."""
    fan = _fan(source)
    part, spacing, clock = box(fan), source.spacing, source.clock
    if clock.times is not None:
        raise InputError(f"{source.name}: its frames come unevenly, which this layout cannot hold.")
    frames = (fit(np.where(fan, frame, np.uint8(0))[part], WORKING_SIZE, spacing) for frame in source.frames())
    count = 0

    def counted() -> Iterator[NDArray[np.uint8]]:
        nonlocal count
        for frame in frames:
            count += 1
            yield frame

    write(films / f"{one.name}.avi", counted(), clock.fps or UNKNOWN_FPS)
    return replace(one, frames=count, fps=clock.fps)


def _fan(source: Source) -> Pixels:
    """The fan of any clip: a film exported by a scanner has the patient's name on its screen too."""
    screen = Screen(source.size)
    for frame in source.frames():
        screen.add(frame)
    try:
        return screen.fan()
    except InputError as error:
        raise InputError(f"{source.name}: {one_line(error)}") from None
