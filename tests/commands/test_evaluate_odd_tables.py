"""`echodfkd evaluate` and `check` where names are written in many ways and tables hold odd cells."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_lists import NAMES, row, write_list, write_predictions

from echodfkd.commands import evaluate as verb
from echodfkd.data.findings import parse_exclusion
from echodfkd.errors import InputError


@pytest.fixture
def there(tmp_path) -> Path:
    """A whole data set and perfect masks of its clips."""
    write_list(tmp_path / "data")
    write_predictions(tmp_path / "masks")
    return tmp_path


@pytest.fixture
def evaluate(there, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("echodfkd"), "propagate", True)  # the command keeps its words to itself

    def call(**options: Any) -> tuple[dict, dict[str, dict[str, str]], list[str]]:
        caplog.clear()
        verb.evaluate(there / "masks", there / "data", there / "out", resamples=100, page=False, **options)
        rows = {one["name"]: one for one in csv.DictReader((there / "out" / "clips.csv").open(newline=""))}
        return json.loads((there / "out" / "scores.json").read_text()), rows, caplog.messages[:]

    return call


@pytest.fixture
def refused(there):
    def call(**options: Any) -> str:
        with pytest.raises(InputError) as refusal:
            verb.evaluate(there / "masks", there / "data", there / "out", **options)
        assert "\n" not in str(refusal.value) and not (there / "out").exists()
        return str(refusal.value)

    return call


def table(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_a_whole_data_set_is_scored_without_a_word(evaluate, there):
    scores, _, told = evaluate()
    assert scores["dice"]["overall"]["value"] == 1 and told == [] and not (there / "out" / "findings.csv").exists()


def test_odd_cells_are_counted_told_and_kept_and_every_clip_is_scored(evaluate, there):
    odd = {
        "A1": {"FrameWidth": 48},
        "B2": {"EF": ""},
        "C3": {"EF": 0.35, "ESV": 40},
        "D4": {"EF": "n/a", "NumberOfFrames": "?"},
    }
    write_list(there / "odd", [row(name, **cells) for name, cells in odd.items()])
    (there / "data").rename(there / "whole")
    (there / "odd").rename(there / "data")
    scores, rows, told = evaluate()
    assert scores["dice"]["overall"]["value"] == 1 and list(rows) == list(NAMES)
    assert [one["ef_true"] for one in rows.values()] == ["60.0", "", "", ""]
    assert len(told) == 2 and "table: 2 clips" in told[0] and "B2" in told[0] and "unit: 1 clip " in told[1]
    kept = list(csv.DictReader((there / "out" / "findings.csv").open(newline="")))
    assert {(one["FileName"], one["reason"]) for one in kept} == {("B2", "table"), ("C3", "unit"), ("D4", "table")}


def test_check_names_the_same_and_the_size_with_the_first_of_each(there, echodfkd):
    odd = row("A1", FrameWidth=48), row("B2", EF=""), row("C3", EF=0.35, ESV=40), row("D4", EF="62%", ESV=38)
    write_list(there / "odd", list(odd))
    code, told, _ = echodfkd("check", there / "odd", "--out", there / "out")
    kept = {
        (one["FileName"], one["reason"]) for one in csv.DictReader((there / "out" / "curation.csv").open(newline=""))
    }
    assert code == 0 and {("A1", "size"), ("B2", "table"), ("C3", "unit")} <= kept
    assert not {reason for name, reason in kept if name == "D4"} & {"table", "unit", "volumes", "size"}
    assert all(one in told for one in ("A1: 64 x 64 pixels, listed 64 x 48", "EF is '0.35'"))


def test_a_data_set_of_which_nothing_can_be_used_says_what_is_wrong(refused, there):
    lines = (there / "data" / "FileList.csv").read_text().splitlines()
    told = [lines[0], *(line.replace("TEST", "") for line in lines[1:])]
    table(there / "data" / "FileList.csv", *told)
    assert "table: 4 clips not used" in refused() and "Split is ''" in refused()
    table(there / "data" / "FileList.csv", lines[0], *(line.replace("TEST", "EXTRA") for line in lines[1:]))
    assert "extra (4)" in refused()


def test_clips_of_a_split_of_their_own_are_scored(evaluate, there):
    lines = (there / "data" / "FileList.csv").read_text().replace("TEST", "EXTRA")
    (there / "data" / "FileList.csv").write_text(lines)
    assert evaluate(split="extra")[0]["n"]["clips"] == 4


# Names


def test_predictions_are_found_however_their_folders_are_called(evaluate, there):
    for before, now in (("A1", "a1"), ("B2", "B2.AVI"), ("C3", "C3.nii.gz")):
        (there / "masks" / before).rename(there / "masks" / now)
    (there / "masks" / "._A1").mkdir()
    (there / "masks" / "._A1" / "masks.npz").write_bytes(b"\0\5\x16\7")
    scores, rows, told = evaluate()
    assert scores["dice"]["overall"]["value"] == 1 and list(rows) == list(NAMES) and told == []


def test_two_predictions_of_one_clip_and_predictions_of_others_are_refused(refused, there):
    write_predictions(there / "masks", ("A1.avi",))
    told = refused()
    assert "A1" in told and "A1.avi" in told
    write_predictions(there / "others", ("X1",))
    (there / "masks").rename(there / "away")
    (there / "others").rename(there / "masks")
    assert "'X1'" in refused()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_name_clips_as_films_folders_or_clips(evaluate, there, separator):
    def lines(*rows: tuple[str, ...]) -> list[str]:
        return [separator.join(one) for one in rows]

    events = (("A1.avi", "3", "20"), ("b2", "4.0", "20.0"), ("videos/C3.MP4 ", "", "20"), ("D4", "nan", "NaN"))
    marked = table(there / "e.csv", *lines(("FileName", "ED", "ES"), *events, ("other", "1", "2")))
    owners = (("a1", "p 1"), ("B2.AVI", "p 1"), ("C3", "p 2"), ("D4.avi", "p 2"))
    whose = table(there / "p.csv", *lines(("filename", "Patient"), *owners, ("", "")), encoding="utf-16")
    found = table(there / "c.csv", *lines(("FileName", "reason", "value", "rule"), ("d4.avi", "static", "", "")))
    scores, rows, told = evaluate(events=marked, patients=whose, exclude=parse_exclusion(str(found)))
    assert told == [] and scores["n"]["patients"] == 2 and scores["n"]["without_events"] == 1
    assert [one["patient"] for one in rows.values()] == ["p 1", "p 1", "p 2", "p 2"]
    assert [one["excluded"] for one in rows.values()] == ["", "", "", "static"]
    assert scores["excluded"]["clips"] == 1 and scores["clean"]["n"]["clips"] == 3


@pytest.mark.parametrize(
    ("option", "head", "cells"),
    [
        ("events", "FileName,ED,ES", "3,20"),
        ("patients", "FileName,Patient", "p"),
        ("exclude", "FileName,reason", "static"),
    ],
)
def test_a_table_of_none_of_the_clips_is_refused_before_anything_is_scored(refused, there, option, head, cells):
    for name in NAMES:
        (there / "masks" / name / "masks.npz").write_bytes(b"not to be read")
    path = table(there / "t.csv", head, f"X1,{cells}", f"X2,{cells}")
    told = refused(**{option: parse_exclusion(str(path)) if option == "exclude" else path})
    assert "t.csv" in told and "'X1'" in told


def test_one_odd_row_of_events_or_patients_costs_its_clip_that_knowledge_alone(evaluate, there):
    marked = table(there / "e.csv", "FileName,ED,ES", "A1,3,20", "B2,No,20", "C3,3,9999", "D4,3,20", ",1,2")
    scores, rows, told = evaluate(events=marked)
    assert scores["n"]["clips"] == 4 and scores["n"]["without_events"] == 2
    assert len(told) == 2 and "line 3" in told[0] and "C3" in told[1] and "9999" in told[1]
    whose = table(there / "p.csv", "FileName,Patient", "A1,p", "B2,p", "C3,", "D4,p", "D4,q")
    scores, rows, told = evaluate(patients=whose)
    assert [one["patient"] for one in rows.values()] == ["p", "p", "", ""] and scores["n"]["patients"] == 1
    assert "line 4" in told[0] and "C3" in told[1]


# Excluding


def test_what_is_wrong_with_an_excluded_clip_stops_nobody(evaluate, refused, there):
    np.savez_compressed(there / "masks" / "A1" / "masks.npz", masks=np.zeros((30, 9, 9), np.uint8))
    (there / "masks" / "C3" / "masks.npz").write_bytes(b"cut off")
    assert "C3" in refused() or "A1" in refused()
    found = table(there / "c.csv", "FileName,reason", "A1,static", "C3,blank")
    scores, rows, told = evaluate(exclude=parse_exclusion(str(found)))
    assert list(rows) == ["B2", "D4"] and scores["n"]["unreadable"] == 2 and "labels: 2 clips not used" in told[0]
    assert scores["clean"]["dice"]["overall"]["value"] == 1


def test_excluding_everything_is_refused_before_anything_is_scored(refused, there):
    for name in NAMES:
        (there / "masks" / name / "masks.npz").write_bytes(b"not to be read")
    path = table(there / "c.csv", "FileName,reason", *(f"{name}.avi,static" for name in NAMES))
    assert "All 4 clips" in refused(exclude=parse_exclusion(str(path)))


def test_the_command_tells_counts_and_first_reasons_on_the_terminal(there, echodfkd):
    write_list(there / "odd", [row("A1", EF="high"), row("B2", Split=""), row("C3"), row("D4", Split="")])
    words = ("evaluate", there / "masks", "--labels", there / "odd", "--out", there / "out", "--resamples", 100)
    code, _, told = echodfkd(*words)
    assert code == 0 and "table: 2 clips not used, the first B2" in told and "table: 1 clip used all the same" in told
