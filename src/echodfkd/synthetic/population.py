"""How ventricles differ from patient to patient: shape, place and motion of the LV, drawn together for one ejection.

`population.json` holds mean, standard deviation and correlation of the numbers that describe a ventricle at end
diastole and at end systole, as human tracings of EchoNet-Dynamic show them; it holds no tracing. Numbers are drawn from
the normal distribution that these define, given the ejection fraction, with a wider spread.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDER = 1.15
"""Factor on the spread: a network that has seen more than reality holds will find reality easy."""

NARROWEST = 0.06
"""Least half of an annulus, share of the length."""

LOGARITHMS = ("length_share", "length_share_es")
"""Dials whose natural logarithm is what is drawn."""

UNITS = {
    "base_x": "of the image side",
    "base_y": "of the image side",
    "length_share": "of the image side",
    "axis": "degrees",
    "base_tilt": "of the length",
    "base_width": "of the length",
    "septal": "of the length",
    "lateral": "of the length",
}
"""Units of the dials drawn here; those at end systole have the same."""


@lru_cache
def statistics() -> dict[str, Any]:
    """What `population.json` says."""
    return json.loads(files(__package__).joinpath("population.json").read_text("utf-8"))


def size() -> int:
    """How many standard normal numbers one ventricle takes."""
    return len(statistics()["numbers"]) - 1


def counts() -> dict[str, int]:
    """How many values each dial drawn here has, by its name."""
    found: dict[str, int] = {}
    for name in statistics()["numbers"][1:]:
        dial = f"anatomy.{name.split('.')[0]}"
        found[dial] = found.get(dial, 0) + 1
    return found


def source() -> str:
    """Where the numbers come from, in words."""
    return f"population statistics of {statistics()['patients']:,} patients' tracings"


def in_words() -> Iterator[tuple[str, str, str]]:
    """Name, mean +- deviation of each of its values over the population, and unit of every dial drawn here."""
    table = statistics()
    spreads = zip(table["numbers"][1:], table["mean"][1:], table["deviation"][1:], strict=True)
    for dial, values in groupby(spreads, key=lambda value: value[0].split(".")[0]):
        each = ", ".join(f"{mean:.3g} +- {deviation:.2g}" for _, mean, deviation in values)
        yield f"anatomy.{dial}", f"exp({each})" if dial in LOGARITHMS else each, UNITS[dial.removesuffix("_es")]


def ventricle(normal: NDArray[np.float64], ejection_fraction: float) -> dict[str, Any]:
    """Dials of Anatomy from `size()` standard normal numbers, for an ejection fraction in percent."""
    middle, slope, spread = _given_fraction()
    values = middle + slope * ejection_fraction + WIDER * (spread @ normal)
    drawn: dict[str, Any] = {}
    for name, value in zip(statistics()["numbers"][1:], values.tolist(), strict=True):
        dial, *place = name.split(".")
        if place:
            drawn[dial] = (*drawn.get(dial, ()), value)
        else:
            drawn[dial] = float(np.exp(value)) if dial in LOGARITHMS else value
    for dial in ("base_width", "base_width_es"):
        drawn[dial] = max(drawn[dial], NARROWEST)
    return drawn


@lru_cache
def _given_fraction() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean at an ejection fraction of 0, gain per percent, and the symmetric root of the covariance that is left."""
    table = statistics()
    mean, deviation = np.array(table["mean"]), np.array(table["deviation"])
    lower = np.zeros((len(mean), len(mean)))
    for row, values in enumerate(table["correlation"]):
        lower[row, : row + 1] = values
    covariance = (lower + np.tril(lower, -1).T) * np.outer(deviation, deviation)
    slope = covariance[1:, 0] / covariance[0, 0]
    left = covariance[1:, 1:] - np.outer(slope, covariance[0, 1:])
    # Correlations are rounded to three digits, which may leave a tiny negative eigenvalue. The symmetric root does not
    # depend on the signs and the order that a library gives its eigenvectors.
    strengths, axes = np.linalg.eigh(left / np.outer(deviation[1:], deviation[1:]))
    root = axes * np.sqrt(np.clip(strengths, 0, None)) @ axes.T
    return mean[1:] - slope * mean[0], slope, deviation[1:, None] * root
