from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.report.sections import first_frames as shown
from echodfkd.scores.first_frames import first_frames
from echodfkd.scores.records import FirstFrames, StartCounts
from echodfkd.stats.intervals import Interval


def scores(**variants):
    rng = np.random.default_rng(0)
    found = {
        name: first_frames([0.9 - dip * np.exp(-np.arange(24)) + 0.01 * rng.normal() for _ in range(4)], resamples=20)
        for name, dip in variants.items()
    }
    return FirstFrames(StartCounts(4, 96), 8, found, {name: Interval(0.1, 0.0, 0.2, 4) for name in found})


def test_the_table_tells_the_dip_and_when_it_is_over():
    table = shown.section(scores(causal=0.4, warm=0.0)).tables[0]
    assert [row[0] for row in table.rows] == ["causal", "warm"]
    assert table.columns[1:6] == ("frame 0", "frame 1", "frame 2", "frame 4", "frame 8")
    assert table.rows[0][-4].startswith("-0.400")
    assert table.rows[0][-3] == "0.100 (0.000 to 0.200)"
    assert table.rows[0][-2].startswith("4 (")  # 0.4 exp(-4) = 0.007
    assert table.rows[1][-2] == "0 (0 to 0)"
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_what_never_settles_is_said_so():
    found = scores(causal=0.4)
    late = replace(found.variants["causal"], settled=Interval(16.0, 3.0, 16.0, 4))
    assert shown.first_table(replace(found, variants={"causal": late})).rows[0][-2] == "after 15 (3 to after 15)"
    alone = replace(late, settled=Interval(2.0, None, None, 1))
    assert shown.first_table(replace(found, variants={"causal": alone})).rows[0][-2] == "2"


def test_the_figure_has_a_line_per_variant_and_the_baseline_in_the_gaps():
    figure = shown.first_figure(scores(causal=0.4, warm=0.0))
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["causal", "warm"]
    found = scores(**{"causal": 0.4, "constant mask": 0.1})
    figure = shown.first_figure(found)
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["causal"]
    gaps = {line.get_label(): line.get_xydata()[0, 1] for line in figure.axes[1].get_lines()}
    assert gaps["constant mask"] == pytest.approx(-0.1, abs=1e-3)


def test_frames_that_no_clip_has_are_left_out():
    found = scores(causal=0.4)
    causal = found.variants["causal"]
    found = replace(found, variants={"causal": replace(causal, by_frame=(None, *causal.by_frame[1:]))})
    assert shown.first_figure(found).axes[0].get_lines()[0].get_xydata()[0, 0] == 1
    assert shown.first_table(found).rows[0][1] == "-"


def test_what_was_not_run_has_no_section():
    assert shown.section(None) is None
    with pytest.raises(InputError, match="one variant"):
        shown.first_figure(replace(scores(causal=0.4), variants={}))
