"""Published weights that may not be shipped: fetched once, by address, and known by their checksum from then on.

A stopped download is taken up where it was. What the server sends is only joined to it if it says that its file is
still the same.
"""

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from platformdirs import user_data_path

from echodfkd.errors import InputError, OutputError
from echodfkd.files import holding, sha256, write_text

CHUNK = 1 << 20
"""Bytes held at once."""
OLDER = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
"""What a torch checkpoint begins with that is no zip archive yet (before version 1.6): a pickled number of its own."""
TIMEOUT = 30
"""Seconds without an answer after which a server counts as unreachable."""


@dataclass(frozen=True)
class Published:
    """Weights that somebody published, and where."""

    file: str
    """Its name on disk."""
    url: str
    sha256: str | None
    """Of the whole file. None where nobody here could compute it: then the first download decides, for this folder."""
    about: str
    """What it is, and under what terms it is published."""


PUBLISHED = {
    "echonet-deeplabv3": Published(
        "deeplabv3_resnet50_random.pt",
        # As its authors' notebook names it; the machine that this was written on could not reach it: see --url.
        "https://github.com/douyang/EchoNetDynamic/releases/download/v1.0.0/deeplabv3_resnet50_random.pt",
        None,
        "EchoNet-Dynamic's DeepLabv3, left ventricle. Trained on that data set: its authors' terms hold.",
    ),
}
"""All that `models fetch` knows, by name."""


def fetch(name: str, to: Path | None = None, url: str | None = None) -> Path:
    """The file of the published weights `name` in the folder `to` (default: `models_folder`), downloaded where missing.

    Beside it lies `<file>.sha256`, as `sha256sum -c` reads it. Raises InputError where the address cannot be reached,
    or gives other bytes than the checksum says or no checkpoint, OutputError where they cannot be written.
    """
    published, folder = _published(name), to or models_folder()
    path = folder / published.file
    with holding(folder):
        if not path.is_file():
            wanted = _wanted(published, folder)
            part = _download(url or published.url, folder / f".{published.file}.part")
            if not is_checkpoint(part):
                part.unlink()
                raise InputError(f"{url or published.url} gives no torch checkpoint (a web page?). It is not kept.")
            if (digest := sha256(part)) != (wanted := wanted or digest):
                part.unlink()
                raise InputError(
                    f"{url or published.url} gives a file with the SHA-256 {digest}, not {wanted}: it was changed or "
                    f"damaged, and is not kept. If you trust it, choose another --to, or remove {_record(path)}."
                )
            os.replace(part, path)
        check(path, _wanted(published, folder))
        if not _record(path).is_file():
            write_text(_record(path), f"{sha256(path)}  {published.file}\n")
    return path


def find_fetched(name: str) -> Path:
    """The fetched weights `name` in the user's folder, their checksum right; InputError where they were not fetched."""
    published, folder = _published(name), models_folder()
    path = folder / published.file
    if not path.is_file():
        raise InputError(f"{name} is not here: fetch it by `echodfkd models fetch {name}`, or give teacher.path.")
    check(path, _wanted(published, folder))
    return path


def check(path: Path, digest: str | None) -> None:
    """InputError where a file does not have the checksum, if there is one."""
    if digest is not None and sha256(path) != digest:
        raise InputError(
            f"{path} does not have the SHA-256 {digest}: it is damaged or altered. Remove it, and fetch it."
        )


def is_checkpoint(path: Path) -> bool:
    """Whether a file is laid out as torch saves one, of today or of before 1.6; nothing is unpickled."""
    with open(path, "rb") as file:
        if file.read(len(OLDER)) == OLDER:
            return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False


def models_folder() -> Path:
    """Where fetched weights lie: `echodfkd/models` in the user's data folder, by the system's own rule."""
    return user_data_path("echodfkd", appauthor=False) / "models"


def _published(name: str) -> Published:
    if name not in PUBLISHED:
        raise InputError(f"No published weights {name!r}; known are {', '.join(PUBLISHED)}.")
    return PUBLISHED[name]


def _record(path: Path) -> Path:
    """Where the checksum of a file's first download is kept."""
    return path.with_name(f"{path.name}.sha256")


def _wanted(published: Published, folder: Path) -> str | None:
    """The checksum that the file must have: the published one, or that of its first download, None before it.

    InputError where the record of that is none.
    """
    record = _record(folder / published.file)
    if published.sha256 is not None or not record.is_file():
        return published.sha256
    found = record.read_text(encoding="ascii", errors="replace").partition(" ")[0].strip()
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise InputError(f"{record} holds no SHA-256. Remove it; the file that is fetched next decides anew.")
    return found


def _download(url: str, part: Path) -> Path:
    """All bytes at `url` in the file `part`, which may hold the first of them already."""
    tag = part.with_name(f"{part.name}.tag")
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    # If-Range: the server leaves out what is here only if its file still has that tag.
    headers = {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="latin-1")} if have else {}
    with _answer(url, headers) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        _keep_tag(tag, answer.headers)
        got = _append(answer, part, have)
    if total is not None and got != total:
        raise InputError(f"{url} broke off after {got} of {total} bytes. The same command goes on from there.")
    tag.unlink(missing_ok=True)
    return part


def _keep_tag(tag: Path, headers: Any) -> None:
    """Notes what tells this version of the server's file from another; without one a download cannot be taken up."""
    version = headers.get("ETag", "")
    version = "" if version.startswith("W/") else version  # a weak tag promises no equal bytes
    version = version or headers.get("Last-Modified", "")
    tag.unlink(missing_ok=True)
    if version:
        write_text(tag, version)


def _append(answer: Any, part: Path, have: int) -> int:
    """Writes the answer behind the first `have` bytes of `part`; how many there are then."""
    try:
        with open(part, "r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            while chunk := answer.read(CHUNK):
                file.write(chunk)
            return file.tell()
    except (HTTPException, ConnectionError, TimeoutError):
        return part.stat().st_size
    except OSError as error:
        raise OutputError(f"Cannot write {part}: {error.strerror}. Free space or choose another --to.") from None


@contextmanager
def _answer(url: str, headers: dict[str, str]) -> Iterator[Any]:
    """The server's answer; InputError where there is none, or it is a refusal."""
    if not url.lower().startswith(("https://", "http://")):
        raise InputError(f"An address begins with https:// or http://, got {url}.")
    way_on = "Try later, give another address by --url, or put the file into your study by teacher.path."
    try:
        request = Request(url, headers={"User-Agent": "echodfkd", **headers})
        answer = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        raise InputError(f"{url} answers {error.code} {error.reason}. {way_on}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"{url} cannot be reached ({reason}): is there a network? {way_on}") from None
    with answer:
        yield answer
