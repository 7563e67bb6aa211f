"""DICOM clips in every encoding that is read, of a planted fan, with text and a patient's name all around it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

US_FILM, US_STILL = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.1"
PATIENT = {
    "PatientName": "QUILLFEATHER^ARABELLA",
    "PatientID": "ZX4711-0815",
    "PatientBirthDate": "19390217",
    "OtherPatientIDs": "QQ-998877",
    "PatientComments": "neighbour of Wigglesworth",
    "ReferringPhysicianName": "THISTLEWAITE^B",
    "InstitutionName": "Saint Bartleby Infirmary",
    "AccessionNumber": "ACC31337X",
    "StudyDate": "20031224",
    "StudyDescription": "echo of Quillfeather",
}
"""Tags that must go nowhere."""
PLANTED = (
    "quillfeather",
    "arabella",
    "zx4711",
    "19390217",
    "qq-998877",
    "wigglesworth",
    "thistlewaite",
    "bartleby",
    "acc31337",
    "20031224",
)
"""What a test looks for, in small letters."""


def fan_pixels(height: int = 120, width: int = 160) -> np.ndarray:
    """A sector of 80 degrees below an apex in the upper middle, (height, width) bool."""
    rows, columns = np.mgrid[:height, :width]
    down, across = rows - 6, columns - width / 2
    return (np.hypot(down, across) <= height - 20) & (down > 4) & (abs(np.arctan2(across, down)) <= np.radians(40))


def fan_frames(frames: int = 12, height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    """Frames (time, height, width) uint8: a bright ventricle that beats in the speckle of a fan, black beside it."""
    rows, columns = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).integers(20, 90, (frames, height, width))
    radius = 0.18 * height * (1 + 0.3 * np.cos(2 * np.pi * np.arange(frames) / 10))
    inside = np.hypot(rows - 0.5 * height, columns - 0.5 * width) < radius[:, None, None]
    return np.where(fan_pixels(height, width), noise + 130 * inside, 0).astype(np.uint8)


def on_screen(frames: np.ndarray) -> np.ndarray:
    """The same on a scanner's screen: a flat bar with the patient's name, scales, a logo, numbers that change."""
    shown = []
    for number, frame in enumerate(frames):
        picture = Image.fromarray(frame)
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, 0, picture.width, 5), fill=70)
        draw.text((2, 6), "QUILL", fill=255)
        draw.text((2, 16), f"HR {60 + number % 3}", fill=230)
        draw.rectangle((picture.width - 8, 30, picture.width - 4, 90), fill=128)  # beside every fan there is here
        shown.append(np.maximum(np.asarray(picture), frame))
    return np.stack(shown)


def header(path: Path, frames: np.ndarray, **tags: Any) -> Dataset:
    """A dataset without pixels, with all that a scanner writes of the patient; `tags` that are None are left out."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    given = {
        "SOPClassUID": US_FILM,
        "SOPInstanceUID": generate_uid(entropy_srcs=[path.name]),
        "StudyInstanceUID": generate_uid(entropy_srcs=["study"]),
        "SeriesInstanceUID": generate_uid(entropy_srcs=["series"]),
        "Modality": "US",
        "StudyTime": "101112",
        "StudyID": "1",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "ImageType": ["ORIGINAL", "PRIMARY", "TRANSTHORACIC", "0001"],
        "Rows": frames.shape[1],
        "Columns": frames.shape[2],
        "NumberOfFrames": len(frames),
        "FrameTime": "20.0",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    for keyword, value in {**PATIENT, **given, **tags}.items():
        if value is not None:
            setattr(made, keyword, value)
    made.private_block(0x0009, "ARABELLA", create=True).add_new(1, "LO", "QUILLFEATHER")
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3")
    return made


def region(top: int, bottom: int, left: int, right: int, mm: float = 0.5, form: int = 1, content: int = 1) -> Dataset:
    """A region of the screen, its last row and column among it."""
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = form, content, 0
    made.RegionLocationMinY0, made.RegionLocationMaxY1 = top, bottom
    made.RegionLocationMinX0, made.RegionLocationMaxX1 = left, right
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX = made.PhysicalDeltaY = mm / 10
    return made


def samples(grey: np.ndarray, photometric: str) -> np.ndarray:
    """Grey frames as the samples that a photometric interpretation stores: (time, height, width[, 3])."""
    if photometric == "MONOCHROME1" or photometric == "PALETTE COLOR":
        return 255 - grey
    if photometric == "MONOCHROME2":
        return grey
    colours = np.repeat(grey[..., None], 3, axis=-1)
    if photometric.startswith("YBR_FULL"):
        colours[..., 1:] = 128
    return colours


def set_samples(made: Dataset, stored: np.ndarray, photometric: str) -> None:
    """Puts what describes the samples into the dataset, a palette too."""
    made.PhotometricInterpretation = photometric
    made.SamplesPerPixel = 3 if stored.ndim == 4 else 1
    if stored.ndim == 4:
        made.PlanarConfiguration = 0
    if photometric == "PALETTE COLOR":
        table = (257 * (255 - np.arange(256))).astype("<u2").tobytes()
        for colour in ("Red", "Green", "Blue"):
            setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(made, f"{colour}PaletteColorLookupTableData", table)


def raw(made: Dataset, stored: np.ndarray, syntax: str = ExplicitVRLittleEndian) -> None:
    """Uncompressed; YBR_FULL_422 keeps every second pair of colours."""
    if made.PhotometricInterpretation == "YBR_FULL_422":
        y, pairs = stored[..., 0], stored[..., ::2, 1:]
        stored = np.concatenate([y.reshape(*pairs.shape[:-1], 2), pairs], axis=-1)
    made.file_meta.TransferSyntaxUID = UID(syntax)
    content = stored.tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    made["PixelData"].VR = "OB"


def packed(made: Dataset, encoded: list[bytes], syntax: str) -> None:
    """Encoded frames as they are."""
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.PixelData = encapsulate(encoded)
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True


def jpeg(made: Dataset, stored: np.ndarray, syntax: str) -> None:
    """Lossy JPEG by Pillow, which stores the samples as they are."""
    mode = "L" if stored.ndim == 3 else "YCbCr"
    encoded = []
    for frame in stored:
        Image.frombytes(mode, frame.shape[1::-1], frame.tobytes()).save(file := io.BytesIO(), "JPEG", quality=95)
        encoded.append(file.getvalue())
    packed(made, encoded, syntax)


def jpeg_lossless(made: Dataset, stored: np.ndarray, syntax: str) -> None:
    """Lossless JPEG by hand: prediction from the left, nine categories of equally long codes."""
    packed(made, [lossless_frame(frame) for frame in stored], syntax)


def lossless_frame(frame: np.ndarray) -> bytes:
    """One frame (height, width) or (height, width, 3) uint8 as lossless JPEG (ISO/IEC 10918-1, annex H)."""
    planes = np.atleast_3d(frame).astype(np.int32)
    height, width, count = planes.shape
    before = np.concatenate([np.full((height, 1, count), 128), planes[:, :-1]], axis=1)
    before[1:, 0] = planes[:-1, 0]
    bits = []
    for step in (planes - before).ravel().tolist():
        size = abs(step).bit_length()
        bits.append(f"{size:04b}" + (f"{step if step > 0 else step + 2**size - 1:0{size}b}" if size else ""))
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    scan = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")
    tables = b"\0" + bytes([0, 0, 0, 9, *[0] * 12]) + bytes(range(9))
    parts = b"".join(bytes([n + 1, 0x11, 0]) for n in range(count))
    chosen = b"".join(bytes([n + 1, 0]) for n in range(count))
    return (
        b"\xff\xd8"
        + _segment(0xC3, bytes([8, *divmod(height, 256), *divmod(width, 256), count]) + parts)
        + _segment(0xC4, tables)
        + _segment(0xDA, bytes([count]) + chosen + b"\x01\0\0")
        + scan
        + b"\xff\xd9"
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def compressed(made: Dataset, stored: np.ndarray, syntax: str, **options: Any) -> None:
    """By one of pydicom's encoders."""
    raw(made, stored)
    made.compress(UID(syntax), generate_instance_uid=False, **options)


ENCODINGS: dict[str, tuple[Any, str, bool]] = {
    "implicit": (raw, ImplicitVRLittleEndian, True),
    "explicit": (raw, ExplicitVRLittleEndian, True),
    "big endian": (raw, ExplicitVRBigEndian, True),
    "deflated": (raw, DeflatedExplicitVRLittleEndian, True),
    "RLE": (compressed, "1.2.840.10008.1.2.5", True),
    "JPEG baseline": (jpeg, "1.2.840.10008.1.2.4.50", False),
    "JPEG extended": (jpeg, "1.2.840.10008.1.2.4.51", False),
    "JPEG lossless": (jpeg_lossless, "1.2.840.10008.1.2.4.57", True),
    "JPEG lossless, first order": (jpeg_lossless, "1.2.840.10008.1.2.4.70", True),
    "JPEG-LS": (compressed, "1.2.840.10008.1.2.4.80", True),
    "JPEG-LS near-lossless": (lambda *given: compressed(*given, jls_error=2), "1.2.840.10008.1.2.4.81", False),
    "JPEG 2000 lossless": (compressed, "1.2.840.10008.1.2.4.90", True),
    "JPEG 2000": (lambda *given: compressed(*given, j2k_cr=[5]), "1.2.840.10008.1.2.4.91", False),
}
"""Every encoding: what writes it, its transfer syntax, and whether it keeps every grey level."""


def save(
    path: Path, frames: np.ndarray, encoding: str = "explicit", photometric: str = "MONOCHROME2", **tags: Any
) -> Path:
    """Grey frames (time, height, width) uint8 as a DICOM file; `tags` stand in it too, None leaves one out."""
    made = header(path, frames, **tags)
    return store(path, made, samples(frames, photometric), photometric, encoding)


def store(path: Path, made: Dataset, stored: np.ndarray, photometric: str, encoding: str = "explicit") -> Path:
    """A dataset with these samples as a file."""
    write, syntax, _ = ENCODINGS[encoding]
    set_samples(made, stored, photometric)
    write(made, stored, syntax)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path
