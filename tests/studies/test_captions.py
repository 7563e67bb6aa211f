"""Captions: what is said of a picture is as true as the simulator knows it to be."""

import numpy as np
import pytest
from scripts import script

from echodfkd.errors import InputError
from echodfkd.evidence.words.prompts import read_prompts

captions = script("studies/captions.py")
STATEMENTS, Sight, fraction_statement = captions.STATEMENTS, captions.Sight, captions.fraction_statement
stacked, truth = captions.stacked, captions.truth


def of(topic: str, **sight: float) -> float:
    """How true a topic is of one heart."""
    return float(truth([STATEMENTS[topic]], stacked([Sight(1.0, **sight)]))[0, 0])


def test_every_truth_is_a_share_or_unknown():
    chance = np.random.default_rng(0)
    levels = {name: chance.random() for name in ("opening", "quality", "lv_black", "rim_seen", "rv_black", "la_black")}
    sights = stacked([Sight(1.0, ejection_fraction=55, atrium_mm=40, ventricle_mm=30, **levels), Sight(0.0)])
    values = truth([*STATEMENTS.values(), fraction_statement(50)], sights)
    known = values[~np.isnan(values)]
    assert values.shape == (2, len(STATEMENTS) + 1)
    assert ((known >= 0) & (known <= 1)).all()


def test_a_valve_is_closed_open_or_in_between():
    assert [of("valve closed", opening=v) for v in (0, 0.15, 0.3, 1)] == [1, 0.5, 0, 0]
    assert [of("valve open", opening=v) for v in (0, 0.15, 0.3, 1)] == [0, 0.5, 1, 1]


def test_the_black_region_is_the_ventricle_the_better_the_closer_it_fits():
    fits = [of("left ventricle", lv_black=v) for v in (0, 0.7, 0.85, 0.95, 1)]
    assert fits == sorted(fits) and fits[2] == pytest.approx(0.5) and fits[0] < 1e-6 and fits[-1] > 0.95


def test_nothing_is_the_opposite():
    assert of("nothing", lv_black=0.9) == pytest.approx(1 - of("left ventricle", lv_black=0.9))


def test_a_wall_under_paint_is_not_seen():
    assert of("wall", rim_seen=1) > 0.95 > 0.05 > of("wall", rim_seen=0.4)


def test_what_is_not_known_is_not_said():
    assert np.isnan(of("valve closed")) and np.isnan(of("foreshortened"))
    assert of("view") == 1


@pytest.mark.parametrize("percent", [20, 55, 80])
def test_the_truest_fraction_is_the_true_one(percent):
    named = [fraction_statement(k) for k in range(101)]
    values = truth(named, stacked([Sight(1.0, ejection_fraction=percent)]))[0]
    assert values.argmax() == percent and values.max() == 1


def test_every_prompt_of_the_bundled_file_is_a_caption():
    prompts = read_prompts()
    said = {text for statement in STATEMENTS.values() for text in statement.wordings}
    for group in (prompts.masks, prompts.valve, prompts.curation):
        assert {text for wordings in group.values() for text in wordings} <= said
    for number, wordings in prompts.fraction.prompts().items():
        assert set(wordings) <= set(fraction_statement(int(number.removeprefix("fraction "))).wordings)


def test_no_picture_is_refused():
    with pytest.raises(InputError, match="one picture"):
        stacked([])
