"""Every metric of a clip, declared once: its name, words, unit and digits, and what scores and pages do with it.

A new metric is one line of METRICS and one of docs/reference/formats.md. Scorecard, comparison of two models, page and
terminal read this table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from echodfkd.scores.records import Scorecard
from echodfkd.stats.intervals import Interval

Row = Mapping[str, Any]
"""One clip's row of `clip_row.score_clip`, or of `clips.csv`: a number, a word or None by column."""


@dataclass(frozen=True)
class Metric:
    """A number of every clip: `of` takes it from the clip's row, None where there is none.

    `key` is its name on disk. `place` is where a scorecard has its mean (dotted; without one under `more`), `baseline`
    the name of what never looks at an image, and the place of its score. `compared` says that two models are compared
    by it, `in_terminal` that a terminal shows it.
    """

    key: str
    words: str
    unit: str
    digits: int
    higher_is_better: bool
    of: Callable[[Row], float | None]
    place: str = ""
    baseline: tuple[str, str] | None = None
    compared: bool = True
    in_terminal: bool = True

    @property
    def label(self) -> str:
        """Words and unit."""
        return f"{self.words}, {self.unit}" if self.unit else self.words

    def found(self, scores: Scorecard) -> Interval | None:
        """Its mean over the clips of a scorecard."""
        return at(scores, self.place or f"more.{self.key}")

    def baselines(self, scores: Scorecard) -> dict[str, Interval]:
        """The score of what never looks at an image, by name; empty where it is not known."""
        found = None if self.baseline is None else at(scores, self.baseline[1])
        return {} if found is None or self.baseline is None else {self.baseline[0]: found}


def at(scores: Scorecard, place: str) -> Interval | None:
    """The score at a dotted place; None where it is not there."""
    found: Any = scores
    for key in place.split("."):
        found = found.get(key) if isinstance(found, dict) else getattr(found, key, None)
    return found


def column(name: str) -> Callable[[Row], float | None]:
    """The number in that column of a row."""
    return lambda row: row.get(name)


def _size(name: str) -> Callable[[Row], float | None]:
    """The number in that column without its sign."""
    return lambda row: None if row.get(name) is None else abs(row[name])


def _lacks_of_one(row: Row) -> float | None:
    return None if row.get("dice") is None else 1 - row["dice"]


def _both_phases(row: Row) -> float | None:
    """Mean of ED's and ES's penalised distance in ms, over those phases that the clip has."""
    known = [row[key] for key in ("ed_penalised_ms", "es_penalised_ms") if row.get(key) is not None]
    return float(np.mean(known)) if known else None


def _overlap(key: str, words: str, place: str) -> Metric:
    return Metric(key, words, "", 3, True, column(key), place, ("constant mask", f"constant_mask.{place}"))


def _outlines(key: str, words: str, place: str, compared: bool = True) -> Metric:
    """A distance between outlines; a terminal does not show it."""
    where = f"boundary.{place}"
    return Metric(key, words, "pixels", 2, False, column(key), where, compared=compared, in_terminal=False)


def _frames(phase: str) -> Metric:
    """The paper's frame distance; it is not compared, since curves that saw no image fare well with it."""
    key = f"{phase}_afd"
    return Metric(key, f"aFD {phase.upper()}", "frames", 2, False, column(key), f"afd.{phase}", compared=False)


def _events(phase: str) -> Metric:
    key, words = f"{phase}_penalised_ms", f"{phase.upper()} one to one, penalised"
    return Metric(key, words, "ms", 0, False, column(key), f"events.{phase}.penalised_ms", in_terminal=False)


def _matched(phase: str) -> Metric:
    """The distance of those events that were matched; it is not compared, since others may match others."""
    key, words = f"{phase}_distance_ms", f"{phase.upper()} one to one"
    return Metric(key, words, "ms", 0, False, column(key), f"events.{phase}.distance_ms", compared=False)


METRICS: tuple[Metric, ...] = (
    _overlap("dice", "Dice", "dice.overall"),
    _overlap("dice_ed", "Dice at ED", "dice.ed"),
    _overlap("dice_es", "Dice at ES", "dice.es"),
    _overlap("iou", "IoU", "iou.overall"),
    _outlines("hd95", "HD95", "hd95.overall", compared=False),
    _outlines("hd95_penalised", "HD95, missing masks penalised", "hd95_penalised"),
    _outlines("surface_distance", "mean surface distance", "surface_distance.overall"),
    _frames("ed"),
    _frames("es"),
    _events("ed"),
    _events("es"),
    _matched("ed"),
    _matched("es"),
    Metric(
        "ef_absolute_error",
        "EF error",
        "points",
        1,
        False,
        _size("ef_error"),
        "ejection.mae",
        ("always the training mean", "ejection.always_training_mean.mae"),
    ),
)
"""In the order in which they are in_terminal."""

ERRORS: dict[str, Metric] = {
    one.key: one
    for one in (
        Metric("ejection", "EF error", "points", 1, False, column("ef_error")),
        Metric("dice", "1 - Dice", "", 3, False, _lacks_of_one),
        Metric("events", "ED and ES, penalised distance", "ms", 0, False, _both_phases),
    )
}
"""Errors of a clip, with their sign where they have one: where they are is looked into."""


def placeless(metrics: Iterable[Metric]) -> list[Metric]:
    """Those whose means a scorecard keeps under `more`."""
    return [one for one in metrics if not one.place]
