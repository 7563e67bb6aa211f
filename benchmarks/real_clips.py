"""How models do on real clips that come with somebody's masks: a table per model, beside a constant mask.

    python benchmarks/real_clips.py FOLDER --model NAME|DIR [NAME|DIR ...] [--hindsight | --causal] [--json FILE]

FOLDER holds clips (`<name>.avi`, `.mp4` ...), each with `<name>.teacher.npz` (key `masks`: (time, height, width), not 0
inside the left ventricle), and may hold `clips.csv` with FileName and any of EF (percent), FPS (Hz), ED and ES (frames
a human chose). Clips that cannot be read, masks of several structures or of another size or length than their clip, and
cells that are no numbers stay out, each with a line; an empty cell is unknown.

Masks are those of `echodfkd segment`: passes, warm-up, threshold and kept pieces as the models' cards say. Several
models get a comparison as well, such as three seeds of one study: a row each, then mean and spread (highest less
lowest).

The constant mask holds the pixels that are inside on at least half of the frames of the *other* clips: what is
reached without looking at the clip. It is left out where there is no other clip of the same size. Areas at ED and ES
are the 95th and the 5th percentile over those of the masks. ED and ES are off by frames of the paper's rule, which
looks at the human's frame to choose the beat: see what noise gets with it before trusting small numbers. Means and
worst of errors are by their size.
"""

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.commands.segment import segment_clip
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.files import write_json
from echodfkd.measure.measures import measures
from echodfkd.measure.overlap import dice
from echodfkd.scores.frame_distance import paper_frame
from echodfkd.scores.predictions import read_masks, read_prediction
from echodfkd.scores.scorecard import constant_mask
from echodfkd.stats.intervals import bootstrap
from echodfkd.student.bundled import DEFAULT, find_model
from echodfkd.student.student import Student, identity, load_student
from echodfkd.tables import optional
from echodfkd.tables import rows as rows_of
from echodfkd.video import clip_name, read
from echodfkd.video.container import SUFFIXES
from echodfkd.video.source import clip_source

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
    """One clip with somebody's masks (time, height, width) bool; EF (percent), ED and ES (frames) where known."""

    clip: Clip
    masks: NDArray[np.bool_]
    ejection_fraction: float | None = None
    ed: int | None = None
    es: int | None = None

    def __post_init__(self) -> None:
        last = len(self.clip.frames) - 1
        for frame in (self.ed, self.es):
            if frame is not None and not 0 <= frame <= last:
                raise InputError(f"{self.clip.name} has frames 0 to {last}, but ED or ES on frame {frame}.")


def main() -> None:
    chosen = arguments()
    try:
        clips = read_folder(chosen.folder)
        students = [loaded(model, chosen.hindsight) for model in chosen.model]
        results = [[row(real, student, constant_of_others(real, clips)) for real in clips] for student in students]
        if chosen.json is not None:
            scored = zip(students, results, strict=True)
            models = [{"model": identity(student), "scores": scores(rows)} for student, rows in scored]
            write_json(chosen.json, {"clips": len(clips), "models": models})
    except EchodfkdError as error:
        sys.exit(f"real_clips: {one_line(error)}")
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
    listed = {cells["FileName"]: cells for _, cells in rows_of(listing, ("FileName",))} if listing.is_file() else {}
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in SUFFIXES and masks_of(path).is_file():
            try:
                found.append(labelled(path, listed.get(clip_name(path), {})))
            except InputError as error:
                print(f"real_clips: left out: {one_line(error)}", file=sys.stderr)
    if not found:
        raise InputError(f"{folder} holds no clip with masks of its left ventricle in a <name>.teacher.npz beside it.")
    return found


def masks_of(path: Path) -> Path:
    """Where the masks of the clip in `path` lie."""
    return path.with_name(f"{clip_name(path)}.teacher.npz")


def labelled(path: Path, cells: dict[str, str]) -> Labelled:
    """The clip in a file with its masks and the `cells` of its row; InputError where any of them cannot be read."""
    try:
        known = {name: optional(cells, name) for name in ("EF", "FPS", "ED", "ES")}
    except ValueError as error:
        raise InputError(f"{clip_name(path)}: {error} Leave the cell empty where it is unknown.") from None
    clip = read(path)
    clip = replace(clip, fps=clip.fps if known["FPS"] is None else known["FPS"])
    ed, es = (None if known[phase] is None else int(known[phase]) for phase in ("ED", "ES"))
    return Labelled(clip, ventricle(masks_of(path), clip), known["EF"], ed, es)


def ventricle(path: Path, clip: Clip) -> NDArray[np.bool_]:
    """The left ventricle (time, height, width) in a file of masks; InputError where it is not this clip's alone."""
    masks = read_masks(path)
    if masks.dtype.kind not in "buif":
        raise InputError(f"{path} holds {masks.dtype}, not masks.")
    if masks.shape != clip.frames.shape:
        raise InputError(f"{path} holds masks {masks.shape}; one structure of its clip would be {clip.frames.shape}.")
    values = np.unique(masks)
    if len(values[values != 0]) > 1:
        raise InputError(f"{path} holds the labels {values.tolist()}: more structures than the left ventricle.")
    return masks > 0


def constant_of_others(real: Labelled, clips: list[Labelled]) -> NDArray[np.bool_] | None:
    """The constant mask of the other clips of the same size; None where there is none."""
    size = real.masks.shape[1:]
    others = [other.masks for other in clips if other is not real and other.masks.shape[1:] == size]
    return constant_mask(others) if others else None


def segmented(clip: Clip, student: Student) -> NDArray[np.bool_]:
    """The left ventricle (time, height, width) as `echodfkd segment` writes it."""
    with TemporaryDirectory() as place:
        segment_clip(clip_source(clip), student, Path(place) / "clip")
        return read_prediction(Path(place) / "clip").masks


def row(real: Labelled, student: Student, constant: NDArray[np.bool_] | None) -> Row:
    """One clip's figures by column."""
    clip, truth, true_fraction = real.clip, real.masks, real.ejection_fraction
    predicted = segmented(clip, student)
    overlap = dice(predicted, truth)
    said, true = (measures(masks, clip.fps, clip.spacing) for masks in (predicted, truth))
    fraction, area, true_area = said.ejection_fraction, said.area, true.area
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
        "EF by teacher": true.ejection_fraction,
        "EF true": true_fraction,
        "EF error": None if fraction is None or true_fraction is None else fraction - true_fraction,
        "ED off": None if real.ed is None else float(paper_frame(area, real.ed, "ed") - real.ed),
        "ES off": None if real.es is None else float(paper_frame(area, real.es, "es") - real.es),
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
