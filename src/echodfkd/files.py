"""Files that are never seen half-written: write beside, flush to disk, then rename."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from echodfkd.errors import InputError, OutputError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed to `path` when the block ends well, removed when it does not.

    The temporary name keeps the suffix, so that writers which look at it (video, npz) choose the right format.
    Raises OutputError where the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        # Reading problems inside the block carry their own InputError; what is left here is about writing.
        raise _unwritable(path, error) from error
    finally:
        if beside.parent.is_dir():
            beside.unlink(missing_ok=True)


@contextmanager
def filling(folder: Path, ours: Collection[str]) -> Iterator[Path]:
    """A temporary folder beside `folder` to fill; it takes the name and an older one's place when all went well.

    Only a folder that holds nothing but files named in `ours` is replaced: raises OutputError where there is anything
    else in it, where the disk is full or the parent cannot be written. What was there before then stays.
    """
    _check_ours(folder, ours)
    beside = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    older = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.old.part")
    try:
        beside.mkdir(parents=True)
        yield beside
        if folder.exists():
            os.rename(folder, older)
        os.rename(beside, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        for leftover in (beside, older):
            shutil.rmtree(leftover, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> OutputError:
    """The refusal to be raised where writing `path` failed."""
    return OutputError(f"Cannot write {path}: {error.strerror or error}. Free space or choose another folder.")


def _check_ours(folder: Path, ours: Collection[str]) -> None:
    """OutputError where `folder` is a file or holds anything that is not named in `ours`."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"Cannot write {folder}: a file of that name is in the way. Choose another folder.")
    if strange := sorted({path.name for path in folder.iterdir()} - set(ours)):
        raise OutputError(
            f"{folder} holds {strange[0]}, which would be lost: it is replaced as a whole. Choose another folder."
        )


def write_text(path: Path, text: str) -> None:
    """`text` as UTF-8 in `path`, all or nothing."""
    with writing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON with sorted keys, all or nothing: equal values give equal bytes. NaN is refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; InputError where it is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"No such file: {path}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON: {error}") from None


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


def remove_parts(folder: Path) -> None:
    """Removes what an earlier, killed run left half-written directly in `folder`."""
    for part in folder.glob(".*.part*"):
        shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
