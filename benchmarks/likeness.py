"""How far two samples of patients lie apart: statistic by statistic, and over all of them.

A sample is `Measured`: values (patient, column) by group and statistic, NaN where a patient has none. COLUMNS says what
the columns are of.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from echodfkd.evidence.words.mask_quality import auc
from echodfkd.files import plain
from echodfkd.stats.intervals import bootstrap

Array = NDArray[np.float64]
Numbers = Mapping[str, float]
Measured = dict[str, dict[str, Array]]

COLUMNS = {1: ("both",), 2: ("ED", "ES"), 3: ("ED", "ES", "change")}
"""What a statistic's columns are of, by their number: both frames together, each of them, and ES less ED."""
SHRINKAGE, FOLDS = 0.2, 5
"""How far the discriminant takes statistics for independent (0..1), and parts the patients are cut into."""


def columns(rows: Sequence[Sequence[Numbers]]) -> dict[str, Array]:
    """Values (patient, column) by statistic, of numbers by patient and column."""
    names = dict.fromkeys(name for row in rows for one in row for name in one)
    return {name: np.array([[one.get(name, np.nan) for one in row] for row in rows]) for name in names}


def with_change(values: Array) -> Array:
    """(patient, 2) at ED and ES with a third column: ES less ED."""
    return np.column_stack([values, values[:, 1] - values[:, 0]])


def compared(real: Measured, drawn: Measured, seed: int) -> dict[str, Any]:
    """Real beside drawn, statistic by statistic and over all of them: JSON-able."""
    halves = halved(real, seed)
    found: dict[str, Any] = {"n": {"real": patients(real), "drawn": patients(drawn)}, "seed": seed}
    found["statistics"] = {group: beside(real[group], drawn[group]) for group in real}
    found["distance"] = {
        group: {
            "mean": mean_distance(real[group], drawn[group]),
            "floor": mean_distance(*(half[group] for half in halves)),
        }
        for group in real
    }
    found["auc"] = {group: told_apart({group: real[group]}, {group: drawn[group]}, seed) for group in real}
    found["auc"]["all together"] = told_apart(real, drawn, seed)
    return plain(found)


def patients(sample: Measured) -> int:
    """How many patients a sample has."""
    return len(next(iter(next(iter(sample.values())).values())))


def halved(sample: Measured, seed: int) -> tuple[Measured, Measured]:
    """Two random halves of a sample's patients."""
    order = np.random.default_rng(seed).permutation(patients(sample))
    parts = order[: len(order) // 2], order[len(order) // 2 :]
    first, second = (
        {group: {name: values[part] for name, values in found.items()} for group, found in sample.items()}
        for part in parts
    )
    return first, second


def beside(real: Mapping[str, Array], drawn: Mapping[str, Array]) -> dict[str, Any]:
    """What each statistic and column is among real and among drawn patients, and how far they lie apart."""
    return {
        name: {column: comparison(a, b) for column, a, b in by_column(values, other(drawn, name, values))}
        for name, values in real.items()
    }


def other(drawn: Mapping[str, Array], name: str, values: Array) -> Array:
    """The drawn patients' values of a statistic; NaN where none of them has it."""
    return drawn.get(name, np.full((1, values.shape[1]), np.nan))


def by_column(real: Array, drawn: Array) -> Iterator[tuple[str, Array, Array]]:
    """Name and finite values of each column of a statistic."""
    for n, column in enumerate(COLUMNS[real.shape[1]]):
        yield column, *(values[np.isfinite(values[:, n]), n] for values in (real, drawn))


def comparison(real: Array, drawn: Array) -> dict[str, Any]:
    """One statistic's values (patient,) of both kinds."""
    spread = real.std() if len(real) else np.nan
    return {
        "real": summary(real),
        "drawn": summary(drawn),
        "spread": drawn.std() / spread if len(drawn) and spread > 0 else np.nan,
        "distance": distance(real, drawn),
    }


def summary(values: Array) -> dict[str, Any]:
    """Mean, standard deviation, 5th to 95th percentile and number of values."""
    if not len(values):
        return {"mean": None, "deviation": None, "low": None, "high": None, "n": 0}
    low, high = np.percentile(values, [5, 95])
    return {"mean": values.mean(), "deviation": values.std(), "low": low, "high": high, "n": len(values)}


def distance(real: Array, drawn: Array) -> float:
    """Wasserstein's distance over the real standard deviation; NaN where either has no spread to speak of."""
    if not len(real) or not len(drawn) or not real.std() > 0:
        return float("nan")
    return float(wasserstein_distance(real, drawn) / real.std())


def mean_distance(real: Mapping[str, Array], drawn: Mapping[str, Array]) -> float:
    """The mean over every statistic and column."""
    found = [
        distance(a, b) for name, values in real.items() for _, a, b in by_column(values, other(drawn, name, values))
    ]
    finite = [value for value in found if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def told_apart(real: Measured, drawn: Measured, seed: int) -> dict[str, Any]:
    """AUC of the discriminant of all statistics, with its 95 % interval by patient."""
    names = [(group, name) for group, found in real.items() for name in found if name in drawn[group]]
    first, second = (np.column_stack([kind[group][name] for group, name in names]) for kind in (real, drawn))
    common = np.isfinite(first).any(axis=0) & np.isfinite(second).any(axis=0)
    scores = held_out_scores(first[:, common], second[:, common], seed)
    known = np.repeat([1.0, 0.0], [len(first), len(second)])

    def area(rows: NDArray) -> float:
        return auc(rows[rows[:, 1] == 1, 0], rows[rows[:, 1] == 0, 0])

    return asdict(bootstrap(np.column_stack([scores, known]), area, seed=seed))


def held_out_scores(real: Array, drawn: Array, seed: int) -> Array:
    """(patient,) how real each looks, first the real then the drawn ones, to a discriminant that has not seen it.

    `real` and `drawn` are (patient, statistic); a value that is missing counts as the mean.
    """
    rows, known = np.concatenate([real, drawn]), np.repeat([True, False], [len(real), len(drawn)])
    # The same parts for both kinds: what lies in both is then not held against its twin.
    fold = np.concatenate([np.random.default_rng(seed).permutation(len(kind)) % FOLDS for kind in (real, drawn)])
    scores = np.empty(len(rows))
    for n in range(FOLDS):
        taught, held = fold != n, fold == n
        scores[held] = discriminant(rows[taught], known[taught])(rows[held])
    return scores


def discriminant(rows: Array, known: NDArray[np.bool_]) -> Callable[[Array], Array]:
    """Fisher's linear discriminant of rows (patient, statistic), its covariance shrunk towards independence."""
    mean, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)

    def scaled(values: Array) -> Array:
        return np.nan_to_num((values - mean) / np.where(spread > 1e-9, spread, np.inf))

    inside = scaled(rows)
    means = [inside[known == kind].mean(axis=0) for kind in (True, False)]
    within = np.cov((inside - np.where(known[:, None], *means)).T)
    within = (1 - SHRINKAGE) * np.atleast_2d(within) + SHRINKAGE * np.eye(rows.shape[1])
    weights = np.linalg.solve(within, means[0] - means[1])
    return lambda values: scaled(values) @ weights
