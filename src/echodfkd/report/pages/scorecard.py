"""The page of a scorecard: its sections in their order, the numbers on top, what others published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echodfkd.report import published
from echodfkd.report.numbers import NONE, Interval, count, interval, number
from echodfkd.report.page import Film, Page, Picture, Section, Table, Tile
from echodfkd.report.sections import (
    beats,
    bounds,
    concentration,
    ejection,
    first_frames,
    overlap,
    paired,
    robustness,
    size,
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """What the tiles say of the segmenter; None where not measured. FLOPs are per frame, 2 per multiply-add."""

    name: str
    parameters: int | None = None
    flops: float | None = None
    frames_per_second: float | None = None
    machine: str = ""


SIMULATED = (
    "Scores on synthetic clips say how well the student learned its teacher there, not how it fares on patients."
)
LIMITS = (
    "Research software: not a medical device and not for diagnosis.",
    "Intervals tell the spread over the clips scored, not what other scanners, views or populations would give.",
    "A single plane cannot see the whole ventricle: volumes and ejection fractions assume circular discs.",
    "The paper's frame distance (aFD) is printed for comparison only: curves that saw no image score well with it.",
)


@dataclass(frozen=True)
class Found:
    """What a page is drawn from besides `scores`; whatever is missing is left out of the page.

    `rows` and `baseline` are the clips' rows and the constant mask's. `robustness` and `first_frames` are those of a
    student that was run again, `size` the row of `scores.sizes.student_row`. `label_free` are finished sections.
    `exact_truth` says that the labels are a simulator's. `pictures` are put by key into the sections 'gallery',
    'worst' and 'training'. `not_run` maps what could not be run to why.
    """

    scores: Row
    rows: Sequence[Row] = ()
    baseline: Sequence[Row] = ()
    robustness: Row | None = None
    first_frames: Row | None = None
    size: Row | None = None
    label_free: Sequence[Section] = ()
    exact_truth: bool = False
    pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)


CLEAN = (
    ("Dice", "dice.overall", 3),
    ("Dice at ED", "dice.ed", 3),
    ("Dice at ES", "dice.es", 3),
    ("IoU", "iou.overall", 3),
    ("HD95, pixels", "boundary.hd95.overall", 2),
    ("aFD ED, frames", "afd.ed", 2),
    ("aFD ES, frames", "afd.es", 2),
    ("ED one to one, penalised, ms", "events.ed.penalised_ms", 0),
    ("ES one to one, penalised, ms", "events.es.penalised_ms", 0),
    ("EF error, points", "ejection.mae", 2),
    ("EF error over all clips, points", "ejection.mae_penalised", 2),
)
"""What stands beside each other with and without the excluded clips: words, place in a scorecard, digits."""


def report_page(
    found: Found, *, title: str, data: str, model: Model, provenance: Mapping[str, str], film: Film | None = None
) -> Page:
    """The report of a run, or of anybody's masks, from what was found.

    `data` says in a few words what was scored. `provenance` should name study, seed, machines, versions and date.
    """
    scores = found.scores
    sections = [
        *measured_sections(found),
        _pictures("Clips, best to worst", found.pictures.get("gallery")),
        _pictures("Training", found.pictures.get("training")),
        published_section(scores, data),
        _listed("What could not be run", [f"{what}: {why}" for what, why in found.not_run.items()]),
        Section("What this does not say", points=(*LIMITS, *([SIMULATED] if found.exact_truth else []))),
        Section("Where the numbers come from", pairs=dict(provenance)),
    ]
    n = scores["n"]
    by = "patient" if n.get("patients") not in (None, n["clips"]) else "clip"
    lead = f"{model.name} on {data}: {n['clips']} clips, {n['frames']} frames. Intervals are 95 % bootstrap by {by}."
    return Page(title, lead, film, headline_tiles(scores, model), tuple(section for section in sections if section))


def measured_sections(found: Found) -> list[Section | None]:
    """Every measurement's section in the page's order; None for what was not measured."""
    scores, rows = found.scores, found.rows
    against = scores.get("paired")
    return [
        clean_section(scores),
        overlap.section(scores, (), rows, found.baseline),
        beats.section(scores),
        ejection.section(scores, (), rows),
        bounds.section(scores, scores.get("rounds"), exact_truth=found.exact_truth),
        paired.section(against, against["first"], against["second"]) if against else None,
        concentration.section(scores.get("concentration"), scores.get("strata"), rows),
        _pictures("The worst clips", found.pictures.get("worst")),
        first_frames.section(found.first_frames or scores.get("first_frames")),
        robustness.section(found.robustness),
        *found.label_free,
        size.section(found.size) if found.size else None,
    ]


def clean_section(scores: Row) -> Section | None:
    """All clips beside those that are left without the excluded ones; None where nothing was excluded."""
    if "excluded" not in scores:
        return None
    gone, rest = scores["excluded"], scores["clean"]
    reasons = ", ".join(f"{reason}: {clips}" for reason, clips in gone["by_reason"].items()) or "no reason given"
    total = scores["n"]["clips"]
    text = (f"{gone['clips']} of {total} clips were excluded ({reasons}). Every other section is of all clips.",)
    lines = tuple(
        (label, *(interval(_at(one, path), digits) for one in (scores, rest)), *(count(_at(rest, path)),))
        for label, path, digits in CLEAN
    )
    head = ("", "all clips", "without the excluded", "clips left")
    return Section("Without the excluded clips", text, tables=(Table("All clips and those left", head, lines),))


def _at(scores: Row, path: str) -> Interval:
    """The score at a dotted path; None where it is not there."""
    found: Any = scores
    for key in path.split("."):
        found = None if found is None else found.get(key)
    return found


def _pictures(title: str, pictures: Sequence[Picture] | None) -> Section | None:
    return Section(title, pictures=tuple(pictures)) if pictures else None


def _listed(title: str, points: Sequence[str]) -> Section | None:
    return Section(title, points=tuple(points)) if points else None


def headline_tiles(scores: Mapping[str, Any], model: Model) -> tuple[Tile, ...]:
    """The numbers a reader wants first: overlap, ejection fraction, beats; size, cost and speed where known."""
    overlap, fraction = scores["dice"]["overall"], scores["ejection"]
    constant, always = scores.get("constant_mask"), fraction["always_training_mean"]
    parameters, flops, speed = model.parameters, model.flops, model.frames_per_second
    beside_constant = _beside(overlap, 3, "constant mask", constant and constant["dice"]["overall"])
    beside_mean = _beside(fraction["mae"], 1, "always the training mean", always and always["mae"])
    first = (
        Tile("Dice", number(overlap, 3), beside_constant),
        Tile("EF error, points", number(fraction["mae"], 1), beside_mean),
        _events_tile(scores["events"]),
    )
    if parameters is None and flops is None and speed is None:
        return first
    return (
        *first,
        Tile("Parameters", NONE if parameters is None else f"{parameters:,}", model.name),
        Tile("FLOPs per frame", NONE if flops is None else f"{flops / 1e9:.3g} G", "2 per multiply-add"),
        Tile("Frames per second", NONE if speed is None else f"{speed:,.0f}", model.machine),
    )


def published_section(scores: Mapping[str, Any], data: str) -> Section:
    """What others published, this run's numbers on top of each table."""
    dice, afd, fraction = scores["dice"], scores["afd"], scores["ejection"]
    own = (
        (_both_phases(dice), *(number(dice[key], 2, 100) for key in ("ed", "es"))),
        tuple(number(afd[key], 2) for key in ("ed", "es")),
        tuple(number(fraction[key], 2) for key in ("mae", "rmse", "r2")),
    )
    heads = (
        ("Dice, %", ("ED and ES", "ED", "ES")),
        ("aFD, frames", ("ED", "ES")),
        ("Ejection fraction", ("MAE", "RMSE", "R2")),
    )
    tables = tuple(
        Table(
            title,
            ("", "measured on", *columns),
            (("this run", data, *mine), *((row.who, row.data, *map(_printed, row.values)) for row in rows)),
            own=frozenset({0}),
        )
        for (title, columns), mine, rows in zip(
            heads, own, (published.DICE, published.AFD, published.EJECTION), strict=True
        )
    )
    warning = (
        "Published figures are quoted, not reproduced here. The data differ (clips, labels, frame rates, frames "
        "scored): rows of one table measured on different data cannot be ranked. Dice of ED and ES is the mean of both."
    )
    return Section("Published figures", warning=warning, tables=tables)


def _both_phases(dice: Row) -> str:
    """The mean of Dice at ED and at ES, percent: what others print as both; a dash where one is not known."""
    values = [dice[phase]["value"] for phase in ("ed", "es") if dice[phase] is not None]
    return f"{50 * sum(values):.2f}" if len(values) == 2 else NONE


def _beside(found: Interval, digits: int, name: str, baseline: Interval) -> str:
    if found is None:
        return "not measured"
    ends = "" if found["low"] is None else f"{found['low']:.{digits}f} to {found['high']:.{digits}f}, "
    other = "" if baseline is None else f"; {name}: {number(baseline, digits)}"
    return f"{ends}n = {found['n']}{other}"


def _events_tile(events: Mapping[str, Any]) -> Tile:
    """How far ED and ES are off, with how many of the events asked for were found."""
    value = " / ".join(number(events[phase]["distance_ms"], 0) for phase in ("ed", "es"))
    return Tile("ED / ES off by, ms", value, "; ".join(_found(events[phase], phase) for phase in ("ed", "es")))


def _found(events: Mapping[str, Any], phase: str) -> str:
    extra = "" if events["extra"] is None else f", {events['extra']} extra"
    return f"{phase.upper()}: {events['matched']} of {events['matched'] + events['missed']} found{extra}"


def _printed(value: float | None) -> str:
    return NONE if value is None else str(value)
