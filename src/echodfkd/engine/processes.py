"""Work in processes of this machine, side by side, one thread each."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.synchronize import Event
from typing import Any

from echodfkd.engine.machine import take_one_thread
from echodfkd.engine.work import AHEAD, Item, Outcome, Result, Worked, worked
from echodfkd.errors import OutputError

WORKER_ENDED = "A worker process was ended from outside (out of memory?). Free some; the same command goes on."
NEVER_BEGAN = (
    "No worker process could begin. A script of your own must call this below `if __name__ == '__main__':`, as every "
    "worker reads the script anew; or let it work in one process."
)


def outcomes(
    function: Callable[[Item], Result], items: Sequence[Item], processes: int, lost: Callable[[Item], Result]
) -> Iterator[Outcome[Result]]:
    """What came of every item, in their order, from that many processes.

    Each process is sent the function once. They end with this one, even when it is killed, and when nobody asks for
    more. Where one was ended from outside, nobody knows which item it was: what was under way is done one by one in a
    process alone. `lost` says what comes in place of an item that ends two of those, or raises. OutputError where no
    process can begin.
    """
    done, alone, ended = 0, False, 0
    while done < len(items):
        ahead = AHEAD * processes
        these = (items[done : done + ahead], 1, 1) if alone else (items[done:], processes, ahead)
        try:
            for outcome in _side_by_side(function, *these):
                yield outcome
                done, ended = done + 1, 0
            alone = False
        except BrokenProcessPool:
            ended += alone
            alone = True
            if ended == 2:
                yield lost(items[done]), ()
                done, ended = done + 1, 0


def alone(function: Callable[[Item], Result], item: Item) -> Result:
    """What `function` makes of the item in a fresh process, on one thread. OutputError where that was ended."""
    try:
        return next(_side_by_side(function, [item], 1, 1))[0]
    except BrokenProcessPool:
        raise OutputError(WORKER_ENDED) from None


def _side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], processes: int, ahead: int
) -> Iterator[Outcome[Result]]:
    """Outcomes in order out of a pool of processes, which never outlives the generator; `ahead` items are sent."""
    others = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")  # a forked copy of a process with threads can hang
    began = spawn.Event()
    first = (os.getpid(), function, began)
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin_with, initargs=first) as pool:
        try:
            coming, left = deque[Future[Worked[Result]]](), iter(items)
            _send(pool, coming, islice(left, ahead))
            while coming:
                yield coming.popleft().result().outcome()  # before more is sent: a broken pool refuses that
                _send(pool, coming, islice(left, 1))
        except (KeyboardInterrupt, GeneratorExit):  # what they had begun is begun anew next time
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        except BrokenProcessPool:
            if not began.is_set():
                raise OutputError(NEVER_BEGAN) from None
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _send(pool: ProcessPoolExecutor, coming: deque[Future[Worked[Any]]], items: Iterator[Any]) -> None:
    """Sends items to the pool, which starts its processes as they are needed."""
    with block_interrupts():
        coming.extend(pool.submit(_work_on, item) for item in items)


_FUNCTION: list[Callable[[Any], Any]] = []
"""In a worker: what it does with every item."""


def _begin_with(parent: int, function: Callable[[Any], Any], began: Event) -> None:
    began.set()
    begin(parent)
    _FUNCTION[:] = [function]


def _work_on(item: Any) -> Worked[Any]:
    return worked(_FUNCTION[0], item)


@contextmanager
def block_interrupts() -> Iterator[None]:
    """Processes started in here never hear Ctrl-C: this one does, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(parent: int) -> None:
    """Makes a worker, which calls this first, compute on one thread and end with the process `parent`."""
    take_one_thread()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
