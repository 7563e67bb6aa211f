"""One piece of work wherever it runs: what came of it, and what the house had to say meanwhile."""

import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from echodfkd.errors import EchodfkdError

Item = TypeVar("Item")
Result = TypeVar("Result")

Line = tuple[str, int, str]
"""What was logged: the logger's name, the level, the message."""
Outcome = tuple[Result, tuple[Line, ...]]
"""What came of an item, and what was logged over it."""

AHEAD = 4
"""Items for each process that are sent before the first of them is done: none waits, and memory has a bound."""


@dataclass(frozen=True)
class Worked(Generic[Result]):
    """What came of an item elsewhere, as it is sent back: its result, or the error, and what was logged."""

    result: Result | None
    error: Exception | None
    lines: tuple[Line, ...]

    def outcome(self) -> Outcome[Result]:
        """The result and the lines. Raises the error where there was one."""
        if self.error is not None:
            tell(self.lines)
            raise self.error
        return self.result, self.lines  # type: ignore[return-value]


def worked(function: Callable[[Item], Result], item: Item) -> Worked[Result]:
    """What `function` makes of the item, here, with all that the package's loggers hear meanwhile."""
    log, heard = logging.getLogger("echodfkd"), _Heard()
    log.addHandler(heard)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        return Worked(function(item), None, tuple(heard.lines))
    except Exception as error:
        return Worked(None, _portable(error), tuple(heard.lines))
    finally:
        log.removeHandler(heard)


def _portable(error: Exception) -> Exception:
    """The error as it can be sent back; what is no user's to mend tells where it came from."""
    if not isinstance(error, EchodfkdError):
        error.add_note(f"Elsewhere: {traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
        return error
    except Exception:  # some errors of others cannot be made from what they say
        return RuntimeError(f"{type(error).__name__}: {error}")


def tell(lines: tuple[Line, ...]) -> None:
    """Logs here what was logged elsewhere."""
    for name, level, message in lines:
        logging.getLogger(name).log(level, "%s", message)


class _Heard(logging.Handler):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Notes one line."""
        self.lines.append((record.name, record.levelno, record.getMessage()))
