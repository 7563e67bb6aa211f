"""A small student on disk, and the command in this process: what tests of the command share."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_student import make_student

from echodfkd.cli import main

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what runs in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests press Ctrl-C, and what they start inherits this


@pytest.fixture(scope="session")
def student_folder(tmp_path_factory) -> Path:
    """A B2,1 at 28 x 28 for `lv` and `la` that runs with and without torch."""
    folder = tmp_path_factory.mktemp("student") / "small"
    make_student(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def small_figures() -> Iterator[None]:
    """Figures are drawn, but small and without making room for their labels, which takes most of the time."""
    from matplotlib.figure import Figure

    save = Figure.savefig

    def small(figure: Figure, *to: object, dpi: float = 30, **how: object) -> None:
        figure.set_layout_engine("none")
        save(figure, *to, dpi=min(dpi, 30), **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", small)
        yield


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread throughout a module: other tests may have set another number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def echodfkd(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """The command, run in this process: `echodfkd("segment", clip, ...)` gives exit code, stdout and stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["echodfkd", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out, told.err

    return call
