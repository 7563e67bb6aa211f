"""How drawn hearts lie to real ones: shape, framing, grey levels, and what a network that knows real ones reads there.

    python benchmarks/population.py REAL [--drawn N] [--seed S] [--study FILE] [--annotator NAME] [--reader]
                                    [--sheets DIR] [--json FILE]
    python benchmarks/population.py REAL --statistics FILE

REAL is the folder that `real.py` reads. N patients of its stills (ED and ES with human tracings, broken ones left out)
are set beside as many drawn clips, each at the largest and at the smallest of its ventricle. Clips are drawn under the
default conditions, or under those of a study, one beat long; `--annotator` says who traces them.

A statistic is of one frame, of both frames together, or the change between them. Its distance is Wasserstein's over the
real standard deviation; `spread` is the drawn standard deviation over the real one. The floor is the distance of one
random half of the real patients from the other. The AUC is that of a linear discriminant, cross-validated by patient:
0.5 where real and drawn cannot be told apart. Shapes are of the generator's family, fitted to masks of both kinds alike
(`shape_family.py`); places along an outline are those of `outline.py`, grey levels and texture those of `picture.py`.

`--reader` asks REAL/reader/reader.onnx, a network that knows real hearts, for its masks on the drawn frames: its Dice
with our truth, and how far its outline reaches beyond ours. `--sheets` writes pictures of real frames beside drawn
ones, outside any git checkout. `--statistics` fits the family to every usable tracing and writes mean, deviation and
correlation of its numbers, as the generator's `population.json` holds them.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from likeness import Measured, Numbers, columns, compared, with_change
from lines import aligned
from numpy.typing import NDArray
from outline import PLACES, REACH, SMALLEST, departures, outline
from picture import Fan, fan, grey_levels, profile_name, profile_numbers, texture
from real import BROKEN, PHASES, Mask, Pairs, Still, read_camus, read_pairs
from shape_family import ALONG, WELL, WHOLE, Fit, Ventricle, fitted, population, population_text

from echodfkd import resize
from echodfkd.clip import WORKING_SIZE
from echodfkd.errors import EchodfkdError, InputError, OutputError, one_line
from echodfkd.files import plain, write_bytes, write_json, write_text
from echodfkd.measure.overlap import dice
from echodfkd.report.draw.figures import picture_png
from echodfkd.report.draw.overlay import OverlayStyle, overlay_frame
from echodfkd.report.numbers import interval
from echodfkd.stats.intervals import bootstrap
from echodfkd.study.file import read_study
from echodfkd.synthetic.annotator import ANNOTATORS, TRACED
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

Array = NDArray[np.float64]
Reader = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]

HEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of the axis from the apex on at which the sides are compared."""
FRAMES, FPS, HEART_RATE = 17, (20.0, 20.0), (75.0, 100.0)
"""Frames that hold a whole beat at this rate (Hz) and these beats per minute."""
READER_SIZE = 80
RECOGNISED = 0.7
"""Dice from which the reader has found the ventricle, so that its departures say something."""
LOST = 0.5
"""Dice below which it has found something else, or nothing."""
SHOWN = 24
"""Patients of each kind on a sheet."""
SOURCE = "human tracings at end diastole and end systole of EchoNet-Dynamic: statistics over patients, no tracing"


def main() -> None:
    chosen = arguments()
    try:
        print(statistics(chosen.real, chosen.statistics) if chosen.statistics else bench(chosen))
    except EchodfkdError as error:
        sys.exit(f"population: {one_line(error)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path, help="the folder of real echocardiograms")
    parser.add_argument("--drawn", type=int, default=200, help="clips drawn, and real patients beside them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", type=Path, help="draw under this study's conditions")
    parser.add_argument("--annotator", choices=ANNOTATORS, default=TRACED, help="who traces the drawn hearts")
    parser.add_argument("--reader", action="store_true", help="also let the reader read the drawn frames")
    parser.add_argument("--sheets", type=Path, help="write pictures of real beside drawn there, outside git")
    parser.add_argument("--json", type=Path, help="also write every number there")
    parser.add_argument("--statistics", type=Path, help="write the tracings' statistics there, and do nothing else")
    return parser.parse_args()


def bench(chosen: argparse.Namespace) -> str:
    """The tables of real beside drawn; pictures and numbers are written where they were asked for."""
    if chosen.sheets is not None:
        check_outside_git(chosen.sheets)
    conditions = read_study(chosen.study).conditions if chosen.study else Conditions()
    real = some(read_pairs(chosen.real), chosen.drawn, chosen.seed)
    drawn = drawn_pairs(conditions, chosen.annotator, chosen.drawn, chosen.seed)
    found = compared(measured(real), measured(drawn), chosen.seed)
    if chosen.reader:
        found["reader"] = reading(load_reader(chosen.real), drawn)
    if chosen.sheets is not None:
        for phase, sheet in sheets(real, drawn).items():
            write_bytes(chosen.sheets / f"real-beside-drawn-{phase}.png", picture_png(sheet))
    if chosen.json is not None:
        write_json(chosen.json, found)
    return report(found)


def some(pairs: Pairs, count: int, seed: int) -> Pairs:
    """So many patients, by chance, whose tracings are both whole; all of them where there are fewer."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    whole = (pairs.solidity[order] >= BROKEN).all(axis=1)
    return pairs.at(order[whole][:count])


def drawn_pairs(conditions: Conditions, annotator: str, count: int, seed: int) -> Pairs:
    """ED and ES of so many drawn clips: the frames on which the traced ventricle is largest and smallest."""
    beat = replace(conditions, fps=FPS, heart_rate=HEART_RATE)
    frames, masks, fractions = [], [], []
    for number in range(count):
        recipe = draw_recipe(beat, seed, number, FRAMES)
        clip = generate([recipe], structures=("lv",), annotator=annotator)
        inside = clip.masks[0, :, 0] >= 128
        area = inside.sum(axis=(1, 2))
        ends = [int(area.argmax()), int(area.argmin())]
        frames.append(clip.frames[0, ends])
        masks.append(inside[ends])
        fractions.append(clip.truths[0].ejection_fraction)
    return Pairs(np.array(frames), np.array(masks), np.array(fractions))


def measured(pairs: Pairs) -> Measured:
    """Every statistic of every patient."""
    fans = [fan(pair) for pair in pairs.frames]
    rows = [
        [of_frame(frame, mask, where) for frame, mask in zip(frames, masks, strict=True)]
        for frames, masks, where in zip(pairs.frames, pairs.masks, fans, strict=True)
    ]
    found = {group: columns([[one[group] for one in pair] for pair in rows]) for group in rows[0][0]}
    for group in ("shape", "sector"):
        found[group] = {name: with_change(values) for name, values in found[group].items()}
    found["sector"] |= columns([[{} if where is None else where.numbers] for where in fans])
    return found


def of_frame(frame: NDArray[np.uint8], mask: Mask, where: Fan | None) -> dict[str, Numbers]:
    """The statistics of one frame by group; those that it does not have are missing."""
    fit = fitted(mask) if mask.sum() >= SMALLEST else None
    return {
        "shape": {} if fit is None else shape(fit.ventricle, mask),
        "sector": {} if fit is None or where is None else to_tip(fit.ventricle, where.tip),
        "profiles": profile_numbers(frame, outline(mask)),
        "grey": {} if fit is None or where is None else grey_levels(frame, mask, where),
        "texture": {} if where is None else texture(frame, mask, where),
    }


def shape(ventricle: Ventricle, mask: Mask) -> Numbers:
    """Where a ventricle lies and how it is formed.

    Skew is how much farther from the axis the lateral side lies than the septal one. The base angle is that between the
    base line and a line square to the axis; above 0 its septal end is the one nearer to the apex.
    """
    septal, lateral = ventricle.across()
    length = ventricle.length
    told = {"axis tilt, degrees": ventricle.lean, "length, px": length}
    told["length to width"] = 1 / float((septal + lateral).max())
    told["area share, %"] = 100 * float(mask.mean())
    for name, (x, y) in zip(("apex", "septal end", "lateral end"), (ventricle.apex, *ventricle.ends), strict=True):
        told |= {f"{name} x, px": float(x), f"{name} y, px": float(y)}
    for height in HEIGHTS:
        skew = float(np.interp(height, ALONG, lateral - septal))
        told[f"skew at {100 * height:.0f} % of the axis, % of length"] = 100 * skew
    told["base angle, degrees"] = float(np.degrees(np.arctan2(ventricle.tilt, ventricle.half)))
    return told


def to_tip(ventricle: Ventricle, tip: tuple[float, float]) -> Numbers:
    """How far below the fan's tip the apex lies, and how far to its right."""
    x, y = ventricle.apex - np.array(tip)
    return {"apex right of the tip, px": float(x), "apex below the tip, px": float(y)}


def load_reader(real: Path) -> Reader:
    """The reader of a folder of real echocardiograms: frames (n, height, width) to bool masks of that shape."""
    path = real / "reader" / "reader.onnx"
    if not path.is_file():
        raise InputError(f"No such file: {path}. The reader lies beside the validation folder.")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def read(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
        small = resize.fit(frames, READER_SIZE)[:, None].astype(np.float32) / 255
        logits = np.concatenate([session.run(None, {"frames": part})[0] for part in np.array_split(small, len(small))])
        chances = 1 / (1 + np.exp(-logits.reshape(-1, READER_SIZE, READER_SIZE)))
        return resize.unfit(chances.astype(np.float32), *frames.shape[1:]) >= 0.5

    return read


def reading(read: Reader, pairs: Pairs) -> dict[str, Any]:
    """How the reader's masks on drawn frames lie to our truth, by phase: JSON-able.

    Dice, the share of frames under LOST, and pixels by which its outline reaches beyond ours at each place: median and
    5th to 95th percentile over the frames on which its Dice is RECOGNISED or more.
    """
    masks = np.stack([read(pairs.frames[:, n]) for n in range(2)], axis=1)
    overlap = dice(masks, pairs.masks)
    found: dict[str, Any] = {"dice": asdict(bootstrap(overlap.mean(axis=1), seed=0))}
    for n, phase in enumerate(PHASES):
        known = overlap[:, n] >= RECOGNISED
        beyond = [departures(masks[k, n], outline(pairs.masks[k, n])) for k in np.flatnonzero(known)]
        found[phase] = {
            "dice": asdict(bootstrap(overlap[:, n], seed=0)),
            "lost": asdict(bootstrap(overlap[:, n] < LOST, seed=0)),
            "recognised": int(known.sum()),
            "departures": {
                place: spread(np.array(beyond).reshape(-1, len(PLACES))[:, k]) for k, place in enumerate(PLACES)
            },
        }
    return plain(found)


def spread(values: Array) -> dict[str, float] | None:
    """Median and 5th to 95th percentile of the finite ones; None without any."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, middle, high = np.percentile(finite, [5, 50, 95])
    return {"median": middle, "low": low, "high": high}


def report(found: Mapping[str, Any]) -> str:
    """Every table as lines for a terminal."""
    parts = [statistics_table(found["statistics"]), profiles_table(found["statistics"]["profiles"]), together(found)]
    if "reader" in found:
        parts.append(reader_table(found["reader"]))
    n = found["n"]
    parts.append(f"n = {n['real']} real patients, {n['drawn']} drawn clips. Research software, not for diagnosis.")
    return "\n\n".join(parts)


def statistics_table(groups: Mapping[str, Any]) -> str:
    """A line per statistic and column, but for the profiles."""
    rows = [["mean (standard deviation)", "", "real", "drawn", "spread", "distance"]]
    for group in (name for name in groups if name != "profiles"):
        for name, by in groups[group].items():
            for column, one in by.items():
                kinds = [f"{mean_of(one[kind])} ({number(one[kind]['deviation'])})" for kind in ("real", "drawn")]
                rows.append([f"{group}: {name}", column, *kinds, number(one["spread"], 2), number(one["distance"], 2)])
    return aligned(rows)


def mean_of(one: Mapping[str, Any]) -> str:
    """A summary's mean."""
    return number(one["mean"])


def number(value: float | None, digits: int = 1) -> str:
    """A number as text; a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"


def profiles_table(profiles: Mapping[str, Any]) -> str:
    """Grey across the outline, a line per place, phase and kind; the distance is the mean along the line."""
    rows = [["mean (standard deviation) of grey", "", "", *(f"{reach:+d} px" for reach in REACH), "distance"]]
    for place in PLACES:
        for phase in PHASES:
            line = [profiles[profile_name(place, reach)][phase] for reach in REACH]
            far = number(
                float(np.mean([one["distance"] for one in line if one["distance"] is not None] or [np.nan])), 2
            )
            for kind in ("real", "drawn"):
                cells = [f"{number(one[kind]['mean'], 0)} ({number(one[kind]['deviation'], 0)})" for one in line]
                rows.append([place, phase, kind, *cells, far if kind == "drawn" else ""])
    return aligned(rows)


def together(found: Mapping[str, Any]) -> str:
    """A line per group of statistics, and one for all of them."""
    rows = [["", "distance", "floor", "AUC (95 % interval)"]]
    for group, one in found["auc"].items():
        far = found["distance"].get(group, {"mean": None, "floor": None})
        rows.append([group, number(far["mean"], 2), number(far["floor"], 2), interval(one, 2)])
    return aligned(rows)


def reader_table(read: Mapping[str, Any]) -> str:
    """What the reader makes of the drawn frames, a line per phase."""
    rows = [["the reader on drawn frames", "Dice", f"share under {LOST:g}", "recognised", *PLACES]]
    rows.append(["both", interval(read["dice"], 3), *[""] * (2 + len(PLACES))])
    for phase in PHASES:
        one = read[phase]
        places = [told_spread(one["departures"][place]) for place in PLACES]
        rows.append([phase, interval(one["dice"], 3), interval(one["lost"], 3), str(one["recognised"]), *places])
    return f"{aligned(rows)}\npx beyond our outline: median (5th to 95th percentile), where Dice >= {RECOGNISED:g}"


def told_spread(one: Mapping[str, float] | None) -> str:
    """A median with its percentiles, signed."""
    return "-" if one is None else f"{one['median']:+.1f} ({one['low']:.1f} to {one['high']:.1f})"


def check_outside_git(folder: Path) -> None:
    """OutputError where a folder lies in a git checkout: pictures of patients must never come near a commit."""
    for above in (folder.resolve(), *folder.resolve().parents):
        if (above / ".git").exists():
            raise OutputError(
                f"{folder} lies in the git checkout {above}. Frames of patients stay out of it: choose another DIR."
            )


def sheets(real: Pairs, drawn: Pairs) -> dict[str, NDArray[np.uint8]]:
    """A picture by phase: real patients on the left, drawn ones on the right, each as it is and with its outline."""
    first = np.arange(min(SHOWN, len(real), len(drawn)))
    kinds = [pairs.at(first) for pairs in (real, drawn)]
    return {phase: np.concatenate([sheet(pairs, n) for pairs in kinds], axis=1) for n, phase in enumerate(PHASES)}


def sheet(pairs: Pairs, phase: int, across: int = 3) -> NDArray[np.uint8]:
    """(height, width, 3) every patient, so many across."""
    style = OverlayStyle(least_side=2 * WORKING_SIZE, line=1.0, fill=0.0)
    cells = []
    for frame, mask in zip(pairs.frames[:, phase], pairs.masks[:, phase], strict=True):
        cells += [overlay_frame(frame, {}, None, style), overlay_frame(frame, {}, {"lv": mask}, style)]
    while len(cells) % (2 * across):
        cells.append(np.zeros_like(cells[0]))
    rows = [np.concatenate(cells[n : n + 2 * across], axis=1) for n in range(0, len(cells), 2 * across)]
    return np.pad(np.concatenate(rows), ((0, 0), (0, 12), (0, 0)))


def statistics(real: Path, out: Path) -> str:
    """Writes the statistics of the usable tracings to `out`; how well the family follows tracings, as lines."""
    pairs = read_pairs(real)
    fits = [[fitted(mask) for mask in pair] for pair in pairs.masks]
    usable = np.array([all(fit is not None and fit.dice > WELL for fit in pair) for pair in fits])
    usable &= (pairs.solidity > WHOLE).all(axis=1)
    side = pairs.masks.shape[-1]
    numbers = [
        [fit.ventricle.numbers(side) for fit in pair if fit] for pair, good in zip(fits, usable, strict=True) if good
    ]
    if len(numbers) < 2:
        raise InputError(f"Statistics need several patients whose tracings the family can follow, got {len(numbers)}.")
    write_text(out, population_text(population(np.array(numbers), SOURCE)))
    lines = [["Dice of the fits", "median", "5th percentile", "tracings", "not fitted"]]
    lines.append(fits_line("EchoNet-Dynamic", [fit for pair in fits for fit in pair]))
    if camus := [fitted(at_working_size(still)) for still in read_camus(real)]:
        lines.append(fits_line("CAMUS", camus))
    return f"{aligned(lines)}\n{len(numbers)} patients, of {len(pairs)}, in {out}."


def at_working_size(still: Still) -> Mask:
    """A still's mask as the generator's frames would show it: a square of WORKING_SIZE, pixels made square."""
    return resize.fit(255 * still.mask.astype(np.uint8), WORKING_SIZE, still.clip.spacing) >= 128


def fits_line(name: str, fits: Sequence[Fit | None]) -> list[str]:
    """How well the family follows the tracings of a data set."""
    found = [fit.dice for fit in fits if fit is not None]
    low, middle = np.percentile(found, [5, 50])
    return [name, f"{middle:.3f}", f"{low:.3f}", str(len(fits)), str(len(fits) - len(found))]


if __name__ == "__main__":
    main()
