"""The page of a scorecard: its sections in their order, the numbers on top, what others published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from echodfkd.report import published
from echodfkd.report.numbers import NONE, count, interval, number, plain_number
from echodfkd.report.page import Loop, Page, Picture, Section, Table, Tile
from echodfkd.report.sections import (
    beats,
    bounds,
    cohort,
    concentration,
    ejection,
    first_frames,
    overlap,
    paired,
    robustness,
    size,
)
from echodfkd.scores.cohort import CohortScores
from echodfkd.scores.metrics import METRICS, Row
from echodfkd.scores.records import BothEvents, ByPhase, EventScores, FirstFrames, Scores
from echodfkd.scores.robustness import Robustness
from echodfkd.scores.sizes import StudentRow
from echodfkd.stats.intervals import Interval


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

    scores: Scores
    rows: Sequence[Row] = ()
    baseline: Sequence[Row] = ()
    robustness: Robustness | None = None
    first_frames: FirstFrames | None = None
    size: StudentRow | None = None
    cohort: CohortScores | None = None
    label_free: Sequence[Section] = ()
    exact_truth: bool = False
    pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)


def report_page(
    found: Found, *, title: str, data: str, model: Model, provenance: Mapping[str, str], loop: Loop | None = None
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
    n = scores.n
    by = "patient" if n.patients not in (None, n.clips) else "clip"
    lead = f"{model.name} on {data}: {n.clips} clips, {n.frames} frames. Intervals are 95 % bootstrap by {by}."
    return Page(title, lead, loop, headline_tiles(scores, model), tuple(section for section in sections if section))


def measured_sections(found: Found) -> list[Section | None]:
    """Every measurement's section in the page's order; None for what was not measured."""
    scores, rows = found.scores, found.rows
    against = scores.paired
    return [
        clean_section(scores),
        overlap.section(scores, rows, found.baseline),
        beats.section(scores, scores.frame_rate),
        ejection.section(scores.ejection, rows),
        bounds.section(scores, scores.rounds, exact_truth=found.exact_truth),
        paired.section(against, against.first or "first", against.second or "second") if against else None,
        concentration.section(scores.concentration, scores.strata, rows),
        _pictures("The worst clips", found.pictures.get("worst")),
        first_frames.section(found.first_frames or scores.first_frames),
        robustness.section(found.robustness),
        *found.label_free,
        cohort.section(found.cohort),
        size.section(found.size) if found.size else None,
    ]


def clean_section(scores: Scores) -> Section | None:
    """All clips beside those that are left without the excluded ones; None where nothing was excluded."""
    gone, rest = scores.excluded, scores.clean
    if gone is None or rest is None:
        return None
    reasons = ", ".join(f"{reason}: {clips}" for reason, clips in gone.by_reason.items()) or "no reason given"
    text = (f"{gone.clips} of {scores.n.clips} clips were excluded ({reasons}). Every other section is of all clips.",)
    found = [(metric.label, metric.digits, metric.found(scores), metric.found(rest)) for metric in METRICS]
    found.append(("EF error over all clips, points", 1, scores.ejection.mae_penalised, rest.ejection.mae_penalised))
    lines = tuple(
        (label, interval(every, digits), interval(left, digits), count(left)) for label, digits, every, left in found
    )
    head = ("", "all clips", "without the excluded", "clips left")
    return Section("Without the excluded clips", text, tables=(Table("All clips and those left", head, lines),))


def _pictures(title: str, pictures: Sequence[Picture] | None) -> Section | None:
    return Section(title, pictures=tuple(pictures)) if pictures else None


def _listed(title: str, points: Sequence[str]) -> Section | None:
    return Section(title, points=tuple(points)) if points else None


def headline_tiles(scores: Scores, model: Model) -> tuple[Tile, ...]:
    """The numbers a reader wants first: overlap, ejection fraction, beats; size, cost and speed where known."""
    dice, fraction = scores.dice.overall, scores.ejection
    constant, always = scores.constant_mask, fraction.always_training_mean
    parameters, flops, speed = model.parameters, model.flops, model.frames_per_second
    constant_words = _baseline_words(dice, 3, "constant mask", None if constant is None else constant.dice.overall)
    mean_words = _baseline_words(fraction.mae, 1, "always the training mean", None if always is None else always.mae)
    first = (
        Tile("Dice", number(dice, 3), constant_words),
        Tile("EF error, points", number(fraction.mae, 1), mean_words),
        _events_tile(scores.events),
    )
    if parameters is None and flops is None and speed is None:
        return first
    return (
        *first,
        Tile("Parameters", NONE if parameters is None else f"{parameters:,}", model.name),
        Tile("FLOPs per frame", NONE if flops is None else f"{flops / 1e9:.3g} G", "2 per multiply-add"),
        Tile("Frames per second", NONE if speed is None else f"{speed:,.0f}", model.machine),
    )


def published_section(scores: Scores, data: str) -> Section:
    """What others published, this run's numbers on top of each table."""
    dice, afd, fraction = scores.dice, scores.afd, scores.ejection
    own = (
        (_both_phases(dice), number(dice.ed, 2, 100), number(dice.es, 2, 100)),
        tuple(number(afd[key], 2) for key in ("ed", "es")),
        tuple(number(one, 2) for one in (fraction.mae, fraction.rmse, fraction.r2)),
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


def _both_phases(dice: ByPhase) -> str:
    """The mean of Dice at ED and at ES, percent: what others print as both; a dash where one is not known."""
    return NONE if dice.ed is None or dice.es is None else plain_number(50 * (dice.ed.value + dice.es.value), 2)


def _baseline_words(found: Interval | None, digits: int, name: str, baseline: Interval | None) -> str:
    if found is None:
        return "not measured"
    ends = "" if found.low is None else f"{found.low:.{digits}f} to {found.high:.{digits}f}, "
    other = "" if baseline is None else f"; {name}: {number(baseline, digits)}"
    return f"{ends}n = {found.n}{other}"


def _events_tile(events: BothEvents) -> Tile:
    """How far ED and ES are off, with how many of the events asked for were found."""
    value = " / ".join(number(events.of(phase).distance_ms, 0) for phase in ("ed", "es"))
    return Tile("ED / ES off by, ms", value, "; ".join(_found(events.of(phase), phase) for phase in ("ed", "es")))


def _found(events: EventScores, phase: str) -> str:
    matched, extra = events.matched or 0, "" if events.extra is None else f", {events.extra} extra"
    return f"{phase.upper()}: {matched} of {matched + (events.missed or 0)} found{extra}"


def _printed(value: float | None) -> str:
    return NONE if value is None else str(value)
