import numpy as np
import pytest

from echodfkd.files import shaped
from echodfkd.report.page import Page, page_html
from echodfkd.report.sections import bounds
from echodfkd.scores.bounds import rounds_bounds
from echodfkd.scores.records import Scorecard


def score(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 20}


@pytest.fixture
def scores():
    distances = {phase: {"distance_ms": score(50.0)} for phase in ("ed", "es")}
    ejection = {"rmse": score(5.3), "correlation": None, "r2": score(0.7)}
    told = {"ejection": ejection, "afd": {"ed": score(2.7), "es": score(2.8)}, "events": distances}
    return shaped(Scorecard, told)


@pytest.fixture(scope="module")
def rounds():
    """Two rounds whose annotator throws two dice of three sides, and their bounds."""
    chance = np.random.default_rng(0)
    differences = np.subtract(*chance.integers(-1, 2, (2, 500)))
    return {"es": rounds_bounds(differences, resamples=30)}


def test_published_bounds_stand_beside_the_runs_scores_with_their_source(scores):
    table = bounds.section(scores).tables[0]
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["RMSE of EF, points"][:2] == ("5.30 (5.20 to 5.40)", "at least 4.03")
    assert cells["correlation of EF"][:2] == ("-", "at most 0.895")
    assert cells["R2 of EF"][1] == "at most 0.801"
    assert cells["aFD ED, frames"][1] == "at least 2.4"
    assert all("published" in source for *_, source in table.rows)
    assert "white noise" in table.note


def test_two_rounds_give_floors_of_their_own(scores, rounds):
    section = bounds.section(scores, rounds)
    sources = [row for row in section.tables[0].rows if row[3].startswith("two rounds")]
    assert [row[0] for row in sources] == ["aFD ES, frames"]
    assert float(sources[0][2].split()[2]) == pytest.approx(2 / 3, abs=0.08)  # a third of the throws is 0
    families = section.tables[1]
    assert families.caption.startswith("Frame choice at ES")
    assert families.rows[0][:2] == ("uniform", "0.0")
    assert len(section.pictures) == 2
    assert "Frame choice at ES" in page_html(Page("t", "l", sections=(section,)))


def test_simulated_truth_is_said_to_have_no_such_bound(scores):
    assert "no annotator strays" in bounds.section(scores, exact_truth=True).warning
    assert bounds.section(scores).warning == ""
    assert len(bounds.section(scores).pictures) == 1


def test_the_figures_show_bound_and_score_and_the_fitted_shares(scores, rounds):
    rmse = bounds.bounds_figure(scores, {}).axes[0]
    drawn = {line.get_label(): line.get_xdata()[0] for line in rmse.get_lines()}
    assert drawn["bound of annotation"] == pytest.approx(4.03, abs=0.005)
    assert drawn["this run"] == 5.3
    fitted = bounds.rounds_figure(rounds).axes[0].get_lines()[0]
    assert fitted.get_ydata() == pytest.approx(np.array([1, 2, 3, 2, 1]) / 9, abs=0.04)
