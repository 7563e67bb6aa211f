"""The kinds of files that are read: how each is named, how it begins, and who reads it. A new kind is a row here."""

from collections.abc import Callable
from dataclasses import dataclass

HEAD = 132
"""Bytes of a file's beginning by which its kind is told."""


@dataclass(frozen=True)
class Kind:
    """A kind of file. `suffixes` are those it may bear, the usual one first, in lower case."""

    name: str
    """What messages call it."""
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]
    """Whether a file with these first HEAD bytes, or fewer, is of this kind."""
    reader: str = "echodfkd.video.libav:open_film"
    """Who opens it: a function of the path and the kind that gives a `video.source.Video`, as MODULE:FUNCTION."""
    demuxer: str = ""
    """libav's, where libav reads it."""
    still: bool = False
    """Whether it holds one picture."""
    by_name: bool = False
    """Whether its beginning says too little, so that it must bear one of its suffixes too."""


def _is_mp4(head: bytes) -> bool:
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


def _is_nifti(head: bytes) -> bool:
    """Gzip, or the header's own length (348, or 540 in version 2) first."""
    return head[:2] == b"\x1f\x8b" or any(int.from_bytes(head[:4], order) in (348, 540) for order in ("little", "big"))


AVI = Kind("AVI", (".avi",), lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ", demuxer="avi")
MP4 = Kind("MP4", (".mp4", ".m4v", ".mov"), _is_mp4, demuxer="mp4")
GIF = Kind("GIF", (".gif",), lambda head: head[:6] in (b"GIF87a", b"GIF89a"), demuxer="gif")
PNG = Kind("PNG", (".png",), lambda head: head[:8] == b"\x89PNG\r\n\x1a\n", demuxer="png_pipe", still=True)
JPEG = Kind("JPEG", (".jpg", ".jpeg"), lambda head: head[:3] == b"\xff\xd8\xff", demuxer="jpeg_pipe", still=True)
NIFTI = Kind("NIfTI", (".nii", ".nii.gz"), _is_nifti, "echodfkd.video.nifti:open_volume", by_name=True)
DICOM = Kind("DICOM", (".dcm", ".dicom"), lambda head: head[128:132] == b"DICM", "echodfkd.video.dicom:open_clip")
"""Those from a scanner or its disc often have no suffix, and some no mark: `video.container.is_dicom` knows more."""
APNG = Kind("PNG", (), lambda head: False, demuxer="apng")
"""A PNG that moves: what follows its beginning tells."""

KINDS = [AVI, MP4, GIF, PNG, JPEG, NIFTI, DICOM]
"""Every kind that a beginning tells."""
