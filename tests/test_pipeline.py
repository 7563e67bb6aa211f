"""The whole study through the real command: killed in every stage it ends as if nothing had happened."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import run, started
from scripts import script

from echodfkd.errors import InputError
from echodfkd.files import sha256

TINY = Path(__file__).parents[1] / "studies" / "tiny.toml"
STAGES = ("synth", "label", "distill", "segment", "score", "report")


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> tuple[Path, bytes, str]:
    """The run's folder, what its terminal saw (stderr) and what it told a file (stdout)."""
    here = tmp_path_factory.mktemp("runs")
    watching, drawing = pty.openpty()
    with open(here / "table.txt", "w") as table:
        line = [sys.executable, "-m", "echodfkd", "run", TINY, "--out", here / "undisturbed"]
        process = subprocess.Popen(list(map(str, line)), stdout=table, stderr=drawing)
    os.close(drawing)
    drawn = b""
    while True:
        try:
            drawn += os.read(watching, 65536)
        except OSError:  # the other end is closed
            break
    os.close(watching)
    assert process.wait() == 0, drawn
    return here / "undisturbed", drawn, (here / "table.txt").read_text()


@pytest.fixture(scope="module")
def undisturbed(watched) -> Path:
    return watched[0]


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def kill_when(folder: Path, stage: str, seen: str) -> None:
    """Kills (SIGKILL) the started study once `seen` is in `folder`, or, where it is empty, the stage has started."""
    before = lines_of(folder / "log.txt")
    process = started("run", TINY, "--out", folder)
    while process.is_alive():
        at_work = any(line.endswith(f"{stage}: started") for line in lines_of(folder / "log.txt")[len(before) :])
        if at_work and (not seen or any(folder.glob(seen))):
            break
        time.sleep(0.002)
    process.kill()
    process.join()
    assert lines_of(folder / "log.txt")[-1].endswith(f"{stage}: started"), f"{stage} was not at work any more"


def lines_of(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.is_file() else []


# Each stage is killed once at work: when its first output (not its last) is there.
KILLS = [
    ("synth", "clips/shard-00000.json"),
    ("label", "labels/*"),
    ("distill", "student-training/last.ckpt"),
    ("segment", "masks/test-00000"),
    ("score", ""),
    ("report", ""),
]


GOLDEN = ((1.4373, 1.2322), (1.3380, 1.2134), (1.2664, 1.1675), (1.1927, 1.1522))
"""Training and validation loss of each epoch of the tiny study: a refactor must not move them."""


def test_the_tiny_study_has_its_golden_losses(undisturbed):
    rows = list(csv.DictReader((undisturbed / "student-training" / "curve.csv").open()))
    losses = [(float(row["train_loss"]), float(row["val_loss"])) for row in rows]
    assert losses == [pytest.approx(epoch, rel=0.02) for epoch in GOLDEN]  # processors round differently


def test_killed_in_every_stage_it_ends_with_the_same_bytes_and_scores(undisturbed, tmp_path):
    folder = tmp_path / "killed"
    for stage, seen in KILLS:
        kill_when(folder, stage, seen)
    result = run("run", TINY, "--out", folder)
    assert result.returncode == 0, result.stderr
    for store in ("clips", "labels"):
        assert bytes_of(folder / store) == bytes_of(undisturbed / store)
    assert bytes_of(folder / "masks") == bytes_of(undisturbed / "masks")
    for name in ("scores/scores.json", "scores/clips.csv", "student-training/curve.csv", "student/model.safetensors"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert (folder / "report" / "index.html").is_file()
    assert not [path for path in folder.rglob("*") if ".part" in path.name]


def test_a_finished_run_is_kept_when_started_again(undisturbed):
    before = {
        name: digest
        for name, digest in bytes_of(undisturbed).items()
        if name.startswith(("clips", "labels", "student", "masks"))
    }
    assert run("run", TINY, "--out", undisturbed).returncode == 0
    after = bytes_of(undisturbed)
    assert all(after[name] == digest for name, digest in before.items() if "tensorboard" not in name)


def test_a_run_of_another_study_is_refused_naming_the_difference(undisturbed, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(TINY.read_text().replace("seed = 3", "seed = 4"))
    result = run("run", other, "--out", undisturbed)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "seed: 3 -> 4" in result.stderr and "Choose a new --out" in result.stderr


def test_the_scores_have_intervals_baselines_and_no_gaps(undisturbed):
    scores = json.loads((undisturbed / "scores" / "scores.json").read_text())
    assert scores["n"]["clips"] == 3 and scores["n"]["without_prediction"] == 0
    for table in (scores["dice"], scores["constant_mask"]["dice"]):
        overall = table["overall"]
        assert 0 <= overall["low"] <= overall["value"] <= overall["high"] <= 1
    assert set(scores["null_curves"]) == {"white noise", "smoothed noise", "random-phase sine", "constant"}
    rows = list(csv.DictReader((undisturbed / "scores" / "clips.csv").open()))
    assert [row["name"] for row in rows] == ["test-00000", "test-00001", "test-00002"]


@pytest.mark.long
def test_stages_as_commands_make_what_the_whole_run_makes(undisturbed, tmp_path):
    clips, labels, student = tmp_path / "c", tmp_path / "l", tmp_path / "s"
    for words in (
        ("synth", TINY, "--out", clips),
        ("label", TINY, "--clips", clips, "--out", labels),
        ("distill", TINY, "--clips", clips, "--labels", labels, "--out", student),
    ):
        result = run(*words)
        assert result.returncode == 0, result.stderr
    assert bytes_of(clips) == bytes_of(undisturbed / "clips")
    assert bytes_of(labels) == bytes_of(undisturbed / "labels")
    assert sha256(student / "model.safetensors") == sha256(undisturbed / "student" / "model.safetensors")
    judged = run(
        "evaluate",
        undisturbed / "masks",
        "--labels",
        clips,
        "--out",
        tmp_path / "scores",
        "--resamples",
        200,
        "--seed",
        3,
    )
    assert judged.returncode == 0, judged.stderr
    assert (tmp_path / "scores" / "scores.json").read_bytes() == (undisturbed / "scores" / "scores.json").read_bytes()


def test_the_log_names_every_stage_and_no_machine(undisturbed):
    log = (undisturbed / "log.txt").read_text()
    assert all(f"{stage}: done in" in log for stage in STAGES)
    assert str(undisturbed.parent) not in (undisturbed / "environment.json").read_text()


def test_the_report_draws_itself_anew_and_needs_no_network(undisturbed):
    page = undisturbed / "report" / "index.html"
    page.unlink()
    assert run("report", undisturbed).returncode == 0
    html = page.read_text()
    assert not re.search(r"""\s(?:src|href)\s*=\s*(?!["']?(?:data:|#))""", html)
    assert "data:video/mp4;base64," in html and "not for diagnosis" in html


def test_on_a_terminal_progress_is_drawn_and_results_stay_apart(watched):
    """stderr is a terminal, stdout a file: bars go to the one, the table alone to the other."""
    _, drawn, told = watched
    for stage in ("synth", "label", "Epoch 3/3", "segment"):
        assert re.search(rf"{stage} .*[━╸╺-]".encode(), drawn), stage
    assert b"epoch 3: train" in drawn
    assert told.startswith(" ") and "Dice" in told and "Report: " in told and "\x1b" not in told and "epoch" not in told


def test_a_finished_run_is_published_with_its_study_and_scores(undisturbed, tmp_path, echodfkd):
    publish = script("studies/publish.py").publish
    scored = {"dice": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 3}, "constant": None, "ef_error": None}
    scored |= {"worst_dice": 0.8, "worst_area_correlation": 0.7}
    scored |= dict.fromkeys(("area_correlation", "area_ed", "area_es"), scored["dice"])
    model = json.loads((undisturbed / "masks" / "test-00000" / "measures.json").read_text())["model"]
    real = tmp_path / "real.json"
    real.write_text(
        json.dumps({"models": [{"model": {"name": "other"}, "scores": {}}, {"model": model, "scores": scored}]})
    )
    for name in "ab":
        publish(undisturbed, "tiny", tmp_path / name, real, "three clips")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert set(bytes_of(tmp_path / "a")) == {"README.md", "model.json", "model.onnx", "model.safetensors"}
    text = (tmp_path / "a" / "model.json").read_text()
    card, before = json.loads(text), json.loads((undisturbed / "student" / "model.json").read_text())
    published = card["provenance"].pop("published")
    assert card == before
    assert published["scores"] == json.loads((undisturbed / "scores" / "scores.json").read_text())
    assert published["study"]["name"] == "tiny" and published["real"]["scores"] == scored
    assert str(undisturbed) not in text and str(TINY.parent) not in text
    with pytest.raises(InputError, match="never published"):
        publish(undisturbed / "student", "tiny", tmp_path / "c")
    with pytest.raises(InputError, match="Measure it anew"):
        publish(tmp_path / "b", "tiny", tmp_path / "b", dials={"looks": (0.9,)})
    publish(tmp_path / "b", "tiny", tmp_path / "b", real, "three clips", dials={"looks": (0.9,)})  # its card alone
    assert json.loads((tmp_path / "b" / "model.json").read_text()) == {**json.loads(text), "looks": [0.9]}
    assert "at stills in 2 sizes" in (tmp_path / "b" / "README.md").read_text()
    first, second = bytes_of(tmp_path / "a"), bytes_of(tmp_path / "b")
    assert all(first[name] == second[name] for name in ("model.onnx", "model.safetensors"))
    code, told, _ = echodfkd("models", tmp_path / "a")
    assert code == 0 and "On real clips (three clips):" in told and "| LV Dice | 0.900 (0.800 to 1.000) | 3 |" in told
    with pytest.raises(InputError, match="go together"):
        publish(undisturbed, "tiny", tmp_path / "c", real)
    real.write_text('{"models": []}')
    with pytest.raises(InputError, match="other models"):
        publish(undisturbed, "tiny", tmp_path / "c", real, "three clips")
    assert not (tmp_path / "c").exists()
