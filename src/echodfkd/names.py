"""What a clip is called: one name, however a file, a folder or the cell of a table writes it; and who is meant by one.

`Videos/A1.AVI`, `A1.avi `, `A1` and a folder of that name all speak of the clip `A1`.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from echodfkd.errors import InputError
from echodfkd.file_kinds import DICOM, KINDS

SUFFIXES = tuple(suffix for kind in KINDS if kind is not DICOM for suffix in kind.suffixes)
"""What `video.read` takes; the content, not the suffix, then decides how a file is decoded."""
UNREAD = (".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".ogv", ".bmp", ".webp", ".tif", ".tiff")
"""Of films and pictures that are not read: one that lies in a folder of clips is refused, not passed over."""
_ENDINGS = (*DICOM.suffixes, *reversed(SUFFIXES), *UNREAD)  # .nii.gz before .nii
Value = TypeVar("Value")


@lru_cache(maxsize=4096)  # tables name a clip in row after row
def clip_name(written: Path | str) -> str:
    """The clip's name: no folders, no suffix of a film in whatever case, no blanks around it, accents composed (NFC).

    Other suffixes and dots belong to the name, as in a DICOM UID. The case stays as it is written; `matched` knows
    what to make of it. The name of a name is itself.
    """
    whole, name = unicodedata.normalize("NFC", re.split(r"[/\\]", str(written))[-1]), ""
    while whole != name:
        name = whole.strip().strip("\ufeff\u200b")  # a byte-order mark and a blank of no width are no part of it either
        ending = next((suffix for suffix in _ENDINGS if name.lower().endswith(suffix)), "")
        whole = name[: len(name) - len(ending)] or name
    return name


def is_hidden(path: Path) -> bool:
    """Whether a file is none of the user's: hidden by its dot, as macOS's `._A1.avi` beside every `A1.avi` is."""
    return path.name.lstrip().startswith(".")


def named_as_clip(path: Path) -> bool:
    """Whether the file is meant to be a film or picture, by its suffix, and is not hidden."""
    return path.name.strip().lower().endswith(SUFFIXES) and not is_hidden(path) and bool(clip_name(path))


def named_as_unread(path: Path) -> bool:
    """Whether the file is a film or picture of a kind that is not read, by its suffix, and is not hidden."""
    return path.name.strip().lower().endswith(UNREAD) and not is_hidden(path)


def matched(written: Iterable[str], clips: Collection[str]) -> dict[str, str]:
    """Which of `clips` each name means that was `written` somewhere; names that mean none are left out.

    The very name comes first. Otherwise case is passed over, but only between two names that nobody else could mean:
    where clips differ in nothing but their case, it counts.
    """
    names = list(dict.fromkeys(written))
    there = {clip_name(clip): clip for clip in clips} | {clip: clip for clip in clips}
    means = {name: there.get(name, there.get(clip_name(name))) for name in names}
    found = {name: clip for name, clip in means.items() if clip is not None}
    taken = set(found.values())
    free = _by_case(clip for clip in clips if clip not in taken)
    for key, alike in _by_case(name for name in names if name not in found).items():
        if len(alike) == len(free.get(key, ())) == 1:
            found[alike[0]] = free[key][0]
    return found


def _by_case(names: Iterable[str]) -> dict[str, list[str]]:
    """The names by what is left of them without their case."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(clip_name(name).casefold(), []).append(name)
    return found


def of_clips(table: Mapping[str, Value], clips: Collection[str], what: str, where: str) -> dict[str, Value]:
    """What a table tells of `clips`, by their own names; rows on other clips are passed over.

    InputError, naming the table as `what` and the clips as `where`, if it tells of none.
    """
    known = matched(table, clips)
    if table and not known:
        first = next(iter(table))
        near = difflib.get_close_matches(clip_name(first), clips, 1, cutoff=0) or ["-"]
        raise InputError(
            f"{what} names none of the {len(clips)} clips of {where}: its first is {first!r}, the nearest clip is "
            f"{near[0]!r}. Give the table of these clips."
        )
    return {clip: table[name] for name, clip in known.items()}
