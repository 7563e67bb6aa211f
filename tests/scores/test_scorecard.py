import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pairs import pair
from planted_hearts import beating, ellipse

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores.clip_row import reference, score_clip
from echodfkd.scores.known_clips import constant_mask
from echodfkd.scores.scorecard import penalised_mae, scorecard
from echodfkd.stats.intervals import bootstrap


def card(*given, **told):
    """The scorecard as it is written."""
    return plain(scorecard(*given, **told))


def case(number, ef=50.0, grow=1.0, frames=120):
    curve, ed, es = beating(frames, 50, 60 + 3 * number, start=0.1 * number)
    volume = 1 - ef / 100 * (1000 - curve) / 400
    truth = np.stack([ellipse(26 * k, 13 * k, size=80) for k in np.cbrt(volume)])
    predicted = np.stack([ellipse(26 * k * grow, 13 * k * grow, size=80) for k in np.cbrt(volume)])
    return pair(f"clip {number}", predicted, truth, 50.0, ed, es, ef)


@pytest.fixture(scope="module")
def cases():
    return [case(n, ef=35.0 + 6 * n, grow=1.04) for n in range(5)]


@pytest.fixture(scope="module")
def scores(cases):
    constant = np.broadcast_to(constant_mask(known.of("lv") for _, known in cases), cases[0][0].masks.shape)
    baseline = [score_clip(replace(one, masks=constant), known) for one, known in cases]
    rows, references = [score_clip(*one) for one in cases], [reference(*one) for one in cases]
    return card(rows, baseline=baseline, references=references, training_ef=50.0, seed=3, resamples=200)


def test_a_perfect_prediction_scores_perfectly():
    found, known = case(1)
    row = score_clip(replace(found, masks=known.of("lv")), known)
    assert row["dice"] == row["iou"] == row["dice_ed"] == row["iou_es"] == 1
    assert row["px_both"] == row["px_true"] == row["px_predicted"]
    assert row["ed_missed"] == row["es_missed"] == row["ed_extra"] == row["es_extra"] == 0
    assert abs(row["ef_error"]) < 2


def test_a_row_has_the_hand_worked_overlap():
    truth, predicted = np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool)
    truth[:, :2], predicted[0, :2], predicted[1, 1:3] = True, True, True
    row = score_clip(*pair("a", predicted, truth, 50.0, (0,), (1,)))
    assert (row["dice"], row["dice_ed"], row["dice_es"]) == (0.75, 1.0, 0.5)
    assert row["iou_es"] == pytest.approx(1 / 3)
    assert (row["px_both"], row["px_predicted"], row["px_true"]) == (12, 16, 16)
    assert row["ef_error"] is None


def test_unlabelled_frames_do_not_count():
    truth, predicted = np.zeros((3, 4, 4), bool), np.ones((3, 4, 4), bool)
    truth[1] = True
    row = score_clip(*pair("a", predicted, truth, 50.0, (1,), (2,), labelled=[1]))
    assert row["dice"] == row["dice_ed"] == 1
    assert row["dice_es"] is None
    assert row["px_true"] == 16


def test_boundary_distances_of_a_row_by_hand_and_what_has_none_is_counted():
    truth, predicted = np.zeros((4, 9, 9), bool), np.zeros((4, 9, 9), bool)
    truth[:3, 2:4, 2:4], predicted[0, 2:4, 2:4], predicted[1, 2:4, 5:7] = True, True, True
    row = score_clip(*pair("a", predicted, truth, 50.0, (0,), (1, 2), spacing=(0.5, 2.0)))
    # Frame 0 agrees, 1 is three columns off (each side: 3 and 2), 2 was not found at all, 3 is rightly empty.
    assert (row["hd95_ed"], row["hd95_es"]) == (0, 3)
    assert row["hd95"] == row["surface_distance"] / 2.5 * 3 == 1
    assert (row["surface_distance_es"], row["surface_distance_mm_es"], row["hd95_mm_es"]) == (2.5, 5, 6)
    assert row["one_empty"] == 1
    assert row["hd95_penalised"] == pytest.approx((0 + 3 + np.hypot(8, 8) + 0) / 4)
    square = score_clip(*pair("a", predicted, truth, 50.0, (0,), (1, 2), spacing=(0.5, 0.5)))
    assert (square["surface_distance_mm_es"], square["hd95_mm"]) == (1.25, 0.5)
    unknown = score_clip(*pair("a", predicted, truth, 50.0, labelled=[1]))
    assert (unknown["hd95"], unknown["hd95_mm"], unknown["one_empty"]) == (3, None, 0)


def test_giving_up_on_hard_frames_is_seen_beside_the_distances(cases):
    lazy = [one.masks.copy() for one, _ in cases]
    for masks in lazy:
        masks[::3] = False
    pairs = [
        (score_clip(one, known), score_clip(replace(one, masks=m), known))
        for (one, known), m in zip(cases, lazy, strict=True)
    ]
    whole, empty = (card(rows, resamples=20)["boundary"] for rows in zip(*pairs, strict=True))
    assert (whole["one_empty"], empty["one_empty"]) == (0, 5 * 40)
    assert empty["hd95"]["overall"]["value"] == pytest.approx(whole["hd95"]["overall"]["value"], rel=0.1)
    assert empty["hd95_penalised"]["value"] > 30 > whole["hd95_penalised"]["value"]
    assert whole["hd95_penalised"] == whole["hd95"]["overall"]


def test_of_half_a_beat_every_method_takes_the_labelled_frames():
    masks = np.zeros((4, 40, 40), bool)
    for frame, (height, width) in enumerate([(30, 10), (30, 10), (24, 8), (24, 8)]):
        masks[frame, 5 : 5 + height, 5 : 5 + width] = True
    row = score_clip(*pair("a", masks, masks, 50.0, (0,), (3,), 48.8, one_contraction=True))
    assert row["ef_area_ratio"] == pytest.approx(36)
    assert row["ef_area_length"] == pytest.approx(48.8)
    assert row["ef_predicted"] == pytest.approx(48.8, abs=0.7)


def test_every_method_of_the_ejection_fraction_is_scored_on_the_same_clips(cases, scores):
    rows = [score_clip(*one) for one in cases]
    methods = scores["ejection"]["methods"]
    assert list(methods) == ["discs", "area_length", "area_ratio"]
    for method, column in (
        ("discs", "ef_predicted"),
        ("area_length", "ef_area_length"),
        ("area_ratio", "ef_area_ratio"),
    ):
        errors = np.array([row[column] - row["ef_true"] for row in rows])
        found = methods[method]
        assert found["mae"]["value"] == pytest.approx(np.abs(errors).mean())
        limits = found["bland_altman"]
        assert limits["sd"]["value"] == pytest.approx(np.std(errors, ddof=1))
        assert limits["lower"]["value"] == pytest.approx(errors.mean() - 1.96 * np.std(errors, ddof=1))
        assert limits["upper"]["n"] == 5
    assert methods["area_ratio"]["bias"]["high"] < -5  # an area falls by less than a volume
    assert scores["ejection"]["mae"] == methods["discs"]["mae"]


def test_the_ejection_fraction_that_is_scored_is_the_one_that_segment_tells(cases):
    prediction, known = cases[0]
    plain, told = (score_clip(one, known) for one in (prediction, replace(prediction, line=(0.8, 5.0))))
    assert told["ef_predicted"] == pytest.approx(0.8 * plain["ef_predicted"] + 5)
    assert told["ef_error"] == pytest.approx(told["ef_predicted"] - told["ef_true"])
    assert {key for key in told if told[key] != plain[key]} == {"ef_predicted", "ef_error"}


def test_clips_of_one_patient_are_drawn_together(cases):
    rows = [score_clip(*one, patient=f"p{n}") for n, one in enumerate(cases)]
    again = [row | {"name": f"{row['name']} once more"} for row in rows]
    alone, twice = (card(chosen, seed=3, resamples=200) for chosen in (rows, rows + again))
    assert (alone["n"]["patients"], twice["n"]["patients"]) == (5, 5)
    for key in ("value", "low", "high"):
        assert twice["dice"]["overall"][key] == pytest.approx(alone["dice"]["overall"][key])
        assert twice["iou"]["pooled"][key] == pytest.approx(alone["iou"]["pooled"][key])
        assert twice["ejection"]["mae"][key] == pytest.approx(alone["ejection"]["mae"][key])
    assert twice["dice"]["overall"]["n"] == 10


def test_where_only_one_beat_is_labelled_other_events_are_not_extra():
    found, full = case(0)
    one_beat = replace(full, ed_frames=full.ed_frames[1:2], es_frames=full.es_frames[1:2], every_beat=False)
    row = score_clip(found, one_beat)
    assert row["es_extra"] is None
    assert row["es_matched"] == 1


def test_events_at_the_ends_are_counted_and_not_missed():
    found, known = case(0)
    whole, row = score_clip(found, known), score_clip(found, replace(known, es_frames=(*known.es_frames, 119)))
    assert (row["es_missed"], row["es_at_ends"]) == (0, 1 + whole["es_at_ends"])
    assert row["es_penalised_ms"] == whole["es_penalised_ms"]


def test_constant_mask_holds_the_pixels_inside_on_half_of_the_frames():
    first, second = np.zeros((3, 1, 4), bool), np.zeros((1, 1, 4), bool)
    first[:3, 0, 0], first[:2, 0, 1], first[0, 0, 2], second[0, 0, 3] = True, True, True, True
    assert constant_mask([first, second]).tolist() == [[True, True, False, False]]
    with pytest.raises(InputError, match="one training clip"):
        constant_mask([])


def test_the_scorecard_is_json_of_finite_plain_numbers(scores):
    text = json.dumps(scores, allow_nan=False)
    assert json.loads(text) == scores
    assert np.float64.__name__ not in {type(leaf).__name__ for leaf in leaves(scores)}
    assert {type(leaf) for leaf in leaves(scores)} <= {int, float, type(None)}


def leaves(value):
    return [leaf for item in value.values() for leaf in leaves(item)] if isinstance(value, dict) else [value]


def test_scorecard_means_are_those_of_the_rows(cases, scores):
    rows = [score_clip(*one) for one in cases]
    overall = scores["dice"]["overall"]
    assert overall["value"] == pytest.approx(np.mean([row["dice"] for row in rows]))
    assert overall["low"] < overall["value"] < overall["high"]
    assert overall["n"] == scores["n"]["clips"] == 5
    pairs = np.array([(row["ef_predicted"], row["ef_true"]) for row in rows])
    error = pairs[:, 0] - pairs[:, 1]
    assert scores["ejection"]["mae"]["value"] == pytest.approx(np.abs(error).mean())
    assert scores["ejection"]["bias"]["value"] == pytest.approx(error.mean())
    assert scores["ejection"]["rmse"]["value"] == pytest.approx(np.sqrt((error**2).mean()))
    assert scores["ejection"]["correlation"]["value"] == pytest.approx(np.corrcoef(pairs.T)[0, 1])
    assert scores["ejection"]["r2"]["value"] == pytest.approx(1 - (error**2).sum() / (pairs[:, 1].std() ** 2 * 5))


def test_every_score_stands_beside_its_baseline(scores):
    assert scores["constant_mask"]["dice"]["overall"]["value"] < scores["dice"]["overall"]["value"]
    always = scores["ejection"]["always_training_mean"]
    assert always["mae"]["value"] == pytest.approx(np.mean(np.abs(50.0 - np.array([35, 41, 47, 53, 59]))))
    assert set(scores["null_curves"]) == {"white noise", "smoothed noise", "random-phase sine", "constant"}
    for phase in ("ed", "es"):
        null = scores["null_curves"]["white noise"][phase]
        assert null["afd"]["value"] < 3
        assert null["penalised_ms"]["value"] > 3 * scores["events"][phase]["penalised_ms"]["value"]


def test_same_seed_same_scores(cases, scores):
    rows, references = [score_clip(*one) for one in cases], [reference(*one) for one in cases]
    again = card(rows, references=references, training_ef=50.0, seed=3, resamples=200)
    assert again["null_curves"] == scores["null_curves"]
    assert again["dice"] == scores["dice"]
    assert again["constant_mask"] is None


def test_a_single_clip_without_beats_gives_nulls_instead_of_failing():
    still = pair("still", np.ones((1, 4, 4), bool), np.ones((1, 4, 4), bool))
    found = card([score_clip(*still)], references=[reference(*still)], training_ef=50.0, resamples=10)
    assert found["dice"]["overall"] == {"value": 1.0, "low": None, "high": None, "n": 1}
    assert found["afd"] == {"ed": None, "es": None}
    assert found["ejection"]["mae"] is None
    json.dumps(found, allow_nan=False)


def test_plain_turns_numpy_and_infinite_numbers_into_json():
    value = {"a": np.float32(0.5), 1: [np.int64(2), np.nan, float("inf")], "c": (np.bool_(True), None, "x")}
    assert plain(value) == {"a": 0.5, "1": [2, None, None], "c": [True, None, "x"]}


def test_masks_that_are_not_of_the_known_clip_are_refused():
    masks = np.ones((3, 4, 4), bool)
    with pytest.raises(InputError, match=r"Clip a: .*differ"):
        score_clip(*pair("a", masks, masks[:2]))
    with pytest.raises(InputError, match=r"Clip a: .*differ"):
        score_clip(*pair("a", masks, masks[:, 1:]))
    with pytest.raises(InputError, match=r"0\.\.2"):
        score_clip(*pair("a", masks, masks, es=(3,)))
    found, known = pair("a", masks, masks)
    with pytest.raises(InputError, match=r"3 predicted frames, .*frame 7"):
        score_clip(found, replace(known, frames=(0, 1, 7)))
    with pytest.raises(InputError, match="one clip"):
        scorecard([])


def test_the_page_on_formats_names_every_column_and_every_score(scores):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\w+", page.partition("## Scores")[2]))
    columns = {name for name in score_clip(*case(0)) if not name.startswith("es_")}
    assert columns <= told
    assert scores.keys() <= told
    assert scores["n"].keys() | scores["ejection"].keys() | scores["events"]["ed"].keys() <= told


def test_giving_up_on_hard_clips_does_not_lower_the_error_over_all_clips():
    rows = [{"ef_true": true, "ef_predicted": said, "patient": None} for true, said in ((60.0, 58.0), (30.0, 55.0))]
    given_up = [rows[0], rows[1] | {"ef_predicted": None}]
    boot = partial(bootstrap, seed=0, resamples=50)
    tried, gave_up = (penalised_mae(one, "ef_predicted", 50.0, boot).value for one in (rows, given_up))
    assert tried == (2 + 25) / 2 and gave_up == (2 + 20) / 2  # the training mean is 50
    assert penalised_mae(given_up, "ef_predicted", None, boot) is None
    assert penalised_mae(rows, "ef_predicted", None, boot).value == tried
