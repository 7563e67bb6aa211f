import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.synthetic.annotator import TIGHT_IN_SYSTOLE, Annotator
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe


@pytest.fixture(scope="module")
def recipes():
    return [draw_recipe(Conditions(fps=(30, 40)), 11, number, 48) for number in range(2)]


@pytest.fixture(scope="module")
def anatomical(recipes):
    return generate(recipes, structures=("lv", "myocardium"))


def areas(rendered):
    """(clip, time) pixels of the LV."""
    return (rendered.masks[:, :, 0] > 0).sum(axis=(2, 3))


def test_a_tight_annotator_draws_less_in_systole_and_the_same_frames(recipes, anatomical):
    tight = generate(recipes, structures=("lv", "myocardium"), annotator=Annotator(systolic_inset=1.5))
    assert np.array_equal(tight.frames, anatomical.frames)
    assert not (tight.masks[:, :, 0] & ~anatomical.masks[:, :, 0]).any()
    for lost, truth in zip(1 - areas(tight) / areas(anatomical), anatomical.truths, strict=True):
        assert lost[truth.ed_frames[0]] < 0.02
        assert lost[truth.es_frames[0]] > 0.04


def test_what_a_tight_annotator_leaves_out_is_myocardium(recipes, anatomical):
    tight = generate(recipes, structures=("lv", "myocardium"), annotator=Annotator(diastolic_inset=2, systolic_inset=2))
    assert np.array_equal((tight.masks > 0).any(axis=2), (anatomical.masks > 0).any(axis=2))


def test_a_generous_annotator_adds_at_the_apex_alone(recipes, anatomical):
    generous = generate(recipes[:1], structures=("lv",), annotator=Annotator(apical_reach=2.0))
    added = (generous.masks[0, 0, 0] > 0) & ~(anatomical.masks[0, 0, 0] > 0)
    assert added.any()
    assert np.nonzero(added)[0].max() < np.percentile(np.nonzero(anatomical.masks[0, 0, 0])[0], 75)


def test_an_inset_beyond_reason_is_refused():
    with pytest.raises(InputError, match=r"systolic_inset lies within -5..5 mm, got 9"):
        Annotator(systolic_inset=9)


def test_the_truth_is_anatomical_whoever_traces(recipes, anatomical):
    assert generate(recipes, annotator=TIGHT_IN_SYSTOLE).truths == anatomical.truths
