"""Processes that work for the server: one that dies, or takes too long, costs the clip that it was given.

A thread of the server minds each process: it hands it one task after another, passes on what it says, and kills it at
the end of its time. The processes end with the server, even when that is killed.
"""

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from echodfkd.engine import block_interrupts

Message = dict[str, Any]
Begin = Callable[[Connection, int], None]
"""What a process runs: it gets its end of a pipe, and the number of the process that it must not outlive."""
ENDED = "This clip ended the process that worked on it. The others go on."
GONE = "stopped"
AGAIN_S = 0.5
"""Seconds after which a process that could not be started is tried again."""


@dataclass(eq=False)
class Task:
    """One piece of work: the name of a function of `work`, what it is given, and who hears what it says.

    The last message has the kind "done" or "failed"; it comes from a thread of the pool.
    """

    name: str
    given: Mapping[str, Any]
    hear: Callable[[Message], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    """Set once no process works on it any more, nor will."""


class Pool:
    """Some processes and the tasks that wait for them, first come first served."""

    def __init__(self, count: int, seconds: float, begin: Begin):
        self._seconds, self._begin = seconds, begin
        self._waiting: deque[Task] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._mind, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def put(self, task: Task) -> None:
        """Lets the task wait for a process."""
        with self._changed:
            self._waiting.append(task)
            self._changed.notify()

    def place(self, task: Task) -> int:
        """How many come before it, itself included; 0 once it is being worked on."""
        with self._changed:
            return self._waiting.index(task) + 1 if task in self._waiting else 0

    def cancel(self, task: Task) -> None:
        """Lets the task not begin, or ends the process that works on it, soon."""
        task.cancelled.set()
        with self._changed:
            if task in self._waiting:
                self._waiting.remove(task)
                task.over.set()

    def waiting(self) -> int:
        """How many tasks wait."""
        with self._changed:
            return len(self._waiting)

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _next(self, patience: float) -> Task | None:
        """The next task; None where none came in that many seconds, or all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, patience)
            return self._waiting.popleft() if self._waiting and not self._closed else None

    def _mind(self) -> None:
        """What a thread does: minds one process, and the next where that has ended."""
        process: _Process | None = None
        while not self._closed:
            try:
                process = process or _Process(self._begin)
            except OSError:  # no memory or no number for another process, for now
                time.sleep(AGAIN_S)
                continue
            if (task := self._next(0.5)) is None:
                process = process if process.alive else None
                continue
            if not self._done(process, task):
                process.kill()
                process = None
            task.over.set()
        if process is not None:
            process.kill()

    def _done(self, process: "_Process", task: Task) -> bool:
        """Whether the process came through the task alive."""
        end = time.monotonic() + self._seconds
        try:
            process.pipe.send((task.name, dict(task.given)))
            while not (task.cancelled.is_set() or self._closed):
                left = end - time.monotonic()
                if left <= 0:
                    words = f"This clip took longer than {self._seconds:g} seconds and was stopped."
                    task.hear({"kind": "failed", "words": words})
                    return False
                if process.pipe.poll(min(left, 0.2)):
                    message = process.pipe.recv()
                    task.hear(message)
                    if message["kind"] in ("done", "failed"):
                        return True
            task.hear({"kind": "failed", "words": GONE})
        except (EOFError, OSError):
            task.hear({"kind": "failed", "words": ENDED})
        return False


class _Process:
    """A process and our end of the pipe to it."""

    def __init__(self, begin: Begin):
        spawn = multiprocessing.get_context("spawn")  # a forked copy of a process with threads can hang
        self.pipe, theirs = spawn.Pipe()
        self._process: BaseProcess = spawn.Process(target=begin, args=(theirs, os.getpid()), daemon=True)
        with block_interrupts():
            self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()
