"""NIfTI files to clips and to masks of labels, through nibabel: the only decoder of NIfTI in the house.

NIfTI holds (x, y[, t]); here it is turned to (time, height, width) as it is stored: y grows downwards, row 0 is y = 0.
The orientation that the header may state is not applied: echocardiograms are stored with the probe at y = 0, whatever
the tool that wrote them made of their directions. Axes of one step after x and y, as in (x, y, 1[, t]), count as none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Frames
from echodfkd.clock import Clock, clock_of_rate
from echodfkd.errors import InputError, MissingExtra
from echodfkd.file_kinds import Kind
from echodfkd.limits import limits, refusal
from echodfkd.names import clip_name
from echodfkd.video.source import Video

ROUNDING = 0.01
"""What a whole number may be off in a file: storing it as floating point, or as whole numbers with a scale, moves it by
less. Values are compared after rounding."""
MOST_PACKED = 1032
"""Bytes that one byte of gzip can stand for at most (zlib's technical notes)."""
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}


@contextmanager
def open_volume(path: Path, _: Kind) -> Iterator[Video]:
    """The film or still in a NIfTI file, read as a whole and open for one pass over its frames."""
    image = _image(path)
    frames, clock, spacing = _grey(path, _turned(path, image)), _clock(image), _spacing(image)
    _, height, width = frames.shape
    yield Video(path, height, width, clock.fps, iter(frames), spacing, lambda: clock)


def read(path: Path) -> Clip:
    """The film or still in a NIfTI file of grey levels 0 to 255, with spacing (mm, y then x) and rate where it tells.

    InputError where the file is damaged, has another number of axes, or holds other values; MissingExtra without
    nibabel.
    """
    image = _image(path)
    return Clip(clip_name(path), _grey(path, _turned(path, image)), _clock(image).fps, _spacing(image))


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Whole-number labels (time, height, width) uint8, such as CAMUS's 0 to 3, within ROUNDING; errors as `read`."""
    values = _turned(path, _image(path))
    whole = np.rint(values)
    with np.errstate(invalid="ignore"):  # infinity less itself
        wrong = ~((whole >= 0) & (whole <= 255) & (np.abs(values - whole) <= ROUNDING))  # NaN is wrong too
    if wrong.any():
        raise InputError(f"{path}: labels must be whole numbers of 0 to 255, got {values[wrong][0]:g} among them.")
    return whole.astype(np.uint8)


def _image(path: Path) -> Any:
    """The open image, its values not read yet."""
    try:
        import nibabel
    except ImportError:
        raise MissingExtra("Reading NIfTI", "nifti") from None
    if not path.is_file():
        raise InputError(f"No such file: {path}")
    _check_suffix(path)
    try:
        image = nibabel.load(path)
    except Exception as error:  # damaged headers lead nibabel into errors of many kinds
        raise InputError(f"{path} is a damaged NIfTI file: {error}. Copy it again.") from None
    if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti2Image):
        raise InputError(f"{path} is not a NIfTI image of its own (header and values in one file).")
    return image


def _check_suffix(path: Path) -> None:
    """InputError where what the file's name says of its packing is not so: nibabel goes by the name."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed != path.name.lower().endswith(".gz"):
        way = "is packed with gzip: name it .nii.gz" if packed else "is not packed with gzip: name it .nii"
        raise InputError(f"{path} {way}.")


def _turned(path: Path, image: Any) -> NDArray:
    """The values as (time, height, width). No room is made for what the file cannot hold."""
    stored, size = image.dataobj, path.stat().st_size
    announced = stored.offset + prod(map(int, stored.shape)) * stored.dtype.itemsize
    whole = announced <= size * (MOST_PACKED if path.suffix.lower() == ".gz" else 1)
    if whole and announced > limits().memory:
        raise InputError(refusal(f"{path} takes", f"{announced:,} bytes of memory", "memory"))
    try:
        if not whole:
            raise ValueError("the header announces more than there is")
        values = np.asanyarray(stored)
    except Exception:  # as above
        raise InputError(f"{path} is cut off or damaged: its values cannot be read. Copy it again.") from None
    shape = values.shape
    time = [length for length in shape[2:] if length != 1] or [1]  # axes of one step count as none
    if len(time) == 1:
        values = values.reshape(*shape[:2], *time)
    if values.ndim != 3 or 0 in values.shape or values.dtype.kind not in "uif":
        raise InputError(f"{path}: a clip must be numbers (x, y) or (x, y, t), got {values.dtype} {shape}.")
    return np.ascontiguousarray(values.T)


def _grey(path: Path, values: NDArray) -> Frames:
    """The values as grey levels, which they must be already: nothing is stretched behind the user's back."""
    low, high = values.min(), values.max()
    inside = low >= -ROUNDING and high <= 255 + ROUNDING
    if not inside or ROUNDING < high <= 1 + ROUNDING:  # a mask, or levels in another unit
        raise InputError(f"{path}: grey levels must be 0 to 255, got {low:g} to {high:g}. Rescale them and save again.")
    return np.rint(values).astype(np.uint8)


def _spacing(image: Any) -> tuple[float, float] | None:
    """Mm per pixel, y then x; None where the header says nothing sensible.

    Sides without a unit are mm, as CAMUS has them; but 1 by 1, without a unit or in mm, is what tools write unasked.
    """
    unit = _units(image)[0]
    x, y = (float(step) * {"meter": 1e3, "micron": 1e-3}.get(unit, 1.0) for step in image.header.get_zooms()[:2])
    if unit in ("unknown", "mm") and x == y == 1:
        return None
    return (_as_written(y), _as_written(x)) if 0 < x < 100 and 0 < y < 100 else None


def _as_written(number: float) -> float:
    """A number that is kept in 32 bits, as it was meant."""
    return float(f"{number:.7g}")


def _units(image: Any) -> tuple[str, str]:
    """Those of space and of time; 'unknown' where the header holds no code for any."""
    try:
        space, time = image.header.get_xyzt_units()
    except KeyError:
        return "unknown", "unknown"
    return space, time


def _clock(image: Any) -> Clock:
    """The rate; unknown where the header gives no time step, or one that is no film's: tools write 1 s unasked."""
    steps = image.header.get_zooms()[2:]
    second = _SECONDS.get(_units(image)[1])
    # The time step is the header's fourth; a film kept as (x, y, t) has it at the place of z, where mm may be meant.
    if second is None or len(steps) < 2 or image.shape[3] == 1 or not steps[1] > 0:
        return Clock()
    return clock_of_rate(_as_written(1 / (float(steps[1]) * second)))
