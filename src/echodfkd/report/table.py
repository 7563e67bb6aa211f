"""Tables of clips as the stages leave them, read back for a page."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

from echodfkd.errors import InputError


def read_rows(path: Path, words: Collection[str] = ("name", "patient")) -> list[dict[str, Any]]:
    """The rows of a CSV: numbers as numbers, empty fields as None; the columns `words` are text whatever they hold."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [
                {key: text or None if key in words else _value(text) for key, text in row.items()}
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        raise InputError(f"No such file: {path}") from None


def _value(text: str) -> Any:
    try:
        return float(text) if text else None
    except ValueError:
        return text  # an image quality in words, reasons
