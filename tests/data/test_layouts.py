"""Every layout behind the same protocol: clips, splits, labels and facts of simulated hearts come back as written."""

import re

import numpy as np
import pytest
from made_datasets import LABELS, beats, patient, segments, traced, write_camus, write_echonet, write_pediatric

from echodfkd.data.camus import Camus
from echodfkd.data.echonet import EchoNet
from echodfkd.data.folders import Folder, Stored
from echodfkd.data.layouts import open_dataset
from echodfkd.data.pediatric import Pediatric
from echodfkd.errors import InputError
from echodfkd.store.store import Entry, StoreWriter
from echodfkd.video import write


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def names(n=3):
    return [f"patient{number + 1:04d}" for number in range(n)]


@pytest.fixture
def camus(tmp_path):
    """Three patients, one in each split."""
    splits = {"training": names()[:1], "validation": names()[1:2], "testing": names()[2:]}
    return write_camus(tmp_path / "CAMUS", dict(zip(names(), map(patient, beats()), strict=True)), splits)


# EchoNet


def test_echonet_truth_is_the_heart_that_was_traced(tmp_path):
    clips = {f"C{n}": traced(beat, f"C{n}") for n, beat in enumerate(beats())}
    data = open_dataset(write_echonet(tmp_path / "a", clips))
    assert isinstance(data, EchoNet) and data.faults == [] and data.structures == ("lv",)
    for n, beat in enumerate(beats()):
        truth = data.truth(f"C{n}")
        assert (truth.ed_frames, truth.es_frames) == ((beat.ed,), (beat.es,)) and not truth.every_beat
        assert truth.frames == tuple(sorted((beat.ed, beat.es))) and truth.masks.shape == (2, 1, 112, 112)
        assert data.phases(f"C{n}") == (beat.ed, beat.es)
        for frame, mask in zip(truth.frames, truth.of("lv"), strict=True):
            assert dice(mask, beat.masks["lv"][frame]) > 0.97


def test_echonet_synthetic_has_films_and_no_labels(tmp_path):
    folder = write_echonet(tmp_path / "a", {"C": traced(beats()[0], "C", "TRAIN")})
    (folder / "VolumeTracings.csv").unlink()
    data = open_dataset(folder)
    assert isinstance(data, EchoNet) and data.structures == () and data.phases("C") is None
    assert [row.name for row in data.split("train")] == ["C"]
    with pytest.raises(InputError, match="has no tracings"):
        data.truth("C")


def test_a_repaired_tracing_stands_in_for_the_tables_rows_of_its_frame(tmp_path):
    beat = beats()[0]
    clip = traced(beat, "C_1")
    clip.tracings[0] = (beat.es, clip.tracings[0][1][:9])  # spoilt: 9 segments
    folder = write_echonet(tmp_path / "a", {"C_1": clip})
    assert "9 segments" in EchoNet(folder).left_out["C_1"]
    np.save(folder / f"C_1_{beat.es}.npy", segments(beat.masks["lv"][beat.es]))
    data = EchoNet(folder)
    assert data.left_out == {} and data.faults == []
    assert [len(one.segments) for one in data.tracings("C_1")] == [21, 21]
    assert dice(data.truth("C_1").of("lv")[data.truth("C_1").frames.index(beat.es)], beat.masks["lv"][beat.es]) > 0.97
    np.save(folder / "other.npy", np.zeros(3))  # not named as a tracing: not looked at
    assert EchoNet(folder).left_out == {}
    np.save(folder / f"C_1_{beat.ed}.npy", np.zeros((20, 4)))
    (folder / f"other_{beat.ed}.npy").write_bytes(b"\x93NUMPY\x01\x00\x08\x00{'a': (((")
    left = EchoNet(folder).left_out
    assert left.keys() == {"C_1", "other"} and str(tmp_path) not in left["C_1"]
    assert left["C_1"].startswith(f"C_1_{beat.ed}.npy must hold a tracing, finite numbers (21, 4)")


def test_a_repaired_tracing_of_a_frame_that_there_is_not_is_told_by_its_file(tmp_path):
    folder = write_echonet(tmp_path / "a", {"C": traced(beats()[0], "C")})
    np.save(folder / "C_99999.npy", segments(beats()[0].masks["lv"][0]))
    assert EchoNet(folder).left_out == {"C": "C_99999.npy traces frame 99999 of a clip of 30."}


# EchoNet-Pediatric


def test_pediatric_outlines_folds_and_facts_are_read(tmp_path):
    clips = dict(zip(("CR1-a", "CR1-b", "CR1-c"), beats(), strict=True))
    folder = write_pediatric(tmp_path / "pediatric", clips, [0, 8, 9])
    for place in (folder, folder / "A4C"):
        assert isinstance(open_dataset(place), Pediatric)
    data = open_dataset(folder)
    assert [row.split for row in data.clips] == ["train", "validation", "test"] and data.faults == []
    assert data.clips[1].facts == {"fold": 8, "sex": "F", "age": 7.0, "weight": 21.5, "height": None}
    for name, beat in clips.items():
        truth = data.truth(name)
        assert (truth.ed_frames, truth.es_frames) == ((beat.ed,), (beat.es,))
        assert dice(truth.of("lv")[0], beat.masks["lv"][truth.frames[0]]) > 0.97
        assert data.read(name).fps == pytest.approx(beat.fps, rel=1e-3)  # the film's: the list has none


def test_pediatric_words_for_a_frame_and_lonely_frames_are_told(tmp_path):
    folder = write_pediatric(tmp_path / "p", {"C": beats()[0], "D": beats()[1]}, [0, 1]) / "A4C"
    table = (folder / "VolumeTracings.csv").read_text()
    spoilt = re.sub(rf"^(D.*),{beats()[1].es}$", r"\1,No Systolic", table, flags=re.MULTILINE)
    (folder / "VolumeTracings.csv").write_text(spoilt)
    data = Pediatric(folder)
    assert [row.name for row in data.clips] == ["C"] and "one frame only" in data.left_out["D"]
    assert "rows of frame 'No Systolic'" in data.remarks["D"]
    (folder / "FileList.csv").write_text("FileName,EF,Age,Weight,Split\nC,50,1,2,12\nD,50,1,2,1\n")
    assert "not a fold of 0 to 9" in Pediatric(folder).left_out["C"]


# CAMUS


def test_camus_half_sequences_masks_and_facts_are_read(camus):
    data = open_dataset(camus)
    assert isinstance(data, Camus) and data.faults == [] and data.structures == ("lv", "myocardium", "la")
    for n, beat in enumerate(beats()):
        name, made = f"{names()[n]}_4CH_half_sequence", patient(beat)
        clip, truth = data.read(name), data.truth(name)
        np.testing.assert_array_equal(clip.frames, made.half)
        assert clip.spacing == truth.spacing == pytest.approx((0.154, 0.308)) and clip.fps == pytest.approx(
            beat.fps, 0.01
        )
        ends = {truth.ed_frames[0]: made.masks["ED"], truth.es_frames[0]: made.masks["ES"]}
        assert truth.frames == (0, len(made.half) - 1) == tuple(sorted(ends)) and truth.one_contraction
        for frame, mask in zip(truth.frames, truth.masks, strict=True):
            for structure, label in LABELS.items():
                np.testing.assert_array_equal(mask[truth.structures.index(structure)], ends[frame] == label)
        row = data.row(name)
        assert (row.split, row.facts["image_quality"]) == (("train", "validation", "test")[n], "Good")
        assert (row.facts["sex"], row.facts["age"]) == ("F", 56.0)
        assert row.ejection_fraction == round(beat.ejection_fraction)


def test_camus_may_start_at_end_systole():
    assert any(beat.es < beat.ed for beat in beats()) and any(beat.ed < beat.es for beat in beats())


def test_camus_without_split_files_is_all_test_and_its_patients_may_lie_on_top(camus):
    (camus / "database_split").rename(camus.parent / "elsewhere")
    data = open_dataset(camus / "database_nifti")
    assert [row.split for row in data.clips] == ["test"] * 3 and data.training == ()


def test_camus_sequence_masks_stand_in_where_an_end_frame_has_none(camus):
    before = {row.name: open_dataset(camus).truth(row.name).masks for row in open_dataset(camus).clips}
    for path in camus.glob("database_nifti/*/*_E[DS]_gt.nii.gz"):
        path.unlink()
    data = open_dataset(camus)
    assert data.faults == []
    for name, masks in before.items():
        np.testing.assert_array_equal(data.truth(name).masks, masks)


def test_older_camus_keys_are_read(camus):
    folder = camus / "database_nifti" / names()[0]
    text = (folder / "Info_4CH.cfg").read_text().replace("EF: ", "LVef: ") + "LVedv: 94.1\nLVesv: 43.5\nFrameRate: NA\n"
    (folder / "Info_4CH.cfg").write_text(text)
    row = open_dataset(camus).clips[0]
    assert (row.ejection_fraction, row.edv_ml, row.esv_ml) == (round(beats()[0].ejection_fraction), 94.1, 43.5)
    assert row.fps is None


# A plain folder, a store, nothing


def test_a_folder_of_clips_is_a_data_set_without_labels(tmp_path):
    for name in ("b.avi", "a.mp4", "a.avi"):
        write(tmp_path / name, np.full((3, 16, 16), 90, np.uint8), 30)
    (tmp_path / "notes.txt").write_text("x")
    data = open_dataset(tmp_path)
    assert isinstance(data, Folder) and [row.name for row in data.clips] == ["a", "b"]
    assert data.read("b").frames.shape == (3, 16, 16) and "a.mp4 has the name of a.avi" in data.remarks["a"]


def test_a_store_is_a_data_set_of_every_frame(tmp_path):
    writer = StoreWriter(tmp_path / "s", ("lv",), (8, 8), {})
    truth = {"ed_frames": [1], "es_frames": [3], "ejection_fraction": 55.0}
    masks = np.zeros((4, 1, 8, 8), np.uint8)
    masks[:, :, 2:4] = 255
    writer.write(0, [Entry("c", "validation", 4, 50.0, {"truth": truth})], np.zeros((4, 8, 8), np.uint8), masks)
    writer.finish(1)
    data = open_dataset(tmp_path / "s")
    found = data.truth("c")
    assert isinstance(data, Stored) and found.every_beat and found.frames == (0, 1, 2, 3) and found.length == 4
    assert found.ed_frames == (1,) and data.row("c").ejection_fraction == 55 and data.read("c").fps == 50
    assert [row.name for row in data.training] == ["c"]  # there is no split train
    np.testing.assert_array_equal(found.of("lv"), masks[:, 0] > 0)


def test_what_is_no_data_set_is_refused_with_what_would_be(tmp_path):
    with pytest.raises(InputError, match=r"no data set: .*store .*CAMUS"):
        open_dataset(tmp_path)
    with pytest.raises(InputError, match="No such folder"):
        open_dataset(tmp_path / "no")


def test_a_list_of_patients_that_is_no_text_is_refused_in_one_line(camus):
    (camus / "database_split").mkdir(exist_ok=True)
    path = camus / "database_split" / "subgroup_testing.txt"
    path.write_bytes("patient0001\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"subgroup_testing\.txt .*UTF-8"):
        open_dataset(camus)


def test_of_a_patient_in_two_splits_no_clip_is_used(camus):
    (camus / "database_split").mkdir(exist_ok=True)
    listed = {"training": names(), "testing": [names()[0], names()[0]], "validation": []}
    for word, patients in listed.items():
        (camus / "database_split" / f"subgroup_{word}.txt").write_text("\n".join(patients))
    data = open_dataset(camus)
    name = f"{names()[0]}_4CH_half_sequence"
    assert data.left_out == {name: "Its patient is in subgroup_training.txt, subgroup_testing.txt."}
    assert [one.reason for one in data.faults] == ["leakage"] and len(data.split("train")) == len(names()) - 1
