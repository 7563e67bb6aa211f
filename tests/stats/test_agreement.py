from functools import partial

import numpy as np
import pytest
from scipy import stats

from echodfkd.stats.agreement import STATISTICS, bland_altman, explained
from echodfkd.stats.intervals import bootstrap


def limits(pairs, groups=None, **draws):
    return bland_altman(np.array(pairs, float), partial(bootstrap, seed=0, **draws), groups)


def planted(n=60, bias=3.0, spread=5.0, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(55, 11, n)
    return np.stack([true + rng.normal(bias, spread, n), true], axis=1)


def test_statistics_by_hand():
    pairs = np.array([[50.0, 60.0], [70, 60], [44, 30]])
    found = {name: statistic(pairs) for name, statistic in STATISTICS.items()}
    assert found["mae"] == pytest.approx(34 / 3)
    assert found["bias"] == pytest.approx(14 / 3)
    assert found["rmse"] == pytest.approx(np.sqrt((100 + 100 + 196) / 3))
    assert found["r2"] == pytest.approx(1 - 396 / 600)  # the truth is 50 + 10, + 10, - 20


def test_correlation_agrees_with_scipy_and_r2_counts_the_bias_that_it_overlooks():
    pairs = planted(bias=15.0)
    assert STATISTICS["correlation"](pairs) == pytest.approx(stats.pearsonr(*pairs.T).statistic)
    assert explained(pairs) < 0 < STATISTICS["correlation"](pairs) ** 2
    assert explained(pairs - [[15.0, 0]]) > 0.5


def test_limits_of_agreement_by_hand():
    pairs = [[52.0, 50.0], [61, 60], [36, 30], [43, 40]]  # differences 2, 1, 6, 3: mean 3, variance (1+4+9+0)/3
    found, sd = limits(pairs), np.sqrt(14 / 3)
    assert found.bias.value == pytest.approx(3)
    assert found.sd.value == pytest.approx(sd)
    assert (found.lower.value, found.upper.value) == pytest.approx((3 - 1.96 * sd, 3 + 1.96 * sd))
    assert found.bias.n == 4


def test_limits_of_agreement_hold_95_of_100_new_normal_differences():
    found = limits(planted(4000), resamples=50)
    new = np.subtract(*planted(20_000, seed=1).T)
    assert np.mean((found.lower.value < new) & (new < found.upper.value)) == pytest.approx(0.95, abs=0.006)


def test_intervals_of_the_limits_have_the_width_that_bland_and_altman_gave():
    """Standard errors: s / sqrt(n) of the bias, about sqrt(3 / n) s of a limit (Lancet 1986)."""
    pairs = planted(400)
    found, s = limits(pairs), np.subtract(*pairs.T).std(ddof=1)
    assert found.bias.high - found.bias.low == pytest.approx(2 * 1.96 * s / 20, rel=0.08)
    for limit in (found.lower, found.upper):
        assert limit.high - limit.low == pytest.approx(2 * 1.96 * s * np.sqrt(3 / 400), rel=0.15)


def test_changing_places_mirrors_the_limits():
    there, back = (limits(pairs) for pairs in (planted(), planted()[:, ::-1]))
    assert there.sd == back.sd
    assert (there.lower.value, there.bias.value) == pytest.approx((-back.upper.value, -back.bias.value))
    assert there.upper.high == pytest.approx(-back.lower.low)


def test_groups_reach_the_intervals():
    pairs, groups = np.tile(planted(20), (4, 1)), [*range(20)] * 4
    by_clip, by_patient = (limits(pairs, by, resamples=500) for by in (None, groups))
    assert by_patient.bias.high - by_patient.bias.low == pytest.approx(
        2 * (by_clip.bias.high - by_clip.bias.low), rel=0.2
    )


def test_one_pair_has_no_limits():
    assert limits([[50.0, 60.0]]) is None
