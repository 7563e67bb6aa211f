"""One table of metrics: whoever shows or compares one reads it there, and the page on formats lists it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pairs import pair

from echodfkd.files import plain, shaped
from echodfkd.report.pages.scorecard import clean_section
from echodfkd.report.sections import overlap, paired
from echodfkd.report.terminal import table
from echodfkd.scores import metrics
from echodfkd.scores.clip_row import score_clip
from echodfkd.scores.metrics import METRICS, Metric
from echodfkd.scores.paired import paired_scores
from echodfkd.scores.records import Excluded, Scorecard, Scores
from echodfkd.scores.scorecard import scorecard

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"
TOY = Metric("too_large", "too large", "%", 1, False, lambda row: 100 * (row["px_predicted"] / row["px_true"] - 1))


def rows(columns=4):
    """Three clips whose masks are so many columns wide where the truth has 4."""
    masks = np.zeros((2, 3, 12, 12), bool)
    masks[0, :, 3:9, 4:8] = masks[1, :, 3:9, 4 : 4 + columns] = True
    return [score_clip(*pair(f"clip {n}", masks[1], masks[0], 50.0, (0,), (2,), 55.0)) for n in range(3)]


@pytest.fixture
def with_toy(monkeypatch):
    for module in [one for name, one in sys.modules.items() if name.startswith("echodfkd.")]:
        if getattr(module, "METRICS", None) is METRICS:
            monkeypatch.setattr(module, "METRICS", (*METRICS, TOY))


def test_a_new_metric_is_scored_compared_and_shown_by_its_line_alone(with_toy):
    card = Scores(**vars(scorecard(rows(5), resamples=20)))
    assert plain(card)["more"]["too_large"]["value"] == 25
    assert "too large, %" in table(card)
    assert overlap.section(card).tables[-1].rows[0][0] == "too large, %"
    compared = paired_scores(rows(5), rows(4), resamples=20)
    lines = {row[0]: row for row in paired.paired_table(compared.differences, "a", "b").rows}
    assert lines["too large, %"][1:3] == ("25.0", "0.0") and lines["too large, %"][5] == "b"
    clean = clean_section(replace(card, excluded=Excluded(0, {}), clean=card))
    assert "too large, %" in [row[0] for row in clean.tables[0].rows]


def test_the_page_on_formats_has_the_table_of_metrics():
    text = PAGE.read_text(encoding="utf-8").splitlines()
    for one in METRICS:
        better = "higher" if one.higher_is_better else "lower"
        line = f"| `{one.key}` | {one.label} | {better} | `{one.place}` | {'yes' if one.compared else 'no'} |"
        assert line in text, line


def test_every_metric_has_a_name_of_its_own_and_a_place_that_a_scorecard_has():
    card = scorecard(rows(), training_ef=50.0, resamples=20)
    assert len({one.key for one in METRICS}) == len(METRICS)
    told = plain(card)
    for one in METRICS:
        found = told
        for key in one.place.split("."):
            assert key in found, one.place
            found = found[key]
        assert plain(one.found(card)) == found


def test_a_place_that_is_not_there_holds_nothing():
    assert metrics.at(Scorecard(), "constant_mask.dice.overall") is None
    assert metrics.at(Scorecard(), "afd.ed") is None


def test_a_record_is_read_back_as_it_was_written():
    card = scorecard(rows(), baseline=rows(5), training_ef=50.0, resamples=20)
    assert plain(shaped(Scorecard, plain(card))) == plain(card)
    assert np.isnan(
        shaped(Scorecard, {"afd": {"ed": {"value": None, "low": None, "high": None, "n": 3}}}).afd["ed"].value
    )
