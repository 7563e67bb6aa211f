"""Conditions of the heart and of the view: what each adds to the numbers drawn for a clip."""

from collections.abc import Mapping
from typing import Any

LOW_FRACTION = 45.0
"""Ejection fraction (%) below which a ventricle may be dilated: large hearts with a good ejection are athletes'."""

CHANGES: dict[str, dict[str, float]] = {
    "dilated": {
        "anatomy.length": 10,
        "anatomy.width": 0.12,
        "anatomy.septum": -1,
        "anatomy.lateral_wall": -1,
        "anatomy.tenting": 3,
        "anatomy.la_width": 6,
    },
    "hypertrophic": {
        "anatomy.septum": 5,
        "anatomy.lateral_wall": 3.5,
        "anatomy.apical": 2.5,
        "anatomy.width": -0.1,
        "anatomy.la_width": 4,
    },
    "small": {
        "anatomy.length": -8,
        "anatomy.length_share": -0.05,
        "anatomy.length_share_es": -0.05,
        "anatomy.width": -0.1,
    },
    "foreshortened": {
        "anatomy.length_share": -0.06,
        "anatomy.length_share_es": -0.04,
        "anatomy.width": 0.15,
        "anatomy.apical": 2,
    },
    "lateral_akinesia": {"anatomy.asymmetry": -0.05, "anatomy.rocking": -2},
    "septal_akinesia": {"anatomy.asymmetry": 0.05, "anatomy.rocking": 2},
}
"""What each condition adds to a dial, in the dial's unit; signs from pathology, sizes by choice."""


def suffered(shares: Mapping[str, float], chances: Mapping[str, float], ejection_fraction: float) -> tuple[str, ...]:
    """The conditions of a clip whose `chances` (0..1) lie below their `shares`; only weak hearts are dilated."""
    met = [name for name in CHANGES if chances[name] < shares[name]]
    return tuple(name for name in met if name != "dilated" or ejection_fraction < LOW_FRACTION)


def change(drawn: dict[str, dict[str, Any]], conditions: tuple[str, ...]) -> None:
    """Adds what `conditions` change to the numbers `drawn` (group, dial), in place."""
    for condition in conditions:
        for name, gain in CHANGES[condition].items():
            group, dial = name.split(".")
            drawn[group][dial] += gain


def as_markdown() -> str:
    """CHANGES as Markdown lines, as docs/explanation/simulation.md shows them."""
    lines = ["| condition | adds |", "|---|---|"]
    for condition, changes in CHANGES.items():
        lines.append(f"| `{condition}` | " + ", ".join(f"`{k}` {v:+g}" for k, v in changes.items()) + " |")
    return "\n".join(lines)
