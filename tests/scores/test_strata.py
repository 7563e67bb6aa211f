import numpy as np
import pytest
from scipy.stats import spearmanr

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores import strata as made
from echodfkd.scores.strata import spearman, thirds, worst


def strata(*given, **told):
    """As it is written."""
    return plain(made.strata(*given, **told))


def rows_of(**columns):
    length = len(next(iter(columns.values())))
    return [{"name": f"{n:03d}"} | {key: values[n] for key, values in columns.items()} for n in range(length)]


def test_rank_correlation_agrees_with_scipy_ties_included():
    rng = np.random.default_rng(0)
    pairs = np.column_stack([rng.integers(0, 5, 60), rng.normal(size=60).round(1)])
    assert spearman(pairs) == pytest.approx(spearmanr(*pairs.T).statistic)
    assert np.isnan(spearman(np.array([[1.0, 2], [1, 3], [1, 4]])))


def test_thirds_hold_a_third_each_and_equal_values_stay_together():
    assert np.bincount(thirds(np.random.default_rng(1).permutation(12))).tolist() == [4, 4, 4]
    assert thirds([1, 1, 1, 1, 1, 1, 1, 2, 3]).tolist() == [0, 0, 0, 0, 0, 0, 0, 2, 2]
    assert set(thirds([4.0] * 9)) == {0}
    assert thirds([1, 2, 3, 4, 5]).tolist() == [0] * 5  # too few to cut


def test_means_of_thirds_are_those_worked_by_hand():
    found = strata(rows_of(ef_error=[-1, 1, 2, -4, 9, -9], ef_true=[10, 20, 30, 40, 50, 60.0]), resamples=50)
    against = found["ejection"]["ef_true"]
    assert [(group["group"], group["error"]["value"]) for group in against["groups"]] == [
        ("10 to 20", 1),
        ("30 to 40", 3),
        ("50 to 60", 9),
    ]
    assert [group["error"]["n"] for group in against["groups"]] == [2, 2, 2]
    assert found["ejection"]["fps"] is None
    assert found["dice"]["ef_true"] is None


def test_a_planted_dependence_is_found_and_an_unrelated_covariate_is_not():
    rng = np.random.default_rng(2)
    quality, heart = rng.random(150), rng.normal(70, 10, 150)
    dice = 0.95 - 0.1 * (1 - quality) + 0.02 * rng.normal(size=150)
    found = strata(rows_of(dice=dice, quality=quality, heart_rate=heart), resamples=300)["dice"]
    assert found["quality"]["correlation"]["high"] < -0.5
    assert found["heart_rate"]["correlation"]["low"] < 0 < found["heart_rate"]["correlation"]["high"]
    means = [group["error"]["value"] for group in found["quality"]["groups"]]
    assert means == sorted(means, reverse=True)


def test_the_sign_of_an_error_does_not_matter_here():
    truth = np.arange(10.0)
    signed, sized = (
        strata(rows_of(ef_error=list(errors), ef_true=list(truth)), resamples=20)["ejection"]["ef_true"]
        for errors in (truth * np.resize([1, -1], 10), truth)
    )
    assert signed == sized
    assert signed["correlation"]["value"] == pytest.approx(1)


def test_words_are_groups_in_their_order_and_have_a_rank_where_it_is_known():
    rows = rows_of(dice=[0.9, 0.8, 0.7, 0.92], quality=["Good", "Medium", "Poor", "Good"])
    found = strata(rows, resamples=50)["dice"]["quality"]
    assert [group["group"] for group in found["groups"]] == ["Poor", "Medium", "Good"]
    assert found["groups"][2]["error"]["value"] == pytest.approx(0.09)
    assert found["correlation"]["value"] == pytest.approx(spearmanr([2, 1, 0, 2], [0.1, 0.2, 0.3, 0.08]).statistic)
    other = strata(rows_of(dice=[0.9, 0.8], quality=["sharp", "blurred"]), resamples=50)["dice"]["quality"]
    assert [group["group"] for group in other["groups"]] == ["blurred", "sharp"]
    assert other["correlation"] is None


def test_clips_without_the_covariate_or_the_error_are_left_out_and_n_says_so():
    rows = rows_of(ef_error=[1.0, None, 3.0, 4.0], fps=[50.0, 50, None, 30])
    assert strata(rows, resamples=10)["ejection"]["fps"]["n"] == 2
    assert strata([], resamples=10)["dice"] == dict.fromkeys(("ef_true", "fps", "heart_rate", "quality", "area"))


def test_thirds_whose_ends_read_alike_are_still_three():
    fps = np.linspace(49.8, 50.2, 9)
    groups = strata(rows_of(dice=[0.9] * 9, fps=list(fps)), resamples=10)["dice"]["fps"]["groups"]
    assert [group["error"]["n"] for group in groups] == [3, 3, 3]


def test_words_and_numbers_in_one_column_are_refused():
    with pytest.raises(InputError, match=r"quality .*got both"):
        strata(rows_of(dice=[0.9, 0.8], quality=["good", 0.3]))


def test_the_worst_clips_are_by_size_of_error_and_ties_by_name():
    rows = [{"name": name, "ef_error": error} for name, error in (("c", 5.0), ("b", -5.0), ("a", 1.0), ("d", None))]
    assert [row["name"] for row in worst(rows, "ejection", 2)] == ["b", "c"]
    assert [row["name"] for row in worst(rows, "ejection")] == ["b", "c", "a"]
    assert worst(rows, "dice") == []
