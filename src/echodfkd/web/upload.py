"""A file as it comes in: written under a name of ours, by its content, and no larger than it may be."""

import asyncio
from contextlib import suppress
from pathlib import Path

from fastapi import Request
from starlette.requests import ClientDisconnect

from echodfkd.file_kinds import KINDS
from echodfkd.video.container import suffix_of

IDLE_S = 30.0
"""Seconds without a byte after which an upload is given up."""
HEAD = 1024
"""Bytes by which a file's kind is told."""


class Refused(Exception):
    """What is answered in place of what was asked for: a status, words, and where it helps seconds to `wait`."""

    def __init__(self, status: int, words: str, wait: int = 0):
        super().__init__(words)
        self.status, self.words = status, words
        self.headers = {"Retry-After": str(wait)} if wait else {}


DRAINED = 64 * 2**20
"""Bytes of a refused file that are read all the same: a browser hears an answer only once it has said its say."""


async def drained(request: Request) -> None:
    """Reads what is left of a request, up to DRAINED bytes, and keeps nothing of it."""
    left = DRAINED
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # it is read already, or nobody is there
        async with asyncio.timeout(IDLE_S):
            async for content in request.stream():
                left -= len(content)
                if left < 0:
                    return


async def taken(request: Request, folder: Path, most: int) -> Path:
    """The file in the body of a request, in `folder`; Refused where it is none that we read, or over `most` bytes."""
    too_large = Refused(413, f"This file is too large: this server takes up to {most // 10**6} MB.")
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise too_large
    part, size = folder / "upload.part", 0
    with open(part, "wb") as file:
        parts = aiter(request.stream())
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    content = await anext(parts)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise Refused(408, "Nothing came in for a while.") from None
            size += len(content)
            if size > most:
                raise too_large
            file.write(content)
    with open(part, "rb") as file:
        suffix = suffix_of(file.read(HEAD))
    if suffix is None:
        raise Refused(415, f"This is no film or picture that is read here: {', '.join(kind.name for kind in KINDS)}.")
    return part.rename(folder / f"upload{suffix}")
