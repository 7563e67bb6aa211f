import json

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores import paired as made
from echodfkd.scores.metrics import METRICS


def paired_scores(*given, **told):
    """As it is written."""
    return plain(made.paired_scores(*given, **told))


def rows(count=20, better=0.0, **more):
    """Rows as `score_clip` makes them, as far as they are compared: hard clips are hard for everybody."""
    hard = np.random.default_rng(0).normal(0, 0.05, count)
    return [
        {"name": f"clip {n}", "patient": None, "dice": 0.85 + hard[n] + better, "ef_error": -6.0 + 100 * better} | more
        for n in range(count)
    ]


def test_what_one_model_gains_on_every_clip_is_the_difference():
    found = paired_scores(rows(better=0.02), rows())["differences"]
    assert [found["dice"][key] for key in ("value", "low", "high")] == pytest.approx([0.02] * 3)
    assert found["dice"]["first"] - found["dice"]["second"] == pytest.approx(0.02)
    assert (found["dice"]["n"], found["dice"]["alone"]) == (20, 0)
    assert found["dice"]["p"] < 0.001


def test_errors_of_the_ejection_fraction_are_compared_by_size():
    found = paired_scores(rows(better=0.02), rows())["differences"]["ef_absolute_error"]
    assert (found["value"], found["first"], found["second"]) == pytest.approx((-2, 4, 6))
    better = {metric.key: metric.higher_is_better for metric in METRICS}
    assert better["dice"]
    assert not better["ef_absolute_error"]


def test_clips_are_matched_by_name_and_those_of_one_model_counted():
    first, second = rows(20), rows(25, better=-0.01)
    found = paired_scores(first[3:], second[::-1])
    assert found["clips"] == {"both": 17, "first_alone": 0, "second_alone": 8}
    assert found["differences"]["dice"]["n"] == 17


def test_a_number_that_one_model_lacks_is_left_out_and_counted():
    first, second = rows(), rows(better=0.01)
    for row in second[:4]:
        row["ef_error"] = None
    first[0]["ef_error"] = None
    found = paired_scores(first, second)["differences"]
    error = found["ef_absolute_error"]
    assert (error["n"], error["alone"]) == (16, 3)
    differences = np.array(
        [abs(a["ef_error"]) - abs(b["ef_error"]) for a, b in zip(first[4:], second[4:], strict=True)]
    )
    assert error["sd"] == pytest.approx(np.sqrt(((differences - differences.mean()) ** 2).sum() / 15))
    assert paired_scores(first[:1], second[:1])["differences"]["dice"]["sd"] is None
    assert found["hd95_penalised"] is None


def test_clips_of_one_patient_are_kept_together():
    first, second = rows(better=0.02), rows()
    rng = np.random.default_rng(1)
    for row, shift in zip(first, np.repeat(rng.normal(0, 0.03, 5), 4), strict=True):
        row["dice"] += shift
    for table in (first, second):
        for n, row in enumerate(table):
            row["patient"] = f"p{n // 4}"
    by_patient = paired_scores(first, second)["differences"]["dice"]
    by_clip = paired_scores([row | {"patient": None} for row in first], second)["differences"]["dice"]
    assert by_patient["high"] - by_patient["low"] > 1.5 * (by_clip["high"] - by_clip["low"])


def test_the_comparison_is_json_and_changes_its_sign_with_the_order():
    there, back = paired_scores(rows(better=0.02), rows()), paired_scores(rows(), rows(better=0.02))
    assert json.loads(json.dumps(there, allow_nan=False)) == there
    assert there["differences"]["dice"]["value"] == pytest.approx(-back["differences"]["dice"]["value"])


def test_rows_that_cannot_be_paired_are_refused():
    with pytest.raises(InputError, match="none shared"):
        paired_scores(rows(2), [row | {"name": "other"} for row in rows(1)])
    with pytest.raises(InputError, match="4 rows of 2 clips"):
        paired_scores(rows(2) * 2, rows(2))
