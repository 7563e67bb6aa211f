"""A run of a grid of students: what it left of each, brought together as `scores/sizes.json` and `scores/sizes.csv`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from echodfkd.files import make_folder, plain, read_json, shaped, write_json, write_text
from echodfkd.scores.records import Named, Scores
from echodfkd.scores.speed import Speed
from echodfkd.stats.intervals import Interval
from echodfkd.stats.scaling import Laws, laws_of, pareto_front
from echodfkd.student.card import Card, read_card
from echodfkd.student.settings import flops_per_frame
from echodfkd.tables import csv_text

STUDENTS = "students"
"""The folder of a run that holds a folder for each student of the grid, by name: student, masks, scores."""
SCORES = ("dice", "iou")
COSTS = ("parameters", "flops")


@dataclass(frozen=True)
class StudentRow(Named[Interval | None]):
    """What a student weighs, costs and scores; None for what was not measured.

    `size` is the working size in pixels, `flops` are those of one frame, `threads` those of the latency (None: as many
    as onnxruntime takes by itself).
    """

    name: str
    parameters: int
    flops: float
    size: int = 0
    dice: Interval | None = None
    iou: Interval | None = None
    latency_ms: Interval | None = None
    threads: int | None = None

    def cost(self, name: str) -> float | None:
        """Its `parameters`, `flops` or `latency_ms`."""
        if name == "latency_ms":
            return None if self.latency_ms is None else self.latency_ms.value
        return float(self.parameters if name == "parameters" else self.flops)


@dataclass(frozen=True)
class SizeScores:
    """What `sizes.json` holds: students by parameters, laws by cost and score, whom no other beats in Dice by cost."""

    rows: tuple[StudentRow, ...]
    laws: dict[str, dict[str, Laws]]
    front: dict[str, list[str]]
    constant_mask: Interval | None = None


def score_sizes(out: Path) -> SizeScores:
    """Sizes, scores, laws and fronts of the students of the run in `out` that are scored, as written to its `scores`.

    Rows stand in the order of parameters. `constant_mask` is the Dice of the baseline, the same for all.
    """
    cards = {folder: shaped(Scores, read_json(folder / "scores" / "scores.json")) for folder in scored(out)}
    rows = [student_row(read_card(folder / "student"), card, read_speed(folder)) for folder, card in cards.items()]
    rows.sort(key=lambda row: row.parameters)
    constant = next((card.constant_mask for card in cards.values()), None)
    scores = size_scores(rows, None if constant is None else constant.dice.overall)
    make_folder(out / "scores")
    write_text(out / "scores" / "sizes.csv", sizes_csv(rows))
    write_json(out / "scores" / "sizes.json", plain(scores))
    return scores


def size_scores(rows: Sequence[StudentRow], constant_mask: Interval | None = None) -> SizeScores:
    """Laws and fronts of a table of students; those without a score are passed over."""
    laws = {cost: {score: laws_of(*_known(rows, cost, score)) for score in SCORES} for cost in COSTS}
    return SizeScores(tuple(rows), laws, {cost: _front(rows, cost) for cost in COSTS}, constant_mask)


def _known(rows: Sequence[StudentRow], cost: str, score: str) -> tuple[list[float], list[float]]:
    """Costs and scores of the rows that have both."""
    pairs = [(row.cost(cost), row.of(score)) for row in rows]
    there = [(size, found.value) for size, found in pairs if size is not None and found is not None]
    return [size for size, _ in there], [value for _, value in there]


def _front(rows: Sequence[StudentRow], cost: str) -> list[str]:
    """Names on the front of Dice at that cost, the cheapest first."""
    there = sorted((row for row in rows if row.dice is not None), key=lambda row: row.cost(cost) or 0.0)
    best = pareto_front(*_known(there, cost, "dice"))
    return [row.name for row, on in zip(there, best, strict=True) if on]


def scored(out: Path) -> list[Path]:
    """The folders of the students that have scores."""
    return sorted(path.parent.parent for path in (out / STUDENTS).glob("*/scores/scores.json"))


def read_speed(folder: Path) -> Speed | None:
    """The speed in a student's or a run's folder; None where it was not measured."""
    path = folder / "scores" / "speed.json"
    return shaped(Speed, read_json(path)) if path.is_file() else None


def student_row(card: Card, scores: Scores | None = None, speed: Speed | None = None) -> StudentRow:
    """What a student weighs, costs and scores, by its card, its scorecard and its speed."""
    size = card.preprocessing.size
    return StudentRow(
        name=card.network.name,
        parameters=card.parameters,
        flops=flops_per_frame(card.network, size),
        size=size,
        dice=None if scores is None else scores.dice.overall,
        iou=None if scores is None else scores.iou.overall,
        latency_ms=None if speed is None else speed.latency_ms,
        threads=None if speed is None else speed.threads,
    )


COLUMNS = ("name", "parameters", "size", "flops", "dice", "iou", "latency_ms", "threads")
INTERVALS = ("dice", "iou", "latency_ms")


def sizes_csv(rows: Sequence[StudentRow]) -> str:
    """Rows as CSV text: an interval as `dice`, `dice_low`, `dice_high` and `dice_n`; empty for what is not known."""
    return csv_text(_cells(row) for row in rows)


def _cells(row: StudentRow) -> dict[str, str | float | None]:
    """A row's cells by column, the same whether all of it is known or not."""
    cells: dict[str, str | float | None] = {}
    for key in COLUMNS:
        parts = ("value", "low", "high", "n") if key in INTERVALS else ()
        cells |= {f"{key}_{part}".removesuffix("_value"): getattr(getattr(row, key), part, None) for part in parts}
        cells |= {} if parts else {key: getattr(row, key)}
    return cells
