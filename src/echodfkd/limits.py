"""How much a file may ask of the machine before it is refused: bombs and nonsense headers cost no more than this.

The defaults hold every echocardiogram by far. ECHODFKD_LIMITS in the environment sets others:
`ECHODFKD_LIMITS="frames=500000 memory=16e9"`.
"""

import os
from dataclasses import dataclass, fields
from functools import lru_cache

from echodfkd.errors import InputError

VARIABLE = "ECHODFKD_LIMITS"


@dataclass(frozen=True)
class Limits:
    """Dials of every reader. By choice."""

    frames: int = 100_000
    """Of one clip: half an hour at 50 per second."""
    pixels: int = 1 << 24
    """Of one frame: 4096 x 4096."""
    seconds: int = 60
    """That a decoder may take for one frame, or for a header."""
    memory: int = 4 << 30
    """Bytes of what is read as a whole: a clip in memory, a volume, an array."""
    cache: int = 50 << 30
    """Bytes of copies that are kept of stores that lie elsewhere; more make room, and are never refused."""

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) >= 1:
                raise InputError(f"Limits must be at least 1, got {one.name} = {getattr(self, one.name)}.")


def limits() -> Limits:
    """The limits in force; InputError where ECHODFKD_LIMITS is no list of `name=number`."""
    return _parsed(os.environ.get(VARIABLE, ""))


def refusal(what: str, asked: str, dial: str) -> str:
    """The line that refuses what goes beyond a dial, and says how to allow it."""
    return f"{what} {asked}. If that is right, set {VARIABLE}='{dial}=...' higher."


@lru_cache(maxsize=8)
def _parsed(text: str) -> Limits:
    names = {one.name for one in fields(Limits)}
    try:
        given = {name: int(float(value)) for name, value in (part.split("=") for part in text.split())}
    except (ValueError, OverflowError):
        given = {"": 0}
    if given.keys() - names:
        known = ", ".join(sorted(names))
        raise InputError(f"{VARIABLE} must be such as 'frames=200000 memory=8e9', of {known}, got {text!r}.")
    return Limits(**given)
