import itertools

import numpy as np
import pytest
from scipy import stats

from echodfkd.errors import InputError
from echodfkd.stats.intervals import AT_ONCE, Difference, Interval, bootstrap, paired_difference


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
    with pytest.raises(InputError, match="one clip"):
        bootstrap([], seed=0)
    with pytest.raises(InputError, match="0 < level < 1"):
        bootstrap([1, 2], seed=0, level=95)


def test_groups_of_one_clip_give_the_interval_by_clip():
    values = np.random.default_rng(0).normal(size=30)
    assert bootstrap(values, seed=4, groups=[f"patient {n}" for n in range(30)]) == bootstrap(values, seed=4)


def test_patients_with_equal_twin_clips_have_the_interval_of_their_single_values():
    values = np.random.default_rng(1).normal(size=25)
    twins = bootstrap(np.tile(values, 2), seed=4, groups=[*range(25), *range(25)])
    alone = bootstrap(values, seed=4)
    assert (twins.value, twins.low, twins.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert twins.n == 50


def test_whole_patients_are_drawn():
    """Three patients of three sizes: every resampled mean is one that whole patients can give."""
    groups, values = ["a", "b", "b", "c", "b", "c"], [0.0, 10, 10, 100, 10, 100]
    seen = set()
    bootstrap(values, lambda v: seen.add(tuple(sorted(v))) or v.mean(), seed=0, resamples=500, groups=groups)
    seen.discard(tuple(sorted(values)))
    sizes, numbers = {0.0: 1, 10.0: 3, 100.0: 2}, set()
    for drawn in seen:
        times = {value: drawn.count(value) / size for value, size in sizes.items()}
        assert sum(times.values()) == 3
        assert all(count == int(count) for count in times.values())
        numbers.add(len(drawn))
    assert {3, 9} <= numbers  # one patient three times: the least and the most clips


def planted(rng, patients=30, clips=6):
    """Clips whose patients differ (standard deviation 1) more than clips of one patient do (0.5); their true mean 2."""
    return (2 + rng.normal(0, 1, patients)[:, None] + rng.normal(0, 0.5, (patients, clips))).ravel()


def test_intervals_by_patient_hold_the_truth_where_those_by_clip_are_far_too_narrow():
    rng, groups = np.random.default_rng(6), np.repeat(np.arange(30), 6)
    held = {"clip": [], "patient": []}
    for seed in range(150):
        values = planted(rng)
        for key, by in (("clip", None), ("patient", groups)):
            found = bootstrap(values, seed=seed, resamples=300, groups=by)
            held[key].append(found.low <= 2 <= found.high)
    assert np.mean(held["patient"]) >= 0.88
    assert np.mean(held["clip"]) <= 0.75


def test_one_patient_alone_has_no_ends():
    assert bootstrap([1.0, 2, 3], seed=0, groups="aaa") == Interval(2.0, None, None, 3)


def test_groups_must_name_a_patient_for_each_clip():
    with pytest.raises(InputError, match="3 clips, got 2"):
        bootstrap([1, 2, 3], seed=0, groups=["a", "b"])


def test_a_constant_shift_is_the_paired_difference_exactly():
    values = np.random.default_rng(0).normal(5, 3, 40)
    found = paired_difference(values + 0.25, values, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))
    assert (found.n, found.p) == (40, pytest.approx(1 / 2001))


def test_the_paired_difference_of_means_is_the_bootstrap_of_the_differences():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 50))
    found, direct = paired_difference(a, b, seed=3), bootstrap(a - b, seed=3)
    assert (found.value, found.low, found.high) == pytest.approx((direct.value, direct.low, direct.high))


def test_changing_places_changes_the_sign_and_keeps_p():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.3, 1, 40), rng.normal(0, 1, 40)
    there, back = paired_difference(a, b, seed=1), paired_difference(b, a, seed=1)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.p == back.p


def test_p_is_that_of_all_sign_flips_where_they_can_be_listed():
    differences = np.array([0.5, 1.5, -0.2, 0.9, 0.7, -0.1, 1.1])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=7)]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    found = paired_difference(differences, np.zeros(7), seed=0, resamples=20_000)
    assert found.p == pytest.approx(exact, abs=0.006)


def test_p_agrees_with_scipys_permutation_test():
    rng = np.random.default_rng(8)
    a, b = rng.normal(0.25, 1, 60), rng.normal(0, 1, 60)
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", n_resamples=9999, rng=0
    )
    assert paired_difference(a, b, seed=0, resamples=9999).p == pytest.approx(theirs.pvalue, abs=0.02)


def test_p_is_small_in_about_one_of_twenty_where_the_models_are_alike():
    rng = np.random.default_rng(9)
    small = [paired_difference(*rng.normal(size=(2, 25)), seed=n, resamples=199).p <= 0.05 for n in range(300)]
    assert 0.02 <= np.mean(small) <= 0.085


def test_pairing_takes_out_what_makes_clips_hard_for_both():
    rng = np.random.default_rng(4)
    hard = rng.normal(0, 1, 60)
    a, b = hard + 0.2 + rng.normal(0, 0.1, 60), hard + rng.normal(0, 0.1, 60)
    paired, alone = paired_difference(a, b, seed=0), bootstrap(a, seed=0)
    assert paired.low > 0.1
    assert paired.high - paired.low < 0.3 * (alone.high - alone.low)


def test_patients_change_places_whole():
    """With two patients there are four exchanges, and two of them have the whole difference."""
    a, groups = np.array([1.0, 2, 3, 4, 5, 6]), ["a", "a", "a", "b", "b", "b"]
    found = paired_difference(a, np.zeros(6), seed=0, resamples=4000, groups=groups)
    assert found.p == pytest.approx(0.5, abs=0.03)
    assert paired_difference(a, np.zeros(6), seed=0, resamples=4000).p < 0.05


def test_any_statistic_of_rows_can_be_compared():
    rng = np.random.default_rng(5)
    true = rng.normal(55, 10, 40)
    rows = [np.stack([true + rng.normal(0, spread, 40), true], axis=1) for spread in (2, 8)]
    found = paired_difference(*rows, lambda p: float(np.sqrt(((p[:, 0] - p[:, 1]) ** 2).mean())), seed=0)
    first, second = (np.sqrt(np.mean((pair[:, 0] - pair[:, 1]) ** 2)) for pair in rows)
    assert found.value == pytest.approx(first - second)
    assert found.high < 0
    assert found.p < 0.01


def test_a_single_pair_has_a_value_alone():
    assert paired_difference([3.0], [1.0], seed=0) == Difference(2.0, None, None, 1, None)


def test_pairs_that_do_not_match_are_refused():
    with pytest.raises(InputError, match=r"got shapes \(3,\) and \(2,\)"):
        paired_difference([1.0, 2, 3], [1.0, 2], seed=0)
    with pytest.raises(InputError, match="Leave out"):
        paired_difference([1.0, np.nan], [1.0, 2], seed=0)
    with pytest.raises(InputError, match="one clip"):
        paired_difference([], [], seed=0)


@pytest.mark.parametrize("statistic", AT_ONCE)
@pytest.mark.parametrize("clips", [2, 7, 300])
def test_resamples_taken_at_once_say_what_one_after_another_says(statistic, clips, monkeypatch):
    values = np.random.default_rng(clips).normal(size=(clips, 2)).round(1)
    values = values[:, 0] if statistic is np.mean else values
    at_once = bootstrap(values, statistic, seed=3, resamples=500)
    monkeypatch.setattr("echodfkd.stats.intervals.MOST_ROWS", 1000)
    assert bootstrap(values, statistic, seed=3, resamples=500) == at_once
    monkeypatch.setattr("echodfkd.stats.intervals.AT_ONCE", {})
    alone = bootstrap(values, statistic, seed=3, resamples=500)
    assert (alone.low, alone.high) == pytest.approx((at_once.low, at_once.high), abs=1e-12)
