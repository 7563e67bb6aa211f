"""Prompts from a file, ejection fractions by rank, and clips in the order of a prompt."""

import csv
import io

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.evidence.words.prompts import (
    FractionPrompts,
    clip_similarity,
    ranked_fraction,
    ranked_names,
    read_prompts,
    similarities_csv,
)

ASKED = FractionPrompts(("EF {percent} %",), 0, 100, 0.2)


class Planted:
    """A judge whose answer is written in the frames: the grey level is the ejection fraction it believes in."""

    def __init__(self):
        self.looked: list[int] = []

    def similarities(self, frames, prompts):
        self.looked.append(len(frames))
        level = frames.mean(axis=(1, 2))
        return {
            name: -abs(level - float(name.split()[1])) / 100 if name.startswith("fraction") else level / 255
            for name in prompts
        }


def test_the_bundled_prompts_hold_the_paper_s():
    prompts = read_prompts()
    assert prompts.masks == {"wall": ("WALL",), "left_ventricle": ("LEFT VENTRICLE",), "nothing": ("NOTHING",)}
    assert prompts.valve == {"closed": ("THE MITRAL VALVE IS CLOSED",), "open": ("THE MITRAL VALVE IS OPEN",)}
    assert "foreshortened" in prompts.curation


def test_a_peak_of_similarity_is_the_fraction():
    assert ranked_fraction(-abs(np.arange(101) - 62.0), ASKED) == pytest.approx(62)


def test_the_best_fifth_votes_by_its_height():
    # Of five prompts at 0, 25, 50, 75, 100 by hand: the best two of top = 0.4 lie 0.3 and 0.1 above the third.
    asked = FractionPrompts(("EF {percent}",), 0, 4, 0.4)
    assert ranked_fraction([0.1, 0.5, 0.2, 0.3, 0.0], asked) == pytest.approx((1 * 0.3 + 3 * 0.1) / 0.4)


def test_equal_similarities_name_no_more_than_the_middle_of_the_first():
    assert ranked_fraction(np.zeros(101), ASKED) == pytest.approx(np.arange(20).mean())


def test_a_fraction_depends_on_ranks_and_gaps_not_on_level_or_scale():
    values = np.random.default_rng(0).normal(size=101)
    assert ranked_fraction(3 * values + 7, ASKED) == pytest.approx(ranked_fraction(values, ASKED))


@pytest.mark.parametrize("values", [np.zeros(3), np.full(101, np.nan)])
def test_a_similarity_per_prompt_is_asked_for(values):
    with pytest.raises(InputError, match="similarity per prompt"):
        ranked_fraction(values, ASKED)


def test_a_planted_fraction_comes_out_in_the_clip_s_row():
    clip = clip_similarity(Planted(), read_prompts(), "a", np.full((5, 8, 8), 45, np.uint8))
    assert clip.name == "a" and clip.ejection_fraction == pytest.approx(45)
    assert clip.prompts["wall"] == pytest.approx(45 / 255)


def test_a_judge_sees_at_most_so_many_frames():
    judge = Planted()
    clip_similarity(judge, read_prompts(), "a", np.zeros((50, 8, 8), np.uint8), most=7)
    assert judge.looked == [7]


def test_the_table_has_a_line_per_clip_and_reads_back():
    prompts = read_prompts()
    rows = [
        clip_similarity(Planted(), prompts, name, np.full((2, 8, 8), level, np.uint8))
        for name, level in (("a", 9), ("b", 60))
    ]
    back = list(csv.DictReader(io.StringIO(similarities_csv(rows))))
    assert [line["FileName"] for line in back] == ["a", "b"]
    assert float(back[1]["nothing"]) == pytest.approx(60 / 255, abs=1e-6)
    assert set(back[0]) == {"FileName", "EF_ranked", *prompts.masks, *prompts.valve, *prompts.curation}
    assert ranked_names(rows, "foreshortened") == ["b", "a"]
    with pytest.raises(InputError, match="No prompt beauty"):
        ranked_names(rows, "beauty")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[masks", "readable file"),
        ("[mask]\nwall = ['A']", r"unknown key mask"),
        ("[masks]\nwall = 'A'", r"masks\.wall: .* array, got 'A'"),
        ("[masks]\nwall = ['A']\nVALVE", r"\[masks\] holds wall, left_ventricle, nothing"),
        ("MASKS[valve]\nclosed = ['A']\nopen = ['']", "none may be empty"),
        ("MASKSVALVE[fraction]\nwordings = ['EF 5']", "needs {percent}"),
        ("MASKSVALVE[fraction]\nwordings = ['{percent}']\nlowest = 50\nhighest = 20", r"got 50\.\.20"),
        ("MASKSVALVE[fraction]\nlowest = 5", r"missing key fraction\.wordings"),
        ("MASKSVALVE[fraction]\nwordings = 'LVEF {percent}'", r"fraction\.wordings: .* got 'LVEF {percent}'"),
        ("MASKSVALVE[fraction]\nwordings = [5]", r"fraction\.wordings\.0: .* string, got 5"),
        ("MASKSVALVE[fraction]\nwordings = ['{percent}']\nlowest = 'a'", r"fraction\.lowest: .* integer, got 'a'"),
        ("MASKSVALVE[fraction]\nwordings = ['{percent}']\nsteps = 5", r"unknown key fraction\.steps"),
        ("masks = 5", r"masks: .*, got 5"),
        ("MASKSVALVE[curation]\nwall = ['A']", "wall .*another column"),
        ("MASKSVALVE[curation]\nopen = ['A']", "another column"),
        ("MASKSVALVE[curation]\nFileName = ['A']", "another column"),
        ("MASKSVALVE[curation]\nEF_ranked = ['A']", "another column"),
        ("MASKSVALVE[curation]\n'fraction 5' = ['A']", "another column"),
    ],
)
def test_a_wrong_file_is_refused_with_the_rule(tmp_path, text, told):
    masks = "[masks]\nwall = ['A']\nleft_ventricle = ['B']\nnothing = ['C']\n"
    path = tmp_path / "p.toml"
    path.write_text(text.replace("MASKS", masks).replace("VALVE", "[valve]\nclosed = ['A']\nopen = ['B']\n"))
    with pytest.raises(InputError, match=told) as refusal:
        read_prompts(path)
    assert str(refusal.value).startswith(str(path)) and "\n" not in str(refusal.value)
