"""Where on the screen the 2-D image lies and how large its pixels are, by SequenceOfUltrasoundRegions."""

from dataclasses import dataclass
from typing import Any

from echodfkd.video.dicom.header import number, numbers, quiet
from echodfkd.video.fan import LEAST_FAN
from echodfkd.video.libav import FLATTEST

CENTIMETRES = 3
"""The code of that unit (PS3.3 C.8.5.5.1.15)."""
PIXELS_MM = (0.01, 5.0)
"""Sides of a pixel (mm) that are believed. By choice: from a small probe on a large screen to 25 cm in 50 rows."""


@dataclass(frozen=True)
class Region:
    """One region: its first and last rows and columns, spatial format, data type, and mm per pixel (y, x) if known."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    form: int
    content: int
    spacing: tuple[float, float] | None

    @property
    def is_image(self) -> bool:
        """Whether it shows tissue in two dimensions."""
        return self.form == 1 and self.content == 1

    @property
    def area(self) -> int:
        """Pixels in it."""
        return max(0, self.rows[1] - self.rows[0] + 1) * max(0, self.columns[1] - self.columns[0] + 1)


@dataclass(frozen=True)
class Geometry:
    """The box (rows, columns) that holds the 2-D image and its mm per pixel (y, x), as far as they can be believed.

    There may be `several` images.
    """

    box: tuple[slice, slice] | None = None
    spacing: tuple[float, float] | None = None
    remarks: tuple[str, ...] = ()
    several: bool = False


def regions_of(header: Any) -> tuple[Region, ...]:
    """The regions that can be read."""
    with quiet():
        try:
            items = list(header.get("SequenceOfUltrasoundRegions") or ())
        except Exception:  # a damaged sequence is none
            return ()
    return tuple(one for one in map(_region, items) if one is not None)


def _region(item: Any) -> Region | None:
    keywords = ("RegionLocationMinY0", "RegionLocationMaxY1", "RegionLocationMinX0", "RegionLocationMaxX1")
    ends = [number(item, keyword) for keyword in keywords]
    form, content = number(item, "RegionSpatialFormat"), number(item, "RegionDataType")
    if form is None or content is None or None in ends:
        return None
    top, bottom, left, right = (int(end or 0) for end in ends)
    return Region((top, bottom), (left, right), int(form), int(content), _spacing(item))


def _spacing(item: Any) -> tuple[float, float] | None:
    """Mm per pixel, y then x; None where they are in another unit or none that a scanner's image has."""
    sides = []
    for axis in "YX":
        delta, unit = number(item, f"PhysicalDelta{axis}"), number(item, f"PhysicalUnits{axis}Direction")
        side = 10 * abs(delta or 0)
        if unit != CENTIMETRES or not PIXELS_MM[0] <= side <= PIXELS_MM[1]:
            return None
        sides.append(side)
    return sides[0], sides[1]


def geometry(regions: tuple[Region, ...], height: int, width: int) -> Geometry:
    """Where the 2-D image lies in frames of that size; of several the largest region counts.

    A region that reaches out of the frame is that of the screen before the frames were resized or cut: neither its
    place nor its pixels can be believed.
    """
    images = sorted((one for one in regions if one.is_image), key=lambda one: -one.area)
    if not images:
        return Geometry()
    chosen, remarks = images[0], []
    if len(images) > 1:
        remarks.append(f"{len(images)} two-dimensional regions, the largest is used")
    top, bottom, left, right = *chosen.rows, *chosen.columns
    if chosen.area < LEAST_FAN * height * width:
        return Geometry(remarks=(*remarks, "its 2-D region is too small for a fan, and is not used"))
    if not (top < bottom <= height and left < right <= width):  # some writers count the last pixel as one beyond
        told = f"its 2-D region ends at row {bottom} and column {right} of {height} x {width} pixels"
        return Geometry(remarks=(*remarks, f"{told}: it was resized or cut, and sizes are unknown"))
    box = slice(top, bottom + 1), slice(left, right + 1)
    return Geometry(box, chosen.spacing, tuple(remarks), len(images) > 1)


def aspect(header: Any) -> tuple[float, float] | None:
    """How high and wide a pixel is, y then x, the smaller being 1; None where they are square or nothing says so."""
    sides = numbers(header, "PixelAspectRatio")
    if len(sides) != 2 or min(sides) <= 0 or not 1 < max(sides) / min(sides) <= FLATTEST:
        return None
    return sides[0] / min(sides), sides[1] / min(sides)
