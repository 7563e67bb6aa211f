"""What the benchmark of frame distances plants, and that one to one ranks it while the paper's rule does not."""

import sys

import numpy as np
import pytest
from scripts import script

from echodfkd.files import read_json
from echodfkd.measure.beats import beat_events
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import read

benchmark = script("benchmarks/frame_distance.py")


@pytest.fixture(scope="module")
def clips():
    return benchmark.drawn(Conditions(), 3, 240, 110)


def test_the_area_of_a_drawn_heart_is_that_of_its_mask_and_beats_with_its_volume():
    recipe = draw_recipe(Conditions(), 3, 1, 12)
    clip, drawn = benchmark.beating(recipe), generate([recipe], structures=("lv",), annotator="traced")
    pixels = (drawn.masks[0, :, 0] > 0).sum(axis=(1, 2))
    assert clip.area == pytest.approx(pixels, rel=0.05)
    assert clip.reference.ed_frames == drawn.truths[0].ed_frames
    assert np.corrcoef(clip.area, drawn.truths[0].volume_ml)[0, 1] > 0.98


def test_the_true_curve_has_no_distance_by_the_papers_rule(clips):
    scores = [benchmark.score(clip.area, clip.reference)["afd"] for clip in clips]
    assert np.mean(scores) < 0.05


@pytest.mark.parametrize("frames", [1, 3])
def test_a_jitter_moves_every_event_by_so_many_frames(clips, frames):
    for clip in clips[:10]:
        curve = benchmark.jittered(frames, clip, np.random.default_rng(0))
        found = np.array(beat_events(curve, clip.fps).es_frames)
        true = np.array(beat_events(clip.area, clip.fps).es_frames)
        if len(found) == len(true):
            assert np.abs(np.abs(found - true) - frames).max() <= 2


def test_left_out_and_invented_beats_are_found_as_often_as_they_were_planted(clips):
    def beats(spoilt):
        """Contractions found in all clips after spoiling."""
        curves = (spoilt(clip, np.random.default_rng(0)) for clip in clips)
        return sum(len(beat_events(curve, clip.fps).es_frames) for curve, clip in zip(curves, clips, strict=True))

    planted = {one: sum(len(one(clip)) for clip in clips) for one in (benchmark.lost, benchmark.invented)}
    assert beats(benchmark.good) - beats(benchmark.half) == pytest.approx(planted[benchmark.lost], rel=0.1)
    assert beats(benchmark.doubled) - beats(benchmark.good) == pytest.approx(planted[benchmark.invented], rel=0.1)


def test_one_to_one_ranks_what_is_planted_and_the_papers_rule_does_not(clips):
    found = benchmark.ranked(clips, clips, seed=0, resamples=40)["rank_correlation"]["all"]
    assert found["penalised_ms"]["value"] > 0.95 > 0.7 > found["afd"]["value"]
    assert found["penalised_ms"]["low"] > found["afd"]["high"]
    assert len(found["penalised_ms"]["wrong"]) <= 1 < 10 <= len(found["afd"]["wrong"])
    assert ["white noise", "all 2 frames late"] in found["afd"]["wrong"]


def test_with_one_marked_beat_invented_ones_go_unseen_and_the_rest_is_ranked_all_the_same(clips):
    found = benchmark.ranked(clips, [benchmark.one_beat(clip) for clip in clips], seed=0, resamples=40)
    ranks, cost = found["rank_correlation"]["all"], found["detectors"]
    blind, good = (
        cost[name]["penalised_ms"]["value"] for name in ("false contractions in diastole", "truth, 1 % smooth noise")
    )
    assert abs(blind - good) < 3
    assert ranks["penalised_ms"]["value"] > 0.88 > 0.75 > ranks["afd"]["value"]


def test_a_marked_beat_is_one_ed_and_one_es_that_lie_together(clips):
    for clip in clips:
        marked = benchmark.one_beat(clip).reference
        assert (len(marked.ed_frames), len(marked.es_frames), marked.complete) == (1, 1, False)
        assert abs(marked.ed_frames[0] - marked.es_frames[0]) < 1.2 * clip.fps


def test_the_command_writes_its_numbers_and_the_picture_can_be_drawn_from_them(tmp_path, monkeypatch, capsys):
    path = tmp_path / "found.json"
    options = ["--clips", "12", "--resamples", "20", "--repeats", "1", "--json", str(path)]
    monkeypatch.setattr(benchmark, "rounds", lambda seed, repeats: [])
    monkeypatch.setattr(sys, "argv", ["frame_distance.py", *options])
    benchmark.main()
    assert "pairs in the wrong order" in capsys.readouterr().out
    assert read_json(path)["one beat"]["clips"] <= 12
    monkeypatch.setattr(sys, "argv", ["frame_distance.py", str(path), str(tmp_path / "drawn.png")])
    script("docs/pictures/frame_distance.py").main()
    assert read(tmp_path / "drawn.png").frames.std() > 20
