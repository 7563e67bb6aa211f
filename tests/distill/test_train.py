import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from echodfkd.data.store import Entry, Store, StoreWriter
from echodfkd.distill import train as training_module
from echodfkd.distill.settings import Training
from echodfkd.distill.train import Curve, resolve_precision, train
from echodfkd.errors import StudyError
from echodfkd.student.settings import NetworkSettings

SMALL = Training(
    window=4, size=16, batch=2, epochs=4, patience=0, loss="bce+dice", learning_rate=2e-2, precision="float32"
)
STUDENT = NetworkSettings(blocks=1, layers=1)


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> Store:
    """Bright discs on noise that move; the mask is the disc: a task that any student can learn."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    entries = [Entry(f"{split}-{k}", split, 6) for split, n in (("train", 8), ("validation", 3)) for k in range(n)]
    masks = []
    for _ in entries:
        y, x, radius = random.uniform((5, 5, 3), (11, 11, 5))
        masks += [(rows - y) ** 2 + (columns - x - t / 2) ** 2 < radius**2 for t in range(6)]
    truth = np.array(masks)
    frames = np.where(truth, 180, 60) + random.integers(-30, 30, truth.shape)
    writer = StoreWriter(tmp_path_factory.mktemp("discs"), ("lv",), (16, 16), {})
    writer.write(0, entries, frames.astype(np.uint8), 255 * truth[:, None].astype(np.uint8))
    return writer.finish(1)


def losses(folder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "curve.csv").open()))


def test_a_student_learns_what_can_be_learned(discs, tmp_path):
    taught = train(discs, discs, STUDENT, replace(SMALL, epochs=12), 0, tmp_path)
    frames, truth = discs.frames("validation-0"), discs.masks("validation-0")[:, 0] >= 128
    with torch.inference_mode():
        logits, _ = taught.network(torch.from_numpy(np.array(frames))[None, :, None].float() / 255)
    mask = (logits.sigmoid() >= 0.5).numpy()[0, :, 0]
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9


def test_a_stopped_training_continues_the_same_curve(discs, tmp_path, monkeypatch):
    whole = train(discs, discs, STUDENT, SMALL, 0, tmp_path / "whole")
    end_epoch = Curve.on_train_epoch_end

    def stop(curve, trainer, module):
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt  # as a kill in the third epoch: nothing of it is kept
        end_epoch(curve, trainer, module)

    monkeypatch.setattr(Curve, "on_train_epoch_end", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(discs, discs, STUDENT, SMALL, 0, tmp_path / "stopped")
    monkeypatch.undo()
    assert len(losses(tmp_path / "stopped")) == 2
    continued = train(discs, discs, STUDENT, SMALL, 0, tmp_path / "stopped")
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")
    assert continued.best_epoch == whole.best_epoch
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, continued.network.state_dict()[name]), name


def test_seeds_decide_the_weights(discs, tmp_path):
    one = Training(**{**vars(SMALL), "epochs": 1})
    runs = [train(discs, discs, STUDENT, one, seed, tmp_path / str(n)) for n, seed in enumerate((0, 0, 1))]
    weights = [run.network.head.weight for run in runs]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_epoch_of_the_best_validation_loss_is_kept(discs, tmp_path):
    taught = train(discs, discs, STUDENT, replace(SMALL, epochs=6, learning_rate=0.3), 0, tmp_path)
    curve = [float(row["val_loss"]) for row in losses(tmp_path)]
    assert taught.best_epoch == int(np.argmin(curve))


def test_patience_ends_a_training_that_no_longer_improves(discs, tmp_path):
    train(discs, discs, STUDENT, replace(SMALL, epochs=200, patience=2, learning_rate=0.5), 0, tmp_path)
    curve = [float(row["val_loss"]) for row in losses(tmp_path)]
    assert len(curve) < 200 and int(np.argmin(curve)) == len(curve) - 3


def test_a_training_whose_patience_is_spent_is_not_trained_further(discs, tmp_path):
    """As when it is killed between its last epoch and the saving of its student."""
    settings = replace(SMALL, epochs=200, patience=2, learning_rate=0.5)
    first = train(discs, discs, STUDENT, settings, 0, tmp_path)
    curve = (tmp_path / "curve.csv").read_bytes()
    again = train(discs, discs, STUDENT, settings, 0, tmp_path)
    assert (tmp_path / "curve.csv").read_bytes() == curve
    assert again.curve == first.curve and again.best_epoch == first.best_epoch
    assert torch.equal(again.network.head.weight, first.network.head.weight)


def test_the_cosine_rises_and_ends_at_zero(discs, tmp_path):
    train(discs, discs, STUDENT, replace(SMALL, schedule="cosine"), 0, tmp_path)
    rates = [float(row["learning_rate"]) for row in losses(tmp_path)]
    assert rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx(0, abs=1e-9)


def test_precision_follows_the_hardware_only_where_it_is_asked_to(monkeypatch):
    assert resolve_precision("float32") == "float32" and resolve_precision("bfloat16") == "bfloat16"
    monkeypatch.setattr(training_module.torch.cuda, "is_available", lambda: False)
    for known, expected in (({}, "float32"), ({"amx_bf16": True}, "bfloat16"), ({"avx512_bf16": True}, "bfloat16")):
        monkeypatch.setattr(training_module.torch.cpu, "get_capabilities", lambda known=known: known)
        assert resolve_precision("auto") == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [("window", 0), ("batch", 0), ("patience", -1), ("learning_rate", 0.0), ("clip_gradient", float("nan"))],
)
def test_settings_refuse_nonsense_with_the_value(key, value):
    with pytest.raises(StudyError, match=rf"training\.{key} must .*, got {value}"):
        Training(**{key: value})
