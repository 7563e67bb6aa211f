"""What a search may be told, and what is wrong with it."""

import pytest

from echodfkd.errors import StudyError
from echodfkd.study.dials import with_dials
from echodfkd.study.settings import study_from, study_table

CLIPS = {name: {"count": 2, "frames": 30} for name in ("train", "validation", "test")}
RATE = {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}


def study_of(search: dict, **more):
    return study_from({"name": "x", "clips": CLIPS, "search": search, **more}, "s.toml")


@pytest.mark.parametrize(
    ("search", "lesson"),
    [
        ({"dials": {}}, "needs dials"),
        ({"dials": {"training.learnin_rate": RATE["training.learning_rate"]}}, "did you mean training.learning_rate"),
        ({"dials": {"training.batch": {"low": 4}}}, "low = 4"),
        ({"dials": {"training.batch": {"low": 8, "high": 4}}}, "low = 8, high = 4"),
        ({"dials": {"training.batch": {"choices": [4, 4]}}}, r"\(4, 4\)"),
        (
            {"dials": {"training.batch": {"low": 4, "high": 8, "chioces": [4]}}},
            "unknown key search.dials.training.batch",
        ),
        ({"dials": RATE, "trials": 0}, "search.trials must be at least 1, got 0"),
        ({"dials": RATE, "sampler": "grid"}, "A grid needs"),
        (
            {
                "dials": {
                    "training.window": {"low": 5, "high": 9, "also": ["training.batch"]},
                    "training.batch": {"low": 1, "high": 2},
                }
            },
            "training.batch more than once",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused_with_its_dial(search, lesson):
    with pytest.raises(StudyError, match=lesson):
        study_of(search)


def test_a_search_goes_with_drawn_clips_and_one_student():
    with pytest.raises(StudyError, match=r"\[sizes\] and \[search\]"):
        study_of({"dials": RATE}, sizes={})


def test_a_searchs_students_begin_anew():
    with pytest.raises(StudyError, match=r"\[search\] goes without training\.start"):
        study_of({"dials": RATE}, training={"start": "b4"})


def test_dials_are_set_by_name_and_others_with_them():
    search = {"dials": {"training.window": {"low": 5, "high": 9, "also": ["clips.validation.frames"]}}}
    found = with_dials(study_of(search), {"training.window": 7})
    assert (found.training.window, found.clips.validation.frames, found.search) == (7, 7, None)


def test_a_study_with_a_search_survives_the_table_it_is_kept_as():
    study = study_of({"dials": RATE})
    assert study_from(study_table(study)) == study


def test_a_grid_has_both_ends():
    assert study_of({"dials": {"student.blocks": {"low": 1, "high": 4}}}).search.dials["student.blocks"].grid == (
        1,
        2,
        3,
        4,
    )
    steps = study_of({"dials": {"training.average": {"low": 0.1, "high": 0.5, "step": 0.2}}}).search
    assert steps.dials["training.average"].grid == pytest.approx((0.1, 0.3, 0.5))
