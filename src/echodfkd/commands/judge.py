"""The verb `judge`: several segmenters on the same clips, compared without labels.

Where the clips come with labels, true Dice stands beside, and with it how far each evidence can be trusted. A study
asks for the same of its student, beside others of known order: snapshots of its training, models.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echodfkd.clip import Clip
from echodfkd.commands.segment import segment_store
from echodfkd.engine import progress
from echodfkd.errors import InputError
from echodfkd.evidence.atlases import atlas_register
from echodfkd.evidence.clip_rows import Judge, Judging, Row, clip_rows
from echodfkd.evidence.inputs import given_clips
from echodfkd.evidence.reverse import Register
from echodfkd.evidence.trust import TRUTH, evidence_names, summary
from echodfkd.evidence.words.echoclip import Precision, load_judge
from echodfkd.evidence.words.image_text import Asking, ImageText, asked
from echodfkd.evidence.words.mask_quality import MOST_FRAMES
from echodfkd.files import make_folder, paths, read_json, write_json, write_text
from echodfkd.measure.shape import MaskClip
from echodfkd.report.page import write_page
from echodfkd.report.pages.judgement import page
from echodfkd.scores.predictions import MASKS_FILE, prediction_folders, read_prediction
from echodfkd.store.store import Store
from echodfkd.student.bundled import find_model
from echodfkd.student.card import read_card
from echodfkd.student.student import identity, load_student
from echodfkd.tables import csv_text

if TYPE_CHECKING:
    from echodfkd.study.settings import LabelFree, Study

log = logging.getLogger(__name__)
JUDGED = "label-free"
"""The folder of a run that holds what was found."""


def judge(
    clips: Path | str | Sequence[Path | str],
    predictions: Sequence[Path | str],
    out: Path | str,
    *,
    judge: str | None = "standin",
    prompts: Path | None = None,
    cache: Path | None = None,
    device: str | None = None,
    precision: Precision = "float32",
    frames: int | None = MOST_FRAMES,
    split: str | None = None,
    staple: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """What is said without labels of folders of masks of the same clips. See `judge_predictions`.

    `judge` names the image-text model, None leaves it out; `frames` of every clip are shown to it. InputError where two
    folders share a name, or the judge cannot be had.
    """
    named = {folder.absolute().name: folder for folder in paths(predictions)}
    if len(named) < len(predictions):
        raise InputError(f"Folders of predictions need names that differ, got {', '.join(map(str, predictions))}.")
    asking = Asking(frames=frames, seed=seed, resamples=resamples)
    judged = asked(judge, prompts, asking, cache=cache, device=device, precision=precision)
    if judged is not None and judged.unknown_words:
        log.warning(judged.unknown_words)
    judging = Judging(seed=seed, staple=staple, resamples=resamples)
    return judge_predictions(paths(clips), named, Path(out), image_text=judged, judging=judging, split=split)


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
    listed = [one for one in given_clips(clips, split) if any(one.name in there for there in folders.values())]
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
    write_text(out / "label_free.csv", csv_text(rows, ["segmenter", "name", *evidence_names(rows), TRUTH]))
    write_json(out / "label_free.json", found)
    write_page(out / "index.html", page(found, rows))
    return found


def check_rivals(settings: "LabelFree | None") -> None:
    """InputError where a rival is no model, or the judge cannot be had: before hours of work, not after."""
    if settings is None:
        return
    for rival in settings.rivals:
        read_card(find_model(rival))
    if settings.judge:
        load_judge(settings.judge)


def judge_run(study: "Study", folder: Path, clips: Store) -> dict[str, Any]:
    """What is said without labels of the run's student and its rivals on test clips, as `label_free.json` holds it.

    Everybody's masks and what was said are kept: a run that is started again goes on.
    """
    from echodfkd.study.rivals import RIVALS, rival_students

    settings, out = study.label_free, folder / JUDGED
    assert settings is not None
    made_from = {"clips": clips.content, "student": identity(load_student(folder / "student"))}
    kept = out / "made_from.json"
    if kept.is_file() and read_json(kept) == made_from:
        return dict(read_json(out / "label_free.json"))
    names = [entry.name for entry in clips.split("test")[: settings.clips]]
    predictions = {"student": folder / "masks"}
    for name, student in rival_students(study, folder).items():
        predictions[name] = folder / RIVALS / name / "masks"
        segment_store(clips, student, predictions[name], names)
    resamples = min(Judging.resamples, study.scoring.resamples)
    judging = Judging(seed=study.seed, atlases=settings.atlases, resamples=resamples)
    judged = asked(settings.judge, asking=Asking(seed=study.seed, resamples=resamples))
    found = judge_predictions([clips.folder], predictions, out, image_text=judged, judging=judging, names=names)
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


def _not_run(register: Register | None, judge: Judge | ImageText | None) -> dict[str, str]:
    """Evidence that could not be had, and why."""
    missing = {}
    if register is None:
        missing["Reverse classification"] = "no atlases: drawing them needs pip install 'echodfkd[study]'."
    if judge is None:
        missing["An image-text judge"] = "none was asked for (--judge)."
    return missing
