"""How far two samples lie apart: distances worked by hand, and a discriminant that finds what was planted."""

import numpy as np
import pytest
from scripts import script

likeness = script("benchmarks/likeness.py")


def sample(seed: int, patients: int = 80, shift: float = 0.0) -> dict:
    """Normal numbers of two groups; `shift` moves one of them."""
    rng = np.random.default_rng(seed)
    shape = {"length": likeness.with_change(rng.normal(60, 6, (patients, 2))), "angle": rng.normal(0, 5, (patients, 1))}
    return {"shape": shape, "grey": {"wall": rng.normal(90, 10, (patients, 2)) + shift}}


def test_identical_samples_have_no_distance_and_cannot_be_told_apart():
    real = sample(1)
    found = likeness.compared(real, real, seed=0)
    for group in ("shape", "grey"):
        assert found["distance"][group]["mean"] == 0 < found["distance"][group]["floor"]
        for by in found["statistics"][group].values():
            assert all(one["distance"] == 0 and one["spread"] == 1 for one in by.values())
    assert found["auc"]["all together"]["value"] == 0.5
    assert found["n"] == {"real": 80, "drawn": 80}


def test_samples_of_one_population_are_hardly_told_apart():
    assert likeness.told_apart(sample(1, 200), sample(2, 200), 0)["value"] == pytest.approx(0.5, abs=0.1)


def test_a_shifted_grey_level_lies_as_far_as_it_was_shifted():
    real, drawn = sample(1), sample(1, shift=15)
    found = likeness.compared(real, drawn, seed=0)
    for n, phase in enumerate(("ED", "ES")):
        one = found["statistics"]["grey"]["wall"][phase]
        assert one["distance"] == pytest.approx(15 / real["grey"]["wall"][:, n].std())
        assert one["drawn"]["mean"] - one["real"]["mean"] == pytest.approx(15) and one["spread"] == pytest.approx(1)
    assert found["auc"]["grey"]["value"] > 0.85 and found["auc"]["shape"]["value"] < 0.6


def test_a_discriminant_is_judged_on_patients_it_has_not_seen():
    """More statistics than patients: on those that taught it, noise alone would be told apart perfectly."""
    rng = np.random.default_rng(3)
    scores = likeness.held_out_scores(rng.normal(size=(40, 200)), rng.normal(size=(40, 200)), seed=0)
    assert likeness.auc(scores[:40], scores[40:]) == pytest.approx(0.5, abs=0.2)


def test_what_is_missing_counts_as_the_mean_and_what_nobody_has_is_left_out():
    real, drawn = sample(1), sample(2, shift=30)
    real["grey"]["wall"][:5] = np.nan
    drawn["shape"]["length"][:] = np.nan
    found = likeness.compared(real, drawn, seed=0)
    assert found["auc"]["grey"]["value"] > 0.95
    missing = found["statistics"]["shape"]["length"]["ED"]
    assert missing["distance"] is None and missing["drawn"]["n"] == 0 and missing["real"]["n"] == 80
    assert found["statistics"]["grey"]["wall"]["ED"]["real"]["n"] == 75


def test_columns_put_numbers_beside_each_other_and_a_change_is_es_less_ed():
    table = likeness.columns([[{"a": 1.0, "b": 2.0}, {"a": 4.0}], [{"a": 0.0}, {"a": 0.5, "b": 3.0}]])
    assert table["a"].tolist() == [[1, 4], [0, 0.5]] and np.isnan(table["b"][0, 1])
    assert likeness.with_change(table["a"]).tolist() == [[1, 4, 3], [0, 0.5, 0.5]]
