"""A run's student beside others of known order, judged without labels: snapshots of its training, bundled models."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from echodfkd.commands.judge import Judging, judge_predictions
from echodfkd.commands.segment import clip_source, identity, segment_clip
from echodfkd.distill.train import kept_network, snapshot_name
from echodfkd.engine import progress
from echodfkd.evidence.words.image_text import Asking, asked
from echodfkd.files import make_folder, read_json, remove_parts, write_json
from echodfkd.store.store import Store
from echodfkd.student.bundled import find_model
from echodfkd.student.card import CARD, read_card
from echodfkd.student.checkpoint import save
from echodfkd.student.student import load_student
from echodfkd.study.settings import LabelFree, Study

RIVALS, JUDGED = "rivals", "label-free"
"""Folders of a run: a folder for each rival with its masks (and a snapshot's student), and what was found."""


def check_rivals(settings: LabelFree | None) -> None:
    """InputError where a rival is no model, or the judge cannot be had: before hours of work, not after."""
    if settings is None:
        return
    for rival in settings.rivals:
        read_card(find_model(rival))
    if settings.judge:
        from echodfkd.evidence.words.echoclip import load_judge

        load_judge(settings.judge)


def judge_run(study: Study, folder: Path, clips: Store) -> dict[str, Any]:
    """What is said without labels of the run's student and its rivals on test clips, as `label_free.json` holds it.

    Everybody's masks and what was said are kept: a run that is started again goes on.
    """
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
        segment_some(clips, student, predictions[name], names)
    resamples = min(Judging.resamples, study.scoring.resamples)
    judging = Judging(seed=study.seed, atlases=settings.atlases, resamples=resamples)
    judged = asked(settings.judge, asking=Asking(seed=study.seed, resamples=resamples))
    found = judge_predictions([clips.folder], predictions, out, image_text=judged, judging=judging, names=names)
    write_json(kept, made_from)
    return found


def rival_students(study: Study, folder: Path) -> dict[str, Path]:
    """The folders of the rivals by name: snapshots as students of the run's own card, and models as they are."""
    settings = study.label_free
    assert settings is not None
    found = {}
    for epoch in settings.snapshots:
        name = f"epoch-{epoch:03d}"
        found[name] = _snapshot(study, folder, epoch, folder / RIVALS / name / "student")
    return found | {Path(rival).name: find_model(rival) for rival in settings.rivals}


def _snapshot(study: Study, folder: Path, epoch: int, out: Path) -> Path:
    """The student after that epoch, written once; it has the threshold of the finished one."""
    if not (out / CARD).is_file():
        network, _ = kept_network(folder / "student-training" / snapshot_name(epoch), study.student)
        card = read_card(folder / "student")
        save(out, network, replace(card, provenance={**card.provenance, "best_epoch": epoch - 1}), onnx=True)
    return out


def segment_some(clips: Store, student_folder: Path, out: Path, names: list[str]) -> None:
    """A student's masks and measures of those clips in `out`, as `segment` lays them out; what is done is kept."""
    student = load_student(student_folder)
    make_folder(out)
    remove_parts(out)
    for name in progress(names, "segment"):
        measures = out / name / "measures.json"
        if not measures.is_file() or read_json(measures).get("model") != identity(student):
            segment_clip(clip_source(clips.clip(name)), student, out / name)
