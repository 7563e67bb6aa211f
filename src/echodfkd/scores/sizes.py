"""A run of a grid of students: what it left of each, brought together as `scores/sizes.json` and `scores/sizes.csv`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echodfkd.files import make_folder, read_json, write_json, write_text
from echodfkd.stats.scaling import size_scores
from echodfkd.student.card import Card, read_card
from echodfkd.student.settings import flops_per_frame
from echodfkd.tables import csv_text

STUDENTS = "students"
"""The folder of a run that holds a folder for each student of the grid, by name: student, masks, scores."""
Row = Mapping[str, Any]


def score_sizes(out: Path) -> dict[str, Any]:
    """Sizes, scores, laws and fronts of the students of the run in `out` that are scored, as written to its `scores`.

    Rows stand in the order of parameters. `constant_mask` is the Dice of the baseline, the same for all.
    """
    study, folders = read_json(out / "study.json"), scored(out)
    rows = sorted((_row(folder) for folder in folders), key=lambda row: row["parameters"])
    scores = size_scores(rows, seed=study["seed"], resamples=study["scoring"]["resamples"])
    constant = read_json(folders[0] / "scores" / "scores.json")["constant_mask"] if folders else None
    scores["constant_mask"] = None if constant is None else constant["dice"]["overall"]
    make_folder(out / "scores")
    write_text(out / "scores" / "sizes.csv", sizes_csv(rows))
    write_json(out / "scores" / "sizes.json", scores)
    return scores


def scored(out: Path) -> list[Path]:
    """The folders of the students that have scores."""
    return sorted(path.parent.parent for path in (out / STUDENTS).glob("*/scores/scores.json"))


def _row(folder: Path) -> dict[str, Any]:
    """One student's row from its folder."""
    speed = folder / "scores" / "speed.json"
    measured = read_json(speed) if speed.is_file() else None
    return student_row(read_card(folder / "student"), read_json(folder / "scores" / "scores.json"), measured)


def student_row(card: Card, scores: Row | None = None, speed: Row | None = None) -> dict[str, Any]:
    """What a student weighs, costs and scores, as one flat row; None for what was not measured.

    `size` is the working size in pixels, `flops` are those of one frame, `latency_ms` is the median pass's time per
    frame with the fastest and the slowest pass as its ends and the number of passes as n; `threads` None is as many
    as onnxruntime takes by itself.
    """
    size = card.preprocessing.size
    row: dict[str, Any] = {"name": card.network.name, "parameters": card.parameters, "size": size}
    row["flops"] = flops_per_frame(card.network, size)
    for key in ("dice", "iou"):
        row[key] = None if scores is None else scores[key]["overall"]
    row["latency_ms"] = None if speed is None else latency(speed)
    return row | {"threads": None if speed is None else speed.get("threads")}


def latency(speed: Row) -> dict[str, Any]:
    """Milliseconds per frame from frames per second: of the median pass, the fastest and the slowest, and how many."""
    ends = {"value": "frames_per_second", "low": "high", "high": "low"}
    return {name: 1000 / speed[key] for name, key in ends.items()} | {"n": speed["repeats"]}


def sizes_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV text: an interval as `dice`, `dice_low`, `dice_high` and `dice_n`; empty for what is not known."""
    return csv_text({name: value for key in row for name, value in _columns(key, row[key])} for row in rows)


INTERVALS = ("dice", "iou", "latency_ms")


def _columns(key: str, value: Any) -> list[tuple[str, Any]]:
    """The columns of one key of a row, the same whether it is known or not."""
    if key not in INTERVALS:
        return [(key, value)]
    parts = value or dict.fromkeys(("value", "low", "high", "n"))
    return [(key, parts["value"]), *((f"{key}_{part}", parts[part]) for part in ("low", "high", "n"))]
