"""Files that are never seen half-written: write beside, flush to disk, then rename."""

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import uuid4

import numpy as np
from filelock import FileLock, Timeout

from echodfkd.errors import InputError, OccupiedError, OutputError
from echodfkd.limits import limits, refusal

Record = TypeVar("Record")
_MAY_LACK = "may lack"
MAY_LACK = {_MAY_LACK: True}
"""Metadata of a dataclass's field that `plain` does not write where it is None."""


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed to `path` when the block ends well, removed when it does not.

    The temporary name keeps the suffix, so that writers which look at it (video, npz) choose the right format.
    Raises OutputError where the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        # Reading problems inside the block carry their own InputError; what is left here is about writing.
        raise _unwritable(path, error) from error
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)


@contextmanager
def filling(folder: Path, ours: Collection[str]) -> Iterator[Path]:
    """A temporary folder beside `folder` to fill; it takes the name and an older one's place when all went well.

    Only a folder that holds nothing but files named in `ours` is replaced: raises OccupiedError where there is anything
    else in it, OutputError where the disk is full or the parent cannot be written. What was there before then stays.
    """
    _check_ours(folder, ours)
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    older = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.old.part")
    try:
        part.mkdir(parents=True)
        yield part
        if folder.exists():
            os.rename(folder, older)
        os.rename(part, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    except OutputError as error:  # from `writing` in there; nobody knows the temporary name
        raise OutputError(str(error).replace(str(part), str(folder))) from error
    finally:
        for leftover in (part, older):
            _remove(leftover)


def _unwritable(path: Path, error: OSError) -> OutputError:
    """The refusal to be raised where writing `path` failed."""
    reason = error.strerror or f"no space left ({error})"  # NumPy raises without a number
    return OutputError(f"Cannot write {path}: {reason}. Free space or choose another folder.")


def _check_ours(folder: Path, ours: Collection[str]) -> None:
    """OccupiedError where `folder` is a file or holds anything that is not named in `ours`."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OccupiedError(f"Cannot write {folder}: a file of that name is in the way. Choose another folder.")
    if strange := sorted({path.name for path in folder.iterdir()} - set(ours)):
        raise OccupiedError(
            f"{folder} holds {strange[0]}, which would be lost: it is replaced as a whole. Choose another folder."
        )


def write_text(path: Path, text: str) -> None:
    """`text` as UTF-8 in `path`, all or nothing. File names that are not text come out as the bytes they are."""
    with writing(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file all or nothing."""
    with writing(path) as part:
        part.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON with sorted keys, all or nothing: equal values give equal bytes. NaN is refused."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """The text that `write_json` writes."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """A line `place: before -> now` for every leaf in which two nested tables, as JSON holds them, differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from differences(before.get(key), now.get(key), f"{place}.{key}" if place else key)
    elif before != now:
        yield f"{place}: {json.dumps(before)} -> {json.dumps(now)}"


def read_json(path: Path) -> Any:
    """The value in a JSON file; InputError where it is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"No such file: {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON: {error}") from None


def read_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an `.npz`, None being all; `names` that are not there are left out. Nothing is unpickled.

    InputError where they would take more memory than the limits allow, or are no arrays; what is wrong with a damaged
    archive is raised as it comes: zip, zlib and npy each fail in their own ways.
    """
    with zipfile.ZipFile(path) as packed:
        parts = [part for part in packed.infolist() if names is None or part.filename.removesuffix(".npy") in names]
        if (size := sum(part.file_size for part in parts)) > limits().memory:
            raise InputError(refusal(f"{path} takes", f"{size:,} bytes of memory", "memory"))
        found = {}
        for part in parts:
            with packed.open(part) as file:
                found[part.filename.removesuffix(".npy")] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def plain(value: Any) -> Any:
    """The value fit for JSON: Python's own numbers for NumPy's, None for what is not finite, all the way down.

    A dataclass becomes a dictionary of its fields, less those with MAY_LACK that are None.
    """
    if is_dataclass(value) and not isinstance(value, type):
        values = {one.name: (getattr(value, one.name), one.metadata.get(_MAY_LACK)) for one in fields(value)}
        return {name: plain(item) for name, (item, lacking) in values.items() if item is not None or not lacking}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def shaped(kind: type[Record], value: Any) -> Record:
    """The dataclass that `plain` made `value` of: its inverse, down through dictionaries and tuples.

    A number that is null where the field must hold one is NaN again. Keys that the dataclass does not know are passed
    over, so that a file of another version can be read.
    """
    found: Record = _shaped(kind, value)
    return found


def _shaped(kind: Any, value: Any) -> Any:
    """`shaped` for any annotation; what is no dataclass, dictionary, tuple or float stays as it is."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
        one = next(argument for argument in arguments if argument is not NoneType)
        return None if value is None else _shaped(one, value)
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        known = [one.name for one in fields(kind) if one.name in value]
        return kind(**{name: _shaped(hints[name], value[name]) for name in known})  # type: ignore[operator]
    if origin is dict and value is not None:
        return {key: _shaped(arguments[1], item) for key, item in value.items()}
    if origin is tuple and value is not None:
        return tuple(_shaped(arguments[0], item) for item in value)
    return float("nan") if kind is float and value is None else value


def is_plain_name(name: object) -> bool:
    """Whether `name` can be the name of a file in a folder, and leads nowhere else: no path, no dots alone, no NUL."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def paths(given: Path | str | Iterable[Path | str]) -> list[Path]:
    """One path or several, as text or not, as a list of paths."""
    return [Path(given)] if isinstance(given, str | Path) else [Path(one) for one in given]


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> Path:
    """`path` as an existing folder; OutputError where it cannot be one."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot make the folder {path}: {error.strerror}. Choose another --out.") from None
    return path


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """The folder for this process alone; made where it is missing.

    Raises OutputError where it cannot be written or another process holds it. The lock is the operating system's: a
    killed process holds nothing.
    """
    lock = FileLock(make_folder(folder) / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise OutputError(f"Another process works in {folder}. Wait for it, or choose another --out.") from None
    except OSError as error:
        raise OutputError(f"Cannot write in {folder}: {error.strerror}. Choose another --out.") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)  # while it is held: later it may be somebody else's
        lock.release()


def remove_parts(folder: Path) -> None:
    """Removes what an earlier, killed run left half-written directly in `folder`, and nothing of anybody else."""
    for part in folder.glob(".*.part*"):
        if is_part(part):
            _remove(part)


def is_part(path: Path) -> bool:
    """Whether a file or folder bears a name that things are half-written under."""
    return _PART.fullmatch(path.name) is not None


_PART = re.compile(r"\..+\.[0-9a-f]{8}\.(old\.)?part(\.[^.]+)?")
"""The names that `writing` and `filling` work under."""


def _remove(path: Path) -> None:
    """Removes a file, a link or a whole folder, where it is there and as far as that can be done."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
