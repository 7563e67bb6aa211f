"""What can be said of a simulated picture, and whether it is true: captions and their truth, from the simulator's own.

A caption is true by degrees, 0..1, or unknown (NaN). Black regions are part of what is seen: an image-text judge of
masks is shown frames on which a mask was painted black, so its stand-in must know what such a frame means.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from echodfkd.errors import InputError

Values = NDArray[np.float64]
Sights = Mapping[str, Values]

UNKNOWN = float("nan")
FRACTIONS = tuple(range(101))
"""Ejection fractions (percent) that a caption may name."""
FRACTION_WIDTH = 10.0
"""Percent by which an estimate may be off before its caption is more false than true. By choice."""
LARGE_ATRIUM, LARGE_VENTRICLE = 45.0, 42.0
"""Widths (mm) from which a left atrium and a right ventricle are called dilated: about Lang et al. 2015."""


@dataclass(frozen=True)
class Sight:
    """What is to be seen on one picture; NaN where that is not known or not to be seen."""

    heart: float
    """1 where a heart is shown, 0 where there is none."""
    opening: float = UNKNOWN
    """Of the mitral valve, 0 closed .. 1 widest."""
    ejection_fraction: float = UNKNOWN
    """Percent, of the clip."""
    quality: float = UNKNOWN
    """0 worst .. 1 best."""
    foreshortened: float = UNKNOWN
    """1 where the view misses the apex; the next three are 1 where the ventricle is so."""
    dilated: float = UNKNOWN
    hypertrophic: float = UNKNOWN
    small: float = UNKNOWN
    atrium_mm: float = UNKNOWN
    """Width of the left atrium, and of the right ventricle."""
    ventricle_mm: float = UNKNOWN
    lv_black: float = UNKNOWN
    """Dice of the black region with the left ventricle and the margin around it."""
    rim_seen: float = UNKNOWN
    """Share of that margin that is not black."""
    rv_black: float = UNKNOWN
    """Dice of the black region with the other chambers."""
    la_black: float = UNKNOWN
    ra_black: float = UNKNOWN


SIGHTS = tuple(item.name for item in fields(Sight))


@dataclass(frozen=True)
class Statement:
    """One thing that can be said in several wordings, its truth for every picture, and its weight in a loss."""

    wordings: tuple[str, ...]
    truth: Callable[[Sights], Values]
    weight: float = 1.0


def stacked(sights: Sequence[Sight]) -> dict[str, Values]:
    """The sights as one array (picture,) per name."""
    if not sights:
        raise InputError("Truth needs at least one picture, got none.")
    rows = [asdict(sight) for sight in sights]
    return {name: np.array([row[name] for row in rows], np.float64) for name in SIGHTS}


def truth(statements: Sequence[Statement], sights: Sights) -> Values:
    """(picture, statement) in 0..1: how true each is of each picture, NaN where unknown."""
    return np.stack([statement.truth(sights) for statement in statements], axis=1)


def blackened_lv(sights: Sights) -> Values:
    """How truly the black region is the left ventricle with its margin: half at a Dice of 0.85, 0.95 at a full fit."""
    return expit((sights["lv_black"] - 0.85) / 0.05)


def seen_wall(sights: Sights) -> Values:
    """How truly the rim around the left ventricle, most of which is wall, is seen: half where a quarter is black."""
    return expit((sights["rim_seen"] - 0.75) / 0.08)


def closed_valve(sights: Sights) -> Values:
    """1 while the mitral valve is shut, 0 from an opening of 0.3 on."""
    return 1 - np.clip(sights["opening"] / 0.3, 0, 1)


def fraction_statement(percent: int) -> Statement:
    """That the ejection fraction is `percent`."""
    wordings = (f"EJECTION FRACTION IS ESTIMATED TO BE {percent} %", f"LVEF {percent} %", f"EF OF {percent} %")
    return Statement(wordings, partial(_near_fraction, percent=percent), 0.3)


def _near_fraction(sights: Sights, percent: int) -> Values:
    return np.exp(-(((sights["ejection_fraction"] - percent) / FRACTION_WIDTH) ** 2) / 2)


def _level(name: str, middle: float, width: float) -> Callable[[Sights], Values]:
    """How truly a sight is above `middle`; below it for a negative width."""
    return lambda sights: expit((sights[name] - middle) / width)


def _of(name: str) -> Callable[[Sights], Values]:
    return lambda sights: sights[name]


def _black(name: str) -> Callable[[Sights], Values]:
    return _level(name, 0.8, 0.06)


STATEMENTS: dict[str, Statement] = {
    "left ventricle": Statement(("LEFT VENTRICLE", "THE LEFT VENTRICLE"), blackened_lv, 4.0),
    "nothing": Statement(("NOTHING", "THERE IS NOTHING"), lambda sights: 1 - blackened_lv(sights), 4.0),
    "wall": Statement(("WALL", "THE WALL OF THE LEFT VENTRICLE", "LEFT VENTRICULAR WALL"), seen_wall, 4.0),
    "valve closed": Statement(("THE MITRAL VALVE IS CLOSED", "CLOSED MITRAL VALVE"), closed_valve, 4.0),
    "valve open": Statement(("THE MITRAL VALVE IS OPEN", "OPEN MITRAL VALVE"), lambda s: 1 - closed_valve(s), 4.0),
    "right ventricle": Statement(("RIGHT VENTRICLE", "THE RIGHT VENTRICLE"), _black("rv_black")),
    "left atrium": Statement(("LEFT ATRIUM", "THE LEFT ATRIUM"), _black("la_black")),
    "right atrium": Statement(("RIGHT ATRIUM", "THE RIGHT ATRIUM"), _black("ra_black")),
    "view": Statement(
        ("AN APICAL FOUR-CHAMBER VIEW", "APICAL FOUR-CHAMBER VIEW OF THE HEART", "ECHOCARDIOGRAM"), _of("heart")
    ),
    "no heart": Statement(("NO HEART", "THERE IS NO HEART IN THE IMAGE"), lambda sights: 1 - sights["heart"]),
    "good quality": Statement(("GOOD IMAGE QUALITY", "A CLEAR IMAGE"), _level("quality", 0.65, 0.1)),
    "poor quality": Statement(("POOR IMAGE QUALITY", "A NOISY IMAGE"), _level("quality", 0.65, -0.1)),
    "foreshortened": Statement(
        ("THE VIEW IS FORESHORTENED", "FORESHORTENED LEFT VENTRICLE", "FORESHORTENING"), _of("foreshortened")
    ),
    "dilated": Statement(("THE LEFT VENTRICLE IS DILATED", "DILATED LEFT VENTRICLE"), _of("dilated")),
    "small": Statement(("THE LEFT VENTRICLE IS SMALL", "SMALL LEFT VENTRICLE"), _of("small")),
    "hypertrophic": Statement(
        ("THE WALL OF THE LEFT VENTRICLE IS THICK", "LEFT VENTRICULAR HYPERTROPHY"), _of("hypertrophic")
    ),
    "left atrium dilated": Statement(
        ("THE LEFT ATRIUM IS DILATED", "DILATED LEFT ATRIUM"), _level("atrium_mm", LARGE_ATRIUM, 3)
    ),
    "right ventricle dilated": Statement(
        ("THE RIGHT VENTRICLE IS DILATED", "DILATED RIGHT VENTRICLE"), _level("ventricle_mm", LARGE_VENTRICLE, 3)
    ),
    "normal fraction": Statement(
        ("NORMAL EJECTION FRACTION", "NORMAL SYSTOLIC FUNCTION"), _level("ejection_fraction", 52, 4)
    ),
    "reduced fraction": Statement(
        ("REDUCED EJECTION FRACTION", "REDUCED SYSTOLIC FUNCTION"), _level("ejection_fraction", 40, -4)
    ),
}
"""Everything but the ejection fraction in numbers, by topic."""
