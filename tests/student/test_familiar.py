"""What a student's memory holds of drawn hearts, and how strange to it other pictures are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import StudyError
from echodfkd.student.card import Card
from echodfkd.student.familiar import as_table, familiar, features_of, of_table
from echodfkd.student.student import load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.other_views import other_view
from echodfkd.synthetic.recipe import Conditions, draw_recipe


@pytest.fixture(scope="module")
def known():
    return familiar(hearts(0))


def hearts(seed, count=400):
    """Features that go together in three ways, and otherwise each for itself."""
    draw = np.random.default_rng(seed)
    ways = np.random.default_rng(9).normal(size=(3, 24))
    return 5 + draw.normal(size=(count, 3)) @ ways + draw.normal(size=(count, 24))


def test_features_are_mean_and_maximum_of_each_channels_size():
    memory = np.array([[[1, -3], [0, 0]], [[2, 2], [2, -2]]], np.float32)
    assert features_of(memory).tolist() == [1, 2, 3, 2]
    assert features_of(-memory).tolist() == features_of(memory).tolist()


def test_the_mean_heart_is_not_strange_and_others_like_it_are_about_one_away(known):
    assert known.distance(known.mean) == 0
    assert np.mean([known.distance(one) ** 2 for one in hearts(1)]) == pytest.approx(1, abs=0.3)


def test_what_no_heart_was_like_is_far(known):
    ordinary = max(known.distance(one) for one in hearts(1))
    assert known.distance(known.mean + 8 * known.deviation) > ordinary
    across = np.zeros(24)
    across[3] = 12 * known.deviation[3]
    assert known.distance(known.mean + across) > known.distance(known.mean + across / 2) > 0


def test_a_table_says_the_same(known):
    again = of_table(json.loads(json.dumps(as_table(replace(known, odd=4.0, refused=5.0)))))
    assert (again.odd, again.refused) == (4, 5)
    assert [again.distance(one) for one in hearts(2, 5)] == pytest.approx(
        [known.distance(one) for one in hearts(2, 5)], rel=0.02
    )


@pytest.mark.parametrize("change", [{"mean": [1, 2]}, {"along": [1.0]}, {"beside": 0.0}, {"axes": "x"}, {"more": 1}])
def test_numbers_that_do_not_belong_together_are_refused(known, change):
    with pytest.raises(StudyError, match="familiar"):
        Card(familiar=as_table(known) | change)


def test_graph_and_network_hold_the_same_of_a_frame_and_another_view_is_stranger():
    frame = generate([draw_recipe(Conditions(quality=(0.8, 1)), 5, 2, 1)]).frames[0, 0]
    graph, network = load_student("b4"), load_student("b4", "torch")
    off = np.abs(graph.features(frame) - network.features(frame))
    assert off.mean() < 0.02 and off.max() < 0.2  # in whole numbers
    assert graph.strangeness(frame) == pytest.approx(network.strangeness(frame), abs=0.15)
    assert graph.strangeness(frame) < graph.strangeness(np.ascontiguousarray(frame[::-1]))
    assert graph.strangeness(frame) < graph.strangeness(other_view("eye", 1)[0])


def test_a_student_whose_card_knows_no_hearts_finds_nothing_strange(student_folder):
    assert load_student(student_folder).strangeness(np.zeros((30, 40), np.uint8)) is None
