"""Ctrl-C during a training: heard at the end of a batch, where nothing is half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.callbacks import Callback


class Interrupt(Callback):
    """Notes Ctrl-C while `listening` and raises KeyboardInterrupt at the end of the batch; the second time at once.

    Between two epochs Lightning does not survive an exception out of nowhere: it ends in errors of its own, or hangs.
    """

    def __init__(self) -> None:
        self.interrupted = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raises KeyboardInterrupt at the end of the block at the latest, where Ctrl-C was pressed."""
        if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
            yield
            return
        before = signal.signal(signal.SIGINT, self._ask)
        try:
            yield
        except SystemExit:  # what Lightning makes of KeyboardInterrupt
            raise KeyboardInterrupt from None
        finally:
            signal.signal(signal.SIGINT, before)
        if self.interrupted:
            raise KeyboardInterrupt

    def on_train_batch_end(self, *_: Any) -> None:
        """The moment at which a training can be stopped."""
        if self.interrupted:
            raise KeyboardInterrupt

    def _ask(self, *_: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
