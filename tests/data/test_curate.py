from dataclasses import replace

import numpy as np
import pytest
from made_datasets import beats, segments

from echodfkd.clock import clock_of_numbers
from echodfkd.data import findings
from echodfkd.data.curate import crossings, film_facts, film_findings, outline_findings, phase_findings
from echodfkd.data.dataset import Listed, Outline, enclosed_area
from echodfkd.data.findings import Finding, exclusion, parse_exclusion, read_curation, write_curation
from echodfkd.data.tracing import outline
from echodfkd.errors import InputError

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)


def reasons(found):
    return [one.reason for one in found]


# Films


def test_the_facts_of_a_film_are_those_worked_by_hand():
    frames = np.array([[[0, 100]], [[2, 98]], [[2, 255]]], np.uint8)
    facts = film_facts(iter(frames), 25.0)
    assert (facts.frames, facts.height, facts.width, facts.fps) == (3, 1, 2, 25.0)
    assert facts.spread == 50 and facts.white == 0 and facts.change == 157 / 2
    assert film_facts(frames[:1], None).change is None
    with pytest.raises(InputError, match="one frame"):
        film_facts([], 25.0)


@pytest.mark.parametrize("beat", beats(), ids=range(3))
def test_a_simulated_clip_has_no_fault(beat):
    row = Listed("a", "test", fps=beat.fps, frames=len(beat.frames), height=112, width=112)
    assert film_findings(row, film_facts(beat.frames, 50.0)) == []
    for frame in (beat.ed, beat.es):
        assert outline_findings("a", Outline(frame, 0, outline(segments(beat.masks["lv"][frame]))), 112, 112) == []
    assert phase_findings("a", (beat.ed, beat.es), len(beat.frames), beat.fps) == []


@pytest.mark.parametrize(
    ("spoil", "row", "reason"),
    [
        (lambda frames: frames[:-1], {"frames": 30}, "frame-count"),
        (lambda frames: frames, {"frames": 30, "height": 112, "width": 100}, "size"),
        (lambda frames: frames, {"fps": 14.9}, "frame-rate"),
        (lambda frames: np.full_like(frames, 90), {}, "blank"),
        (lambda frames: np.repeat(frames[:1], 30, axis=0), {}, "static"),
        (lambda frames: np.where(frames > 5, 255, frames).astype(np.uint8), {}, "saturated"),
    ],
)
def test_each_fault_of_a_film_is_found_alone(spoil, row, reason):
    found = film_findings(Listed("a", "test", **row), film_facts(spoil(beats()[0].frames), None))
    assert reasons(found) == [reason] and found[0].name == "a"


def test_dropped_frames_and_rates_that_no_film_has_are_told():
    clock = clock_of_numbers(np.r_[0:20, 25:35], 1.0)
    facts = replace(film_facts(beats()[0].frames, None), clock=clock)
    (found,) = film_findings(Listed("a", "test"), facts)
    assert found.reason == "frame-rate" and "1 Hz" in found.value and "5 frames dropped" in found.value


def test_a_still_is_neither_static_nor_slow():
    assert film_findings(Listed("a", "test", fps=1.0), film_facts(beats()[0].frames[:1], None)) == []


# Outlines


def test_crossings_are_counted_and_touching_is_none():
    assert crossings(SQUARE) == 0
    assert crossings(SQUARE[[0, 2, 1, 3]]) == 1  # a bow tie
    assert crossings(np.concatenate([SQUARE, SQUARE[:1]])) == 0  # closed by its first point
    assert crossings(np.repeat(SQUARE, 2, axis=0)) == 0
    assert crossings(np.array([[0, 0], [5, 5], [10, 0], [10, 5], [5, 5], [0, 5]], float)) == 0  # a waist of one point
    star = np.array([[np.sin(4 * np.pi * k / 5), np.cos(4 * np.pi * k / 5)] for k in range(5)])
    assert crossings(star) == 5
    assert crossings(np.zeros((4, 2))) == 0


def test_crossings_do_not_depend_on_where_the_outline_begins_or_how_it_lies():
    bow = SQUARE[[0, 2, 1, 3]]
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    assert {crossings(np.roll(bow @ turn * 3 - 7, k, axis=0)[::way]) for k in range(4) for way in (1, -1)} == {1}


def test_the_enclosed_area_is_the_shoelace_formulas():
    assert enclosed_area(SQUARE) == 100 and enclosed_area(SQUARE[::-1]) == 100
    assert enclosed_area(np.array([[0, 0], [4, 0], [0, 3]], float)) == 6


def test_an_outline_may_leave_the_image_by_one_pixel_and_no_more():
    def found(shift):
        return outline_findings("a", Outline(7, 0, SQUARE + shift), 20, 30)

    assert found([-1, -1]) == [] and found([20, 10]) == []  # columns up to 30, rows up to 20
    assert reasons(found([-1.5, 0])) == reasons(found([20.5, 0])) == reasons(found([0, 10.5])) == ["out-of-frame"]
    assert found([0, 13])[0].value == "frame 7: 4 pixels"


def test_phases_need_three_frames_and_a_tenth_of_a_second():
    assert phase_findings("a", (5, 8), 30, None) == phase_findings("a", (13, 8), 30, 50.0) == []
    assert reasons(phase_findings("a", (5, 7), 30, None)) == ["ed-es-close"]
    assert phase_findings("a", (12, 8), 30, 50.0)[0].value == "4 frames, 0.08 s (frames 12 and 8)"
    assert reasons(phase_findings("a", (5, 30), 30, 50.0)) == ["traced-frame"]


# curation.csv

FOUND = [
    Finding("b, c", "static", "largest change 0.1"),
    Finding("a", "blank", "standard deviation 2"),
    Finding("b, c", "self-crossing", "frame 3: 1 times"),
    Finding("b, c", "self-crossing", "frame 9: 2 times"),
]


def test_the_table_has_one_row_per_clip_and_reason_and_comes_back(tmp_path):
    write_curation(tmp_path / "curation.csv", FOUND)
    found = read_curation(tmp_path / "curation.csv")
    assert [(one.name, one.reason) for one in found] == [("a", "blank"), ("b, c", "static"), ("b, c", "self-crossing")]
    assert found[2].value == "frame 3: 1 times; frame 9: 2 times"
    header, first = (tmp_path / "curation.csv").read_text().splitlines()[:2]
    assert header == "FileName,reason,value,rule" and first.endswith(findings.REASONS["blank"])


def test_clips_are_excluded_by_reason(tmp_path):
    path = tmp_path / "curation.csv"
    write_curation(path, FOUND)
    assert exclusion(path, ["static", "blank"]).clips == {"a": ("blank",), "b, c": ("static",)}
    everything = parse_exclusion(str(path))
    assert everything.reasons == ("blank", "static", "self-crossing")
    assert everything.clips["b, c"] == ("static", "self-crossing")
    assert parse_exclusion(f"{path}:self-crossing, static").reasons == ("static", "self-crossing")
    odd = tmp_path / "a:b.csv"
    write_curation(odd, FOUND[:1])
    assert parse_exclusion(str(odd)).clips == {"b, c": ("static",)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FileName,why\na,x\n", "line 1: .*column reason"),
        ("FileName,reason\na,statik\n", "line 2: .*'statik'.* static"),
    ],
)
def test_a_table_that_is_none_is_refused_by_line(tmp_path, text, reason):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_curation(tmp_path / "c.csv")


def test_a_missing_table_and_an_unknown_reason_are_refused(tmp_path):
    with pytest.raises(InputError, match="echodfkd check"):
        parse_exclusion(str(tmp_path / "no.csv:static"))
    write_curation(tmp_path / "c.csv", [])
    with pytest.raises(InputError, match="got 'dark'"):
        parse_exclusion(f"{tmp_path / 'c.csv'}:dark")
