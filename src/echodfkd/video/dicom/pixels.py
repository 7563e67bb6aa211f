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
from echodfkd.video.dicom.content import IMPLICIT, opened
from echodfkd.video.dicom.header import EXPORT, PLUGINS, number, opened_header, quiet, text
from echodfkd.video.dicom.kinds import frame_count
from echodfkd.video.fan import COLOURED, coloured, luma

Grey = NDArray[np.uint8]  # (height, width)
Coloured = NDArray[np.bool_]  # (height, width)
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
YBR = ("YBR_FULL", "YBR_FULL_422")
RGB = ("RGB", "YBR_RCT", "YBR_ICT")  # JPEG 2000's own transforms are undone by its decoder
JPEG, JPEG_2000 = "1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.4.9"  # how their transfer syntaxes begin
LEAST_LEVELS, DIMMEST = 16, 1 / 4
"""Grey levels that a window must leave, and the share of white that the brightest must reach, to be believed. By
choice."""
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
    kind, stored = _said(header), int(number(header, "BitsStored") or bits)
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


def _said(header: Any) -> str:
    """What the header calls the samples."""
    return text(header, "PhotometricInterpretation").upper()


def shades(header: Any, first: NDArray) -> Shades:
    """How the samples of this file become grey, judged by its header and its `first` frame as decoded."""
    if first.ndim == 2:
        tables, remarks, shift = *_tables(header), _shift(header, first)
        grey, flow = (None if one is None else partial(_looked_up, one, shift) for one in tables)
        return Shades(cast(Any, grey), cast(Any, flow), remarks)
    said, seen = _said(header), _seen(first)
    is_ybr = (said in YBR) if seen is None else seen
    told = (f"its pixels are {'YBR' if is_ybr else 'RGB'}, whatever it calls them ({said})",)
    remarks = told if is_ybr != (said in YBR) else ()
    return Shades(_luma_of_ybr, _coloured_ybr, remarks) if is_ybr else Shades(luma, coloured, remarks)


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


def _tables(header: Any) -> tuple[tuple[Grey, Coloured | None], tuple[str, ...]]:
    """For every value that one sample can have its grey level and, where it has a palette, whether it is coloured.

    A window or a table that leaves next to nothing to be seen of all that can be stored is not used, and a remark tells
    so.
    """
    from pydicom.pixels.processing import apply_color_lut, apply_voi_lut

    stored = _stored_bits(header)
    values = np.arange(2**stored, dtype=np.uint8 if stored <= 8 else np.uint16)
    with quiet():
        try:
            if _said(header) not in MONOCHROME:
                palette = apply_color_lut(values, header)
                palette = (palette // 256 if palette.max() > 255 else palette).astype(np.uint8)[None]
                return (luma(palette)[0], coloured(palette)[0]), ()
            tables = header.get("VOILUTSequence")
            most = 2 ** int(tables[0].LUTDescriptor[2]) - 1 if tables else values[-1]
            shown = apply_voi_lut(values, header).astype(np.float64) / most
        except Exception:
            shown = np.zeros(len(values))
    remarks: tuple[str, ...] = ()
    grey = np.clip(np.rint(shown * 255), 0, 255).astype(np.uint8)
    if len(np.unique(grey)) < min(LEAST_LEVELS, len(values)) or grey.max() < 256 * DIMMEST:
        grey = np.rint(values * (255 / values[-1])).astype(np.uint8)
        remarks = ("its window of grey levels would show next to nothing, and is not used",)
    return (255 - grey if _said(header) == "MONOCHROME1" else grey, None), remarks


def _stored_bits(header: Any) -> int:
    return int(number(header, "BitsStored") or number(header, "BitsAllocated") or 8)


def _shift(header: Any, first: NDArray) -> int:
    """Bits by which the samples lie above the lowest ones, as older files have it, where the first frame agrees."""
    shift = int(number(header, "HighBit") or 0) + 1 - _stored_bits(header)
    if not 0 < shift <= 8 * first.dtype.itemsize - _stored_bits(header):
        return 0
    return 0 if (first & ((1 << shift) - 1)).any() else shift


def _looked_up(table: NDArray, shift: int, frame: NDArray) -> NDArray:
    """What the table holds for the frame's values, without bits that are not stored."""
    return np.asarray(table[frame.astype(np.uint16) >> shift & np.uint16(len(table) - 1)])


def check_light(header: Any, brightest: int) -> None:
    """InputError where a clip's brightest grey level tells that it has fewer bits than it states: nearly black."""
    bits = _stored_bits(header)
    if bits > 8 and 0 < brightest < 256 * DIMMEST:
        told = f"It states {bits} bits for a level, but its brightest is {brightest} of 255 when these are brought to 8"
        raise InputError(f"{told}: it would be read as black. Export it with 8 bits.")


def decoded(path: Path) -> Iterator[NDArray]:
    """The frames as they are stored, (height, width) or (height, width, 3), one by one and without any conversion.

    InputError where fewer can be decoded than are announced, or a frame announces another size than the header:
    decoders make room for what a frame announces.
    """
    with ExitStack() as stack:
        header, file = stack.enter_context(opened_header(path))
        shape, syntax = check_pixels(header), str(header.file_meta.TransferSyntaxUID)
        plugin = PLUGINS[syntax]
        told = {"transfer_syntax_uid": syntax, "number_of_frames": shape.frames, "correct_unused_bits": False}
        told["photometric_interpretation"] = _said(header)
        if shape.samples == 3:
            told["planar_configuration"] = 0 if plugin else _planes(header, file, shape)
        announced = _encoded(file, shape.frames) if plugin else None
        frames = stack.enter_context(closing(cast(Any, _stored(stack.enter_context(opened(path)), plugin, told))))
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


def _stored(file: Any, plugin: str, told: dict[str, Any]) -> Iterator[NDArray]:
    """pydicom's frames, with what is `told` in place of the header's words. Halved colours without compression are
    asked for one by one: from the second frame on `iter_pixels` of pydicom 3.0 takes a wrong place for the frame's
    start."""
    from pydicom.pixels import iter_pixels, pixel_array

    if plugin or told["photometric_interpretation"] != "YBR_FULL_422":
        yield from iter_pixels(file, raw=True, decoding_plugin=plugin, **told)
    else:
        yield from (pixel_array(file, index=n, raw=True, **told) for n in range(told["number_of_frames"]))


def order_remark(header: Any, file: Any, shape: Shape) -> tuple[str, ...]:
    """What is to be said of a file whose samples lie in another order than its header says."""
    if shape.samples != 3 or PLUGINS[str(header.file_meta.TransferSyntaxUID)]:
        return ()
    stated, found = number(header, "PlanarConfiguration"), _planes(header, file, shape)
    ways = "pixel by pixel", "plane by plane"
    return () if stated in (None, found) else (f"its samples lie {ways[found]}, whatever it says",)


def _planes(header: Any, file: Any, shape: Shape) -> int:
    """Whether an uncompressed frame has its samples one plane after the other (1) or pixel by pixel (0).

    Header and pixels may disagree: where reading its first frame the other way alone gives one picture, grey nearly
    everywhere, that way counts.
    """
    stated = int(number(header, "PlanarConfiguration") or 0) == 1
    if _said(header) == "YBR_FULL_422":
        return int(stated)
    start, size = file.tell(), (shape.height, shape.width)
    file.seek(8 if str(header.file_meta.TransferSyntaxUID) == IMPLICIT else 12, 1)
    first = np.frombuffer(file.read(3 * shape.height * shape.width), np.uint8)
    file.seek(start)
    if len(first) < 3 * shape.height * shape.width:
        return int(stated)
    by_pixel, by_plane = map(_is_grey_picture, (first.reshape(*size, 3), first.reshape(3, *size).transpose(1, 2, 0)))
    return int(stated) if by_pixel == by_plane else int(by_plane)


def _is_grey_picture(frame: NDArray) -> bool:
    """Whether a frame (height, width, 3) is grey, as RGB or as YBR, and not three copies of one side by side.

    As such copies planes look that are read pixel by pixel: rows follow each other within one.
    """
    levels, third = frame.astype(np.int16), frame.shape[1] // 3
    flat = max(np.mean((abs(away) <= 4).all(axis=-1)) for away in (np.diff(levels), levels[..., 1:] - 128))
    copies, rows = levels[:, :third] - levels[:, third : 2 * third], np.diff(levels, axis=0)
    return bool(flat >= SHARE and abs(copies).mean() > 1.5 * abs(rows).mean())


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
