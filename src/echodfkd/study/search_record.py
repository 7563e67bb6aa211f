"""What a search leaves: its trials, the best of them, what each dial explains. No Optuna."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

RECORD, BEST = "search.json", "best.toml"
"""What a search found, and the study file of the best trial."""


@dataclass(frozen=True)
class Trial:
    """What came of one trial: its dials by name; Dice on validation clips, and the loss there after every epoch."""

    number: int
    values: dict[str, Any]
    state: Literal["done", "pruned", "impossible"]
    dice: float | None = None
    threshold: float | None = None
    losses: tuple[float, ...] = ()
    reason: str = ""
    """Of an impossible one: how its dials contradict each other."""


@dataclass(frozen=True)
class SearchRecord:
    """What `search.json` holds: the study's name, dials and planned trials, the trials in order, and `best` by number.

    `importance` are shares by dial, empty where too few trials are done.
    """

    study: str
    seed: int
    dials: tuple[str, ...]
    planned: int
    trials: tuple[Trial, ...]
    best: int | None
    importance: dict[str, float]


def best(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the best Dice, the first of equals; None where none is done."""
    done = [one for one in trials if one.dice is not None]
    return max(done, key=lambda one: (one.dice or 0.0, -one.number), default=None)
