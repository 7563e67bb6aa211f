import json

import numpy as np
import pytest
from scipy import stats

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores import bounds
from echodfkd.scores.bounds import ChoiceNoise, correlation_ceiling, fit_choice_noise, rmse_floor, rounds_bounds


def two_rounds(rng, n, scale, astray=0.005, half_width=25):
    """Differences of two rounds: discrete Laplace frames, two geometric numbers' difference, a few anywhere instead."""
    stop = 1 - np.exp(-1 / scale)
    rounds = [
        np.where(
            rng.random(n) < astray,
            rng.integers(-half_width, half_width + 1, n),
            rng.geometric(stop, n) - rng.geometric(stop, n),
        )
        for _ in range(2)
    ]
    return rounds[0] - rounds[1]


def test_camus_figures_by_hand():
    assert rmse_floor(bounds.CAMUS_EF_SD) == pytest.approx(4.03, abs=0.005)  # 5.7 / 1.4142
    assert correlation_ceiling(bounds.CAMUS_EF_CORRELATION) == pytest.approx(0.895, abs=0.0005)  # 0.895^2 = 0.801
    assert bounds.PUBLISHED_FRAME_FLOORS == {"ed": 2.4, "es": 2.0}


def test_the_perfect_models_scores_are_found_from_simulated_rounds():
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(55, 12, 200_000), rng.normal(0, 5, (2, 200_000))
    first, second = truth + noise
    assert rmse_floor(np.std(first - second)) == pytest.approx(5, rel=0.01)
    r = np.corrcoef(first, second)[0, 1]
    assert correlation_ceiling(r) == pytest.approx(np.corrcoef(first, truth)[0, 1], abs=0.002)


def test_impossible_figures_are_refused():
    with pytest.raises(InputError, match="0 or more"):
        rmse_floor(-1)
    with pytest.raises(InputError, match=r"0\.\.1"):
        correlation_ceiling(1.5)


def test_shares_of_choices_by_hand():
    """q = 1/2: weights 1/4 1/2 1 1/2 1/4; a tenth is uniform on -1..1."""
    noise = ChoiceNoise(1 / np.log(2), 0.1, 1)
    assert noise.shares(2) == pytest.approx([0.09, 0.18 + 1 / 30, 0.36 + 1 / 30, 0.18 + 1 / 30, 0.09])
    # E|X| of the whole Laplace is 2 q / (1 - q^2) = 4/3, of the uniform part 2/3.
    assert noise.mean_distance == pytest.approx(0.9 * 4 / 3 + 0.1 * 2 / 3)


def test_the_narrow_part_is_scipys_discrete_laplace():
    frames = np.arange(-300, 301)
    assert ChoiceNoise(2.0, 0.0, 1).shares(300) == pytest.approx(stats.dlaplace(1 / 2.0).pmf(frames), abs=1e-9)


def test_differences_are_distributed_as_the_convolution_says():
    noise, reach = ChoiceNoise(1.5, 0.02, 20), 60
    drawn = two_rounds(np.random.default_rng(0), 200_000, 1.5, 0.02, 20)
    seen = np.bincount(drawn + 2 * reach, minlength=4 * reach + 1) / len(drawn)
    assert np.abs(seen - noise.difference_shares(reach)).max() < 0.003
    assert noise.shares(reach).sum() == pytest.approx(1)


def test_a_planted_distance_is_recovered():
    """1000 clips, as many as the supplement's authors marked again."""
    found = fit_choice_noise(two_rounds(np.random.default_rng(3), 1000, 2.0))
    assert found.mean_distance == pytest.approx(ChoiceNoise(2.0, 0.005, 25).mean_distance, rel=0.08)
    assert found.astray < 0.03


def test_the_share_astray_and_its_width_show_in_many_clips():
    found = fit_choice_noise(two_rounds(np.random.default_rng(5), 20_000, 1.5, astray=0.04, half_width=40))
    assert found.astray == pytest.approx(0.04, abs=0.01)
    assert found.half_width == 40
    assert found.scale == pytest.approx(1.5, rel=0.03)


def test_the_uniform_part_guards_the_floor_against_few_wild_clips():
    """Half the root mean square or the mean of |Z1 - Z2| would be led astray by them."""
    calm = two_rounds(np.random.default_rng(6), 1000, 1.5, astray=0)
    wild = calm.copy()
    wild[:4] = (45, -38, 50, -41)
    floors = [fit_choice_noise(one).mean_distance for one in (wild, calm)]
    assert floors[0] == pytest.approx(floors[1] + 4 / 2000 * 25, abs=0.1)


def test_the_interval_of_the_floor_is_as_wide_as_floors_spread_between_annotations():
    drawn = [two_rounds(np.random.default_rng([7, n]), 300, 2.0, astray=0) for n in range(40)]
    spread = np.std([fit_choice_noise(one).mean_distance for one in drawn])
    found = [rounds_bounds(one, resamples=100).floor for one in drawn[:4]]
    assert np.mean([one.high - one.low for one in found]) == pytest.approx(2 * 1.96 * spread, rel=0.25)
    assert all(one.low < one.value < one.high for one in found)


def test_differences_of_one_clip_are_drawn_together():
    """Every difference four times over tells no more than once."""
    often = np.repeat(two_rounds(np.random.default_rng(1), 150, 2.0, astray=0), 4)
    apart, together = (
        rounds_bounds(often, resamples=60, groups=groups).floor
        for groups in (None, np.repeat(np.arange(150), 4).tolist())
    )
    assert together.high - together.low == pytest.approx(2 * (apart.high - apart.low), rel=0.35)


def test_the_bounds_of_two_rounds_are_plain_and_complete():
    drawn = two_rounds(np.random.default_rng(3), 400, 2.0, astray=0)
    found = plain(rounds_bounds(drawn.tolist(), resamples=40))
    assert json.loads(json.dumps(found)) == found
    assert found["n"] == 400
    assert found["rmse_floor"] == pytest.approx(np.sqrt(np.mean(drawn**2) / 2))
    assert found["bias"]["low"] < 0 < found["bias"]["high"]


def test_equal_rounds_have_no_floor():
    assert fit_choice_noise([0] * 50).mean_distance < 0.01


def test_rounds_are_paired_in_order_of_time_where_they_hold_as_many_events():
    first = {"a": (50, 10), "b": (3,), "c": (1, 2), "d": (9,)}
    second = {"a": (12, 49), "b": (8,), "c": (1,)}
    assert bounds.round_differences(first, second) == ({"a": (-2, 1), "b": (-5,)}, ("c",))


def test_what_are_no_differences_is_refused():
    for values, rule in (
        ([0.5] * 40, "whole frames"),
        ([np.nan] * 40, "whole frames"),
        ([[1, 2]] * 40, "whole frames"),
        (["a"] * 40, "whole frames"),
        ([6000] * 40, "none above 5000"),
        ([1] * 29, "30 events .*got 29"),
    ):
        with pytest.raises(InputError, match=rule):
            fit_choice_noise(values)
