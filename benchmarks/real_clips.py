"""How models do on real clips that come with somebody's masks: a table per model, beside a constant mask.

    python benchmarks/real_clips.py FOLDER --model NAME|DIR [NAME|DIR ...] [--hindsight | --causal] [--json FILE]

FOLDER holds clips (`<name>.avi`, `.mp4` ...), each with `<name>.teacher.npz` (key `masks`: (time, height, width), not 0
inside the left ventricle), and may hold `clips.csv` with FileName and any of EF (percent), FPS (Hz), ED and ES (frames
a human chose). Masks of several structures, or of another size or length than their clip, stay out; a line says so.

Models are used as their cards say (passes, warm-up, threshold); the largest piece of each mask is kept. Several models
get a comparison as well, such as three seeds of one study: a row each, then mean and spread (highest less lowest).

The constant mask holds the pixels that are inside on at least half of the frames of the *other* clips: what is
reached without looking at the clip. It is left out where there is no other clip of the same size. Areas at ED and ES
are the 95th and the 5th percentile over those of the masks. ED and ES are off by frames of the paper's rule, which
looks at the human's frame to choose the beat: see what noise gets with it before trusting small numbers. Means and
worst of errors are by their size.
"""

import argparse
import csv
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.data.container import SUFFIXES
from echodfkd.data.video import clip_name, read
from echodfkd.errors import EchodfkdError, InputError
from echodfkd.evaluate.beats import beat_events
from echodfkd.evaluate.ejection import ejection_fraction
from echodfkd.evaluate.frame_distance import paper_frame
from echodfkd.evaluate.intervals import bootstrap
from echodfkd.evaluate.overlap import dice
from echodfkd.evaluate.scorecard import constant_mask
from echodfkd.evaluate.shape import area_curve, largest_component
from echodfkd.everyday import identity
from echodfkd.files import write_json
from echodfkd.student.bundled import DEFAULT, find_model
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
    "EF error",
    "ED off",
    "ES off",
)
COMPARED = (
    "clip",
    "Dice",
    "worst Dice",
    "constant",
    "area corr.",
    "least corr.",
    "area ED",
    "area ES",
    "EF error",
    "ED off",
    "ES off",
)
LEAST = ("Dice", "worst frame", "area corr.")
ERRORS = ("EF error", "ED off", "ES off")
Row = dict[str, str | float | None]


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
    chosen = arguments()
    try:
        clips = read_folder(chosen.folder)
        students = [loaded(model, chosen.hindsight) for model in chosen.model]
        results = [
            [row(labelled, student, constant_of_others(labelled, clips)) for labelled in clips] for student in students
        ]
        if chosen.json is not None:
            scored = zip(students, results, strict=True)
            models = [{"model": identity(student), "scores": scores(rows)} for student, rows in scored]
            write_json(chosen.json, {"clips": len(clips), "models": models})
    except EchodfkdError as error:
        sys.exit(f"real_clips: {error}")
    for model, student, rows in zip(chosen.model, students, results, strict=True):
        print(f"{model}: {words(student)}")
        print(table([*rows, mean_row(rows), worst_row(rows)]), end="\n\n")
    if len(results) > 1:
        print(comparison(chosen.model, results), end="\n\n")
    print(f"n = {len(clips)} clips; Dice: mean over frames. Research software, not for diagnosis.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", nargs="+", default=[DEFAULT], help="models' folders, or names of bundled ones")
    parser.add_argument("--hindsight", action="store_true", default=None, help="also pass over each clip from its end")
    parser.add_argument("--causal", action="store_false", dest="hindsight", help="one pass, whatever the card says")
    parser.add_argument(
        "--json", type=Path, help="also write the scores of every model there, without the clips' names"
    )
    return parser.parse_args()


def loaded(model: str, hindsight: bool | None) -> Student:
    """A model by name or folder; InputError where it has no left ventricle."""
    student = load_student(find_model(model), hindsight=hindsight)
    if "lv" not in student.structures:
        raise InputError(f"{model} segments {', '.join(student.structures)}, not the left ventricle (lv).")
    return student


def words(student: Student) -> str:
    """Which model it is and how it was used, in a few words."""
    ways = "both ways" if student.card.hindsight else "causal"
    return f"{student.card.network.name}, {ways}, warm-up {student.card.warm_up}, threshold {student.threshold:g}"


def read_folder(folder: Path) -> list[Labelled]:
    """The clips of a folder that have masks of the left ventricle, by name; InputError where there are none."""
    listing = folder / "clips.csv"
    known = {item["FileName"]: item for item in csv.DictReader(listing.open())} if listing.is_file() else {}
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        masks = path.with_name(f"{clip_name(path)}.teacher.npz")
        if path.suffix.lower() not in SUFFIXES or not masks.is_file():
            continue
        facts = known.get(clip_name(path), {})
        clip = read(path)
        clip = Clip(clip.name, clip.frames, float(facts["FPS"]) if facts.get("FPS") else clip.fps)
        try:
            found.append(Labelled(clip, ventricle(masks, clip), facts))
        except InputError as error:
            print(f"real_clips: left out: {error}", file=sys.stderr)
    if not found:
        raise InputError(f"{folder} holds no clip with masks of its left ventricle in a <name>.teacher.npz beside it.")
    return found


def ventricle(path: Path, clip: Clip) -> NDArray[np.bool_]:
    """The left ventricle (time, height, width) in a file of masks; InputError where it is not this clip's alone."""
    with np.load(path, allow_pickle=False) as archive:
        if "masks" not in archive:
            raise InputError(f"{path} has no array `masks`, it has {', '.join(archive) or 'none'}.")
        masks = archive["masks"]
    if masks.shape != clip.frames.shape:
        raise InputError(f"{path} holds masks {masks.shape}; one structure of its clip would be {clip.frames.shape}.")
    values = np.unique(masks)
    if len(values[values != 0]) > 1:
        raise InputError(f"{path} holds the labels {values.tolist()}: more structures than the left ventricle.")
    return masks > 0


def constant_of_others(labelled: Labelled, clips: list[Labelled]) -> NDArray[np.bool_] | None:
    """The constant mask of the other clips of the same size; None where there is none."""
    size = labelled.masks.shape[1:]
    others = [other.masks for other in clips if other is not labelled and other.masks.shape[1:] == size]
    return constant_mask(others) if others else None


def row(labelled: Labelled, student: Student, constant: NDArray[np.bool_] | None) -> Row:
    """One clip's figures by column."""
    clip, truth = labelled.clip, labelled.masks
    inside = student(clip)[:, student.structures.index("lv")] >= student.threshold
    predicted = np.stack([largest_component(mask) for mask in inside])
    overlap, area, true_area = dice(predicted, truth), area_curve(predicted), area_curve(truth)
    ed, es = (labelled.number(phase) for phase in ("ED", "ES"))
    fraction, true_fraction = ejection_fraction(predicted, beat_events(area, clip.fps)).median, labelled.number("EF")
    return {
        "clip": clip.name,
        "frames": len(truth),
        "Dice": float(overlap.mean()),
        "worst frame": float(overlap.min()),
        "constant": None if constant is None else float(dice(np.broadcast_to(constant, truth.shape), truth).mean()),
        "area corr.": correlation(area, true_area),
        "area ED": area_ratio(area, true_area, 95),
        "area ES": area_ratio(area, true_area, 5),
        "EF": fraction,
        "EF by teacher": ejection_fraction(truth, beat_events(true_area, clip.fps)).median,
        "EF true": true_fraction,
        "EF error": None if fraction is None or true_fraction is None else fraction - true_fraction,
        "ED off": None if ed is None else paper_frame(area, int(ed), "ed") - ed,
        "ES off": None if es is None else paper_frame(area, int(es), "es") - es,
    }


def correlation(area: NDArray[np.int64], true_area: NDArray[np.int64]) -> float | None:
    """Pearson's r of two area curves; None where one does not vary, as in a still."""
    return float(np.corrcoef(area, true_area)[0, 1]) if area.std() > 0 and true_area.std() > 0 else None


def area_ratio(area: NDArray[np.int64], true_area: NDArray[np.int64], percentile: int) -> float | None:
    """The percentile of the areas over that of the true ones; None where the latter is empty."""
    true = float(np.percentile(true_area, percentile))
    return float(np.percentile(area, percentile)) / true if true > 0 else None


def column(rows: list[Row], name: str) -> list[float]:
    """A column's known values; errors by their size."""
    signed = [value for value in (item[name] for item in rows) if isinstance(value, float)]
    return [abs(value) for value in signed] if name in ERRORS else signed


def mean_row(rows: list[Row]) -> Row:
    """Means over the clips; errors by their size."""
    means: Row = {"clip": "mean", "frames": sum(int(item["frames"] or 0) for item in rows)}
    for name in COLUMNS[2:]:
        values = column(rows, name)
        means[name] = float(np.mean(values)) if values else None
    return means


def worst_row(rows: list[Row]) -> Row:
    """The clip that is worst in each column, where worse has a direction: least overlap, largest error."""
    worst: Row = dict.fromkeys(COLUMNS) | {"clip": "worst"}
    for name in (*LEAST, *ERRORS):
        values = column(rows, name)
        worst[name] = (max(values) if name in ERRORS else min(values)) if values else None
    return worst


def comparison(models: list[str], results: list[list[Row]]) -> str:
    """A row per model with the mean and the worst of its clips, then mean and spread over the models."""
    rows = []
    for model, clips in zip(models, results, strict=True):
        mean, worst = mean_row(clips), worst_row(clips)
        rows.append(mean | {"clip": model, "worst Dice": worst["Dice"], "least corr.": worst["area corr."]})
    summary = [dict[str, str | float | None](clip=name) for name in ("mean", "spread")]
    for name in COMPARED[1:]:
        values = [item[name] for item in rows if isinstance(item[name], float)]
        summary[0][name] = float(np.mean(values)) if values else None
        summary[1][name] = max(values) - min(values) if values else None
    return table([*rows, *summary], COMPARED)


def scores(rows: list[Row]) -> dict[str, Any]:
    """A model's scores over the clips: means with 95 % bootstrap intervals, and the worst clip's."""
    keys = {"dice": "Dice", "constant": "constant", "area_correlation": "area corr.", "area_ed": "area ED"}
    keys |= {"area_es": "area ES", "ef_error": "EF error", "ed_off_frames": "ED off", "es_off_frames": "ES off"}
    worst = worst_row(rows)
    return {key: mean_interval(column(rows, name)) for key, name in keys.items()} | {
        "worst_dice": worst["Dice"],
        "worst_area_correlation": worst["area corr."],
        "worst_ef_error": worst["EF error"],
    }


def mean_interval(values: list[float]) -> dict[str, Any] | None:
    """The mean with its interval; None of nothing."""
    return asdict(bootstrap(values, seed=0)) if values else None


def table(rows: list[Row], columns: tuple[str, ...] = COLUMNS) -> str:
    """Rows under their columns, aligned."""
    cells = [list(columns), *([told(name, item[name]) for name in columns] for item in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def told(name: str, value: str | float | None) -> str:
    """A value as text, in the column's number of digits."""
    if value is None or isinstance(value, str):
        return value or "-"
    digits = 0 if name == "frames" else 1 if name.startswith("EF") or name.endswith("off") else 3
    return f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
