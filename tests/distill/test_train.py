import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from echodfkd.distill import train as training_module
from echodfkd.distill.checkpoints import read_checkpoint
from echodfkd.distill.losses import LOSSES
from echodfkd.distill.settings import Training
from echodfkd.distill.train import Curve, kept_network, resolve_precision, snapshot_name, train
from echodfkd.distill.windows import Batches, middle_windows
from echodfkd.errors import StudyError
from echodfkd.store.store import Entry, Store, StoreWriter
from echodfkd.student.network import seeded_network
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


@pytest.mark.parametrize("average", [0.0, 0.8])
def test_a_stopped_training_continues_the_same_curve(discs, tmp_path, monkeypatch, average):
    settings = replace(SMALL, average=average, stills=0.2, backwards=0.5)
    whole = train(discs, discs, STUDENT, settings, 0, tmp_path / "whole")
    end_epoch = Curve.on_train_epoch_end

    def stop(curve, trainer, module):
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt  # as a kill in the third epoch: nothing of it is kept
        end_epoch(curve, trainer, module)

    monkeypatch.setattr(Curve, "on_train_epoch_end", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(discs, discs, STUDENT, settings, 0, tmp_path / "stopped")
    monkeypatch.undo()
    assert len(losses(tmp_path / "stopped")) == 2
    continued = train(discs, discs, STUDENT, settings, 0, tmp_path / "stopped")
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")
    assert continued.best_epoch == whole.best_epoch
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, continued.network.state_dict()[name]), name


@pytest.mark.parametrize("average", [0.0, 0.8])
def test_a_snapshot_is_the_student_that_a_training_stopped_there_would_have_had(discs, tmp_path, average):
    settings = replace(SMALL, average=average, schedule="constant")
    train(discs, discs, STUDENT, settings, 0, tmp_path / "whole", snapshots=(2, 4))
    train(discs, discs, STUDENT, replace(settings, epochs=2), 0, tmp_path / "short", snapshots=(2,))
    assert not (tmp_path / "whole" / snapshot_name(1)).exists()
    (kept, epoch), (other, _) = (kept_network(tmp_path / run / snapshot_name(2), STUDENT) for run in ("whole", "short"))
    assert epoch == 1
    assert all(torch.equal(a, b) for a, b in zip(kept.parameters(), other.parameters(), strict=True))
    last, _ = kept_network(tmp_path / "whole" / "last.ckpt", STUDENT)
    end, _ = kept_network(tmp_path / "whole" / snapshot_name(4), STUDENT)
    assert all(torch.equal(a, b) for a, b in zip(last.parameters(), end.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(kept.parameters(), end.parameters(), strict=True))


@pytest.mark.parametrize("average", [0.0, 0.8])
def test_what_is_held_stays_as_it_is_and_the_glance_beside_it_is_taught(discs, tmp_path, average):
    shape = replace(STUDENT, glance=2)
    begun = seeded_network(shape, 3)
    begun.hold()
    before = {name: value.clone() for name, value in begun.state_dict().items()}
    taught = train(discs, discs, shape, replace(SMALL, average=average), 0, tmp_path, network=begun.train())
    for name, value in taught.network.state_dict().items():
        kept = torch.equal(value, before[name])
        assert kept or name.startswith("glance."), name
        assert not (kept and name.endswith("head.weight") and name.startswith("glance."))
    curve = [float(row["train_loss"]) for row in losses(tmp_path)]
    assert curve[-1] < curve[0]


def test_each_opinion_is_taught_as_if_it_were_alone(discs, tmp_path):
    """Beside a glance the memory goes the way that it goes alone: what one says is no part of the other's loss."""
    alone, both = (replace(STUDENT, glance=glance) for glance in (0, 2))
    one = replace(SMALL, epochs=1)
    begun = seeded_network(alone, 0).state_dict()
    memory = train(discs, discs, alone, one, 0, tmp_path / "alone").network.state_dict()
    beside = train(discs, discs, both, one, 0, tmp_path / "both").network.state_dict()
    for name, value in memory.items():
        assert (beside[name] - value).abs().max() <= 0.2 * (value - begun[name]).abs().max(), name


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


def test_the_average_of_the_weights_is_what_is_validated_and_kept(discs, tmp_path):
    """Weighed by hand from the weights after every step: one epoch of four steps, of which the first is taken whole."""
    steps = []

    class Noting(torch.optim.Adam):
        def step(self, *args, **kwargs):
            result = super().step(*args, **kwargs)
            steps.append([p.detach().clone() for p in self.param_groups[0]["params"]])
            return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "Adam", Noting)
        taught = train(discs, discs, STUDENT, replace(SMALL, epochs=1, average=0.2), 0, tmp_path)
    expected = steps[0]
    for n, weights in enumerate(steps[1:], start=1):
        kept = min(0.2, (1 + n) / (10 + n))
        expected = [kept * before + (1 - kept) * now for before, now in zip(expected, weights, strict=True)]
    for parameter, averaged in zip(taught.network.parameters(), expected, strict=True):
        assert torch.allclose(parameter, averaged, atol=1e-6)
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    raw = [checkpoint["current_model_state"][f"network.{name}"] for name, _ in taught.network.named_parameters()]
    assert all(torch.equal(a, b) for a, b in zip(raw, steps[-1], strict=True))


def test_the_validation_loss_is_that_of_the_network_handed_back(discs, tmp_path):
    """Normalisations included: their statistics belong to the averaged weights."""
    taught = train(discs, discs, STUDENT, replace(SMALL, epochs=3, average=0.9), 0, tmp_path)
    windows = middle_windows(discs.split("validation"), SMALL.window)
    with torch.inference_mode():
        for frames, masks in Batches(discs, discs, ("lv",), SMALL.size, windows, len(windows)):
            logits, _ = taught.network(frames.float() / 255)
            loss = LOSSES[SMALL.loss](logits, masks.float() / 255)
    assert float(loss) == pytest.approx(min(row["val_loss"] for row in taught.curve), rel=1e-4)


def test_a_training_whose_patience_is_spent_is_not_trained_further(discs, tmp_path):
    """As when it is killed between its last epoch and the saving of its student."""
    settings = replace(SMALL, epochs=200, patience=2, learning_rate=0.5, average=0.5)
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
    [
        ("window", 0),
        ("batch", 0),
        ("patience", -1),
        ("learning_rate", 0.0),
        ("clip_gradient", float("nan")),
        ("average", 1.0),
        ("backwards", 1.5),
        ("stills", -0.1),
        ("altered", 1.1),
    ],
)
def test_settings_refuse_nonsense_with_the_value(key, value):
    with pytest.raises(StudyError, match=rf"training\.{key} .*, got {value}"):
        Training(**{key: value})
