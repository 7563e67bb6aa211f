"""The verb `search`: many students of a study whose dials are drawn, the best of them, and what made it so."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.engine import HERE, Engine, cores, environment, progress
from echodfkd.errors import StudyError
from echodfkd.files import differences, holding, plain, read_json, remove_parts, write_json, write_text
from echodfkd.report.pages.search import report_search
from echodfkd.study.dials import study_toml, with_dials
from echodfkd.study.fresh import check_teacher
from echodfkd.study.journal import Journal
from echodfkd.study.search import Search
from echodfkd.study.search_record import BEST, RECORD, SearchRecord, Trial, best
from echodfkd.study.settings import Study, study_from, study_table
from echodfkd.study.trials import Planned, Teaching, drawn, importance
from echodfkd.tables import csv_text


@dataclass(frozen=True)
class Searched:
    """What a search found: its trials in order, the best, None where none is done, and the page."""

    trials: tuple[Trial, ...]
    best: Trial | None
    page: Path


def search(study: Study, out: Path, engine: Engine = HERE) -> Searched:
    """Teaches the trials of the study's search in the folder `out`, as many side by side as the `engine` allows.

    What a stopped search left is taken up; with more `search.trials` a finished one goes on. `out` receives Optuna's
    journal, `trials.csv`, `search.json`, `best.toml` and the page. Raises StudyError where the study has no search or
    `out` holds another one, MissingExtra without Optuna.
    """
    settings, trials = _settings(study), list[Trial]()
    check_teacher(study)
    with holding(out):
        remove_parts(out)
        _claim(study, out)
        journal = Journal(out / "journal.log", study)
        for trial in progress(_trials(study, out, engine), "search", settings.total):
            trials.append(trial)
            journal.add(trial)
        found = best(trials)
        _write(study, out, trials, found)
        return Searched(tuple(trials), found, report_search(out))


def _trials(study: Study, out: Path, engine: Engine) -> Iterator[Trial]:
    """The trials in order, round by round: those of a round are drawn from what earlier rounds found."""
    settings, earlier, stores = _settings(study), list[Trial](), _Stores(out, engine)
    worth = min(cores(), settings.beside)
    for first in range(0, settings.total, settings.beside):
        numbers = range(first, min(first + settings.beside, settings.total))
        planned, impossible = [], dict[int, Trial]()
        for number in numbers:
            values = drawn(study, number, earlier)
            try:
                one = with_dials(study, values)
            except StudyError as error:
                impossible[number] = Trial(number, values, "impossible", reason=str(error))
            else:
                planned.append(Planned(number, values, one, *stores.of(one)))
        teach = Teaching(study, out / "trials", tuple(earlier))
        taught = engine.in_order(teach, planned, worth=worth, named=lambda one: f"trial {one.number}")
        for number in numbers:
            earlier.append(impossible[number] if number in impossible else next(taught))
            yield earlier[-1]


class _Stores:
    """The clips and labels that trials are taught on; those that many share are made once."""

    def __init__(self, out: Path, engine: Engine):
        self._out, self._engine = out, engine
        self._made: dict[str, tuple[Path, Path]] = {}

    def of(self, study: Study) -> tuple[Path, Path]:
        """The folders of the study's clips and labels, made where they are missing."""
        table = study_table(study)
        clips = {key: table[key] for key in ("seed", "clips", "conditions")}
        labels = clips | {"teacher": table["teacher"], "structures": table["student"]["structures"]}
        folders = self._out / "clips" / _key(clips), self._out / "labels" / _key(labels)
        if _key(labels) not in self._made:
            clips_there = synth(study, folders[0], self._engine)
            label(study, clips_there, folders[1], engine=self._engine)
            self._made[_key(labels)] = folders
        return folders


def _key(table: dict[str, Any]) -> str:
    """A short name for settings."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:12]


def _claim(study: Study, out: Path) -> None:
    """Keeps what the search is, or refuses a folder of another one. How many trials there are may change."""
    kept, table = out / "study.json", study_table(study)
    if kept.is_file():
        before = study_table(study_from(read_json(kept), str(kept)))  # dials that came later had their defaults
        same = {"trials": table["search"]["trials"]}
        if found := list(differences(before | {"search": before["search"] | same}, table)):
            raise StudyError(f"{out} holds another search: {'; '.join(found)}. Choose a new --out.")
    write_json(kept, table)
    write_json(out / "environment.json", environment())


def _write(study: Study, out: Path, trials: Sequence[Trial], found: Trial | None) -> None:
    """The record, the table and the study file of the best."""
    settings = _settings(study)
    number, explained = None if found is None else found.number, importance(study, trials)
    dials = tuple(settings.dials)
    record = SearchRecord(study.name, study.seed, dials, settings.total, tuple(trials), number, explained)
    write_json(out / RECORD, plain(record))
    columns = ("trial", "state", "dice", "threshold", "epochs", *dials)
    rows = [
        dict(zip(columns, (one.number, one.state, one.dice, one.threshold, len(one.losses)), strict=False)) | one.values
        for one in trials
    ]
    write_text(out / "trials.csv", csv_text(rows, columns))
    if found is not None:
        write_text(out / BEST, study_toml(with_dials(study, found.values)))


def _settings(study: Study) -> Search:
    """The study's search; StudyError without one."""
    if study.search is None:
        raise StudyError(f"The study {study.name} has nothing to search for: it has no [search].")
    return study.search
