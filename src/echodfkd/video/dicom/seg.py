"""Masks as DICOM SEG, by highdicom: every frame of it refers to the frame of the clip that it belongs to.

Ultrasound clips have no frame of reference and their frames no place in space, so the SEG has neither: its frames are
told apart by their segment and their time. Pixels are as large as the clip's. What the patient is called is not copied;
the UIDs of study, series and clip lead an archive to it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd import __version__
from echodfkd.errors import InputError, MissingExtra
from echodfkd.video.dicom.header import EXPORT, quiet, read_header, text, uid
from echodfkd.video.dicom.pixels import check_pixels

CODES = {
    "lv": ("87878005", "Left cardiac ventricle"),
    "rv": ("53085002", "Right cardiac ventricle"),
    "la": ("82471001", "Left atrium"),
    "ra": ("73829009", "Right atrium"),
    "myocardium": ("74281007", "Myocardium"),
}
"""What the structures are called in SNOMED CT."""
ANATOMY = ("123037004", "Anatomical Structure")
NEEDED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def write_segmentation(
    path: Path, clip: Path, masks: Mapping[str, NDArray[np.uint8]], model: str, corrected: bool = False
) -> None:
    """Masks {0, 1} by structure, (time, height, width) at the size of their DICOM clip, as a SEG in `path`.

    `model` tells what made them, `corrected` that somebody mended them by hand. InputError where the clip lacks a UID
    that a SEG must refer to, or no mask holds a pixel; MissingExtra without highdicom.
    """
    try:
        import highdicom
    except ImportError:
        raise MissingExtra("Writing DICOM SEG", "dicom") from None
    header = read_header(clip)
    if lacking := [keyword for keyword in NEEDED if not uid(header, keyword)]:
        raise InputError(f"A SEG refers to its clip by {', '.join(lacking)}, which this file lacks. {EXPORT}")
    if not any(mask.any() for mask in masks.values()):
        raise InputError("No frame holds a mask: there is nothing for a SEG. Leave --seg out.")
    with quiet():
        source = _source(header)
        entropy = [
            source.SOPInstanceUID,
            model,
            hashlib.sha256(b"".join(m.tobytes() for m in masks.values())).hexdigest(),
        ]
        segmentation = highdicom.seg.Segmentation(
            [source],
            np.stack([np.asarray(mask, bool) for mask in masks.values()], axis=-1),
            "BINARY",
            [_segment(number, name, model, corrected) for number, name in enumerate(masks, start=1)],
            _made_uid(*entropy, "series"),
            100,
            _made_uid(*entropy),
            1,
            "echodfkd",
            model,
            __version__,
            "none",
            content_label="ECHODFKD",
            content_description=f"Left ventricle, by a program{' and by hand' * corrected}; not for diagnosis",
            series_description="echodfkd segmentation",
        )
        if "NumberOfFrames" in source:
            _without_place(segmentation)
        segmentation.save_as(path, enforce_file_format=True)


def _source(header: Any) -> Any:
    """What a SEG needs to know of its clip, and nothing of the patient.

    highdicom takes several frames only where each has a place: they are stacked, and `_without_place` undoes it.
    """
    from highdicom import PixelMeasuresSequence, PlaneOrientationSequence, PlanePositionSequence
    from pydicom.dataset import Dataset

    made, shape = Dataset(), check_pixels(header)
    made.SOPClassUID, made.Modality = text(header, "SOPClassUID"), "US"
    for keyword in NEEDED:
        setattr(made, keyword, uid(header, keyword))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(made, keyword, "")
    made.StudyDate = made.StudyTime = made.ReferringPhysicianName = ""
    made.Rows, made.Columns = shape.height, shape.width
    if text(header, "NumberOfFrames"):
        made.NumberOfFrames, made.FrameOfReferenceUID = shape.frames, made.SOPInstanceUID
        shared = Dataset()
        shared.PlaneOrientationSequence = PlaneOrientationSequence("PATIENT", [1, 0, 0, 0, 1, 0])
        shared.PixelMeasuresSequence = PixelMeasuresSequence((1.0, 1.0), slice_thickness=1.0)
        made.SharedFunctionalGroupsSequence = [shared]
        made.PerFrameFunctionalGroupsSequence = []
        for number in range(shape.frames):
            item = Dataset()
            item.PlanePositionSequence = PlanePositionSequence("PATIENT", [0.0, 0.0, float(number)])
            made.PerFrameFunctionalGroupsSequence.append(item)
    return made


def _segment(number: int, name: str, model: str, corrected: bool) -> Any:
    """What a segment is and what found it."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    code, meaning = CODES[name]
    return SegmentDescription(
        number,
        name,
        Code(ANATOMY[0], "SCT", ANATOMY[1]),
        Code(code, "SCT", meaning),
        "SEMIAUTOMATIC" if corrected else "AUTOMATIC",
        AlgorithmIdentificationSequence(f"echodfkd {model}", codes.DCM.ArtificialIntelligence, __version__),
        tracking_uid=None,
    )


def _without_place(made: Any) -> None:
    """Takes the frames' made-up places off, and tells them apart by the frame of the clip that they belong to."""
    for keyword in ("FrameOfReferenceUID", "PositionReferenceIndicator"):
        if keyword in made:
            delattr(made, keyword)
    shared = made.SharedFunctionalGroupsSequence[0]
    del shared.PlaneOrientationSequence, shared.PixelMeasuresSequence
    place = next(item for item in made.DimensionIndexSequence if item.DimensionIndexPointer != 0x0062000B)
    place.DimensionIndexPointer, place.FunctionalGroupPointer = 0x00209128, 0x00209111
    place.DimensionDescriptionLabel = "Temporal Position Index"
    for item in made.PerFrameFunctionalGroupsSequence:
        frame = item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        del item.PlanePositionSequence
        item.FrameContentSequence[0].TemporalPositionIndex = int(frame)


def _made_uid(*entropy: str) -> str:
    """A UID that equal masks of one clip by one model share."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix="2.25.", entropy_srcs=list(entropy)))
