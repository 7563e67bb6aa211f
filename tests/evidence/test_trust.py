import json
from dataclasses import replace

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.evidence.records import ClipEvidence, Judgement
from echodfkd.evidence.trust import evidence_csv, evidence_names, rank_correlations, read_evidence, summary
from echodfkd.files import plain, shaped


def made(clips=40, segmenters=6, seed=0):
    """Segmenters of planted quality; `good` follows true Dice, `noise` does not, `against` is its opposite."""
    chance, rows = np.random.default_rng(seed), []
    for segmenter in range(segmenters):
        for clip in range(clips):
            dice = 0.5 + 0.07 * segmenter + 0.03 * chance.standard_normal()
            good = dice + 0.01 * chance.standard_normal()
            evidence = {"good": good, "noise": chance.random(), "against": -dice}
            rows.append(ClipEvidence(f"s{segmenter}", f"c{clip}", evidence, dice))
    return rows


def test_planted_evidence_is_told_from_noise():
    rows = made()
    good, noise, against = (rank_correlations(rows, key, resamples=200) for key in ("good", "noise", "against"))
    assert good["per_model"].value == 1 and good["per_clip"].value > 0.95 and good["across_clips"].value > 0.8
    assert noise["per_clip"].low < 0 < noise["per_clip"].high
    assert all(against[key].value == pytest.approx(-1) for key in against)
    assert all(good[key].low <= good[key].value <= good[key].high for key in good if key != "per_model")


def test_each_correlation_asks_its_own_question():
    """Evidence that knows the segmenter and nothing of the clip, and the other way round."""
    rows = made()
    for row in rows:
        row.evidence["who"], row.evidence["which"] = (n := float(row.segmenter[1:])), row.dice - 0.07 * n
    who, which = (rank_correlations(rows, key, resamples=50) for key in ("who", "which"))
    assert who["per_model"].value == 1 and who["within_clip"].value > 0.8 and who["across_clips"] is None
    assert which["across_clips"].value == pytest.approx(1) and which["within_clip"].value < 0.5


def test_correlations_by_hand():
    """Two clips, three segmenters: on the first clip evidence orders as Dice does, on the second two are swapped."""
    table = {"a": ((1, 0.1), (3, 0.2)), "b": ((2, 0.5), (1, 0.4)), "c": ((3, 0.9), (4, 0.8))}
    rows = [
        ClipEvidence(one, str(clip), {"x": x}, dice)
        for one, values in table.items()
        for clip, (x, dice) in enumerate(values)
    ]
    found = rank_correlations(rows, "x", resamples=10)
    assert found["within_clip"].value == pytest.approx((1 + 0.5) / 2)  # one swap of neighbours: 1 - 6 x 2 / 24
    assert found["per_model"].value == pytest.approx(0.5)  # means 2, 1.5, 3.5 against 0.15, 0.45, 0.85
    assert found["across_clips"] is None and found["per_clip"].n == 2


def test_intervals_draw_whole_clips():
    """Two segmenters that are the same on every clip are no second opinion: the interval is as wide as with one."""
    rows = made(segmenters=1)
    twice = [*rows, *(replace(row, segmenter="copy") for row in rows)]
    one, two = (rank_correlations(some, "noise", resamples=500)["per_clip"] for some in (rows, twice))
    assert two.high - two.low == pytest.approx(one.high - one.low, rel=0.15)


def test_clips_without_evidence_or_truth_are_left_out_and_counted():
    rows = [replace(row, dice=None) if row.name == "c2" else row for row in made(10)]
    for row in rows:
        if row.name in ("c0", "c1"):
            row.evidence["good"] = None
    found = summary(rows, resamples=20)
    assert found.rank_correlation["good"]["per_clip"].n == 7
    assert found.rank_correlation["noise"]["per_clip"].n == 9
    assert found.segmenters["s0"]["good"].n == 8 and found.n.clips == 10


def test_evidence_that_only_some_rows_have_is_evidence():
    rows = [ClipEvidence("a", "x", {"one": 1.0}), ClipEvidence("b", "x", {"two": 2.0})]
    assert evidence_names(rows) == ["one", "two"]
    found = summary(rows)
    assert found.rank_correlation is None and found.segmenters["a"]["two"] is None
    assert found.segmenters["b"]["two"].value == 2 and found.segmenters["a"]["dice"] is None


def test_a_summary_is_json_and_the_same_for_a_seed():
    once, again = (json.dumps(plain(summary(made(8), resamples=30, seed=3)), allow_nan=False) for _ in range(2))
    assert once == again


def test_a_pair_that_comes_twice_and_no_rows_are_refused():
    with pytest.raises(InputError, match=r"s0 has two rows .*c0"):
        summary([*made(2), *made(2)])
    with pytest.raises(InputError, match="one row"):
        summary([])


def test_rows_and_summary_are_read_back_as_they_were_written(tmp_path):
    rows = [*made(4), ClipEvidence("s9", "c0", {"good": None})]
    (tmp_path / "label_free.csv").write_text(evidence_csv(rows))
    back = read_evidence(tmp_path / "label_free.csv")
    assert [(one.segmenter, one.name, one.of("good"), one.dice) for one in back] == [
        (one.segmenter, one.name, one.of("good"), one.dice) for one in rows
    ]
    found = summary(rows, resamples=20)
    assert shaped(Judgement, json.loads(json.dumps(plain(found)))) == found


def test_the_files_have_the_columns_and_keys_that_others_read():
    rows = made(3, segmenters=2)
    assert evidence_csv(rows).splitlines()[0] == "segmenter,name,good,noise,against,dice"
    found = plain(summary(rows, resamples=20))
    assert set(found) == {
        *("n", "evidence", "names", "segmenters", "rank_correlation", "without_prediction", "not_run", "hidden"),
    }
    assert set(found["n"]) == {"clips", "segmenters", "seed", "resamples"}
    assert set(found["segmenters"]["s0"]["dice"]) == {"value", "low", "high", "n"}
    assert set(found["rank_correlation"]["good"]) == {"per_clip", "per_model", "within_clip", "across_clips"}
