"""Which evidence without labels to trust: rank correlations with true Dice, on clips whose truth is known.

    python benchmarks/label_free.py --out DIR [--clips 24] [--frames 60] [--seed 1] [--real FOLDER] [--staple]

Segmenters of known quality are judged without labels on simulated clips (those from number FIRST on: no study of this
repository draws them), or on the films of FOLDER as benchmarks/real.py reads them, where the masks beside them are
the truth. They are the bundled models in one causal pass; students of which the weights were noised, each strength half
again as much as the one before; one that sees noise on its frames; the masks of b4 shifted, shrunk, grown, late and
jittering; and a constant mask of the other clips.

A second question is whether evidence prefers the true masks to the same masks spoilt: the area under the ROC curve over
all clips, and the share of clips on which the true ones score more (ties count half).

DIR receives what `commands.judge.write_judgement` writes. The table of correlations comes twice: for all segmenters,
and for the good ones alone (mean Dice of GOOD or more), which is the harder question: bad masks are easily told.
Intervals are for other clips. Which segmenters there are decides much: read the numbers as those of this list.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from degraded import degraded_student
from numpy.typing import NDArray
from real import Film, read_films
from scipy.ndimage import distance_transform_edt

from echodfkd.clip import Clip, Segmenter, channel
from echodfkd.commands.judge import write_judgement
from echodfkd.data.dataset import KnownClip
from echodfkd.errors import EchodfkdError, one_line
from echodfkd.evidence.clip_rows import Judging, clip_rows
from echodfkd.evidence.records import ClipEvidence, Judgement
from echodfkd.evidence.reverse import Register, atlas_register
from echodfkd.evidence.trust import evidence_names, summary
from echodfkd.files import plain, write_json
from echodfkd.measure.beats import check_rate
from echodfkd.report.numbers import interval, number
from echodfkd.scores.known_clips import constant_mask
from echodfkd.student.bundled import find_model
from echodfkd.student.student import load_student
from echodfkd.synthetic.annotator import TRACED
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

FIRST = 6_000_000
GOOD = 0.85
TRUE = "true masks"
STRENGTHS = (0.04, 0.06, 0.09, 0.135)
Masks = NDArray[np.bool_]  # (time, height, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path, help="a folder of clips with masks, instead of simulated ones")
    parser.add_argument("--staple", action="store_true", help="also fuse the others by STAPLE")
    chosen = parser.parse_args()
    try:
        clips = real(chosen.real) if chosen.real else simulated(chosen.seed, chosen.clips, chosen.frames)
        report(clips, chosen.out, Judging(seed=chosen.seed, staple=chosen.staple, everything=True))
    except EchodfkdError as error:
        sys.exit(f"label_free: {one_line(error)}")


def report(clips: list[Film], out: Path, judging: Judging) -> None:
    """Judges, writes and prints."""
    everybody = segmented(clips, judging.seed)
    register, rows = atlas_register(judging.atlases, judging.size, judging.seed), []
    start = perf_counter()
    for place, one in enumerate(clips):
        masks = {name: found[place] for name, found in everybody.items()}
        truth = KnownClip(tuple(range(len(one.masks))), ("lv",), one.masks[:, None])
        rows += clip_rows(one.clip, masks, register=register, truth=truth, judging=judging)
        print(f"[{place + 1}/{len(clips)}]", file=sys.stderr)
    seconds = (perf_counter() - start) / len(rows)
    found = write_judgement(rows, out, judging=judging)
    dice = {name: one["dice"] for name, one in found.segmenters.items()}
    best = [name for name, one in dice.items() if one is not None and one.value >= GOOD]
    good = summary([row for row in rows if row.segmenter in best], seed=judging.seed)
    write_json(out / "good.json", plain(good))
    print(
        f"{len(clips)} clips, {len(everybody)} segmenters, seed {judging.seed}; {seconds:.2f} s per segmenter and clip"
    )
    print(f"\nAll segmenters\n{correlations(found)}")
    print(f"\nThe good ones alone: {', '.join(best)}\n{correlations(good)}\n\n{means(found)}")
    print("\nTrue masks preferred to the same masks spoilt: area under the ROC curve (share of clips)")
    print(preferred(spoilt(clips, register, judging)))


def simulated(seed: int, count: int, frames: int) -> list[Film]:
    """Unseen simulated clips, traced as the bundled models were taught."""
    recipes = [draw_recipe(Conditions(), seed, FIRST + number, frames) for number in range(count)]
    made = generate(recipes, 112, structures=("lv",), annotator=TRACED)
    return [
        Film(Clip(f"{seed}-{FIRST + number}", film, truth.fps), masks[:, 0] > 0)
        for number, (film, masks, truth) in enumerate(zip(made.frames, made.masks, made.truths, strict=True))
    ]


def real(folder: Path) -> list[Film]:
    """The clips of a folder with somebody's masks; names stay out of what is written."""
    found = enumerate(read_films(folder), start=1)
    return [replace(one, clip=replace(one.clip, name=f"clip {n}")) for n, one in found]


def segmented(clips: list[Film], seed: int) -> dict[str, list[Masks]]:
    """The masks of every segmenter on every clip."""
    b4, b3 = find_model("b4"), find_model("b3")
    models: dict[str, Segmenter] = {
        "b4": load_student(b4, hindsight=False),
        "b3": load_student(b3, hindsight=False),
        "teacher": load_student(find_model("teacher"), hindsight=False),
    }
    for strength in STRENGTHS:
        worse = degraded_student(b4, strength, seed)
        worse.card = replace(worse.card, hindsight=False)
        models[f"b4, weights noised {strength:g}"] = worse
    found = {name: [inside(one.clip, model) for one in clips] for name, model in models.items()}
    found["b3, frames noised"] = [inside(noised(one.clip, seed), models["b3"]) for one in clips]
    for name, spoil in SPOILT.items():
        found[f"b4 {name}"] = [spoil(masks, one.clip) for masks, one in zip(found["b4"], clips, strict=True)]
    found["constant mask"] = constant(clips)
    return found


def inside(clip: Clip, model: Segmenter) -> Masks:
    """A model's left ventricle, cut at its threshold."""
    return channel(model(clip), model.structures) >= model.threshold


def noised(clip: Clip, seed: int, deviation: float = 30.0) -> Clip:
    """The clip with Gaussian noise on its grey levels."""
    noise = deviation * np.random.default_rng(seed).standard_normal(clip.frames.shape)
    return replace(clip, frames=np.clip(np.rint(clip.frames + noise), 0, 255).astype(np.uint8))


def margin(masks: Masks, pixels: float) -> Masks:
    """Masks grown by so many pixels, shrunk where they are below 0."""
    return np.stack(
        [
            (distance_transform_edt(~mask) <= pixels) if pixels > 0 else (distance_transform_edt(mask) > -pixels)
            for mask in masks
        ]
    )


def jittering(masks: Masks, clip: Clip) -> Masks:
    """Masks that lie up to 3 pixels aside, anew on every frame."""
    ways = np.random.default_rng(0).integers(-3, 4, (len(masks), 2))
    return np.stack([np.roll(mask, way, axis=(0, 1)) for mask, way in zip(masks, ways, strict=True)])


def late(masks: Masks, clip: Clip) -> Masks:
    """Masks of a sixth of a second before."""
    return masks[np.maximum(0, np.arange(len(masks)) - round(check_rate(clip.fps) / 6))]


SPOILT: dict[str, Callable[[Masks, Clip], Masks]] = {
    "shifted": lambda masks, clip: np.roll(masks, 8, axis=2),
    "shrunk": lambda masks, clip: margin(masks, -4),
    "grown": lambda masks, clip: margin(masks, 4),
    "late": late,
    "jittering": jittering,
}
"""What is done to b4's masks; lengths in pixels of 112."""


def constant(clips: list[Film]) -> list[Masks]:
    """For every clip the constant mask of the others."""
    found = []
    for one in clips:
        mask = constant_mask([other.masks for other in clips if other is not one])
        found.append(np.broadcast_to(mask, one.masks.shape).copy())
    return found


def spoilt(clips: list[Film], register: Register | None, judging: Judging) -> list[ClipEvidence]:
    """The rows of the true masks (segmenter TRUE) and of the same masks spoilt in each way, every clip by itself."""
    rows = []
    for one in clips:
        masks = {TRUE: one.masks} | {name: spoil(one.masks, one.clip) for name, spoil in SPOILT.items()}
        for name, found in masks.items():
            (row,) = clip_rows(one.clip, {name: found}, register=register, judging=judging)
            rows.append(row)
    return rows


def preferred(rows: list[ClipEvidence]) -> str:
    """How often each evidence scores true masks above spoilt ones, as lines: over all clips, and within a clip."""
    lines = [("evidence", *SPOILT)]
    for key in evidence_names(rows):
        values = {name: [row.of(key) for row in rows if row.segmenter == name] for name in (TRUE, *SPOILT)}
        if None not in values[TRUE]:
            lines.append((key, *(above(values[TRUE], values[name]) for name in SPOILT)))
    return table(lines)


def above(better: list[float], worse: list[float]) -> str:
    """The area under the ROC curve of two lists of values, and the share of pairs in which the first is more."""
    a, b = np.array(better), np.array(worse)
    area = np.mean((a[:, None] > b) + 0.5 * (a[:, None] == b))
    return f"{area:.2f} ({np.mean((a > b) + 0.5 * (a == b)):.2f})"


def correlations(found: Judgement) -> str:
    """The table of rank correlations as lines."""
    lines = [("evidence", "per clip", "per model", "within clip", "across clips")]
    for key, by in (found.rank_correlation or {}).items():
        lines.append((key, *(interval(one, 2) for one in by.values())))
    return table(lines)


def means(found: Judgement) -> str:
    """Each segmenter's means as lines; parts of plausibility are left out."""
    keys = ["dice", *(key for key in found.evidence if not key.startswith("plausibility."))]
    lines = [("segmenter", *keys)]
    lines += [(name, *(number(found.segmenters[name][key], 3) for key in keys)) for name in found.names]
    return table(lines)


def table(lines: list[tuple[str, ...]]) -> str:
    """Lines under their columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


if __name__ == "__main__":
    main()
