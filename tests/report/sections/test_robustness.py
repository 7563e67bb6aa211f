from dataclasses import replace

import pytest

from echodfkd.errors import InputError
from echodfkd.files import shaped
from echodfkd.report.sections import robustness as shown
from echodfkd.scores.robustness import Robustness


def known(value, n=3):
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": n}


def point(strength, dice, constant=0.6):
    still = None if constant is None else known(constant)
    return {"strength": strength, "dice": known(dice), "difference": known(dice - 0.9), "constant_mask": still}


TOLD = {
    "n": {"clips": 3, "frames": 60, "seed": 0},
    "clean": {"dice": known(0.9), "constant_mask": known(0.6)},
    "kinds": {
        "gain": {"unit": "dB", "words": "too low", "strengths": [point(10, 0.85), point(-10, 0.7)]},
        "blur": {"unit": "pixels", "words": "a coarser beam", "strengths": [point(2, 0.8, None)]},
    },
}
FOUND = shaped(Robustness, TOLD)


def test_the_section_tells_what_costs_most_and_has_a_line_per_strength():
    found = shown.section(FOUND)
    assert "Most is lost by gain at -10 (dB): -0.200." in found.text[1]
    assert [row[:3] for row in found.tables[0].rows] == [
        ("gain: too low", "dB", "10"),
        ("", "", "-10"),
        ("blur: a coarser beam", "pixels", "2"),
    ]
    assert found.tables[0].rows[2][3:] == ("0.800 (0.790 to 0.810)", "-0.100 (-0.110 to -0.090)", "-", "3")


def test_a_panel_has_the_clean_clips_among_its_strengths():
    figure = shown.robustness_figure(FOUND)
    assert [axes.get_title() for axes in figure.axes] == ["gain", "blur"]
    lines = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].get_lines()}
    assert lines["segmenter"] == [[-10, 0.7], [0, 0.9], [10, 0.85]]
    assert lines["constant mask"] == [[-10, 0.6], [0, 0.6], [10, 0.6]]


def test_one_clip_alone_has_no_bands():
    alone = {"value": 0.9, "low": None, "high": None, "n": 1}
    spot = {"strength": 1, "dice": alone, "difference": alone, "constant_mask": None}
    kinds = {"blur": {"unit": "px", "words": "", "strengths": [spot]}}
    told = TOLD | {"clean": {"dice": alone, "constant_mask": None}, "kinds": kinds}
    figure = shown.robustness_figure(shaped(Robustness, told))
    assert len(figure.axes[0].get_lines()) == 1
    assert not figure.axes[0].collections


def test_what_was_not_run_has_no_section():
    assert shown.section(None) is None
    assert shown.section(replace(FOUND, kinds={})) is None
    with pytest.raises(InputError, match="one kind"):
        shown.robustness_figure(replace(FOUND, kinds={}))
