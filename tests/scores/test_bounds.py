import json

import numpy as np
import pytest
from scipy import stats

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores import bounds
from echodfkd.scores.bounds import ChoiceNoise, compare_families, correlation_ceiling, fit_choice_noise, rmse_floor


def two_rounds(rng, n, narrow, astray=0.005, half_width=25):
    """Differences of two rounds: whole frames from `narrow(rng, n)`, a few of them anywhere instead."""
    rounds = [
        np.where(rng.random(n) < astray, rng.integers(-half_width, half_width + 1, n), narrow(rng, n)) for _ in range(2)
    ]
    return rounds[0] - rounds[1]


def laplace_frames(scale):
    """Two geometric numbers' difference: a discrete Laplace number, by NumPy's own generator."""
    stop = 1 - np.exp(-1 / scale)
    return lambda rng, n: rng.geometric(stop, n) - rng.geometric(stop, n)


def gaussian_frames(scale):
    return lambda rng, n: np.rint(rng.normal(0, scale, n)).astype(int)


def test_camus_figures_by_hand():
    assert rmse_floor(5.7) == pytest.approx(4.03, abs=0.005)  # 5.7 / 1.4142
    assert correlation_ceiling(0.801) == pytest.approx(0.895, abs=0.0005)  # 0.895^2 = 0.801
    found = bounds.CAMUS
    assert (found.rmse_floor, found.correlation_ceiling) == pytest.approx((4.0305, 0.89499), abs=1e-4)
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
    with pytest.raises(InputError, match=r"lie in 0\.\.1"):
        correlation_ceiling(1.5)


def test_shares_of_choices_by_hand():
    """q = 1/2: weights 1/4 1/2 1 1/2 1/4; a tenth is uniform on -1..1."""
    noise = ChoiceNoise("laplace", (1 / np.log(2),), 0.1, 1)
    assert noise.shares(2) == pytest.approx([0.09, 0.18 + 1 / 30, 0.36 + 1 / 30, 0.18 + 1 / 30, 0.09])
    assert noise.mean_distance(2) == pytest.approx(0.36 + 0.36 + 2 / 30)
    whole = ChoiceNoise("uniform", (1.0,), 0.0, 1)
    assert whole.difference_shares(1) == pytest.approx(np.array([1, 2, 3, 2, 1]) / 9)  # two dice of three sides


@pytest.mark.parametrize(
    ("family", "parameters", "distribution"),
    [
        ("laplace", (2.0,), stats.dlaplace(1 / 2.0)),
        ("student t", (2.0, 4.0), None),
        ("gaussian", (3.0,), None),
        ("uniform", (4.0,), stats.randint(-4, 5)),
    ],
)
def test_families_are_scipys_distributions_on_whole_numbers(family, parameters, distribution):
    frames, shares = np.arange(-300, 301), ChoiceNoise(family, parameters, 0.0, 1).shares(300)
    if distribution is None:
        density = {"student t": stats.t(4.0, scale=2.0), "gaussian": stats.norm(scale=3.0)}[family].pdf(frames)
        assert shares == pytest.approx(density / density.sum())
    else:
        assert shares == pytest.approx(distribution.pmf(frames), abs=1e-9)


def test_differences_are_distributed_as_the_convolution_says():
    noise, reach = ChoiceNoise("laplace", (1.5,), 0.02, 20), 60
    rng = np.random.default_rng(0)
    drawn = two_rounds(rng, 200_000, laplace_frames(1.5), 0.02, 20)
    seen = np.bincount(drawn + 2 * reach, minlength=4 * reach + 1) / len(drawn)
    assert np.abs(seen - noise.difference_shares(reach)).max() < 0.003
    assert noise.shares(reach).sum() == pytest.approx(1)


PLANTED = {"laplace": laplace_frames(2.0), "gaussian": gaussian_frames(2.5)}


@pytest.mark.parametrize("family", PLANTED)
def test_the_planted_family_and_its_distance_are_recovered(family):
    """1000 clips, as many as the supplement's authors marked again; the truth is the drawn choices' own mean."""
    rng = np.random.default_rng(3)
    truth = np.abs(PLANTED[family](np.random.default_rng(9), 400_000)).mean() * 0.995 + 0.005 * 12.74
    fits = compare_families(two_rounds(rng, 1000, PLANTED[family]))
    best = next(iter(fits.values()))
    assert best.noise.family == family
    assert best.aic == min(fit.aic for fit in fits.values())
    assert best.floor == pytest.approx(truth, rel=0.08)
    assert best.noise.astray < 0.03


def test_the_share_astray_and_its_width_show_in_many_clips():
    rng = np.random.default_rng(5)
    fit = fit_choice_noise(two_rounds(rng, 20_000, laplace_frames(1.5), astray=0.04, half_width=40))
    assert fit.noise.astray == pytest.approx(0.04, abs=0.01)
    assert fit.noise.half_width == 40
    assert fit.noise.parameters[0] == pytest.approx(1.5, rel=0.03)


def test_the_uniform_part_guards_the_floor_against_few_wild_clips():
    """Half the root mean square or the mean of |Z1 - Z2| would be led astray by them."""
    rng = np.random.default_rng(6)
    calm = two_rounds(rng, 1000, laplace_frames(1.5), astray=0)
    wild = calm.copy()
    wild[:4] = (45, -38, 50, -41)
    assert fit_choice_noise(wild).floor == pytest.approx(fit_choice_noise(calm).floor + 4 / 2000 * 25, abs=0.1)


def test_the_interval_of_the_floor_is_as_wide_as_floors_spread_between_annotations():
    drawn = [two_rounds(np.random.default_rng([7, n]), 300, laplace_frames(2.0), astray=0) for n in range(40)]
    fits = [fit_choice_noise(one, half_widths=(25,)) for one in drawn]
    spread = np.std([fit.floor for fit in fits])
    found = [
        bounds.distance_floor(one, fit, seed=0, resamples=100) for one, fit in zip(drawn[:4], fits[:4], strict=True)
    ]
    assert np.mean([one.high - one.low for one in found]) == pytest.approx(2 * 1.96 * spread, rel=0.25)
    assert all(one.low < one.value < one.high for one in found)


def test_differences_of_one_clip_are_drawn_together():
    """Every difference four times over tells no more than once."""
    once = two_rounds(np.random.default_rng(1), 150, laplace_frames(2.0), astray=0)
    fit = fit_choice_noise(np.repeat(once, 4), half_widths=(25,))
    apart, together = (
        bounds.distance_floor(np.repeat(once, 4), fit, seed=0, resamples=60, groups=groups)
        for groups in (None, np.repeat(np.arange(150), 4).tolist())
    )
    assert together.high - together.low == pytest.approx(2 * (apart.high - apart.low), rel=0.35)


def test_the_bounds_of_two_rounds_are_plain_and_complete():
    drawn = two_rounds(np.random.default_rng(3), 400, laplace_frames(2.0), astray=0)
    found = plain(bounds.rounds_bounds(drawn.tolist(), resamples=40))
    assert json.loads(json.dumps(found)) == found
    assert found["n"] == 400
    assert found["families"][found["best"]]["aic_above_best"] == 0
    assert found["rmse_floor"] == pytest.approx(np.sqrt(np.mean(drawn**2) / 2))
    assert found["bias"]["low"] < 0 < found["bias"]["high"]
    assert sum(found["histogram"]["share"]) == pytest.approx(1)
    assert found["histogram"]["frames"][0] == -max(abs(drawn))


def test_equal_rounds_have_no_floor():
    assert fit_choice_noise([0] * 50).floor < 0.01


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
