"""Where a store lies: a folder of this machine, or any other place that fsspec reaches, such as S3.

Nothing can be renamed in an object store, and nothing has to be: an object appears whole or not at all, and a shard
counts once its marker lies there. What is read elsewhere is copied here first, whole, and then read as any file is.
Credentials are the affair of those who read them from the environment and their own files; none is seen here.
"""

import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from platformdirs import user_cache_path

from echodfkd import files
from echodfkd.errors import EchodfkdError, InputError, MissingExtra, OutputError, one_line
from echodfkd.limits import limits

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 16
"""Requests that are under way together: each mostly waits for the network. By choice."""
SPARED, ABANDONED = 10, 24 * 3600
"""Seconds for which a copy just used stays, as somebody is about to open it, and one that is half-written or sent."""


class Unreachable(InputError):
    """A place that could not be asked: nothing is known of what lies there."""


class Place(ABC):
    """Files of plain names in one place. `str` of it is what users call it; it can be sent to other processes."""

    path: Path | None = None
    """The folder on this machine; None elsewhere."""
    stays = True
    """Whether what was read may be kept open: a copy must not be, or its bytes stay on disk when it makes room."""

    @abstractmethod
    def local(self, name: str) -> Path:
        """Where the file, as it is now, can be read on this machine; a path without a file where there is none."""

    @abstractmethod
    def near(self, name: str) -> Path:
        """The same, without a look whether somebody has changed it since: for what never changes, often read."""

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[Path]:
        """A path to write to; it becomes the file, all or nothing, when the block ends well.

        Raises OutputError where that cannot be.
        """

    @abstractmethod
    def names(self) -> list[str]:
        """The names of all files, in no order."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes the file where there is one."""

    @abstractmethod
    def prepare(self) -> None:
        """Makes the place where it has to be made. OutputError where it cannot be."""

    @abstractmethod
    def tidy(self) -> None:
        """Removes what a killed run left half-written."""

    def holding(self) -> AbstractContextManager[None]:
        """The place for this process alone, where places can be held."""
        return nullcontext()

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """What `function` makes of every item, in order; where each waits for a network, several at once."""
        return map(function, items)

    def at(self, name: str) -> str:
        """What a file is called in a message."""
        return f"{self}/{name}"

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self.local(name).is_file()

    def read_json(self, name: str) -> Any:
        """The value in a JSON file; InputError where it is missing or is not JSON."""
        path = self.local(name)
        try:
            return files.read_json(path)
        except InputError as error:  # nobody knows the copy's name
            raise InputError(str(error).replace(str(path), self.at(name))) from None

    def write_text(self, name: str, text: str) -> None:
        """`files.write_text` in this place."""
        with self.writing(name) as part:
            part.write_text(text, encoding="utf-8", errors="surrogateescape")

    def write_json(self, name: str, value: Any) -> None:
        """`files.write_json` in this place."""
        self.write_text(name, files.json_text(value))


class LocalPlace(Place):
    """A folder of this machine."""

    def __init__(self, path: Path):
        self.path: Path = path

    def __str__(self) -> str:
        return str(self.path)

    def local(self, name: str) -> Path:
        """The file itself."""
        return self.path / name

    near = local

    def at(self, name: str) -> str:
        """The file's path."""
        return str(self.path / name)

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """`files.writing`: beside, then renamed."""
        return files.writing(self.path / name)

    def names(self) -> list[str]:
        """What lies in the folder."""
        return [path.name for path in self.path.iterdir()]

    def remove(self, name: str) -> None:
        """Removes the file."""
        (self.path / name).unlink(missing_ok=True)

    def prepare(self) -> None:
        """Makes the folder."""
        files.make_folder(self.path)

    def tidy(self) -> None:
        """`files.remove_parts`."""
        files.remove_parts(self.path)

    def holding(self) -> AbstractContextManager[None]:
        """`files.holding`."""
        return files.holding(self.path)


class RemotePlace(Place):
    """A place that fsspec reaches: S3 by the extra `cloud`, others with what fsspec asks for.

    Copies of its files are kept in the user's cache folder, up to `limits().cache` bytes, those longest unused going
    first. Nobody can hold such a place: two commands that write there at once, of the same settings, write the same.
    """

    stays = False

    def __init__(self, address: str):
        self.address = address
        self._near: dict[str, Path] = {}
        self._unswept = inf

    def __str__(self) -> str:
        return self.address

    def local(self, name: str) -> Path:
        """A copy of the object, as it is now. Unreachable where it cannot be had."""
        failed = f"Cannot read {self.at(name)}"
        with self._reached(Unreachable, failed):
            system, root = _opened(self.address, os.getpid())
            try:
                copy = self._copy(name, system.ukey(f"{root}/{name}"))
            except FileNotFoundError as error:
                if "bucket does not exist" in str(error):  # s3fs tells it by the same error as a missing object
                    raise
                return self._copy(name, "nothing")
        if not _touched(copy):
            with files.writing(copy) as part, self._reached(Unreachable, failed):
                system.get_file(f"{root}/{name}", str(part))
            self._make_room(copy)
        return copy

    def near(self, name: str) -> Path:
        """The copy that this process had before, while it is kept."""
        copy = self._near.get(name)
        if copy is None or not _touched(copy):
            copy = self._near[name] = self.local(name)
        return copy

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A file of this machine, sent as one object when it is whole, and kept as its copy."""
        kept = _copies() / f".{Path(name).stem}.{uuid4().hex[:8]}.part{Path(name).suffix}"
        with files.writing(kept) as part:
            yield part
        try:
            with self._reached(OutputError, f"Cannot write {self.at(name)}"):
                system, root = _opened(self.address, os.getpid())
                system.put_file(str(kept), f"{root}/{name}")
                version = system.ukey(f"{root}/{name}")
            os.replace(kept, copy := self._copy(name, version))
        finally:
            kept.unlink(missing_ok=True)
        self._make_room(copy)

    def names(self) -> list[str]:
        """The objects directly in the place."""
        with self._reached(Unreachable, f"Cannot list {self}"), suppress(FileNotFoundError):
            system, root = _opened(self.address, os.getpid())
            return [path.rpartition("/")[2] for path in system.ls(root, detail=False)]
        return []

    def remove(self, name: str) -> None:
        """Removes the object."""
        with self._reached(OutputError, f"Cannot remove {self.at(name)}"), suppress(FileNotFoundError):
            system, root = _opened(self.address, os.getpid())
            system.rm_file(f"{root}/{name}")

    def prepare(self) -> None:
        """Nothing: there are no folders."""

    def tidy(self) -> None:
        """Nothing: an object is whole, or not there."""

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Several at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(function, items)

    def _copy(self, name: str, version: str) -> Path:
        """Where the copy of one version of an object lies, or would lie."""
        return _copies() / f"{sha256(f'{self.at(name)} {version}'.encode()).hexdigest()[:32]}-{name}"

    def _make_room(self, copy: Path) -> None:
        """Sees to the bound, at first and whenever new copies make a hundredth of it: a look at all takes a while."""
        self._unswept += copy.stat().st_size
        if self._unswept > limits().cache / 100:
            _sweep(copy.parent, limits().cache)
            self._unswept = 0

    @contextmanager
    def _reached(self, kind: type[EchodfkdError], failed: str) -> Iterator[None]:
        """Makes one of ours, in one line, of the errors that every file system has of its own."""
        try:
            yield
        except EchodfkdError:
            raise
        except Exception as error:
            told = one_line(error) or type(error).__name__
            raise kind(f"{failed}: {told}. Check address, endpoint, credentials and free space.") from None


def place_of(given: Place | Path | str) -> Place:
    """The place that a path or an address (`s3://bucket/clips`) means. InputError for an address with a password."""
    if isinstance(given, Place):
        return given
    address = re.fullmatch(r"([A-Za-z][\w+.-]+)://(.*)", given, re.DOTALL) if isinstance(given, str) else None
    if address is None:
        return LocalPlace(Path(given))
    scheme, rest = address.groups()
    if re.match(r"[^/]*:[^/]*@", rest) or "?" in rest:
        raise InputError(
            f"An address of a store holds no password and no key, got one of {scheme}:// with some. Leave them to the "
            "environment or to the configuration of what reaches it."
        )
    if scheme in ("http", "https"):
        raise InputError(f"A store is not read from {scheme}://, which does not tell when a file has changed: {given}.")
    if scheme in ("file", "local"):
        return LocalPlace(Path(rest))
    if not rest.strip("/"):
        raise InputError(f"An address of a store names a bucket, such as s3://bucket/clips, got {given}.")
    return RemotePlace(f"{scheme}://{rest.rstrip('/')}")


@lru_cache(maxsize=8)
def _opened(address: str, process: int) -> tuple[Any, str]:
    """The file system behind an address, anew for every process, and the place's name in there."""
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(address, use_listings_cache=False)  # others write there
    except ImportError as error:
        if address.startswith("s3") or (error.name or "").startswith("fsspec"):
            raise MissingExtra(address, "cloud") from None
        raise InputError(f"{address} cannot be reached: {one_line(error)}.") from None


def _copies() -> Path:
    """Where copies are kept: `echodfkd/stores` in the user's cache folder, by the system's own rule; nobody else's."""
    folder = user_cache_path("echodfkd", appauthor=False) / "stores"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _touched(copy: Path) -> bool:
    """Whether the copy is there; then it counts as just used."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def _sweep(folder: Path, bound: int) -> None:
    """Removes the copies longest unused until they fit in `bound` bytes, but for those in somebody's hands."""
    there, now = [], time.time()
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            there.append((entry.stat().st_mtime, entry.stat().st_size, Path(entry)))
    held = sum(size for _, size, _ in there)
    for used, size, path in sorted(there):
        if held <= bound:
            return
        spared = ABANDONED if files.is_part(path) else SPARED
        with suppress(FileNotFoundError):
            if now - used > spared and time.time() - path.stat().st_mtime > spared:  # nobody has taken it since
                path.unlink()
                held -= size
