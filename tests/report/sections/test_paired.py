from dataclasses import replace

import pytest

from echodfkd.report.sections.paired import paired_table, section
from echodfkd.scores.paired import paired_scores


def rows(dice, error, count=12):
    """Clips whose Dice and EF error spread a little, with the same spread for every model."""
    spread = [0.001 * (n % 3) for n in range(count)]
    return [
        {"name": f"clip {n}", "dice": dice + (s if dice > 0.85 else -s), "ef_error": error + s}
        for n, s in enumerate(spread)
    ]


@pytest.fixture(scope="module")
def found():
    return paired_scores(rows(0.9, -4.0), rows(0.8, 3.0, count=14), resamples=100)


def test_the_table_has_both_means_the_difference_and_whom_it_favours(found):
    table = paired_table(found.differences, "new", "old")
    lines = {row[0]: row for row in table.rows}
    assert set(lines) == {"Dice", "EF error, points"}
    assert lines["Dice"][1:3] == ("0.901", "0.799")
    assert lines["Dice"][3].startswith("0.1020 (")
    assert (lines["Dice"][5], lines["EF error, points"][5]) == ("new", "old")  # a smaller error is better
    assert lines["Dice"][4] == "0.010"  # no exchange of 100 was as large: 1 / 101
    assert lines["Dice"][6:] == ("12", "0")
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_an_interval_that_holds_zero_favours_neither(found):
    one = replace(found.differences["dice"], low=-0.1)
    assert paired_table({"dice": one}, "new", "old").rows[0][5] == "neither"
    alone = replace(one, low=None, high=None, p=None, n=1)
    assert paired_table({"dice": alone}, "new", "old").rows[0][4:6] == ("-", "neither")


def test_a_constant_difference_is_none():
    same = paired_scores(rows(0.9, -4.0), rows(0.9, -4.0), resamples=20)
    assert paired_table(same.differences, "a", "b").rows[0][4] == "1.000"


def test_the_section_tells_how_many_clips_are_not_compared_and_is_absent_without_a_comparison(found):
    shown = section(found, "new", "old")
    assert shown.title == "new against old"
    assert "2 clips are of one model alone" in shown.text[-1]
    assert "same 12 clips" in shown.text[0]
    assert section(None, "new", "old") is None
