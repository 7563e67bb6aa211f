"""Where the DICOM files of a study lie: in a folder, below it, or as the DICOMDIR of a disc lists them."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from echodfkd.errors import InputError, MissingExtra
from echodfkd.video import container
from echodfkd.video.dicom.header import DICOMDIR, quiet, read_header, text

log = logging.getLogger(__name__)
LARGEST_LIST = 64 * 2**20
"""Bytes of a DICOMDIR that is read. By choice: 100,000 clips are listed in less."""


def is_list(path: Path) -> bool:
    """Whether the file is a DICOMDIR, by what it says of itself."""
    if not (container.is_dicom(path) and path.is_file()):
        return False
    try:
        header = read_header(path)
    except (InputError, MissingExtra, OSError):
        return False
    return text(header.file_meta, "MediaStorageSOPClassUID") == DICOMDIR


def listed_files(path: Path) -> list[Path]:
    """The images that a DICOMDIR lists and that are there, in its order; none outside its folder.

    InputError where it is damaged or lists none that are there.
    """
    import pydicom

    if path.stat().st_size > LARGEST_LIST:
        raise InputError(f"This DICOMDIR has more than {LARGEST_LIST // 2**20} MiB. Give its folders of clips.")
    with quiet():
        try:
            records = pydicom.dcmread(path, specific_tags=["DirectoryRecordSequence"]).DirectoryRecordSequence
            ids = [_parts(record) for record in records if record.get("DirectoryRecordType") == "IMAGE"]
        except Exception:  # damaged files lead pydicom into errors of many kinds
            raise InputError("This DICOMDIR is damaged. Give its folders of clips.") from None
    found = [_file_of(path.parent, parts) for parts in ids]
    there = list(dict.fromkeys(one for one in found if one is not None))
    if not there:
        raise InputError(f"This DICOMDIR lists {len(ids)} images, of which none is there. Give its folders of clips.")
    if None in found:
        log.warning(f"The DICOMDIR lists {found.count(None)} of {len(ids)} images that are not there.")
    return there


def _parts(record: Any) -> tuple[str, ...]:
    """The names of folders and file that lead to a record's image."""
    value = record.get("ReferencedFileID") or ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _file_of(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """The file below `folder`, whatever the case of its names: some systems show a disc in small letters."""
    place = folder
    for part in parts:
        try:
            names = {name.casefold(): name for name in sorted((one.name for one in place.iterdir()), reverse=True)}
        except OSError:
            return None
        if part.casefold() not in names:  # dots alone lead nowhere: no listing has them
            return None
        place = place / names[part.casefold()]
    return place if parts and place.is_file() else None


def files_below(folder: Path) -> Iterator[Path]:
    """The DICOM files anywhere below a folder, by name, but for lists of them; links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and container.is_dicom(path) and not is_list(path):
                yield path
