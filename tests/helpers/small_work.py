"""Work that other processes can find by name: a function of a test's own file they cannot."""

import logging
import os
import signal
import time
from pathlib import Path

from echodfkd.engine import threads
from echodfkd.errors import InputError, MissingExtra


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


def killed_once(folder: Path, number: int) -> int:
    """As where memory was short for a moment: the first process that meets a number that is a multiple of 3 dies."""
    place = folder / f"{number}.met"
    with place.open("a") as file:
        file.write("x")
    if number % 3 == 0 and place.stat().st_size == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def warned(number: int) -> int:
    logging.getLogger("echodfkd.small").warning("odd: %d", number)
    return number


def refused(number: int) -> int:
    raise MissingExtra(f"work {number}", "ray")


def slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
