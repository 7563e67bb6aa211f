"""Which DICOM objects are clips of a 2-D ultrasound image; every other is refused by its name."""

from typing import Any

from echodfkd.errors import InputError
from echodfkd.video.dicom.header import DICOMDIR, known_name, number, text
from echodfkd.video.dicom.regions import Region

FILMS = {
    "1.2.840.10008.5.1.4.1.1.3.1": "ultrasound multi-frame",
    "1.2.840.10008.5.1.4.1.1.3": "ultrasound multi-frame (retired)",
    "1.2.840.10008.5.1.4.1.1.6.1": "ultrasound",
    "1.2.840.10008.5.1.4.1.1.6": "ultrasound (retired)",
    "1.2.840.10008.5.1.4.1.1.7.2": "multi-frame grey secondary capture",
    "1.2.840.10008.5.1.4.1.1.7.4": "multi-frame colour secondary capture",
}
"""The kinds of objects that are read."""
OTHERS = {
    DICOMDIR: "a DICOMDIR, the list of a medium's files: give it or its folder to `segment`",
    "1.2.840.10008.5.1.4.1.1.6.2": "a 3-D ultrasound volume",
    "1.2.840.10008.5.1.4.1.1.7": "a still picture of a screen or of a report (secondary capture)",
    "1.2.840.10008.5.1.4.1.1.104.1": "a document (PDF)",
}
"""What else often lies in an echo study, in words; of all others the standard's own name is told."""
MODES = {
    0x0002: "M-mode",
    0x0004: "continuous-wave Doppler",
    0x0008: "pulsed-wave Doppler",
    0x0010: "colour Doppler",
    0x0020: "colour M-mode",
    0x0040: "a 3-D rendering",
    0x0100: "power Doppler",
}
"""The bits of the fourth value of ImageType (PS3.3 C.8.5.6.1.1) that name more than a 2-D image."""
FORMATS = {2: "M-mode", 3: "spectral Doppler"}
"""Spatial formats of regions (PS3.3 C.8.5.5.1.1) that make a clip none of ours."""
CONTENTS = {2: "colour Doppler", 3: "pulsed-wave Doppler", 4: "continuous-wave Doppler"}
"""Data types of regions (PS3.3 C.8.5.5.1.2) that do."""


def check_kind(header: Any, regions: tuple[Region, ...]) -> None:
    """InputError, which names what it is instead, unless the object is a clip or still of a 2-D ultrasound image."""
    held = text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")
    modality = text(header, "Modality")
    if held not in FILMS:
        raise InputError(f"It is {OTHERS.get(held, known_name(held))}, no ultrasound clip.")
    if modality == "IVUS" or ("secondary capture" in FILMS[held] and modality != "US"):
        raise InputError("It is no echocardiogram: its modality is not US.")
    if found := _mode(header) or _of_regions(regions):
        raise InputError(f"It is {found}, not a 2-D grey image alone.")


def _mode(header: Any) -> str:
    """What the image type says it is besides a 2-D image."""
    values = text(header, "ImageType").strip("[]").replace("'", "").replace("\\", ",").split(",")
    try:
        bits = int(values[3].strip(), 16)
    except (IndexError, ValueError):
        return ""
    return " and ".join(words for bit, words in MODES.items() if bits & bit)


def _of_regions(regions: tuple[Region, ...]) -> str:
    """What the regions say it is besides a 2-D image; calibrated regions of which none is one make it a report."""
    found = [words for one in regions for words in (FORMATS.get(one.form), CONTENTS.get(one.content)) if words]
    if found:
        return found[0]
    return "" if not regions or any(one.is_image for one in regions) else "a page without a 2-D region"


def frame_count(header: Any) -> int:
    """How many frames the header speaks of, 1 where it does not say."""
    return int(number(header, "NumberOfFrames") or 1)
