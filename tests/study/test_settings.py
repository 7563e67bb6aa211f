from pathlib import Path

import pytest

from echodfkd.errors import StudyError
from echodfkd.student.settings import FramewiseSettings, NetworkSettings
from echodfkd.study.file import read_study
from echodfkd.study.settings import study_from, study_table

ELSEWHERE = {"judge"}  # a study of another kind, read by studies/judge.py
FOUND = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))
STUDIES = [path for path in FOUND if path.stem not in ELSEWHERE]
CLIPS = {name: {"count": 2, "frames": 30} for name in ("train", "validation", "test")}


def refusal(table: dict) -> str:
    with pytest.raises(StudyError) as caught:
        study_from(table, "s.toml")
    return str(caught.value)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_repository_is_sound(path):
    assert read_study(path).name == path.stem


def test_a_study_survives_the_table_it_is_kept_as():
    study = read_study(STUDIES[0])
    assert study_from(study_table(study)) == study


def test_a_kind_of_student_chooses_its_settings_and_none_is_the_recurrent_one():
    framewise = study_from({"name": "x", "clips": CLIPS, "student": {"kind": "framewise", "filters": 8}})
    recurrent = study_from({"name": "x", "clips": CLIPS, "student": {"filters": 8}})
    assert framewise.student == FramewiseSettings(filters=8) and recurrent.student == NetworkSettings(filters=8)
    for study in (framewise, recurrent):
        assert study_from(study_table(study)) == study
    assert set(study_table(recurrent)["student"]) == {"blocks", "layers", "structures", "skip", "filters", "glance"}


def test_every_fault_is_told_at_once_in_one_line():
    told = refusal({"clips": {**CLIPS, "shards": 3}, "sed": 1, "training": {"loss": "mse", "epochs": "many"}})
    assert "\n" not in told and told.startswith("s.toml: ")
    for fault in (
        "unknown key sed, did you mean seed?",
        "unknown key clips.shards, did you mean shard?",
        "missing key name",
        "training.loss: input should be 'bce', 'dice' or 'bce+dice', got 'mse'",
        "training.epochs: input should be a valid integer, got 'many'",
    ):
        assert fault in told


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"clips": {**CLIPS, "train": {"count": 1_000_001, "frames": 30}}}, "at most 1,000,000 clips, got 1,000,001"),
        ({"training": {"window": 31}}, "clips.train.frames (30) is shorter than training.window (31)"),
        ({"training": {"size": 50}}, "training.size (50) must be a multiple of 8 for B4,1"),
        ({"training": {"size": 224}}, "training.size (224) is larger than the clips' 112"),
        ({"teacher": {"kind": "archive"}}, "teacher.path goes with kind = 'archive'"),
        ({"teacher": {"path": "masks"}}, "teacher.path goes with kind = 'archive'"),
        ({"teacher": {"kind": "archive", "name": "b4"}}, "got kind = 'archive', path = None and name = b4"),
        ({"teacher": {"kind": "model"}}, "one of teacher.path and teacher.name with kind = 'model'"),
        ({"teacher": {"kind": "model", "path": "m", "name": "b4"}}, "path = m and name = b4"),
        ({"student": {"kind": "u-net"}}, "student.kind: input should be 'framewise', got 'u-net'"),
        ({"student": {"kind": "framewise", "blocks": 3}}, "unknown key student.blocks (known: kind, levels"),
        ({"student": {"kind": "framewise", "levels": "3"}}, "student.levels: input should be a valid integer, got '3'"),
        ({"student": {"layer": 3}}, "unknown key student.layer, did you mean layers?"),
        ({"student": {"blocks": True}}, "student.blocks: input should be a valid integer, got True"),
        ({"student": 3}, "student: input should be an object, got 3"),
        ({"student": {"blocks": 9}}, "student.blocks must be a whole number from 1 to 4, got 9"),
        ({"student": {"structures": ["lv", "aorta"]}}, "got ['lv', 'aorta']"),
        ({"student": {"structures": ["rv"]}}, "student.structures must hold lv"),
        (
            {"student": {"structures": ["lv", "la"]}, "clips": {**CLIPS, "structures": ["lv"]}},
            "student.structures has la",
        ),
        ({"clips": {**CLIPS, "train": {"count": 0, "frames": 30}}}, "at least one clip of one frame, got 0 of 30"),
        ({"training": {"learning_rate": 0}}, "training.learning_rate must lie between 0 and 1, got 0"),
        ({"conditions": {"ejection_fraction": [60, 20]}}, "ejection_fraction"),
        ({"conditions": {"heart_rate": "fast"}}, "conditions.heart_rate"),
        ({"student": {"kind": "framewise"}, "hindsight": True}, "hindsight is for students with a memory"),
        ({"hindsight": 1}, "hindsight: input should be a valid boolean, got 1"),
        (
            {"label_free": {"snapshots": [1]}, "training": {"start": "b4", "start_share": 0.5}},
            "label_free.snapshots are students as they were taught: training.start_share must be 0",
        ),
        ({"hindsight_zoom": 1.1}, "hindsight_zoom lies between 0.5 and 2 and goes with hindsight, got 1.1"),
        ({"hindsight": True, "hindsight_zoom": 3.0}, "hindsight_zoom lies between 0.5 and 2"),
        ({"clips": {**CLIPS, "fresh": True}}, "clips.train.frames (30) must be training.window (25)"),
        (
            {"clips": {**CLIPS, "fresh": True}, "teacher": {"kind": "archive", "path": "masks"}},
            "the teacher must see every new clip, which an archive of masks cannot",
        ),
        ({"training": {"stills": 1.5}}, "training.stills is a share of windows, 0..1, got 1.5"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"clips": 3}, "clips"),
    ],
)
def test_nonsense_and_contradictions_are_refused_with_the_value(table, fault):
    assert fault in refusal({"name": "x", "clips": CLIPS} | table)


def test_unreadable_studies_are_refused_in_one_line(tmp_path):
    (tmp_path / "bad.toml").write_text("name = [")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    for name in ("bad.toml", "latin.toml", "missing.toml", "."):
        with pytest.raises(StudyError) as caught:
            read_study(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_teachers_path_starts_at_the_study_file(tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\nteacher = { kind = "archive", path = "masks" }\n[clips]\n'
        + "\n".join(f"{name} = {{ count = 1, frames = 30 }}" for name in CLIPS)
    )
    assert read_study(tmp_path / "s.toml").teacher.path == (tmp_path / "masks").resolve()
