import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from echodfkd.distill.bar import Bar


@pytest.mark.parametrize(("begun", "shown"), [(0, 0), (2, 10)])
def test_the_bar_counts_the_batches_of_all_epochs_from_where_training_goes_on(begun, shown):
    bar = Bar(Console(file=io.StringIO()))
    trainer = SimpleNamespace(num_training_batches=5, max_epochs=4, current_epoch=begun)
    bar.on_train_start(trainer, None)
    (task,) = bar.progress.tasks
    assert (task.completed, task.total) == (shown, 20)
    for _ in range(20 - shown):
        bar.on_train_batch_end()
    assert task.finished
    bar.on_train_end(trainer, None)
    assert not bar.progress.live.is_started


def test_the_bar_is_drawn_on_stderr_where_no_result_goes():
    assert Bar().progress.console.stderr
