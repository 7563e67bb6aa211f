"""The section of an image-text judge: what stands in it, what it warns of, and what it leaves out."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.evidence.words.mask_quality import Scale, calibration_scores, mask_scores
from echodfkd.evidence.words.phases import phase_row, phase_scores
from echodfkd.report.numbers import NONE
from echodfkd.report.page import Page, page_html
from echodfkd.report.sections import image_text
from echodfkd.scores.frame_distance import Reference

MODELS = {"good": 0.93, "fair": 0.85, "poor": 0.7}


def rows(models: dict[str, float], truth: bool = True) -> list[dict]:
    """Rows of a judge whose scores follow the true Dice."""
    chance = np.random.default_rng(0)
    found = []
    for clip in range(6):
        for frame in range(4):
            for model, dice in models.items():
                value = dice + 0.03 * chance.standard_normal()
                row = {"model": model, "name": f"clip{clip}", "frame": frame, "wall": value, "cavity": 2 * value}
                found.append(row | {"dice": value if truth else None})
    return found


@pytest.fixture(scope="module")
def masks():
    return mask_scores(rows(MODELS), resamples=50)


@pytest.fixture(scope="module")
def phases():
    frames = 120
    area = 2 + np.cos(np.arange(frames) / 20 * np.pi)
    known = Reference(frames, 50, (40, 80), (20, 60, 100))
    return phase_scores([phase_row("a", -area, known)] * 3, [known] * 3, resamples=20)


def html(**parts) -> str:
    section = image_text.section("standin", **parts)
    assert section is not None
    return page_html(Page("t", "l", sections=(section,)))


def test_without_anything_judged_there_is_no_section():
    assert image_text.section("standin") is None


def test_the_stand_in_has_never_seen_a_patient_and_the_page_says_so(masks):
    assert "never seen a patient" in html(masks=masks)
    section = image_text.section("echoclip", masks=masks)
    assert section is not None and section.warning == ""


def test_scores_stand_beside_the_true_dice_with_ranks_and_clips_needed(masks):
    models, ranks, pairs = image_text.section("standin", masks=masks).tables
    assert [row[0] for row in models.rows] == ["good", "fair", "poor"]
    assert models.rows[0][1].startswith("0.93 ") or models.rows[0][1].startswith("0.9")
    assert ranks.rows[0][2].startswith("1.00")
    assert [row[0] for row in pairs.rows] == ["good over poor", "fair over poor", "good over fair"]
    assert all(int(row[3]) >= 1 for row in pairs.rows)


def test_without_truth_no_rank_is_told():
    found = mask_scores(rows(MODELS, truth=False), resamples=20)
    section = image_text.section("echoclip", masks=found)
    assert len(section.tables) == 2 and not section.pictures
    assert "trust the judge" in section.text[-1]


def test_without_truth_the_pairs_are_in_the_judge_s_own_order():
    found = mask_scores(rows(MODELS, truth=False), resamples=20)
    table = image_text.pairs_table(found)
    assert table.columns == ("higher over lower by the judge", "combined score apart", "clips needed")
    assert [row[0] for row in table.rows] == ["good over poor", "fair over poor", "good over fair"]
    assert all(int(row[2]) >= 1 for row in table.rows)
    assert "nothing here says" in table.note


def test_the_page_says_what_the_combined_score_is_of(masks):
    assert "24 frames of all 3 segmenters" in image_text.models_table(masks).note
    given = mask_scores(rows(MODELS), scale=Scale((0.8, 1.6), (0.1, 0.2)), resamples=20)
    assert "of a given scale" in image_text.pairs_table(given).note
    spoilt = calibration_scores(rows({"good": 0.9, "shrunk": 0.7}), resamples=20)
    assert "over the good masks alone" in image_text.calibration_table(spoilt).note


@pytest.mark.parametrize("truth", [True, False])
def test_one_segmenter_alone_has_no_combined_score(truth):
    section = image_text.section("standin", masks=mask_scores(rows({"only": 0.9}, truth), resamples=20))
    assert section.tables[0].rows[0][-2] == NONE and section.tables[0].rows[0][-1] == "6"
    assert "One segmenter alone was judged" in section.text[1]


def test_prompts_of_ones_own_are_quoted_as_they_were_asked(masks, phases):
    asked = {"wall": ["MYOCARDIUM", "MUSCLE"], "closed": ["SHUT"], "open": ["WIDE"]}
    page = html(masks=masks, phases=phases, asked=asked)
    assert "“MYOCARDIUM” / “MUSCLE”" in page and "“SHUT” less “WIDE”" in page
    assert "“WALL”" not in page and "MITRAL VALVE IS" not in page and "“NOTHING”" in page


def test_a_warning_is_the_judge_s_own(masks):
    assert image_text.section("local-dir:copy", masks=masks, warning="Never a patient.").warning == "Never a patient."
    assert image_text.section("echoclip", masks=masks, warning="").warning == ""


def test_chance_is_compared_on_the_same_clips_and_a_lost_afd_is_told(phases):
    table = image_text.chance_table(phases)
    assert [row[0] for row in table.rows] == list(phases["by_chance"]) and "mean of 20 draws" in table.note
    worse = {
        phase: phases[phase] | {"afd": {"value": 99.0, "low": None, "high": None, "n": 3}} for phase in ("ed", "es")
    }
    note = image_text.phases_table({**phases, **worse}).note
    assert "the judge loses" in note and "constant" in note
    assert image_text.phases_table(phases).columns[-2:] == ("ED aFD, frames", "ES aFD")


def test_the_figure_of_areas_says_whose_they_are():
    area = 2 + np.cos(np.arange(60) / 20 * np.pi)
    (axes,) = image_text.phase_figure([image_text.Phase("clip", area, -area, 50, of="the true masks")]).axes
    assert axes.get_title(loc="left") == "clip: area of the true masks"


def test_a_wrong_order_is_told_as_such(masks):
    turned = [row | {"wall": -row["wall"], "cavity": -row["cavity"]} for row in rows(MODELS)]
    table = image_text.pairs_table(mask_scores(turned, resamples=20))
    assert {row[3] for row in table.rows} == {"wrong order here"}


def test_calibration_and_phases_have_a_row_per_kind_and_curve(phases):
    calibration = calibration_scores(rows({"good": 0.9, "shrunk": 0.7, "empty": 0.1}), resamples=20)
    first, second, _ = image_text.section("standin", calibration=calibration, phases=phases).tables
    assert [row[0] for row in first.rows] == ["shrunk by 4 pixels of 112", "no mask"]
    assert second.rows[0][0] == "mitral valve, by the judge" and 0 in second.own
    assert {"white noise", "constant"} <= {row[0] for row in second.rows}


def test_figures_are_drawn_from_tables_and_curves(masks):
    area = 2 + np.cos(np.arange(60) / 20 * np.pi)
    one = image_text.Phase("clip", area, -area, 50, (40,), (20,))
    assert isinstance(image_text.rank_figure(masks), Figure)
    (axes,) = image_text.phase_figure([one]).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    # f upside down goes with the area.
    np.testing.assert_allclose(lines["area of the masks"], lines["−f: the mitral valve"])
    assert html(masks=masks, examples=[one]).count("<img") == 2


def test_figures_of_nothing_are_refused():
    with pytest.raises(InputError, match="one clip"):
        image_text.phase_figure([])
    with pytest.raises(InputError, match="true Dice"):
        image_text.rank_figure({"models": {}})
