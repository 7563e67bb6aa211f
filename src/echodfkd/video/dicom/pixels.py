"""The frames of a DICOM clip, decoded one by one, and from their colours to grey, once.

Grey is luma at full range, as everywhere in the house: the stored Y where a file stores luma, 0.299 R + 0.587 G +
0.114 B (ITU-R BT.601) where it stores colours. So nothing is ever converted from YBR to RGB and back. What the three
samples are is what the file says, unless its black says otherwise: black is (0, 0, 0) in RGB and (0, 128, 128) in YBR.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.limits import limits, refusal
from echodfkd.video.dicom.header import EXPORT, PLUGINS, header_of, number, quiet, text
from echodfkd.video.dicom.kinds import frame_count

Grey = NDArray[np.uint8]  # (height, width)
Coloured = NDArray[np.bool_]  # (height, width)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
YBR = ("YBR_FULL", "YBR_FULL_422")
RGB = ("RGB", "YBR_RCT", "YBR_ICT")  # JPEG 2000's own transforms are undone by its decoder
JPEG, JPEG_2000 = "1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.4.9"  # how their transfer syntaxes begin
COLOURED = 40
"""How far red or blue lies from luma where a pixel is coloured. By choice: above what JPEG adds."""
DARK, SHARE = 16, 0.9
"""Up to which first sample a pixel counts as black, and the share of the black that must agree to be believed."""


@dataclass(frozen=True)
class Shape:
    """What the header announces of the frames."""

    frames: int
    height: int
    width: int
    samples: int


@dataclass(frozen=True)
class Shades:
    """How a decoded frame becomes grey, which of its pixels are coloured, and where words and pixels disagree."""

    grey: Callable[[NDArray], Grey]
    coloured: Callable[[NDArray], Coloured] | None = None
    remarks: tuple[str, ...] = ()


def check_pixels(header: Any) -> Shape:
    """The frames that a header announces; InputError unless they are of a kind that is read."""
    rows, columns, samples, bits = (
        int(number(header, keyword) or 0) for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    kind, stored = text(header, "PhotometricInterpretation"), int(number(header, "BitsStored") or bits)
    frames = frame_count(header)
    if rows < 1 or columns < 1 or frames < 1:
        raise InputError(f"It holds no pictures: {frames} frames of {rows} x {columns} pixels.")
    most = limits()
    if rows * columns > most.pixels:
        raise InputError(refusal("It announces", f"frames of {rows} x {columns} pixels", "pixels"))
    if frames > most.frames:
        raise InputError(refusal("It announces", f"{frames} frames", "frames"))
    if samples != (1 if kind in (*MONOCHROME, "PALETTE COLOR") else 3 if kind in (*RGB, *YBR) else 0):
        raise InputError(f"{samples} samples a pixel as {kind[:16] or '(nothing)'} are not read. {EXPORT}")
    if bits not in (8, 16) or not 1 < stored <= bits or (bits > 8 and samples > 1):
        raise InputError(f"{stored} of {bits} bits a sample in {samples} samples a pixel are not read. {EXPORT}")
    if number(header, "PixelRepresentation"):
        raise InputError(f"Its grey levels are signed, which no ultrasound image is. {EXPORT}")
    return Shape(frames, rows, columns, samples)


def shades(header: Any, first: NDArray) -> Shades:
    """How the samples of this file become grey, judged by its header and its `first` frame as decoded."""
    if first.ndim == 2:
        grey, coloured = _tables(header)
        return Shades(partial(_looked_up, grey), None if coloured is None else partial(_looked_up, coloured))
    said, seen = text(header, "PhotometricInterpretation"), _seen(first)
    is_ybr = (said in YBR) if seen is None else seen
    told = (f"its pixels are {'YBR' if is_ybr else 'RGB'}, whatever it calls them ({said})",)
    remarks = told if is_ybr != (said in YBR) else ()
    return Shades(_luma_of_ybr, _coloured_ybr, remarks) if is_ybr else Shades(_luma_of_rgb, _coloured_rgb, remarks)


def _seen(frame: NDArray) -> bool | None:
    """Whether the black of a frame (height, width, 3) is that of YBR; None where it has none, or it says nothing."""
    rest = frame[..., 1:][frame[..., 0] <= DARK].astype(np.int16)
    if len(rest) < 0.01 * frame[..., 0].size:
        return None
    ybr, rgb = (np.mean((abs(rest - middle) <= DARK).all(axis=-1)) for middle in (128, 0))
    return True if ybr >= SHARE else False if rgb >= SHARE else None


def _luma_of_ybr(frame: NDArray) -> Grey:
    return np.ascontiguousarray(frame[..., 0])


def _coloured_ybr(frame: NDArray) -> Coloured:
    away = [abs(frame[..., n].astype(np.int16) - 128) > COLOURED / gain for n, gain in ((1, 1.772), (2, 1.402))]
    return np.asarray(away[0] | away[1])


def _luma_of_rgb(frame: NDArray) -> Grey:
    return np.rint(frame.astype(np.float32) @ LUMA).astype(np.uint8)


def _coloured_rgb(frame: NDArray) -> Coloured:
    luma = _luma_of_rgb(frame).astype(np.int16)
    return np.asarray((abs(frame[..., 0] - luma) > COLOURED) | (abs(frame[..., 2] - luma) > COLOURED))


def _tables(header: Any) -> tuple[Grey, Coloured | None]:
    """For every value that one sample can have its grey level and, where it has a palette, whether it is coloured."""
    from pydicom.pixels.processing import apply_color_lut, apply_voi_lut

    stored = int(number(header, "BitsStored") or number(header, "BitsAllocated") or 8)
    values = np.arange(2**stored, dtype=np.uint8 if stored <= 8 else np.uint16)
    kind = text(header, "PhotometricInterpretation")
    with quiet():
        try:
            if kind not in MONOCHROME:
                palette = apply_color_lut(values, header)
                palette = (palette // 256 if palette.max() > 255 else palette).astype(np.uint8)[None]
                return _luma_of_rgb(palette)[0], _coloured_rgb(palette)[0]
            shown = apply_voi_lut(values, header).astype(np.float64)
        except Exception:  # a damaged table
            raise InputError("Its table of grey levels or colours is damaged. Copy it again.") from None
    shown = np.clip(np.rint(shown * 255 / max(2**stored - 1, shown.max())), 0, 255).astype(np.uint8)
    return (255 - shown if kind == "MONOCHROME1" else shown), None


def _looked_up(table: NDArray, frame: NDArray) -> NDArray:
    """What the table holds for the frame's values, without bits that are not stored."""
    return np.asarray(table[frame.astype(np.uint16) & np.uint16(len(table) - 1)])


def decoded(path: Path) -> Iterator[NDArray]:
    """The frames as they are stored, (height, width) or (height, width, 3), one by one and without any conversion.

    InputError where fewer can be decoded than are announced, or a frame announces another size than the header:
    decoders make room for what a frame announces.
    """
    with open(path, "rb") as file, ExitStack() as stack:
        header = header_of(file)
        shape, syntax = check_pixels(header), str(header.file_meta.TransferSyntaxUID)
        plugin = PLUGINS[syntax]
        announced = _encoded(file, shape.frames) if plugin else None
        frames = stack.enter_context(closing(cast(Any, _stored(path, header, plugin, shape.frames))))
        size = (shape.height, shape.width, 3) if shape.samples == 3 else (shape.height, shape.width)
        for count in range(shape.frames):
            with quiet():
                try:
                    fits = announced is None or _fits(next(announced), syntax, shape)
                    frame = next(frames) if fits else None
                except Exception:  # damaged frames lead decoders into errors of many kinds
                    frame = None
            if frame is None or frame.shape != size:
                raise InputError(
                    f"It is cut off or damaged: {count} of {shape.frames} frames can be decoded. Copy it again."
                )
            yield frame


def _stored(path: Path, header: Any, plugin: str, frames: int) -> Iterator[NDArray]:
    """pydicom's frames. Halved colours without compression are asked for one by one: from the second frame on
    `iter_pixels` of pydicom 3.0 takes a wrong place for the frame's start."""
    from pydicom.pixels import iter_pixels, pixel_array

    if plugin or text(header, "PhotometricInterpretation") != "YBR_FULL_422":
        yield from iter_pixels(path, raw=True, decoding_plugin=plugin)
    else:
        yield from (pixel_array(path, index=number, raw=True) for number in range(frames))


def _encoded(file: Any, frames: int) -> Iterator[bytes]:
    """The frames as they are encoded. The file stands before the tag of its pixels, always in explicit VR."""
    from pydicom.encaps import generate_frames

    file.seek(12, 1)
    yield from generate_frames(file, number_of_frames=frames)


def _fits(frame: bytes, syntax: str, shape: Shape) -> bool:
    """Whether an encoded frame announces the header's size and samples, and has its end; RLE announces none."""
    if not syntax.startswith(JPEG):
        return True
    size = (shape.height, shape.width, shape.samples)
    if syntax.startswith(JPEG_2000):
        return _jpeg_2000_size(frame) == size
    return _jpeg_size(frame) == size and frame.rstrip(b"\0").endswith(b"\xff\xd9")  # else libjpeg fills in what is cut


def _jpeg_size(frame: bytes) -> tuple[int, int, int] | None:
    """Height, width and samples of a JPEG or JPEG-LS frame; None where it is none, or its header ends before them."""
    place = 2
    while frame[:2] == b"\xff\xd8" and place + 10 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return _big(frame, place + 5), _big(frame, place + 7), frame[place + 9]
        place += 1 if marker == 0xFF else 2 + _big(frame, place + 2)  # filled with 0xFF, or another segment
    return None


def _jpeg_2000_size(frame: bytes) -> tuple[int, int, int] | None:
    """The same of a JPEG 2000 frame, bare or in a JP2 file."""
    start = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or len(frame) < start + 42:
        return None
    right, bottom, left, top = (_big(frame, start + 8 + 4 * k, 4) for k in range(4))
    return bottom - top, right - left, _big(frame, start + 40)


def _big(data: bytes, place: int, length: int = 2) -> int:
    return int.from_bytes(data[place : place + length], "big")
