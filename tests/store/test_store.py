import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_store import SIZE, SPLITS, STRUCTURES, content, shard_of, writer_in, written

from echodfkd.errors import InputError, OutputError, StudyError
from echodfkd.store.store import Entry, Store


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    written(folder)
    return folder


def test_what_was_written_is_read(undisturbed):
    store = Store(undisturbed)
    for shard in range(3):
        entries, frames, masks = shard_of(shard)
        row = 0
        for entry in entries:
            rows = slice(row, row + entry.frames)
            np.testing.assert_array_equal(store.frames(entry.name), frames[rows])
            np.testing.assert_array_equal(store.masks(entry.name), masks[rows])
            np.testing.assert_array_equal(store.clip(entry).frames, frames[rows])
            assert store.clip(entry.name).fps == entry.fps
            row += entry.frames
    assert store.entries == tuple(entry for shard in range(3) for entry in shard_of(shard)[0])
    assert (store.structures, store.size, store.settings["range"]) == (STRUCTURES, SIZE, [10, 20.5])
    store.verify()


def test_a_clip_is_found_by_the_name_of_its_file(undisturbed):
    store = Store(undisturbed)
    name = store.entries[0].name
    np.testing.assert_array_equal(store.frames(f"Videos/{name}.AVI"), store.frames(name))
    assert store.clip(f"{name}.nii.gz ").name == name
    with pytest.raises(InputError, match="no clip"):
        store.frames(f"{name}.txt")


def test_splits_share_out_all_entries(undisturbed):
    store = Store(undisturbed)
    parts = [store.split(name) for name in SPLITS]
    assert sorted(entry.name for part in parts for entry in part) == sorted(entry.name for entry in store.entries)
    with pytest.raises(InputError, match=r"'val'.* test, train, validation"):
        store.split("val")


@given(st.integers(-9, 9), st.one_of(st.none(), st.integers(-9, 9)))
@settings(deadline=None)
def test_a_window_is_the_slice_of_the_clip(undisturbed, start, stop):
    store = Store(undisturbed)
    frames = np.array(store.frames("clip-2-1"))
    np.testing.assert_array_equal(store.frames("clip-2-1", start, stop), frames[start:stop])


def test_windows_are_views_of_one_map_that_nobody_can_write_to(undisturbed):
    store = Store(undisturbed)
    first, second = store.masks("clip-0-0", 0, 3), store.masks("clip-0-0", 1, 2)
    assert np.shares_memory(first, second)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def windows_sum(store):
    return sum(int(store.frames(entry.name).sum()) for entry in store.entries)


def test_a_store_can_be_sent_to_other_processes(undisturbed):
    store = Store(undisturbed)
    here = windows_sum(store)
    assert len(pickle.dumps(store)) < 20_000
    assert windows_sum(pickle.loads(pickle.dumps(store))) == here  # noqa: S301
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        assert pool.submit(windows_sum, store).result() == here


def test_masks_alone_make_a_store(tmp_path):
    writer = writer_in(tmp_path, with_frames=False)
    entries, _, masks = shard_of(0)
    writer.write(0, entries, None, masks)
    store = writer.finish(1)
    np.testing.assert_array_equal(store.masks("clip-0-1"), masks[4:])
    with pytest.raises(InputError, match="no frames"):
        store.clip("clip-0-1")


def test_frames_alone_make_a_store(tmp_path):
    writer = writer_in(tmp_path, structures=())
    entries, frames, _ = shard_of(0)
    writer.write(0, entries, frames, None)
    store = writer.finish(1)
    np.testing.assert_array_equal(store.frames("clip-0-1"), frames[4:])
    with pytest.raises(InputError, match="no masks"):
        store.masks("clip-0-1")
    with pytest.raises(StudyError, match="masks or both"):
        writer_in(tmp_path / "none", structures=(), with_frames=False)


def test_same_content_same_bytes_and_other_content_another_name(undisturbed, tmp_path):
    again = written(tmp_path / "again")
    assert content(tmp_path / "again") == content(undisturbed)
    assert again.content == Store(undisturbed).content
    assert written(tmp_path / "shorter", shards=2).content != again.content


def test_no_file_tells_of_place_or_time(undisturbed):
    assert all(str(undisturbed).encode() not in data for data in content(undisturbed).values())
    assert all(str(time.localtime().tm_year).encode() not in data for data in content(undisturbed).values())


def test_finishing_twice_changes_nothing(undisturbed):
    before = content(undisturbed)
    written(undisturbed)
    assert content(undisturbed) == before


# Stopped and started again


def in_a_process_of_its_own(code, *words):
    """What came of a program that finds whatever this process finds."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


STOPPED = """
import os, sys
import small_store, echodfkd.files
from pathlib import Path
calls, real = 0, os.replace
def replace(*paths):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    real(*paths)
os.replace = replace
small_store.written(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("step", range(1, 12, 2))
def test_killed_at_any_step_and_started_again_gives_the_same_bytes(undisturbed, tmp_path, step):
    ran = in_a_process_of_its_own(STOPPED, tmp_path, step)
    assert ran.returncode == -9, ran.stderr
    assert any(".part" in name for name in content(tmp_path))
    with pytest.raises(InputError, match="finished store"):
        Store(tmp_path)
    written(tmp_path)
    assert content(tmp_path) == content(undisturbed)


@pytest.mark.parametrize("damage", ["cut", "changed", "removed", "marker cut"])
def test_a_damaged_shard_is_written_again(undisturbed, tmp_path, damage):
    written(tmp_path)
    path = tmp_path / ("shard-00001.json" if damage == "marker cut" else "shard-00001.masks.npy")
    data = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(data[:-1] + b"\0" if damage == "changed" else data[: len(data) // 2])
    writer = writer_in(tmp_path)
    assert [writer.has(shard) for shard in range(4)] == [True, False, True, False]
    written(tmp_path)
    assert content(tmp_path) == content(undisturbed)


def test_a_shard_under_way_leaves_no_index_behind(tmp_path):
    written(tmp_path)
    writer_in(tmp_path).write(1, *shard_of(1))
    with pytest.raises(InputError, match="finished store"):
        Store(tmp_path)


def test_finishing_removes_shards_beyond_the_last(undisturbed, tmp_path):
    writer = writer_in(tmp_path)
    for shard in range(3):
        writer.write(shard, *shard_of(shard))
    writer.write(3, [Entry("more", "test", 4)], *(array[:4] for array in shard_of(0)[1:]))
    (tmp_path / ".shard-00000.frames.0a1b2c3d.part.npy").touch()
    writer.finish(3)
    assert content(tmp_path) == content(undisturbed)


def test_other_settings_are_refused_by_name(tmp_path):
    writer_in(tmp_path).write(0, *shard_of(0))
    with pytest.raises(StudyError, match=r"settings\.seed: 1 -> 2"):
        writer_in(tmp_path, settings={"seed": 2, "range": [10, 20.5]})
    with pytest.raises(StudyError, match=r"size"):
        writer_in(tmp_path, size=(8, 8))
    writer_in(tmp_path)


def test_a_folder_in_which_nothing_was_made_yet_is_anybodys(tmp_path):
    writer_in(tmp_path, settings={"seed": 2})  # as a run leaves it that failed before its first shard
    assert written(tmp_path).settings["seed"] == 1


# Refusals


def test_a_missing_shard_is_told_at_the_end(tmp_path):
    writer = writer_in(tmp_path)
    writer.write(1, *shard_of(1))
    with pytest.raises(StudyError, match=r"1 of 2 shards.* \[0\]"):
        writer.finish(2)


def test_a_name_may_come_once(tmp_path):
    writer = writer_in(tmp_path)
    for shard in range(2):
        writer.write(shard, *shard_of(0))
    with pytest.raises(StudyError, match="clip-0-0 2 times"):
        writer.finish(2)


@pytest.mark.parametrize("name", ["../../outside", "a/b", "a\\b", "..", ".", "a\0b", "", 7])
def test_a_clips_name_leads_nowhere(undisturbed, tmp_path, name):
    with pytest.raises(InputError, match="no path"):
        Entry(name, "test", 3)
    folder = tmp_path / "sent"
    shutil.copytree(undisturbed, folder)
    marker = folder / "shard-00001.json"
    table = json.loads(marker.read_text())
    table["entries"][0]["name"] = name
    marker.write_text(json.dumps(table))
    index = json.loads((folder / "index.json").read_text())
    index["files"][marker.name] = hashlib.sha256(marker.read_bytes()).hexdigest()
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="no path"):
        Store(folder)


def test_arrays_that_do_not_fit_the_entries_are_refused(tmp_path):
    writer = writer_in(tmp_path)
    entries, frames, masks = shard_of(0)
    for wrong in ((frames[1:], masks), (frames, masks[:, :1]), (None, masks), (frames, masks.astype(np.float32))):
        with pytest.raises(InputError, match="uint8"):
            writer.write(0, entries, *wrong)
    with pytest.raises(InputError, match="no NaN"):
        writer.write(0, [Entry("a", "test", len(frames), None, {"ef": float("nan")})], frames, masks)
    with pytest.raises(InputError, match="one frame"):
        Entry("a", "test", 0)
    assert not writer.has(0)


@pytest.mark.parametrize("name", ["shard-00000.frames.npy", "shard-00002.masks.npy"])
def test_damage_is_found_and_named(tmp_path, name):
    store = written(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name} .*damaged"):
        store.verify()
    (tmp_path / name).write_bytes(data[:-40])
    with pytest.raises(InputError, match=f"{name} .*damaged"):
        for entry in store.entries:
            store.frames(entry.name), store.masks(entry.name)


def test_a_damaged_index_or_marker_is_refused_at_once(tmp_path):
    written(tmp_path)
    with pytest.raises(InputError, match="'nobody' among its 6"):
        Store(tmp_path).frames("nobody")
    marker = tmp_path / "shard-00001.json"
    marker.write_text(marker.read_text().replace("60.25", "61.25"))
    with pytest.raises(InputError, match=r"shard-00001\.json .*damaged"):
        Store(tmp_path)
    (tmp_path / "index.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(InputError, match="not the index"):
        Store(tmp_path)


FULL_DISK = """
import resource, sys
import numpy as np, small_store
from pathlib import Path
from echodfkd.store.store import Entry
from echodfkd.errors import OutputError
writer = small_store.writer_in(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    writer.write(0, [Entry("a", "test", 999)], np.zeros((999, 6, 8), np.uint8), np.zeros((999, 2, 6, 8), np.uint8))
except OutputError as error:
    print(error)
"""


def test_a_full_disk_is_said_and_leaves_no_shard(tmp_path):
    ran = in_a_process_of_its_own(FULL_DISK, tmp_path)
    assert ran.stdout.startswith(f"Cannot write {tmp_path / 'shard-00000.frames.npy'}: "), ran.stderr
    assert list(content(tmp_path)) == ["settings.json"]


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot make"):
        writer_in(tmp_path / "file")
