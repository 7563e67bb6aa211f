"""The ablations' bookkeeping: what a variant is, what a row is of, what a table says. Nothing is taught here."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripts import ROOT, script
from small_student import beating

from echodfkd.store.store import Entry, StoreWriter
from echodfkd.study.file import read_study
from echodfkd.video import write

ablations = script("benchmarks/ablations.py")
STUDY = read_study(ROOT / "studies" / "ablation.toml")


@pytest.fixture
def lesson(monkeypatch, tmp_path, student_folder) -> list[str]:
    """Everything but drawing and teaching: two small clips for the test, the small student for every variant.

    What was taught, in its order.
    """
    taught: list[str] = []

    def clips(study, folder):
        writer = StoreWriter(folder, ("lv",), (48, 64), {})
        frames = beating(12)
        writer.write(0, [Entry("a", "test", 12, 50)], frames, np.where(frames > 120, 255, 0).astype(np.uint8)[:, None])
        return writer.finish(1)

    monkeypatch.setattr(ablations, "synth", clips)
    monkeypatch.setattr(ablations, "taught", lambda study, folder: taught.append(folder.name) or student_folder)
    return taught


@pytest.fixture
def real(tmp_path) -> Path:
    """A folder of one clip with masks."""
    folder = tmp_path / "real"
    folder.mkdir()
    write(folder / "one.avi", beating(30), 50)
    np.savez(folder / "one.teacher.npz", masks=beating(30) > 120)
    return folder


@pytest.fixture
def ablate(monkeypatch, tmp_path, capsys):
    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["ablations.py", "--out", str(tmp_path / "out"), *map(str, words)])
        ablations.main()
        return capsys.readouterr().out

    return call


def rows_in(folder: Path) -> list[dict[str, str]]:
    with open(folder / "ablations.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ablations.VARIANTS)
def test_a_variant_differs_from_the_study_in_what_it_names_alone(name):
    variant, change = ablations.varied(STUDY, name, 7), ablations.VARIANTS[name]
    assert variant.seed == 7 and variant.name == f"ablation: {name}"
    for dial, value in change.get("held", {}).items():
        assert variant.conditions.held[dial] == value
    for table in ("clips", "conditions", "training"):
        if table not in change and not (table == "conditions" and "held" in change):
            assert getattr(variant, table) == getattr(STUDY, table)
    assert replace(
        variant, name="", seed=0, clips=STUDY.clips, conditions=STUDY.conditions, training=STUDY.training
    ) == (replace(STUDY, name="", seed=0))


def test_a_variant_that_changes_nothing_is_passed_over(lesson, ablate, tmp_path):
    assert [name for name in ablations.VARIANTS if not ablations.changes(STUDY, name)] == ["never backwards"]
    ablate("--only", "whole", "never backwards", "--seeds", 1)
    assert lesson == ["whole-1"]


def test_every_seed_and_variant_is_taught_once_however_often_it_is_started(lesson, ablate, tmp_path):
    told = ablate("--only", "whole", "no ridge", "--seeds", 1)
    before = (tmp_path / "out" / "ablations.csv").read_text()
    ablate("--only", "no ridge", "whole", "stills")
    later = [f"{name}-{seed}" for seed in (2, 3) for name in ("no-ridge", "whole", "stills")]
    assert lesson == ["whole-1", "no-ridge-1", "stills-1", *later]
    assert "| whole | 1 |" in told and (tmp_path / "out" / "ablations.csv").read_text().startswith(before)


def test_columns_are_the_same_with_and_without_real_clips(lesson, ablate, real, tmp_path):
    ablate("--only", "whole", "--seeds", 1)
    (plain,) = rows_in(tmp_path / "out")
    assert tuple(plain) == ablations.COLUMNS and {plain[name] for name in ablations.SCORES[1:]} == {""}
    ablate("--only", "whole", "--seeds", 1, "--out", tmp_path / "other", "--real", real)
    (scored,) = rows_in(tmp_path / "other")
    assert all(scored.values()) and scored["real Dice"] != scored["real Dice, both ways"]
    assert scored["synthetic Dice"] == plain["synthetic Dice"]


def test_rows_of_another_study_or_other_real_clips_are_refused(lesson, ablate, real, tmp_path):
    ablate("--only", "whole", "--seeds", 1, "--real", real)
    with pytest.raises(SystemExit, match="other settings: real: "):
        ablate("--only", "whole")
    with pytest.raises(SystemExit, match=r"other settings: real: .*study\.name: "):
        ablate("--only", "whole", "--study", ROOT / "studies" / "tiny.toml")
    (real / "clips.csv").write_text("FileName,EF\none,60\n")
    with pytest.raises(SystemExit, match="other settings: real: "):
        ablate("--only", "whole", "--real", real)
    with pytest.raises(SystemExit, match="No such"):
        ablate("--study", tmp_path / "none.toml")
    assert lesson == ["whole-1"]


def test_a_table_has_means_and_spans_and_a_dash_for_what_is_unknown():
    rows = [
        {"variant": "whole", "seed": "1", "synthetic Dice": "0.9", "real Dice": ""},
        {"variant": "whole", "seed": "2", "synthetic Dice": "0.8", "real Dice": "0.7"},
        {"variant": "stills", "seed": "1", "synthetic Dice": "0.6", "real Dice": ""},
    ]
    assert ablations.table(rows).splitlines() == [
        "| variant | n | synthetic Dice | real Dice |",
        "|---|---|---|---|",
        "| whole | 2 | 0.850 (0.800 .. 0.900) | 0.700 |",
        "| stills | 1 | 0.600 | - |",
    ]
