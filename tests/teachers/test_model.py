"""A frame-wise study makes a teacher, which labels clips for a recurrent student of fewer structures."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echodfkd.commands.distill import distill
from echodfkd.commands.label import label
from echodfkd.distill.settings import Training
from echodfkd.errors import InputError
from echodfkd.files import sha256
from echodfkd.pipeline import run
from echodfkd.report.terminal import run_words
from echodfkd.store.store import Store
from echodfkd.student.card import read_card
from echodfkd.student.settings import FramewiseSettings, NetworkSettings, parameter_count
from echodfkd.student.student import load_student
from echodfkd.study.fresh import FreshBatches
from echodfkd.study.settings import Clips, Scoring, Split, Study, Teacher
from echodfkd.teachers.unet import UNetTeacher

STUDY = Study(
    name="framewise",
    clips=Clips(Split(3, 6), Split(1, 6), Split(1, 24), shard=3, structures=("lv", "rv", "la")),
    student=FramewiseSettings(levels=2, filters=4, structures=("lv", "rv", "la")),
    training=Training(size=28, window=3, batch=2, epochs=10, loss="bce+dice", learning_rate=1e-2, precision="float32"),
    scoring=Scoring(100),
)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    """The run of the frame-wise study: its clips, and its model in `student`."""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    finished = run(STUDY, folder)
    assert f"U2,4: {parameter_count(STUDY.student):,} parameters" in run_words(folder, finished.scores)
    return folder


def pupil(folder: Path) -> Study:
    """A recurrent student of the model in `folder`, of two of its structures in another order."""
    return replace(
        STUDY,
        teacher=Teacher("model", folder),
        student=NetworkSettings(blocks=1, filters=2, structures=("la", "lv")),
    )


def test_a_frame_wise_model_goes_through_the_whole_study(teacher):
    card = read_card(teacher / "student")
    assert card.network == STUDY.student and card.warm_up == 0
    measures = json.loads((teacher / "masks" / "test-00000" / "measures.json").read_text())
    assert measures["model"]["name"] == "U2,4" and len(measures["area_px"]) == 24
    assert "U2,4" in (teacher / "report" / "index.html").read_text()


def test_it_labels_clips_softly_with_the_wanted_structures_at_the_clips_size(teacher, tmp_path):
    clips = Store(teacher / "clips")
    labels = label(pupil(teacher / "student"), clips, tmp_path / "labels")
    assert labels.structures == ("la", "lv")
    entry = clips.entries[0]
    given = labels.masks(entry.name)
    expected = load_student(teacher / "student")(clips.clip(entry))[:, [2, 0]]
    assert given.shape == (6, 2, 112, 112) and len(np.unique(given)) > 10
    np.testing.assert_allclose(given / 255, expected, atol=0.03)  # the teacher may work in bfloat16


def test_a_student_knows_its_teacher_by_the_weights_wherever_they_lie(teacher, tmp_path):
    clips, here = Store(teacher / "clips"), pupil(teacher / "student")
    labels = label(here, clips, tmp_path / "labels")
    card = distill(here, clips, labels, tmp_path / "student")
    weights = sha256(teacher / "student" / "model.safetensors")
    assert card.provenance["made_from"]["teacher"] == {"kind": "model", "structures": ["la", "lv"], "model": weights}
    assert str(teacher) not in json.dumps(card.provenance)
    moved = pupil(Path(shutil.copytree(teacher / "student", tmp_path / "elsewhere")))
    assert label(moved, clips, tmp_path / "labels").content == labels.content
    assert distill(moved, clips, labels, tmp_path / "student") == card


def test_fresh_clips_are_labelled_as_they_are_drawn(teacher):
    study = replace(
        pupil(teacher / "student"),
        clips=replace(STUDY.clips, train=Split(2, 3), fresh=True),
        training=replace(STUDY.training, size=112),
    )
    frames, masks = FreshBatches(study)[0]
    assert frames.shape == (2, 3, 1, 112, 112) and masks.shape == (2, 3, 2, 112, 112)
    again = UNetTeacher(teacher / "student").masks(frames.reshape(-1, 112, 112)).reshape(2, 3, 3, 112, 112)
    assert np.abs(masks.astype(int) - again[:, :, [2, 0]]).max() <= 1


def test_a_structure_the_teacher_never_learned_is_refused(teacher, tmp_path):
    study = replace(pupil(teacher / "student"), student=NetworkSettings(blocks=1, structures=("lv", "ra")))
    with pytest.raises(InputError, match="lv, rv, la, but not ra"):
        label(study, Store(teacher / "clips"), tmp_path / "labels")


def test_a_name_is_that_of_a_bundled_model(monkeypatch, tmp_path):
    monkeypatch.setattr("echodfkd.student.bundled.find_model", lambda name: tmp_path / name)
    assert Teacher("model", name="teacher").folder == tmp_path / "teacher"
    assert Teacher("model", tmp_path).folder == tmp_path and Teacher().folder is None
