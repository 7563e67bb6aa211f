"""How a model does on real clips that come with somebody's masks: a table per clip, beside a constant mask.

    python benchmarks/real_clips.py FOLDER --model STUDENT

FOLDER holds clips (`<name>.avi`, `.mp4` ...), each with `<name>.teacher.npz` (key `masks`: (time, height, width), not 0
inside), and may hold `clips.csv` with FileName and any of EF (percent), FPS (Hz), ED and ES (frames a human chose).
The constant mask holds the pixels that are inside on at least half of the frames of the *other* clips: what is
reached without looking at the clip. It is left out where there is no other clip of the same size. ED and ES are off
by frames of the paper's rule, which looks at the human's frame to choose the beat: see what noise gets with it before
trusting small numbers.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.data.container import SUFFIXES
from echodfkd.data.video import clip_name, read
from echodfkd.errors import EchodfkdError, InputError
from echodfkd.evaluate.beats import beat_events
from echodfkd.evaluate.ejection import ejection_fraction
from echodfkd.evaluate.frame_distance import paper_frame
from echodfkd.evaluate.overlap import dice
from echodfkd.evaluate.scorecard import constant_mask
from echodfkd.evaluate.shape import area_curve, largest_component
from echodfkd.student.segment import Student, load_student

COLUMNS = (
    "clip",
    "frames",
    "Dice",
    "worst frame",
    "constant",
    "area corr.",
    "area ED",
    "area ES",
    "EF",
    "EF by teacher",
    "EF true",
    "ED off",
    "ES off",
)


@dataclass(frozen=True)
class Labelled:
    """One clip with somebody's masks (time, height, width) bool and what is known of it."""

    clip: Clip
    masks: NDArray[np.bool_]
    known: dict[str, str]

    def number(self, key: str) -> float | None:
        """A number of `clips.csv`, None where it is not told."""
        return float(self.known[key]) if self.known.get(key) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="a student's folder")
    arguments = parser.parse_args()
    try:
        student = load_student(arguments.model)
        clips = read_folder(arguments.folder)
        rows = [row(labelled, student, constant_of_others(labelled, clips)) for labelled in clips]
    except EchodfkdError as error:
        sys.exit(f"real_clips: {error}")
    print(table([*rows, mean_row(rows)]))
    print(
        f"{student.card.network.name}, threshold {student.threshold:g}, n = {len(rows)} clips; Dice: mean over frames."
    )


def read_folder(folder: Path) -> list[Labelled]:
    """The clips of a folder that have masks, by name; InputError where there are none."""
    listing = folder / "clips.csv"
    known = {item["FileName"]: item for item in csv.DictReader(listing.open())} if listing.is_file() else {}
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        masks = path.with_name(f"{clip_name(path)}.teacher.npz")
        if path.suffix.lower() in SUFFIXES and masks.is_file():
            facts = known.get(clip_name(path), {})
            clip = read(path)
            clip = Clip(clip.name, clip.frames, float(facts["FPS"]) if facts.get("FPS") else clip.fps)
            found.append(Labelled(clip, np.load(masks, allow_pickle=False)["masks"] > 0, facts))
    if not found:
        raise InputError(f"{folder} holds no clip with a <name>.teacher.npz beside it.")
    return found


def constant_of_others(labelled: Labelled, clips: list[Labelled]) -> NDArray[np.bool_] | None:
    """The constant mask of the other clips of the same size; None where there is none."""
    size = labelled.masks.shape[1:]
    others = [other.masks for other in clips if other is not labelled and other.masks.shape[1:] == size]
    return constant_mask(others) if others else None


def row(labelled: Labelled, student: Student, constant: NDArray[np.bool_] | None) -> dict[str, str | float | None]:
    """One clip's figures by column."""
    clip, truth = labelled.clip, labelled.masks
    predicted = np.stack([largest_component(mask) for mask in student(clip)[:, 0] >= student.threshold])
    overlap, area, true_area = dice(predicted, truth), area_curve(predicted), area_curve(truth)
    ed, es = (labelled.number(phase) for phase in ("ED", "ES"))
    return {
        "clip": clip.name,
        "frames": len(truth),
        "Dice": float(overlap.mean()),
        "worst frame": float(overlap.min()),
        "constant": None if constant is None else float(dice(np.broadcast_to(constant, truth.shape), truth).mean()),
        "area corr.": float(np.corrcoef(area, true_area)[0, 1]),
        "area ED": float(np.percentile(area, 95) / np.percentile(true_area, 95)),
        "area ES": float(np.percentile(area, 5) / np.percentile(true_area, 5)),
        "EF": ejection_fraction(predicted, beat_events(area, clip.fps)).median,
        "EF by teacher": ejection_fraction(truth, beat_events(true_area, clip.fps)).median,
        "EF true": labelled.number("EF"),
        "ED off": None if ed is None else paper_frame(area, int(ed), "ed") - ed,
        "ES off": None if es is None else paper_frame(area, int(es), "es") - es,
    }


def mean_row(rows: list[dict[str, str | float | None]]) -> dict[str, str | float | None]:
    """Means over the clips; frame distances by their size, worst frame as the worst."""
    means: dict[str, str | float | None] = {
        "clip": "mean (worst: least)",
        "frames": sum(int(r["frames"] or 0) for r in rows),
    }
    for name in COLUMNS[2:]:
        values = [abs(r[name]) if name.endswith("off") else r[name] for r in rows if isinstance(r[name], float)]
        means[name] = (min(values) if name == "worst frame" else float(np.mean(values))) if values else None
    return means


def table(rows: list[dict[str, str | float | None]]) -> str:
    """Rows under their columns, aligned."""
    cells = [list(COLUMNS), *([told(name, item[name]) for name in COLUMNS] for item in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def told(name: str, value: str | float | None) -> str:
    """A value as text, in the column's number of digits."""
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:.{0 if name == 'frames' or name.endswith('off') else 1 if name.startswith('EF') else 3}f}"


if __name__ == "__main__":
    main()
