"""A cohort of teachers in one study file: who its members are, what contradicts it, and a run of one."""

import json
from dataclasses import replace

import numpy as np
import pytest

from echodfkd.commands.distill import distill
from echodfkd.distill.settings import Training
from echodfkd.distill.windows import StoreWindows, doubted
from echodfkd.errors import InputError, StudyError
from echodfkd.pipeline import run
from echodfkd.store.store import AGREEMENT, Entry, Store, StoreWriter
from echodfkd.student.card import WEIGHTS, read_card
from echodfkd.student.settings import NetworkSettings
from echodfkd.study.cohort import Cohort
from echodfkd.study.settings import Clips, Scoring, Split, Study, study_from, study_table

STUDY = Study(
    name="cohort",
    seed=3,
    clips=Clips(train=Split(4, 8), validation=Split(2, 8), test=Split(2, 40), structures=("lv",)),
    student=NetworkSettings(blocks=1, filters=4),
    training=Training(window=8, size=28, batch=2, epochs=2, learning_rate=2e-2, precision="float32", doubted=0.5),
    scoring=Scoring(resamples=100, robustness=False),
    cohort=Cohort(seeds=(1, 2), blocks=(1, 2)),
)


def test_there_is_a_member_of_every_shape_and_seed_and_the_clips_stay_the_studys():
    assert list(STUDY.members) == ["B1,1-1", "B1,1-2", "B2,1-1", "B2,1-2"]
    for name, member in STUDY.members.items():
        assert name == f"{member.student.name}-{member.seed}" and member.clips == STUDY.clips and member.cohort is None
    assert study_from(study_table(STUDY)) == STUDY


@pytest.mark.parametrize(
    ("cohort", "lesson"),
    [
        ({"seeds": [1]}, r"at least two students, got seeds \[1\]"),
        ({"seeds": [1, 1]}, r"cohort.seeds must be different numbers, got \[1, 1\]"),
        ({"seeds": [1, -2]}, r"got \[1, -2\]"),
        ({"fusion": "vote"}, "'vote'"),
    ],
)
def test_a_cohort_that_cannot_be_is_refused(cohort, lesson):
    with pytest.raises(StudyError, match=lesson):
        study_from(study_table(STUDY) | {"cohort": cohort})


@pytest.mark.parametrize(
    "more",
    [
        {"sizes": {}},
        {"student": {"kind": "framewise"}},
        {"search": {"dials": {"training.batch": {"low": 1, "high": 2}}}},
    ],
)
def test_a_cohort_is_of_recurrent_students_of_one_study(more):
    with pytest.raises(StudyError, match=r"\[cohort\]"):
        study_from(study_table(STUDY) | more)


@pytest.fixture
def labels(tmp_path) -> Store:
    """Four clips of which teachers agree on some more than on others."""
    writer = StoreWriter(tmp_path / "labels", ("lv",), (8, 8), {})
    agreed = {"a": [0.9], "b": [0.5, 0.7], "c": [0.95], "d": [0.4]}
    entries = [
        Entry(name, "train", 4, facts={AGREEMENT: [{"structure": "lv", "dice": value} for value in rows]})
        for name, rows in agreed.items()
    ]
    writer.write(0, entries, np.zeros((16, 8, 8), np.uint8), np.zeros((16, 1, 8, 8), np.uint8))
    return writer.finish(1)


def test_the_clips_that_teachers_disagree_on_are_chosen(labels):
    entries = labels.split("train")
    assert [entry.name for entry in doubted(entries, labels, 0.5)] == ["b", "d"]
    assert [entry.name for entry in doubted(entries, labels, 0.01)] == ["d"]
    assert doubted(entries, labels, 1) == entries
    source = StoreWindows(labels, labels, ("lv",), Training(window=3, size=8, batch=1, doubted=0.5), 0)
    assert {window.name for epoch in range(3) for window in source.epoch(epoch).windows} == {"b", "d"}


def test_a_choice_by_disagreement_needs_several_teachers(tmp_path):
    writer = StoreWriter(tmp_path / "labels", ("lv",), (8, 8), {})
    writer.write(0, [Entry("a", "train", 4)], np.zeros((4, 8, 8), np.uint8), np.zeros((4, 1, 8, 8), np.uint8))
    alone = writer.finish(1)
    with pytest.raises(InputError, match=r"doubted = 0.5 needs several teachers .* on a\."):
        StoreWindows(alone, alone, ("lv",), Training(window=3, size=8, doubted=0.5), 0)
    with pytest.raises(StudyError, match="doubted"):
        Training(doubted=0)
    with pytest.raises(StudyError, match=r"clips\.fresh keeps none"):
        fresh = replace(STUDY.clips, fresh=True)
        replace(STUDY, clips=fresh)


@pytest.mark.long
def test_a_run_teaches_the_cohort_and_then_the_student_by_it(tmp_path):
    found = run(STUDY, tmp_path / "run")
    scores = json.loads((tmp_path / "run" / "scores" / "cohort.json").read_text())
    assert [row["name"] for row in scores["rows"]] == ["together", *STUDY.members]
    made = read_card(tmp_path / "run" / "student").provenance["made_from"]["teacher"]
    members = [read_card(tmp_path / "run" / "cohort" / name / "student").files[WEIGHTS] for name in STUDY.members]
    assert [one["model"] for one in made["of"]] == members and len(set(members)) == len(members)
    assert (tmp_path / "run" / "cohort-labels" / "agreement.csv").is_file()
    assert "A cohort of teachers" in found.page.read_text()
    assert run(STUDY, tmp_path / "run").scores == found.scores
    with pytest.raises(StudyError, match=r"\[cohort\] has several"):
        clips = Store(tmp_path / "run" / "clips")
        distill(STUDY, clips, clips, tmp_path / "other")
