"""Several segmenters on the same clips, compared without labels: a row of evidence for each on every clip.

Where the clips come with labels, true Dice stands beside, and with it how far each evidence can be trusted.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Frames, Segmenter
from echodfkd.data import video
from echodfkd.data.dataset import Dataset
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import InputError
from echodfkd.evaluate.consensus import agreement
from echodfkd.evaluate.edges import edge_contrast
from echodfkd.evaluate.label_free import TRUTH, evidence_names, summary
from echodfkd.evaluate.overlap import dice
from echodfkd.evaluate.plausibility import plausibility
from echodfkd.evaluate.predictions import MASKS_FILE, prediction_folders, read_prediction
from echodfkd.evaluate.reverse import Atlases, Register, prior_dice, reverse_dice
from echodfkd.evaluate.sector import sector
from echodfkd.evaluate.shape import MaskClip
from echodfkd.evaluate.smoothness import smoothness
from echodfkd.files import make_folder, write_json, write_text
from echodfkd.report.page import Page, Section, write_page
from echodfkd.report.sections.label_free import section
from echodfkd.resize import fit

Row = dict[str, Any]
Judge = Callable[[Frames, MaskClip], Mapping[str, float | None]]
"""Another witness, such as an image-text model: frames and masks (time, height, width) to evidence by name."""

ATLAS_NUMBERS = 9_000_000
"""The first number of the clips that atlases are cut from: none that a study draws."""

LIMITS = (
    "Research software: not a medical device and not for diagnosis.",
    "No evidence here is a measure of overlap: it may rank segmenters, it does not say how good the best of them is.",
    "Segmenters of one origin agree on their common mistakes, and a majority of bad ones outvotes a good one.",
    "Atlases for the reverse classification are drawn by a simulator; on other scanners and hearts they say less.",
    "Smoothness and plausibility hardly look at the image: a steady egg in the right place has both.",
)


@dataclass(frozen=True)
class Judging:
    """Dials of the comparison. Whatever is set changes what is looked at, never the clips."""

    frames: int = 5  # of every clip, evenly spread, that atlases are registered to
    atlases: int = 48  # drawn for the reverse classification; 0 leaves it out
    size: int = 56  # their pixels a side
    staple: bool = False  # also fuse the others by STAPLE: needs SimpleITK, and some tenths of a second a clip
    seed: int = 0  # of the atlases and of the bootstrap
    resamples: int = 1000

    def __post_init__(self) -> None:
        if self.frames < 1 or self.atlases < 0 or self.size < 32 or self.resamples < 1:
            raise InputError(f"Judging needs frames, atlases, a size from 32 on and resamples, got {self}.")


@dataclass(frozen=True)
class Known:
    """True masks (labelled frame, height, width) bool of some `frames` of a clip."""

    frames: tuple[int, ...]
    masks: NDArray[np.bool_]


@dataclass(frozen=True)
class Listed:
    """A clip that can be read, and its truth where there is one."""

    name: str
    read: Callable[[], Clip]
    truth: Callable[[], Known | None]


def judge_predictions(
    clips: Sequence[Path],
    predictions: Mapping[str, Path],
    out: Path,
    *,
    judge: Judge | None = None,
    judging: Judging | None = None,
) -> dict[str, Any]:
    """The evidence for the masks of several segmenters on the same clips, as `label_free.json` holds it.

    `clips` are films, or data sets of any layout that the house reads (a store, EchoNet's, CAMUS's, a folder of films);
    `predictions` maps a segmenter's name to its folder as `echodfkd segment` writes it. `out` receives
    `label_free.csv` (a row per segmenter and clip), `label_free.json` and `index.html`. A clip that a segmenter lacks
    is counted; one that all lack is left out. Raises InputError where no clip has a prediction, two clips share a name,
    or masks are not of their clip's size.
    """
    judging = judging or Judging()
    folders = {name: {one.name: one for one in prediction_folders(folder)} for name, folder in predictions.items()}
    listed = [one for one in known_clips(clips) if any(one.name in there for there in folders.values())]
    if not listed:
        raise InputError(
            f"None of the clips has a prediction in {', '.join(map(str, predictions.values())) or 'no folder'}. "
            "Make them with `echodfkd segment CLIPS --out FOLDER`: a clip's folder bears its file's name."
        )
    register, rows = atlas_register(judging), []
    for number, one in enumerate(listed, start=1):
        there = {name: folder[one.name] for name, folder in folders.items() if one.name in folder}
        rows += _read_and_judge(one, there, register, judge, judging)
        print(f"[{number}/{len(listed)}] {one.name}: {len(there)} segmenters")
    lacking = {name: sum(one.name not in there for one in listed) for name, there in folders.items()}
    return write_judgement(rows, out, judging=judging, without_prediction=lacking, not_run=_not_run(register, judge))


def judge_segmenters(
    clips: Sequence[Listed],
    segmenters: Mapping[str, Segmenter],
    out: Path,
    *,
    judge: Judge | None = None,
    judging: Judging | None = None,
) -> dict[str, Any]:
    """`judge_predictions` for segmenters at hand: each segments every clip of `known_clips`, and no mask is kept.

    Raises InputError where one of them has no left ventricle.
    """
    judging = judging or Judging()
    for name, one in segmenters.items():
        if "lv" not in one.structures:
            raise InputError(f"{name} segments {', '.join(one.structures)}, not the left ventricle (lv).")
    register, rows = atlas_register(judging), []
    for listed in clips:
        clip = listed.read()
        masks = {name: ventricle(one, clip) for name, one in segmenters.items()}
        rows += clip_rows(clip, masks, register=register, judge=judge, truth=listed.truth(), judging=judging)
    return write_judgement(rows, out, judging=judging, not_run=_not_run(register, judge))


def ventricle(segmenter: Segmenter, clip: Clip) -> MaskClip:
    """The left ventricle of a clip (time, height, width) bool, cut at the segmenter's threshold."""
    return np.asarray(segmenter(clip)[:, list(segmenter.structures).index("lv")] >= segmenter.threshold)


def write_judgement(
    rows: Sequence[Row],
    out: Path,
    *,
    judging: Judging | None = None,
    without_prediction: Mapping[str, int] | None = None,
    not_run: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Rows of `clip_rows` with their summary as the three files in `out`; the summary, as `label_free.json` holds it.

    `not_run` maps evidence that could not be had to why.
    """
    judging = judging or Judging()
    found = summary(rows, seed=judging.seed, resamples=judging.resamples)
    found |= {"without_prediction": dict(without_prediction or {}), "not_run": dict(not_run or {})}
    make_folder(out)
    write_text(out / "label_free.csv", _csv(rows))
    write_json(out / "label_free.json", found)
    write_page(out / "index.html", page(found, rows))
    return found


def page(found: Mapping[str, Any], rows: Sequence[Row]) -> Page:
    """The comparison as a page of its own."""
    n = found["n"]
    lead = f"{n['segmenters']} segmenters on {n['clips']} clips, judged without labels. "
    lead += "Intervals are 95 % bootstrap by clip."
    missing = tuple(f"{what}: {why}" for what, why in found.get("not_run", {}).items())
    sections = (
        section(found, rows),
        Section("What could not be run", points=missing) if missing else None,
        Section("What this does not say", points=LIMITS),
    )
    return Page("echodfkd: segmenters compared without labels", lead, sections=tuple(one for one in sections if one))


def known_clips(paths: Sequence[Path], split: str | None = None) -> list[Listed]:
    """The clips in films and data sets, of these one `split` alone where it is named; InputError for a name twice.

    A film has no truth; a data set has it where it knows the left ventricle.
    """
    found: list[Listed] = []
    for path in paths:
        found += _of_dataset(open_dataset(path), split) if path.is_dir() else [_of_file(path)]
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"Two clips are named {twice}: predictions could not be told apart. Judge them one by one.")
    return found


def clip_rows(
    clip: Clip,
    masks: Mapping[str, MaskClip],
    *,
    register: Register | None = None,
    judge: Judge | None = None,
    truth: Known | None = None,
    judging: Judging | None = None,
) -> list[Row]:
    """A row per segmenter of one clip: `segmenter`, `name`, evidence by name (more is better), `dice` where known.

    `masks` maps each segmenter to (time, height, width) bool. Agreement is None with one segmenter alone; without
    `register` (see `atlas_register`) there is no reverse classification.
    """
    judging = judging or Judging()
    fan, rules = sector(clip.frames), ("majority", "staple") if judging.staple else ("majority",)
    alone = dict.fromkeys(["agreement", *(f"agreement.{rule}" for rule in rules)])
    together = agreement(masks, rules) if len(masks) > 1 else dict.fromkeys(masks, alone)
    reversed_ = reverse_evidence(clip.frames, masks, register, judging)
    return [
        {
            "segmenter": name,
            "name": clip.name,
            **together[name],
            **reversed_[name],
            "edges": edge_contrast(clip.frames, inside),
            **plausibility(inside, clip.fps, fan),
            **smoothness(inside, clip.fps),
            "present": float(inside.any(axis=(1, 2)).mean()),
            **(judge(clip.frames, inside) if judge is not None else {}),
            TRUTH: None if truth is None else float(dice(inside[list(truth.frames)], truth.masks).mean()),
        }
        for name, inside in masks.items()
    ]


def reverse_evidence(
    frames: Frames, masks: Mapping[str, MaskClip], register: Register | None, judging: Judging
) -> dict[str, dict[str, float]]:
    """For each segmenter the mean `reverse` and `reverse.prior` over some frames of a clip; nothing without atlases."""
    if register is None:
        return {name: {} for name in masks}
    at = np.unique(np.linspace(0, len(frames) - 1, min(judging.frames, len(frames))).round().astype(np.intp))
    found = [register.correspondences(frame) for frame in fit(frames[at], judging.size)]
    evidence, atlases = {}, register.atlases
    for name, inside in masks.items():
        small = fit(inside[at].astype(np.uint8) * np.uint8(255), judging.size) >= 128
        pairs = list(zip(small, found, strict=True))
        evidence[name] = {
            "reverse": float(np.mean([reverse_dice(mask, there, atlases) for mask, there in pairs])),
            "reverse.prior": float(np.mean([prior_dice(mask, atlases) for mask in small])),
        }
    return evidence


def atlas_register(judging: Judging) -> Register | None:
    """The atlases of the reverse classification, drawn and ready; None where none is wanted or torch is missing."""
    if judging.atlases == 0 or find_spec("torch") is None:
        return None
    return Register(drawn_atlases(judging.atlases, judging.size, judging.seed))


def drawn_atlases(count: int, size: int, seed: int) -> Atlases:
    """One frame and its true mask from each of `count` simulated clips, at whatever phase they begin. Needs torch."""
    from echodfkd.synthetic.annotator import TIGHT_IN_SYSTOLE
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    recipes = [draw_recipe(Conditions(), seed, ATLAS_NUMBERS + number, 2) for number in range(count)]
    made = generate(recipes, 112, structures=("lv",), annotator=TIGHT_IN_SYSTOLE)
    return Atlases(fit(made.frames[:, 0], size), fit(made.masks[:, 0, 0], size) >= 128)


def _read_and_judge(
    one: Listed, folders: Mapping[str, Path], register: Register | None, judge: Judge | None, judging: Judging
) -> list[Row]:
    """The rows of one clip whose predictions lie in `folders`."""
    clip, masks = one.read(), {}
    for name, folder in folders.items():
        masks[name] = read_prediction(folder).masks
        if masks[name].shape != clip.frames.shape:
            raise InputError(
                f"{folder / MASKS_FILE} holds masks {masks[name].shape}, its clip has frames {clip.frames.shape}: "
                "they are of another clip, or of another size."
            )
    return clip_rows(clip, masks, register=register, judge=judge, truth=one.truth(), judging=judging)


def _of_file(path: Path) -> Listed:
    return Listed(video.clip_name(path), lambda: video.read(path), lambda: None)


def _of_dataset(dataset: Dataset, split: str | None) -> Iterator[Listed]:
    """The clips of a data set that can be used; with their truth where it knows the left ventricle."""
    for row in dataset.clips if split is None else dataset.split(split):
        yield Listed(row.name, lambda name=row.name: dataset.read(name), lambda name=row.name: _truth(dataset, name))  # type: ignore[misc]


def _truth(dataset: Dataset, name: str) -> Known | None:
    if "lv" not in dataset.structures:
        return None
    truth = dataset.truth(name)
    return Known(truth.frames, truth.of("lv"))


def _not_run(register: Register | None, judge: Judge | None) -> dict[str, str]:
    """Evidence that could not be had, and why."""
    missing = {}
    if register is None:
        missing["Reverse classification"] = "no atlases: drawing them needs pip install 'echodfkd[study]'."
    if judge is None:
        missing["An image-text judge"] = "none was given."
    return missing


def _csv(rows: Sequence[Row]) -> str:
    """Rows as CSV text, true Dice last; None and what a row lacks are empty fields."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["segmenter", "name", *evidence_names(rows), TRUTH], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
