from dataclasses import replace

import numpy as np
import pytest

from echodfkd.files import shaped
from echodfkd.report.page import Page, page_html
from echodfkd.report.sections import beats
from echodfkd.scores.frame_rate import rate_scores
from echodfkd.scores.records import RateScores, Scorecard


def score(value, n=20):
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": n}


def found(extra):
    counts = {"matched": 18, "missed": 2, "extra": extra, "at_ends": 1}
    return {name: score(30.0) for name in ("distance_frames", "distance_ms", "bias_ms", "penalised_ms")} | counts


@pytest.fixture
def scores():
    """A scorecard's part on beats: a segmenter of aFD 2.5, and noise that the rule likes better."""
    null = {phase: {"afd": score(1.3), "penalised_ms": score(156.0)} for phase in ("ed", "es")}
    told = {
        "n": {"clips": 20},
        "afd": {"ed": score(2.5), "es": None},
        "events": {"ed": found(3), "es": found(0), "tolerance_s": 0.2},
        "null_curves": {"white noise": null, "constant": null},
    }
    return shaped(Scorecard, told)


@pytest.fixture(scope="module")
def rates():
    """Sixty clips, 40 ms off at any frame rate."""
    fps = np.repeat([20.0, 40.0, 60.0, 100.0], 15)
    rows = [
        {"fps": rate} | {f"{p}_{key}": rate * 0.04 for p in ("ed", "es") for key in ("afd", "distance_frames")}
        | {f"{p}_distance_ms": 40.0 for p in ("ed", "es")}
        for rate in fps
    ]  # fmt: skip
    return rate_scores(rows, resamples=50)


def test_the_papers_distance_never_stands_without_the_curves_that_saw_no_image(scores):
    table = beats.null_table(scores)
    assert [row[0] for row in table.rows] == ["segmenter", "white noise", "constant"]
    assert table.rows[0][1:3] == ("2.50 (2.40 to 2.60)", "-")
    assert table.rows[1][1] == "1.30 (1.20 to 1.40)"
    assert table.own == {0}
    assert "cannot be judged" in beats.null_table(replace(scores, null_curves=None)).note


def test_missed_and_extra_events_are_shown_and_partial_references_are_said(scores):
    table = beats.matched_table(scores.events)
    assert table.rows[0] == ("ED", "30.00 (29.90 to 30.10)", *["30 (30 to 30)"] * 2, "18", "2", "3", "1")
    assert "noise fares better" not in table.note
    partial = beats.matched_table(replace(scores.events, es=replace(scores.events.es, extra=None)))
    assert partial.rows[1][-2] == "-"
    assert "noise fares better" in partial.note


def test_the_section_tells_whose_events_and_the_frame_rate_where_known(scores, rates):
    short = beats.section(scores)
    assert len(short.tables) == 2
    assert len(short.pictures) == 0
    whole = beats.section(replace(scores, n=replace(scores.n, events_from="a teacher")), rates)
    assert "those of a teacher" in whole.text[0]
    assert whole.tables[2].caption == "Distance against frame rate"
    assert len(whole.pictures) == 1
    assert "Distance against frame rate" in page_html(Page("t", "l", sections=(whole,)))


def test_the_table_of_rates_has_a_line_per_bin_then_slope_and_rank_correlation(rates):
    rows = beats.rate_table(rates).rows
    assert [row[0] for row in rows] == ["20 to 40", "40 to 60", "60 to 100", "slope, per Hz", "rank correlation"]
    assert sum(int(row[1]) for row in rows[:3]) == 60
    assert rows[3][1:4] == ("60", *["0.040 (0.040 to 0.040)"] * 2)
    assert rows[4][2] == "1.00 (1.00 to 1.00)"
    assert rows[4][4] == "-"  # all alike: no rank to correlate


def test_the_figure_of_rates_has_a_line_of_the_planted_slope(rates):
    frames, ms = beats.rate_figure(rates).axes
    line = next(line for line in frames.get_lines() if line.get_linestyle() == "--")
    x, y = line.get_xydata().T
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(0.04)
    assert (frames.get_xlabel(), ms.get_ylabel()) == ("frame rate, Hz", "one to one, ms")


def test_a_rate_at_which_nothing_was_found_leaves_the_rest(rates):
    gone = RateScores(tuple(replace(one, es_afd=None) for one in rates.bins), rates.trend | {"es_afd": None})
    assert beats.rate_table(gone).rows[0][3] == "-"
    assert len(beats.rate_figure(gone).axes) == 2
