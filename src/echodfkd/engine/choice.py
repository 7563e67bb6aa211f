"""Where the work on many items runs: in processes of this machine, or on a Ray cluster; results are the same."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

from echodfkd.engine import on_ray, processes
from echodfkd.engine.machine import cores
from echodfkd.engine.work import Item, Outcome, Result, tell
from echodfkd.errors import InputError, OutputError


@dataclass(frozen=True)
class Engine:
    """Where clip-by-clip work runs. Whatever it is, results come in the same order and with the same bytes."""

    kind: Literal["processes", "ray"] = "processes"
    """In processes of this machine, or on the nodes of a Ray cluster, which see the same files at the same place."""
    processes: int | None = None
    """Of this machine; None: as many as processors, or fewer where there is too little to do for more."""
    address: str | None = None
    """Of the Ray cluster, as `ray.init` takes it; None: that of RAY_ADDRESS, or one started here."""

    def __post_init__(self) -> None:
        if self.kind not in ("processes", "ray"):
            raise InputError(f"An engine is processes or ray, got {self.kind!r}.")
        if self.kind != "ray" and self.address is not None:
            raise InputError(f"An address is that of a Ray cluster (--engine ray), got {self.address!r}.")
        if self.kind == "ray" and self.processes is not None:
            raise InputError(f"A Ray cluster has its own number of processes, got {self.processes} (--processes).")
        if self.processes is not None and self.processes < 1:
            raise InputError(f"Processes are 1 or more, got {self.processes} (--processes).")

    def in_order(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        worth: int | None = None,
        lost: Callable[[Item], Result] | None = None,
        named: Callable[[Item], str] = str,
    ) -> Iterator[Result]:
        """What `function` makes of every item, in their order; the first error is raised.

        But for one process, which is this one, function, items and results must pickle, and each process computes on
        one thread. `worth` is how many processes are worth starting where nobody chose; None: one for each item. An
        item whose process is ended from outside is tried once more; where that is ended as well, `lost` says what comes
        in its place. Without, OutputError says which it was, by `named`, and the same command goes on there.
        """
        for result, lines in self._outcomes(function, items, worth, lost or _named(named)):
            tell(lines)
            yield result

    def for_each(
        self,
        function: Callable[[Item], None],
        items: Sequence[Item],
        title: str,
        *,
        worth: int | None = None,
        named: Callable[[Item], str] | None = None,
    ) -> None:
        """Calls `function` with every item, as `in_order` does; one bar shows how far all of them are."""
        by_number = named or (lambda item: f"{title} {item}")
        for _ in progress(self.in_order(function, items, worth=worth, named=by_number), title, len(items)):
            pass

    def _outcomes(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        worth: int | None,
        lost: Callable[[Item], Result],
    ) -> Iterator[Outcome[Result]]:
        if self.kind == "ray" and items:
            return on_ray.outcomes(function, items, self.address, lost)
        number = self.processes or min(cores(), len(items) if worth is None else worth)
        if (number := min(number, len(items))) > 1:
            return processes.outcomes(function, items, number, lost)
        return ((function(item), ()) for item in items)


HERE = Engine()
"""Processes of this machine, as many as are worth starting."""


def _named(named: Callable[[Item], str]) -> Callable[[Item], NoReturn]:
    """What raises the error that says which item ended its process twice."""

    def lost(item: Item) -> NoReturn:
        raise OutputError(
            f"{named(item)}: the process that worked on it was ended from outside, twice (out of memory?). "
            "Free some; the same command goes on."
        )

    return lost


def progress(items: Iterable[Item], title: str, total: int | None = None) -> Iterator[Item]:
    """The items, one by one, with a bar on stderr that shows how far they are; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, title, total, console=Console(stderr=True), transient=True)
