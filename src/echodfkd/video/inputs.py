"""Which clips are meant by files and folders, and what is said of one that cannot be read."""

from collections.abc import Sequence
from pathlib import Path

from echodfkd.errors import InputError, one_line
from echodfkd.names import SUFFIXES, is_hidden, named_as_clip, named_as_unread
from echodfkd.video import container
from echodfkd.video.dicom.folder import files_below, is_list, listed_files


def clip_files(inputs: Sequence[Path]) -> list[Path]:
    """The files in `inputs`, in their order; folders and DICOMDIRs stand for their clips.

    Of a folder they are the clips directly in it, by name, DICOM without a suffix too, and films of kinds that are not
    read, so that each is refused and none passed over; of a disc those that its DICOMDIR lists; of a folder without
    any, the DICOM files anywhere below it. InputError where there are none.
    """
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            files += _clips_in(path)
        else:
            files += listed_files(path) if is_list(path) else [path]
    return files


def _clips_in(folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    lists = [path for path in inside if is_list(path)]
    found = [path for path in inside if path not in lists and is_clip(path)]
    found += [path for one in lists for path in listed_files(one) if path not in found]
    found = found or list(files_below(folder))
    if not found:
        raise InputError(f"The folder {folder} holds no clip ({', '.join(sorted(SUFFIXES))}, or DICOM).")
    return found


def is_clip(path: Path) -> bool:
    """Whether a file is meant to be a clip, by its suffix or as DICOM by its content, and is not hidden."""
    return named_as_clip(path) or named_as_unread(path) or (not is_hidden(path) and container.is_dicom(path))


def refusal(path: Path, number: int, count: int, error: Exception) -> str:
    """What is said of a clip that was not done, in one line; of DICOM its place among the inputs, not its path."""
    told = one_line(error)
    return f"Input {number} of {count}: {told}" if container.is_dicom(path) else told
