from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.files import shaped
from echodfkd.report.sections.ejection import bland_altman_figure, ejection_table, known_pairs, methods_figure, section
from echodfkd.scores.records import EjectionScores
from echodfkd.stats.agreement import BlandAltman

ROWS = [
    {"ef_true": 60.0, "ef_predicted": 55.0, "ef_area_length": 56.0, "ef_area_ratio": 40.0},
    {"ef_true": 30.0, "ef_predicted": 33.0, "ef_area_length": 34.0, "ef_area_ratio": 20.0},
    {"ef_true": 45.0, "ef_predicted": None, "ef_area_length": None, "ef_area_ratio": None},
    {"ef_true": None, "ef_predicted": 50.0, "ef_area_length": 50.0, "ef_area_ratio": 36.0},
]


def found(value, spread=1.0, n=2):
    return {"value": value, "low": value - spread, "high": value + spread, "n": n}


def errors(mae, limits=True):
    card = {key: found(mae + n) for n, key in enumerate(("mae", "bias", "rmse", "correlation", "r2"))}
    altman = {key: found(mae * 10 + n) for n, key in enumerate(("bias", "sd", "lower", "upper"))} if limits else None
    return card | {"bland_altman": altman, "without_prediction": 1}


@pytest.fixture
def scores():
    methods = {"discs": errors(1.0), "area_length": errors(2.0), "area_ratio": errors(3.0)}
    always = {"says": 50.0, "mae": found(9.0), "bias": found(0.0), "rmse": found(11.0)}
    told = {**methods["discs"], "clips": 3, "always_training_mean": always, "methods": methods}
    return shaped(EjectionScores, told)


def test_the_table_has_a_column_for_each_method_beside_the_training_mean(scores):
    table = ejection_table(scores)
    assert table.columns == ("", "discs", "area-length", "area ratio", "always the training mean", "clips")
    assert table.rows[0][1:] == (
        "1.00 (0.00 to 2.00)",
        "2.00 (1.00 to 3.00)",
        "3.00 (2.00 to 4.00)",
        "9.00 (8.00 to 10.00)",
        "2",
    )
    assert [row[3].split()[0] for row in table.rows[-3:]] == ["31.00", "32.00", "33.00"]
    assert table.note.startswith("1 of 3 clips")


def test_an_older_scorecard_has_its_one_method(scores):
    shown = section(replace(scores, methods={}, bland_altman=None, always_training_mean=None))
    assert shown.tables[0].columns == ("", "discs", "always the training mean", "clips")
    assert len(shown.tables[0].rows) == 5
    assert "20" in shown.text[0]


def test_one_clip_has_no_limits_and_no_line_for_them(scores):
    methods = {name: replace(one, bland_altman=None) for name, one in scores.methods.items()}
    scores = replace(scores, methods=methods)
    assert len(ejection_table(scores).rows) == 5


def test_pairs_are_predicted_then_true_of_clips_that_have_both():
    assert known_pairs(ROWS, "ef_area_ratio").tolist() == [[40, 60], [20, 30]]
    assert known_pairs([], "ef_area_ratio").shape == (0, 2)


def test_the_bland_altman_figure_has_differences_over_means_and_its_levels():
    told = {"bias": found(-1.0), "sd": found(5.7), "lower": found(-12.1), "upper": found(10.1)}
    limits = shaped(BlandAltman, told)
    axes = bland_altman_figure(ROWS, limits).axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[57.5, -5], [31.5, 3]]
    levels = [line.get_ydata()[0] for line in axes.get_lines()]
    assert levels == [0, -1.0, -12.1, 10.1]
    assert [text.get_text() for text in axes.texts] == ["bias: -1.0", "- 1.96 SD: -12.1", "+ 1.96 SD: 10.1"]
    assert "n = 2" in axes.get_title()
    assert len(bland_altman_figure(ROWS, method="area_ratio").axes[0].get_lines()) == 1
    with pytest.raises(InputError, match="and a true"):
        bland_altman_figure([])


def test_every_method_has_its_own_scatter_on_one_scale():
    panels = methods_figure(ROWS, 50.0).axes
    drawn = [axes.collections[0].get_offsets().tolist() for axes in panels]
    assert drawn == [[[60, 55], [30, 33]], [[60, 56], [30, 34]], [[60, 40], [30, 20]]]
    assert len({(*axes.get_xlim(), *axes.get_ylim()) for axes in panels}) == 1
    assert np.ptp(methods_figure([]).axes[0].get_xlim()) == 100


def test_the_section_draws_where_there_are_rows(scores):
    assert section(scores).pictures == ()
    assert len(section(scores, rows=ROWS).pictures) == 2
    assert section(scores, rows=ROWS[2:]).pictures == ()
    assert "area falls by less than a volume" in section(scores).text[0]
