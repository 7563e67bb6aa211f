"""Several segmenters on the same clips, compared without labels: a row of evidence for each on every clip.

Where the clips come with labels, true Dice stands beside, and with it how far each evidence can be trusted.
"""

import csv
import io
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from echodfkd import video
from echodfkd.clip import Clip, Frames
from echodfkd.data.dataset import Dataset
from echodfkd.data.layouts import open_dataset
from echodfkd.engine import progress
from echodfkd.errors import InputError, LabelsError, one_line
from echodfkd.evidence.consensus import agreement
from echodfkd.evidence.edges import edge_contrast
from echodfkd.evidence.plausibility import plausibility
from echodfkd.evidence.reverse import Atlases, Register, prior_dice, reverse_dice
from echodfkd.evidence.smoothness import smoothness
from echodfkd.evidence.trust import TRUTH, evidence_names, summary
from echodfkd.evidence.words.echoclip import Precision
from echodfkd.evidence.words.image_text import Asking, ImageText, Known, asked
from echodfkd.evidence.words.mask_quality import MOST_FRAMES
from echodfkd.files import make_folder, write_json, write_text
from echodfkd.measure.overlap import dice
from echodfkd.measure.sector import sector
from echodfkd.measure.shape import MaskClip
from echodfkd.report.page import write_page
from echodfkd.report.pages.judgement import page
from echodfkd.report.terminal import label_free_table
from echodfkd.resize import fit
from echodfkd.scores.frame_distance import Reference
from echodfkd.scores.predictions import MASKS_FILE, prediction_folders, read_prediction

Row = dict[str, Any]
Judge = Callable[[Frames, MaskClip], Mapping[str, float | None]]
"""Another witness, such as an image-text model: frames and masks (time, height, width) to evidence by name."""

ATLAS_NUMBERS = 9_000_000
"""The first number of the clips that atlases are cut from: none that a study draws."""


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
    image_text: ImageText | None = None,
    judging: Judging | None = None,
    names: Collection[str] | None = None,
    split: str | None = None,
) -> dict[str, Any]:
    """The evidence for the masks of several segmenters on the same clips, as `label_free.json` holds it.

    `clips` are films, or data sets of any layout that the house reads (a store, EchoNet's, CAMUS's, a folder of films);
    `predictions` maps a segmenter's name to its folder as `echodfkd segment` writes it. `out` receives
    `label_free.csv` (a row per segmenter and clip), `label_free.json` and `index.html`, with `image_text` also
    `prompts.csv` and `valve_events.csv`. A clip that a segmenter lacks is counted; one that all lack is left out.
    `names` chooses clips, `split` those of a data set's split; None is all. `judge` is a witness of your own. Raises
    InputError where no clip has a prediction, two clips share a name, or masks are not of their clip's size.
    """
    judging = judging or Judging()
    folders = {name: {one.name: one for one in prediction_folders(folder)} for name, folder in predictions.items()}
    listed = [one for one in known_clips(clips, split) if any(one.name in there for there in folders.values())]
    listed = [one for one in listed if names is None or one.name in names]
    if not listed:
        raise InputError(
            f"None of the clips has a prediction in {', '.join(map(str, predictions.values())) or 'no folder'}. "
            "Make them with `echodfkd segment CLIPS --out FOLDER`: a clip's folder bears its file's name."
        )
    register, rows = atlas_register(judging), []
    for one in progress(listed, "judge"):
        there = {name: folder[one.name] for name, folder in folders.items() if one.name in folder}
        clip, masks, truth = one.read(), {}, one.truth()
        for name, folder in there.items():
            masks[name] = _masks_of(folder, clip)
        rows += clip_rows(clip, masks, register=register, judge=judge, truth=truth, judging=judging)
        if image_text is not None:
            image_text.look(clip, masks, truth)
    lacking = {name: sum(one.name not in there for one in listed) for name, there in folders.items()}
    return write_judgement(
        rows,
        out,
        judging=judging,
        image_text=image_text,
        without_prediction=lacking,
        not_run=_not_run(register, judge or image_text),
    )


def judge_folders(
    clips: Sequence[Path],
    predictions: Sequence[Path],
    out: Path,
    *,
    judge: str | None,
    prompts: Path | None = None,
    cache: Path | None = None,
    device: str | None = None,
    precision: Precision = "float32",
    frames: int | None = MOST_FRAMES,
    split: str | None = None,
    staple: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> str:
    """Judges folders of masks on the same clips without labels; what a terminal is told. See `judge_predictions`.

    `judge` names the image-text model, None leaves it out; `frames` of every clip are shown to it. InputError where two
    folders share a name, or the judge cannot be had.
    """
    named = {folder.absolute().name: folder for folder in predictions}
    if len(named) < len(predictions):
        raise InputError(f"Folders of predictions need names that differ, got {', '.join(map(str, predictions))}.")
    asking = Asking(frames=frames, seed=seed, resamples=resamples)
    judged = asked(judge, prompts, asking, cache=cache, device=device, precision=precision)
    if judged is not None and judged.unknown_words:
        print(f"echodfkd: {judged.unknown_words}", file=sys.stderr)
    judging = Judging(seed=seed, staple=staple, resamples=resamples)
    found = judge_predictions(clips, named, out, image_text=judged, judging=judging, split=split)
    return f"{label_free_table(found)}\nReport: {out / 'index.html'}"


def write_judgement(
    rows: Sequence[Row],
    out: Path,
    *,
    judging: Judging | None = None,
    image_text: ImageText | None = None,
    without_prediction: Mapping[str, int] | None = None,
    not_run: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Rows of `clip_rows` with their summary as files in `out`; the summary, as `label_free.json` holds it.

    The judge's scores, where there is one, become evidence like the others. `not_run` maps evidence that could not be
    had to why.
    """
    judging = judging or Judging()
    make_folder(out)
    told: dict[str, Any] = {"without_prediction": dict(without_prediction or {}), "not_run": dict(not_run or {})}
    if image_text is not None:
        said = image_text.evidence()
        rows = [row | said.get((row["segmenter"], row["name"]), {}) for row in rows]
        told["image_text"] = image_text.found()
        image_text.write(out)
    found = summary(rows, seed=judging.seed, resamples=judging.resamples) | told
    write_text(out / "label_free.csv", _csv(rows))
    write_json(out / "label_free.json", found)
    write_page(out / "index.html", page(found, rows))
    return found


def known_clips(paths: Sequence[Path], split: str | None = None) -> list[Listed]:
    """The clips in films and data sets, of these one `split` alone where it is named; InputError for a name twice.

    A film has no truth; a data set has it where it knows the left ventricle.
    """
    found: list[Listed] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"No such clip, folder or data set: {path}")
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


def _masks_of(folder: Path, clip: Clip) -> MaskClip:
    """One prediction of the clip; InputError where it is of another clip or size."""
    masks = read_prediction(folder).masks
    if masks.shape != clip.frames.shape:
        raise InputError(
            f"{folder / MASKS_FILE} holds masks {masks.shape}, its clip has frames {clip.frames.shape}: "
            "they are of another clip, or of another size."
        )
    return masks


def _of_file(path: Path) -> Listed:
    return Listed(video.clip_name(path), lambda: video.read(path), lambda: None)


def _of_dataset(dataset: Dataset, split: str | None) -> Iterator[Listed]:
    """The clips of a data set that can be used; with their truth where it knows the left ventricle."""
    for row in dataset.clips if split is None else dataset.split(split):
        yield Listed(row.name, lambda name=row.name: dataset.read(name), lambda name=row.name: _truth(dataset, name))  # type: ignore[misc]


def _truth(dataset: Dataset, name: str) -> Known | None:
    if "lv" not in dataset.structures:
        return None
    row = dataset.row(name)
    if "lv" not in row.facts.get("known", ("lv",)):
        return None
    try:
        truth = dataset.truth(name)
    except LabelsError as error:  # judged without them, as clips without labels are
        print(f"echodfkd: {one_line(error)}", file=sys.stderr)
        return None
    reference, length = None, truth.length or row.frames
    if length is not None and (truth.ed_frames or truth.es_frames) and not truth.one_contraction:
        reference = Reference(length, row.fps, truth.ed_frames, truth.es_frames, truth.every_beat)
    return Known(truth.frames, truth.of("lv"), reference, row.ejection_fraction)


def _not_run(register: Register | None, judge: Judge | ImageText | None) -> dict[str, str]:
    """Evidence that could not be had, and why."""
    missing = {}
    if register is None:
        missing["Reverse classification"] = "no atlases: drawing them needs pip install 'echodfkd[study]'."
    if judge is None:
        missing["An image-text judge"] = "none was asked for (--judge)."
    return missing


def _csv(rows: Sequence[Row]) -> str:
    """Rows as CSV text, true Dice last; None and what a row lacks are empty fields."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["segmenter", "name", *evidence_names(rows), TRUTH], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
