"""What an archive of masks says of itself: which clips, by whom, under what licence, and the checksums of all of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from echodfkd.clip import Frames, check_structures
from echodfkd.errors import InputError, one_line
from echodfkd.files import is_plain_name, read_json, sha256, write_json
from echodfkd.parsed import CLOSED, parsed

MANIFEST = "manifest.json"
LICENCE = "LICENCE.txt"
FORMAT = "echodfkd masks"
VERSION = 1
TOLD = 300
"""Characters of what is wrong with a manifest that a message repeats."""


@dataclass(frozen=True)
class Listed:
    """One clip of an archive."""

    __pydantic_config__ = CLOSED
    frames: str
    """SHA-256 of its frames: see `frames_digest`."""
    masks: str
    """SHA-256 of its `.seg.npz`."""
    known: tuple[str, ...]
    """Structures that the teacher knows in it; the masks of the others say nothing."""


@dataclass(frozen=True)
class Manifest:
    """The whole archive. Raises InputError for values that cannot be."""

    __pydantic_config__ = CLOSED
    structures: tuple[str, ...]
    """The channels of every mask, in order."""
    threshold: float
    """Probability from which a pixel is inside."""
    teacher: Mapping[str, Any]
    """Who drew the masks, as far as the owner tells."""
    clips: Mapping[str, Listed]
    """By clip name."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of what else belongs to it: LICENCE.txt."""

    def __post_init__(self) -> None:
        check_structures(self.structures)
        if strange := [name for name in self.clips if not is_plain_name(name)]:
            raise InputError(f"A clip's name is no path, got {strange[0]!r}.")
        if unknown := [name for one in self.clips.values() for name in one.known if name not in self.structures]:
            raise InputError(f"What is known of a clip must be among {self.structures}, got {unknown[0]!r}.")
        if not 0 < self.threshold < 1:
            raise InputError(f"A threshold lies between 0 and 1, got {self.threshold!r}.")


def frames_digest(frames: Frames) -> str:
    """SHA-256 of a clip's pixels: of 'time height width' in ASCII, a line feed, and the grey levels in that order."""
    digest = hashlib.sha256(f"{' '.join(map(str, frames.shape))}\n".encode())
    digest.update(np.ascontiguousarray(frames).data)
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """`manifest.json` in `folder`, all or nothing."""
    write_json(folder / MANIFEST, {"format": FORMAT, "version": VERSION, **asdict(manifest)})


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in `folder`, its licence checked; None where there is none, as in archives of the published layout.

    Raises InputError where it is not one that this version reads, or the licence is missing or altered.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    table = read_json(path)
    if not isinstance(table, dict) or (table.pop("format", None), table.pop("version", None)) != (FORMAT, VERSION):
        raise InputError(f"{path} is not the manifest of a mask archive ('{FORMAT}', version {VERSION}).")
    try:
        manifest = parsed(Manifest, table)
    except InputError as error:
        raise InputError(f"{path} is not a whole manifest: {one_line(error)[:TOLD]}") from None
    if strange := sorted(set(manifest.files) - {LICENCE}):
        raise InputError(f"{path} lists {strange[0]}, which is no file of an archive.")
    for name, digest in manifest.files.items():
        check_sum(folder / name, digest)
    return manifest


def check_sum(path: Path, digest: str) -> None:
    """InputError where a file of the archive is missing or does not have its checksum."""
    if not path.is_file():
        raise InputError(f"No such file: {path}. The archive is incomplete: fetch it again.")
    if sha256(path) != digest:
        raise InputError(
            f"{path} does not have the checksum of {MANIFEST}: it is damaged or was altered. Fetch it again."
        )
