"""The page of a search: reads `search.json` and `best.toml`, writes `index.html`."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echodfkd.errors import InputError
from echodfkd.files import read_json, shaped
from echodfkd.report.draw.figures import drawn
from echodfkd.report.draw.search import history_figure, parallel_figure
from echodfkd.report.numbers import plain_number
from echodfkd.report.page import Page, Section, Table, Tile, write_page
from echodfkd.study.search_record import BEST, RECORD, SearchRecord, Trial

LIMITS = (
    "Dice is that of the teacher's masks on validation clips that chose it: the best of many trials looks better "
    "than it is. Score it on clips that it has not seen.",
    "Every trial is one student of one seed: a small difference of two may be chance.",
    "Importance is that of dials within the range that was searched, and of few trials; it is no cause.",
)


def report_search(folder: Path) -> Path:
    """The path of the page written from the search in `folder`; InputError where there is none."""
    if not (folder / RECORD).is_file():
        raise InputError(f"{folder} holds no search yet: `echodfkd search STUDY.toml --out {folder}` goes on.")
    found, machine = shaped(SearchRecord, read_json(folder / RECORD)), read_json(folder / "environment.json")
    best = next((one for one in found.trials if one.number == found.best), None)
    states = [one.state for one in found.trials]
    provenance = {
        "study": f"{found.study}, seed {found.seed}",
        "trials": f"{len(states)} of {found.planned}: {states.count('done')} taught to the end, "
        f"{states.count('pruned')} ended early, {states.count('impossible')} impossible",
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['device']}",
        "drawn": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }
    page = Page(
        title=f"echodfkd: a search for dials, study {found.study}",
        lead="Each trial taught one student; dials were drawn from what earlier rounds of trials found.",
        tiles=() if best is None else (Tile("Dice of the best", plain_number(best.dice, 3), _dials(best)),),
        sections=(*sections(found, best, folder), Section("Where the numbers come from", pairs=provenance)),
    )
    write_page(folder / "index.html", page)
    return folder / "index.html"


def sections(found: SearchRecord, best: Trial | None, folder: Path) -> tuple[Section, ...]:
    """History, importance, all trials, and the study file of the best."""
    if best is None:
        return (Section("No trial was taught to its end", tables=(trial_table(found),)),)
    pictures = (
        drawn(history_figure(found.trials), "Dice of every trial by number, and the best so far"),
        drawn(parallel_figure(found.trials, found.dials), "Trials across their dials; the best in orange"),
    )
    rows = sorted(found.importance.items(), key=lambda pair: -pair[1])
    share = Table(
        "Importance of dials",
        ("dial", "share"),
        tuple((name, plain_number(value, 2)) for name, value in rows),
        "PED-ANOVA (Optuna): how far the better trials' dials differ from all trials'."
        if rows
        else "Not told: at least three trials must be taught to their end, and differ.",
    )
    chosen = tomllib.loads((folder / BEST).read_text(encoding="utf-8"))
    return (
        Section("What was found", pictures=pictures, tables=(share, trial_table(found))),
        Section("The study of the best", (f"As it lies in {BEST}, for `echodfkd run`.",), pairs=dict(_said(chosen))),
        Section("What this does not say", points=LIMITS),
    )


def trial_table(found: SearchRecord) -> Table:
    """Every trial, the best set off."""
    rows = tuple(
        (
            str(one.number),
            one.state,
            plain_number(one.dice, 4),
            str(len(one.losses)),
            *(_word(one.values[name]) for name in found.dials),
        )
        for one in found.trials
    )
    own = frozenset(k for k, one in enumerate(found.trials) if one.number == found.best)
    reasons = "; ".join(f"{one.number}: {one.reason}" for one in found.trials if one.reason)
    return Table("Trials", ("trial", "state", "Dice", "epochs", *found.dials), rows, reasons, own)


def _said(table: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Every value of nested tables by its dotted name, as words."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _said(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", ", ".join(map(_word, value)) or "none" if isinstance(value, list) else _word(value)


def _dials(trial: Trial) -> str:
    """A trial's dials in a line."""
    return ", ".join(f"{name} = {_word(value)}" for name, value in trial.values.items())


def _word(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
