"""Several processes teach the student that one would."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_store import STRUCTURES, written

from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.distill.devices import Devices, is_first, share_statistics
from echodfkd.distill.settings import Training
from echodfkd.distill.windows import StoreWindows
from echodfkd.errors import InputError
from echodfkd.store.store import Entry, Store, StoreWriter
from echodfkd.student.settings import NetworkSettings
from echodfkd.study.dials import study_toml
from echodfkd.study.fresh import FreshBatches
from echodfkd.study.settings import Clips, Split, Study

STUDY = Study(
    name="devices",
    clips=Clips(train=Split(6, 6), validation=Split(1, 6), test=Split(1, 6), structures=("lv",)),
    student=NetworkSettings(blocks=2, filters=4),
    training=Training(window=6, size=28, batch=2, epochs=3, learning_rate=2e-2, precision="float32", loss="bce+dice"),
)


@pytest.fixture(scope="module")
def taught_on(tmp_path_factory) -> Path:
    """A study file, its clips and its labels."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "study.toml").write_text(study_toml(STUDY))
    label(STUDY, synth(STUDY, folder / "clips"), folder / "labels")
    return folder


def curve(taught_on: Path, out: Path, start: list[str], *more: str) -> list[list[float]]:
    """The training curve of the command, started in that way."""
    stores = ["--clips", taught_on / "clips", "--labels", taught_on / "labels"]
    command = [*start, "-m", "echodfkd", "distill", taught_on / "study.toml", *stores, "--out", out, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Student in") == 1
    with (out.parent / f"{out.name}-training" / "curve.csv").open() as file:
        return [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]


def check_same(both: list[list[float]], alone: list[list[float]]) -> None:
    """Epochs, training losses and rates are the same but for rounding.

    The validation loss is less so: a convolution's bias before a normalisation has no gradient but rounding, which Adam
    makes a step of, and the running mean comes after it.
    """
    (epochs, train, val, rates), (epochs1, train1, val1, rates1) = zip(*both, strict=True), zip(*alone, strict=True)
    assert (epochs, rates) == (epochs1, rates1)
    assert np.allclose(train, train1, rtol=1e-5) and np.allclose(val, val1, rtol=2e-2)


@pytest.fixture(scope="module")
def alone(taught_on) -> list[list[float]]:
    return curve(taught_on, taught_on / "alone", [sys.executable])


@pytest.mark.long
def test_two_processes_have_the_curve_of_one(taught_on, alone, tmp_path):
    both = curve(taught_on, tmp_path / "student", [sys.executable], "--devices", "2")
    check_same(both, alone)
    weights = [
        torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
        for folder in (taught_on / "alone-training", tmp_path / "student-training")
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, one in weights[0].items():
        if "decoder" in name and name.endswith(("conv.bias", "running_mean")):
            continue  # see `check_same`
        assert torch.allclose(one.float(), weights[1][name].float(), rtol=1e-3, atol=2e-4), name


@pytest.mark.long
def test_torchrun_starts_them_as_well(taught_on, alone, tmp_path):
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    check_same(curve(taught_on, tmp_path / "student", start), alone)


def test_shared_statistics_of_one_process_are_batch_normalisation():
    torch.manual_seed(0)
    own, theirs = (torch.nn.Sequential(torch.nn.BatchNorm2d(3)) for _ in range(2))
    share_statistics(own)
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        for _ in range(3):
            values = 2 * torch.randn(4, 3, 5, 6) + 1
            seen = [values.clone().requires_grad_() for _ in range(2)]
            made = [network(one) for network, one in zip((own, theirs), seen, strict=True)]
            for one in made:
                one.pow(3).sum().backward()
            assert torch.allclose(*made, atol=1e-5) and torch.allclose(seen[0].grad, seen[1].grad, atol=1e-3)
    finally:
        torch.distributed.destroy_process_group()
    for name, value in theirs.state_dict().items():
        assert torch.allclose(own.state_dict()[name].float(), value.float(), atol=1e-5), name
    assert torch.allclose(own.eval()(values), theirs.eval()(values), atol=1e-4)


def test_the_parts_of_all_make_the_batches_of_one(tmp_path):
    writer = StoreWriter(tmp_path / "clips", ("lv",), (8, 8), {})
    entries = [Entry(f"clip{k}", "train", 5) for k in range(8)]
    grey = np.repeat(np.arange(40, dtype=np.uint8), 64).reshape(40, 8, 8)
    writer.write(0, entries, grey, grey[:, None])
    clips = writer.finish(1)
    windows = StoreWindows(clips, clips, ("lv",), Training(window=3, size=8, batch=4, stills=0.3, backwards=0.3), 0)
    whole = [batch[0] for batch in windows.epoch(2)]
    parts = zip(*(windows.epoch(2, rank, 2) for rank in range(2)), strict=True)
    for together, part in zip(whole, parts, strict=True):
        assert torch.equal(torch.stack([one[0] for one in part], 1).flatten(0, 1), together)


def test_fresh_clips_are_shared_too():
    study = replace(STUDY, clips=replace(STUDY.clips, fresh=True))
    whole = FreshBatches(study)[1]
    parts = [FreshBatches(study, "cpu", rank, 2)[1] for rank in range(2)]
    for array, *shares in zip(whole, *parts, strict=True):
        assert np.array_equal(np.stack(shares, 1).reshape(array.shape), array)


def test_parts_that_would_weigh_unequally_are_refused(tmp_path):
    store: Store = written(tmp_path)
    source = StoreWindows(store, store, STRUCTURES, Training(window=2, size=8, batch=3), 0)
    with pytest.raises(InputError, match=r"multiples of 2, got 3 and 3"):
        source.epoch(0, 0, 2)
    with pytest.raises(InputError, match=r"0 and 1"):
        Devices(0)


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "2", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "3"}, False),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, True),
    ],
)
def test_the_first_process_is_known_however_it_was_started(environment, first, monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_NTASKS", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first() == first
