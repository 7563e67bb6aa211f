"""The benchmark of the generator's speed: it measures the tree it is told to, or says in one line why not."""

import shutil
import sys

import pytest
from scripts import ROOT, script

speed = script("benchmarks/synthetic_speed.py")
SMALLEST = ("--clips", "1", "--lengths", "2", "--size", "32", "--repeats", "1")


@pytest.fixture
def benchmark(monkeypatch, capsys):
    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["synthetic_speed.py", *SMALLEST, *map(str, words)])
        speed.main()
        return capsys.readouterr().out

    return call


@pytest.mark.long
def test_two_trees_are_compared_call_by_call(benchmark, tmp_path):
    shutil.copytree(ROOT / "src" / "echodfkd", tmp_path / "src" / "echodfkd", ignore=shutil.ignore_patterns("weights"))
    told = benchmark("--against", tmp_path)
    assert "1 clips x 2 frames of 32 x 32, 1 calls," in told
    for what in ("frames/s ", "frames/cpu s ", "speed / other's, wall", "speed / other's, cpu", "us/frame", "recipes:"):
        assert what in told


def test_a_folder_that_is_no_checkout_is_refused(benchmark, tmp_path):
    with pytest.raises(SystemExit, match="no src/echodfkd"):
        benchmark("--against", tmp_path)


@pytest.mark.long
def test_a_worker_that_ends_is_told_in_one_line(benchmark, tmp_path):
    package = tmp_path / "src" / "echodfkd"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ValueError('broken')\n")
    with pytest.raises(SystemExit) as stop:
        benchmark("--against", tmp_path)
    assert str(stop.value) == f"synthetic_speed: the worker for {tmp_path} has ended: ValueError: broken"


def test_a_gpu_that_is_not_there_is_told_in_one_line(benchmark, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit, match=r"no GPU .*--device cpu"):
        benchmark("--device", "cuda")
