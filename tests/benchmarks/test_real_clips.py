"""The benchmark on real clips, on drawn discs: what it measures, what it leaves out, what it compares."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import script
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.errors import InputError
from echodfkd.measure.shape import largest_component
from echodfkd.scores.predictions import read_masks
from echodfkd.student.student import load_student
from echodfkd.video import read, write

real_clips = script("benchmarks/real_clips.py")


@pytest.fixture
def folder(tmp_path, student_folder) -> Path:
    """Two clips with the masks that the small student itself draws, and what is known of one of them."""
    clips, student = tmp_path / "clips", load_student(student_folder)
    clips.mkdir()
    for seed, name in enumerate(("one", "two")):
        write(clips / f"{name}.avi", beating(30, seed=seed), 50)
        inside = student(read(clips / f"{name}.avi"))[:, 0] >= student.threshold
        np.savez(clips / f"{name}.teacher.npz", masks=inside)
    (clips / "clips.csv").write_text("FileName,EF,FPS,ED,ES\none,60,50,10,15\ntwo,,,,\n")
    return clips


@pytest.fixture
def benchmark(folder, monkeypatch, capsys):
    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["real_clips.py", str(folder), *map(str, words)])
        real_clips.main()
        return capsys.readouterr().out

    return call


def rows_of(told: str) -> dict[str, dict[str, str]]:
    """The first table of an output, by clip and column; no name of a column holds two spaces."""
    lines = [[cell for cell in line.split("  ") if cell.strip()] for line in told.split("\n\n")[0].splitlines()[1:]]
    header = [cell.strip() for cell in lines[0]]
    return {line[0].strip(): dict(zip(header, (cell.strip() for cell in line), strict=True)) for line in lines[1:]}


def test_a_model_agrees_perfectly_with_its_own_masks(benchmark, student_folder):
    rows = rows_of(benchmark("--model", student_folder))
    assert list(rows) == ["one", "two", "mean", "worst"]
    for name in ("one", "two", "mean"):
        assert {rows[name][key] for key in ("Dice", "worst frame", "area corr.", "area ED", "area ES")} == {"1.000"}
        assert rows[name]["EF"] == rows[name]["EF by teacher"]
        assert float(rows[name]["constant"]) < 1
    assert rows["two"]["EF true"] == rows["two"]["ED off"] == "-"


def test_the_error_of_an_ejection_fraction_is_against_the_known_one(monkeypatch):
    """Balls of 20 pixels that shrink to 16: an EF of 1 - 0.8 ** 3, or 48.8 %, where 40 % are known."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    radius = 18 + 2 * np.cos(2 * np.pi * np.arange(60) / 20)
    masks = np.hypot(rows, columns) <= radius[:, None, None]
    monkeypatch.setattr(real_clips, "segmented", lambda clip, student: masks)
    clip = Clip("ball", masks.astype(np.uint8), 20.0)
    found = real_clips.row(real_clips.Labelled(clip, masks, 40.0, 20, 32), None, None)
    assert found["EF"] == pytest.approx(48.8, abs=2) and found["EF error"] == found["EF"] - 40
    assert found["ED off"] == 0 and found["ES off"] == pytest.approx(-2, abs=1)  # three frames have the least area


@pytest.mark.parametrize("largest", [False, True])
def test_what_is_scored_are_the_masks_that_segment_writes(largest, folder, student_folder, tmp_path, echodfkd):
    words = ("--largest-component",) if largest else ()
    echodfkd("segment", folder / "one.avi", "--model", student_folder, "--out", tmp_path / "out", *words)
    student = load_student(student_folder, largest_component=largest or None)
    scored = real_clips.segmented(read(folder / "one.avi"), student)
    assert np.array_equal(scored, read_masks(tmp_path / "out" / "one" / "masks.npz"))
    assert all(np.array_equal(largest_component(mask), mask) for mask in scored) == largest


def test_hindsight_is_taken_and_left_as_asked_for(benchmark, student_folder):
    assert "causal, warm-up 4" in benchmark("--model", student_folder)
    both_ways = benchmark("--model", student_folder, "--hindsight")
    assert "both ways" in both_ways and rows_of(both_ways)["one"]["Dice"] != "1.000"


def test_masks_that_are_not_the_left_ventricle_alone_stay_out(folder, benchmark, student_folder, capsys):
    for name, masks in (
        ("labels", np.arange(30)[:, None, None] * np.ones((1, 48, 64), int) % 4),
        ("several", np.ones((30, 2, 48, 64), np.uint8)),
        ("short", np.ones((29, 48, 64), np.uint8)),
    ):
        shutil.copy(folder / "one.avi", folder / f"{name}.avi")
        np.savez(folder / f"{name}.teacher.npz", masks=masks)
    shutil.copy(folder / "one.avi", folder / "other.avi")
    np.savez(folder / "other.teacher.npz", mask=np.ones(3))
    found = real_clips.read_folder(folder)
    told = capsys.readouterr().err.splitlines()
    assert [real.clip.name for real in found] == ["one", "two"] and len(told) == 4
    for line, reason in zip(
        told, ("holds the labels [0, 1, 2, 3]", "the key 'masks' is missing", "(30, 2, 48, 64)", "(29, "), strict=True
    ):
        assert line.startswith("real_clips: left out: ") and reason in line


def test_a_clip_that_cannot_be_read_stays_out_with_one_line(folder, capsys):
    film = (folder / "one.avi").read_bytes()
    for name in ("cut", "fraction", "frame", "junk", "words"):
        (folder / f"{name}.avi").write_bytes(film[: len(film) // 2] if name == "cut" else film)
        shutil.copy(folder / "one.teacher.npz", folder / f"{name}.teacher.npz")
    (folder / "junk.teacher.npz").write_bytes(b"PK junk")
    np.savez(folder / "words.teacher.npz", masks=np.full((30, 48, 64), "in"))
    (folder / "clips.csv").write_text("FileName,EF,ED\nfraction,n/a,\nframe,,30\n")
    assert [real.clip.name for real in real_clips.read_folder(folder)] == ["one", "two"]
    told = capsys.readouterr().err.splitlines()
    reasons = ("cut.avi", "EF is 'n/a', not a number", "frames 0 to 29", "not a readable .npz", "not masks")
    assert len(told) == len(reasons)
    for line, reason in zip(told, reasons, strict=True):
        assert line.startswith("real_clips: left out: ") and reason in line


def test_a_list_of_clips_without_their_names_is_refused_in_one_line(folder, benchmark):
    (folder / "clips.csv").write_text("Name,EF\none,60\n")
    with pytest.raises(SystemExit, match=r"^real_clips: .*clips.csv, line 1: there is no column FileName\.$"):
        benchmark()


def test_a_folder_without_masks_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no clip with masks"):
        real_clips.read_folder(tmp_path)


def test_several_models_are_compared_by_mean_and_spread():
    """Two models on one clip, worked by hand."""
    empty = dict.fromkeys(real_clips.COLUMNS)
    results = [[empty | {"clip": "a", "frames": 1, "Dice": d, "EF error": e}] for d, e in ((0.8, -4.0), (0.9, 2.0))]
    lines = real_clips.comparison(["x", "y"], results).splitlines()
    column = real_clips.COMPARED.index("Dice"), real_clips.COMPARED.index("EF error")
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    assert [[line[k] for k in (0, *column)] for line in cells[1:]] == [
        ["x", "0.800", "4.0"],
        ["y", "0.900", "2.0"],
        ["mean", "0.850", "3.0"],
        ["spread", "0.100", "2.0"],
    ]


def test_the_scores_on_file_name_no_clip(folder, benchmark, student_folder):
    benchmark("--model", student_folder, student_folder, "--json", folder / "scores.json")
    text = (folder / "scores.json").read_text()
    table = json.loads(text)
    assert table["clips"] == 2 and len(table["models"]) == 2 and '"one"' not in text and str(folder) not in text
    assert table["models"][0]["scores"]["dice"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 2}
    assert table["models"][0]["scores"]["worst_dice"] == 1.0
