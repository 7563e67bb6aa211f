"""What a DICOM file really holds, where its first bytes, its transfer syntax or its number of frames say otherwise."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from echodfkd.errors import InputError
from echodfkd.file_kinds import DICOM
from echodfkd.limits import limits, refusal

MARK = bytes(128) + b"DICM"
IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
PLAIN = ("", IMPLICIT, EXPLICIT, BIG_ENDIAN)
"""Syntaxes of uncompressed pixels; a file that states one may be in another."""
_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\0\0\0\x0cjP")  # of a JPEG, JPEG-LS or JPEG 2000 frame
_ITEM, _PIXELS = b"\xfe\xff\x00\xe0", (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for pydicom: with its mark where it has a meta header, inflated where it is deflated.

    InputError where it inflates to more than the limits allow, or to nothing.
    """
    with open(path, "rb") as file:
        head = file.read(132)
        marked, meta = DICOM.begins(head), head[:2] == b"\2\0"
        syntax, start = _stated_syntax(file, len(MARK) * marked) if marked or meta else ("", 0)
        file.seek(0)
        if syntax == DEFLATED:
            yield _inflated(path, start)
        else:
            yield file if marked or not meta else io.BytesIO(MARK + _whole(path))


def _stated_syntax(file: BinaryIO, start: int) -> tuple[str, int]:
    """The transfer syntax that the meta header from `start` on states, empty where it states none; and its end."""
    from pydicom.filereader import read_dataset

    file.seek(start)
    try:
        meta = read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
        return str(meta.get("TransferSyntaxUID", "")), file.tell()
    except Exception:  # damaged files lead pydicom into errors of many kinds
        return "", start


def _whole(path: Path) -> bytes:
    """The file's bytes; InputError where they are more than the limits allow."""
    if path.stat().st_size > limits().memory:
        raise InputError(refusal("It takes", f"{path.stat().st_size:,} bytes of memory", "memory"))
    return path.read_bytes()


def _inflated(path: Path, start: int) -> BinaryIO:
    """The data set of a deflated file, which begins at `start`, plain and without its meta header.

    No room is made beyond the limits: pydicom inflates a file whatever it grows to.
    """
    content, most = _whole(path), limits().memory
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(content[start:], most)
    except zlib.error:
        plain = b""
    if unpacker.unconsumed_tail:
        raise InputError(refusal("It takes", f"more than {most:,} bytes of memory", "memory"))
    if not unpacker.eof:
        raise InputError("It is cut off or damaged: it cannot be unpacked. Copy it again.")
    return io.BytesIO(plain)


def true_syntax(header: Any, file: BinaryIO) -> str:
    """The transfer syntax of a data set that pydicom has read up to the pixels' tag, before which the file stands.

    Of plain ones it is what they are, as that tag tells, not what they state.
    """
    stated, head = str(header.file_meta.get("TransferSyntaxUID", "") or ""), file.read(8)
    file.seek(-len(head), io.SEEK_CUR)
    if stated not in (*PLAIN, DEFLATED):
        return stated
    implicit, little = header.original_encoding
    if head[:4] in _PIXELS:
        implicit, little = head[4:] not in (b"OB\0\0", b"OW\0\0", b"UN\0\0"), head[:4] == _PIXELS[0]
    return IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN


def held_frames(file: BinaryIO, syntax: str, frame_bytes: int) -> int:
    """How many frames lie in the pixels of a file that stands before their tag; 0 where that cannot be told.

    `frame_bytes` are those of one frame without compression.
    """
    start = file.tell()
    try:
        if syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN):
            return _plain_bytes(file, syntax) // frame_bytes if frame_bytes else 0
        return _encoded_frames(file, syntax)
    finally:
        file.seek(start)


def _plain_bytes(file: BinaryIO, syntax: str) -> int:
    """Bytes of uncompressed pixels that are announced and there."""
    order: Any = "big" if syntax == BIG_ENDIAN else "little"
    tag, size = file.read(4), 4 if syntax == IMPLICIT else 8
    length = int.from_bytes(file.read(size)[-4:], order)
    here = file.tell()
    rest = file.seek(0, io.SEEK_END) - here
    return min(length, rest) if tag in _PIXELS else 0


def _encoded_frames(file: BinaryIO, syntax: str) -> int:
    """Frames of encapsulated pixels: as the table of their places has them, else as fragments begin them."""
    if file.read(4) not in _PIXELS:
        return 0
    file.seek(8, io.SEEK_CUR)
    count, most = 0, limits().frames
    head = file.read(8)
    if head[:4] != _ITEM:
        return 0
    if places := int.from_bytes(head[4:], "little") // 4:
        return places
    while len(head := file.read(8)) == 8 and head[:4] == _ITEM and count <= most:
        start, length = file.read(6), int.from_bytes(head[4:], "little")
        count += syntax == RLE or start.startswith(_STARTS)
        file.seek(length - len(start), io.SEEK_CUR)
    return count
