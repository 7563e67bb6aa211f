"""A store is the same wherever fsspec keeps it: in memory always, in S3 (moto's server) where that is installed."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from small_store import content, shard_of, writer_in, written

from echodfkd.commands.segment import segment_store
from echodfkd.errors import InputError, MissingExtra, StudyError
from echodfkd.store import place
from echodfkd.store.place import place_of
from echodfkd.store.store import Store

fsspec = pytest.importorskip("fsspec")
SECRET = "very-secret"
STUDY = """
name = "anywhere"
[clips]
train = { count = 2, frames = 6 }
validation = { count = 1, frames = 6 }
test = { count = 1, frames = 6 }
shard = 2
[student]
blocks = 1
[training]
window = 4
size = 16
batch = 1
epochs = 1
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    written(folder)
    return folder


@pytest.fixture(scope="module")
def endpoint():
    """The address of an S3 of this process alone."""
    how = "needs pip install 'echodfkd[cloud]' 'moto[s3]' flask flask-cors"
    pytest.importorskip("s3fs", reason=how)
    server = pytest.importorskip("moto.server", reason=how).ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def in_s3(endpoint, monkeypatch, tmp_path):
    """An address in a bucket of its own, which the environment has the keys of."""
    keys = {"AWS_ACCESS_KEY_ID": "known", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    more = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in (keys | more).items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/clips"


@pytest.fixture
def in_memory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"memory://{uuid4().hex}/clips"


@pytest.fixture(params=["in_memory", "in_s3"])
def address(request):
    return request.getfixturevalue(request.param)


def system(address):
    return fsspec.core.url_to_fs(address, use_listings_cache=False)


def objects(address):
    files, root = system(address)
    return {path.rpartition("/")[2]: files.cat_file(path) for path in sorted(files.ls(root, detail=False))}


def put(address, name, data):
    files, root = system(address)
    files.pipe_file(f"{root}/{name}", data)


def copies(tmp_path):
    return list((tmp_path / "cache" / "echodfkd" / "stores").iterdir())


def test_a_store_is_the_same_bytes_wherever_it_lies(undisturbed, address):
    store = written(address)
    assert objects(address) == content(undisturbed)
    assert store.content == Store(undisturbed).content and store.entries == Store(undisturbed).entries


def test_what_was_written_elsewhere_is_read_here_and_by_other_processes(address):
    written(address)
    store = pickle.loads(pickle.dumps(Store(address)))  # noqa: S301
    store.verify()
    for shard in range(3):
        entries, frames, masks = shard_of(shard)
        np.testing.assert_array_equal(np.concatenate([store.frames(one.name) for one in entries]), frames)
        np.testing.assert_array_equal(np.concatenate([store.masks(one.name) for one in entries]), masks)
    np.testing.assert_array_equal(store.frames("clip-2-1", 2, 4), frames[4:6])


@pytest.mark.parametrize("step", range(11))
def test_stopped_at_any_step_and_started_again_gives_the_same_bytes(undisturbed, in_memory, monkeypatch, step):
    left = iter(range(step))
    files, _ = system(in_memory)
    put_file = files.put_file

    def stopping(*words):
        if next(left, None) is None:
            raise KeyboardInterrupt
        put_file(*words)

    with monkeypatch.context() as patched:
        patched.setattr(files, "put_file", stopping)
        with pytest.raises(KeyboardInterrupt):
            written(in_memory)
    with pytest.raises(InputError, match="finished store"):
        Store(in_memory)
    whole = (step - 1) // 3  # settings first, then frames, masks and marker of each
    assert [writer_in(in_memory).has(shard) for shard in range(3)] == [shard < whole for shard in range(3)]
    written(in_memory)
    assert objects(in_memory) == content(undisturbed)


KILLED = """
import os, sys
import small_store, s3fs
calls, real = 0, s3fs.S3FileSystem.put_file
def put_file(*words):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    real(*words)
s3fs.S3FileSystem.put_file = put_file
small_store.written(sys.argv[1])
"""


def test_a_killed_writer_leaves_nothing_in_s3_that_reads_as_a_shard(undisturbed, in_s3):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", KILLED, in_s3, "4"], env=environment, capture_output=True, text=True)
    assert ran.returncode == -9, ran.stderr
    assert set(objects(in_s3)) == {"settings.json", "shard-00000.frames.npy", "shard-00000.masks.npy"}
    with pytest.raises(InputError, match="finished store"):
        Store(in_s3)
    assert not writer_in(in_s3).has(0)
    written(in_s3)
    assert objects(in_s3) == content(undisturbed)


@pytest.mark.parametrize("damage", ["cut", "changed", "removed"])
def test_damage_elsewhere_is_found_named_and_mended(undisturbed, address, damage):
    store, name = written(address), "shard-00001.masks.npy"
    data = content(undisturbed)[name]
    if damage == "removed":
        place_of(address).remove(name)
    else:
        put(address, name, data[:-1] + b"\0" if damage == "changed" else data[:-40])
    with pytest.raises(InputError, match=f"{address}/{name} is damaged"):
        store.verify()
    assert [writer_in(address).has(shard) for shard in range(4)] == [True, False, True, False]
    written(address)
    assert objects(address) == content(undisturbed)


def test_a_store_that_was_written_anew_elsewhere_is_read_anew(address):
    written(address, shards=2)
    other = writer_in(address)
    other.write(1, *shard_of(2))
    again = other.finish(2)
    assert Store(address).content == again.content
    np.testing.assert_array_equal(Store(address).frames("clip-2-0"), shard_of(2)[1][:2])


def test_a_copy_that_is_fetched_again_is_checked_again(in_memory, tmp_path):
    store, name = written(in_memory), "shard-00002.frames.npy"
    before = store.frames("clip-2-0").copy()
    for copy in copies(tmp_path):
        copy.unlink()
    np.testing.assert_array_equal(store.frames("clip-2-0"), before)
    data = objects(in_memory)[name]
    put(in_memory, name, data[:-1] + bytes([data[-1] ^ 1]))  # of the same shape
    for copy in copies(tmp_path):
        copy.unlink()
    with pytest.raises(InputError, match=f"{name} is damaged"):
        store.frames("clip-2-0")


def test_a_shard_that_cannot_be_asked_for_is_not_taken_for_a_missing_one(in_memory, monkeypatch, tmp_path):
    before = objects(written(in_memory).place.address)
    for copy in copies(tmp_path):
        copy.unlink()

    def slow(*words, **more):
        raise TimeoutError("timed out")

    with monkeypatch.context() as patched:
        patched.setattr(system(in_memory)[0], "get_file", slow)
        with pytest.raises(InputError, match="timed out"):
            writer_in(in_memory).has(0)
    assert objects(in_memory) == before and writer_in(in_memory).has(0)


def test_a_place_that_does_not_tell_of_changes_holds_no_store():
    with pytest.raises(InputError, match="does not tell when a file has changed"):
        place_of("https://example.invalid/clips")


def test_other_settings_are_refused_elsewhere_too(in_memory):
    writer_in(in_memory).write(0, *shard_of(0))
    with pytest.raises(StudyError, match=rf"{in_memory} .*settings\.seed: 1 -> 2"):
        writer_in(in_memory, settings={"seed": 2, "range": [10, 20.5]})


def test_copies_have_a_bound_and_those_longest_unused_make_room(in_memory, monkeypatch, tmp_path):
    monkeypatch.setattr(place, "SPARED", -1)  # what was just fetched may go, so one file is read at a time
    monkeypatch.setattr(place, "AT_ONCE", 1)
    monkeypatch.setenv("ECHODFKD_LIMITS", "cache=2000")
    store = written(in_memory)
    for _ in range(2):
        for shard in range(3):
            entries, frames, masks = shard_of(shard)
            np.testing.assert_array_equal(store.frames(entries[0].name), frames[: entries[0].frames])
            np.testing.assert_array_equal(store.masks(entries[0].name), masks[: entries[0].frames])
            assert sum(path.stat().st_size for path in copies(tmp_path)) <= 2000


def test_copies_are_nobody_elses(in_memory, tmp_path):
    written(in_memory)
    assert (tmp_path / "cache" / "echodfkd" / "stores").stat().st_mode & 0o077 == 0
    assert all(in_memory not in path.name and ".part" not in path.name for path in copies(tmp_path))


def test_a_local_store_needs_no_fsspec(tmp_path):
    code = "import sys, small_store; small_store.written(sys.argv[1]).verify(); assert 'fsspec' not in sys.modules"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)


def test_an_address_of_files_is_a_folder(tmp_path):
    assert place_of(f"file://{tmp_path}").path == place_of(str(tmp_path)).path == place_of(tmp_path).path == tmp_path


# Refusals


def test_without_what_reaches_it_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtra, match=r"s3://missing/extra .*echodfkd\[cloud\]"):
        Store("s3://missing/extra")


@pytest.mark.parametrize("given", [f"s3://known:{SECRET}@bucket/clips", f"https://host/clips?signature={SECRET}"])
@pytest.mark.parametrize("option", ["--out", "--archive"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(echodfkd, tmp_path, given, option):
    (tmp_path / "study.toml").write_text(STUDY)
    words = ("synth",) if option == "--out" else ("label", "--clips", "a", "--out", "b")
    code, _, told = echodfkd(words[0], tmp_path / "study.toml", *words[1:], option, given)
    assert code == 2 and "no password" in told and SECRET not in told


def test_a_scheme_or_bucket_that_there_is_not_is_said():
    with pytest.raises(InputError, match="names a bucket"):
        place_of("s3://")
    with pytest.raises(InputError, match=r"nowhere://a/b/index.json: .*nowhere"):
        Store("nowhere://a/b")


def test_a_wrong_bucket_is_one_line(in_s3, echodfkd, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    for words in (("synth", "--out", "s3://none/clips"), ("label", "--clips", "s3://none/clips", "--out", "x")):
        code, _, told = echodfkd(words[0], tmp_path / "study.toml", *words[1:])
        assert code == 2 and told.count("\n") == 1 and "s3://none/clips" in told and "bucket does not exist" in told


def test_missing_credentials_are_one_line(in_s3, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    environment = {name: value for name, value in os.environ.items() if name not in ("AWS_ACCESS_KEY_ID",)}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    del environment["AWS_SECRET_ACCESS_KEY"]
    command = [sys.executable, "-m", "echodfkd", "synth", str(tmp_path / "study.toml"), "--out", in_s3]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and "locate credentials" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("run", "study.toml", "--out"),
        ("distill", "study.toml", "--clips", "a", "--labels", "b", "--out"),
        ("label", "study.toml", "--clips", "a", "--out", "b", "--archive"),
        ("evaluate", "masks", "--labels", "a", "--out"),
        ("evaluate", "--labels", "a", "--out", "b"),
        ("segment", "clip.avi"),
        ("check", "films", "--out"),
        ("report",),
    ],
    ids=" ".join,
)
def test_what_is_no_store_lies_on_this_machine(echodfkd, words):
    code, _, told = echodfkd(*words, "s3://bucket/x")
    assert code == 2 and "must lie on this machine, got s3://bucket/x." in told and told.count("\n") == 1


def test_an_address_of_this_machine_makes_no_folder_of_its_name(echodfkd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    code, _, told = echodfkd("check", "films", "--out", f"file://{tmp_path}/q")
    assert code == 2 and "must lie on this machine" in told and [one.name for one in tmp_path.iterdir()] == ["films"]


# The command


def test_every_verb_of_stores_takes_an_address(address, echodfkd, student_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("study.toml").write_text(STUDY)
    labels, told = address.replace("/clips", "/labels"), []

    def done(*words):
        code, out, complaint = echodfkd(*words)
        assert code == 0, complaint
        told.append(out + complaint)

    done("synth", "study.toml", "--out", address)
    done("label", "study.toml", "--clips", address, "--out", labels)
    done("synth", "study.toml", "--out", "here")
    done("label", "study.toml", "--clips", "here", "--out", "labels")
    assert (objects(address), objects(labels)) == tuple(
        {name: data for name, data in content(Path(place)).items() if name != ".lock"} for place in ("here", "labels")
    )
    done("distill", "study.toml", "--clips", address, "--labels", labels, "--out", "student")
    segment_store(Store(address), student_folder, Path("masks"))
    done("evaluate", "masks", "--labels", address, "--out", "scores", "--resamples", 100)
    done("judge", address, "--predictions", "masks", "--out", "judged", "--resamples", 100)
    code, _, complaint = echodfkd("check", address, "--out", "checked")
    assert code == 2 and f"{address} is a store" in complaint
    written_here = [path.read_bytes() for path in Path("student").iterdir()] + list(objects(address).values())
    assert not any(SECRET.encode() in data or address.encode() in data for data in written_here)
    assert SECRET not in "".join(told)
