"""The benchmark's own parts: how masks are spoilt, and what it prints and writes. No model runs here."""

import json

import numpy as np
import pytest
from scripts import script
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.evidence.clip_rows import Judging

benchmark = script("benchmarks/label_free.py")


@pytest.fixture
def clips():
    films = {f"secret {seed}": beating(12, 64, 64, seed) for seed in range(4)}
    return [benchmark.Film(Clip(name, film, 30), film > 120) for name, film in films.items()]


def test_a_margin_is_as_wide_as_it_says():
    mask = np.zeros((1, 21, 21), np.bool_)
    mask[0, 6:15, 6:15] = True
    assert benchmark.margin(mask, 2)[0, 10].sum() == 13 and benchmark.margin(mask, -2)[0, 10].sum() == 5


def test_what_is_late_is_itself_a_sixth_of_a_second_ago(clips):
    late = benchmark.late(clips[0].masks, clips[0].clip)
    assert (late[5:] == clips[0].masks[:-5]).all() and (late[:5] == clips[0].masks[0]).all()


def test_what_jitters_keeps_its_area(clips):
    jittering = benchmark.jittering(clips[0].masks, clips[0].clip)
    assert (jittering.sum((1, 2)) == clips[0].masks.sum((1, 2))).all() and (jittering != clips[0].masks).any()


def test_a_constant_mask_is_that_of_the_other_clips(clips):
    clips[0].masks[:] = False
    first, second = benchmark.constant(clips)[:2]
    assert first.any() and (first[0] == first[5]).all() and second.sum() <= first.sum()


def test_simulated_clips_are_the_seeds_and_beyond_those_of_studies():
    (one,), (again,) = (benchmark.simulated(3, 1, 4) for _ in range(2))
    assert (one.clip.frames == again.clip.frames).all() and one.clip.name == "3-6000000" and one.masks.any()


def test_it_writes_and_prints_all_and_the_good_ones(clips, tmp_path, monkeypatch, capsys):
    masks = {
        "right": [one.masks for one in clips],
        "near": [np.roll(one.masks, 1, axis=2) for one in clips],
        "near too": [np.roll(one.masks, -1, axis=2) for one in clips],
        "aside": [np.roll(one.masks, 20, axis=2) for one in clips],
    }
    monkeypatch.setattr(benchmark, "segmented", lambda clips, seed: masks)
    benchmark.report(clips, tmp_path, Judging(frames=1, atlases=0, resamples=20))
    told = capsys.readouterr().out
    assert "The good ones alone: right, near, near too" in told and "agreement.majority" in told
    good = json.loads((tmp_path / "good.json").read_text())
    assert good["names"] == ["right", "near", "near too"]
    assert (tmp_path / "label_free.csv").is_file() and (tmp_path / "index.html").is_file()


def test_names_of_real_clips_are_not_kept(monkeypatch, clips, tmp_path):
    monkeypatch.setattr(benchmark, "read_films", lambda folder: clips)
    assert [one.clip.name for one in benchmark.real(tmp_path)] == ["clip 1", "clip 2", "clip 3", "clip 4"]


def test_preference_is_the_area_under_the_curve_and_the_share_of_pairs():
    """Of 2 x 2 comparisons three are won and one is a tie; of the two pairs one is won and one is a tie."""
    assert benchmark.above([0.9, 0.5], [0.4, 0.5]) == "0.88 (0.75)"
    assert benchmark.above([0.9, 0.8], [0.1, 0.2]) == "1.00 (1.00)"


def test_true_masks_stand_beside_each_of_the_same_masks_spoilt(clips):
    rows = benchmark.spoilt(clips[:2], None, Judging(frames=1, atlases=0))
    assert [row.segmenter for row in rows[:6]] == [benchmark.TRUE, *benchmark.SPOILT] and len(rows) == 12
    told = benchmark.preferred(rows).splitlines()
    assert told[0].split() == ["evidence", *benchmark.SPOILT] and not any(line.startswith("agreement") for line in told)
