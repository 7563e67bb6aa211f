"""Work that other processes can find by name: a function of a test's own file they cannot."""

import os
import signal
from pathlib import Path

from echodfkd.engine import threads
from echodfkd.errors import InputError


def note(folder: Path, name: str) -> None:
    if name == "bad":
        raise InputError("bad")
    (folder / name).write_text(str(os.getpid()))


def squared(number: int) -> int:
    if number < 0:  # as a decoder does that meets what it cannot bear
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def threads_of(_: object) -> int:
    return threads()
