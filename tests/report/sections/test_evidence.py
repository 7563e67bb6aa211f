from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.evidence.records import ClipEvidence
from echodfkd.evidence.trust import summary
from echodfkd.report.page import Page, page_html
from echodfkd.report.sections.evidence import (
    colours,
    correlation_table,
    headline,
    means_figure,
    section,
    segmenters_table,
    truth_figure,
)


def made(known=True, clips=12):
    """`agreement` follows Dice, `edges` is noise, evidence of ours follows it the wrong way, all have a mask."""
    chance, rows = np.random.default_rng(0), []
    for k, segmenter in enumerate(("good", "fair", "bad")):
        for clip in range(clips):
            dice = 0.9 - 0.15 * k + 0.02 * chance.standard_normal()
            evidence = {"agreement": dice + 0.01, "agreement.staple": dice, "edges": chance.random()}
            evidence |= {"<our> evidence": -dice, "present": 1.0}
            rows.append(ClipEvidence(segmenter, f"c{clip}", evidence, dice if known else None))
    return rows


def test_the_table_of_evidence_sets_off_what_follows_true_dice():
    found = summary(made(), resamples=100)
    table = correlation_table(found, found.rank_correlation)
    names = [row[0] for row in table.rows]
    assert names[0].startswith("Agreement") and names[1] == "· with the others fused by STAPLE"
    assert table.own == {0, 1} and names[3] == "<our> evidence"
    assert table.rows[0][1].startswith("1.00 (1.00 to") and table.rows[-1][1:] == ("-", "-", "-", "-", "-")


def test_the_table_of_segmenters_has_true_dice_only_where_it_is_known():
    known, unknown = (segmenters_table(summary(made(flag), resamples=20)) for flag in (True, False))
    assert known.columns[:3] == ("segmenter", "true Dice", "agreement") and "true Dice" not in unknown.columns
    assert [row[0] for row in known.rows] == ["good", "fair", "bad"] and {row[-1] for row in known.rows} == {"12"}
    assert "agreement.staple" not in headline(summary(made(), resamples=20))


def test_clips_that_a_segmenter_lacks_are_named():
    found = replace(summary(made(), resamples=20), without_prediction={"good": 0, "bad": 2})
    assert segmenters_table(found).note == "Means over clips. bad lacks 2 clips."
    assert segmenters_table(summary(made(), resamples=20)).note == "Means over clips."


def test_the_figure_has_a_panel_per_evidence_and_a_mean_per_segmenter():
    rows = made()
    figure = truth_figure(summary(rows, resamples=20), rows)
    used = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in used] == ["agreement", "edge contrast", "<our> evidence", "mask present"]
    middle = used[0].collections[1].get_offsets()[0].tolist()
    good = [row for row in rows if row.segmenter == "good"]
    assert middle == pytest.approx([np.mean([row.of(key) for row in good]) for key in ("dice", "agreement")])


def test_without_truth_the_means_are_drawn():
    found = summary(made(False), resamples=20)
    figure = means_figure(found)
    (shown,) = {tuple(label.get_text() for label in axes.get_yticklabels()) for axes in figure.axes[:1]}
    assert shown == ("good", "fair", "bad")
    with pytest.raises(InputError, match="rows with both"):
        truth_figure(found, made(False))


def test_the_section_stands_with_and_without_truth_and_pictures():
    for known in (True, False):
        rows = made(known)
        found = summary(rows, resamples=20)
        assert not section(found).pictures and len(section(found, rows).pictures) == 1
        text = page_html(Page("t", "l", sections=(section(found, rows),)))
        assert ("Rank correlation" in text) == known and "&lt;our&gt; evidence" in text


def test_each_segmenter_has_its_colour():
    assert len(set(colours(14))) == 14


def test_a_name_is_no_formula():
    rows = [replace(row, segmenter=f"${row.segmenter}_$") for row in made()]
    figure = truth_figure(summary(rows, resamples=20), rows)
    assert figure.legends[0].get_texts()[0].get_text() == r"\$good_\$"
