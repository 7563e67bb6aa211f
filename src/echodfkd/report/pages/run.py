"""The report of a run: reads what the stages left in its folder and writes `report/index.html`."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.clock import ASSUMED_FPS
from echodfkd.errors import InputError
from echodfkd.files import make_folder, read_json, shaped
from echodfkd.measure.beats import Events
from echodfkd.report.draw import figures
from echodfkd.report.draw.gallery import Shown, clip_gallery
from echodfkd.report.draw.overlay import overlay_frame, overlay_frames
from echodfkd.report.page import Loop, Picture, write_page
from echodfkd.report.pages.judgement import judgement, label_free_sections
from echodfkd.report.pages.scorecard import Found, Model, report_page
from echodfkd.report.pages.sizes import report_sizes
from echodfkd.scores.cohort import CohortScores
from echodfkd.scores.predictions import read_prediction
from echodfkd.scores.records import FirstFrames, Scores
from echodfkd.scores.robustness import Robustness
from echodfkd.scores.sizes import read_speed, student_row
from echodfkd.scores.speed import Speed
from echodfkd.store.store import Store
from echodfkd.student.card import Card, read_card
from echodfkd.student.settings import flops_per_frame
from echodfkd.tables import read_rows
from echodfkd.video import write

LOOP_FRAMES = 150
"""The clip at the top of the page is at most this long: it lies inside the page."""

Row = Mapping[str, Any]


def report_run(folder: Path) -> Path:
    """The path of the page written from the run in `folder`; InputError where its stages have not come that far."""
    if (folder / "scores" / "sizes.json").is_file():
        return report_sizes(folder)
    if not (folder / "scores" / "scores.json").is_file():
        raise InputError(f"{folder} holds no scores yet: finish it with `echodfkd run STUDY.toml --out {folder}`.")
    found, card = run_found(folder), read_card(folder / "student")
    clips = Store(folder / "clips")
    page = report_page(
        found,
        title=f"echodfkd: {card.network.name} of the study {read_json(folder / 'study.json')['name']}",
        data="synthetic clips it has not seen",
        model=shown_model(card, *measured_speed(folder)),
        provenance=provenance(folder, card),
        loop=_loop(clips, folder / "masks", figures.ranked_clips(found.rows)["median"]),
    )
    write_page(make_folder(folder / "report") / "index.html", page)
    return folder / "report" / "index.html"


def run_found(folder: Path) -> Found:
    """What a run's stages left to be shown."""
    scores, card = folder / "scores", read_card(folder / "student")
    rows, kept = read_rows(scores / "clips.csv"), partial(_kept, scores)
    table = shaped(Scores, read_json(scores / "scores.json"))
    worse, first, together = kept("robustness.json"), kept("first_frames.json"), kept("cohort.json")
    pictures = {
        "gallery": _gallery(Store(folder / "clips"), folder / "masks", figures.ranked_clips(rows)),
        "worst": worst_pictures(scores),
        "training": [_training(folder / "student-training" / "curve.csv", card)],
    }
    return Found(
        scores=table,
        rows=rows,
        baseline=_baseline(folder),
        robustness=None if worse is None else shaped(Robustness, worse),
        first_frames=None if first is None else shaped(FirstFrames, first),
        size=student_row(card, table, read_speed(folder)),
        cohort=None if together is None else shaped(CohortScores, together),
        label_free=label_free_sections(*judgement(folder / "label-free")) if (folder / "label-free").is_dir() else (),
        exact_truth=True,
        pictures=pictures,
        not_run={
            "Human labels": "a synthetic study has none; `echodfkd evaluate` compares with a data set's tracings.",
        },
    )


def worst_pictures(scores: Path) -> list[Picture]:
    """The picture of the worst clips, where judging left one."""
    path, words = scores / "worst.png", "The clips of lowest Dice at end-diastole and end-systole, plain and with masks"
    return (
        [Picture(path.read_bytes(), words, f"{words}: prediction in colour, truth in yellow.")]
        if path.is_file()
        else []
    )


def _kept(scores: Path, name: str) -> Any:
    """A file of a run's scores; None where that stage was not run."""
    return read_json(scores / name) if (scores / name).is_file() else None


def _baseline(folder: Path) -> list[dict[str, Any]]:
    path = folder / "scores" / "constant_mask.csv"
    return read_rows(path) if path.is_file() else []


def measured_speed(folder: Path) -> tuple[Speed, Row]:
    """The run's speed and the environment it was measured in; older runs kept only that of their latest start."""
    speed = shaped(Speed, read_json(folder / "scores" / "speed.json"))
    return speed, speed.environment or read_json(folder / "environment.json")


def shown_model(card: Card, speed: Speed, environment: Row) -> Model:
    """The student as the page's head shows it; the environment is that of the speed."""
    spread = f"{speed.low:.0f} to {speed.high:.0f} in {speed.repeats} passes"
    where = f"one by one in a causal stream on {_machine(environment)}; {spread}"
    return Model(
        card.network.name,
        card.parameters,
        flops_per_frame(card.network, card.preprocessing.size),
        speed.frames_per_second,
        where,
    )


def provenance(folder: Path, card: Card) -> dict[str, str]:
    """Study, seed, data, machines, versions and date, in words; the training's as the student's card tells them."""
    study, trained, (_, measured) = (
        read_json(folder / "study.json"),
        card.provenance["environment"],
        measured_speed(folder),
    )
    training, clips, size = study["training"], study["clips"], card.preprocessing.size
    counts = ", ".join(f"{clips[split]['count']} {split}" for split in ("train", "validation", "test"))
    anew = "; those to train on drawn anew in every epoch" if clips.get("fresh") else ""
    return {
        "study": f"{study['name']}, seed {study['seed']}",
        "clips": f"{counts}{anew}; synthetic, no patient's pixel",
        **_not_drawn(card.provenance.get("made_from", {}), training),
        "teacher": " ".join(filter(None, (study["teacher"]["kind"], study["teacher"].get("name")))),
        "student": f"{card.network.name} at {size} x {size}, threshold {card.threshold:g}, "
        + ("looking both ways" if card.hindsight else "causal"),
        "training": f"{training['loss']}, windows of {training['window']}, best epoch {card.provenance['best_epoch']}, "
        f"{card.provenance['precision']}",
        "trained on": f"{trained['device']}; {_machine(trained)}; {_versions(trained)}",
        "speed measured on": f"{_machine(measured)}; {_versions(measured)}",
        "drawn": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _not_drawn(made: Row, training: Row) -> dict[str, str]:
    """What the student saw besides drawn clips, in words: clips of data sets, the model it started from."""
    facts = {}
    if "real" in made:
        each = (
            f"{one['about'] or one['layout']}: " + ", ".join(f"{n} {split}" for split, n in one["clips"].items())
            for one in made["real"]["data"]
        )
        facts["clips of data sets"] = f"{training['real_share']:.0%} of what was trained on: {'; '.join(each)}"
    if "start" in made:
        seen = "may have seen real clips" if made["start"]["real"] else "drawn clips alone taught it"
        weights = [one[:16] for one in (made["start"]["weights"], *made["start"].get("mean_with", ()))]
        share = 100 * training.get("start_share", 0)
        back = f", moved {share:g} % of the way back to them" if share else ""
        facts["started from"] = f"weights {', '.join(weights)}{' (their mean)' if weights[1:] else ''}{back}; {seen}"
    return facts


def _machine(environment: Row) -> str:
    return f"{environment['processor']}, {environment['cores']} cores"


def _versions(environment: Row) -> str:
    return ", ".join(f"{name} {version}" for name, version in environment["packages"].items())


def _loop(clips: Store, masks: Path, row: Row) -> Loop:
    """The clip of median Dice with the student's masks in colour and the truth as a thin line."""
    clip, predicted, truth = _masks(clips, masks, row["name"])
    n = min(len(predicted), LOOP_FRAMES)
    facts = _truth(clips, row["name"])
    measures = read_json(masks / row["name"] / "measures.json")
    ed, es = (tuple(k for k in measures[f"{phase}_frames"] if k < n) for phase in ("ed", "es"))
    events = Events(ed, es, clip.fps or ASSUMED_FPS)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "loop.mp4"
        pictures = overlay_frames(
            clip.frames[:n], _by_frame(predicted[:n]), predicted[:n].sum((1, 2)), events, second=_by_frame(truth[:n])
        )
        write(path, pictures, events.fps)
        loop = path.read_bytes()
    poster = figures.picture_png(overlay_frame(clip.frames[0], {"lv": predicted[0]}, {"lv": truth[0]}))
    caption = (
        f"The test clip of median Dice ({row['dice']:.3f}): student in blue, truth in yellow, area curve below. "
        f"True EF {facts['ejection_fraction']:.0f} %, measured "
        + ("none" if row["ef_predicted"] is None else f"{row['ef_predicted']:.0f} %")
        + "."
    )
    return Loop(
        loop, "A synthetic apical four-chamber clip with the left ventricle outlined on every frame", caption, poster
    )


def _gallery(clips: Store, masks: Path, ranked: Mapping[str, Row]) -> list[Picture]:
    """First ED and ES of the best, the median and the worst clip; empty where the clips are too short to show any."""
    shown = []
    for rank, row in ranked.items():
        clip, predicted, truth = _masks(clips, masks, row["name"])
        facts = _truth(clips, row["name"])
        moments = {phase.upper(): frame for phase in ("ed", "es") for frame in facts[f"{phase}_frames"][:1]}
        shown.append(Shown(rank, f"Dice {row['dice']:.3f}", np.asarray(clip.frames), predicted, truth, moments))
    figure = clip_gallery(shown)
    return [] if figure is None else [_picture(figure, "Frames of the best, the median and the worst clip with masks")]


def _masks(clips: Store, masks: Path, name: str) -> tuple[Clip, NDArray[np.bool_], NDArray[np.bool_]]:
    """A clip of the store, its predicted and its true left ventricle (time, height, width) bool."""
    return clips.clip(name), read_prediction(masks / name).masks, clips.inside(name)


def _truth(clips: Store, name: str) -> dict[str, Any]:
    """What the simulator knows of a clip."""
    return next(entry.facts["truth"] for entry in clips.entries if entry.name == name)


def _by_frame(masks: NDArray[np.bool_]) -> Iterator[dict[str, NDArray[np.bool_]]]:
    return ({"lv": mask} for mask in masks)


def _training(path: Path, card: Card) -> Picture:
    rows = read_rows(path)
    return _picture(figures.training_figure(rows, card.provenance["best_epoch"]), "Losses over epochs")


def _picture(figure: Any, alt: str) -> Picture:
    return Picture(figures.png_bytes(figure), alt, alt, width=round(figure.get_figwidth() * 96))
