"""What no teacher knows of a clip stays out of the loss, of the threshold, and of everything that is learned."""

import numpy as np
import pytest
import torch

from echodfkd.clip import from_bytes
from echodfkd.distill.losses import LOSSES, known_planes
from echodfkd.distill.settings import Training
from echodfkd.distill.threshold import choose_threshold
from echodfkd.distill.train import Distillation
from echodfkd.distill.windows import StoreWindows, check_windows, with_known
from echodfkd.errors import InputError
from echodfkd.store.store import KNOWN, Entry, Store, StoreWriter
from echodfkd.student.network import seeded_network
from echodfkd.student.settings import NetworkSettings

RNG = np.random.default_rng(1)
STRUCTURES = ("lv", "rv")


def store(folder, masks, facts=({}, {})) -> Store:
    """Two clips of four frames, for training and validation, with those masks (clip, time, structure, 8, 8)."""
    frames = RNG.integers(0, 256, (8, 8, 8), dtype=np.uint8)
    entries = [Entry(name, name, 4, 50.0, fact) for name, fact in zip(("train", "validation"), facts, strict=True)]
    writer = StoreWriter(folder, STRUCTURES, (8, 8), {})
    writer.write(0, entries, frames, np.concatenate(masks))
    return writer.finish(1)


def masks() -> np.ndarray:
    return RNG.integers(0, 256, (2, 4, 2, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_sees_nothing_of_what_is_not_known(name):
    logits, targets = torch.randn(3, 2, 2, 4, 4), torch.rand(3, 2, 2, 4, 4)
    known = torch.tensor([[True, False], [True, True], [False, True]])

    def loss(of):
        return LOSSES[name](known_planes(of, known), known_planes(targets, known))

    before = loss(logits)
    changed = logits.clone()
    changed[0, :, 1], changed[2, :, 0] = 9.0, -9.0
    assert loss(changed) == before
    changed[1, :, 0] = 9.0
    assert loss(changed) != before


def test_where_all_is_known_nothing_changes():
    values = torch.randn(2, 3, 2, 4, 4)
    planes = known_planes(values, torch.ones(2, 2, dtype=torch.bool))
    torch.testing.assert_close(LOSSES["dice"](planes, planes.sigmoid()), LOSSES["dice"](values, values.sigmoid()))


def test_batches_tell_what_is_known_only_where_something_is_not(tmp_path):
    training = Training(window=4, size=8, batch=2)
    whole = store(tmp_path / "whole", masks())
    part = store(tmp_path / "part", masks(), ({KNOWN: ["rv"]}, {}))
    (batch,) = StoreWindows(whole, whole, STRUCTURES, training, 0).epoch(0)
    assert len(batch) == 2
    (batch,) = StoreWindows(part, part, STRUCTURES, training, 0).epoch(0)
    assert batch[2].tolist() == [[False, True]]


def test_a_structure_that_is_not_known_teaches_the_student_nothing(tmp_path):
    """Gradients are the same whatever stands in the masks of the other structure."""

    def gradients(of):
        training = Training(window=4, size=8, batch=2, loss="bce+dice")
        source = StoreWindows(of, of, STRUCTURES, training, 0)
        module = Distillation(
            seeded_network(NetworkSettings(blocks=1, filters=2, structures=STRUCTURES), 0), training, source, None
        )
        (batch,) = source.epoch(0)
        module.loss(batch).backward()
        return [parameter.grad.clone() for parameter in module.network.parameters()]

    given = masks()
    other = given.copy()
    other[:, :, 0] = 255 - other[:, :, 0]
    stores = []
    for name, content in (("one", given), ("other", other)):
        frames = np.arange(8 * 64, dtype=np.uint8).reshape(8, 8, 8)
        writer = StoreWriter(tmp_path / name, STRUCTURES, (8, 8), {})
        facts = {KNOWN: ["rv"]}
        writer.write(0, [Entry("a", "train", 8, None, facts)], frames, content.reshape(8, 2, 8, 8))
        stores.append(writer.finish(1))
    for one, two in zip(*map(gradients, stores), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert gradients(stores[0])[-1][0] == 0 and gradients(stores[0])[-1][1] != 0  # the head's biases


def test_a_clip_of_which_nothing_is_known_is_refused(tmp_path):
    labels = store(tmp_path, masks(), ({KNOWN: []}, {}))
    with pytest.raises(InputError, match=r"Clip train .*lv, rv"):
        check_windows(labels, labels, STRUCTURES, 4, "train")


def test_a_window_of_which_nothing_is_known_is_no_batch():
    arrays = np.zeros((1, 4, 1, 8, 8), np.uint8), np.zeros((1, 4, 2, 8, 8), np.uint8)
    with pytest.raises(InputError, match="window teaches nothing"):
        with_known(*arrays, STRUCTURES, [()])


def test_the_threshold_is_chosen_by_what_is_known(tmp_path):
    """The student's left ventricle is right when cut at 0.8, its right one when cut at 0.2: who is known decides."""
    truth = np.where(RNG.random((2, 4, 2, 8, 8)) > 0.5, 255, 0).astype(np.uint8)
    chosen = []
    for known in (["lv"], ["rv"]):
        labels = store(tmp_path / known[0], truth, ({}, {KNOWN: known}))

        class Student:
            structures, threshold = STRUCTURES, 0.5

            def __call__(self, clip):
                inside = from_bytes(truth[1])
                levels = np.float32([0.83, 0.23])[None, :, None, None]
                return np.where(inside > 0.5, levels, levels - np.float32(0.06)).astype(np.float32)

        chosen.append(choose_threshold(Student(), labels, labels))
    assert chosen == [0.8, 0.2]
