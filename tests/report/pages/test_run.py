import json
from dataclasses import replace

import pytest

from echodfkd.report.pages.run import measured_speed, provenance, shown_model
from echodfkd.student.card import Card


def environment(processor, device="cpu"):
    return {"processor": processor, "cores": 4, "device": device, "packages": {"torch": "2"}}


@pytest.fixture
def run(tmp_path):
    """A run trained on one machine, its speed measured on a second, last started on a third."""
    counts = {split: {"count": 2} for split in ("train", "validation", "test")}
    study = {"name": "s", "seed": 0, "teacher": {"kind": "truth"}, "clips": counts}
    study["training"] = {"loss": "bce", "window": 25}
    speed = {"frames_per_second": 90.0, "low": 80.0, "high": 99.0, "repeats": 5, "environment": environment("second")}
    (tmp_path / "scores").mkdir()
    for name, table in (("study", study), ("environment", environment("third")), ("scores/speed", speed)):
        (tmp_path / f"{name}.json").write_text(json.dumps(table))
    return tmp_path


def card():
    return Card(provenance={"best_epoch": 3, "precision": "32", "environment": environment("first", "a GPU")})


def test_the_report_names_the_machine_of_the_training_and_that_of_the_speed(run):
    told = provenance(run, card())
    assert told["trained on"] == "a GPU; first, 4 cores; torch 2"
    assert told["speed measured on"] == "second, 4 cores; torch 2"
    assert (
        shown_model(card(), *measured_speed(run)).machine
        == "one by one in a causal stream on second, 4 cores; 80 to 99 in 5 passes"
    )


def test_the_report_says_which_ways_the_student_looked(run):
    for hindsight, words in ((False, "causal"), (True, "looking both ways")):
        assert provenance(run, replace(card(), hindsight=hindsight))["student"].endswith(words)


def test_a_speed_without_its_machine_was_measured_at_the_runs_latest_start(run):
    path = run / "scores" / "speed.json"
    speed = json.loads(path.read_text())
    del speed["environment"]
    path.write_text(json.dumps(speed))
    assert provenance(run, card())["speed measured on"].startswith("third")
