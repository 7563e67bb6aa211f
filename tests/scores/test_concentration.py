import numpy as np
import pytest
from scipy import integrate, stats

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores import concentration as made
from echodfkd.scores.concentration import (
    NORMAL_GINI,
    clip_error,
    gini,
    lorenz_curve,
    normal_curve,
    normal_errors,
    worst_share,
)


def concentration(*given, **told):
    """As it is written."""
    return plain(made.concentration(*given, **told))


def test_the_curve_of_three_errors_is_that_of_their_squares_worked_by_hand():
    clips, carried = lorenz_curve([-3.0, 1.0, 2.0])  # squares 1, 4, 9 of 14
    assert clips.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert carried.tolist() == pytest.approx([0, 1 / 14, 5 / 14, 1])
    assert worst_share([-3.0, 1.0, 2.0], 1 / 3) == pytest.approx(9 / 14)


def test_within_a_clip_the_share_is_read_off_the_straight_line():
    assert worst_share([0.0, 0.0, 0.0, 2.0], 0.125) == pytest.approx(0.5)


def test_gini_is_half_the_mean_difference_over_the_mean():
    errors = np.random.default_rng(0).gamma(2, size=40)
    squares = errors**2
    mean_difference = np.abs(squares[:, None] - squares[None]).mean()  # Gini's own definition
    assert gini(errors) == pytest.approx(mean_difference / (2 * squares.mean()))


def test_equal_errors_are_not_concentrated_and_one_clip_with_all_the_error_is():
    assert gini([2.0, -2, 2, -2]) == pytest.approx(0)
    assert worst_share([2.0] * 20, 0.15) == pytest.approx(0.15)
    assert gini([0.0, 0, 0, 7]) == pytest.approx(3 / 4)


def test_scale_sign_and_order_of_the_errors_do_not_matter():
    errors = np.random.default_rng(1).normal(size=30)
    other = -7 * np.random.default_rng(2).permutation(errors)
    assert (gini(other), worst_share(other)) == pytest.approx((gini(errors), worst_share(errors)))


def test_the_normal_curve_is_the_integral_of_x_times_the_density_of_chi_square():
    for share in (0.2, 0.5, 0.85):
        end = stats.norm.ppf((1 + share) / 2)
        carried, _ = integrate.quad(lambda z: z**2 * stats.norm.pdf(z), -end, end)
        assert normal_curve(share) == pytest.approx(carried, abs=1e-9)


def test_normal_errors_put_56_percent_of_their_squares_on_the_worst_15():
    assert 1 - normal_curve(0.85) == pytest.approx(0.5575, abs=1e-4)  # what the report says in words


def test_many_normal_errors_follow_the_normal_curve():
    errors = np.random.default_rng(3).normal(size=200_000)
    assert worst_share(errors, 0.15) == pytest.approx(1 - normal_curve(0.85), abs=0.004)
    assert gini(errors) == pytest.approx(NORMAL_GINI, abs=0.004)


def test_the_normal_range_holds_19_of_20_test_sets_of_its_size():
    found = normal_errors(50, seed=0)
    drawn = np.array([gini(row) for row in np.random.default_rng(9).normal(size=(400, 50))])
    held = np.mean((found["gini"].low <= drawn) & (drawn <= found["gini"].high))
    assert held == pytest.approx(0.95, abs=0.03)
    assert found["worst"].n == 50


def test_a_planted_tail_stands_out_of_what_normal_errors_give():
    rng = np.random.default_rng(4)
    errors = np.where(np.arange(200) % 10 == 0, 10, 1) * rng.normal(size=200)
    rows = [{"ef_error": value, "dice": 0.9, "ed_penalised_ms": 3.0, "es_penalised_ms": None} for value in errors]
    found = concentration(rows, resamples=300)
    assert found["ejection"]["worst"]["low"] > found["ejection"]["normal"]["worst"]["high"]
    assert found["ejection"]["equal"] == {"worst": 0.15, "gini": 0}
    assert found["dice"]["gini"]["value"] == pytest.approx(0)
    assert found["events"]["n"] == 200


def test_errors_are_those_of_the_rows_and_unknown_ones_are_left_out():
    row = {"ef_error": -4.0, "dice": 0.75, "ed_penalised_ms": 10.0, "es_penalised_ms": 30.0}
    assert [clip_error(row, name) for name in ("ejection", "dice", "events")] == [-4, 0.25, 20]
    assert clip_error({"ed_penalised_ms": None, "es_penalised_ms": 5.0}, "events") == 5
    assert concentration([{"ef_error": None, "dice": None}])["ejection"] is None
    assert concentration([row, {"ef_error": 1.0}], resamples=10)["ejection"]["n"] == 2


def test_clips_without_any_error_have_no_share():
    assert np.isnan(worst_share([0.0, 0.0]))
    assert concentration([{"ef_error": 0.0}] * 3, resamples=10)["ejection"]["worst"]["value"] is None


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="number per clip"):
        gini([[1.0, 2.0]])
    with pytest.raises(InputError, match="number per clip"):
        lorenz_curve([])
    with pytest.raises(InputError, match="between 0 and 1"):
        worst_share([1.0], 15)
    with pytest.raises(InputError, match="ejection, dice, events"):
        clip_error({}, "ef")
