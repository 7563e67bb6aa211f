"""What kind of file it is by its first bytes, and whether its end is there: what a decoder alone does not tell.

A copy that stopped half-way still decodes, only shorter. Its outer structure gives it away: it announces bytes that are
not in the file. A header that announces nothing (0, as recorders leave it when they are switched off) is no such sign.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from echodfkd.errors import InputError
from echodfkd.file_kinds import APNG, AVI, DICOM, GIF, HEAD, JPEG, KINDS, MP4, NIFTI, PNG, Kind
from echodfkd.names import SUFFIXES, is_hidden, named_as_clip, named_as_unread

SHORTEST = 0.015  # s: shorter delays of a GIF are shown as a tenth of a second
TOLERANCE = 8  # bytes a healthy file may lack: some writers count a last chunk's padding that they do not write


def is_dicom(path: Path) -> bool:
    """Whether the file is DICOM by its first bytes, or meant to be by its suffix."""
    if path.name.lower().endswith(DICOM.suffixes):
        return True
    try:
        return path.is_file() and _begins_dicom(path)
    except OSError:
        return False


def _begins_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark or, without one, begins with the tags that a data set begins with."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if DICOM.begins(head) or head[:8] == b"\2\0\0\0UL\4\0":
        return True
    words, length = head[4:6], int.from_bytes(head[4:8], "little")
    return head[:2] == b"\x08\0" and head[3:4] == b"\0" and (length <= 128 or (words.isalpha() and words.isupper()))


def kind(path: Path) -> Kind:
    """The kind of the file at `path`, by its first bytes; InputError where it is nothing that the house reads.

    What is said of DICOM does not name the file: its name may be the patient's.
    """
    if is_dicom(path):
        if not path.is_file():
            raise InputError("There is no such DICOM file.")
        try:
            if _begins_dicom(path):
                return DICOM
        except OSError as error:
            raise InputError(f"This DICOM file cannot be read: {error.strerror}.") from None
        raise InputError("A file named as DICOM is none: it has neither its mark, DICM after 128 bytes, nor its tags.")
    if is_hidden(path) and path.name.strip().lower().endswith(SUFFIXES):
        raise InputError(f"{path} is hidden by the dot that its name begins with, and no clip. Rename the file.")
    if named_as_unread(path):
        raise InputError(
            f"{path} is of a kind that is not read, {path.suffix.strip()}. Write it as another first, with ffmpeg for "
            f"instance: one of {', '.join(SUFFIXES)}."
        )
    if not named_as_clip(path):
        raise InputError(f"{path} is not a film or picture by its name: use one of {', '.join(SUFFIXES)}, or DICOM.")
    head = _head(path)
    if not head:
        raise InputError(f"{path} is empty (0 bytes). Copy it again.")
    found = next((one for one in KINDS if one.begins(head) and (not one.by_name or _bears(path, one))), None)
    if found is None:
        names = [one.name for one in KINDS if one is not DICOM]
        raise InputError(f"{path} is not a film or picture: its content is not {', '.join(names[:-1])} or {names[-1]}.")
    return APNG if found is PNG and any(name == b"acTL" for name, _ in _png_chunks(path)) else found


def _bears(path: Path, kind: Kind) -> bool:
    """Whether a file is named as one of that kind."""
    return path.name.strip().lower().endswith(kind.suffixes)


def _head(path: Path) -> bytes:
    """The first bytes of the file; InputError where there is no file or it may not be read."""
    if not path.exists():
        raise InputError(f"No such file: {path}")
    if not path.is_file():
        raise InputError(f"{path} is not a file. Give the clips in it one by one.")
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def suffix_of(head: bytes) -> str | None:
    """The suffix that a file should bear by its first HEAD bytes or more; None where it is nothing that we read."""
    found = next((one for one in (DICOM, *KINDS) if one.begins(head)), None)
    if found is NIFTI and head[:2] == b"\x1f\x8b":
        return found.suffixes[1]
    return None if found is None else found.suffixes[0]


def is_cut(path: Path, found: Kind) -> bool:
    """Whether the end of the file is missing, as its structure tells. Decoders of PNG and NIfTI notice it."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        if found is AVI:
            return _riff_end(file, size) > size + TOLERANCE
        if found is MP4:
            return _boxes_end(file, size) > size
        if found is GIF:
            return not _gif_ends(file)
        if found is JPEG:
            return not _jpeg_ends(file)
    return found is APNG and not any(name == b"IEND" for name, _ in _png_chunks(path))


def _riff_end(file: BinaryIO, size: int) -> int:
    """Where an AVI's last RIFF chunk says it ends (large files have several); 0 where it does not say."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length in (0, 2**32 - 1):
            break
        end += 8 + length + length % 2
    return end


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where an MP4's last box says it ends."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # a long box: its length comes after its name
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file, whatever that is
            return size
        end += length
    return end


def avi_rate(path: Path) -> float | None:
    """The frames per second (Hz) that an AVI's picture stream states, whatever they are; None where it states none."""
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    at = head.find(b"vids")
    while at >= 0 and head[at - 8 : at - 4] != b"strh":
        at = head.find(b"vids", at + 1)
    if at < 0 or len(head) < at + 28:
        return None
    scale, rate = (int.from_bytes(head[at + place : at + place + 4], "little") for place in (20, 24))
    return rate / scale if rate and scale else None


def delays(path: Path, found: Kind) -> list[float] | None:
    """The seconds that a GIF or an animated PNG asks for after each frame; None for other kinds."""
    if found is GIF:
        asked: list[float] = []
        with open(path, "rb") as file:
            _gif_ends(file, asked)
        return asked
    if found is not APNG:
        return None
    controls = [data for name, data in _png_chunks(path) if name == b"fcTL" and len(data) == 26]
    return [number / (of or 100) for number, of in (struct.unpack(">HH", data[20:24]) for data in controls)]


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of a PNG's chunks, less the pixels'."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = int.from_bytes(head[:4], "big"), head[4:]
            if name in (b"IDAT", b"fdAT"):
                file.seek(length + 4, os.SEEK_CUR)
            else:
                yield name, file.read(min(length, 1 << 20))
                file.seek(4 + max(0, length - (1 << 20)), os.SEEK_CUR)


def _gif_ends(file: BinaryIO, delays: list[float] | None = None) -> bool:
    """Whether the blocks of a GIF lead to its trailer; `delays` (s) receives what each frame is shown for."""
    file.seek(10)
    _skip_colours(file, _byte(file), 2)
    told = 0.0
    while (block := _byte(file)) != 0x3B:
        if block == 0x21:  # an extension: its label, then sub-blocks
            if _byte(file) == 0xF9:
                here = file.tell()
                told = int.from_bytes(file.read(4)[2:], "little") / 100
                file.seek(here)
        elif block == 0x2C:  # a picture: place and size, perhaps colours, the code size, then sub-blocks
            file.seek(8, os.SEEK_CUR)
            _skip_colours(file, _byte(file), 1)
            if delays is not None:
                delays.append(told)
            told = 0.0
        else:
            return False
        while (length := _byte(file)) > 0:
            file.seek(length, os.SEEK_CUR)
    return True


def _skip_colours(file: BinaryIO, flags: int, more: int) -> None:
    """Goes past the colour table that `flags` announces and `more` bytes."""
    table = 3 * 2 ** (flags % 8 + 1) if flags >= 0x80 else 0
    file.seek(table + more, os.SEEK_CUR)


def _byte(file: BinaryIO) -> int:
    """The next byte, -1 at the end of the file."""
    read = file.read(1)
    return read[0] if read else -1


def _jpeg_ends(file: BinaryIO) -> bool:
    """Whether an end mark follows the last scan. Scans hold no marks by chance: JPEG escapes them."""
    file.seek(0)
    data = file.read()
    return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
