"""Numbers as the report prints them: with the ends of their interval, and a dash for what was not measured."""

from collections.abc import Mapping
from typing import Any

Interval = Mapping[str, Any] | None  # value, low, high, n as in scores.json
NONE = "-"


def number(found: Interval, digits: int, scale: float = 1) -> str:
    """The value alone, as text."""
    return NONE if found is None or found["value"] is None else f"{scale * found['value']:.{digits}f}"


def interval(found: Interval, digits: int) -> str:
    """The value with the ends of its interval, as text: `0.91 (0.90 to 0.92)`."""
    if found is None or found["value"] is None or found["low"] is None:
        return number(found, digits)
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def count(found: Interval) -> str:
    """The number of clips behind a value, as text."""
    return NONE if found is None else str(found["n"])
