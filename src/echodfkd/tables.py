"""CSV tables: those of others, with the file and the line of whatever is wrong with them, and our own."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from echodfkd.errors import InputError


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows as CSV text under `columns`, None being the first row's; None and what a row lacks are empty cells."""
    listed, text = list(rows), io.StringIO()
    names = columns if columns is not None else list(listed[0]) if listed else []
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def header(path: Path) -> tuple[str, ...]:
    """The names of a CSV file's columns; () where there is no such file or no text in it."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return tuple(next(csv.reader(file, skipinitialspace=True), ()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()


def rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers. InputError where the file, a column or a cell is missing."""
    for line, cells in ragged(path, needed):
        try:
            check_cells(cells)
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
        yield line, cells


def ragged(
    path: Path, needed: Sequence[str] = (), *, hint: str = "", errors: str = "strict", spaces: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """The same, without a word on rows with too few or too many cells; `check_cells` tells them.

    `hint` says how to get a file that is missing, `errors` what becomes of bytes that are not UTF-8, as for `open`;
    `spaces` keeps those at the start of a cell.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig", errors=errors) as file:
            reader = csv.DictReader(file, skipinitialspace=not spaces)
            lacking = [column for column in needed if column not in (reader.fieldnames or ())]
            if lacking:
                raise InputError(f"{path}, line 1: there is no column {', '.join(lacking)}.")
            for cells in reader:
                yield reader.line_num, cells
    except FileNotFoundError:
        raise InputError(f"No such file: {path}. {hint}".rstrip()) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file: {error}.") from None


def check_cells(cells: dict[str, str]) -> None:
    """ValueError where a row does not have a cell for each column, and no more."""
    if None in cells or None in cells.values():
        raise ValueError(f"it must have {len(cells) - (None in cells)} cells.")


def clip_name(cells: dict[str, str], line: int) -> str:
    """The clip that a row speaks of, without the suffix of its film; the row's own place where it names none."""
    return (cells["FileName"] or f"line {line}").removesuffix(".avi")


def optional(cells: dict[str, str], column: str) -> float | None:
    """A cell's finite number; None where the cell is empty or the column is missing."""
    return number(cells, column) if cells.get(column, "").strip() else None


def number(cells: dict[str, str], column: str) -> float:
    """A cell's finite number. ValueError says which cell is none."""
    try:
        found = float(cells[column])
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise ValueError(f"{column} is {cells[column]!r}, not a number.")
    return found


def read_rows(path: Path, words: Collection[str] = ("name", "patient")) -> list[dict[str, Any]]:
    """The rows of a CSV: numbers as numbers, empty fields as None; the columns `words` are text whatever they hold."""
    return [
        {key: text or None if key in words else _value(text) for key, text in row.items()}
        for _, row in ragged(path, spaces=True)
    ]


def _value(text: str) -> Any:
    try:
        return float(text) if text else None
    except ValueError:
        return text  # an image quality in words, reasons
