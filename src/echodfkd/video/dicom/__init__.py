"""DICOM clips, as scanners write them, through pydicom: the only reader of DICOM in the house.

What lies outside the fan (text, curves, scales, logos) is black in every frame that leaves this folder, but for those
that are asked for whole; what the patient is called leaves it never.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from echodfkd.clip import Part
from echodfkd.clock import Clock
from echodfkd.errors import InputError
from echodfkd.video.container import Kind
from echodfkd.video.dicom.header import clip_name, read_header
from echodfkd.video.dicom.kinds import check_kind
from echodfkd.video.dicom.pixels import Shades, check_pixels, decoded, shades
from echodfkd.video.dicom.regions import geometry, regions_of
from echodfkd.video.dicom.seg import write_segmentation
from echodfkd.video.dicom.times import timing
from echodfkd.video.fan import Pixels, Screen, box
from echodfkd.video.source import Picture, Video

__all__ = ["Look", "clip_name", "open_clip", "write_segmentation"]


@dataclass(frozen=True, eq=False)
class Look:
    """What one pass over a clip tells: its fan (height, width) and the box around it, its sizes and times."""

    name: str
    fan: Pixels
    part: Part
    clock: Clock
    spacing: tuple[float, float] | None
    shades: Shades
    remarks: tuple[str, ...]


@contextmanager
def open_clip(path: Path, _: Kind) -> Iterator[Video]:
    """The clip or still in a DICOM file, open for one pass over its frames, black outside the fan.

    InputError, in one line that names the clip by its SOP instance UID, where it is damaged or no 2-D ultrasound image;
    MissingExtra without pydicom.
    """
    look = _looked(path)
    height, width = look.fan.shape

    def uncut() -> Iterator[Picture]:
        return _frames(path, look)

    frames = (np.where(look.fan, frame, np.uint8(0)) for frame in uncut())
    told = (lambda: look.clock, False, look.part, look.remarks, uncut)
    yield Video(path, height, width, look.clock.fps, frames, look.spacing, *told)


def _looked(path: Path) -> Look:
    """What there is to know of a clip before its frames are handed out; an unchanged file is looked at once."""
    told = path.stat()
    return _look(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=16)
def _look(path: Path, _size: int, _changed: int) -> Look:
    name = clip_name(path)
    try:
        header = read_header(path)
        regions = regions_of(header)
        check_kind(header, regions)
        shape = check_pixels(header)
        place, times = geometry(regions, shape.height, shape.width), timing(header, shape.frames)
        screen, how = Screen((shape.height, shape.width)), Shades(np.asarray)
        for number, frame in enumerate(decoded(path)):
            how = how if number else shades(header, frame)
            screen.add(how.grey(frame), None if how.coloured is None else how.coloured(frame))
        fan = screen.fan(place.box)
    except InputError as error:
        raise _of_clip(name, error) from None
    remarks = (*times.remarks, *place.remarks, *how.remarks)
    return Look(name, fan, box(fan), times.clock, place.spacing, how, remarks)


def _frames(path: Path, look: Look) -> Iterator[Picture]:
    """The grey frames as they are on the screen."""
    try:
        for frame in decoded(path):
            yield look.shades.grey(frame)
    except InputError as error:
        raise _of_clip(look.name, error) from None


def _of_clip(name: str, error: InputError) -> InputError:
    return InputError(f"DICOM clip {name}: {error}")
