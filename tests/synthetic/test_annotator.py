"""Two annotators see the same frames: the anatomist draws the endocardium, the human what humans draw."""

from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.synthetic.annotator import ANATOMICAL, ANNOTATORS, TRACED
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.heart import heart
from echodfkd.synthetic.recipe import Conditions, draw_recipe

LV, MYOCARDIUM = 0, 1
WIDE = {"probe_x": 0.5, "probe_y": -0.3, "half_angle": 80, "steer": 0, "depth": 2}
"""A sector that holds the whole image: what lies beyond it nobody labels."""


def recipes(count=2, frames=24, **tracing):
    """Clips at 30 to 40 frames a second whose outlines lie in every frame as those dials say."""
    drawn = [draw_recipe(Conditions(fps=(30, 40)), 11, number, frames) for number in range(count)]
    still = tracing | {f"{name}_more": 0.0 for name in tracing}
    wide = [replace(r, acoustics=replace(r.acoustics, **WIDE)) for r in drawn]
    return [replace(r, tracing=replace(r.tracing, **still)) for r in wide]


def masks(clips, annotator):
    """(clip, time, structure, height, width) bool of the LV and its wall."""
    return generate(clips, structures=("lv", "myocardium"), annotator=annotator).masks > 0


def on_the_image(line, size=112):
    """Value of lines (time, 3) at the centres of an image's pixels: (time, size, size)."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    a, b, c = (line[:, i, None, None] for i in range(3))
    return a * x + b * y + c


def shape(recipe):
    return heart(recipe.anatomy, recipe.tracing, cycle(recipe.rhythm, recipe.frames))


def test_annotators_trace_the_same_frames_and_know_the_same_truth():
    made = [generate(recipes(), annotator=annotator) for annotator in ANNOTATORS]
    assert np.array_equal(made[0].frames, made[1].frames)
    assert made[0].truths == made[1].truths
    assert not np.array_equal(made[0].masks, made[1].masks)


def test_an_outline_that_lies_on_the_endocardium_is_it():
    clips = recipes(septal=0, apical=0, lateral=0, base=0)
    assert np.array_equal(masks(clips, ANATOMICAL), masks(clips, TRACED))


def test_an_outline_inside_the_endocardium_is_contained_in_it():
    clips = recipes(4, septal=2, apical=2, lateral=2, base=4)
    inside, whole = masks(clips, TRACED)[:, :, LV], masks(clips, ANATOMICAL)[:, :, LV]
    assert not (inside & ~whole).any()
    assert (inside.sum(axis=(2, 3)) < 0.95 * whole.sum(axis=(2, 3))).all()


@pytest.mark.parametrize("inset", [-2.0, 2.0])
def test_areas_are_those_of_the_two_outlines(inset):
    clips = recipes(3, septal=inset, apical=inset, lateral=inset, base=0)
    for annotator, line in ((ANATOMICAL, "inner"), (TRACED, "traced")):
        for recipe, labelled in zip(clips, masks(clips, annotator)[:, :, LV], strict=True):
            found = shape(recipe)
            x, y = np.moveaxis(getattr(found, line)[:, 7:-7], -1, 0)
            shoelace = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
            assert labelled.sum(axis=(1, 2)) * (found.side / 112) ** 2 == pytest.approx(shoelace, rel=0.02)


@pytest.mark.parametrize(("where", "sign"), [("septal", -1), ("lateral", 1)])
def test_a_side_s_inset_moves_that_side(where, sign):
    none = {"septal": 0, "apical": 0, "lateral": 0, "base": 0}
    clips = recipes(**{**none, where: 3})
    for recipe, whole, inside in zip(clips, masks(clips, ANATOMICAL), masks(clips, TRACED), strict=True):
        across = on_the_image(shape(recipe).frame[:, 1])
        moved = whole[:, LV] & ~inside[:, LV]
        assert moved.any(axis=(1, 2)).all()
        assert (sign * across[moved] > 0).mean() > 0.9


def test_nothing_below_the_closing_line_is_labelled_ventricle_or_wall():
    clips = recipes(septal=0, apical=0, lateral=0, base=6)
    for recipe, labelled in zip(clips, masks(clips, TRACED), strict=True):
        beyond = on_the_image(shape(recipe).closing) > 0.1
        assert beyond.any()
        assert not (labelled.any(axis=1) & beyond).any()


def test_a_human_who_closes_at_the_leaflets_leaves_out_a_strip_as_high_as_said():
    clips = recipes(septal=0, apical=0, lateral=0, base=5)
    for recipe, whole, inside in zip(clips, masks(clips, ANATOMICAL), masks(clips, TRACED), strict=True):
        found = shape(recipe)
        left_out = on_the_image(found.closing)[whole[:, LV] & ~inside[:, LV]]
        assert left_out.min() > -0.1
        assert left_out.max() == pytest.approx(5, abs=0.5 * found.side / 112 + 0.2)


def test_an_annotator_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match="anatomical, traced, got tight"):
        generate(recipes(1, 2), annotator="tight")
