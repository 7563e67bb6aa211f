"""Studies with clips of data sets: beside drawn ones, in their place, and after them."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_datasets import beats, traced, write_echonet

from echodfkd.config import Clips, Split, Study, read_study, study_table
from echodfkd.data.settings import Data
from echodfkd.distill.settings import Training
from echodfkd.errors import StudyError
from echodfkd.files import sha256
from echodfkd.labelling import label
from echodfkd.pipeline import distill, gather_clips, synthesize
from echodfkd.student.card import WEIGHTS, read_card
from echodfkd.student.settings import NetworkSettings
from echodfkd.teachers import Teacher


@pytest.fixture(scope="module")
def study(tmp_path_factory, student_folder) -> Study:
    """Two drawn and two real windows in a batch; a small model of ours teaches both."""
    clips = {
        name: traced(beat, name, split)
        for name, beat, split in zip("abc", beats(), ("TRAIN", "TRAIN", "VAL"), strict=True)
    }
    folder = write_echonet(tmp_path_factory.mktemp("mixed") / "echonet", clips)
    return Study(
        name="mixed",
        clips=Clips(Split(4, 4), Split(1, 4), Split(1, 4), shard=2, structures=("lv",)),
        teacher=Teacher("model", student_folder),
        student=NetworkSettings(blocks=1, filters=2),
        training=Training(window=4, size=16, batch=4, epochs=1, precision="float32", real_share=0.5),
        data=(Data(folder, about="simulated"),),
    )


def taught(study: Study, folder: Path) -> Path:
    """The study's student in `folder`, whose stores are made there too."""
    clips = synthesize(study, folder / "clips")
    labels = label(study, clips, folder / "labels")
    real = None
    if study.data:
        gathered = gather_clips(study, folder / "real")
        real = gathered, label(study, gathered, folder / "real-labels")
    distill(study, clips, labels, folder / "student", workers=0, real=real)
    return folder / "student"


@pytest.mark.parametrize("fresh", [False, True])
def test_real_clips_teach_beside_drawn_ones_and_the_card_says_so(study, tmp_path, fresh):
    one = replace(study, clips=replace(study.clips, fresh=fresh))
    made = read_card(taught(one, tmp_path)).provenance["made_from"]
    assert made["training"]["real_share"] == 0.5 and made["real"]["data"][0]["about"] == "simulated"
    assert str(study.data[0].path) not in str(made)


def test_a_student_is_taught_on_real_clips_alone_and_drawn_ones_after_them(study, tmp_path):
    real_alone = replace(
        study,
        clips=replace(study.clips, train=Split(0, 4)),
        training=replace(study.training, real_share=1.0, batch=2),
    )
    first = taught(real_alone, tmp_path / "first")
    training = replace(study.training, real_share=0.0, start=str(first))
    made = read_card(taught(replace(study, data=(), training=training), tmp_path / "then")).provenance["made_from"]
    assert made["start"] == {"weights": sha256(first / WEIGHTS), "real": True}
    assert "start" not in made["training"] and "real" not in made


def test_a_start_of_another_shape_is_refused(study, student_folder, tmp_path):
    training = replace(study.training, real_share=0.0, start=str(student_folder))
    with pytest.raises(StudyError, match=r"training\.start must have the student's shape"):
        taught(replace(study, data=(), training=training), tmp_path)


def test_real_clips_must_be_given_where_the_study_has_them(study, tmp_path):
    clips = synthesize(study, tmp_path / "clips")
    with pytest.raises(StudyError, match="go with a study that has"):
        distill(study, clips, label(study, clips, tmp_path / "labels"), tmp_path / "student")


def test_a_study_from_before_has_no_word_of_real_clips(study):
    table = study_table(replace(study, data=(), training=replace(study.training, real_share=0.0)))
    assert "data" not in table and not {"real_share", "start"} & set(table["training"])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"data": ()}, "go together, got 0 data sets and 0.5"),
        ({"teacher": Teacher()}, "the simulator's truth knows no real clip"),
        ({"training": Training(window=4, size=16, batch=4, real_share=1.0)}, "clips.train.count must be 0, got 4"),
    ],
)
def test_contradictions_are_refused(study, changes, fault):
    with pytest.raises(StudyError, match=fault):
        replace(study, **changes)


def test_paths_start_at_the_study_file_and_bundled_names_stay(tmp_path):
    text = (
        'name = "m"\nteacher = { kind = "model", name = "teacher" }\ntraining = { batch = 4, real_share = 0.5, START }'
        "\n"
        "[clips]\ntrain = { count = 4, frames = 30 }\nvalidation = { count = 1, frames = 30 }\n"
        'test = { count = 1, frames = 30 }\n[[data]]\npath = "real"\nexclude = "curation.csv"\nreasons = ["static"]\n'
    )
    for start, wanted in (("b4", "b4"), ("mine", str((tmp_path / "mine").resolve()))):
        (tmp_path / "s.toml").write_text(text.replace("START", f'start = "{start}"'))
        study = read_study(tmp_path / "s.toml")
        assert study.training.start == wanted
        assert study.data[0].path == (tmp_path / "real").resolve()
        assert study.data[0].exclude == (tmp_path / "curation.csv").resolve()
