"""The stages as functions: what one writes the next one reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echodfkd.commands.distill import distill
from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.distill.settings import Training
from echodfkd.errors import InputError, StudyError
from echodfkd.files import sha256
from echodfkd.pipeline import run
from echodfkd.store.store import Store
from echodfkd.student.card import read_card
from echodfkd.student.settings import NetworkSettings
from echodfkd.study.settings import Clips, Split, Study, Teacher
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import ClipRecipe

STUDY = Study(
    name="stages",
    clips=Clips(train=Split(3, 6), validation=Split(1, 6), test=Split(2, 8), shard=2),
    student=NetworkSettings(blocks=1, structures=("lv", "la")),
    training=Training(window=6),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Store:
    return synth(STUDY, tmp_path_factory.mktemp("stages") / "clips")


@pytest.mark.parametrize(
    ("teacher", "lesson"),
    [
        (Teacher("model", name="nobody"), "No model nobody"),
        (Teacher("model", path=Path("nowhere")), "No student in nowhere"),
        (Teacher("onnx", path=Path("nowhere.onnx"), structures=("lv", "la")), "nowhere.onnx"),
        (Teacher("fusion", of=(Teacher(structures=("lv",)),)), "la"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused_before_anything_is_made(teacher, lesson, tmp_path):
    with pytest.raises(InputError, match=lesson):
        run(replace(STUDY, teacher=teacher), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_store_holds_what_its_recipes_draw(clips):
    entry = clips.split("test")[1]
    made = generate([ClipRecipe.from_dict(entry.facts["recipe"])])
    assert np.array_equal(clips.frames(entry.name), made.frames[0])
    assert np.array_equal(clips.masks(entry.name), made.masks[0])
    assert entry.facts["truth"] == made.truths[0].to_dict()


def test_a_larger_split_leaves_the_clips_of_all_splits_as_they_were(clips, tmp_path):
    larger = synth(replace(STUDY, clips=replace(STUDY.clips, train=Split(5, 6))), tmp_path / "clips")
    assert len(larger.entries) == len(clips.entries) + 2
    for entry in clips.entries:
        assert np.array_equal(larger.frames(entry.name), clips.frames(entry.name))


def test_annotators_trace_the_same_frames_their_own_way(clips, tmp_path):
    tight = synth(replace(STUDY, clips=replace(STUDY.clips, annotator="traced")), tmp_path / "clips")
    for entry in clips.entries:
        assert np.array_equal(tight.frames(entry.name), clips.frames(entry.name))
    areas = [np.count_nonzero(store.masks("test-00000")[:, 0], axis=(1, 2)) for store in (clips, tight)]
    assert (areas[0] != areas[1]).any()


def test_clips_of_another_generator_are_refused(clips, monkeypatch):
    monkeypatch.setattr("echodfkd.commands.synth.GENERATOR", 0)
    with pytest.raises(StudyError, match=r"other settings .*generator"):
        synth(STUDY, clips.place.path)


def test_clips_of_another_study_are_refused(clips):
    with pytest.raises(StudyError, match=r"other settings .*seed"):
        synth(replace(STUDY, seed=9), clips.place.path)


def test_the_truth_as_teacher_gives_the_simulators_masks(clips, tmp_path):
    labels = label(STUDY, clips, tmp_path / "labels")
    for entry in clips.entries:
        assert np.array_equal(labels.masks(entry.name), clips.masks(entry.name)[:, [0, 2]])


def test_labels_survive_the_way_through_an_archive(clips, tmp_path):
    direct = label(STUDY, clips, tmp_path / "direct", archive=tmp_path / "archive")
    assert len(list((tmp_path / "archive").iterdir())) == len(clips.entries) + 1  # and its manifest
    by_archive = replace(STUDY, teacher=Teacher("archive", tmp_path / "archive"))
    again = label(by_archive, clips, tmp_path / "again")
    for entry in clips.entries:
        assert np.array_equal(direct.masks(entry.name), again.masks(entry.name))


def test_a_study_with_hindsight_writes_it_into_the_card_and_is_another_study(clips, tmp_path):
    causal = replace(STUDY, training=Training(window=6, size=16, batch=1, epochs=1, precision="float32"))
    labels = label(STUDY, clips, tmp_path / "labels")
    both_ways = replace(causal, hindsight=True, hindsight_zoom=1.25)
    distill(both_ways, clips, labels, tmp_path / "student")
    card = read_card(tmp_path / "student")
    assert (card.hindsight, card.hindsight_zoom) == (True, 1.25)
    for other in (causal, replace(both_ways, hindsight_zoom=1.0)):
        with pytest.raises(StudyError, match="another study"):
            distill(other, clips, labels, tmp_path / "student")


def test_an_archive_that_lacks_a_clip_is_refused_by_name(clips, tmp_path):
    label(STUDY, clips, tmp_path / "direct", archive=tmp_path / "archive")
    (tmp_path / "archive" / "validation-00000.seg.npz").unlink()
    with pytest.raises(InputError, match=r"No such .*validation-00000\.seg\.npz"):
        label(replace(STUDY, teacher=Teacher("archive", tmp_path / "archive")), clips, tmp_path / "again")


def test_processes_make_the_same_bytes_as_one(clips, tmp_path, monkeypatch):
    monkeypatch.setattr("echodfkd.commands.synth.FRAMES_PER_PROCESS", 1)
    made = synth(STUDY, tmp_path / "clips")
    assert made.content == clips.content
    assert sha256(tmp_path / "clips" / "shard-00000.frames.npy") == sha256(clips.place.path / "shard-00000.frames.npy")
