"""The check of a GPU: it says where there is none, and would say where one departs. Here the CPU stands for it."""

import time

import pytest
import torch
from scripts import script

from echodfkd.student.settings import NetworkSettings

gpu = script("benchmarks/gpu.py")
SMALL = gpu.Work(clips=2, frames=3, size=32, shape=NetworkSettings(blocks=1, filters=2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_line_and_ends_with_2(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    assert gpu.main() == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and "nothing was measured" in told.err


def test_every_check_has_its_line_and_what_time_does_not_allow_is_named(monkeypatch):
    monkeypatch.setattr(gpu, "ENOUGH", 0.05)
    monkeypatch.setattr(gpu, "STEPS", 3)
    monkeypatch.setattr(gpu, "WAYS", {"plain": {}})
    lines = list(gpu.checks("cpu", SMALL, time.perf_counter() + 60))
    assert [line.split(":")[0] for line, _ in lines] == [
        "drawn frames",
        "training",
        "drawing",
        "teaching, float32, plain",
        "teaching, bfloat16, plain",
    ]
    assert all(good for _, good in lines)
    late = list(gpu.checks("cpu", SMALL, 0))
    assert len(late) == len(lines) and all("left out" in line for line, _ in late)


def test_a_device_that_draws_or_learns_otherwise_is_told(monkeypatch):
    monkeypatch.setattr(gpu, "STEPS", 3)
    generate, known = gpu.generate, gpu.losses("cpu", SMALL)

    def dark(recipes, size, device):
        made = generate(recipes, size)
        if device == "elsewhere":
            made.frames[0][:, :16] = 255 - made.frames[0][:, :16]
        return made

    monkeypatch.setattr(gpu, "generate", dark)
    told, good = gpu.drawing_parity("elsewhere", SMALL)
    assert not good and "of pixels" in told
    made = {"cpu": known, "elsewhere": [1.01 * loss for loss in known]}
    monkeypatch.setattr(gpu, "losses", lambda device, work: made[device])
    told, good = gpu.training_parity("elsewhere", SMALL)
    assert not good and "1.00e-02" in told
