"""What a DICOM file says of itself: the tags named here are read, no other, and none of them tells of the patient.

pydicom's own words (warnings, logs, errors) quote values; nothing of them gets out of this folder. Messages name a clip
by its SOP instance UID, and never by its path: export tools write the patient's name into files' and folders' names.
"""

import hashlib
import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from echodfkd.errors import InputError, MissingExtra
from echodfkd.files import sha256
from echodfkd.video.dicom.content import held_frames, opened, true_syntax

TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "ImageType",
    "FrameIncrementPointer",
    "FrameTime",
    "FrameTimeVector",
    "CineRate",
    "RecommendedDisplayFrameRate",
    "SequenceOfUltrasoundRegions",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelAspectRatio",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
]
PLUGINS = {
    "1.2.840.10008.1.2": "",  # implicit VR
    "1.2.840.10008.1.2.1": "",  # explicit VR
    "1.2.840.10008.1.2.2": "",  # explicit VR, big endian
    "1.2.840.10008.1.2.5": "pylibjpeg",  # RLE
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline
    "1.2.840.10008.1.2.4.51": "pylibjpeg",  # JPEG extended
    "1.2.840.10008.1.2.4.57": "pylibjpeg",  # JPEG lossless
    "1.2.840.10008.1.2.4.70": "pylibjpeg",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": "pylibjpeg",  # JPEG-LS
    "1.2.840.10008.1.2.4.81": "pylibjpeg",  # JPEG-LS, near-lossless
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000, lossless
    "1.2.840.10008.1.2.4.91": "pillow",  # JPEG 2000
}
"""The transfer syntaxes that are read, and which of pydicom's plugins decodes each. One alone: where it fails, another
may decode half a frame without a word. Pillow takes JPEG 2000, as pylibjpeg's decoder makes room for what damaged
frames announce."""

DICOMDIR = "1.2.840.10008.1.3.10"
EXPORT = "Export it uncompressed or as JPEG."


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that pydicom or highdicom has to say gets out."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    before = [logger.propagate for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.propagate = False
        try:
            yield
        finally:
            for logger, propagate in zip(loggers, before, strict=True):
                logger.propagate = propagate


def read_header(path: Path) -> Any:
    """The file's TAGS as a pydicom dataset, its pixels left alone.

    InputError where it is damaged or in a transfer syntax that is not read; MissingExtra without pydicom.
    """
    with opened_header(path) as (header, _):
        return header


@contextmanager
def opened_header(path: Path) -> Iterator[tuple[Any, BinaryIO]]:
    """The same, and the open file, which stands before the tag of its pixels.

    The header's transfer syntax and its number of frames are those that the file really has; `header.remarks` tells
    where it says less.
    """
    pydicom = _pydicom()
    with opened(path) as file:
        with quiet():
            try:
                header = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=list(TAGS))
                header.file_meta.TransferSyntaxUID = syntax = true_syntax(header, file)
                header.remarks = () if syntax not in PLUGINS else _mended_count(header, file, syntax)
            except Exception:  # damaged files lead pydicom into errors of many kinds
                raise InputError("This DICOM file is damaged: its header cannot be read. Copy it again.") from None
        if syntax not in PLUGINS and text(header.file_meta, "MediaStorageSOPClassUID") != DICOMDIR:
            raise InputError(f"DICOM in the transfer syntax {known_name(syntax)} is not read. {EXPORT}")
        yield header, file


def _mended_count(header: Any, file: BinaryIO, syntax: str) -> tuple[str, ...]:
    """Corrects the number of frames where more are there than are stated, and says so."""
    rows, columns, samples, bits = (
        number(header, one) or 0 for one in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    if text(header, "PhotometricInterpretation").upper() == "YBR_FULL_422":
        samples = 2  # halved colours
    held, stated = held_frames(file, syntax, int(rows * columns * samples * bits / 8)), number(header, "NumberOfFrames")
    if held <= max(stated or 0, 1):
        return ()
    header.NumberOfFrames = held
    return (f"it says that it has {stated or 0:g} frames, but {held} are there, which are used",)


def _pydicom() -> Any:
    """pydicom; MissingExtra where it or its decoders are not installed."""
    try:
        import libjpeg  # noqa: F401
        import pydicom
    except ImportError:
        raise MissingExtra("Reading DICOM", "dicom") from None
    return pydicom


def clip_name(path: Path) -> str:
    """The clip's name: its SOP instance UID, or `dicom-` and the start of the file's SHA-256 where it has none.

    Never the file's name, into which export tools write the patient's.
    """
    try:
        found = uid(read_header(path))
    except (InputError, MissingExtra, OSError):
        found = ""
    if found:
        return found
    try:
        return f"dicom-{sha256(path)[:12]}"
    except OSError:  # it is missing, or may not be read
        return f"dicom-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


def text(header: Any, keyword: str) -> str:
    """A tag's value as text; empty where it is missing or cannot be read."""
    with quiet():
        try:
            return str(header.get(keyword, "") or "").strip()
        except Exception:  # pydicom reads a value when it is asked for
            return ""


def uid(header: Any, keyword: str = "SOPInstanceUID") -> str:
    """A UID; empty where it is missing or none."""
    found = text(header, keyword)
    return found if _is_uid(found) else ""


def number(header: Any, keyword: str) -> float | None:
    """A tag's value, or the first of several, as a finite number; None where it is missing or none."""
    found = numbers(header, keyword)
    return found[0] if found else None


def numbers(header: Any, keyword: str) -> tuple[float, ...]:
    """A tag's values as finite numbers; () where it is missing or one of them is none."""
    with quiet():
        try:
            value = header.get(keyword)
            each = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
            found = tuple(float(one) for one in each)
        except Exception:  # as above
            return ()
    return found if all(map(isfinite, found)) else ()


def known_name(value: str) -> str:
    """What the standard calls a UID; the UID itself where it knows none, nothing of what is no UID."""
    from pydicom.uid import UID

    if not _is_uid(value):
        return "(none)"
    with quiet():
        return str(UID(value).name)


def _is_uid(value: str) -> bool:
    return len(value) <= 64 and re.fullmatch(r"[0-9]+(\.[0-9]+)+", value) is not None
