"""What a search may set a study's dials to, and the study with its dials set. No torch, no Optuna."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from echodfkd.errors import StudyError

Value = bool | int | float | str
"""What a dial is set to."""


@dataclass(frozen=True)
class Dial:
    """What one dial may be set to: one of `choices`, or a number from `low` to `high`, both included."""

    low: int | float | None = None
    high: int | float | None = None
    """Whole where both are and the dial holds whole numbers."""
    log: bool = False
    """Whether numbers are drawn evenly in logarithms."""
    step: int | float | None = None
    """Between the numbers that are tried, from `low` on; none: 1 of whole numbers, any of others."""
    choices: tuple[Value, ...] = ()
    also: tuple[str, ...] = ()
    """Other dials of the study that are set to the same."""

    def __post_init__(self) -> None:
        ends = (self.low, self.high)
        if bool(self.choices) == (ends != (None, None)) or (None in ends and not self.choices):
            raise StudyError(f"A dial to search has choices, or low and high, got {_told(self)}.")
        if self.choices and (self.log or self.step is not None or len(set(self.choices)) < len(self.choices)):
            raise StudyError(f"Choices differ and have no log and no step, got {_told(self)}.")
        if self.low is not None and self.high is not None:
            if not self.low < self.high or (self.log and self.low <= 0):
                raise StudyError(f"low lies below high, and above 0 with log, got {_told(self)}.")
            if self.step is not None and (self.log or not 0 < self.step <= self.high - self.low):
                raise StudyError(f"A step is above 0, within the range and without log, got {_told(self)}.")

    @property
    def grid(self) -> tuple[Value, ...]:
        """All that it may be set to; StudyError where that has no end."""
        if self.choices:
            return self.choices
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if self.log or (self.step is None and not whole) or self.low is None or self.high is None:
            raise StudyError(f"A grid needs choices, whole numbers or a step, got {_told(self)}.")
        step = self.step or 1
        return tuple(self.low + step * k for k in range(int((self.high - self.low) / step + 1e-9) + 1))


@dataclass(frozen=True)
class Search:
    """A search for the dials with the best Dice on validation clips: each trial teaches one student."""

    dials: dict[str, Dial] = field(hash=False)
    """What may be set, by the dial's dotted name in the study: `training.learning_rate`."""
    trials: int = 24
    """Students taught; more continue a search that is done. Of a grid no more than it has."""
    beside: int = 4
    """Trials of a round. They are drawn from what earlier rounds found, so they can be taught side by side."""
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """How dials are drawn: Optuna's tree-structured Parzen estimator, at random, or every combination in turn."""
    startup: int = 8
    """Trials that `tpe` draws at random before it looks at what was found."""
    prune: bool = True
    """Whether a trial ends whose validation loss is worse than the median of earlier ones with the same loss."""
    warm_up: int = 2
    """Epochs before a trial may be ended so."""

    def __post_init__(self) -> None:
        if not self.dials:
            raise StudyError("A search needs dials: [search.dials], a line for each.")
        for name in ("trials", "beside"):
            if getattr(self, name) < 1:
                raise StudyError(f"search.{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("startup", "warm_up"):
            if getattr(self, name) < 0:
                raise StudyError(f"search.{name} must be 0 or more, got {getattr(self, name)}.")
        if self.sampler == "grid":
            _ = [dial.grid for dial in self.dials.values()]

    @property
    def total(self) -> int:
        """How many trials there are."""
        return min(self.trials, len(self.combinations)) if self.sampler == "grid" else self.trials

    @property
    def combinations(self) -> list[dict[str, Value]]:
        """Every combination of a grid, in order; the last dial changes first."""
        every = product(*(dial.grid for dial in self.dials.values()))
        return [dict(zip(self.dials, values, strict=True)) for values in every]

    def faults(self, table: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with the dials' names in a study's table: every one must lead to a value of it."""
        known = dict(leaves(table))
        for name, dial in self.dials.items():
            for one in (name, *dial.also):
                if one not in known:
                    near = difflib.get_close_matches(one, known, n=1)
                    yield f"search.dials has {one}, which is no dial of this study" + (
                        f", did you mean {near[0]}?" if near else ""
                    )
        every = [one for name, dial in self.dials.items() for one in (name, *dial.also)]
        if twice := sorted({one for one in every if every.count(one) > 1}):
            yield f"search.dials sets {', '.join(twice)} more than once"


def leaves(table: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested tables that is no table or list, by its dotted name; not the search's own, nor the name."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{place}{key}.")
        elif not isinstance(value, list | tuple) and f"{place}{key}" not in ("name", "search", "sizes"):
            yield f"{place}{key}", value


def set_in(table: dict[str, Any], name: str, value: Any) -> None:
    """Sets the value with that dotted name in nested tables."""
    *above, last = name.split(".")
    for key in above:
        table = table[key]
    table[last] = value


def _told(dial: Dial) -> str:
    """The dial as it is told in a refusal: what was said of it."""
    said = {key: value for key, value in vars(dial).items() if value not in (None, (), False)}
    return ", ".join(f"{key} = {value}" for key, value in said.items()) or "nothing"
