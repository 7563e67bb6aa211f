"""Measures a judge on drawn hearts it has not seen and puts it, with its card, where the package looks for it.

    python studies/judge_card.py studies/judge.toml --judge RUN/judge --out src/echodfkd/evidence/words/judges/standin
                                 [--clips N] [--real SCORES.json] [--machine WORDS]

Measured: how well captions are told from false ones, masks good from spoilt, segmenters by their true Dice, ED and ES
by the valve, the ejection fraction by ranked prompts. SCORES.json is what `benchmarks/label_free_real.py --json` wrote.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from captions import STATEMENTS
from judge import CONFIG_FILE, WEIGHTS_FILE, Batches, JudgeStudy, read_study
from numpy.typing import NDArray

from echodfkd.clip import Clip, channel
from echodfkd.errors import EchodfkdError
from echodfkd.evidence.words.echoclip import Judge, load_judge
from echodfkd.evidence.words.mask_quality import (
    KINDS,
    SCORES,
    auc,
    calibration_fits,
    calibration_scores,
    mask_fit,
    mask_scores,
)
from echodfkd.evidence.words.phases import clip_curve, phase_row, phase_scores, valve_curve
from echodfkd.evidence.words.prompts import clip_similarity, read_prompts
from echodfkd.files import filling, plain, read_json, sha256, write_json, write_text
from echodfkd.report.numbers import interval
from echodfkd.scores.degrade import degrade
from echodfkd.scores.frame_distance import Reference
from echodfkd.stats.intervals import bootstrap
from echodfkd.stats.ranks import spearman
from echodfkd.student.bundled import find_model
from echodfkd.student.student import load_student
from echodfkd.synthetic.annotator import TRACED
from echodfkd.synthetic.generate import Truth, generate
from echodfkd.synthetic.recipe import GENERATOR, Conditions, draw_recipe

UNSEEN = 9_100_000
"""Clips that measure are numbered from here on."""
SEED = 97
FRAMES = 110
ANNOTATOR = TRACED
"""Who traced the truth: as students learn it."""
OUTLINES = {TRACED: "as humans trace it", "tight-in-systole": "tight in systole"}
"""What the other half of a stand-in's truth was: generator 2 had the last."""
CAPTION_BATCHES = 16
SPOILT: tuple[tuple[str, str, float], ...] = (("b4", "blur", 4), ("b3", "noise", 40), ("teacher", "gain", -20))
"""Segmenters made worse: a bundled one that is shown each clip with this degradation and strength."""

REAL_SCORES = ("judge", "judge.wall", "judge.cavity")
"""The judge's scores as evidence on real hearts, by name."""

Item = tuple[str, NDArray[np.uint8], NDArray[np.bool_], Truth]


def drawn(clips: int) -> list[Item]:
    """(name, frames, true masks of the left ventricle, truth) of clips that no training saw."""
    recipes = [draw_recipe(Conditions(), SEED, UNSEEN + number, FRAMES) for number in range(clips)]
    made = (generate([recipe], structures=("lv",), annotator=ANNOTATOR) for recipe in recipes)
    return [(f"unseen-{n}", found.frames[0], found.masks[0, :, 0] > 0, found.truths[0]) for n, found in enumerate(made)]


def segmenters() -> dict[str, Callable[[Item], NDArray[np.bool_]]]:
    """Six of different quality, by name: the bundled ones, and the same on clips that were made worse."""
    students = {name: load_student(find_model(name)) for name in ("b4", "b3", "teacher")}

    def masks(name: str, item: Item, kind: str | None = None, strength: float = 0) -> NDArray[np.bool_]:
        frames = item[1] if kind is None else degrade(item[1], item[2], kind, strength).frames
        student = students[name]
        found = channel(student(Clip(item[0], frames, item[3].fps)), student.structures)
        return np.asarray(found >= student.threshold)

    plain_ones = {name: (lambda item, name=name: masks(name, item)) for name in students}
    worse = {
        f"{name} on {kind}": (lambda item, n=name, k=kind, s=strength: masks(n, item, k, s))
        for name, kind, strength in SPOILT
    }
    return plain_ones | worse


def caption_scores(judge: Judge, study: JudgeStudy) -> dict[str, Any]:
    """Per topic the chance that a picture of which it is true fits it better than one of which it is not.

    True is 0.7 and more, untrue 0.3 and less; pictures as in training, of clips it has not seen. Intervals by clip.
    """
    batches = Batches(study, first=UNSEEN)
    parts = [batches[k] for k in range(CAPTION_BATCHES)]
    pictures = np.concatenate([part[0] for part in parts])
    sights = {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]}
    per_clip = study.pictures.frames * study.pictures.views
    found = judge.similarities(pictures, {topic: s.wordings[:1] for topic, s in STATEMENTS.items()})
    scores = {topic: _told_apart(found[topic], s.truth(sights), per_clip) for topic, s in STATEMENTS.items()}
    valve = found["valve closed"] - found["valve open"]
    scores["valve closed minus open"] = _told_apart(valve, STATEMENTS["valve closed"].truth(sights), per_clip)
    cavity = found["left ventricle"] - found["nothing"]
    scores["left ventricle minus nothing"] = _told_apart(cavity, STATEMENTS["left ventricle"].truth(sights), per_clip)
    return scores


def _told_apart(similarity: NDArray, truth: NDArray, per_clip: int) -> dict[str, Any] | None:
    pairs = np.stack([similarity, truth], axis=-1).reshape(-1, per_clip, 2)

    def statistic(sample: NDArray) -> float:
        values, true = sample[..., 0].ravel(), sample[..., 1].ravel()
        return auc(values[true >= 0.7], values[true <= 0.3])

    return asdict(bootstrap(pairs, statistic, seed=0, resamples=500)) if np.isfinite(statistic(pairs)) else None


def known_valve(truth: Truth) -> NDArray[np.float64]:
    """f (time,) of a judge that knows the valve's true state: what the way of reading ED and ES allows at best."""
    closed = STATEMENTS["valve closed"].truth({"opening": np.array(truth.valve_opening)})
    return valve_curve(closed, 1 - closed)


def fraction_scores(judge: Judge, items: Sequence[Item]) -> dict[str, Any]:
    """The ejection fraction by ranked prompts: rank correlation with the truth, and error beside always the mean."""
    prompts = read_prompts()
    said = [clip_similarity(judge, prompts, name, frames, most=24).ejection_fraction for name, frames, _, _ in items]
    return ranked_against_mean(np.array(said, np.float64), np.array([item[3].ejection_fraction for item in items]))


def ranked_against_mean(said: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, Any]:
    """What ejection fractions said (clip,) are worth, percent: beside always the true mean, and against it by clip.

    `nearer_than_the_mean` is the paired difference, the mean's error less the judge's: above 0 the judge comes nearer.
    """
    pairs = np.stack([said, truth], axis=1)
    errors, by_mean = abs(said - truth), abs(truth.mean() - truth)
    return {
        "rank": asdict(bootstrap(pairs, spearman, seed=0)),
        "error": asdict(bootstrap(errors, seed=0)),
        "error_of_the_mean": asdict(bootstrap(by_mean, seed=0)),
        "nearer_than_the_mean": asdict(bootstrap(by_mean - errors, seed=0)),
    }


def measured(judge: Judge, study: JudgeStudy, clips: int) -> dict[str, Any]:
    """Everything that the card tells of drawn hearts."""
    prompts, items = read_prompts(), drawn(clips)
    references = [Reference(len(f), t.fps, t.ed_frames, t.es_frames) for _, f, _, t in items]
    curves = [clip_curve(judge, prompts, frames) for _, frames, _, _ in items]
    phases = [phase_row(curve, known) for curve, known in zip(curves, references, strict=True)]
    known = [phase_row(known_valve(i[3]), reference) for i, reference in zip(items, references, strict=True)]
    calibration = calibration_fits(judge, prompts, [item[:3] for item in items], seed=SEED)
    fits = [
        mask_fit(judge, prompts, model, item[0], item[1], segment(item), item[2])
        for model, segment in segmenters().items()
        for item in items
    ]
    return plain(
        {
            "captions": caption_scores(judge, study),
            "calibration": calibration_scores(calibration),
            "masks": mask_scores(fits),
            "phases": phase_scores(phases, references),
            "phases_of_the_known_valve": phase_scores(known, references),
            "fraction": fraction_scores(judge, items),
            "clips": clips,
            "annotator": ANNOTATOR,
        }
    )


def card(
    study: JudgeStudy, judge: Path, found: dict[str, Any], real: dict[str, Any] | None, machine: str, note: str
) -> dict[str, Any]:
    """What card.json holds."""
    pictures = study.training.steps * study.pictures.clips * study.pictures.frames * study.pictures.views
    return {
        "name": "standin",
        "patients": False,
        "licence": "Apache-2.0",
        "study": asdict(study),
        "generator": GENERATOR,
        "pictures": pictures,
        "clips": study.training.steps * study.pictures.clips,
        "weights_sha256": sha256(judge / WEIGHTS_FILE),
        "bytes": (judge / WEIGHTS_FILE).stat().st_size,
        "machine": machine,
        "note": note,
        "measured": found,
        "real": real,
    }


def words(made: dict[str, Any]) -> str:
    """README.md: the card in words."""
    found, study = made["measured"], made["study"]
    masks, phases = found["masks"], found["phases"]
    by_dice = sorted(masks["models"].items(), key=lambda item: -item[1]["dice"]["value"])
    captions = "\n".join(f"| {topic} | {interval(value, 3)} |" for topic, value in found["captions"].items() if value)
    auc_rows = _auc_rows(found["calibration"])
    ranks = "\n".join(
        f"| {s} | {interval(masks['rank']['per_frame'][s], 2)} | {interval(masks['rank']['per_model'][s], 2)} |"
        for s in SCORES
    )
    models = "\n".join(f"| {name} | {interval(m['dice'], 3)} | {interval(m['combined'], 2)} |" for name, m in by_dice)
    beats = "\n".join(
        f"| {name} | {interval(s['ed']['penalised_ms'], 0)} | {interval(s['es']['penalised_ms'], 0)} | "
        f"{interval(s['ed']['afd'], 1)} | {interval(s['es']['afd'], 1)} |"
        for name, s in {
            "valve, by the judge": phases,
            "valve, truly known": found["phases_of_the_known_valve"],
            **phases["by_chance"],
        }.items()
    )
    nearer = "\n".join(
        f"| {name} | {interval(s['ed']['penalised_ms'], 0)} | {interval(s['es']['penalised_ms'], 0)} | "
        f"{interval(s['ed']['afd'], 1)} | {interval(s['es']['afd'], 1)} |"
        for name, s in phases["nearer_than_chance"].items()
    )
    fraction = found["fraction"]
    real = _real_words(made["real"])
    return f"""# standin: an image-text judge that has never seen a patient

A small model in open_clip's own format ({made["bytes"]:,} bytes): it stands in for EchoCLIP, which cannot be shipped,
where tests and the demo need a judge. Apache-2.0. **Research software, not for diagnosis.**{_worth(made["real"])}

    from echodfkd.evidence.words.echoclip import load_judge
    judge = load_judge("standin")

**It is not EchoCLIP.** What is told below says nothing about EchoCLIP's judgement of masks, nor of patients' clips.

## How it was made

- Study {study["name"]}, seed {study["seed"]}, `studies/judge.toml`: {made["pictures"]:,} pictures of {made["clips"]:,}
  clips drawn by generator {made["generator"]}, each seen once. No patient's frame, and no weight that saw one.
- {made["note"]}
- Captions come from the simulator's truth (studies/captions.py); a caption is true by degrees or unknown, and the
  loss is the sigmoid loss of image-text pairs.
- **It was taught what a black region means; EchoCLIP was not.** "LEFT VENTRICLE" says that the black region is the left
  ventricle with a margin of 5 pixels of 112; "NOTHING" says that it is not, an untouched frame and one without a heart
  included; "WALL" says that the rim of 5 pixels around the ventricle is not black. So the paper's signs hold by
  construction, and its correlations say how well a judge can do that knows the game.
- Half of the truth is traced at the endocardium, half {OUTLINES[found["annotator"]]} (synthetic/annotator.py).
- Words that no caption holds are zeros: only prompts made of the captions' words mean anything to it.
- An image tower (a ResNet of six blocks, width 16, attention pooling, 112 x 112) that also learned where structures and
  leaflets are, and a text tower (two layers of width 28), half precision on disk. Weights' SHA-256:
  {made["weights_sha256"][:16]}.

## Measured

On {found["clips"]} drawn clips of {FRAMES} frames it has not seen (seed {SEED}, truth {found["annotator"]}), on
{made["machine"]}; 95 % bootstrap intervals by clip.

How often a picture of which a caption is true fits it better than one of which it is not (AUC, pictures as taught):

| caption | AUC |
|---|---|
{captions}

Good masks against spoilt ones, AUC (in brackets its interval; kinds as in evidence/words/mask_quality.py). Combined:
the lower of wall and cavity as z-scores over the good masks alone, so that no kind's figures hang on the others:

| masks | wall | cavity | combined | combined, same frame |
|---|---|---|---|---|
{auc_rows}

Rank correlation with the true Dice over {len(masks["models"])} segmenters. Combined: z-scores over all frames of these
segmenters; in other company the scores are others:

| score | per frame | per segmenter |
|---|---|---|
{ranks}

| segmenter | true Dice | combined score |
|---|---|---|
{models}

ED and ES one to one, missed and extra penalised, ms (least is best), and the paper's average frame distance (aFD). The
valve opens only after isovolumic relaxation: even a judge that knows its state finds ES late. Curves that saw no image:
the mean of {phases["draws"]} draws for every clip.

| | ED, ms | ES, ms | ED aFD, frames | ES aFD, frames |
|---|---|---|---|---|
{beats}

How much nearer the judge comes than each curve that saw no image, paired by clip (below 0 the curve comes nearer).
By the paper's aFD white noise comes nearer than the judge: its rule picks the beat by the reference.

| | ED, ms | ES, ms | ED aFD, frames | ES aFD, frames |
|---|---|---|---|---|
{nearer}

Ejection fraction by ranked prompts: rank correlation {interval(fraction["rank"], 2)}, mean error
{interval(fraction["error"], 1)} points; always saying the mean {interval(fraction["error_of_the_mean"], 1)}. Paired by
clip the judge comes {interval(fraction["nearer_than_the_mean"], 1)} points nearer; {_shown(fraction)}.
{real}
## Limits

- It has never seen a patient. On real clips its verdicts are those of somebody who learned from drawings.
- Its words are the captions of studies/captions.py; it does not understand others.
- Intervals tell the spread over the clips scored, not what other scanners, views or populations would give.
- Research software, not for diagnosis.
"""


def _shown(fraction: dict[str, Any]) -> str:
    """Whether the paired comparison with always the mean shows that the judge does better."""
    low = fraction["nearer_than_the_mean"]["low"]
    return "the interval is above 0" if low is not None and low > 0 else "that it does better is not shown"


def _auc_rows(scores: dict[str, Any]) -> str:
    return "\n".join(
        f"| {kind} | "
        + " | ".join(interval(scores["auc"][kind][s], 3) for s in SCORES)
        + f" | {interval(scores['paired'][kind]['combined'], 3)} |"
        for kind in KINDS
    )


def _worth(real: dict[str, Any] | None) -> str:
    """A paragraph on how it follows true Dice on real hearts, on lines of its own; nothing where that is not known."""
    if real is None:
        return ""
    found = interval(real["evidence"]["judge"]["models"]["spearman"], 2)
    return f"\n\n**On real hearts** its rank correlation with true Dice over models is {found}."


def _real_words(real: dict[str, Any] | None) -> str:
    """The section on real clips, where they were measured."""
    if real is None:
        return ""
    found = {key: real["evidence"][key] for key in REAL_SCORES}
    ranks = [interval(one["models"]["spearman"], 2) for one in found.values()]
    ways = "\n".join(
        f"| {way} | {' | '.join(interval(one['preferred'][way], 2) for one in found.values())} |"
        for way in found["judge"]["preferred"]
    )
    return f"""
On {real["clips"]} real clips with human masks at ED and ES (`benchmarks/label_free_real.py`) the rank correlation with
true Dice over {len(real["models"])} models is, combined, {ranks[0]}, of wall
{ranks[1]}, of cavity {ranks[2]}. How often a human mask there scores above the same mask spoilt
(share of clips; pixels of 112; combined over the human masks' z-scores):

| masks | combined | wall | cavity |
|---|---|---|---|
{ways}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--judge", type=Path, required=True, help="the folder that studies/judge.py made")
    parser.add_argument("--out", type=Path, required=True, help="the judge's folder; replaced as a whole")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--real", type=Path, help="scores on real clips, by benchmarks/label_free_real.py --json")
    parser.add_argument("--note", default="Trained in one go.", help="what is to be said of the training")
    parser.add_argument("--machine", default="a machine not told")
    chosen = parser.parse_args()
    try:
        study = read_study(chosen.study)
        judge = load_judge(f"local-dir:{chosen.judge}", device="cpu")
        real = read_json(chosen.real) if chosen.real else None
        found = measured(judge, study, chosen.clips)
        made = card(study, chosen.judge, found, real, chosen.machine, chosen.note)
        with filling(chosen.out, (CONFIG_FILE, WEIGHTS_FILE, "card.json", "README.md")) as folder:
            for name in (CONFIG_FILE, WEIGHTS_FILE):
                shutil.copyfile(chosen.judge / name, folder / name)
            write_json(folder / "card.json", made)
            write_text(folder / "README.md", words(read_json(folder / "card.json")))
    except EchodfkdError as error:
        sys.exit(f"judge_card: {error}")


if __name__ == "__main__":
    main()
