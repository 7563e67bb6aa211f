"""What a student's memory holds of drawn hearts, and how strange to it other pictures are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import StudyError
from echodfkd.student.card import Card
from echodfkd.student.familiar import as_table, familiar, features_of, of_table, telling
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


OTHERS = {"mirrored": (2, 4.0), "two-chamber": (5, -4.0)}
"""By view, the feature in which it differs from a heart, and by how many deviations."""


def other(known, name, seed, count=60):
    feature, off = OTHERS[name]
    seen = hearts(seed, count)
    seen[:, feature] += off * known.deviation[feature]
    return seen


@pytest.fixture(scope="module")
def taught(known):
    return telling(known, hearts(3), {name: other(known, name, 4) for name in OTHERS})


def test_other_views_are_told_from_hearts_and_from_each_other(known, taught):
    assert taught.views == tuple(OTHERS)
    assert np.mean([taught.odds(one).max() < 0 for one in hearts(5, 200)]) > 0.9
    for number, name in enumerate(OTHERS):
        odds = np.array([taught.odds(one) for one in other(known, name, 6)])
        assert np.mean(odds.argmax(axis=1) == number) > 0.9 and np.mean(odds.max(axis=1) > 0) > 0.9


def test_a_view_of_few_pictures_weighs_as_much_as_any(known):
    few, many = (telling(known, hearts(3), {"mirrored": other(known, "mirrored", 4, count)}) for count in (40, 400))
    for seen in (hearts(5, 200), other(known, "mirrored", 6)):  # a tenth of the pictures alone would shift them by 2.5
        assert np.mean([few.odds(one) - many.odds(one) for one in seen]) == pytest.approx(0, abs=0.5)


def test_a_feature_far_from_all_counts_no_more_than_one_that_is_far(taught):
    far, farther = (taught.mean + off * taught.deviation for off in (6, 600))
    assert taught.odds(far) == pytest.approx(taught.odds(farther))


def test_who_was_taught_no_other_views_gives_none(known):
    assert known.odds(known.mean).shape == (0,)


def test_a_table_tells_the_same_views(taught):
    again = of_table(json.loads(json.dumps(as_table(taught))))
    assert again.views == taught.views
    for one in hearts(2, 5):
        assert again.odds(one) == pytest.approx(taught.odds(one), rel=0.02, abs=0.02)


@pytest.mark.parametrize("change", [{"views": ["mirrored"]}, {"weights": [[1.0]]}, {"offsets": [0.0]}, {"views": 3}])
def test_views_that_do_not_belong_to_their_weights_are_refused(taught, change):
    with pytest.raises(StudyError, match="familiar"):
        Card(familiar=as_table(taught) | change)


@pytest.mark.parametrize("change", [{"mean": [1, 2]}, {"along": [1.0]}, {"beside": 0.0}, {"axes": "x"}, {"more": 1}])
def test_numbers_that_do_not_belong_together_are_refused(known, change):
    with pytest.raises(StudyError, match="familiar"):
        Card(familiar=as_table(known) | change)


def test_graph_and_network_hold_the_same_of_a_frame_and_another_view_is_stranger():
    frame = generate([draw_recipe(Conditions(quality=(0.8, 1)), 5, 2, 1)]).frames[0, 0]
    graph, network = load_student("b4"), load_student("b4", "torch")
    off = np.abs(graph.features(frame) - network.features(frame))
    assert off.mean() < 0.02 and off.max() < 0.2  # in whole numbers
    assert graph.strangeness(frame)[0] == pytest.approx(network.strangeness(frame)[0], abs=0.15)
    assert graph.strangeness(frame)[0] < graph.strangeness(np.ascontiguousarray(frame[::-1]))[0]
    assert graph.strangeness(frame)[0] < graph.strangeness(other_view("eye", 1)[0])[0]


@pytest.mark.parametrize("name", ["b4", "b3"])
def test_a_bundled_model_tells_mirrored_hearts_it_was_not_taught_by(name):
    model = load_student(name)
    frames = generate([draw_recipe(Conditions(quality=(0.6, 1)), 17, number, 1) for number in range(24)]).frames[:, 0]
    seen = np.array([model.strangeness(frame)[1:] for frame in frames])
    turned = np.array([model.strangeness(np.ascontiguousarray(frame[:, ::-1]))[1:] for frame in frames])
    mirrored = model.familiar.views.index("mirrored")
    assert np.mean(turned[:, mirrored] > seen[:, mirrored]) >= 0.95
    assert np.mean(turned.argmax(axis=1) == mirrored) >= 0.75


def test_a_student_whose_card_knows_no_hearts_finds_nothing_strange(student_folder):
    assert load_student(student_folder).strangeness(np.zeros((30, 40), np.uint8)) is None
