"""An archive of somebody's masks as a teacher: the way in for who may share a teacher's outputs, but no data.

One file per clip, `<clip name>.seg.npz`, with one array `arr_0` of uint8(255 p): (time, height, width) for one
structure, (time, structure, height, width) for several.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Masks, check_structures, from_bytes
from echodfkd.errors import InputError
from echodfkd.files import sha256, writing

SUFFIX = ".seg.npz"
KEY = "arr_0"


class MaskArchive:
    """A segmenter that returns the masks recorded in a folder, by clip name.

    `structures` name the channels of the files, in their order. Raises InputError where the folder holds no masks.
    """

    threshold = 0.5

    def __init__(self, folder: Path | str, structures: Sequence[str] = ("lv",)):
        self.folder = Path(folder)
        self.structures = check_structures(structures)
        if not any(self.folder.glob(f"*{SUFFIX}")):
            raise InputError(f"{self.folder} is no mask archive: there is no <clip name>{SUFFIX} in it.")

    def __call__(self, clip: Clip) -> Masks:
        """The recorded probabilities (time, structure, height, width); InputError where they are not for this clip."""
        path = self.folder / f"{clip.name}{SUFFIX}"
        masks = read_masks(path)
        wanted = (len(clip.frames), len(self.structures), *clip.frames.shape[1:])
        if masks.shape != wanted:
            raise InputError(f"{path} must hold masks {wanted} (time, structure, height, width), got {masks.shape}.")
        return from_bytes(masks)


def archive_content(folder: Path) -> str:
    """What an archive holds, as one SHA-256 over the names and the bytes of its files."""
    listed = "".join(f"{path.name} {sha256(path)}\n" for path in sorted(Path(folder).glob(f"*{SUFFIX}")))
    return hashlib.sha256(listed.encode()).hexdigest()


def read_masks(path: Path) -> NDArray[np.uint8]:
    """The masks in a `.seg.npz`: uint8 (time, structure, height, width), 255 p. InputError for anything else."""
    if not path.is_file():
        raise InputError(f"No such file: {path}. An archive needs one for every clip.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            masks = archive[KEY]
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise InputError(f"{path} is damaged or not an archive of masks (an array '{KEY}' in an .npz file).") from None
    if masks.dtype != np.uint8 or masks.ndim not in (3, 4):
        raise InputError(f"{path} must hold uint8 (time[, structure], height, width), got {masks.dtype} {masks.shape}.")
    return masks[:, None] if masks.ndim == 3 else masks


def write_masks(path: Path, masks: NDArray[np.uint8]) -> None:
    """Writes masks uint8 (time[, structure], height, width), 255 p, in the archive's layout: all or nothing.

    `path` is `<clip name>.seg.npz`. Equal masks give equal bytes. Raises OutputError where there is no room.
    """
    if masks.dtype != np.uint8 or masks.ndim not in (3, 4):
        got = f"{masks.dtype} {masks.shape}"
        raise InputError(f"Masks must be uint8 (time[, structure], height, width), got {got}. See clip.to_bytes.")
    if not path.name.endswith(SUFFIX):
        raise InputError(f"Files of a mask archive are named <clip name>{SUFFIX}, got {path.name}.")
    with writing(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, masks)  # without a name it becomes arr_0
