"""Work on the nodes of a Ray cluster, one thread each. Needs the extra `ray`."""

import logging
import os
import pickle
import re
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic
from uuid import uuid4

from echodfkd import __version__
from echodfkd.engine.machine import take_one_thread
from echodfkd.engine.work import AHEAD, Item, Outcome, Result, Worked, worked
from echodfkd.errors import InputError, MissingExtra, OutputError

NODES = 20
"""Nodes that may die under one item before it is taken for what kills them. By choice."""


def outcomes(
    function: Callable[[Item], Result], items: Sequence[Item], address: str | None, lost: Callable[[Item], Result]
) -> Iterator[Outcome[Result]]:
    """What came of every item, in their order, from the cluster at `address`.

    An item whose node dies goes to another one. Where its own process was ended, by its memory or else, it is tried
    once more; then `lost` says what comes in its place, or raises. Whatever is still under way when nobody asks for
    more is called off. MissingExtra without Ray, InputError where no cluster answers.
    """
    _connect(address)
    sent = _Sent(function, items)
    try:
        for number in range(len(items)):
            while number not in sent.done:
                sent.fill(number)
                sent.hear(lost)
            yield sent.done.pop(number)
    finally:
        sent.call_off()


@dataclass
class _Sent(Generic[Item, Result]):
    """What is under way on the cluster, and what is done but not asked for yet."""

    function: Callable[[Item], Result]
    items: Sequence[Item]
    done: dict[int, Outcome[Result]] = field(default_factory=dict)
    _under_way: dict[Any, int] = field(default_factory=dict)
    _next: int = 0
    _ended: Counter[int] = field(default_factory=Counter)
    _nodes: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        import ray

        # Ray's own way to try again knows no bound for memory, and does not say which item it was.
        self._call = ray.remote(num_cpus=1, max_retries=0)(_work_on)
        self._order = ray.put(_Order(uuid4().hex, pickle.dumps(self.function), str(Path.cwd()), tuple(sys.path)))

    def fill(self, number: int) -> None:
        """Sends items, so many for each processor of the cluster, counted from the first that is not done."""
        import ray

        ahead = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while self._next < min(len(self.items), number + ahead):
            self._send(self._next)
            self._next += 1

    def hear(self, lost: Callable[[Item], Result]) -> None:
        """Waits until something is done or has died, and notes it or sends it again."""
        import ray

        [ready], _ = ray.wait(list(self._under_way))
        number = self._under_way.pop(ready)
        try:
            found: Worked[Result] = ray.get(ready)
            self.done[number] = found.outcome()
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
            self._ended[number] += 1
            self._again_or(number, self._ended[number] < 2, lost)
        except (ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError, ray.exceptions.LocalRayletDiedError):
            self._nodes[number] += 1
            self._again_or(number, self._nodes[number] < NODES, lost)
        except ray.exceptions.RayError as error:
            told = str(error).strip().splitlines()[-1]
            raise OutputError(f"The Ray cluster could not do the work: {told} Every node needs this package.") from None

    def call_off(self) -> None:
        """Ends what is under way."""
        import ray

        for one in self._under_way:
            with suppress(Exception):  # it may be done by now, or the cluster gone
                ray.cancel(one, force=True)

    def _send(self, number: int) -> None:
        self._under_way[self._call.remote(self._order, self.items[number])] = number

    def _again_or(self, number: int, again: bool, lost: Callable[[Item], Result]) -> None:
        if again:
            self._send(number)
        else:
            self.done[number] = lost(self.items[number]), ()


@dataclass(frozen=True)
class _Order:
    """What a node is asked to do with items: the function, where this command stands and looks for modules."""

    call: str
    function: bytes
    folder: str
    path: tuple[str, ...]
    version: str = __version__


_FUNCTION: dict[str, Callable[[Any], Any]] = {}
"""In a worker: the function of the last order, unpickled once, with whatever it keeps from item to item."""


def _work_on(order: _Order, item: Any) -> Worked[Any]:
    """On a node: what came of the item. Paths mean there what they mean here."""
    take_one_thread()
    if order.version != __version__:
        return _refused(f"A node of the Ray cluster has echodfkd {__version__}, this command is {order.version}.")
    if not Path(order.folder).is_dir():
        return _refused(f"A node of the Ray cluster has no folder {order.folder}: all must see the same files there.")
    if order.call not in _FUNCTION:
        os.chdir(order.folder)
        sys.path += [place for place in order.path if place not in sys.path]
        _FUNCTION.clear()
        _FUNCTION[order.call] = pickle.loads(order.function)  # noqa: S301  (the command's own)
    return worked(_FUNCTION[order.call], item)


def _refused(told: str) -> Worked[Any]:
    return Worked(None, OutputError(told), ())


def _connect(address: str | None) -> None:
    """Joins the cluster, unless this process is in one. Without address that of RAY_ADDRESS, or one of its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what runs here
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingExtra("--engine ray", "ray") from None
    if ray.is_initialized():
        return
    try:
        if address is not None and re.fullmatch(r"[^/]+:\d+", address):  # Ray itself waits for a minute
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        told = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"No Ray cluster answers at {address or 'RAY_ADDRESS'}: {told}") from None
