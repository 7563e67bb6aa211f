"""Labels by several teachers, and the archives that are shared of them: what is in there, and what is found out."""

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echodfkd.clip import from_bytes
from echodfkd.commands.distill import distill
from echodfkd.commands.label import label, manifest_digest
from echodfkd.commands.synth import synth
from echodfkd.distill.settings import Training
from echodfkd.errors import InputError, OccupiedError, StudyError
from echodfkd.store.store import Store
from echodfkd.student.settings import NetworkSettings
from echodfkd.study.file import read_study
from echodfkd.study.settings import Clips, Split, Study, study_from, study_table
from echodfkd.teachers import Noise, Teacher
from echodfkd.teachers.archive import MaskArchive, write_masks

STUDY = Study(
    name="labelling",
    clips=Clips(Split(2, 4), Split(1, 4), Split(1, 4), shard=2, structures=("lv", "rv")),
    student=NetworkSettings(blocks=1, filters=2, structures=("lv", "rv")),
    training=Training(window=4, size=16, batch=2, epochs=1, precision="float32"),
)


def taught(*teachers: Teacher, **settings) -> Study:
    return replace(STUDY, teacher=Teacher("fusion", of=teachers, **settings))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Store:
    return synth(STUDY, tmp_path_factory.mktemp("labelling") / "clips")


@pytest.fixture(scope="module")
def shrunk(clips, tmp_path_factory) -> Path:
    """An archive without manifest, of the left ventricle alone: the truth without its upper half."""
    folder = tmp_path_factory.mktemp("shrunk")
    for entry in clips.entries:
        masks = np.array(clips.masks(entry.name)[:, 0])
        rows = np.flatnonzero((masks >= 128).any((0, 2)))
        masks[:, : rows[len(rows) // 2]] = 0
        write_masks(folder / f"{entry.name}.seg.npz", masks)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


def test_each_structure_comes_from_who_teaches_it(clips, shrunk, tmp_path):
    study = taught(Teacher("archive", shrunk, structures=("lv",)), Teacher(structures=("rv",)))
    labels = label(study, clips, tmp_path / "labels")
    entry = clips.entries[0].name
    with np.load(shrunk / f"{entry}.seg.npz") as file:
        np.testing.assert_array_equal(labels.masks(entry)[:, 0], file["arr_0"])
    np.testing.assert_array_equal(labels.masks(entry)[:, 1], clips.masks(entry)[:, 1])
    assert not (tmp_path / "labels" / "agreement.csv").exists()  # nobody to agree with


def test_agreement_is_the_dice_of_each_two_teachers_of_a_structure(clips, shrunk, tmp_path):
    study = taught(Teacher("archive", shrunk, structures=("lv",)), Teacher())
    labels = label(study, clips, tmp_path / "labels")
    rows = rows_of(tmp_path / "labels" / "agreement.csv")
    assert [row["FileName"] for row in rows] == [entry.name for entry in clips.entries]
    assert {(row["structure"], row["first"], row["second"]) for row in rows} == {("lv", "1 archive", "2 truth")}
    truth = clips.masks(rows[0]["FileName"])[:, 0] >= 128
    with np.load(shrunk / f"{rows[0]['FileName']}.seg.npz") as file:
        part = file["arr_0"] >= 128
    dice = 2 * part.sum((1, 2)) / (part.sum((1, 2)) + truth.sum((1, 2)))  # part of the truth
    assert float(rows[0]["dice"]) == pytest.approx(dice.mean(), abs=1e-4)
    (tmp_path / "labels" / "agreement.csv").unlink()
    (tmp_path / "labels" / "shard-00001.json").unlink()  # as a killed run leaves it
    assert label(study, clips, tmp_path / "labels").content == labels.content
    assert rows_of(tmp_path / "labels" / "agreement.csv") == rows


def test_what_nobody_teaches_of_a_clip_is_unknown_and_the_student_still_learns(clips, shrunk, tmp_path):
    label(STUDY, clips, tmp_path / "all", tmp_path / "rv")
    (tmp_path / "rv" / "manifest.json").unlink()
    (tmp_path / "rv" / "train-00001.seg.npz").unlink()
    partial = Teacher("archive", tmp_path / "rv", structures=("lv", "rv"), partial=True)
    study = taught(Teacher("archive", shrunk, structures=("lv",)), partial)
    labels = label(study, clips, tmp_path / "labels")
    known = {entry.name: labels.known(entry.name) for entry in labels.entries}
    assert known.pop("train-00001") == ("lv",) and set(known.values()) == {("lv", "rv")}
    assert labels.masks("train-00001")[:, 1].max() == 0
    card = distill(study, clips, labels, tmp_path / "student")
    assert card.network.structures == ("lv", "rv")


def test_a_structure_known_in_no_clip_is_refused(clips, shrunk, tmp_path):
    other = tmp_path / "other"
    write_masks(other / "another-clip.seg.npz", np.zeros((4, 112, 112), np.uint8))
    partial = Teacher("archive", other, structures=("rv",), partial=True)
    with pytest.raises(InputError, match="rv in none"):
        label(taught(Teacher("archive", shrunk, structures=("lv",)), partial), clips, tmp_path / "labels")


@pytest.fixture
def archive(clips, tmp_path) -> Path:
    """The truth as an archive with manifest and licence."""
    (tmp_path / "terms.txt").write_text("For research only.\n")
    study = replace(STUDY, teacher=Teacher(about="the simulator", threshold=0.4))
    label(study, clips, tmp_path / "labels", tmp_path / "archive", tmp_path / "terms.txt")
    return tmp_path / "archive"


def test_an_archive_tells_all_that_is_needed_to_use_it(clips, archive, tmp_path):
    manifest = json.loads((archive / "manifest.json").read_text())
    assert manifest["structures"] == ["lv", "rv"] and manifest["threshold"] == MaskArchive(archive).threshold == 0.4
    told = {"kind": "truth", "structures": ["lv", "rv"], "about": "the simulator", "threshold": 0.4}
    assert manifest["teacher"] == told
    assert set(manifest["clips"]) == {entry.name for entry in clips.entries}
    assert (archive / "LICENCE.txt").read_text() == "For research only.\n"
    study = replace(STUDY, teacher=Teacher("archive", archive), student=replace(STUDY.student, structures=("rv", "lv")))
    labels = label(study, clips, tmp_path / "again")
    entry = clips.entries[0].name
    np.testing.assert_array_equal(labels.masks(entry), clips.masks(entry)[:, ::-1])  # channels by name


def test_one_digest_stands_for_the_archive(archive):
    digest = hashlib.sha256((archive / "manifest.json").read_bytes()).hexdigest()
    assert manifest_digest(archive) == (archive / "manifest.json", digest)
    table = json.loads((archive / "manifest.json").read_text())
    spoken_for = {"LICENCE.txt": table["files"]["LICENCE.txt"]}
    spoken_for |= {f"{name}.seg.npz": one["masks"] for name, one in table["clips"].items()}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in archive.iterdir()}
    assert spoken_for == {name: digest for name, digest in there.items() if name != "manifest.json"}


def test_equal_labels_give_equal_archives(clips, archive, tmp_path):
    study = replace(STUDY, teacher=Teacher(about="the simulator", threshold=0.4))
    label(study, clips, tmp_path / "labels", tmp_path / "second", tmp_path / "terms.txt")
    for path in archive.iterdir():
        assert (tmp_path / "second" / path.name).read_bytes() == path.read_bytes()


def test_the_licence_may_be_the_one_that_lies_in_the_archive(clips, archive, tmp_path):
    before = {path.name: path.read_bytes() for path in archive.iterdir()}
    study = replace(STUDY, teacher=Teacher(about="the simulator", threshold=0.4))
    label(study, clips, tmp_path / "labels", archive, archive / "LICENCE.txt")
    assert {path.name: path.read_bytes() for path in archive.iterdir()} == before


def altered_clips(clips, archive, tmp_path):
    return synth(replace(STUDY, seed=7), tmp_path / "others")


def altered_masks(clips, archive, tmp_path):
    write_masks(archive / "train-00000.seg.npz", np.zeros((4, 2, 112, 112), np.uint8))
    return clips


def missing_masks(clips, archive, tmp_path):
    (archive / "train-00001.seg.npz").unlink()
    return clips


def altered_licence(clips, archive, tmp_path):
    (archive / "LICENCE.txt").write_text("Do what you like.\n")
    return clips


def a_name_that_leads_out(clips, archive, tmp_path):
    table = json.loads((archive / "manifest.json").read_text())
    table["clips"]["../../train-00000"] = table["clips"]["train-00000"]
    (archive / "manifest.json").write_text(json.dumps(table))
    return clips


def unlisted_clip(clips, archive, tmp_path):
    table = json.loads((archive / "manifest.json").read_text())
    del table["clips"]["train-00000"]
    (archive / "manifest.json").write_text(json.dumps(table))
    return clips


def another_format(clips, archive, tmp_path):
    (archive / "manifest.json").write_text('{"format": "other"}')
    return clips


def half_a_manifest(clips, archive, tmp_path):
    table = json.loads((archive / "manifest.json").read_text())
    del table["threshold"]
    (archive / "manifest.json").write_text(json.dumps(table))
    return clips


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (altered_clips, "train-00000 .*another checksum"),
        (altered_masks, r"train-00000\.seg\.npz .*checksum"),
        (missing_masks, r"train-00001\.seg\.npz.* incomplete"),
        (altered_licence, r"LICENCE\.txt .*checksum"),
        (unlisted_clip, "train-00000 is not among the 3"),
        (a_name_that_leads_out, r"no path, got '\.\./\.\./train-00000'"),
        (another_format, "not the manifest"),
        (half_a_manifest, "whole manifest.*threshold"),
    ],
)
def test_what_was_altered_on_the_way_is_found_and_named(clips, archive, tmp_path, damage, fault):
    used = damage(clips, archive, tmp_path)
    with pytest.raises(InputError, match=fault):
        label(replace(STUDY, teacher=Teacher("archive", archive)), used, tmp_path / "again")


@pytest.mark.parametrize(
    "change",
    [
        {"files": None},
        {"files": ["LICENCE.txt"]},
        {"files": {"LICENCE.txt": 7}},
        {"teacher": "somebody"},
        {"threshold": "half"},
        {"threshold": True},
        {"structures": "lv"},
        {"structures": [["lv"]]},
        {"clips": ["train-00000"]},
        {"clips": {"train-00000": None}},
        {"clips": {"train-00000": {"frames": "0", "masks": "0", "known": "lv"}}},
        {"clips": {"train-00000": {"frames": "0", "masks": "0", "known": ["xx"]}}},
        {"clips": {"train-00000": {"frames": 1, "masks": None, "known": []}}},
        {"clips": {"train-00000": {"frames": "0", "masks": "0"}}},
        {"more": 1},
    ],
)
def test_values_that_no_manifest_can_have_are_refused_in_one_line(archive, change):
    table = json.loads((archive / "manifest.json").read_text())
    (archive / "manifest.json").write_text(json.dumps(table | change))
    with pytest.raises(InputError, match=r"whole manifest|checksum of manifest\.json") as caught:
        MaskArchive(archive)
    assert "\n" not in str(caught.value)


def test_a_manifest_nested_without_end_is_refused(archive):
    (archive / "manifest.json").write_text('{"a": ' * 100_000)
    with pytest.raises(InputError, match=r"manifest\.json .*JSON"):
        MaskArchive(archive)


def test_structures_that_an_archive_does_not_hold_are_refused(clips, archive, tmp_path):
    study = replace(STUDY, teacher=Teacher("archive", archive, structures=("lv", "la")))
    with pytest.raises(InputError, match=r"lv, rv, not of la.* manifest\.json"):
        label(study, clips, tmp_path / "again")


def test_masks_of_other_clips_never_slip_into_an_archive(clips, archive, tmp_path):
    write_masks(archive / "patient-7.seg.npz", np.zeros((4, 112, 112), np.uint8))
    with pytest.raises(OccupiedError, match=r"holds patient-7\.seg\.npz"):
        label(STUDY, clips, tmp_path / "others", archive)


def test_an_archive_holds_nothing_else_and_is_no_store(clips, archive, tmp_path):
    out = tmp_path / "more"
    (archive / ".train-00000.seg.0123abcd.part.npz").write_text("half-written by a killed run")
    study = replace(STUDY, teacher=Teacher(about="the simulator", threshold=0.4))
    label(study, clips, tmp_path / "labels", archive)
    assert not list(archive.glob("*.part.npz"))
    (archive / "patients.csv").write_text("secret")
    with pytest.raises(OccupiedError, match=r"holds patients\.csv"):
        label(STUDY, clips, out, archive)
    for folder in (out, tmp_path):  # the labels' own, and one that they would lie in
        with pytest.raises(OccupiedError, match="lie in the archive"):
            label(STUDY, clips, out, folder)
    with pytest.raises(OccupiedError, match=r"holds index\.json"):
        label(STUDY, clips, out, clips.place.path)
    assert not out.exists()


def test_a_licence_must_be_text_and_needs_an_archive(clips, echodfkd, tmp_path):
    (tmp_path / "terms").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="text file"):
        label(STUDY, clips, tmp_path / "labels", tmp_path / "archive", tmp_path / "terms")
    with pytest.raises(InputError, match=r"terms-mistyped .*text file"):
        label(STUDY, clips, tmp_path / "labels", tmp_path / "archive", tmp_path / "terms-mistyped")
    assert not (tmp_path / "archive").exists() and not (tmp_path / "labels").exists()  # before anything is labelled
    code, _, told = echodfkd("label", "s.toml", "--clips", "c", "--out", "o", "--licence", "l")
    assert code == 2 and told == "echodfkd: A licence goes with an archive: give --archive too.\n"


def test_noise_is_in_the_masks_and_its_seed_in_nothing_that_is_shared(clips, tmp_path):
    noise = Noise(seed=987654321, flips=0.3, temperature=2.0)
    study = replace(STUDY, teacher=Teacher(noise=noise))
    labels = label(study, clips, tmp_path / "labels", tmp_path / "archive")
    assert (labels.masks("train-00000") != clips.masks("train-00000")).any()
    told = (tmp_path / "archive" / "manifest.json").read_text()
    assert json.loads(told)["teacher"]["noise"] == {"temperature": 2.0, "flips": 0.3, "border": 2.0}
    assert "987654321" not in told
    card = distill(study, clips, labels, tmp_path / "student")
    assert "987654321" not in json.dumps(card.provenance)
    with pytest.raises(StudyError, match=r"other settings .*seed"):  # no labels of two seeds in one store
        label(replace(study, teacher=Teacher(noise=replace(noise, seed=1))), clips, tmp_path / "labels")


def test_soft_masks_of_several_are_their_mean(clips, shrunk, tmp_path):
    study = taught(Teacher("archive", shrunk, structures=("lv",), weight=3.0), Teacher(), fusion="weighted")
    labels = label(study, clips, tmp_path / "labels")
    with np.load(shrunk / "test-00000.seg.npz") as file:
        expected = (3 * from_bytes(file["arr_0"]) + from_bytes(np.array(clips.masks("test-00000")[:, 0]))) / 4
    np.testing.assert_allclose(labels.masks("test-00000")[:, 0] / 255, expected, atol=0.5 / 255 + 1e-6)


TOML = """
name = "several"
[clips]
train = { count = 2, frames = 25 }
validation = { count = 1, frames = 25 }
test = { count = 1, frames = 25 }
[student]
structures = ["lv", "rv"]
[teacher]
kind = "fusion"
fusion = "weighted"
noise = { seed = 5, flips = 0.1 }
[[teacher.of]]
kind = "onnx"
path = "nets/lv.onnx"
structures = ["lv"]
weight = 2
input = { size = 112, channels = 3, mean = [32.0, 33.0, 33.4], std = [50, 50, 51] }
[[teacher.of]]
kind = "archive"
path = "masks"
structures = ["rv"]
partial = true
"""


def test_several_teachers_are_read_from_a_study_with_paths_that_start_at_it(tmp_path):
    (tmp_path / "s.toml").write_text(TOML)
    teacher = read_study(tmp_path / "s.toml").teacher
    assert [one.path for one in teacher.of] == [tmp_path / "nets" / "lv.onnx", tmp_path / "masks"]
    assert teacher.of[0].weight == 2 and teacher.of[0].input.std == (50, 50, 51) and teacher.noise.seed == 5
    study = read_study(tmp_path / "s.toml")
    assert study_from(study_table(study)) == study


def test_unknown_keys_of_a_teacher_among_several_are_told_by_their_place(tmp_path):
    (tmp_path / "s.toml").write_text(TOML.replace("partial", "partal").replace("channels", "channel"))
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "s.toml")
    assert "unknown key teacher.of.1.partal, did you mean partial?" in str(caught.value)
    assert "unknown key teacher.of.0.input.channel, did you mean channels?" in str(caught.value)


def test_weights_are_of_several_teachers_alone():
    with pytest.raises(StudyError, match=r"teacher\.weight"):
        replace(STUDY, teacher=Teacher(weight=2.0))
