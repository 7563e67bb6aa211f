"""Processes that die or take too long cost what they were given, and nothing else."""

import os
import queue
import time
from functools import partial

import pytest

from echodfkd.web import workers
from echodfkd.web.workers import ENDED, Pool, Task


def begin(pipe, parent):
    """A worker of tests: says its word, dies, or sleeps."""
    while True:
        try:
            name, given = pipe.recv()
        except EOFError:
            return
        if name == "die":
            os._exit(7)
        if name == "sleep":
            time.sleep(600)
        pipe.send({"kind": "done", "word": given["word"], "process": os.getpid()})


@pytest.fixture
def pool():
    made = Pool(1, 600, begin)
    yield made
    made.close()


def heard(pool, *names):
    """The last word on tasks of those names, in the order in which they end."""
    said = queue.Queue()
    tasks = [Task(name, {"word": name}, partial(lambda n, m: said.put((n, m)), name)) for name in names]
    for task in tasks:
        pool.put(task)
    return [said.get(timeout=120) for _ in tasks], tasks


def test_a_process_takes_one_task_after_another(pool):
    found, _ = heard(pool, "a", "b", "c")
    assert [message["word"] for _, message in found] == ["a", "b", "c"]
    assert len({message["process"] for _, message in found}) == 1


def test_a_task_that_ends_its_process_costs_itself_alone(pool):
    found, tasks = heard(pool, "a", "die", "b")
    assert [name for name, _ in found] == ["a", "die", "b"]
    assert found[1][1] == {"kind": "failed", "words": ENDED}
    assert found[2][1]["word"] == "b" and found[2][1]["process"] != found[0][1]["process"]
    assert all(task.over.wait(60) for task in tasks)


def test_a_task_that_takes_too_long_is_ended():
    pool = Pool(1, 1.0, begin)
    found, _ = heard(pool, "sleep")
    pool.close()
    assert found[0][1]["kind"] == "failed" and "1 seconds" in found[0][1]["words"]


def test_what_is_cancelled_ends_and_what_waits_never_begins(pool):
    said = queue.Queue()
    first, second = (Task("sleep", {"word": ""}, said.put) for _ in range(2))
    pool.put(first)
    pool.put(second)
    pool.cancel(second)
    assert second.over.is_set()
    pool.cancel(first)
    assert first.over.wait(120)
    found, _ = heard(pool, "a")
    assert found[0][1]["word"] == "a"


def test_a_process_that_could_not_be_started_is_tried_again(monkeypatch):
    start, failed = workers._Process, []

    def scarce(begin):
        if len(failed) < 2:
            failed.append(begin)
            raise OSError("Cannot allocate memory")
        return start(begin)

    monkeypatch.setattr(workers, "_Process", scarce)
    pool = Pool(1, 600, begin)
    found, _ = heard(pool, "a")
    pool.close()
    assert found[0][1]["word"] == "a" and len(failed) == 2


def test_places_count_those_before(pool):
    tasks = [Task("sleep", {"word": ""}, lambda _: None) for _ in range(3)]
    for task in tasks:
        pool.put(task)
    while pool.place(tasks[0]):
        time.sleep(0.01)
    assert [pool.place(task) for task in tasks] == [0, 1, 2]
    for task in tasks:
        pool.cancel(task)
