"""Work that other processes can find by name: a function of a test's own file they cannot."""

import os
from pathlib import Path

from echodfkd.errors import InputError


def note(folder: Path, name: str) -> None:
    if name == "bad":
        raise InputError("bad")
    (folder / name).write_text(str(os.getpid()))
