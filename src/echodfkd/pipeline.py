"""The whole flow on one screen: synthetic clips, teacher masks, distilled student, masks on clips, scores, report."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from echodfkd.clip import WORKING_SIZE
from echodfkd.commands.evaluate import constant_of, judge
from echodfkd.commands.gather import gather
from echodfkd.commands.label import label
from echodfkd.commands.rivals import check_rivals, judge_run, segment_some
from echodfkd.commands.segment import identity
from echodfkd.commands.sizes import STUDENTS, score_sizes, size_table
from echodfkd.distill.mixture import Pair, beside, looked_at
from echodfkd.distill.start import start_table, starting_network
from echodfkd.distill.threshold import choose_threshold
from echodfkd.distill.train import INPUT_SCALE, train
from echodfkd.distill.windows import Source
from echodfkd.engine import cores, for_each
from echodfkd.errors import StudyError
from echodfkd.files import holding, read_json, write_json
from echodfkd.report.pages.run import report_run
from echodfkd.report.terminal import table
from echodfkd.scores.known_clips import read_labels
from echodfkd.scores.robustness import FirstFrameSettings, RobustnessSettings, TrueClip, first_frame_scores, robustness
from echodfkd.store.store import Entry, Store, StoreWriter
from echodfkd.student.bundled import find_model
from echodfkd.student.card import CARD, Card, Preprocessing, check_files, read_card
from echodfkd.student.checkpoint import save
from echodfkd.student.settings import flops_per_frame
from echodfkd.student.steppers import TorchStepper
from echodfkd.student.student import Student, load_student
from echodfkd.study.fresh import FreshWindows, check_teacher
from echodfkd.study.run_folder import Run, environment, streaming_speed
from echodfkd.study.settings import Study, study_table
from echodfkd.synthetic.annotator import ANNOTATORS
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import GENERATOR, draw_recipe
from echodfkd.teachers.provenance import teacher_table

FRAMES_PER_PROCESS = 2000
"""Frames to draw for which another process is started: one needs seconds to begin, and draws hundreds a second."""


def run(study: Study, out: Path, workers: int | None = None) -> str:
    """Walks the study through every stage in the folder `out`; the scores as a table with the report's path.

    Each stage takes up what an earlier, stopped run left. `workers` draw fresh clips, see `distill`. Raises StudyError
    where `out` holds another study, OutputError where it cannot be written or another process works in it, and
    InputError, before anything is written, where the teacher cannot be loaded or lacks a structure.
    """
    check_teacher(study)
    check_rivals(study.label_free)
    with Run(out, study_table(study)) as here:
        with here.stage("synth"):
            clips = synthesize(study, out / "clips")
        with here.stage("label"):
            labels = label(study, clips, out / "labels")
        real = _real(study, out, here) if study.data else None
        if study.sizes is not None:
            return _grid(study, out, here, (clips, labels), real, workers)
        with here.stage("distill"):
            distill(study, clips, labels, out / "student", workers=workers, real=real)
        with here.stage("segment"):
            segment(clips, out / "student", out / "masks")
        with here.stage("score"):
            scores = score(study, out, clips)
            measure_speed(out, clips)
        if study.scoring.robustness:
            with here.stage("robustness"):
                run_again(study, out, clips)
        if study.label_free is not None:
            with here.stage("judge"):
                judge_run(study, out, clips)
        with here.stage("report"):
            page = report_run(out)
    return "\n".join([table(scores), *_size(out), f"Report: {page}"])


def _grid(study: Study, out: Path, here: Run, taught: Pair, real: Pair | None, workers: int | None) -> str:
    """Teaches and judges every student of the grid in its folder of `out`'s `students`; their table and the report.

    The table is written anew after every student: a run that is stopped leaves that of those who were done.
    """
    students = {study.student.name: study for study in study.alone}
    for name, one in students.items():
        folder = out / STUDENTS / name
        with here.stage(f"distill {name}"):
            distill(one, *taught, folder / "student", workers=workers, real=real)
        with here.stage(f"segment {name}"):
            segment(taught[0], folder / "student", folder / "masks")
        with here.stage(f"score {name}"):
            score(one, folder, taught[0])
            score_sizes(out)
    with here.stage("speed"):  # one after another, so that whatever else the machine does is about the same for all
        for name in students:
            measure_speed(out / STUDENTS / name, taught[0], threads=1)
    with here.stage("report"):
        scores = score_sizes(out)
        page = report_run(out)
    return f"{size_table(scores)}\nReport: {page}"


def _real(study: Study, out: Path, here: Run) -> Pair:
    """The study's real clips and its teacher's masks of them, in `out`'s folders `real` and `real-labels`."""
    with here.stage("gather"):
        clips = gather_clips(study, out / "real")
    with here.stage("label real"):
        return clips, label(study, clips, out / "real-labels")


def gather_clips(study: Study, out: Path) -> Store:
    """The clips of the study's data sets, as `data.gather.gather` writes them into `out`. StudyError without any."""
    if not study.data:
        raise StudyError("The study takes no real clips: it has no [[data]].")
    return gather(study.data, out, study.training.window, study.clips.shard)


def synthesize(study: Study, out: Path) -> Store:
    """The study's synthetic clips with the simulator's truth, as a store in `out`; finished shards are kept.

    With `clips.fresh` the store holds those of validation and test alone.
    """
    shards = list(_shards(study))
    with holding(out):
        writer = _clip_writer(study, out)
        missing = [number for number in range(len(shards)) if not writer.has(number)]
        frames = sum(shards[number].frames * len(shards[number].members) for number in missing)
        processes = min(cores(), 1 + frames // FRAMES_PER_PROCESS)
        for_each(partial(_render, study, out), missing, "synth", processes)
        return writer.finish(len(shards))


def _render(study: Study, out: Path, number: int) -> None:
    """Draws and writes one shard of the study's clips."""
    shard = list(_shards(study))[number]
    recipes = [draw_recipe(study.conditions, study.seed, member, shard.frames) for _, member in shard.members]
    annotator = ANNOTATORS[study.clips.annotator]
    made = generate(recipes, WORKING_SIZE, structures=study.clips.structures, annotator=annotator)
    entries = [
        Entry(name, shard.split, shard.frames, truth.fps, {"recipe": recipe.to_dict(), "truth": truth.to_dict()})
        for (name, _), recipe, truth in zip(shard.members, recipes, made.truths, strict=True)
    ]
    _clip_writer(study, out).write(number, entries, np.concatenate(made.frames), np.concatenate(made.masks))


def _clip_writer(study: Study, out: Path) -> StoreWriter:
    """The writer of a study's clips; it refuses a folder of other clips."""
    settings = {"generator": GENERATOR} | {key: study_table(study)[key] for key in ("seed", "clips", "conditions")}
    if study.clips.fresh:
        del settings["clips"]["train"]  # not in there
    return StoreWriter(out, study.clips.structures, (WORKING_SIZE, WORKING_SIZE), settings)


def distill(
    study: Study,
    clips: Store,
    labels: Store,
    out: Path,
    resume: bool = True,
    workers: int | None = None,
    real: Pair | None = None,
) -> Card:
    """A student in `out`, taught `labels` on `clips`; a finished one is kept, a stopped training goes on.

    With `clips.fresh` the clips to train on are drawn and labelled beside it by that many `workers`. A study with
    `data` needs its `real` clips and their labels too. Without `resume`
    it is taught anew. Checkpoints, the curve and TensorBoard's log lie beside it in `<out>-training`. Raises StudyError
    where either folder comes from other settings or other clips.
    """
    if study.sizes is not None:
        raise StudyError("A study of [sizes] has several students: `echodfkd run` teaches them all.")
    if bool(study.data) != (real is not None):
        raise StudyError("Real clips and their labels (--real, --real-labels) go with a study that has [[data]].")
    begin = None if study.training.start is None else starting_network(study.training.start, study.student)
    made_from = _made_from(study, clips, labels, real)
    pairs = looked_at((clips, labels), real, study.training)
    training = out.with_name(f"{out.name}-training")
    with holding(training):
        _claim(training, made_from)
        if resume and (out / CARD).is_file():
            return _finished(out, made_from)
        with FreshWindows(study.drawn_alone, workers) if study.clips.fresh else nullcontext() as fresh:
            source: Source | None = fresh
            if fresh is not None and real is not None:
                source = beside(fresh, real, study.student.structures, study.training, study.seed)
            taught = train(
                *(clips, labels, study.student, study.training, study.seed, training, resume, source),
                real=real,
                network=begin,
                snapshots=() if study.label_free is None else study.label_free.snapshots,
            )
        card = Card(
            network=study.student,
            preprocessing=Preprocessing(study.training.size, INPUT_SCALE),
            warm_up=Card.warm_up if study.student.remembers else 0,
            hindsight=study.hindsight,
            provenance={"made_from": made_from, "best_epoch": taught.best_epoch, "precision": taught.precision}
            | {"environment": environment()},
        )
        student = Student(card, TorchStepper(taught.network, INPUT_SCALE))
        card = replace(card, threshold=choose_threshold(student, *pairs[0], others=pairs[1:]))
        return save(out, taught.network, card, onnx=True)


def _made_from(study: Study, clips: Store, labels: Store, real: Pair | None) -> dict[str, Any]:
    """What tells a student from others, without paths: settings, and what was looked at by checksum."""
    table = study_table(study)
    made_from = {key: table[key] for key in ("name", "seed", "student", "training")}
    made_from["teacher"] = teacher_table(study.teacher, study.student.structures)
    made_from |= {"clips": clips.content, "labels": labels.content}
    if study.clips.fresh:  # what the store of clips tells of those it holds
        made_from["fresh"] = {"generator": GENERATOR, "conditions": table["conditions"]}
        made_from["fresh"] |= {key: table["clips"][key] for key in ("train", "annotator")}
    if study.hindsight:
        made_from["hindsight"] = True
    if real is not None:
        made_from["real"] = {"clips": real[0].content, "labels": real[1].content, "data": real[0].settings["data"]}
    if start := study.training.start:
        made_from["training"] = {key: value for key, value in table["training"].items() if key != "start"}
        made_from["start"] = start_table(find_model(start))
    return made_from


def segment(clips: Store, student_folder: Path, out: Path) -> None:
    """The student's masks and measures of the test clips in `out`, as `segment` lays them out; what is done is kept."""
    segment_some(clips, student_folder, out, [entry.name for entry in clips.split("test")])


def score(study: Study, folder: Path, clips: Store) -> dict[str, Any]:
    """Scores of the masks in `folder` against the simulator's truth of `clips`, in `folder`'s `scores`; the card."""
    resamples = study.scoring.resamples
    return judge(folder / "masks", clips.folder, folder / "scores", resamples=resamples, seed=study.seed)


def run_again(study: Study, folder: Path, clips: Store) -> None:
    """Writes what the student in `folder` makes of test clips made worse, and of their first frames, to `scores`.

    What this student has done before is kept.
    """
    student, path = load_student(folder / "student"), folder / "scores" / "robustness.json"
    if path.is_file() and read_json(path).get("model") == identity(student):
        return
    constant, _ = constant_of(read_labels(clips.folder, "test"), clips.size)
    looked, seed, resamples = true_clips(clips, "test"), study.seed, study.scoring.resamples
    if any(len(one.masks) > FirstFrameSettings.frames for one in looked):
        met = FirstFrameSettings(seed=seed, resamples=resamples)
        first = first_frame_scores(folder / "student", looked, met, constant)
        write_json(folder / "scores" / "first_frames.json", first)
    settings = RobustnessSettings(seed=seed, resamples=resamples)
    write_json(path, robustness(student, looked, settings, constant) | {"model": identity(student)})


def true_clips(clips: Store, split: str) -> list[TrueClip]:
    """The clips of a split with the simulator's left ventricle."""
    place = clips.structures.index("lv")
    return [
        TrueClip(clips.clip(entry), np.asarray(clips.masks(entry.name)[:, place] >= 128))
        for entry in clips.split(split)
    ]


def measure_speed(folder: Path, clips: Store, threads: int | None = None) -> None:
    """Writes how fast the student in `folder` streams a test clip, and on what, as `scores/speed.json`."""
    speed = streaming_speed(folder / "student", clips.clip(clips.split("test")[0]), threads=threads)
    write_json(folder / "scores" / "speed.json", speed | {"environment": environment()})


def _size(run_folder: Path) -> list[str]:
    """Parameters, FLOPs and speed of a run's student, as lines for a terminal."""
    card, speed = read_card(run_folder / "student"), read_json(run_folder / "scores" / "speed.json")
    size = card.preprocessing.size
    flops = flops_per_frame(card.network, size) / 1e9
    return [
        f"{card.network.name}: {card.parameters:,} parameters, {flops:.3g} GFLOPs a frame of {size} x {size} "
        f"(2 per multiply-add), {speed['frames_per_second']:.0f} frames/s one by one "
        f"({speed['low']:.0f} to {speed['high']:.0f} in {speed['repeats']} passes)"
    ]


class _Shard(NamedTuple):
    """Clips of one split that are drawn together: (name, number) of each, all of `frames` frames."""

    split: str
    frames: int
    members: list[tuple[str, int]]


def _shards(study: Study) -> Iterator[_Shard]:
    """The shards of a study's clips. The numbers of the splits lie far apart, so that one may grow alone."""
    for first, split in ((0, "train"), (1_000_000, "validation"), (2_000_000, "test")):
        if study.clips.fresh and split == "train":
            continue  # `fresh` draws them, numbered from 3,000,000
        part = getattr(study.clips, split)
        members = [(f"{split}-{k:05d}", first + k) for k in range(part.count)]
        for k in range(0, len(members), study.clips.shard):
            yield _Shard(split, part.frames, members[k : k + study.clips.shard])


def _claim(folder: Path, made_from: dict[str, Any]) -> None:
    """Keeps what a folder is made from, or refuses a folder made from something else."""
    kept = folder / "made_from.json"
    if kept.is_file() and read_json(kept) != made_from:
        raise StudyError(f"{folder} holds the training of another study or other clips. Choose a new --out.")
    write_json(kept, made_from)


def _finished(out: Path, made_from: dict[str, Any]) -> Card:
    """The card of the student in `out`; StudyError where it was made from something else."""
    card = read_card(out)
    if card.provenance.get("made_from") != made_from:
        raise StudyError(f"{out} holds a student of another study or other clips. Choose a new --out.")
    check_files(out, card)
    return card
