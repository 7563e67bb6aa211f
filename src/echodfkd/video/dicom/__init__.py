"""DICOM clips, as scanners write them, through pydicom: the only reader of DICOM in the house.

What lies outside the fan (text, curves, scales, logos) is black in every frame that leaves this folder, but for those
that are asked for whole; what the patient is called leaves it never.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from echodfkd.clip import Part
from echodfkd.clock import Clock
from echodfkd.errors import InputError
from echodfkd.file_kinds import Kind
from echodfkd.video.dicom.header import clip_name, opened_header
from echodfkd.video.dicom.kinds import check_kind
from echodfkd.video.dicom.pixels import Shades, check_light, check_pixels, decoded, order_remark, shades
from echodfkd.video.dicom.regions import Geometry, aspect, geometry, regions_of
from echodfkd.video.dicom.seg import write_segmentation
from echodfkd.video.dicom.times import timing
from echodfkd.video.fan import Pixels, Screen, box
from echodfkd.video.source import Picture, Video

__all__ = ["Look", "clip_name", "open_clip", "write_segmentation"]

LEAST_INSIDE = 0.6
"""Share of a fan that its region must hold to be believed. By choice: of a file that was made twice as large it is a
quarter."""
CUT = "its 2-D region holds a part of the fan alone: it was resized, and sizes are unknown"


@dataclass(frozen=True, eq=False)
class Look:
    """What one pass over a clip tells: its fan (height, width) and the box around it, its sizes and times."""

    name: str
    fan: Pixels
    part: Part
    clock: Clock
    spacing: tuple[float, float] | None
    relative: bool
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
    told = (lambda: look.clock, look.relative, look.part, look.remarks, uncut)
    yield Video(path, height, width, look.clock.fps, frames, look.spacing, *told)


def _looked(path: Path) -> Look:
    """What there is to know of a clip before its frames are handed out; an unchanged file is looked at once."""
    told = path.stat()
    return _look(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=16)
def _look(path: Path, _size: int, _changed: int) -> Look:
    name = clip_name(path)
    try:
        with opened_header(path) as (header, file):
            regions = regions_of(header)
            check_kind(header, regions)
            shape = check_pixels(header)
            order = order_remark(header, file, shape)
        place, times = geometry(regions, shape.height, shape.width), timing(header, shape.frames)
        screen, how = Screen((shape.height, shape.width)), Shades(np.asarray)
        for number, frame in enumerate(decoded(path)):
            how = how if number else shades(header, frame)
            screen.add(how.grey(frame), None if how.coloured is None else how.coloured(frame))
        check_light(header, int(screen.brightest.max()))
        place, fan = _place(place, screen)
    except InputError as error:
        raise _of_clip(name, error) from None
    spacing, relative = (place.spacing, False) if place.spacing else (aspect(header), True)
    remarks = (*header.remarks, *order, *times.remarks, *place.remarks, *how.remarks)
    return Look(name, fan, box(fan), times.clock, spacing, relative and spacing is not None, how, remarks)


def _place(place: Geometry, screen: Screen) -> tuple[Geometry, Pixels]:
    """The fan, and the place as far as it can still be believed: a region that cuts a fan is that of another size.

    InputError where there is no fan.
    """
    fan = screen.fan(place.box)
    if place.box is None or place.several:
        return place, fan
    with suppress(InputError):
        whole = screen.fan()
        if whole[fan].any() and fan.sum() < LEAST_INSIDE * whole.sum():
            return Geometry(remarks=(CUT,)), whole
    return place, fan


def _frames(path: Path, look: Look) -> Iterator[Picture]:
    """The grey frames as they are on the screen."""
    try:
        for frame in decoded(path):
            yield look.shades.grey(frame)
    except InputError as error:
        raise _of_clip(look.name, error) from None


def _of_clip(name: str, error: InputError) -> InputError:
    return InputError(f"DICOM clip {name}: {error}")
