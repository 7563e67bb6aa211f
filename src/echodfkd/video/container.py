"""What kind of file it is by its first bytes, and whether its end is there: what a decoder alone does not tell.

A copy that stopped half-way still decodes, only shorter. Its outer structure gives it away: it announces bytes that are
not in the file. A header that announces nothing (0, as recorders leave it when they are switched off) is no such sign.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from echodfkd.errors import InputError
from echodfkd.names import SUFFIXES, is_hidden, named_as_clip, named_as_unread

SHORTEST = 0.015  # s: shorter delays of a GIF are shown as a tenth of a second
TOLERANCE = 8  # bytes a healthy file may lack: some writers count a last chunk's padding that they do not write


@dataclass(frozen=True)
class Kind:
    """A container: its name for messages, libav's demuxer for it, and whether it holds one still picture."""

    name: str
    demuxer: str
    still: bool = False


AVI, MP4, GIF = Kind("AVI", "avi"), Kind("MP4", "mp4"), Kind("GIF", "gif")
PNG, JPEG = Kind("PNG", "png_pipe", still=True), Kind("JPEG", "jpeg_pipe", still=True)
APNG = Kind("PNG", "apng")
NIFTI, DICOM = Kind("NIfTI", ""), Kind("DICOM", "")  # not libav's: `video/nifti.py` and `video/dicom` decode them
DICOM_SUFFIXES = (".dcm", ".dicom")
"""How files are named that should be DICOM. Those from a scanner or its disc often have no suffix: their mark tells."""
DICOM_MARK = bytes(128) + b"DICM"


def is_dicom(path: Path) -> bool:
    """Whether the file is DICOM by its first bytes, or meant to be by its suffix."""
    if path.name.lower().endswith(DICOM_SUFFIXES):
        return True
    try:
        return path.is_file() and _begins_dicom(path)
    except OSError:
        return False


def _begins_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark or, without one, begins with the tags that a data set begins with."""
    with open(path, "rb") as file:
        head = file.read(132)
    if has_dicom_mark(head) or head[:8] == b"\2\0\0\0UL\4\0":
        return True
    words, length = head[4:6], int.from_bytes(head[4:8], "little")
    return head[:2] == b"\x08\0" and head[3:4] == b"\0" and (length <= 128 or (words.isalpha() and words.isupper()))


def has_dicom_mark(head: bytes) -> bool:
    """Whether the first bytes of a file hold DICOM's mark."""
    return head[128:132] == b"DICM"


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
    found = NIFTI if path.name.strip().lower().endswith((".nii", ".nii.gz")) and _is_nifti(head) else _kind_of(head)
    if found is None:
        raise InputError(f"{path} is not a film or picture: its content is not AVI, MP4, GIF, PNG, JPEG or NIfTI.")
    return APNG if found is PNG and any(name == b"acTL" for name, _ in _png_chunks(path)) else found


def _head(path: Path) -> bytes:
    """The first 16 bytes of the file; InputError where there is no file or it may not be read."""
    if not path.exists():
        raise InputError(f"No such file: {path}")
    if not path.is_file():
        raise InputError(f"{path} is not a file. Give the clips in it one by one.")
    try:
        with open(path, "rb") as file:
            return file.read(16)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def _kind_of(head: bytes) -> Kind | None:
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return AVI
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return MP4
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return GIF
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return PNG
    return JPEG if head[:3] == b"\xff\xd8\xff" else None


def _is_nifti(head: bytes) -> bool:
    """Whether a file of that name can be NIfTI: gzip, or the header's own length (348, or 540 in version 2) first."""
    return head[:2] == b"\x1f\x8b" or any(int.from_bytes(head[:4], order) in (348, 540) for order in ("little", "big"))


SUFFIX_OF = {AVI: ".avi", MP4: ".mp4", GIF: ".gif", PNG: ".png", JPEG: ".jpg"}


def suffix_of(head: bytes) -> str | None:
    """The suffix that a file should bear by its first 132 bytes or more; None where it is nothing that we read."""
    if head[128:132] == b"DICM":
        return DICOM_SUFFIXES[0]
    found = _kind_of(head[:16])
    if found is not None:
        return SUFFIX_OF[found]
    return (".nii.gz" if head[:2] == b"\x1f\x8b" else ".nii") if _is_nifti(head) else None


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
