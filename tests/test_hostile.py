"""Mutated files of every kind are read or refused in one line: no traceback, no hang, no file, bounded memory."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import hostile
import numpy as np
import pytest
from small_student import make_student

from echodfkd import video
from echodfkd.errors import InputError
from echodfkd.limits import VARIABLE, Limits, limits

ROOT = Path(__file__).parents[1]
STUDY, CARD = ROOT / "studies" / "tiny.toml", ROOT / "src/echodfkd/student/weights/b3/model.json"


def read_mutated(folder: Path, count: int, seed: int, weights: bool) -> dict:
    """What came of that many mutated files, read by a process of its own; fails where anything went wrong."""
    folder.mkdir()
    hostile.make(folder, STUDY, CARD)
    if weights:
        make_student(folder / "student", onnx=False)
    (folder.parent / "elsewhere").mkdir(exist_ok=True)
    line = [sys.executable, hostile.__file__, folder, count, seed]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests" / "helpers")])
    done = subprocess.run(
        list(map(str, line)),
        cwd=folder.parent / "elsewhere",
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [line for line in lines if "wrong" in line]
    assert done.returncode == 0 and not wrong, (done.returncode, wrong[:20], done.stderr[-600:])
    told = lines[-1]
    each = [Counter(counts) for counts in told["counts"].values()]
    assert sum(map(Counter.total, each)) == count and sum(counts["refused"] for counts in each) > count / 3
    assert told["slowest"][0] < hostile.SECONDS and told["peak_bytes"] < hostile.MEMORY
    assert not told["strange_files"] and not list((folder.parent / "elsewhere").iterdir())
    print(told)
    return told


def test_three_hundred_mutated_files(tmp_path):
    read_mutated(tmp_path / "files", 300, 1, weights=False)


@pytest.mark.long
def test_ten_thousand_mutated_files(tmp_path):
    for seed in range(2, 12):
        read_mutated(tmp_path / f"files{seed}", 1000, seed, weights=True)


@pytest.mark.parametrize(("dial", "asked"), [("frames", "20 "), ("pixels", "32 x 32"), ("memory", "bytes")])
def test_beyond_a_limit_is_refused_with_the_way_to_allow_it(tmp_path, monkeypatch, dial, asked):
    video.write(tmp_path / "a.avi", np.zeros((21, 32, 32), np.uint8), 50)
    assert len(video.read(tmp_path / "a.avi").frames) == 21
    monkeypatch.setenv(VARIABLE, f"{dial}={ {'frames': 20, 'pixels': 1000, 'memory': 2e4}[dial] }")
    with pytest.raises(InputError, match=rf"{asked}.*{VARIABLE}='{dial}="):
        video.read(tmp_path / "a.avi")


def test_limits_have_defaults_and_nonsense_is_refused(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert limits() == Limits()
    for text in ("frames", "frames=many", "clips=3", "frames=0"):
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(InputError):
            limits()


def test_a_packed_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    from echodfkd.scores.predictions import read_prediction

    np.savez_compressed(tmp_path / "masks.npz", masks=np.zeros((400, 200, 200), np.uint8))
    assert (tmp_path / "masks.npz").stat().st_size < 100_000
    monkeypatch.setenv(VARIABLE, "memory=1e7")
    with pytest.raises(InputError, match="memory"):
        read_prediction(tmp_path)
