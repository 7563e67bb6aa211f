"""Which evidence without labels follows true Dice on real hearts: over models, and over human masks spoilt on purpose.

    python benchmarks/label_free_real.py REAL [--model NAME|DIR ...] [--judge NAME|none] [--clips N] [--frames N]
                                         [--json FILE]

REAL is the folder that `real.py` reads. Of every whole clip with two human masks the frames around these are shown to
the models (the folder's reader, which knows real hearts, beside those named) and to every kind of evidence that
`echodfkd judge` has, which sees no label. True Dice is that with the human masks at ED and ES.

Told are rank correlations of evidence with true Dice: Spearman's and Kendall's over the segmenters' means, Spearman's
within a clip. The segmenters are the models, and the first of them spoilt in the ways of WORSE; the models come alone
too. Then the human masks are spoilt in the ways of SPOILT: how often does a human mask score above its spoilt version
(0.5 is chance)? Those clips are the two frames alone: agreement and smoothness have nothing to say of them. Intervals
are 95 % bootstrap by clip: they are for other clips, not for other segmenters. No clip's name is printed or written.

The file is the table that `echodfkd judge` goes by (`evidence/shown.py`), and what a judge's card tells of real hearts.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from label_free import margin
from lines import aligned
from numpy.typing import NDArray
from real import Traced, read_traced
from scipy.ndimage import shift

from echodfkd.clip import Clip, Segmenter, channel
from echodfkd.data.dataset import KnownClip
from echodfkd.engine import progress
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.evidence.clip_rows import Judging, clip_rows
from echodfkd.evidence.records import ClipEvidence
from echodfkd.evidence.reverse import Register, atlas_register
from echodfkd.evidence.shown import Correlations, Followed, RealHearts
from echodfkd.evidence.trust import evidence_names, per_model, within_clip
from echodfkd.evidence.words.echoclip import load_judge
from echodfkd.evidence.words.image_text import fit_evidence
from echodfkd.evidence.words.mask_quality import (
    MaskFit,
    mask_fit,
    scale_of,
)
from echodfkd.evidence.words.prompts import Similarity, read_prompts
from echodfkd.files import plain, write_json
from echodfkd.measure.beats import check_rate
from echodfkd.measure.ejection import long_axis
from echodfkd.measure.shape import largest_component
from echodfkd.report.numbers import interval
from echodfkd.stats.intervals import Interval, bootstrap
from echodfkd.student.bundled import find_model
from echodfkd.student.student import load_student
from echodfkd.teachers.onnx import OnnxTeacher
from echodfkd.teachers.settings import Input
from echodfkd.video import read

Masks = NDArray[np.bool_]  # (time, height, width)
Array = NDArray[np.float64]

READER, READER_SIZE = Path("reader", "reader.onnx"), 80
HUMAN = "human"


@dataclass(frozen=True)
class Case:
    """The frames of a clip around its two human masks (2, height, width), which lie at the frames `at`, ascending."""

    clip: Clip
    at: tuple[int, int]
    human: Masks

    @property
    def known(self) -> KnownClip:
        """The human masks as a data set tells them."""
        return KnownClip(self.at, ("lv",), self.human[:, None])

    @property
    def pair(self) -> "Case":
        """The two masked frames alone, as a clip of so few frames a second that its length stays."""
        rate = check_rate(self.clip.fps) / (self.at[1] - self.at[0])
        return Case(replace(self.clip, frames=self.clip.frames[list(self.at)], fps=rate), (0, 1), self.human)


def main() -> None:
    chosen = arguments()
    try:
        judge = None if chosen.judge == "none" else load_judge(chosen.judge)
        cases = read_cases(chosen.real, chosen.clips, chosen.frames)
        masks = segmented(cases, models(chosen.real, chosen.model))
        found = measured(cases, masks | worse(masks), judge, Judging())
        if chosen.json is not None:
            write_json(chosen.json, plain(found))
    except EchodfkdError as error:
        sys.exit(f"label_free_real: {one_line(error)}")
    print(report(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path, help="the folder of real echocardiograms")
    parser.add_argument("--model", nargs="+", default=["b4", "b3", "teacher"], help="models' folders, or bundled ones")
    parser.add_argument("--judge", default="standin", help="standin, echoclip, hf-hub:..., local-dir:... or none")
    parser.add_argument("--clips", type=int, default=60, help="clips looked at, at most")
    parser.add_argument("--frames", type=int, default=64, help="frames of each, around the two masked ones")
    parser.add_argument("--json", type=Path, help="also write what was found there: numbers, no clip's name")
    return parser.parse_args()


# --- clips and masks --------------------------------------------------------------------------------------------------


def read_cases(real: Path, clips: int, frames: int) -> list[Case]:
    """The clips without a broken tracing, at most `clips` of at most `frames` frames, numbered; InputError for none."""
    found = [one for one in read_traced(real) if one.whole][:clips]
    if not found:
        raise InputError(f"{real} holds no clips with two human masks. Give the folder of real echocardiograms.")
    return [case(number, one, frames) for number, one in enumerate(found, start=1)]


def case(number: int, traced: Traced, frames: int) -> Case:
    """The frames of a clip around its two masks, both of them included."""
    clip = read(traced.path)
    phases = sorted(traced.frames, key=lambda phase: traced.frames[phase])
    first, last = (traced.frames[phase] for phase in phases)
    start = max(0, min((first + last + 1 - frames) // 2, first, len(clip.frames) - frames))
    cut = clip.frames[start : max(start + frames, last + 1)]
    human = np.stack([traced.masks[phase] for phase in phases])
    return Case(replace(clip, name=f"clip {number}", frames=cut), (first - start, last - start), human)


def models(real: Path, names: Sequence[str]) -> dict[str, Callable[[], Segmenter]]:
    """How each model is had, by the name of its folder; the reader is the last where the folder holds one."""
    found: dict[str, Callable[[], Segmenter]] = {
        Path(name).name: partial(load_student, find_model(name), threads=1) for name in names
    }
    if (real / READER).is_file():
        found["reader"] = partial(OnnxTeacher, real / READER, ("lv",), Input(size=READER_SIZE), 1)
    return found


def segmented(cases: Sequence[Case], models: Mapping[str, Callable[[], Segmenter]]) -> dict[str, list[Masks]]:
    """The masks of every segmenter on every clip."""
    found = {}
    for name, made in models.items():
        model = made()
        found[name] = [inside(one.clip, model) for one in progress(cases, name)]
    return found


def inside(clip: Clip, model: Segmenter) -> Masks:
    """A segmenter's left ventricle, as the command cuts it."""
    masks = np.asarray(channel(model(clip), model.structures) >= model.threshold)
    wanted = getattr(model, "largest_component", False)
    return np.stack([largest_component(mask) for mask in masks]) if wanted else masks


def worse(masks: Mapping[str, Sequence[Masks]]) -> dict[str, list[Masks]]:
    """The first model's masks spoilt in the ways of WORSE, as segmenters of their own."""
    first = next(iter(masks))
    return {f"{first}, {name}": [spoil(one) for one in masks[first]] for name, spoil in WORSE.items()}


def reaching(masks: Masks, pixels: int) -> Masks:
    """Masks drawn on by that many pixels at the lower end of their long axis, as into an atrium."""
    found = []
    for mask in masks:
        way = downwards(mask)
        parts = [shift(mask.astype(np.uint8), step * way, order=0) > 0 for step in range(pixels + 1)]
        found.append(np.logical_or.reduce(parts))
    return np.stack(found)


def without_apex(masks: Masks, share: float) -> Masks:
    """Masks without that share of their long axis at its upper end."""
    found = []
    for mask in masks:
        along = np.argwhere(mask) @ downwards(mask)
        cut = mask.copy()
        cut[mask] = along >= along.min() + share * np.ptp(along)
        found.append(cut)
    return np.stack(found)


def downwards(mask: NDArray[np.bool_]) -> Array:
    """The direction (row, column) of a mask's long axis, pointing down."""
    way = long_axis(mask).direction
    return np.asarray(way * np.sign(way[0] or 1.0))


SPOILT: dict[str, Callable[[Masks], Masks]] = {
    "shrunk 2": lambda masks: margin(masks, -2),
    "shrunk 4": lambda masks: margin(masks, -4),
    "grown 2": lambda masks: margin(masks, 2),
    "grown 4": lambda masks: margin(masks, 4),
    "shifted 4": lambda masks: np.roll(masks, 4, axis=2),
    "shifted 8": lambda masks: np.roll(masks, 8, axis=2),
    "base opened 8": lambda masks: reaching(masks, 8),
    "apex cut 20 %": lambda masks: without_apex(masks, 0.2),
}
"""What is done to human masks; lengths in pixels of 112."""
WORSE = {name: SPOILT[name] for name in ("shrunk 4", "grown 4", "shifted 8", "base opened 8")}
"""What is done to a model's masks: too small, too large, aside, into the atrium."""


# --- evidence ---------------------------------------------------------------------------------------------------------


def measured(
    cases: Sequence[Case], masks: Mapping[str, Sequence[Masks]], judge: Similarity | None, judging: Judging
) -> RealHearts:
    """Every kind of evidence on the masks of all segmenters (by name, clip by clip), models first, then those WORSE."""
    register = atlas_register(judging.atlases, judging.size, judging.seed)
    models = [name for name in masks if name.rpartition(", ")[2] not in WORSE]
    everybody = judged(cases, masks, register, judge, judging)
    by_itself = spoilt(cases, register, judge, judging)
    cubes = {key: cube(everybody, key, list(masks)) for key in evidence_names(everybody)}
    alone = [n for n, name in enumerate(masks) if name in models]
    sure = partial(bootstrap, seed=judging.seed, resamples=judging.resamples)
    true = next(iter(cubes.values()))[..., 1]
    return RealHearts(
        clips=len(cases),
        frames=max(len(one.clip.frames) for one in cases),
        seed=judging.seed,
        judge=getattr(judge, "name", None),
        dice={name: sure(true[:, n]) for n, name in enumerate(masks)},
        models=tuple(models),
        evidence={
            key: Followed(correlations(both, sure), correlations(both[:, alone], sure), preferred(by_itself, key, sure))
            for key, both in cubes.items()
        },
    )


def judged(
    cases: Sequence[Case],
    masks: Mapping[str, Sequence[Masks]],
    register: Register | None,
    judge: Similarity | None,
    judging: Judging,
) -> list[ClipEvidence]:
    """The rows of all segmenters; the judge sees the frames that it sees of clips without labels."""
    rows, fits = [], []
    for number, one in enumerate(progress(cases, "judge")):
        given = {name: found[number] for name, found in masks.items()}
        rows += clip_rows(one.clip, given, register=register, truth=one.known, judging=judging)
        if judge is not None:
            fits += fits_of(judge, one.clip, given)
    return with_fits(rows, fits, fits)


def spoilt(
    cases: Sequence[Case], register: Register | None, judge: Similarity | None, judging: Judging
) -> list[ClipEvidence]:
    """The rows of human masks (HUMAN) and of their versions of SPOILT; the judge's z-scores on the former's scale."""
    rows, fits = [], []
    for one in progress([one.pair for one in cases], "spoilt"):
        given = {HUMAN: one.human} | {name: spoil(one.human) for name, spoil in SPOILT.items()}
        rows += clip_rows(one.clip, given, register=register, truth=one.known, judging=judging)
        if judge is not None:
            fits += fits_of(judge, one.clip, given)
    return with_fits(rows, fits, [fit for fit in fits if fit.model == HUMAN])


def fits_of(judge: Similarity, clip: Clip, masks: Mapping[str, Masks]) -> list[MaskFit]:
    """How the masks of every segmenter fit, to an image-text judge that is told no truth."""
    prompts = read_prompts()
    return [mask_fit(judge, prompts, name, clip.name, clip.frames, inside) for name, inside in masks.items()]


def with_fits(rows: Sequence[ClipEvidence], fits: Sequence[MaskFit], pool: Sequence[MaskFit]) -> list[ClipEvidence]:
    """The rows with an image-text judge's scores beside the other evidence, z-scores on the scale of `pool`."""
    words = fit_evidence(fits, scale_of(pool)) if fits else {}
    return [replace(row, evidence=row.evidence | words.get((row.segmenter, row.name), {})) for row in rows]


def cube(rows: Sequence[ClipEvidence], key: str, names: Sequence[str]) -> Array:
    """(clip, segmenter, 2): an evidence and true Dice."""
    found: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for row in rows:
        found.setdefault(row.name, {})[row.segmenter] = (row.of(key), row.dice)
    return np.array([[by[name] for name in names] for by in found.values()], np.float64)


def correlations(both: Array, sure: Callable[..., Interval]) -> Correlations:
    """Those of a cube; fewer than three segmenters, or equal ones, have none."""
    told = {"spearman": per_model, "kendall": kendall, "within_clip": within_clip}
    found = {name: sure(both, by) if np.isfinite(by(both)) else None for name, by in told.items()}
    return Correlations(**found)


def kendall(both: Array) -> float:
    """Kendall's tau-b over the segmenters' means."""
    signs = [np.sign(values[:, None] - values) for values in both.mean(axis=0).T]
    norm = np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum())
    return float((signs[0] * signs[1]).sum() / norm) if norm > 0 else float("nan")


def preferred(rows: Sequence[ClipEvidence], key: str, sure: Callable[..., Interval]) -> dict[str, Interval]:
    """How often an evidence scores the human mask above each of its spoilt versions; nothing where it cannot tell."""
    if key.startswith(("agreement", "smoothness")):
        return {}
    values = {
        name: np.array([row.of(key) for row in rows if row.segmenter == name], np.float64) for name in (HUMAN, *SPOILT)
    }
    differences = {name: values[HUMAN] - values[name] for name in SPOILT}
    return {name: sure((by > 0) + 0.5 * (by == 0)) for name, by in differences.items()}


# --- what is told -----------------------------------------------------------------------------------------------------


def report(found: RealHearts) -> str:
    """Everything as tables."""
    rank = [("evidence", "all: Spearman", "Kendall", "within a clip", "models: Spearman", "Kendall", "within a clip")]
    for key, one in found.evidence.items():
        numbers = [n for each in (one.segmenters, one.models) for n in (each.spearman, each.kendall, each.within_clip)]
        rank.append((key, *(interval(n, 2) for n in numbers)))
    share = [("evidence", *SPOILT)]
    share += [
        (key, *(interval(one.preferred[name], 2) for name in SPOILT))
        for key, one in found.evidence.items()
        if one.preferred
    ]
    dice = [("segmenter", "true Dice"), *((name, interval(one, 3)) for name, one in found.dice.items())]
    parts = [
        f"{found.clips} clips of {found.frames} frames at most, {len(found.dice)} segmenters, {len(found.models)} of "
        f"them models, image-text judge {found.judge or 'none'}, seed {found.seed}.",
        aligned(dice),
        "Rank correlation with true Dice\n" + aligned(rank),
        "Human masks preferred to the same masks spoilt, share of clips\n" + aligned(share),
    ]
    return "\n\n".join([*parts, "Research software, not for diagnosis."])


if __name__ == "__main__":
    main()
