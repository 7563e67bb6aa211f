"""The same study gives the same bytes wherever its clips are worked on, and whatever dies meanwhile."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_stages import content, small_films, small_study, walked

from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.engine import Engine
from echodfkd.store.store import Store
from echodfkd.study.settings import Study


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    return small_films(tmp_path_factory.mktemp("films") / "films")


@pytest.fixture(scope="module")
def here(tmp_path_factory, student_folder, films) -> dict[str, bytes]:
    """What one process writes."""
    return walked(tmp_path_factory.mktemp("same"), student_folder, films, Engine(processes=1))


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return [place for place in sorted(one.keys() | other.keys()) if one.get(place) != other.get(place)]


def test_two_processes_label_as_one_does(tmp_path, student_folder):
    study = small_study(student_folder)
    clips = synth(study, tmp_path / "clips", Engine(processes=1))
    for processes in (1, 2):
        label(study, clips, tmp_path / str(processes), engine=Engine(processes=processes))
    assert not differing(content(tmp_path / "1"), content(tmp_path / "2"))


@pytest.mark.long
def test_four_processes_write_what_one_writes(here, tmp_path, student_folder, films):
    assert not differing(walked(tmp_path, student_folder, films, Engine(processes=4)), here)


@pytest.fixture
def cluster() -> Iterator[object]:
    """A Ray cluster of two nodes of one processor each, both on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'echodfkd[ray]'")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    made = Cluster(initialize_head=True, head_node_args=small)
    made.second = made.add_node(**small)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def without_the_second_node(cluster, folder: Path, study: Study, engine: Engine) -> Store:
    """Clips drawn on the cluster, of which the second node is killed once two shards are written."""
    killed = threading.Event()

    def kill() -> None:
        while len(list(folder.glob("shard-*.json"))) < 2:
            time.sleep(0.01)
        cluster.remove_node(cluster.second, allow_graceful=False)
        killed.set()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    store = synth(study, folder, engine)
    killer.join(60)
    assert killed.is_set() and len(store.entries) == len({entry.name for entry in store.entries}) == 8
    return store


def test_a_cluster_that_loses_a_node_in_the_middle_draws_what_one_process_draws(tmp_path, student_folder, cluster):
    study, engine = small_study(student_folder), Engine("ray", address=cluster.address)
    without_the_second_node(cluster, tmp_path / "cluster", study, engine).verify()
    synth(study, tmp_path / "here", Engine(processes=1))
    assert not differing(content(tmp_path / "cluster"), content(tmp_path / "here"))


@pytest.mark.long
def test_a_cluster_that_loses_a_node_in_the_middle_writes_what_one_process_writes(
    here, tmp_path, student_folder, films, cluster
):
    study, engine = small_study(student_folder), Engine("ray", address=cluster.address)
    without_the_second_node(cluster, tmp_path / "run" / "clips", study, engine).verify()
    assert not differing(walked(tmp_path, student_folder, films, engine), here)
