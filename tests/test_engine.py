"""Work is done elsewhere as it is done here, and processes that work for a command end with it, whatever ends it."""

import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from small_work import killed_once, note, refused, squared, threads_of, warned

from echodfkd.engine import Engine, cores, threads
from echodfkd.errors import InputError, MissingExtra, OutputError

PROGRAM = """
import os, sys, time
from functools import partial
from pathlib import Path
from echodfkd.engine import Engine

def work(folder, number):
    (folder / f"{os.getpid()}.pid").touch()
    time.sleep(60)

if __name__ == "__main__":
    Engine(processes=2).for_each(partial(work, Path(sys.argv[1])), range(4), "work")
"""


def alive(process: int) -> bool:
    """Whether the process is there and not a zombie that nobody has collected yet."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until(true, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true())


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks processes up in /proc")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_command(ending, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = subprocess.Popen(
        [sys.executable, program, tmp_path], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    if ending == signal.SIGINT:  # Ctrl-C reaches everybody in the terminal
        os.killpg(command.pid, ending)
    else:
        command.kill()
    _, complaint = command.communicate(timeout=30)
    assert wait_until(lambda: not any(map(alive, workers)), 30)
    assert complaint.count("Traceback") == (ending == signal.SIGINT)  # the program's own, none of a worker


def test_work_in_processes_is_done_elsewhere_and_all_of_it(tmp_path):
    names = [f"item{k}" for k in range(5)]
    Engine(processes=2).for_each(partial(note, tmp_path), names, "note")
    workers = {(tmp_path / name).read_text() for name in names}
    assert 1 <= len(workers) <= 2 and str(os.getpid()) not in workers


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_in_a_process_is_raised_here(tmp_path, processes):
    with pytest.raises(InputError, match="bad"):
        Engine(processes=processes).for_each(partial(note, tmp_path), ["good", "bad"], "note")


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_the_order_of_the_items(processes):
    assert list(Engine(processes=processes).in_order(squared, range(7))) == [number**2 for number in range(7)]


def test_what_ends_its_process_costs_itself_alone_where_somebody_says_what_comes_in_its_place():
    items = [1, 2, -3, 4, -5, 6]
    assert list(Engine(processes=2).in_order(squared, items, lost=abs)) == [1, 4, 3, 16, 5, 36]


def test_what_ends_its_process_twice_is_named():
    with pytest.raises(OutputError, match=r"^number -3: .*ended from outside, twice"):
        list(Engine(processes=2).in_order(squared, [1, -3], named=lambda item: f"number {item}"))


def test_what_ends_its_process_once_is_done_the_second_time(tmp_path):
    assert list(Engine(processes=2).in_order(partial(killed_once, tmp_path), range(7))) == list(range(7))
    assert (tmp_path / "3.met").read_text() == "xx"


def test_a_worker_computes_on_one_thread():
    here, *there = [threads(), *Engine(processes=2).in_order(threads_of, range(2))]
    assert here == cores() and there == [1, 1]


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.levelname, record.getMessage()))


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_logged_elsewhere_is_heard_here_in_order(processes):
    heard = Heard()
    logging.getLogger("echodfkd").addHandler(heard)
    try:
        list(Engine(processes=processes).in_order(warned, range(3)))
    finally:
        logging.getLogger("echodfkd").removeHandler(heard)
    assert heard.lines == [("echodfkd.small", "WARNING", f"odd: {number}") for number in range(3)]


def test_errors_of_every_kind_come_back_whole():
    with pytest.raises(MissingExtra, match=r"work 0 needs .*echodfkd\[ray\]"):
        list(Engine(processes=2).in_order(refused, range(2)))


@pytest.mark.parametrize(
    ("dials", "lesson"),
    [
        ({"kind": "dask"}, "dask"),
        ({"address": "here:6379"}, "here:6379"),
        ({"kind": "ray", "processes": 2}, "2 "),
        ({"processes": 0}, "0 "),
    ],
)
def test_an_engine_that_cannot_be_is_refused_with_its_dial(dials, lesson):
    with pytest.raises(InputError, match=lesson):
        Engine(**dials)


def test_ray_names_its_extra_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"--engine ray needs .*echodfkd\[ray\]"):
        list(Engine("ray").in_order(squared, range(2)))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_a_cluster_that_does_not_answer_is_refused_by_its_address(address):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'echodfkd[ray]'")
    with pytest.raises(InputError, match=f"No Ray cluster answers at {address}: "):
        list(Engine("ray", address=address).in_order(squared, range(2)))


@pytest.mark.parametrize(("words", "lesson"), [(("--engine", "dask"), "'dask'"), (("--address", "a:1"), "'a:1'")])
def test_the_command_refuses_an_engine_that_cannot_be(words, lesson, echodfkd, tmp_path):
    code, told, complaint = echodfkd("check", tmp_path, "--out", tmp_path / "out", *words)
    assert (code, told) == (2, "") and lesson in complaint and complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_script_that_guards_nothing_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from echodfkd.engine import Engine\nEngine(processes=2).for_each(abs, range(4), 'work')\n")
    told = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "__main__" in told.stderr.splitlines()[-1]
    assert "memory" not in told.stderr
