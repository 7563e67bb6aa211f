import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.synthetic import framing, population
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.distributions import TABLE, Normal, Sometimes, Uniform, as_markdown
from echodfkd.synthetic.heart import heart, holds_its_centre, sound
from echodfkd.synthetic.pathology import CHANGES
from echodfkd.synthetic.pathology import as_markdown as illnesses
from echodfkd.synthetic.recipe import GENERATOR, ClipRecipe, Conditions, dial_names, draw_recipe


def test_a_recipe_survives_json_exactly():
    recipe = draw_recipe(Conditions(), 3, 7, 40)
    assert ClipRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_draw_depends_on_seed_and_number_alone():
    assert draw_recipe(Conditions(), 1, 5, 30) == draw_recipe(Conditions(), 1, 5, 30)
    assert draw_recipe(Conditions(), 1, 5, 30) != draw_recipe(Conditions(), 1, 6, 30)
    assert draw_recipe(Conditions(), 1, 5, 30) != draw_recipe(Conditions(), 2, 5, 30)


def test_another_quality_leaves_anatomy_and_rhythm_alone():
    good = draw_recipe(Conditions(quality=(1, 1)), 1, 5, 30)
    bad = draw_recipe(Conditions(quality=(0, 0)), 1, 5, 30)
    assert (good.anatomy, good.rhythm, good.display) == (bad.anatomy, bad.rhythm, bad.display)
    assert bad.acoustics.haze > good.acoustics.haze


def test_conditions_are_honoured():
    conditions = Conditions(ejection_fraction=(30, 35), heart_rate=(60, 62), fps=(50, 50), quality=(0.5, 0.6))
    for recipe in (draw_recipe(conditions, 0, number, 30) for number in range(20)):
        assert 30 <= recipe.rhythm.ejection_fraction <= 35
        assert 60 <= recipe.heart_rate <= 62
        assert recipe.rhythm.fps == 50
        assert 0.5 <= recipe.quality <= 0.6
        assert 60 / np.mean(recipe.rhythm.intervals) == pytest.approx(recipe.heart_rate, rel=0.06)


def test_an_illness_changes_what_it_names_and_nothing_else():
    well = draw_recipe(Conditions(hypertrophic=0, dilated=0, small=0, foreshortened=0), 1, 5, 30)
    thick = draw_recipe(Conditions(hypertrophic=1, dilated=0, small=0, foreshortened=0), 1, 5, 30)
    assert thick.pathology == ("hypertrophic", *well.pathology)
    assert thick.anatomy.septum == pytest.approx(well.anatomy.septum + CHANGES["hypertrophic"]["anatomy.septum"])
    assert (thick.anatomy.length, thick.tissue, thick.rhythm) == (well.anatomy.length, well.tissue, well.rhythm)


def test_only_weak_hearts_are_dilated():
    for low, high in ((15, 40), (50, 75)):
        drawn = [draw_recipe(Conditions(ejection_fraction=(low, high), dilated=1), 0, k, 30) for k in range(5)]
        assert all(("dilated" in recipe.pathology) == (high == 40) for recipe in drawn)


def test_a_held_dial_has_its_value_in_every_clip_and_moves_no_other():
    free = draw_recipe(Conditions(), 1, 5, 30)
    held = draw_recipe(Conditions(held={"tissue.ridge": 0, "tissue.segments": 2, "acoustics.haze": -90}), 1, 5, 30)
    assert (held.tissue.ridge, held.tissue.segments, held.acoustics.haze) == (0, (2.0,) * 9, -90)
    assert replace(held.tissue, ridge=free.tissue.ridge, segments=free.tissue.segments) == free.tissue
    assert (held.anatomy, held.rhythm, held.display) == (free.anatomy, free.rhythm, free.display)


@pytest.mark.parametrize("name", ["anatomy.base_x", "anatomy.length_share_es", "anatomy.septal", "anatomy.lateral_es"])
def test_a_dial_of_the_population_may_be_held(name):
    value, dial = 0.42, name.split(".")[1]
    for number in range(3):
        held = draw_recipe(Conditions(held={name: value}), 1, number, 30).anatomy
        assert getattr(held, dial) == ((value,) * 4 if population.counts()[name] == 4 else value)
    free = draw_recipe(Conditions(cropped=1, full_depth=0, held={"anatomy.axis_es": 0}), 1, 2, 30)
    assert (
        replace(free.anatomy, axis_es=5.0)
        == draw_recipe(Conditions(cropped=1, full_depth=0, held={"anatomy.axis_es": 5}), 1, 2, 30).anatomy
    )


def test_illnesses_name_dials_and_conditions():
    assert {name for changes in CHANGES.values() for name in changes} <= dial_names()
    assert all(hasattr(Conditions(), name) for name in CHANGES)


def test_arrhythmia_makes_beats_irregular():
    steady = draw_recipe(Conditions(arrhythmia=0), 0, 1, 400).rhythm
    shaken = draw_recipe(Conditions(arrhythmia=1), 0, 1, 400).rhythm
    assert np.std(shaken.intervals) > 3 * np.std(steady.intervals)
    assert shaken.atrial_share == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"ejection_fraction": (60, 40)},
            r"ejection_fraction .*5\.\.85, got \(60, 40\)",
        ),
        ({"heart_rate": (0, 60)}, r"heart_rate .*30\.\.200"),
        ({"fps": (50, 5000)}, r"fps .*10\.\.400"),
        ({"quality": (0, 2)}, r"quality .*0\.\.1"),
        ({"arrhythmia": 1.5}, "arrhythmia .*share"),
        ({"cropped": -0.1}, r"cropped .*got -0\.1"),
        ({"full_depth": 1}, r"cropped and full_depth .*got 0\.6 and 1"),
        ({"fps": (float("nan"), 50)}, "fps"),
        ({"held": {"tissue.rigde": 0}}, r"tissue\.rigde: .*tissue\.ridge"),
        ({"held": {"tissue.ridge": float("nan")}}, r"tissue\.ridge .*got nan"),
        ({"held": {"tissue.ridge": float("inf")}}, r"tissue\.ridge .*got inf"),
        ({"held": {"acoustics.coherence": 1}}, r"coherence .*below 1, got 1\.0"),
        ({"held": {"tissue.ridge_place": 1.2}}, r"ridge_place .*got 1\.2"),
        ({"held": {"tissue.gap_width": 0}}, r"gap_width .*got \(0\.0, 0\.0\)"),
        ({"held": {"display.logo": 300}}, r"logo .*got 300\.0"),
        ({"held": {"anatomy.coaptation": 0}}, r"coaptation .*got 0\.0"),
        ({"held": {"anatomy.septl": 0.3}}, r"anatomy\.septl: .*anatomy\.septal"),
        ({"held": {"anatomy.base_width_es": 0}}, r"base_width_es .*got 0\.0"),
        ({"held": {"tracing.base": 20}}, r"base .*got 20\.0"),
        ({"held": {"rhythm.phase": -0.1}}, r"phase .*got -0\.1"),
        ({"held": {"acoustics.depth": 0.05}}, "nearest < depth"),  # some nearest is nearer
        ({"held": {"rhythm.early_filling": 0.75}}, "sum below 1"),  # with some atrial kicks
    ],
)
def test_conditions_refuse_nonsense(change, words):
    with pytest.raises(InputError, match=words):
        Conditions(**change)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_dial_may_be_held_at_either_end_of_what_is_drawn(row):
    for chance in (0, 0.5, 1):
        value = row.distribution.at(chance)
        assert Conditions(held={row.name: value}).held == {row.name: value}


@pytest.mark.parametrize("name", population.counts())
def test_every_dial_of_the_population_may_be_held_near_its_mean(name):
    told, dial = population.statistics(), name.removeprefix("anatomy.")
    place = next(k for k, number in enumerate(told["numbers"]) if number.split(".")[0] == dial)
    for side in (-2, 0, 2):
        value = told["mean"][place] + side * told["deviation"][place]
        value = float(np.exp(value)) if dial in population.LOGARITHMS else value
        assert Conditions(held={name: value}).held == {name: value}


@pytest.mark.parametrize("gone", ["anatomy.length", "tracing.base", "rhythm.late_closure", "tracing"])
def test_a_recipe_of_another_version_is_refused(gone):
    values = draw_recipe(Conditions(), 0, 0, 10).to_dict()
    group, *dial = gone.split(".")
    del (values[group] if dial else values)[dial[0] if dial else group]
    with pytest.raises(InputError, match="clip recipe"):
        ClipRecipe.from_dict(values)


def test_every_clip_that_is_drawn_has_a_sound_heart():
    for recipe in [draw_recipe(Conditions(), 6, number, 4) for number in range(60)]:
        assert sound(recipe.anatomy)
        assert holds_its_centre(recipe.anatomy, recipe.tracing, recipe.rhythm.ejection_fraction)


def test_a_narrow_heart_traced_far_outside_its_lateral_wall_is_drawn_again(monkeypatch):
    """The first draw of this clip, one of some hundred thousand, ended a training."""
    kept = draw_recipe(Conditions(), 132, 3042985, 5)
    monkeypatch.setattr("echodfkd.synthetic.recipe.ATTEMPTS", 1)
    first = draw_recipe(Conditions(), 132, 3042985, 5)
    assert sound(first.anatomy)
    assert not holds_its_centre(first.anatomy, first.tracing, first.rhythm.ejection_fraction)
    assert holds_its_centre(kept.anatomy, kept.tracing, kept.rhythm.ejection_fraction)
    assert np.isfinite(heart(first.anatomy, first.tracing, cycle(first.rhythm, 5)).inner).all()


def test_a_clip_has_at_least_one_frame():
    with pytest.raises(InputError, match="one frame"):
        replace(draw_recipe(Conditions(), 0, 0, 10), frames=0)


def test_the_table_names_every_dial_once():
    names = [*(row.name for row in TABLE), *population.counts()]
    made_elsewhere = {f"rhythm.{name}" for name in ("fps", "ejection_fraction", "intervals", "fillings", "residuals")}
    assert len(set(names)) == len(names)
    assert set(names) | made_elsewhere == dial_names()


def test_every_row_gives_a_reason():
    assert all(row.reason for row in TABLE)


def test_distributions_keep_their_bounds_and_their_middle():
    chances = np.linspace(0.001, 0.999, 101)
    normal = [Normal(10, 2, 5, 15).at(c) for c in chances]
    assert min(normal) >= 5
    assert max(normal) <= 15
    assert normal[50] == pytest.approx(10)
    assert Uniform(2, 4).at(0.25) == 2.5
    assert Sometimes(0.5, 1, 3).at(0.25) == 2
    assert Sometimes(0.5, 1, 3).at(0.75) == 0


def test_the_documentation_shows_the_tables():
    page = Path(__file__).parents[2] / "docs" / "explanation" / "simulation.md"
    assert as_markdown() in page.read_text(encoding="utf-8")
    assert framing.as_markdown() in page.read_text(encoding="utf-8")
    assert illnesses() in page.read_text(encoding="utf-8")


def test_importing_recipes_reads_no_statistics():
    code = (
        "import echodfkd.synthetic.recipe\n"
        "from echodfkd.synthetic import population\n"
        "echodfkd.synthetic.recipe.Conditions()\n"
        "assert population.statistics.cache_info().currsize == 0"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_recipes_can_be_drawn_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from echodfkd.synthetic.recipe import Conditions, draw_recipe\n"
        "draw_recipe(Conditions(), 0, 0, 9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_recipe_that_changes_wants_another_generator_number():
    """The dials of one clip by seed, to six digits: where they move, raise GENERATOR and renew the digest."""

    def rounded(value):
        if isinstance(value, dict):
            return {key: rounded(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [rounded(inner) for inner in value]
        return f"{value:.6g}" if isinstance(value, float) else value

    told = json.dumps(rounded(draw_recipe(Conditions(), 11, 5, 40).to_dict()), sort_keys=True)
    assert (GENERATOR, hashlib.sha256(told.encode()).hexdigest()[:16]) == (3, "d3f563d5355c6f9d")
