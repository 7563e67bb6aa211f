"""The check of a judge on real clips, on drawn discs: what it asks, prints and writes."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import script
from small_student import beating

from echodfkd.evidence.words.mask_quality import KINDS
from echodfkd.video import read, write


class Bright:
    """A judge to whom the wall is what is bright, and the ventricle what is dark."""

    def similarities(self, frames, prompts):
        value = frames.mean(axis=(1, 2)) / 255
        return {name: -value if name == "left_ventricle" else value for name in prompts}


@pytest.fixture
def benchmark(monkeypatch):
    found = script("benchmarks/label_free_real.py")
    monkeypatch.setattr(found, "load_judge", lambda name: Bright())
    return found


@pytest.fixture
def folder(tmp_path) -> Path:
    for seed, name in enumerate(("one", "two")):
        write(tmp_path / f"{name}.avi", beating(20, seed=seed), 50)
        np.savez(tmp_path / f"{name}.teacher.npz", masks=read(tmp_path / f"{name}.avi").frames >= 100)
    return tmp_path


def test_every_kind_of_spoilt_mask_has_a_line_and_no_name_of_a_clip_is_written(benchmark, folder, monkeypatch, capsys):
    told = folder / "real.json"
    words = ["x", str(folder), "--frames", "5", "--json", str(told), "--words", "drawn discs"]
    monkeypatch.setattr(sys, "argv", words)
    benchmark.main()
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:-1]] == list(KINDS)
    assert "n = 2 clips, 10 frames" in shown
    found = json.loads(told.read_text())
    assert found["words"] == "drawn discs" and found["auc"]["grown"]["wall"]["value"] > 0.5
    assert "one" not in json.dumps(found["n"])


def test_a_folder_without_clips_is_refused_in_one_line(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path)])
    with pytest.raises(SystemExit, match="no clip"):
        benchmark.main()
