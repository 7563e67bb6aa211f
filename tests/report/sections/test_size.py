import numpy as np
import pytest

from echodfkd.report import published
from echodfkd.report.page import Page, page_html
from echodfkd.report.sections import size
from echodfkd.scores.records import ByPhase, Scores
from echodfkd.scores.sizes import size_scores, student_row
from echodfkd.scores.speed import Speed
from echodfkd.stats.intervals import Interval
from echodfkd.stats.scaling import Laws, PowerLaw
from echodfkd.student.card import Card, Preprocessing
from echodfkd.student.settings import NetworkSettings

SPEED = Speed(250.0, 200.0, 500.0, 5, threads=1)


def scores(dice):
    found = ByPhase(Interval(dice, dice - 0.02, dice + 0.02, 9))
    return Scores(dice=found, iou=found)


@pytest.fixture(scope="module")
def found():
    """A grid of four students, one of which costs more than another and does worse."""
    shapes = [(1, 1, 0.6), (2, 1, 0.8), (2, 2, 0.75), (3, 1, 0.9)]
    cards = [(Card(NetworkSettings(blocks=b, layers=n), Preprocessing(40)), dice) for b, n, dice in shapes]
    rows = [student_row(card, scores(dice), SPEED) for card, dice in cards]
    return size_scores(rows, scores(0.5).dice.overall)


def test_a_students_row_has_the_papers_parameters_and_the_time_of_a_frame():
    row = student_row(Card(), scores(0.9), SPEED)
    assert (row.name, row.parameters, row.size) == ("B4,1", 714_577, 112)
    assert row.flops == pytest.approx(0.922e9, rel=1e-3)
    assert row.latency_ms == Interval(4.0, 2.0, 5.0, 5)
    assert student_row(Card()).dice is None


def test_the_section_of_one_student_says_how_each_number_was_counted():
    table = size.section(student_row(Card(), scores(0.9), SPEED)).tables[0]
    assert [row[1] for row in table.rows] == ["714,577", "0.922 G at 112 x 112", "4.00 (2.00 to 5.00)"]
    assert "2 per multiply-add" in table.rows[1][2] and "causal stream" in table.rows[2][2]
    assert "threads: 1" in table.rows[2][2]
    unmeasured = size.section(student_row(Card())).tables[0].rows[2]
    assert unmeasured[1:] == ("-", "-")


def test_the_grids_table_sets_off_whom_no_other_beats(found):
    table = size.grid_table(found)
    assert [row[0] for row in table.rows] == ["B1,1", "B2,1", "B2,2", "B3,1"]
    assert table.own == {0, 1, 3}
    assert "constant mask has Dice 0.500" in table.note


def test_the_grids_section_can_be_written_and_shows_two_figures(found):
    section = size.grid_section(found)
    assert len(section.pictures) == 2 and all(picture.png.startswith(b"\x89PNG") for picture in section.pictures)
    assert "B2,2" in page_html(Page("t", "l", sections=(section,)))


def test_a_grid_of_nobody_says_so():
    empty = size_scores([])
    assert "No student" in size.grid_section(empty).text[0]


def test_the_figures_show_the_students_where_they_are(found):
    rows = found.rows
    parameters, flops, latency = size.front_figure(rows).axes
    front = {line.get_label(): line.get_xydata() for line in parameters.get_lines()}
    assert front["this grid's front"][:, 1].tolist() == [0.6, 0.8, 0.9]
    assert front["this grid"].tolist() == [[91_633, 0.75]]
    assert size.PUBLISHED in [line.get_label() for line in flops.get_lines()]
    assert size.PUBLISHED not in [line.get_label() for line in latency.get_lines()]  # nobody published any


def test_the_law_is_drawn_through_what_it_says(found):
    law = found.laws["parameters"]["dice"].power
    axes = size.law_figure(found.rows, found.laws["parameters"]).axes[0]
    x, y = next(line for line in axes.get_lines() if len(line.get_xdata()) == 60).get_data()
    assert np.allclose(y, law.amplitude * x**-law.slope.value)
    assert (x[0], x[-1]) == pytest.approx((5_701, 174_721))


def test_the_published_table_has_the_parameters_of_the_papers_best():
    rows = size.published_rows()
    assert len(rows) == 16
    best = max(rows, key=lambda row: row.dice.value)
    assert (best.name, best.parameters, best.dice.value) == ("B4,2", 1_596_937, 0.9111)


def test_our_laws_of_the_papers_table_hold_the_papers_slopes_and_have_a_floor_near_its_teacher():
    laws = size.published_laws()
    for key, told in published.SLOPES.items():
        slope = laws[key].power.slope
        assert slope.low < told < slope.high
        assert laws[key].saturating.floor.low > 0
    floor = laws["dice"].saturating.floor
    teacher = 1 - published.DEEPLABV3[3] / 100
    assert floor.low < teacher < floor.high
    assert floor.value == pytest.approx(teacher, abs=0.005)


def test_a_law_in_words_says_when_it_tells_nothing():
    def laws(low, high, floor=None):
        slope = Interval((low + high) / 2, low, high, 6)
        bent = None if floor is None else PowerLaw(1.0, slope, floor, 1.0, 2.0)
        return Laws(6, PowerLaw(1.0, slope, None, 1.0, 2.0), bent)

    rising = size.law_words("dice", laws(-0.3, 0.1))
    assert "-0.100 (-0.300 to 0.100)" in rising and "slope from none" in rising
    told = size.law_words("iou", laws(0.1, 0.3, Interval(0.1, 0.05, 0.15, 6)), 0.11)
    assert "1 - IoU" in told and "the paper says 0.11" in told and "0.100 (0.050 to 0.150)" in told
    assert "from none" not in told
    assert "from none" in size.law_words("iou", laws(0.1, 0.3, Interval(0.1, -0.05, 0.25, 6)))
    assert "too few" in size.law_words("dice", Laws(2))
