"""A search for dials ends with the same trials however it went, and its files say what it found."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'echodfkd[search]'")

from echodfkd.commands.report import report  # noqa: E402
from echodfkd.commands.search import Searched, search  # noqa: E402
from echodfkd.engine import Engine  # noqa: E402
from echodfkd.errors import StudyError  # noqa: E402
from echodfkd.files import read_json, write_json  # noqa: E402
from echodfkd.pipeline import run  # noqa: E402
from echodfkd.study.dials import with_dials  # noqa: E402
from echodfkd.study.file import read_study  # noqa: E402
from echodfkd.study.settings import Study  # noqa: E402

STUDY = """
name = "small"
seed = 4

[clips]
train = { count = 6, frames = 6 }
validation = { count = 2, frames = 6 }
test = { count = 1, frames = 6 }
structures = ["lv"]

[student]
blocks = 1
filters = 4

[training]
window = 6
size = 16
batch = 2
epochs = 3
precision = "float32"

[search]
trials = 6
beside = 2
startup = 3
warm_up = 0

[search.dials]
"training.learning_rate" = { low = 1e-3, high = 1e-1, log = true }
"training.loss" = { choices = ["bce", "bce+dice"] }
"student.filters" = { low = 2, high = 6, step = 2 }
"student.blocks" = { low = 1, high = 2 }
"student.skip" = { choices = ["none", "last"] }
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("search") / "small.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory) -> tuple[Searched, Path]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    return search(read_study(study), out, Engine(processes=1)), out


def stored(out: Path) -> list[tuple[int, str, dict[str, object], float | None]]:
    """What Optuna's own tools read in the journal."""
    backend = optuna.storages.journal.JournalFileBackend(str(out / "journal.log"))
    kept = optuna.load_study(study_name="small", storage=optuna.storages.JournalStorage(backend))
    return [(one.number, one.state.name, one.params, one.value) for one in kept.trials]


def test_a_search_that_was_killed_ends_with_the_trials_of_an_undisturbed_one(study, undisturbed, tmp_path):
    command = [sys.executable, "-m", "echodfkd", "search", study, "--out", tmp_path / "out", "--processes", "2"]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 120
    while not list((tmp_path / "out" / "trials").glob("*/trial.json")) and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with (tmp_path / "out" / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 4, "work')  # as where it was killed while it wrote
    again = search(read_study(study), tmp_path / "out", Engine(processes=1))
    found, out = undisturbed
    assert again.trials == found.trials
    for name in ("search.json", "trials.csv", "best.toml"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name
    assert stored(tmp_path / "out") == stored(out)


def test_the_journal_and_the_table_hold_every_trial_once(undisturbed):
    found, out = undisturbed
    kept = stored(out)
    assert [number for number, *_ in kept] == [one.number for one in found.trials] == list(range(6))
    assert [params for *_, params, _ in kept] == [one.values for one in found.trials]
    assert [row["trial"] for row in csv.DictReader((out / "trials.csv").open())] == [str(k) for k in range(6)]


def test_dials_that_contradict_each_other_cost_their_trial_alone(undisturbed):
    found, _ = undisturbed
    assert {trial.state for trial in found.trials} == {"done", "impossible"}
    for trial in found.trials:
        contradict = trial.values["student.skip"] == "last" and trial.values["student.blocks"] == 1
        assert (trial.state == "impossible") == contradict
        assert ("needs at least 2 blocks" in trial.reason) == (trial.state == "impossible")


def test_the_study_of_the_best_is_the_study_with_its_dials(study, undisturbed):
    found, out = undisturbed
    best = read_study(out / "best.toml")
    assert best == with_dials(read_study(study), found.best.values) and best.search is None
    assert found.best.dice == max(trial.dice for trial in found.trials if trial.dice is not None)


def test_the_page_is_drawn_anew_and_names_every_dial(undisturbed):
    _, out = undisturbed
    told = report(out).read_text()
    for name in read_study(out / "best.toml").training.__dataclass_fields__:
        assert name in told
    for name in ("training.learning_rate", "student.filters", "Importance of dials"):
        assert name in told


def test_more_trials_go_on_and_another_search_is_refused(study, undisturbed, tmp_path):
    found, out = undisturbed
    settings = read_study(study)
    more = replace(settings, search=replace(settings.search, trials=7))
    assert search(more, out, Engine(processes=1)).trials[:6] == found.trials
    kept = read_json(out / "study.json")
    del kept["training"]["doubted"], kept["cohort"]  # as a version before these dials had it
    write_json(out / "study.json", kept)
    assert search(more, out, Engine(processes=1)).trials[:6] == found.trials
    with pytest.raises(StudyError, match=r"another search: seed: 4 -> 5"):
        search(replace(settings, seed=5), out)
    with pytest.raises(StudyError, match=r"no \[search\]"):
        search(replace(settings, search=None), tmp_path / "none")
    with pytest.raises(StudyError, match="echodfkd search"):
        run(settings, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_trial_that_is_worse_than_most_is_ended_early(study, tmp_path):
    """Planted: five trials at a fair rate, then one at a rate at which nothing is learned."""
    from echodfkd.study.search_record import Trial
    from echodfkd.study.trials import Planned, stopping

    settings = read_study(study)
    values = {"training.learning_rate": 1e-2, "training.loss": "bce", "student.filters": 4}
    values |= {"student.blocks": 1, "student.skip": "none"}
    earlier = [Trial(k, values, "done", 0.8, 0.5, (0.5 - k / 100, 0.3)) for k in range(5)]
    planned = Planned(5, values, with_dials(settings, values), tmp_path, tmp_path)
    stop = stopping(settings, planned, earlier)
    assert stop([{"val_loss": 0.6}]) and not stop([{"val_loss": 0.4}])
    others = [replace(one, values=values | {"training.loss": "bce+dice"}) for one in earlier]
    assert not stopping(settings, planned, others)([{"val_loss": 0.6}])
    assert not stopping(settings, planned, earlier[:3])([{"val_loss": 0.6}])


def test_a_grid_walks_every_combination(study):
    from echodfkd.study.trials import drawn

    settings = read_study(study)
    dials = {name: settings.search.dials[name] for name in ("student.filters", "training.loss")}
    grid: Study = replace(settings, search=replace(settings.search, dials=dials, sampler="grid", trials=100))
    assert grid.search.total == 6
    walked = [drawn(grid, number, []) for number in range(6)]
    assert walked[:3] == [
        {"student.filters": 2, "training.loss": "bce"},
        {"student.filters": 2, "training.loss": "bce+dice"},
        {"student.filters": 4, "training.loss": "bce"},
    ]
