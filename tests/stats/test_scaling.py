import numpy as np
import pytest
from scipy import optimize, stats

from echodfkd.errors import InputError
from echodfkd.stats.scaling import Laws, laws_of, pareto_front, power_law, saturating_law

SIZES = np.geomspace(1e3, 4e6, 12)


def noisy(deficits, scale=0.05, seed=0):
    return deficits * np.exp(np.random.default_rng(seed).normal(0, scale, len(deficits)))


def test_two_decades_that_halve_a_deficit_have_the_slope_worked_by_hand():
    law = power_law([1e2, 1e3, 1e4], [0.4, 0.4 / 2**0.5, 0.2])
    assert law.slope.value == pytest.approx(np.log10(2) / 2)
    assert law([1e4])[0] == pytest.approx(0.2)
    assert (law.smallest, law.largest, law.slope.n) == (1e2, 1e4, 3)


def test_a_planted_power_law_is_recovered_exactly():
    law = power_law(SIZES, 3 * SIZES**-0.3)
    assert (law.amplitude, law.slope.value) == pytest.approx((3, 0.3))
    assert (law.slope.low, law.slope.high, law.floor) == pytest.approx((0.3, 0.3, None))


def test_a_planted_floor_is_recovered_exactly():
    law = saturating_law(SIZES, 0.05 + 30 * SIZES**-0.7)
    assert (law.amplitude, law.slope.value, law.floor.value) == pytest.approx((30, 0.7, 0.05), rel=1e-6)
    assert law([1e15])[0] == pytest.approx(0.05, rel=1e-6)


def test_a_floor_that_the_best_point_alone_tells_is_none():
    worse_again = np.array([0.4, 0.2, 0.1, 0.09, 0.12, 0.14, 0.13])
    assert saturating_law(np.geomspace(1e3, 1e6, 7), worse_again) is None


def test_a_law_without_a_floor_gets_a_floor_of_nothing():
    law = saturating_law(SIZES, 3 * SIZES**-0.3)
    assert law.floor.value == pytest.approx(0, abs=1e-4)
    assert law.slope.value == pytest.approx(0.3, rel=1e-2)
    straight = saturating_law(SIZES, noisy(3 * SIZES**-0.3, 0.02))
    assert straight.floor.low <= 0  # not told from none


def test_the_slope_and_its_interval_agree_with_scipys_regression():
    deficits = noisy(3 * SIZES**-0.3)
    law = power_law(SIZES, deficits)
    theirs = stats.linregress(np.log(SIZES), np.log(deficits))
    half = stats.t.ppf(0.975, len(SIZES) - 2) * theirs.stderr
    assert law.slope.value == pytest.approx(-theirs.slope)
    assert (law.slope.low, law.slope.high) == pytest.approx((-theirs.slope - half, -theirs.slope + half))


def test_about_95_of_100_intervals_by_residuals_hold_the_slope():
    found = [power_law(SIZES, noisy(SIZES**-0.2, seed=k)).slope for k in range(300)]
    assert 0.91 <= np.mean([one.low <= 0.2 <= one.high for one in found]) <= 0.99


def test_the_law_with_a_floor_agrees_with_scipys_curve_fit():
    deficits = noisy(0.08 + 12 * SIZES**-0.5)

    def log_law(sizes, height, slope, floor):
        return np.log(floor + np.exp(height) * sizes**-slope)

    theirs, _ = optimize.curve_fit(log_law, SIZES, np.log(deficits), (2, 0.4, 0.05), bounds=([-9, 0, 0], [9, 5, 1]))
    law = saturating_law(SIZES, deficits)
    assert (np.log(law.amplitude), law.slope.value, law.floor.value) == pytest.approx(tuple(theirs), rel=1e-3)
    assert law.floor.low <= 0.08 <= law.floor.high
    assert law.slope.low <= 0.5 <= law.slope.high


def test_units_of_size_change_the_amplitude_alone():
    deficits = noisy(0.08 + 12 * SIZES**-0.5)
    one, other = (saturating_law(SIZES * unit, deficits) for unit in (1, 1e-6))
    assert (one.slope.value, one.floor.value) == pytest.approx((other.slope.value, other.floor.value), rel=1e-4)
    assert one.amplitude == pytest.approx(other.amplitude * 1e6**other.slope.value, rel=1e-2)


def test_about_95_of_100_intervals_hold_the_floor():
    found = [saturating_law(SIZES, noisy(0.05 + 30 * SIZES**-0.5, 0.02, seed=k)).floor for k in range(100)]
    assert 0.88 <= np.mean([one.low <= 0.05 <= one.high for one in found]) <= 1


@pytest.mark.parametrize(
    ("sizes", "deficits", "rule"),
    [
        ([1, 2], [0.5, 0.4], "3 different sizes, got 2"),
        ([7, 7, 7], [0.5, 0.4, 0.3], "3 different sizes, got 1"),
        ([1, 2, 3], [0.5, 0.4], "many sizes"),
        ([1, 2, 3], [0.5, 0.4, 0.0], "above 0 and finite"),
        ([1, 2, np.inf], [0.5, 0.4, 0.1], "above 0 and finite"),
    ],
)
def test_what_no_law_can_be_fitted_to_is_refused(sizes, deficits, rule):
    with pytest.raises(InputError, match=rule):
        power_law(sizes, deficits)


def test_a_floor_wants_five_sizes():
    with pytest.raises(InputError, match="5 different sizes, got 4"):
        saturating_law([1, 2, 3, 4], [0.5, 0.4, 0.3, 0.2])


def test_the_front_is_that_found_by_hand():
    costs, scores = [1, 2, 2, 3, 4, 4], [0.5, 0.7, 0.6, 0.7, 0.9, 0.9]
    assert pareto_front(costs, scores).tolist() == [True, True, False, False, True, True]  # equal points both stay
    assert pareto_front([5], [0.1]).tolist() == [True]
    assert pareto_front([], []).tolist() == []


def test_every_point_off_the_front_is_beaten_by_one_on_it_and_none_on_it_is():
    costs, scores = np.random.default_rng(0).random((2, 60))
    front = pareto_front(costs, scores)
    beaten = [
        any(costs[k] < c and scores[k] > s for k in np.flatnonzero(front)) for c, s in zip(costs, scores, strict=True)
    ]
    assert (np.array(beaten) == ~front).all()


def test_a_front_of_what_does_not_fit_together_is_refused():
    with pytest.raises(InputError, match="finite costs"):
        pareto_front([1, 2], [0.5])
    with pytest.raises(InputError, match="finite"):
        pareto_front([1, np.nan], [0.5, 0.6])


def test_two_students_or_a_faultless_one_have_no_law():
    assert laws_of([1, 2], [0.5, 0.6]) == Laws(2)
    assert laws_of([1, 2, 3], [0.5, 0.6, 1.0]).power is None
