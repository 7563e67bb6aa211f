import numpy as np
import pytest
from scipy import stats

from echodfkd.errors import InputError
from echodfkd.evaluate.intervals import Interval, bootstrap


def test_interval_agrees_with_scipys_percentile_bootstrap():
    values = np.random.default_rng(0).gamma(2, size=80)
    ours = bootstrap(values, seed=1, resamples=10_000)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=2).confidence_interval
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)
    assert ours.value == values.mean()
    assert ours.n == 80


def test_interval_of_the_mean_has_the_width_of_the_normal_one():
    values = np.random.default_rng(3).normal(size=400)
    found = bootstrap(values, seed=0)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


def test_about_95_of_100_intervals_hold_the_truth():
    rng = np.random.default_rng(5)
    found = [bootstrap(rng.normal(1.0, 1, 60), seed=n, resamples=400) for n in range(200)]
    held = np.mean([interval.low <= 1.0 <= interval.high for interval in found])
    assert 0.89 <= held <= 0.98


def test_a_higher_level_is_wider_and_equal_values_have_no_width():
    values = np.random.default_rng(0).normal(size=30)
    narrow, wide = (bootstrap(values, seed=0, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert bootstrap([3.0] * 5, seed=0) == Interval(3.0, 3.0, 3.0, 5)


def test_same_seed_same_interval_and_another_seed_another():
    values = np.random.default_rng(0).normal(size=30)
    assert bootstrap(values, seed=4) == bootstrap(values, seed=4)
    assert bootstrap(values, seed=4) != bootstrap(values, seed=5)


def test_rows_are_resampled_whole():
    rows = np.array([[1, 10], [2, 20], [3, 30.0]])
    found = bootstrap(rows, lambda rows: rows[:, 1].sum() / rows[:, 0].sum(), seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((10, 10, 10))


def test_one_clip_has_a_value_and_no_interval():
    assert bootstrap([0.5], seed=0) == Interval(0.5, None, None, 1)


def test_no_clip_and_impossible_levels_are_refused():
    with pytest.raises(InputError, match="at least one clip"):
        bootstrap([], seed=0)
    with pytest.raises(InputError, match="0 < level < 1"):
        bootstrap([1, 2], seed=0, level=95)
