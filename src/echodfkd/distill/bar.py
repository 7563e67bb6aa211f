"""How far a training is, as a bar on stderr; Lightning's own writes to stdout, where results go."""

from typing import Any

from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar(Callback):
    """A bar over all batches of all epochs, from the one at which training starts or goes on; gone when it ends."""

    def __init__(self, console: Console | None = None) -> None:
        columns = TextColumn("distill"), BarColumn(), MofNCompleteColumn(), TextColumn("batches"), TimeRemainingColumn()
        self.progress = Progress(*columns, console=console or Console(stderr=True), transient=True)

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Shows the bar."""
        batches = int(trainer.num_training_batches)
        done = trainer.current_epoch * batches
        self._task = self.progress.add_task("distill", total=trainer.max_epochs * batches, completed=done)
        self.progress.start()

    def on_train_batch_end(self, *_: Any) -> None:
        """One batch on."""
        self.progress.advance(self._task)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Takes the bar away."""
        self.progress.stop()

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Takes the bar away."""
        self.progress.stop()
