"""What is known of every clip, and when it is forgotten: its folder bears a name of ours, and goes with it."""

import asyncio
import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from echodfkd.web.workers import Message, Pool, Task

STEP_S = 0.5
"""Seconds after which somebody whose clip waits hears how many wait before it."""


@dataclass(eq=False)
class Job:
    """One clip of one user. `number` is what it is known by, `label` what it is called in what is taken home."""

    number: str
    label: str
    folder: Path
    model: Path
    upload: Path | None = None
    lines: list[str] = field(default_factory=list)
    """All that was said of it, as JSON."""
    task: Task | None = None
    ended: str = ""
    """"done" or "failed", once it is."""
    frames: int = 0
    size: tuple[int, int] = (0, 0)
    touched: float = field(default_factory=time.monotonic)
    listeners: set[asyncio.Event] = field(default_factory=set)

    def hear(self, message: Message) -> None:
        """Takes in what was said of it, and wakes whoever listens; in the server's own thread."""
        if message["kind"] == "opened":
            self.size = message["height"], message["width"]
        self.frames = message.get("frames", self.frames)
        self.lines.append(json.dumps({key: value for key, value in message.items() if key != "fault"}))
        if message["kind"] in ("done", "failed"):
            self.ended, self.touched = message["kind"], time.monotonic()
        for listener in self.listeners:
            listener.set()

    async def told(self, place: Callable[[], int]) -> AsyncIterator[str]:
        """All that was and will be said of it, line by line; while it waits, also its `place` in the row."""
        news, said, stood = asyncio.Event(), 0, 0
        self.listeners.add(news)
        try:
            while True:
                news.clear()
                while said < len(self.lines):
                    yield self.lines[said] + "\n"
                    said += 1
                if self.ended:
                    return
                if (now := place()) != stood:
                    stood = now
                    yield json.dumps({"kind": "waiting", "place": now}) + "\n"
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), STEP_S)
        finally:
            self.listeners.discard(news)


class Jobs:
    """Every clip that is kept, by number, in folders below `root`."""

    def __init__(self, root: Path, pool: Pool, most: int, minutes: float):
        self._root, self._pool, self._most, self._seconds = root, pool, most, 60 * minutes
        self._known: dict[str, Job] = {}
        self._leaving: list[Job] = []

    def __len__(self) -> int:
        return len(self._known)

    @property
    def full(self) -> bool:
        """Whether no more clips can be kept."""
        return len(self._known) + len(self._leaving) >= self._most

    def new(self, label: str, model: Path) -> Job:
        """A clip of which nothing is known yet."""
        number = secrets.token_urlsafe(15)
        folder = self._root / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        job = self._known[number] = Job(number, label, folder, model)
        return job

    def get(self, number: str) -> Job | None:
        """The clip of that number; None where there is none."""
        job = self._known.get(number)
        if job is not None:
            job.touched = time.monotonic()
        return job

    def drop(self, job: Job) -> None:
        """Forgets a clip; its folder goes as soon as nobody works in it."""
        self._known.pop(job.number, None)
        if job.task is not None:
            self._pool.cancel(job.task)
        if not job.ended:
            job.hear({"kind": "failed", "words": "This clip was taken back."})
        self._leaving.append(job)
        self.sweep()

    def sweep(self) -> None:
        """Forgets the clips that nobody asked for in a while, and removes the folders of those that were forgotten."""
        now = time.monotonic()
        for job in [one for one in self._known.values() if one.ended and now - one.touched > self._seconds]:
            self.drop(job)
        for job in [one for one in self._leaving if one.task is None or one.task.over.is_set()]:
            self._leaving.remove(job)
            shutil.rmtree(job.folder, ignore_errors=True)
