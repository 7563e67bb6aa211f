"""Distillation: a student learns the teacher's soft masks on windows of clips; the best epoch is kept."""

import logging
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from echodfkd.distill.average import Average
from echodfkd.distill.checkpoints import WholeFiles, read_checkpoint
from echodfkd.distill.devices import Devices, is_first, share_statistics
from echodfkd.distill.interrupt import Interrupt
from echodfkd.distill.losses import LOSSES, known_planes
from echodfkd.distill.mixture import Pair, mixed, validation, validation_pairs
from echodfkd.distill.settings import Training
from echodfkd.distill.windows import Batch, Epoch, Source
from echodfkd.engine import beside_others, resolve_precision
from echodfkd.files import write_text
from echodfkd.store.store import Store
from echodfkd.student.network import AnyNetwork, build, seeded_network
from echodfkd.student.settings import Shape

log = logging.getLogger(__name__)
ALONE = Devices()
Stop = Callable[[Sequence[Mapping[str, float]]], bool]
"""Whether a training with that curve so far shall end."""
INPUT_SCALE = 1 / 255
"""Grey levels 0..255 enter the network as 0..1; the published reference feeds 0..255 (docs/explanation/fidelity.md)."""


@dataclass(frozen=True)
class Distilled:
    """What training gives: the best epoch's network (eval mode, CPU) and the curve it came from."""

    network: AnyNetwork
    best_epoch: int
    curve: list[dict[str, float]]
    precision: str


class Distillation(lightning.LightningModule):
    """The training loop's body: windows in, the loss between the student's logits and the teacher's masks out."""

    def __init__(self, network: AnyNetwork, training: Training, source: Source, validation: Epoch):
        super().__init__()
        self.network = network
        self.training_settings = training
        self.source, self.validation = source, validation

    def train_dataloader(self) -> Epoch:
        """This epoch's windows: asked for anew in each epoch."""
        return self.source.epoch(self.current_epoch, self.global_rank, self.trainer.world_size)

    def val_dataloader(self) -> Epoch:
        """The same windows in every epoch."""
        return self.validation

    def loss(self, batch: Batch) -> Tensor:
        """The chosen loss of one batch, of what is known in it, the mean over the network's opinions; float32."""
        frames, masks, *known = batch
        opinions, _ = self.network.opinions(frames.float() * INPUT_SCALE)
        if known:
            opinions, masks = tuple(known_planes(one, known[0]) for one in opinions), known_planes(masks, known[0])
        loss, taught = LOSSES[self.training_settings.loss], masks.float() / 255
        return torch.stack([loss(logits.float(), taught) for logits in opinions]).mean()

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The loss to descend."""
        loss = self.loss(batch)
        several = self.trainer.world_size > 1
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]), sync_dist=several)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """The loss that chooses the epoch."""
        loss = self.loss(batch)
        # Every process sees all of it; the mean of theirs, so that all choose and stop alike.
        self.log("val_loss", loss, batch_size=len(batch[0]), sync_dist=self.trainer.world_size > 1)

    def configure_optimizers(self) -> Any:
        """Adam; with `cosine`, a linear rise over a twentieth of the steps and a half cosine down to zero."""
        settings = self.training_settings
        adam = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        if settings.schedule == "constant":
            return adam
        steps = int(self.trainer.estimated_stepping_batches)
        rise = max(1, steps // 20)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / rise
            return 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - rise) / max(1, steps - rise)))))

        schedule = torch.optim.lr_scheduler.LambdaLR(adam, factor)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Curve(Callback):
    """The training curve: one row an epoch, kept in the checkpoint and written to `path` as CSV after every epoch.

    Lightning's CSVLogger deletes what an earlier, stopped training wrote.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Adds this epoch's losses and writes the file."""
        row = {name: float(trainer.callback_metrics[name]) for name in ("train_loss", "val_loss")}
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        self.rows.append({"epoch": trainer.current_epoch, **row, "learning_rate": rate})
        if not trainer.is_global_zero:
            return
        lines = [",".join(self.rows[0])] + [",".join(repr(value) for value in row.values()) for row in self.rows]
        write_text(self.path, "\n".join(lines) + "\n")
        log.info("epoch {epoch:.0f}: train {train_loss:.4f}, validation {val_loss:.4f}".format(**self.rows[-1]))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint remembers of the curve."""
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the curve back up where the checkpoint left it."""
        self.rows = list(state["rows"])


class Snapshots(Callback):
    """Whole checkpoints at the end of some epochs, counted from 1: students that learned less, to be compared."""

    def __init__(self, folder: Path, epochs: Collection[int]):
        self.folder, self.epochs = folder, frozenset(epochs)

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Keeps this epoch where it is wanted."""
        if (finished := trainer.current_epoch + 1) in self.epochs:
            trainer.save_checkpoint(self.folder / snapshot_name(finished))


class Stopping(Callback):
    """Ends a training whose curve so far says so, after a restart as well."""

    def __init__(self, curve: Curve, stop: Stop):
        self.curve, self.stop = curve, stop

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Ends a training that had been ended before."""
        self.on_train_epoch_end(trainer, module)

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Ends it where it shall end."""
        if self.curve.rows and self.stop(self.curve.rows):
            trainer.should_stop = True


class Patience(EarlyStopping):
    """Early stopping that a restart does not undo: a checkpoint whose patience is spent is not trained any further."""

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Ends a training that had ended before its student was saved."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def train(
    clips: Store,
    labels: Store,
    student: Shape,
    training: Training,
    seed: int,
    folder: Path,
    resume: bool = True,
    source: Source | None = None,
    *,
    real: Pair | None = None,
    network: AnyNetwork | None = None,
    snapshots: Collection[int] = (),
    stop: Stop | None = None,
    devices: Devices = ALONE,
) -> Distilled:
    """Teaches a `student` the masks of `labels` on the clips of `clips` (splits `train` and `validation`).

    With a `source` it learns from that one's windows in place of the split `train`. `real` clips and masks come beside
    or in place of these by `training.real_share`. The middle window of every validation clip of what is taught chooses
    the epoch. Where `stop` says so of the curve so far, no further epoch begins. It begins as the `network`, or with
    weights drawn from the seed. `folder` receives the checkpoints (`last.ckpt`, `best.ckpt`, and `epoch-NNN.ckpt` of
    the epochs in `snapshots`, counted from 1), `curve.csv` and TensorBoard's log. With `resume`, a `last.ckpt` found
    there is continued at the next epoch and gives the same curve as an undisturbed run on the same machine with the
    same number of threads. Raises InputError where the stores cannot teach this student.
    """
    structures, drawn = student.structures, (clips, labels)
    judged = validation(validation_pairs(drawn, real, training), structures, training)
    source = source or mixed(drawn, real, structures, training, seed)
    module = Distillation(network or seeded_network(student, seed, training.initialisation), training, source, judged)
    if devices.several and not torch.cuda.is_available():
        share_statistics(module)
    curve = Curve(folder / "curve.csv")
    precision = resolve_precision(training.precision)
    interrupt = Interrupt()
    own: list[Callback] = [curve, interrupt, Snapshots(folder, snapshots)]
    if stop is not None:
        own.append(Stopping(curve, stop))
    trainer = _trainer(training, precision, own, folder, devices)
    last = folder / "last.ckpt"
    with warnings.catch_warnings(), interrupt.listening():
        # Of Lightning's own making, and nothing that whoever runs a study could act on.
        warnings.filterwarnings("ignore", message=r"Checkpoint directory .* exists and is not empty")
        warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # what is held
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
        trainer.fit(module, ckpt_path=last if resume and last.is_file() else None, weights_only=True)
    taught, epoch = kept_network(folder / "best.ckpt", student)
    return Distilled(taught, epoch, curve.rows, precision)


def kept_network(path: Path, student: Shape) -> tuple[AnyNetwork, int]:
    """The network in a checkpoint of `train` (eval mode, CPU) and its epoch, from 0. InputError where it is damaged."""
    kept = read_checkpoint(path)
    network = build(student)
    network.load_state_dict({key.removeprefix("network."): value for key, value in kept["state_dict"].items()})
    return network.eval(), int(kept["epoch"])


def snapshot_name(epoch: int) -> str:
    """The file of the snapshot after so many epochs."""
    return f"epoch-{epoch:03d}.ckpt"


def _trainer(
    training: Training, precision: str, own: list[Callback], folder: Path, devices: Devices
) -> lightning.Trainer:
    """Lightning's trainer with the house's habits: last and best checkpoint, early stopping, quiet on a pipe."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    common: dict[str, Any] = {"dirpath": folder, "enable_version_counter": False, "save_on_train_epoch_end": True}
    callbacks: list[Callback] = [
        *own,
        ModelCheckpoint(filename="best", monitor="val_loss", mode="min", **common),
        ModelCheckpoint(filename="last", **common),
    ]
    if training.average:
        callbacks.append(Average(training.average))
    if training.patience:
        callbacks.append(Patience("val_loss", patience=training.patience, check_on_train_epoch_end=True))
    bar = sys.stderr.isatty() and not beside_others() and is_first()
    if bar:  # a bar goes there, and stdout is for results
        callbacks.append(RichProgressBar(refresh_rate=1, console_kwargs={"stderr": True}))
    return lightning.Trainer(
        accelerator="auto",
        devices=devices.devices,
        num_nodes=devices.nodes,
        strategy="ddp" if devices.several else "auto",
        sync_batchnorm=devices.several and torch.cuda.is_available(),
        use_distributed_sampler=False,  # a Source gives every process its part
        precision="bf16-mixed" if precision == "bfloat16" else "32-true",
        max_epochs=training.epochs,
        gradient_clip_val=training.clip_gradient or None,
        callbacks=callbacks,
        plugins=[WholeFiles()],
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        enable_model_summary=False,
        enable_progress_bar=bar,
        deterministic="warn",
    )
