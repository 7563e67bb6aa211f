"""`echodfkd evaluate` with tables and models beside the labels: a second model, other events, patients; its page."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import echodfkd
from echodfkd.files import plain, shaped
from echodfkd.scores.records import Scores
from echodfkd.store.store import Entry, StoreWriter

CLIPS, FRAMES, SIZE = 16, 60, 24
RATES = (20.0, 30.0, 40.0, 50.0)
PERIOD = 30
QUICK = {"resamples": 100, "page": False}


def disc(radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + 0.5
    return rows**2 + columns**2 <= radius**2


def beating(phase: int, depth: float = 2.5) -> np.ndarray:
    """A disc that shrinks and grows every PERIOD frames; ED at `phase`."""
    radii = 7 + depth * np.cos(2 * np.pi * (np.arange(FRAMES) - phase) / PERIOD)
    return np.stack([disc(radius) for radius in radii])


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Path:
    """A store of beating discs, the truth as one model's masks, and masks of a worse model."""
    here = tmp_path_factory.mktemp("discs")
    entries, masks = [], []
    for number in range(CLIPS):
        truth = beating(10, 1 + number / 8)
        facts = {"truth": {"ed_frames": [10, 40], "es_frames": [25, 55], "ejection_fraction": 40.0 + number}}
        facts["truth"]["heart_rate"] = 60 + number
        entries.append(Entry(f"c{number:02d}", "test", FRAMES, RATES[number % 4], facts))
        masks.append(truth)
        write(here / "good" / f"c{number:02d}", truth)
        write(here / "worse" / f"c{number:02d}", np.roll(truth, 2, axis=2))
    whole = np.concatenate(masks)
    writer = StoreWriter(here / "store", ("lv",), (SIZE, SIZE), {})
    writer.write(0, entries, np.where(whole, 40, 120).astype(np.uint8), 255 * whole[:, None].astype(np.uint8))
    writer.write(1, [replace(entries[0], name="t", split="train")], whole[:FRAMES] * np.uint8(9), writer_masks(whole))
    writer.finish(2)
    return here


def writer_masks(whole: np.ndarray) -> np.ndarray:
    return 255 * whole[:FRAMES, None].astype(np.uint8)


def write(folder: Path, masks: np.ndarray) -> None:
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "masks.npz", masks=masks.astype(np.uint8))


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def alone(there) -> dict[str, dict]:
    """The scores of each model by its masks and the labels alone."""
    names = ("good", "worse")
    return {
        name: plain(echodfkd.evaluate(there / name, there / "store", there / f"scores-{name}", **QUICK))
        for name in names
    }


def written(out: Path) -> tuple[dict, list[dict[str, str]]]:
    """The scores on disk, and the rows of the clips."""
    rows = list(csv.DictReader((out / "clips.csv").open(newline="")))
    return json.loads((out / "scores.json").read_text()), rows


@pytest.fixture
def command(there, tmp_path, echodfkd):
    """The command on the good model's masks; what it wrote."""

    def call(*options: object) -> tuple[dict, list[dict[str, str]]]:
        words = (there / "good", "--labels", there / "store", "--out", tmp_path / "out", "--resamples", 100)
        code, told, complaint = echodfkd("evaluate", *words, *options)
        assert (code, complaint) == (0, ""), complaint
        assert f"Report: {tmp_path / 'out' / 'index.html'}" in told
        return written(tmp_path / "out")

    return call


@pytest.fixture
def evaluate(there, tmp_path):
    """The same from Python, without a page unless one is asked for."""

    def call(predictions: str = "good", **options: object) -> tuple[dict, list[dict[str, str]]]:
        echodfkd.evaluate(there / predictions, there / "store", tmp_path / "out", **QUICK | options)
        return written(tmp_path / "out")

    return call


def test_a_second_model_is_compared_clip_by_clip(evaluate, there):
    scores, _ = evaluate(against=there / "worse")
    paired = scores["paired"]
    assert (paired["first"], paired["second"]) == ("good", "worse")
    dice = paired["differences"]["dice"]
    assert dice["n"] == CLIPS and dice["value"] > 0.1 and dice["low"] > 0 and dice["p"] < 0.05


def test_two_folders_of_one_name_are_told_apart(evaluate, there):
    shutil.copytree(there / "worse", there / "run" / "good", dirs_exist_ok=True)
    paired = evaluate(against=there / "run" / "good")[0]["paired"]
    assert paired["second"] == "run/good" and paired["first"].endswith("/good") and paired["first"] != paired["second"]


def test_beats_are_judged_by_another_tables_events_and_dice_is_not(evaluate, alone, tmp_path):
    late = table(tmp_path / "late.csv", "FileName,ED,ES", *(f"c{n:02d},12 42,27" for n in range(CLIPS - 1)))
    scores, rows = evaluate(events=late)
    assert scores["dice"] == alone["good"]["dice"] and scores["ejection"] == alone["good"]["ejection"]
    assert scores["n"]["events_from"] == "late.csv" and scores["n"]["without_events"] == 1
    assert rows[-1]["ed_afd"] == ""  # the table does not tell of the last clip
    by_own, by_late = (found["events"]["es"]["bias_ms"]["value"] for found in (alone["good"], scores))
    assert by_late < by_own  # the table's events come two frames later: the same masks are that much earlier


SCHEMA = Path(__file__).with_name("scores_schema.json")


def schema(value: object) -> object:
    """What a JSON value is made of: kinds in place of numbers, the first of every list."""
    if isinstance(value, dict):
        return "interval" if value.keys() == INTERVAL else {key: schema(item) for key, item in value.items()}
    if isinstance(value, list):
        return [schema(item) for item in value[:1]]
    return type(value).__name__


INTERVAL = {"value", "low", "high", "n"}


def test_scores_on_disk_keep_their_shape_and_are_read_back_whole(command, there, tmp_path):
    random, rounds = np.random.default_rng(0), []
    for number in (1, 2):
        marked = np.array([[10, 40], [25, 55]]) + random.integers(-2, 3, (CLIPS, 2, 2))
        rows = (f"c{n:02d},{ed[0]} {ed[1]},{es[0]} {es[1]}" for n, (ed, es) in enumerate(marked))
        rounds.append(table(tmp_path / f"round{number}.csv", "FileName,ED,ES", *rows))
    whose = table(tmp_path / "whose.csv", "FileName,Patient", *(f"c{n:02d},{n // 8:04d}" for n in range(CLIPS)))
    odd = table(tmp_path / "odd.csv", "FileName,reason,value,rule", "c03,blank,1,2", "c04,static,1,2")
    options = ("--events", rounds[0], "--second-round", rounds[1], "--patients", whose, "--exclude", odd)
    scores, _ = command("--against", there / "worse", *options)
    assert schema(scores) == json.loads(SCHEMA.read_text())
    assert plain(shaped(Scores, scores)) == scores


def test_an_event_beyond_the_clip_is_refused_naming_it(there, tmp_path, echodfkd):
    wrong = table(tmp_path / "wrong.csv", "FileName,ED,ES", "c00,900,3")
    words = ("evaluate", there / "good", "--labels", there / "store", "--out", tmp_path / "out", "--events", wrong)
    code, _, complaint = echodfkd(*words)
    assert code == 2 and "Clip c00" in complaint and "frame 900" in complaint and complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_second_round_of_annotation_gives_a_floor(evaluate, tmp_path):
    random, rounds = np.random.default_rng(0), []
    for number in (1, 2):
        marked = np.array([[10, 40], [25, 55]]) + random.integers(-2, 3, (CLIPS, 2, 2))
        rows = [f"c{n:02d},{ed[0]} {ed[1]},{es[0]} {es[1]}" for n, (ed, es) in enumerate(marked)]
        others = [f"x{n},{7 + random.integers(3)},{20 + random.integers(3)}" for n in range(20)]
        rounds.append(table(tmp_path / f"round{number}.csv", "FileName,ED,ES", *rows, *others))
    first, second = rounds
    scores, _ = evaluate(events=first, second_round=second)
    assert scores["rounds"]["ed"]["n"] == 2 * CLIPS  # clips that are not scored do not count
    assert scores["rounds_clips"] == {"scored": CLIPS, "both": CLIPS, "uneven": 0}
    assert 0 < scores["rounds"]["ed"]["floor"]["value"] < 2


def test_too_few_events_for_a_floor_are_told_and_do_not_cost_the_scores(evaluate, tmp_path):
    marked = ("FileName,ED,ES", "c00,10 40,25 55", "c01,10 40,25 55", "c02,10,25")
    first, second = table(tmp_path / "1.csv", *marked), table(tmp_path / "2.csv", *marked[:2], "c02,10 40,25")
    scores, _ = evaluate(events=first, second_round=second, page=True)
    assert scores["rounds"] == {} and "needs 30 events marked twice, got 2" in scores["rounds_lacking"]["ed"]
    assert scores["rounds_clips"] == {"scored": CLIPS, "both": 2, "uneven": 1}
    assert "needs 30 events" in (tmp_path / "out" / "index.html").read_text()


def test_a_frame_beyond_the_clip_in_the_second_round_is_refused(there, tmp_path, echodfkd):
    first = table(tmp_path / "1.csv", "FileName,ED,ES", "c00,10 40,25 55")
    second = table(tmp_path / "2.csv", "FileName,ED,ES", "c00,10 4000,25 55")
    words = ("evaluate", there / "good", "--labels", there / "store", "--out", tmp_path / "out", "--resamples", 100)
    code, _, complaint = echodfkd(*words, "--events", first, "--second-round", second)
    assert code == 2 and "Clip c00" in complaint and "frame 4000" in complaint


def test_a_second_round_needs_a_first(there, tmp_path, echodfkd):
    second = table(tmp_path / "second.csv", "FileName,ED,ES", "c00,10,20")
    words = (
        "evaluate",
        there / "good",
        "--labels",
        there / "store",
        "--out",
        tmp_path / "out",
        "--second-round",
        second,
    )
    code, _, complaint = echodfkd(*words)
    assert code == 2 and "goes with a first one: --events" in complaint


def test_clips_of_one_patient_widen_the_interval(evaluate, alone, tmp_path):
    whose = table(tmp_path / "whose.csv", "FileName,Patient", *(f"c{n:02d},{n // 8:04d}" for n in range(CLIPS)))
    scores, rows = evaluate("worse", patients=whose, page=True)
    assert scores["n"]["patients"] == 2 and rows[0]["patient"] == "0000"
    widths = [found["dice"]["overall"]["high"] - found["dice"]["overall"]["low"] for found in (alone["worse"], scores)]
    assert widths[1] > widths[0]
    assert "bootstrap by patient" in (tmp_path / "out" / "index.html").read_text()


def test_patients_widen_what_lies_beyond_the_scorecard_too(evaluate, alone, tmp_path):
    whose = table(tmp_path / "whose.csv", "FileName,Patient", *(f"c{n:02d},one" for n in range(CLIPS)))
    scores, _ = evaluate("worse", patients=whose)
    for ends in (
        lambda found: found["concentration"]["dice"]["worst"],
        lambda found: found["strata"]["dice"]["heart_rate"]["correlation"],
        lambda found: found["first_frames"]["variants"]["as given"]["later"],
    ):
        assert ends(alone["worse"])["low"] is not None and ends(scores)["low"] is None  # one patient has no ends


def test_an_older_baseline_in_the_folder_is_not_taken_for_this_ones(there, tmp_path):
    (tmp_path / "constant_mask.csv").write_text("name,dice\nstranger,0.1\n")
    echodfkd.evaluate(there / "good", there / "store", tmp_path, **QUICK)
    assert "stranger" not in (tmp_path / "constant_mask.csv").read_text()


def test_clips_without_a_patient_count_as_one_each_and_are_told(there, tmp_path, echodfkd):
    whose = table(tmp_path / "whose.csv", "FileName,Patient", "c00,1", "c01,1")
    words = ("evaluate", there / "good", "--labels", there / "store", "--out", tmp_path / "out", "--resamples", 100)
    code, _, complaint = echodfkd(*words, "--patients", whose)
    assert code == 0 and f"{CLIPS - 2}, the first c02" in complaint


def test_the_page_can_be_drawn_anew_and_says_what_these_labels_do_not_allow(command, tmp_path, echodfkd):
    scores, rows = command()
    page = tmp_path / "out" / "index.html"
    text = page.read_text()
    assert "a store of clips" in text and "What could not be run" in text and "--against" in text
    assert scores["frame_rate"]["trend"] and scores["first_frames"]["variants"]["constant mask"]
    assert scores["strata"]["dice"]["heart_rate"]["n"] == CLIPS == len(rows)
    assert (tmp_path / "out" / "cardiobench.csv").read_text().splitlines()[0] == "FileName,EF_pred"
    page.unlink()
    code, told, _ = echodfkd("report", tmp_path / "out")
    assert code == 0 and str(page) in told and page.is_file()


def test_report_refuses_a_folder_that_nobody_wrote(tmp_path, echodfkd):
    code, _, complaint = echodfkd("report", tmp_path)
    assert code == 2 and "is not what `echodfkd run`, `search`, `evaluate` or `judge` wrote" in complaint
