"""The verb `judge`: several segmenters on the same clips, compared without labels.

Where the clips come with labels, true Dice stands beside, and with it how far each evidence can be trusted. A study
asks for the same of its student, beside others of known order: snapshots of its training, models.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echodfkd.clip import Clip
from echodfkd.commands.segment import segment_store
from echodfkd.data.dataset import KnownClip
from echodfkd.engine import HERE, Engine, progress
from echodfkd.errors import InputError
from echodfkd.evidence.clip_rows import Judge, Judging, clip_rows
from echodfkd.evidence.inputs import GivenClip, given_clips
from echodfkd.evidence.records import ClipEvidence, Judgement
from echodfkd.evidence.reverse import Register, atlas_register
from echodfkd.evidence.shown import follows
from echodfkd.evidence.trust import evidence_csv, evidence_names, summary
from echodfkd.evidence.words.echoclip import Precision, load_judge
from echodfkd.evidence.words.image_text import ImageText, load_image_text
from echodfkd.evidence.words.mask_quality import MOST_FRAMES
from echodfkd.files import make_folder, paths, plain, read_json, shaped, write_json, write_text
from echodfkd.measure.shape import MaskClip
from echodfkd.report.page import write_page
from echodfkd.report.pages.judgement import page
from echodfkd.scores.predictions import MASKS_FILE, named_predictions, read_prediction
from echodfkd.store.place import Place
from echodfkd.store.store import Store
from echodfkd.student.bundled import find_model
from echodfkd.student.card import read_card
from echodfkd.student.student import identity, load_student

if TYPE_CHECKING:
    from echodfkd.study.settings import LabelFree, Study

log = logging.getLogger(__name__)
CLIPS_PER_PROCESS = 8
"""Clips to judge for which another process is started: one needs seconds to begin, a clip about half a second."""
JUDGED = "label-free"
"""The folder of a run that holds what was found."""


def judge(
    clips: Place | Path | str | Sequence[Place | Path | str],
    predictions: Sequence[Path | str],
    out: Path | str,
    *,
    judge: str | None = None,
    everything: bool = False,
    prompts: Path | None = None,
    cache: Path | None = None,
    device: str | None = None,
    precision: Precision = "float32",
    frames: int | None = MOST_FRAMES,
    split: str | None = None,
    staple: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    engine: Engine = HERE,
) -> Judgement:
    """What is said without labels of folders of masks of the same clips. See `judge_predictions`.

    `judge` names the image-text model, None leaves it out; `frames` of every clip are shown to it. `everything` also
    shows evidence that does not follow true Dice on real hearts. InputError where two folders share a name, or the
    judge cannot be had.
    """
    named = {folder.absolute().name: folder for folder in paths(predictions)}
    if len(named) < len(predictions):
        raise InputError(f"Folders of predictions need names that differ, got {', '.join(map(str, predictions))}.")
    image_text = load_image_text(
        judge, prompts, frames=frames, seed=seed, resamples=resamples, cache=cache, device=device, precision=precision
    )
    if image_text is not None and image_text.unknown_words:
        log.warning(image_text.unknown_words)
    judging = Judging(staple=staple, everything=everything, seed=seed, resamples=resamples)
    options: dict[str, Any] = {"image_text": image_text, "judging": judging, "split": split, "engine": engine}
    several = [clips] if isinstance(clips, Place | Path | str) else list(clips)
    return judge_predictions(several, named, Path(out), **options)


def judge_predictions(
    clips: Sequence[Place | Path | str],
    predictions: Mapping[str, Path],
    out: Path,
    *,
    judge: Judge | None = None,
    image_text: ImageText | None = None,
    judging: Judging | None = None,
    names: Collection[str] | None = None,
    split: str | None = None,
    engine: Engine = HERE,
) -> Judgement:
    """The evidence for the masks of several segmenters on the same clips, as `label_free.json` holds it.

    `clips` are files, or data sets of any layout that the house reads (a store, EchoNet's, CAMUS's, a folder of clips);
    `predictions` maps a segmenter's name to its folder as `echodfkd segment` writes it. `out` receives `label_free.csv`
    (a row per segmenter and clip), `label_free.json` and `index.html`, with `image_text` also `prompts.csv` and
    `valve_events.csv`. A clip that a segmenter lacks is counted; one that all lack is left out. `names` chooses clips,
    `split` those of a data set's split; None is all. `judge` is evidence of your own, which must pickle where several
    processes work, as the `engine` says; `image_text` looks here. Raises InputError where no clip has a prediction, two
    clips share a name, or masks are not of their clip's size.
    """
    judging = judging or Judging()
    given = given_clips(clips, split)
    known = [one.name for one in given]
    folders = {name: named_predictions(folder, known) for name, folder in predictions.items()}
    predicted = {name for there in folders.values() for name in there}
    listed = [one for one in given if one.name in predicted]
    listed = [one for one in listed if names is None or one.name in names]
    if not listed:
        raise InputError(
            f"None of the clips has a prediction in {', '.join(map(str, predictions.values())) or 'no folder'}. "
            "Make them with `echodfkd segment CLIPS --out FOLDER`: a clip's folder bears its file's name."
        )
    reverse = judging.everything or follows("reverse")
    register = atlas_register(reverse * judging.atlases, judging.size, judging.seed)
    look = _Look(listed, folders, register, judge, judging)
    numbers, rows = range(len(listed)), list[ClipEvidence]()
    found = engine.in_order(look, numbers, worth=len(listed) // CLIPS_PER_PROCESS, named=look.name)
    for number, evidence in zip(numbers, progress(found, "judge", len(listed)), strict=True):
        rows += evidence
        if image_text is not None:
            image_text.look(*look.given(number))
    not_run = {}
    if register is None and reverse:
        not_run["Reverse classification"] = "no atlases: drawing them needs pip install 'echodfkd[study]'."
    if judge is None and image_text is None:
        not_run["An image-text judge"] = "none was asked for (--judge)."
    lacking = {name: sum(one.name not in there for one in listed) for name, there in folders.items()}
    return write_judgement(
        rows, out, judging=judging, image_text=image_text, without_prediction=lacking, not_run=not_run
    )


@dataclass(frozen=True)
class _Look:
    """The rows of one clip after the other, by its number."""

    listed: Sequence[GivenClip]
    folders: Mapping[str, Mapping[str, Path]]
    register: Register | None
    judge: Judge | None
    judging: Judging

    def name(self, number: int) -> str:
        """The clip's name."""
        return self.listed[number].name

    def given(self, number: int) -> tuple[Clip, dict[str, MaskClip], KnownClip | None]:
        """The clip, everybody's masks of it, and what is known of it."""
        one = self.listed[number]
        clip = one.read()
        there = {name: folder[one.name] for name, folder in self.folders.items() if one.name in folder}
        return clip, {name: _masks_of(folder, clip) for name, folder in there.items()}, one.truth()

    def __call__(self, number: int) -> list[ClipEvidence]:
        """A row for each segmenter."""
        clip, masks, truth = self.given(number)
        return clip_rows(clip, masks, register=self.register, judge=self.judge, truth=truth, judging=self.judging)


def write_judgement(
    rows: Sequence[ClipEvidence],
    out: Path,
    *,
    judging: Judging | None = None,
    image_text: ImageText | None = None,
    without_prediction: Mapping[str, int] | None = None,
    not_run: Mapping[str, str] | None = None,
) -> Judgement:
    """Rows of `clip_rows` with their summary as files in `out`; the summary, as `label_free.json` holds it.

    The judge's scores, where there is one, become evidence like the others. What does not follow true Dice on real
    hearts is left out, but for the scores of a judge that was asked, unless `judging` wants everything. `not_run` maps
    evidence that could not be had to why.
    """
    judging = judging or Judging()
    make_folder(out)
    if image_text is not None:
        words = image_text.evidence()
        rows = [replace(row, evidence=row.evidence | words.get((row.segmenter, row.name), {})) for row in rows]
        image_text.write(out)
    hidden = () if judging.everything else _hidden(rows, image_text is not None)
    rows = [replace(row, evidence={k: v for k, v in row.evidence.items() if k not in hidden}) for row in rows]
    found = replace(
        summary(rows, seed=judging.seed, resamples=judging.resamples),
        without_prediction=dict(without_prediction or {}),
        not_run=dict(not_run or {}),
        hidden=hidden,
        image_text=None if image_text is None else image_text.scores(),
    )
    write_text(out / "label_free.csv", evidence_csv(rows))
    write_json(out / "label_free.json", plain(found))
    write_page(out / "index.html", page(found, rows))
    return found


def _hidden(rows: Sequence[ClipEvidence], judged: bool) -> tuple[str, ...]:
    """What of the rows' evidence, and of the reverse classification, does not follow true Dice on real hearts."""
    names = dict.fromkeys((*evidence_names(rows), "reverse"))
    return tuple(name for name in names if not (follows(name) or (judged and name.partition(".")[0] == "judge")))


def check_models(settings: "LabelFree | None") -> None:
    """InputError where one of the other models is none, or the judge cannot be had: before hours of work, not after."""
    if settings is None:
        return
    for model in settings.rivals:
        read_card(find_model(model))
    if settings.judge:
        load_judge(settings.judge)


def judge_run(study: "Study", folder: Path, clips: Store, engine: Engine = HERE) -> Judgement:
    """What is said without labels of the run's student and the study's other models on test clips.

    Everybody's masks and what was said are kept: a run that is started again goes on.
    """
    from echodfkd.study.snapshots import MODELS, other_models

    settings, out = study.label_free, folder / JUDGED
    assert settings is not None
    made_from = {"clips": clips.content, "student": identity(load_student(folder / "student"))}
    kept = out / "made_from.json"
    if kept.is_file() and read_json(kept) == made_from:
        return shaped(Judgement, read_json(out / "label_free.json"))
    names = [entry.name for entry in clips.split("test")[: settings.clips]]
    predictions = {"student": folder / "masks"}
    for name, student in other_models(study, folder).items():
        predictions[name] = folder / MODELS / name / "masks"
        segment_store(clips, student, predictions[name], names, engine)
    seed, resamples = study.seed, min(Judging.resamples, study.scoring.resamples)
    judging = Judging(atlases=settings.atlases, everything=settings.everything, seed=seed, resamples=resamples)
    image_text = load_image_text(settings.judge, seed=seed, resamples=resamples)
    options: dict[str, Any] = {"image_text": image_text, "judging": judging, "names": names, "engine": engine}
    found = judge_predictions([clips.place], predictions, out, **options)
    write_json(kept, made_from)
    return found


def _masks_of(folder: Path, clip: Clip) -> MaskClip:
    """One prediction of the clip; InputError where it is of another clip or size."""
    masks = read_prediction(folder).masks
    if masks.shape != clip.frames.shape:
        raise InputError(
            f"{folder / MASKS_FILE} holds masks {masks.shape}, its clip has frames {clip.frames.shape}: "
            "they are of another clip, or of another size."
        )
    return masks
