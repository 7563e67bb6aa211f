"""`echodfkd judge` and the stage of a run: a small random judge stands in for EchoCLIP."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_datasets import beats, traced, write_echonet
from small_judge import make_judge

from echodfkd.commands.report import report
from echodfkd.errors import InputError, StudyError
from echodfkd.evidence.records import Judgement
from echodfkd.evidence.words.prompts import BUNDLED
from echodfkd.files import plain, shaped
from echodfkd.pipeline import run
from echodfkd.study.file import read_study
from echodfkd.study.settings import LabelFree

SCHEMA = Path(__file__).with_name("label_free_schema.json")
TINY = Path(__file__).parents[2] / "studies" / "tiny.toml"
JUDGED = """
[label_free]
judge = "local-dir:{}"
rivals = ["b3"]
snapshots = [1, 4]
clips = 2
atlases = 4
everything = true
"""


def study_text(judge: object) -> str:
    """The tiny study with judging."""
    quicker = TINY.read_text().replace("resamples = 200", "resamples = 200\nrobustness = false")
    return quicker + JUDGED.format(judge)


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("judges") / "small"
    make_judge(folder)
    return str(folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory, judge) -> Path:
    """A tiny run with three other models."""
    here = tmp_path_factory.mktemp("judged")
    (here / "tiny.toml").write_text(study_text(judge))
    run(read_study(here / "tiny.toml"), here / "run")
    return here / "run"


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(newline="")))


def test_a_run_judges_its_student_beside_snapshots_and_bundled_models(made):
    found = json.loads((made / "label-free" / "label_free.json").read_text())
    assert found["names"] == ["student", "epoch-001", "epoch-004", "b3"]
    assert found["n"]["clips"] == 2
    assert {"judge", "judge.wall", "judge.cavity", "agreement.majority", "edges"} <= set(found["evidence"])
    assert found["rank_correlation"]["judge"]["per_model"]["n"] == 2
    assert found["segmenters"]["b3"]["dice"]["value"] > found["segmenters"]["epoch-001"]["dice"]["value"]
    said = found["image_text"]
    assert said["masks"]["n"]["clips"] == 2 and set(said["phases"]["by_chance"]) >= {"white noise", "constant"}
    assert set(said["calibration"]["auc"]) == {"shrunk", "grown", "shifted", "swapped", "empty"}


def shape_of(value: object) -> object:
    """What a JSON value is made of; a number, an interval and nothing count alike, a list as its first item."""
    if value is None or (isinstance(value, dict) and value.keys() >= {"value", "low", "high", "n"}):
        return "number"
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(item) for item in value[:1]]
    return "number" if type(value) in (int, float) else type(value).__name__


def test_the_judgement_on_disk_keeps_its_shape_and_is_read_back_whole(made):
    found = json.loads((made / "label-free" / "label_free.json").read_text())
    assert shape_of(found) == json.loads(SCHEMA.read_text())
    assert plain(shaped(Judgement, found)) == found


def test_the_snapshot_of_the_best_epoch_is_the_students_twin(made):
    losses = [float(row.split(",")[2]) for row in (made / "student-training" / "curve.csv").read_text().split()[1:]]
    best = 1 + losses.index(min(losses))
    masks = [
        np.load(folder / "test-00000" / "masks.npz")["masks"]
        for folder in (made / "masks", made / "rivals" / f"epoch-{best:03d}" / "masks")
    ]
    assert np.array_equal(*masks)


def test_the_page_shows_true_and_label_free_scores(made):
    page = (made / "report" / "index.html").read_text()
    assert "Judged without labels" in page and "Judged by an image-text model" in page and "epoch-001" in page


def test_a_finished_judgement_is_kept(made):
    path = made / "label-free" / "label_free.json"
    before = path.stat().st_mtime_ns
    run(read_study(made.parent / "tiny.toml"), made)
    assert path.stat().st_mtime_ns == before


def test_the_command_judges_folders_of_masks(made, judge, tmp_path, echodfkd):
    two = ["--predictions", made / "masks", "--predictions", made / "rivals" / "b3" / "masks"]
    code, _, complaint = echodfkd("judge", made / "clips", *two, "--out", tmp_path / "same", "--judge", "none")
    assert code == 2 and "names that differ" in complaint
    (tmp_path / "student").symlink_to(made / "masks")
    (tmp_path / "b3").symlink_to(made / "rivals" / "b3" / "masks")
    names = ["--predictions", tmp_path / "student", "--predictions", tmp_path / "b3"]
    out = ["--out", tmp_path / "out", "--resamples", 100]
    code, told, complaint = echodfkd("judge", made / "clips", *names, *out, "--judge", f"local-dir:{judge}")
    assert (code, complaint) == (0, "")
    assert "rank correlation of means" in told and "true Dice" in told
    rows = rows_of(tmp_path / "out" / "label_free.csv")
    assert {row["segmenter"] for row in rows} == {"student", "b3"} and all(row["judge"] for row in rows)
    events = rows_of(tmp_path / "out" / "valve_events.csv")
    assert list(events[0]) == ["FileName", "ED", "ES"]
    assert len(rows_of(tmp_path / "out" / "prompts.csv")) == len(events)
    page = tmp_path / "out" / "index.html"
    page.unlink()
    assert report(tmp_path / "out") == page and page.is_file()


def test_words_that_the_stand_in_was_never_taught_are_named(made, folders, tmp_path, echodfkd):
    prompts = tmp_path / "own.toml"
    prompts.write_text(BUNDLED.read_text().replace('wall = ["WALL"]', 'wall = ["XYZZY PLUGH"]'))
    more = ("--predictions", folders[0], "--out", tmp_path / "out", "--prompts", prompts, "--resamples", 100)
    code, _, complaint = echodfkd("judge", made / "clips", *more, "--judge", "standin")
    assert code == 0 and "never taught" in complaint and "XYZZY PLUGH" in complaint and complaint.count("\n") == 1
    page = (tmp_path / "out" / "index.html").read_text()
    assert "never seen a patient" in page and "XYZZY PLUGH" in page


def test_without_a_judge_the_other_evidence_is_had(made, tmp_path, echodfkd):
    (tmp_path / "b3").symlink_to(made / "rivals" / "b3" / "masks")
    words = ["judge", made / "clips", "--predictions", tmp_path / "b3", "--out", tmp_path / "out"]
    code, _, complaint = echodfkd(*words, "--resamples", 100)
    assert (code, complaint) == (0, "")
    found = json.loads((tmp_path / "out" / "label_free.json").read_text())
    assert "judge" not in found["evidence"] and "image_text" not in found
    assert "--judge" in found["not_run"]["An image-text judge"]


def test_settings_refuse_nonsense_with_the_value(tmp_path):
    with pytest.raises(StudyError, match=r"epochs .*got \[0\]"):
        LabelFree(snapshots=(0,))
    with pytest.raises(StudyError, match="got b3, b3"):
        LabelFree(rivals=("b3", "elsewhere/b3"))
    path = tmp_path / "tiny.toml"
    path.write_text(study_text("x").replace("[1, 4]", "[1, 9]"))
    with pytest.raises(StudyError, match=r"training\.epochs \(4\): 9"):
        read_study(path)


def test_a_missing_judge_is_told_before_any_work(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(study_text(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no judge"):
        run(read_study(path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def folders(made, tmp_path) -> list[Path]:
    """Two segmenters' masks under names that differ; the second lacks a clip."""
    for name, there in (("student", made / "masks"), ("b3", made / "rivals" / "b3" / "masks")):
        shutil.copytree(there, tmp_path / "masks" / name)
    shutil.rmtree(tmp_path / "masks" / "b3" / "test-00001")
    return [tmp_path / "masks" / "student", tmp_path / "masks" / "b3"]


def told_by(out: Path) -> dict:
    return json.loads((out / "label_free.json").read_text())


def test_a_clip_that_one_lacks_is_left_out_of_the_judges_means_and_told(made, judge, folders, tmp_path, echodfkd):
    words = ("--predictions", folders[0], "--predictions", folders[1], "--judge", f"local-dir:{judge}")
    more = ("--out", tmp_path / "out", "--resamples", 100, "--frames", 3)
    code, told, complaint = echodfkd("judge", made / "clips", *words, *more)
    assert (code, complaint) == (0, "") and "b3 lacks 2" in told
    said = told_by(tmp_path / "out")["image_text"]
    assert said["masks"]["n"]["clips"] == 1 and said["masks_lacking"] == 2
    assert said["masks"]["n"]["frames"] == 3
    assert "Judged by an image-text model" in (tmp_path / "out" / "index.html").read_text()


def test_frames_that_alone_are_labelled_are_the_ones_that_are_judged(judge, tmp_path, echodfkd):
    names = ("C0", "C1", "C2")
    clips = {name: traced(beat, name) for name, beat in zip(names, beats(), strict=True)}
    data = write_echonet(tmp_path / "echonet", clips)
    for who, moved in (("right", 0), ("aside", 6)):
        for name, beat in zip(names, beats(), strict=True):
            (tmp_path / who / name).mkdir(parents=True)
            masks = np.roll(beat.masks["lv"], moved, axis=2).astype(np.uint8)
            np.savez_compressed(tmp_path / who / name / "masks.npz", masks=masks)
    words = ("--predictions", tmp_path / "right", "--predictions", tmp_path / "aside", "--judge", f"local-dir:{judge}")
    code, _, complaint = echodfkd("judge", data, *words, "--out", tmp_path / "out", "--resamples", 100)
    assert (code, complaint) == (0, "")
    said = told_by(tmp_path / "out")["image_text"]
    assert said["masks"]["n"]["frames"] == 6  # two traced frames of three clips
    assert said["masks"]["models"]["right"]["dice"]["value"] > said["masks"]["models"]["aside"]["dice"]["value"]
    assert said["phases"] is not None and said["ejection"]["ranked"]["n"] == 3
    assert "true overlap is not known" not in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.avi",), "No such clip, folder or data set: nowhere.avi"),
        (("--prompts", "nowhere.toml"), "nowhere.toml is not a readable file of prompts"),
        (("--precision", "half"), "precision"),
    ],
)
def test_what_cannot_be_judged_is_told_in_a_line(made, judge, folders, tmp_path, echodfkd, words, told):
    clips = [] if words == ("nowhere.avi",) else [made / "clips"]
    named = "none" if "--prompts" in words else f"local-dir:{judge}"
    more = ("--predictions", folders[0], "--out", tmp_path / "out", "--judge", named)
    code, _, complaint = echodfkd("judge", *clips, *words, *more)
    assert code == 2 and told in complaint and complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_judging_without_a_judge_imports_no_torch():
    script = "import sys, echodfkd.commands.judge; sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
