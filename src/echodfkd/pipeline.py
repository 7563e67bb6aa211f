"""A whole study: synthetic clips -> teacher masks -> distilled student -> masks on clips -> scores -> report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echodfkd.commands.distill import distill
from echodfkd.commands.evaluate import evaluate
from echodfkd.commands.gather import gather
from echodfkd.commands.judge import check_models, judge_run
from echodfkd.commands.label import label
from echodfkd.commands.report import report
from echodfkd.commands.segment import segment_store
from echodfkd.commands.synth import synth
from echodfkd.distill.mixture import Pair
from echodfkd.engine import HERE, Engine
from echodfkd.errors import StudyError
from echodfkd.scores.cohort import score_cohort
from echodfkd.scores.records import Scores
from echodfkd.scores.robustness import score_robustness
from echodfkd.scores.sizes import STUDENTS, SizeScores, score_sizes
from echodfkd.scores.speed import measure_speed
from echodfkd.store.store import Store
from echodfkd.study.fresh import check_teacher
from echodfkd.study.run_folder import Run
from echodfkd.study.settings import Study


@dataclass(frozen=True)
class Finished:
    """A run that walked through every stage: its scores, of a grid `scores/sizes.json`'s, and its page."""

    scores: Scores | SizeScores
    page: Path


def run(study: Study, out: Path, workers: int | None = None, engine: Engine = HERE) -> Finished:
    """Walks the study through every stage in the folder `out`.

    Each stage takes up what an earlier, stopped run left. `workers` draw fresh clips, see `distill`; all that is
    done clip by clip is done where the `engine` says. Raises StudyError
    where `out` holds another study, OutputError where it cannot be written or another process works in it, and
    InputError, before anything is written, where the teacher cannot be loaded or lacks a structure.
    """
    if study.search is not None:
        raise StudyError("A study with [search] is for `echodfkd search`, which writes the study of the best to run.")
    check_teacher(study)
    check_models(study.label_free)
    seed, resamples = study.seed, study.scoring.resamples
    with Run(out, study) as here:
        with here.stage("synth"):
            clips = synth(study, out / "clips", engine)
        with here.stage("label"):
            labels = label(study, clips, out / "labels", engine=engine)
        if study.cohort is not None:
            study, labels = _cohort(study, out, here, (clips, labels), workers, engine)
        real = _real(study, out, here, engine) if study.data else None
        if study.sizes is not None:
            return _grid(study, out, here, (clips, labels), real, workers, engine)
        with here.stage("distill"):
            distill(study, clips, labels, out / "student", workers=workers, real=real)
        with here.stage("segment"):
            segment_store(clips, out / "student", out / "masks", engine=engine)
        with here.stage("score"):
            scores = _score(study, out, clips, engine)
            measure_speed(out, clips)
        if study.scoring.robustness:
            with here.stage("robustness"):
                score_robustness(out, clips, seed=seed, resamples=resamples, engine=engine)
        if study.label_free is not None:
            with here.stage("judge"):
                judge_run(study, out, clips, engine)
        with here.stage("report"):
            return Finished(scores, report(out))


def _real(study: Study, out: Path, here: Run, engine: Engine) -> Pair:
    """The study's real clips and its teacher's masks of them, in `out`'s folders `real` and `real-labels`."""
    with here.stage("gather"):
        clips = gather(study, out / "real", engine)
    with here.stage("label real"):
        return clips, label(study, clips, out / "real-labels", engine=engine)


def _cohort(
    study: Study, out: Path, here: Run, taught: Pair, workers: int | None, engine: Engine
) -> tuple[Study, Store]:
    """Teaches the cohort, each member in its folder of `out`'s `cohort`; the study and the labels of all together."""
    students = {name: out / "cohort" / name / "student" for name in study.members}
    for name, one in study.members.items():
        with here.stage(f"distill {name}"):
            distill(one, *taught, students[name], workers=workers)
    together = study.taught_by(out / "cohort")
    options: dict[str, Any] = {"seed": study.seed, "resamples": study.scoring.resamples, "engine": engine}
    with here.stage("score cohort"):
        score_cohort(students, together.teacher.fusion, taught[0], out / "scores" / "cohort.json", **options)
    with here.stage("label by cohort"):
        return together, label(together, taught[0], out / "cohort-labels", engine=engine)


def _grid(
    study: Study, out: Path, here: Run, taught: Pair, real: Pair | None, workers: int | None, engine: Engine
) -> Finished:
    """Teaches and scores every student of the grid in its folder of `out`'s `students`.

    The table is written anew after every student: a run that is stopped leaves that of those who were done.
    """
    students = {study.student.name: study for study in study.alone}
    for name, one in students.items():
        folder = out / STUDENTS / name
        with here.stage(f"distill {name}"):
            distill(one, *taught, folder / "student", workers=workers, real=real)
        with here.stage(f"segment {name}"):
            segment_store(taught[0], folder / "student", folder / "masks", engine=engine)
        with here.stage(f"score {name}"):
            _score(one, folder, taught[0], engine)
            score_sizes(out)
    with here.stage("speed"):  # one after another, so that whatever else the machine does is about the same for all
        for name in students:
            measure_speed(out / STUDENTS / name, taught[0])
    with here.stage("report"):
        scores = score_sizes(out)
        return Finished(scores, report(out))


def _score(study: Study, folder: Path, clips: Store, engine: Engine) -> Scores:
    """Scores of the masks in `folder` against the simulator's truth of the store `clips`, in `folder`'s `scores`."""
    options: dict[str, Any] = {"resamples": study.scoring.resamples, "seed": study.seed, "engine": engine}
    return evaluate(folder / "masks", clips.place, folder / "scores", page=False, **options)
