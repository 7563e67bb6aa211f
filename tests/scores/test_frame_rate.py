import json

import numpy as np
import pytest
from scipy import stats

from echodfkd.files import plain
from echodfkd.scores import frame_rate as made
from echodfkd.scores.frame_rate import DISTANCES, least_squares, rate_edges, spearman


def rate_scores(*given, **told):
    """As it is written."""
    return plain(made.rate_scores(*given, **told))


def row(fps, ms):
    """A clip whose ED and ES are found `ms` milliseconds off."""
    frames = None if fps is None else ms * fps / 1000
    values = {"afd": frames, "distance_frames": frames, "distance_ms": ms}
    return {"fps": fps} | {name: values[name.split("_", 1)[1]] for name in DISTANCES}


@pytest.fixture(scope="module")
def clips():
    """Two hundred clips at 20 to 100 frames per second, 30 ms off on average at any rate."""
    rng = np.random.default_rng(0)
    return [
        row(float(fps), float(ms)) for fps, ms in zip(rng.uniform(20, 100, 200), rng.gamma(9, 30 / 9, 200), strict=True)
    ]


def test_an_error_that_is_constant_in_time_grows_with_the_rate_in_frames_and_not_in_milliseconds(clips):
    trend = rate_scores(clips, resamples=300)["trend"]
    frames, ms = trend["ed_afd"], trend["ed_distance_ms"]
    assert frames["slope"]["low"] < 0.030 < frames["slope"]["high"]
    assert frames["slope"]["low"] > 0
    assert frames["spearman"]["value"] > 0.6
    assert ms["slope"]["low"] < 0 < ms["slope"]["high"]
    assert ms["spearman"]["low"] < 0 < ms["spearman"]["high"]


def test_the_bins_hold_every_clip_once_and_their_means():
    bins = rate_scores([row(fps, 20.0) for fps in (20.0, 40.0, 60.0)] * 4, resamples=50)["bins"]
    assert [(one["low"], one["high"], one["clips"], one["fps"]) for one in bins] == [(20, 40, 4, 20), (40, 60, 8, 50)]
    assert [one["es_afd"]["value"] for one in bins] == [pytest.approx(0.4), pytest.approx(1.0)]
    assert [one["es_distance_ms"]["value"] for one in bins] == [20, 20]


def test_a_common_rate_is_not_cut_into_bins(clips):
    rates = np.array([50.0] * 60 + [25.0] * 20 + [100.0] * 20)
    assert rate_edges(rates) == (25, 50, 100)
    found = rate_scores(clips, resamples=20)["bins"]
    assert sum(one["clips"] for one in found) == 200
    assert max(one["clips"] for one in found) <= 36


def test_the_line_and_the_rank_correlation_are_scipys():
    rng = np.random.default_rng(1)
    pairs = np.stack([rng.integers(0, 9, 50), rng.integers(0, 9, 50)], axis=1).astype(float)  # with ties
    line = stats.linregress(pairs[:, 0], pairs[:, 1])
    assert least_squares(pairs) == pytest.approx((line.slope, line.intercept))
    assert spearman(pairs) == pytest.approx(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
    assert np.isnan(spearman(np.array([[1.0, 2], [1, 3]])))


def test_what_is_unknown_is_left_out_and_too_little_says_nothing(clips):
    some = [one | {"es_afd": None} for one in clips[:12]] + [row(None, 20.0)]
    found = rate_scores(some, resamples=20)
    assert found["trend"]["es_afd"] is None
    assert all(one["es_afd"] is None for one in found["bins"])
    assert found["trend"]["ed_afd"]["slope"]["n"] == 12
    alike = rate_scores([row(float(fps), 20.0) for fps in range(20, 40)], resamples=20)
    assert json.loads(json.dumps(alike, allow_nan=False)) == alike
    assert alike["trend"]["ed_distance_ms"]["spearman"]["value"] is None
    assert rate_scores(clips[:9]) is None
    assert rate_scores([row(50.0, 20.0)] * 30) is None
