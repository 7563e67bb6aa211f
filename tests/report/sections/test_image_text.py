"""The section of an image-text judge: what stands in it, what it warns of, and what it leaves out."""

from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.evidence.records import Example, ImageTextScores, Scale
from echodfkd.evidence.words.mask_quality import MaskFit, calibration_scores, mask_scores
from echodfkd.evidence.words.phases import phase_row, phase_scores
from echodfkd.evidence.words.prompts import read_prompts
from echodfkd.report.numbers import NONE
from echodfkd.report.page import Page, page_html
from echodfkd.report.sections import image_text
from echodfkd.scores.frame_distance import Reference
from echodfkd.stats.intervals import Interval

MODELS = {"good": 0.93, "fair": 0.85, "poor": 0.7}


def fits(models: dict[str, float], truth: bool = True, sign: int = 1) -> list[MaskFit]:
    """What a judge says whose scores follow the true Dice."""
    chance, found = np.random.default_rng(0), []
    for clip in range(6):
        for model, dice in models.items():
            value = dice + 0.03 * chance.standard_normal(4)
            true = value if truth else np.full(4, np.nan)
            found.append(MaskFit(model, f"clip{clip}", np.arange(4), sign * value, sign * 2 * value, true))
    return found


def said(judge: str = "standin", **parts) -> ImageTextScores:
    prompts = read_prompts()
    parts.setdefault("asked", {**prompts.masks, **prompts.valve})
    return ImageTextScores(judge, **parts)


def example(events: bool = False) -> Example:
    area = 2 + np.cos(np.arange(60) / 20 * np.pi)
    known = ((40,), (20,)) if events else ()
    return Example("clip", "the true masks", 50, tuple(area), tuple(-area), *known)


@pytest.fixture(scope="module")
def masks():
    return mask_scores(fits(MODELS), resamples=50)


@pytest.fixture(scope="module")
def phases():
    frames = 120
    area = 2 + np.cos(np.arange(frames) / 20 * np.pi)
    known = Reference(frames, 50, (40, 80), (20, 60, 100))
    return phase_scores([phase_row(-area, known)] * 3, [known] * 3, resamples=20)


def html(**parts) -> str:
    section = image_text.section(said(**parts))
    assert section is not None
    return page_html(Page("t", "l", sections=(section,)))


def test_without_anything_judged_there_is_no_section():
    assert image_text.section(said()) is None


def test_a_warning_and_unknown_words_stand_on_the_page(masks):
    section = image_text.section(said(masks=masks, warning="Never a patient.", unknown_words="PLUGH is unknown."))
    assert section.warning == "Never a patient. PLUGH is unknown."
    assert image_text.section(said("echoclip", masks=masks)).warning == ""


def test_scores_stand_beside_the_true_dice_with_clips_needed(masks):
    models, pairs = image_text.section(said(masks=masks)).tables
    assert [row[0] for row in models.rows] == ["good", "fair", "poor"]
    assert models.rows[0][1].startswith("0.93 ") or models.rows[0][1].startswith("0.9")
    assert [row[0] for row in pairs.rows] == ["good over poor", "fair over poor", "good over fair"]
    assert all(int(row[3]) >= 1 for row in pairs.rows)


def test_without_truth_no_rank_is_told():
    found = mask_scores(fits(MODELS, truth=False), resamples=20)
    section = image_text.section(said("echoclip", masks=found))
    assert len(section.tables) == 2 and not section.pictures
    assert "trust the judge" in section.text[-1]


def test_without_truth_the_pairs_are_in_the_judge_s_own_order():
    found = mask_scores(fits(MODELS, truth=False), resamples=20)
    table = image_text.pairs_table(found, found.pairs)
    assert table.columns == ("higher over lower by the judge", "combined score apart", "clips needed")
    assert [row[0] for row in table.rows] == ["good over poor", "fair over poor", "good over fair"]
    assert all(int(row[2]) >= 1 for row in table.rows)
    assert "nothing here says" in table.note


def test_the_page_says_what_the_combined_score_is_of(masks):
    assert "24 frames of all 3 segmenters" in image_text.models_table(masks, said()).note
    given = mask_scores(fits(MODELS), scale=Scale((0.8, 1.6), (0.1, 0.2)), resamples=20)
    assert "of a given scale" in image_text.pairs_table(given, given.pairs).note
    spoilt = calibration_scores(fits({"good": 0.9, "shrunk": 0.7}), resamples=20)
    assert "over the good masks alone" in image_text.calibration_table(spoilt).note


@pytest.mark.parametrize("truth", [True, False])
def test_one_segmenter_alone_has_no_combined_score(truth):
    section = image_text.section(said(masks=mask_scores(fits({"only": 0.9}, truth), resamples=20)))
    assert section.tables[0].rows[0][-2] == NONE and section.tables[0].rows[0][-1] == "6"
    assert "One segmenter alone was judged" in section.text[1]


def test_prompts_of_ones_own_are_quoted_as_they_were_asked(masks, phases):
    asked = said().asked | {"wall": ("MYOCARDIUM", "MUSCLE"), "closed": ("SHUT",), "open": ("WIDE",)}
    page = html(masks=masks, phases=phases, asked=asked)
    assert "“MYOCARDIUM” / “MUSCLE”" in page and "“SHUT” less “WIDE”" in page
    assert "“WALL”" not in page and "MITRAL VALVE IS" not in page and "“NOTHING”" in page


def test_chance_is_compared_on_the_same_clips_and_a_lost_afd_is_told(phases):
    table = image_text.chance_table(phases)
    assert [row[0] for row in table.rows] == list(phases.by_chance) and "mean of 20 draws" in table.note
    far = Interval(99.0, None, None, 3)
    worse = replace(phases, ed=replace(phases.ed, afd=far), es=replace(phases.es, afd=far))
    note = image_text.phases_table(worse, said()).note
    assert "the judge loses" in note and "constant" in note
    assert image_text.phases_table(phases, said()).columns[-2:] == ("ED aFD, frames", "ES aFD")


def test_the_figure_of_areas_says_whose_they_are():
    (axes,) = image_text.phase_figure([example()]).axes
    assert axes.get_title(loc="left") == "clip: area of the true masks"


def test_a_wrong_order_is_told_as_such(masks):
    found = mask_scores(fits(MODELS, sign=-1), resamples=20)
    table = image_text.pairs_table(found, found.pairs)
    assert {row[3] for row in table.rows} == {"wrong order here"}


def test_calibration_and_phases_have_a_row_per_kind_and_curve(phases):
    calibration = calibration_scores(fits({"good": 0.9, "shrunk": 0.7, "empty": 0.1}), resamples=20)
    first, second, _ = image_text.section(said(calibration=calibration, phases=phases)).tables
    assert [row[0] for row in first.rows] == ["shrunk by 4 pixels of 112", "no mask"]
    assert second.rows[0][0] == "mitral valve, by the judge" and 0 in second.own
    assert {"white noise", "constant"} <= {row[0] for row in second.rows}


def test_the_figure_is_drawn_from_the_curves(masks):
    one = example(events=True)
    (axes,) = image_text.phase_figure([one]).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    # f upside down goes with the area.
    np.testing.assert_allclose(lines["area of the masks"], lines["−f: the mitral valve"])
    assert html(masks=masks, examples=(one,)).count("<img") == 1


def test_a_figure_of_nothing_is_refused():
    with pytest.raises(InputError, match="one clip"):
        image_text.phase_figure([])
