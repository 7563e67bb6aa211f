"""Numbers as the report prints them: with the ends of their interval, and a dash for what was not measured."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from echodfkd.stats.intervals import Interval as Measured

Interval = Measured | Mapping[str, Any] | None  # a record, or the same as a file has it: value, low, high, n
NONE = "-"


def plain_number(value: float | None, digits: int) -> str:
    """A number as text; a dash where there is none."""
    return NONE if value is None or not isfinite(value) else f"{value:.{digits}f}"


def number(found: Interval, digits: int, scale: float = 1) -> str:
    """The value alone, as text."""
    value = _ends(found)[0]
    return plain_number(None if value is None else scale * value, digits)


def interval(found: Interval, digits: int) -> str:
    """The value with the ends of its interval, as text: `0.91 (0.90 to 0.92)`."""
    value, low, high = _ends(found)
    if plain_number(value, digits) == NONE or low is None or high is None:
        return plain_number(value, digits)
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def count(found: Interval) -> str:
    """The number of clips behind a value, as text."""
    return NONE if found is None else str(found["n"] if isinstance(found, Mapping) else found.n)


def _ends(found: Interval) -> tuple[float | None, float | None, float | None]:
    """Value, low and high of either form."""
    if found is None:
        return None, None, None
    if isinstance(found, Mapping):
        return found["value"], found.get("low"), found.get("high")
    return found.value, found.low, found.high
