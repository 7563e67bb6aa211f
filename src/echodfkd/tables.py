"""CSV tables: those of others, with the file and the line of whatever is wrong with them, and our own."""

import csv
import io
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import isfinite, nan
from pathlib import Path
from typing import Any, TypeVar

from echodfkd.errors import InputError
from echodfkd.names import clip_name

log = logging.getLogger(__name__)
Value = TypeVar("Value")
SEPARATORS = ",;\t|"
"""What may stand between the cells of others' tables, the likeliest first."""
BLANKS = {"", "-", "--", "?", "na", "n/a", "nan", "none", "null", "unknown", "#n/a", "#num!", "#value!", "#div/0!"}
"""What people and programs write into a cell of which nothing is known."""
HEADER_LINES, LONGEST_HEADER = 5, 100_000
"""Lines among which a table's header is, and the characters of each that are looked at for it."""


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows as CSV text under `columns`, None being the first row's; None and what a row lacks are empty cells."""
    listed, text = list(rows), io.StringIO()
    names = columns if columns is not None else list(listed[0]) if listed else []
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def header(path: Path, needed: Sequence[str] = (), also: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of a CSV file's columns; () where there is no such file or no text in it."""
    try:
        return tuple(next(_lines(path, needed, also), (0, []))[1])
    except (OSError, UnicodeError, csv.Error):
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
    path: Path,
    needed: Sequence[str] = (),
    also: Sequence[str] = (),
    *,
    hint: str = "",
    errors: str = "strict",
    spaces: bool = False,
) -> Iterator[tuple[int, dict[str, str]]]:
    """The same, without a word on rows with too few or too many cells; `check_cells` tells them.

    `hint` says how to get a file that is missing, `errors` what becomes of bytes that are not UTF-8, as for `open`;
    `spaces` keeps those around a cell. Cells are separated by the one of SEPARATORS that gives the columns `needed`;
    their case, and that of those `also` known, does not matter. Rows without anything in them are passed over.
    """
    try:
        lines = _lines(path, needed, also, errors, spaces)
        _, names = next(lines, (0, []))
        if twice := next((name for name in (*needed, *also) if names.count(name) > 1), ""):
            raise InputError(f"{path}, line 1: two columns are named {twice}. Remove the wrong one.")
        if lacking := [column for column in needed if column not in names]:
            told = f" It has {', '.join(names[:12])}." if names else ""
            raise InputError(f"{path}, line 1: there is no column {', '.join(lacking)}.{told}")
        for line, row in lines:
            cells: dict[Any, Any] = dict(zip_longest(names, row[: len(names)]))
            if any(map(str.strip, row[len(names) :])):
                cells[None] = row[len(names) :]  # as `csv.DictReader` has it
            yield line, cells
    except FileNotFoundError:
        raise InputError(f"No such file: {path}. {hint}".rstrip()) from None
    except (OSError, UnicodeError, csv.Error) as error:
        way = " Save it in UTF-8." if isinstance(error, UnicodeError) else ""
        raise InputError(f"{path} is not a readable CSV file: {error}.{way}") from None


def _lines(
    path: Path, needed: Sequence[str], also: Sequence[str] = (), errors: str = "strict", spaces: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of the rows with anything in them; the first is the header."""
    with open(path, newline="", encoding=_encoding(path), errors=errors) as file:
        separator = _separator([file.readline(LONGEST_HEADER) for _ in range(HEADER_LINES)], needed)
        file.seek(0)
        reader, head = csv.reader(file, delimiter=separator, skipinitialspace=not spaces), True
        for row in reader:
            if not any(map(str.strip, row)) or (head and row[0].lower().startswith("sep=")):
                continue
            if head:
                row, head = _columns(row, (*needed, *also)), False
            yield reader.line_num, row if spaces else list(map(str.strip, row))


def _encoding(path: Path) -> str:
    """How a table's text is kept: UTF-8 or UTF-16, with or without their byte-order mark. InputError for a workbook."""
    with open(path, "rb") as file:
        head = file.read(2)
    if head == b"PK":
        raise InputError(f"{path} is a workbook of Excel, or another archive. Save the table as CSV.")
    if head in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-8-sig" if b"\0" not in head else "utf-16-le" if head[1:] == b"\0" else "utf-16-be"


def _separator(lines: Iterable[str], needed: Sequence[str]) -> str:
    """The separator that gives the header the columns `needed`; the comma where none does."""
    for one in SEPARATORS:
        for row in csv.reader([line for line in lines if line.strip()], delimiter=one, skipinitialspace=True):
            if needed and set(needed) <= set(_columns(row, needed)):
                return one
    return SEPARATORS[0]


def _columns(row: Iterable[str], asked: Sequence[str]) -> list[str]:
    """The names of columns; those that are `asked` for are written as they are there, unless another is already."""
    names = [name.strip() for name in row]
    known = {name.casefold(): name for name in asked if name not in names}
    return [known.get(name.casefold(), name) for name in names]


def check_cells(cells: dict[str, str]) -> None:
    """ValueError where a row does not have a cell for each column, and no more."""
    if None in cells or None in cells.values():
        raise ValueError(f"it must have {len(cells) - (None in cells)} cells.")


def named_clip(cells: dict[str, str], line: int) -> str:
    """The clip that a row speaks of; the row's own place where it names none."""
    return clip_name(cells["FileName"] or "") or f"line {line}"


def by_clip(
    path: Path, needed: Sequence[str], value: Callable[[dict[str, str]], Value], *, hint: str = ""
) -> dict[str, Value]:
    """What a table tells of clips, by their names: the `value` of a row's cells, which has a column FileName.

    A row that names no clip, says other than an earlier one or makes `value` raise ValueError costs its clip, and a
    warning counts them. InputError where no other is left, or as `ragged`.
    """
    found: dict[str, Value] = {}
    odd: dict[str, str] = {}
    for line, cells in ragged(path, needed, hint=hint):
        name = named_clip(cells, line)
        try:
            if is_blank(cells["FileName"]):
                raise ValueError("every row needs a FileName.")
            told = value(cells)
            if found.setdefault(name, told) != told:
                raise ValueError(f"another row says otherwise of {name}.")
        except ValueError as error:
            odd.setdefault(name, f"line {line}: {error}")
    first = next(iter(odd.values()), "")
    if odd and odd.keys() >= found.keys():
        raise InputError(f"{path}, {first}")
    if odd:
        log.warning("%s: %d clips not used, the first in %s", path.name, len(odd), first)
    return {name: told for name, told in found.items() if name not in odd}


def is_blank(text: str | None) -> bool:
    """Whether a cell says that nothing is known: it is empty, or holds one of BLANKS."""
    return (text or "").strip().casefold() in BLANKS


def optional(cells: Mapping[str, str], column: str) -> float | None:
    """A cell's finite number; None where the cell is blank or the column is missing."""
    return None if is_blank(cells.get(column)) else number(cells, column)


def number(cells: Mapping[str, str], column: str) -> float:
    """A cell's finite number. ValueError says which cell is none."""
    found = parsed_number(cells[column])
    if found is None:
        raise ValueError(f"{column} is {cells[column]!r}, not a number.")
    return found


def parsed_number(text: str) -> float | None:
    """The finite number that a text is, with a point or one comma before its decimals; None for anything else."""
    text = text.strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        found = float(text) if text.isascii() and "_" not in text else nan
    except ValueError:
        return None
    return found if isfinite(found) else None


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
