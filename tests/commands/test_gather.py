"""Clips of data sets as a store to teach on: which ones, at which size, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from made_datasets import beats, patient, save_nifti, traced, write_camus, write_echonet

from echodfkd.commands.gather import NOTICE, continued, gather_data
from echodfkd.data.dataset import Dataset
from echodfkd.data.findings import Finding, write_curation
from echodfkd.data.layouts import open_dataset
from echodfkd.data.settings import Data
from echodfkd.errors import InputError, StudyError
from echodfkd.files import read_json
from echodfkd.resize import fit
from echodfkd.video import write


@pytest.fixture(scope="module")
def echonet(tmp_path_factory) -> Path:
    """Two clips to train on, one for validation, one to test on."""
    splits = {"a": "TRAIN", "b": "TRAIN", "c": "VAL", "d": "TEST"}
    clips = {name: traced(beats()[k % 3], name, split) for k, (name, split) in enumerate(splits.items())}
    return write_echonet(tmp_path_factory.mktemp("gather") / "echonet", clips)


def test_a_clip_too_short_is_played_back_and_forth():
    frames = np.arange(3, dtype=np.uint8)[:, None, None]
    assert continued(frames, 8).ravel().tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert continued(frames[:1], 3).ravel().tolist() == [0, 0, 0]
    assert continued(frames, 2).ravel().tolist() == [0, 1, 2]


def test_clips_keep_name_rate_and_frames_and_tests_stay_out(echonet, tmp_path):
    store = gather_data([Data(echonet)], tmp_path / "real", 10, shard=2)
    assert [(e.name, e.split, e.frames) for e in store.entries] == [
        ("a", "train", 30),
        ("b", "train", 30),
        ("c", "validation", 30),
    ]
    dataset: Dataset = open_dataset(echonet)
    assert store.entries[0].fps == dataset.row("a").fps
    np.testing.assert_array_equal(store.frames("a"), dataset.read("a").frames)  # 112 x 112 already
    assert store.structures == () and store.size == (112, 112)
    assert "forbid to publish" in (tmp_path / "real" / NOTICE).read_text()


def test_pixels_become_square_and_half_sequences_reach_the_window(tmp_path):
    folder = write_camus(tmp_path / "camus", {"patient0001": patient(beats()[0])})
    store = gather_data([Data(folder, train=("test",), validation=())], tmp_path / "real", 40)
    name = "patient0001_4CH_half_sequence"
    seen, clip = store.frames(name), open_dataset(folder).read(name)
    assert len(clip.frames) < 40 == len(seen)
    rows = clip.frames[:, : len(clip.frames[0]) // 2 * 2].astype(float)
    halved = np.floor(rows.reshape(len(rows), -1, 2, rows.shape[2]).mean(2) + 0.5).astype(np.uint8)  # 0.154 to 0.308 mm
    np.testing.assert_array_equal(seen[: len(clip.frames)], fit(halved, 112))
    np.testing.assert_array_equal(seen[len(clip.frames)], seen[len(clip.frames) - 2])


def test_clips_are_left_out_for_the_reasons_that_are_named(echonet, tmp_path):
    table = tmp_path / "curation.csv"
    write_curation(table, [Finding("a", "static", "0.1"), Finding("b", "frame-rate", "7 Hz")])
    store = gather_data([Data(echonet, exclude=table, reasons=("static",))], tmp_path / "one", 10)
    assert [entry.name for entry in store.entries] == ["b", "c"]
    assert store.settings["data"][0]["excluded"] == {"static": 1}
    with pytest.raises(InputError, match=r"split 'train'.* fewer reasons"):
        gather_data([Data(echonet, exclude=table)], tmp_path / "both", 10)


def test_findings_of_another_data_set_are_refused(echonet, tmp_path):
    table = tmp_path / "curation.csv"
    write_curation(table, [Finding("elsewhere", "static", "0.1"), Finding("far", "blank", "2")])
    with pytest.raises(InputError, match=r"curation\.csv names none of"):
        gather_data([Data(echonet, exclude=table)], tmp_path / "one", 10)
    write_curation(table, [])  # nothing was found
    assert len(gather_data([Data(echonet, exclude=table)], tmp_path / "two", 10).entries) == 3


def test_a_stopped_gathering_ends_with_the_same_bytes_and_other_clips_are_refused(echonet, tmp_path):
    whole = gather_data([Data(echonet)], tmp_path / "real", 10, shard=1)
    (tmp_path / "real" / "shard-00001.json").unlink()
    assert gather_data([Data(echonet)], tmp_path / "real", 10, shard=1).content == whole.content
    with pytest.raises(StudyError, match="other settings"):
        gather_data([Data(echonet, validation=())], tmp_path / "real", 10, shard=1)


def test_no_file_of_the_store_tells_where_the_data_set_lies(echonet, tmp_path):
    gather_data([Data(echonet, about="made for a test")], tmp_path / "real", 10)
    index = read_json(tmp_path / "real" / "index.json")
    assert str(echonet) not in str(index)
    told = index["settings"]["data"][0]
    assert (told["layout"], told["about"], told["clips"]) == (
        "EchoNet",
        "made for a test",
        {"train": 2, "validation": 1},
    )


def test_what_cannot_be_taken_is_refused_with_the_way_on(echonet, tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    write(films / "a.avi", beats()[0].frames, 50)
    with pytest.raises(InputError, match=r"split 'train'.* test"):
        gather_data([Data(films)], tmp_path / "real", 10)
    with pytest.raises(InputError, match="a 2 times"):
        gather_data([Data(echonet), Data(films, ("test",), ())], tmp_path / "real", 10)
    (films / "b.avi").write_text("no film")
    save_nifti(films / "c.nii.gz", beats()[0].frames)
    with pytest.raises(InputError, match="echodfkd check"):
        gather_data([Data(films, ("test",), ())], tmp_path / "real", 10)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"train": (), "validation": ()}, "neither train nor validation"),
        ({"validation": ("train",)}, "both name train"),
        ({"reasons": ("static",)}, r"data\.exclude"),
        ({"exclude": Path("c.csv"), "reasons": ("statik",)}, "nearest is static"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings, fault):
    with pytest.raises(StudyError, match=fault):
        Data(Path("d"), **settings)
