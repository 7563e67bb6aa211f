"""A scorecard in words and tables: the sections of a run's report, each number with interval, n and baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echodfkd.report import published
from echodfkd.report.page import Film, Page, Picture, Section, Table, Tile
from echodfkd.report.sections.beats import section as beats_section
from echodfkd.report.sections.ejection import section as ejection_section
from echodfkd.report.sections.overlap import section as overlap_section
from echodfkd.report.words import NONE, Interval, number


@dataclass(frozen=True)
class Model:
    """What the tiles say of the segmenter; None where not measured. FLOPs are per frame, 2 per multiply-add."""

    name: str
    parameters: int | None = None
    flops: float | None = None
    frames_per_second: float | None = None
    machine: str = ""


LIMITS = (
    "Research software: not a medical device and not for diagnosis.",
    "Scores on synthetic clips say how well the student learned its teacher there, not how it fares on patients.",
    "Intervals tell the spread over the clips scored, not what other scanners, views or populations would give.",
    "A single plane cannot see the whole ventricle: volumes and ejection fractions assume circular discs.",
    "The paper's frame distance (aFD) is printed for comparison only: curves that saw no image score well with it.",
)


def report_page(
    scores: Mapping[str, Any],
    *,
    title: str,
    data: str,
    model: Model,
    provenance: Mapping[str, str],
    film: Film | None = None,
    pictures: Mapping[str, Sequence[Picture]] | None = None,
    not_run: Mapping[str, str] | None = None,
) -> Page:
    """The report of a run from its scorecard.

    `data` says in a few words what was scored. `pictures` are put by key into the sections 'overlap',
    'ejection', 'training' and 'gallery'. `not_run` maps what could not be run to why. `provenance` should name study,
    seed, machines, versions and date.
    """
    shown = pictures or {}
    sections = [
        overlap_section(scores, shown.get("overlap", ())),
        beats_section(scores),  # draws its figures itself
        ejection_section(scores, shown.get("ejection", ())),
        Section("Clips, best to worst", pictures=tuple(shown.get("gallery", ()))) if shown.get("gallery") else None,
        Section("Training", pictures=tuple(shown.get("training", ()))) if shown.get("training") else None,
        published_section(scores, data),
        Section("What could not be run", points=tuple(f"{what}: {why}" for what, why in (not_run or {}).items()))
        if not_run
        else None,
        Section("What this does not say", points=LIMITS),
        Section("Where the numbers come from", pairs=dict(provenance)),
    ]
    n = scores["n"]
    lead = f"{model.name} on {data}: {n['clips']} clips, {n['frames']} frames. Intervals are 95 % bootstrap by clip."
    return Page(title, lead, film, headline_tiles(scores, model), tuple(section for section in sections if section))


def headline_tiles(scores: Mapping[str, Any], model: Model) -> tuple[Tile, ...]:
    """The numbers a reader wants first: overlap, ejection fraction, beats, size, cost, speed."""
    overlap, ejection = scores["dice"]["overall"], scores["ejection"]
    constant, always = scores.get("constant_mask"), ejection["always_training_mean"]
    parameters, flops, speed = model.parameters, model.flops, model.frames_per_second
    beside_constant = _beside(overlap, 3, "constant mask", constant and constant["dice"]["overall"])
    beside_mean = _beside(ejection["mae"], 1, "always the training mean", always and always["mae"])
    return (
        Tile("Dice", number(overlap, 3), beside_constant),
        Tile("EF error, points", number(ejection["mae"], 1), beside_mean),
        _events_tile(scores["events"]),
        Tile("Parameters", NONE if parameters is None else f"{parameters:,}", model.name),
        Tile("FLOPs per frame", NONE if flops is None else f"{flops / 1e9:.3g} G", "2 per multiply-add"),
        Tile("Frames per second", NONE if speed is None else f"{speed:,.0f}", model.machine),
    )


def published_section(scores: Mapping[str, Any], data: str) -> Section:
    """What others published, this run's numbers on top of each table."""
    dice, afd, ejection = scores["dice"], scores["afd"], scores["ejection"]
    own = (
        tuple(number(dice[key], 2, 100) for key in ("overall", "ed", "es")),
        tuple(number(afd[key], 2) for key in ("ed", "es")),
        tuple(number(ejection[key], 2) for key in ("mae", "rmse", "r2")),
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
        "scored): rows of one table measured on different data cannot be ranked. This run's Dice is over every "
        "labelled frame."
    )
    return Section("Published figures", warning=warning, tables=tables)


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
