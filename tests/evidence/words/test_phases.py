"""ED and ES from the mitral valve: signs, trend, and a planted valve against curves that saw no image."""

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.evidence.words.phases import (
    as_area,
    chance_rows,
    clip_curve,
    events_csv,
    phase_row,
    phase_scores,
    valve_curve,
    valve_events,
)
from echodfkd.evidence.words.prompts import read_prompts
from echodfkd.scores.events_file import read_events
from echodfkd.scores.frame_distance import Reference, null_curves

PERIOD, SYSTOLE = 40, 16


def shut(frames: int, start: int) -> np.ndarray:
    """1 while the valve is shut: SYSTOLE frames of each PERIOD, from `start` on."""
    return (((np.arange(frames) - start) % PERIOD) < SYSTOLE).astype(float)


class Planted:
    """A judge to whom a frame of grey level 255 shows a shut valve."""

    def similarities(self, frames, prompts):
        level = frames.mean(axis=(1, 2)) / 255
        return {"closed": 0.2 + 0.1 * level, "open": 0.25 + 0.05 * (1 - level)}


def test_the_curve_by_hand():
    # Differences 1, -1, 1 sum to 1, 0, 1; the line through them is level at 2/3.
    np.testing.assert_allclose(valve_curve([1, 0, 1], [0, 1, 0]), [1 / 3, -2 / 3, 1 / 3])


def test_a_constant_preference_for_one_prompt_changes_nothing():
    values = np.random.default_rng(0).normal(size=(2, 50))
    np.testing.assert_allclose(valve_curve(values[0] + 3, values[1]), valve_curve(*values), atol=1e-9)


def test_the_sum_rises_while_the_valve_is_shut_so_es_is_its_highest_frame():
    closed = shut(200, start=10)
    events = valve_events(valve_curve(closed, 1 - closed), 50)
    assert np.abs(np.array(events.es_frames) - (25 + PERIOD * np.arange(len(events.es_frames)))).max() <= 2
    assert np.abs(np.array(events.ed_frames) - (9 + PERIOD * np.arange(len(events.ed_frames)))).max() <= 3
    assert len(events.es_frames) == 5


def test_upside_down_the_curve_is_an_area():
    np.testing.assert_allclose(as_area([0.0, 4.0, 1.0]), [2, 1, 1.75])
    np.testing.assert_allclose(as_area(np.ones(3)), 1)


def test_events_go_through_the_table_that_summary_csv_is(tmp_path):
    closed = shut(200, start=10)
    events = valve_events(valve_curve(closed, 1 - closed), 50)
    (tmp_path / "phases.csv").write_text(events_csv({"clip": events}))
    back = read_events(tmp_path / "phases.csv")["clip"]
    assert (back.ed_frames, back.es_frames, back.complete) == (events.ed_frames, events.es_frames, True)


def test_a_planted_valve_beats_curves_that_saw_no_image():
    chance, rows, references = np.random.default_rng(3), [], []
    for _ in range(12):
        start = int(chance.integers(0, PERIOD))
        closed = shut(200, start)
        frames = np.repeat(closed[:, None, None] * 255, 4, axis=1).repeat(4, axis=2).astype(np.uint8)
        ed = tuple(f for f in range(start % PERIOD, 200, PERIOD) if f)
        references.append(Reference(200, 50, ed, tuple(f + SYSTOLE for f in ed if f + SYSTOLE < 199)))
        curve = clip_curve(Planted(), read_prompts(), frames)
        rows.append(phase_row(curve, references[-1]))
    scores = phase_scores(rows, references, resamples=100)
    for phase in ("ed", "es"):
        found = scores.of(phase).penalised_ms.high
        assert found < 60
        assert all(found < null.of(phase).penalised_ms.low for null in scores.by_chance.values())
    assert scores.ed.penalised_ms.n == 12


def test_chance_is_the_mean_of_several_draws_and_the_difference_is_by_clip():
    references = [Reference(200, 50, (40, 80, 120), (56, 96, 136)), Reference(150, 50, (30, 70), (46, 86))]
    rows = [
        phase_row(valve_curve(shut(r.frames, s), 0 * shut(r.frames, s)), r)
        for r, s in zip(references, (40, 30), strict=True)
    ]
    scores = phase_scores(rows, references, seed=5, resamples=20, draws=3)
    for phase in ("ed", "es"):
        by_hand = []
        for n, reference in enumerate(references):
            drawn = [-null_curves(reference, [5, n, d])["white noise"] for d in range(3)]
            by_hand.append(np.mean([phase_row(curve, reference)[f"{phase}_penalised_ms"] for curve in drawn]))
        assert scores.by_chance["white noise"].of(phase).penalised_ms.value == pytest.approx(np.mean(by_hand))
        gap = np.mean([null - row[f"{phase}_penalised_ms"] for null, row in zip(by_hand, rows, strict=True)])
        assert scores.nearer_than_chance["white noise"][phase]["penalised_ms"].value == pytest.approx(gap)
    assert set(scores.nearer_than_chance["constant"]["es"]) == {"penalised_ms", "afd"} and scores.draws == 3


def test_one_null_compared_with_itself_is_no_nearer():
    reference = Reference(200, 50, (40, 80, 120), (56, 96, 136))
    rows = [chance_rows(reference, [0, n])["smoothed noise"] for n in range(4)]
    found = phase_scores(rows, [reference] * 4, resamples=50).nearer_than_chance["smoothed noise"]
    assert all(found[phase][key].value == 0 for phase in ("ed", "es") for key in ("penalised_ms", "afd"))


@pytest.mark.parametrize("pair", [([1.0], [1.0, 2.0]), ([], []), ([np.nan], [1.0])])
def test_two_finite_similarities_per_frame_are_asked_for(pair):
    with pytest.raises(InputError, match="similarities per frame"):
        valve_curve(*pair)


def test_every_clip_needs_its_reference():
    with pytest.raises(InputError, match="reference per clip"):
        phase_scores([], [])
    with pytest.raises(InputError, match="null curve"):
        phase_scores([{}], [Reference(9, 50, (), ())], draws=0)
