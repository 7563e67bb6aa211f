import pytest

from echodfkd.files import shaped
from echodfkd.report.sections import bounds
from echodfkd.scores.records import Rounds, Scorecard
from echodfkd.stats.intervals import Interval


def score(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 20}


@pytest.fixture
def scores():
    distances = {phase: {"distance_ms": score(50.0)} for phase in ("ed", "es")}
    ejection = {"rmse": score(5.3), "correlation": None, "r2": score(0.7)}
    told = {"ejection": ejection, "afd": {"ed": score(2.7), "es": score(2.8)}, "events": distances}
    return shaped(Scorecard, told)


def test_published_bounds_stand_beside_the_runs_scores_with_their_source(scores):
    table = bounds.section(scores).tables[0]
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["RMSE of EF, points"][:2] == ("5.30 (5.20 to 5.40)", "at least 4.03")
    assert cells["correlation of EF"][:2] == ("-", "at most 0.895")
    assert cells["R2 of EF"][1] == "at most 0.801"
    assert cells["aFD ED, frames"][1] == "at least 2.4"
    assert all("published" in source for *_, source in table.rows)
    assert "white noise" in table.note


def test_two_rounds_give_a_floor_of_their_own(scores):
    found = Rounds(90, Interval(0.1, -0.2, 0.4, 90), 1.3, Interval(0.7, 0.6, 0.8, 90), 0.9, 0.01, 25)
    rows = [row for row in bounds.section(scores, {"es": found}).tables[0].rows if row[3].startswith("two rounds")]
    assert [row[:3] for row in rows] == [("aFD ES, frames", "2.80 (2.70 to 2.90)", "at least 0.70 (0.60 to 0.80)")]


def test_simulated_truth_is_said_to_have_no_such_bound(scores):
    assert bounds.section(scores, exact_truth=True).warning
    assert bounds.section(scores).warning == ""
