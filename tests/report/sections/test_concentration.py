import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.report.sections import concentration as section_of
from echodfkd.scores.concentration import concentration
from echodfkd.scores.strata import strata


def made_rows(count=24, **columns):
    rng = np.random.default_rng(0)
    return [
        {
            "name": f"clip-{n:02d}",
            "ef_error": float(rng.normal()),
            "dice": 0.9 - n / 1000,
            "ed_penalised_ms": 20.0,
            "es_penalised_ms": None,
            "ef_true": 30.0 + n,
            "quality": ("Poor", "Good")[n % 2],
            "area": None,
        }
        | {key: value[n] for key, value in columns.items()}
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def shown():
    rows = made_rows()
    return section_of.section(concentration(rows, resamples=60), strata(rows, resamples=60), rows)


def test_the_section_has_a_table_per_error_and_the_worst_clips(shown):
    assert [table.caption for table in shown.tables] == [
        "Share of the squared error",
        "EF error, points, mean size",
        "1 - Dice, mean size",
        "ED and ES, penalised distance, ms, mean size",
        "The worst clips by 1 - Dice",
    ]
    assert len(shown.pictures) == 1
    assert all(len(row) == len(table.columns) for table in shown.tables for row in table.rows)


def test_the_worst_clips_come_worst_first_with_what_is_known_of_them(shown):
    table = shown.tables[-1]
    assert [row[0] for row in table.rows] == [f"clip-{n}" for n in range(23, 13, -1)]
    assert table.columns[-2:] == ("true EF, %", "image quality")  # nobody told the area
    assert table.rows[0][2:] == ("0.123", "20", "53", "Good")


def test_groups_and_their_means_are_told_and_a_missing_third_is_a_dash(shown):
    ejected, quality = shown.tables[2].rows
    assert ejected[1].startswith("30 to 37: 0.103 (0.1")
    assert quality[1].startswith("Poor: 0.111")
    assert quality[3] == "-"


def test_normal_errors_are_not_called_a_tail_and_a_planted_tail_is():
    rng = np.random.default_rng(1)
    plain, tail = rng.normal(size=200), rng.normal(size=200) * np.where(np.arange(200) < 10, 12, 1)
    said = []
    for values in (plain, tail):
        found = concentration([{"ef_error": float(value)} for value in values], resamples=100)
        said.append(section_of.concentration_table({"ejection": found["ejection"]}).rows[0][-2])
    assert said == ["no", "yes"]


def test_without_errors_there_is_no_section_and_no_figure():
    assert section_of.section(None) is None
    rows = [{"name": "a", "dice": None, "ef_error": None}]
    assert section_of.section(concentration(rows), strata(rows), rows) is None
    with pytest.raises(InputError, match="an error"):
        section_of.concentration_figure(rows)


def test_a_clip_alone_and_perfect_scores_still_make_a_section():
    rows = [{"name": "a", "dice": 1.0, "ef_error": 2.0, "ef_true": 50.0}]
    found = section_of.section(concentration(rows, resamples=20), strata(rows, resamples=20), rows)
    assert [row[0] for row in found.tables[0].rows] == ["EF error, points"]
    assert found.tables[1].rows[0][1] == "50 to 50: 2.0"
    rows = [{"name": name, "dice": 1.0, "ef_error": 0.0} for name in "ab"]
    assert section_of.section(concentration(rows, resamples=20), None, rows) is None


def test_the_figure_shows_the_curves():
    rows = made_rows()
    figure = section_of.concentration_figure(rows)
    assert figure.axes[0].get_title() == "EF error, points (n = 24)"
    measured = {line.get_label(): line.get_xydata() for line in figure.axes[2].get_lines()}["measured"]
    assert np.allclose(measured[:, 0], measured[:, 1])  # every clip has the same distance
