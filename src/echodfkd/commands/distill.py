"""The verb `distill`: a student taught a teacher's masks of clips, as a folder that `segment` can use."""

from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from echodfkd.distill.devices import Devices, is_first
from echodfkd.distill.mixture import Pair, validation_pairs, with_real
from echodfkd.distill.settings import Training
from echodfkd.distill.start import pulled_back, start_table, starting_network, starting_weights
from echodfkd.distill.threshold import choose_threshold
from echodfkd.distill.train import ALONE, INPUT_SCALE, train
from echodfkd.distill.windows import Source
from echodfkd.engine import environment
from echodfkd.errors import StudyError
from echodfkd.files import holding, read_json, write_json
from echodfkd.store.store import Store
from echodfkd.student.bundled import find_model
from echodfkd.student.card import CARD, Card, Preprocessing, check_files, read_card
from echodfkd.student.checkpoint import save
from echodfkd.student.steppers import TorchStepper
from echodfkd.student.student import Student
from echodfkd.study.fresh import FreshWindows
from echodfkd.study.settings import Study, study_table
from echodfkd.synthetic.recipe import GENERATOR
from echodfkd.teachers.provenance import teacher_table


def distill(
    study: Study,
    clips: Store,
    labels: Store,
    out: Path,
    resume: bool = True,
    workers: int | None = None,
    real: Pair | None = None,
    devices: Devices = ALONE,
) -> Card | None:
    """A student in `out`, taught `labels` on `clips`; a finished one is kept, a stopped training goes on.

    With `clips.fresh` the clips to train on are drawn and labelled beside it by that many `workers`. A study with
    `data` needs its `real` clips and their labels too. Without `resume`
    it is taught anew. Several `devices` share every batch, one process each; all but the first give None and write
    nothing. Checkpoints, the curve and TensorBoard's log lie beside it in `<out>-training`. Raises StudyError
    where either folder comes from other settings or other clips.
    """
    if study.sizes is not None:
        raise StudyError("A study of [sizes] has several students: `echodfkd run` teaches them all.")
    if study.cohort is not None:
        raise StudyError("A study of [cohort] has several students before its own: `echodfkd run` teaches them all.")
    if bool(study.data) != (real is not None):
        raise StudyError("Real clips and their labels (--real, --real-labels) go with a study that has [[data]].")
    start = study.training.starts
    hold, drawn = study.training.hold, study.training.initialisation
    begin = starting_network(start, study.student, study.seed, hold, drawn) if start else None
    share = study.training.start_share
    began = starting_weights(start, study.student) if share else {}
    made_from = _made_from(study, clips, labels, real)
    pairs = validation_pairs((clips, labels), real, study.training)
    training = out.with_name(f"{out.name}-training")
    first = is_first()
    with holding(training) if first else nullcontext():
        if first:
            _claim(training, made_from)
        if resume and (out / CARD).is_file():
            return _finished(out, made_from) if first else None
        with FreshWindows(study.drawn_alone, workers) if study.clips.fresh else nullcontext() as fresh:
            source: Source | None = fresh
            if fresh is not None and real is not None:
                source = with_real(fresh, real, study.student.structures, study.training, study.seed)
            taught = train(
                *(clips, labels, study.student, study.training, study.seed, training, resume, source),
                real=real,
                network=begin,
                snapshots=() if study.label_free is None else study.label_free.snapshots,
                devices=devices,
            )
        if not first:
            return None
        network = pulled_back(taught.network, began, share)
        card = Card(
            network=study.student,
            preprocessing=Preprocessing(study.training.size, INPUT_SCALE),
            warm_up=Card.warm_up if study.student.remembers else 0,
            hindsight=study.hindsight,
            hindsight_zoom=study.hindsight_zoom,
            provenance={"made_from": made_from, "best_epoch": taught.best_epoch, "precision": taught.precision}
            | {"environment": environment()},
        )
        student = Student(card, TorchStepper(network, INPUT_SCALE))
        card = replace(card, threshold=choose_threshold(student, *pairs[0], others=pairs[1:]))
        return save(out, network, card, onnx=True)


def _made_from(study: Study, clips: Store, labels: Store, real: Pair | None) -> dict[str, Any]:
    """What tells a student from others, without paths: settings, and what was looked at by checksum."""
    table = study_table(study)
    elsewhere = {"start", "mean_with"}  # by checksums, below
    if real is None:
        elsewhere.add("real_share")
    made_from = {key: table[key] for key in ("name", "seed", "student")}
    made_from["training"] = {key: value for key, value in table["training"].items() if key not in elsewhere}
    made_from["teacher"] = teacher_table(study.teacher, study.student.structures)
    made_from |= {"clips": clips.content, "labels": labels.content}
    if study.clips.fresh:  # what the store of clips tells of those it holds
        made_from["fresh"] = {"generator": GENERATOR, "conditions": table["conditions"]}
        made_from["fresh"] |= {key: table["clips"][key] for key in ("train", "annotator")}
    if study.hindsight:
        made_from["hindsight"] = True
    if study.hindsight_zoom != 1:
        made_from["hindsight_zoom"] = study.hindsight_zoom
    if real is not None:
        made_from["real"] = {"clips": real[0].content, "labels": real[1].content, "data": real[0].settings["data"]}
    if starts := study.training.starts:
        made_from["start"] = start_table(*map(find_model, starts))
    return made_from


def _claim(folder: Path, made_from: dict[str, Any]) -> None:
    """Keeps what a folder is made from, or refuses a folder made from something else."""
    kept = folder / "made_from.json"
    if kept.is_file() and not _same(read_json(kept), made_from):
        raise StudyError(f"{folder} holds the training of another study or other clips. Choose a new --out.")
    write_json(kept, made_from)


def _finished(out: Path, made_from: dict[str, Any]) -> Card:
    """The card of the student in `out`; StudyError where it was made from something else."""
    card = read_card(out)
    if not _same(card.provenance.get("made_from", {}), made_from):
        raise StudyError(f"{out} holds a student of another study or other clips. Choose a new --out.")
    check_files(out, card)
    return card


def _same(kept: dict[str, Any], made_from: dict[str, Any]) -> bool:
    """Whether both are of one training; dials that an older one lacks came later, and it had their defaults."""
    dials = {one.name: one.default for one in fields(Training)}
    one, other = (made | {"training": dials | made.get("training", {})} for made in (kept, made_from))
    return one == other
