"""An archive of somebody's masks as a teacher: the way in for who may share a teacher's outputs, but no data.

One file per clip, `<clip name>.seg.npz`, with one array `arr_0` of uint8(255 p): (time, height, width) for one
structure, (time, structure, height, width) for several; and `manifest.json`, which the published layout lacks.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Masks, check_structures, from_bytes
from echodfkd.errors import InputError
from echodfkd.files import is_plain_name, read_arrays, sha256, writing
from echodfkd.names import clip_name, is_hidden
from echodfkd.teachers.manifest import MANIFEST, check_sum, frames_digest, read_manifest

SUFFIX = ".seg.npz"
KEY = "arr_0"


class MaskArchive:
    """A segmenter that returns the masks recorded in a folder, by clip name.

    With a manifest, that names the channels, and clips and masks must have its checksums. Without one `structures`
    name them, in their order. A `partial` archive knows nothing of the clips that it lacks; any other refuses them.
    Raises InputError where the folder holds no masks, or a manifest that contradicts `structures`.
    """

    def __init__(self, folder: Path | str, structures: Sequence[str] = (), partial: bool = False):
        self.folder, self._partial = Path(folder), partial
        self._files = {clip_name(path.name.removesuffix(SUFFIX)): path for path in _mask_files(self.folder)}
        if not self._files:
            raise InputError(f"{self.folder} is no mask archive: there is no <clip name>{SUFFIX} in it.")
        self._manifest = read_manifest(self.folder)
        clips = {} if self._manifest is None else self._manifest.clips
        self._listed = {clip_name(name): one for name, one in clips.items()}
        if self._manifest is None:
            self.structures, self.threshold = check_structures(structures or ("lv",)), 0.5
            return
        self.structures, self.threshold = self._manifest.structures, self._manifest.threshold
        if missing := [name for name in structures if name not in self.structures]:
            raise InputError(
                f"The archive {self.folder} holds masks of {', '.join(self.structures)}, not of {', '.join(missing)}, "
                f"by its {MANIFEST}."
            )

    def __call__(self, clip: Clip) -> Masks:
        """The recorded probabilities (time, structure, height, width); InputError where they are not for this clip."""
        wanted = (len(clip.frames), len(self.structures), *clip.frames.shape[1:])
        if self._partial and not self._has(clip):
            return np.zeros(wanted, np.float32)
        path = self._path(clip)
        self._check(clip, path)
        masks = read_masks(path)
        if masks.shape != wanted:
            raise InputError(f"{path} must hold masks {wanted} (time, structure, height, width), got {masks.shape}.")
        return from_bytes(masks)

    def known(self, clip: Clip) -> tuple[str, ...]:
        """The structures that were known when that clip was labelled; none of a clip that a partial archive lacks."""
        if self._partial and not self._has(clip):
            return ()
        listed = self._listed.get(clip_name(clip.name))
        return tuple(name for name in self.structures if listed is None or name in listed.known)

    def _path(self, clip: Clip) -> Path:
        if not is_plain_name(clip.name):
            raise InputError(f"A clip's name is no path, got {clip.name!r}.")
        return self._files.get(clip_name(clip.name), self.folder / f"{clip.name}{SUFFIX}")

    def _has(self, clip: Clip) -> bool:
        """Whether there are masks of that clip, by the manifest where there is one."""
        return self._path(clip).is_file() if self._manifest is None else clip_name(clip.name) in self._listed

    def _check(self, clip: Clip, path: Path) -> None:
        """InputError where the manifest does not speak of this clip, or of other frames or masks of it."""
        if self._manifest is None:
            return
        listed = self._listed.get(clip_name(clip.name))
        if listed is None:
            raise InputError(f"Clip {clip.name} is not among the {len(self._manifest.clips)} of {self.folder}.")
        if frames_digest(clip.frames) != listed.frames:
            raise InputError(
                f"Clip {clip.name} is not the one whose masks are in {self.folder}: its frames have another checksum. "
                "Use the clips that the archive was made from, unaltered."
            )
        check_sum(path, listed.masks)


def archive_content(folder: Path) -> str:
    """What an archive holds, as one SHA-256 over the names and the bytes of its files."""
    paths = [*_mask_files(Path(folder)), *Path(folder).glob(MANIFEST)]
    listed = "".join(f"{path.name} {sha256(path)}\n" for path in paths)
    return hashlib.sha256(listed.encode()).hexdigest()


def _mask_files(folder: Path) -> list[Path]:
    """The files of masks in an archive, by name."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not is_hidden(path))


def read_masks(path: Path) -> NDArray[np.uint8]:
    """The masks in a `.seg.npz`: uint8 (time, structure, height, width), 255 p. InputError for anything else."""
    if not path.is_file():
        raise InputError(f"No such file: {path}. An archive needs one for every clip.")
    try:
        masks = read_arrays(path, (KEY,))[KEY]
    except InputError:
        raise
    except Exception:  # zip, zlib, npy and the tokenizer of its header each fail in their own ways on foreign bytes
        raise InputError(f"{path} is damaged or not an archive of masks (an array '{KEY}' in an .npz file).") from None
    if masks.dtype != np.uint8 or masks.ndim not in (3, 4):
        raise InputError(f"{path} must hold uint8 (time[, structure], height, width), got {masks.dtype} {masks.shape}.")
    return masks[:, None] if masks.ndim == 3 else masks


def write_masks(path: Path, masks: NDArray[np.uint8]) -> None:
    """Writes masks uint8 (time[, structure], height, width), 255 p, in the archive's layout: all or nothing.

    `path` is `<clip name>.seg.npz`. One structure has no axis there. Equal masks give equal bytes. Raises OutputError
    where there is no room.
    """
    if masks.dtype != np.uint8 or masks.ndim not in (3, 4):
        got = f"{masks.dtype} {masks.shape}"
        raise InputError(f"Masks must be uint8 (time[, structure], height, width), got {got}. See clip.to_bytes.")
    if not path.name.endswith(SUFFIX):
        raise InputError(f"Files of a mask archive are named <clip name>{SUFFIX}, got {path.name}.")
    with writing(path) as beside, open(beside, "wb") as file:
        one = masks.ndim == 4 and masks.shape[1] == 1
        np.savez_compressed(file, masks[:, 0] if one else masks)  # without a name it becomes arr_0
