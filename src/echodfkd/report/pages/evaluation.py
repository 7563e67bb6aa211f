"""The page of `echodfkd evaluate`: anybody's masks against a data set's labels."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from echodfkd.data.layouts import LAYOUTS
from echodfkd.errors import InputError
from echodfkd.files import read_json, shaped
from echodfkd.report.page import write_page
from echodfkd.report.pages.run import worst_pictures
from echodfkd.report.pages.scorecard import Found, Model, report_page
from echodfkd.scores.frame_rate import LEAST_CLIPS
from echodfkd.scores.records import EjectionScores, Scores
from echodfkd.tables import read_rows

NOT_RUN = {
    "Robustness, and what warm-up and a second pass bring": "they need the model itself, not only its masks; "
    "`echodfkd run` measures them.",
    "Size, FLOPs, speed": "masks do not tell; `echodfkd models NAME` does for ours.",
}


def report_evaluation(folder: Path) -> Path:
    """The path of `index.html`, written beside the scores in `folder`."""
    table = read_json(folder / "scores.json")
    if not isinstance(table, dict) or not {"n", "dice", "labels", "model"} <= table.keys():
        raise InputError(f"{folder / 'scores.json'} holds no scores of `echodfkd evaluate`: run it again.")
    scores, baseline = shaped(Scores, table), folder / "constant_mask.csv"
    found = Found(
        scores=scores,
        rows=read_rows(folder / "clips.csv"),
        baseline=read_rows(baseline) if baseline.is_file() else (),
        exact_truth=scores.labels == "Stored",
        pictures={"worst": worst_pictures(folder)},
        not_run=_not_run(scores),
    )
    data = f"the {scores.n.split} clips of {LAYOUTS[scores.labels or ''][1]}"
    page = report_page(
        found, title="echodfkd: masks against labels", data=data, model=_model(scores), provenance=_provenance(scores)
    )
    write_page(folder / "index.html", page)
    return folder / "index.html"


def _model(scores: Scores) -> Model:
    table = scores.model
    return Model(f"{table['name']} ({table['weights']})" if table and {"name", "weights"} <= table.keys() else "Masks")


def _not_run(scores: Scores) -> dict[str, str]:
    """What these labels and masks do not allow, and why."""
    events = sum((one.matched or 0) + (one.missed or 0) for one in (scores.events.ed, scores.events.es))
    rate = f"it needs {LEAST_CLIPS} clips with a known frame rate, not all the same"
    few = scores.rounds_lacking or {}
    rounds = "; ".join(f"{phase.upper()}: {why.rstrip('.')}" for phase, why in few.items())
    gaps = {
        "A constant mask beside the Dice": None if scores.n.training_clips else "the data set has no training clips",
        "ED and ES": None if events else "no labelled event lies where a curve can turn (half sequences end at theirs)",
        "Dice of the first frames": None if scores.first_frames else "too few frames are labelled",
        "Distances against the frame rate": None if scores.frame_rate else rate,
        "Ejection fraction": _no_ejection(scores.ejection),
        "The spread of annotators": rounds or (None if scores.rounds else "it needs --events and --second-round"),
        "A second model": None if scores.paired else "it needs --against FOLDER",
    }
    return NOT_RUN | {what: f"{why}." for what, why in gaps.items() if why}


def _no_ejection(found: EjectionScores) -> str | None:
    """Why there is no error of the ejection fraction; None where there is one."""
    if not found.clips:
        return "the data set tells none"
    if found.without_prediction == found.clips:
        return f"no complete beat was found in the masks of any of the {found.clips} clips"
    return None


def _provenance(scores: Scores) -> dict[str, str]:
    n = scores.n
    left = (
        f"{n.without_prediction} clips without a prediction, {n.left_out} of any split that the data set cannot "
        f"use, {n.unreadable or 0} whose labels cannot be read, {n.unknown} whose labels do not tell of the "
        "ventricle"
    )
    table = {
        "labels": f"{LAYOUTS[scores.labels or ''][1]}, split {n.split}",
        "not scored": left,
        "baselines": f"constant mask of {n.training_clips} training clips",
        "bootstrap": f"{n.resamples} resamples, seed {n.seed}",
    }
    if n.events_from is not None:
        table["beats judged by"] = f"{n.events_from}; {n.without_events} clips without an event in it"
    if counts := scores.rounds_clips:
        table["two rounds of annotation"] = (
            f"{counts.both} of {counts.scored} clips scored are in both, {counts.uneven} with other numbers of events"
        )
    if scores.model:
        table["masks by"] = ", ".join(f"{key} {value}" for key, value in scores.model.items())
    return table | {"echodfkd": version("echodfkd"), "drawn": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
