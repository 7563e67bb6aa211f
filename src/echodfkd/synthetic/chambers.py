"""What hangs on the left ventricle: its place in the image, the right ventricle, the atria, the valves.

A line is (a, b, c) with value = a x + b y + c over image coordinates: shares of the image side, x to the right, y down.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from echodfkd.synthetic.anatomy import Anatomy
from echodfkd.synthetic.ventricle import moment

Array = NDArray[np.float64]

GROOVE = (6.0, 6.0)
"""mm along U and V from the lateral hinge of the mitral valve to the fat of the groove behind it."""

Liner = Callable[[Array | float, Array | float, Array | float], Array]
"""Turns `p U + q V + r` in heart coordinates (mm) into lines (time, 3)."""


def placement(a: Anatomy, contraction: Array, length: Array) -> tuple[Array, Array, Array, float]:
    """Apex (time, 2) mm in the image, unit vectors of U and V (time, 2), side of the image in mm."""
    side = a.length / a.length_share
    moments = np.linspace(0, 1, len(contraction)) if len(contraction) > 1 else np.zeros(1)
    drift = a.drift * np.sin(2 * np.pi * (a.drift_rate * moments + a.drift_phase))
    angle = np.deg2rad(moment(a, "axis", contraction)) + a.rocking * contraction / a.length
    base = np.stack([moment(a, "base_x", contraction), moment(a, "base_y", contraction)], axis=-1) * side
    base = base + np.stack([drift, 0.5 * drift], axis=-1)
    apex = base - length[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    along = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return apex, along, np.stack([along[:, 1], -along[:, 0]], axis=-1), side


def liner(apex: Array, along: Array, across: Array, side: float) -> Liner:
    """A function that turns `p U + q V + r` in heart coordinates into lines (time, 3) over image coordinates."""

    def line(p: Array | float, q: Array | float, r: Array | float) -> Array:
        p, q, r = (np.broadcast_to(value, len(apex))[:, None] for value in (p, q, r))
        gradient = p * along + q * across
        return np.concatenate([gradient * side, r - (gradient * apex).sum(1, keepdims=True)], axis=1)

    return line


def below(left: Array, right: Array, to_line: Liner) -> Array:
    """The line that measures mm below (away from the apex) the annulus from `left` to `right` (time, 2)."""
    chord = right - left
    chord = chord / np.linalg.norm(chord, axis=1, keepdims=True)
    p, q = chord[:, 1], -chord[:, 0]
    return to_line(p, q, -(p * left[:, 0] + q * left[:, 1])) * 1.0


def tricuspid_hinges(a: Anatomy, contraction: Array, base_left: Array, septum: Array) -> Array:
    """(time, 2, 2) septal and free-wall hinge of the tricuspid valve; the free wall descends by a fifth more."""
    septal = base_left - np.stack([a.tricuspid_offset + 0 * septum, septum], axis=-1)
    width = a.rv_width * (1 - 0.6 * a.rv_shrink * contraction)
    descent = 0.2 * (a.length_share - a.length_share_es) / a.length_share * a.length * contraction
    return np.stack([septal, septal - np.stack([descent, width], axis=-1)], axis=1)


def atrial_septum(a: Anatomy, base_left: Array, septum: Array, to_line: Liner) -> Array:
    """The line that measures mm to the right of the atrial septum."""
    norm = np.hypot(1, a.atrial_lean)
    start = base_left[:, 1] - septum / 2
    return to_line(-a.atrial_lean / norm, 1 / norm, -(start - a.atrial_lean * base_left[:, 0]) / norm)


def ellipses(
    a: Anatomy, c: Array, length: Array, left: Array, right: Array, hinges: Array, to_line: Liner
) -> dict[str, Array]:
    """Lines and mean semi-axes of RV (a quarter ellipse on the tricuspid annulus), LA and RA.

    The roofs of the atria stay where they are at end diastole, so that the atria lengthen as the annulus descends.
    """
    grown = 1 + a.atrial_growth * np.clip(c, 0, 1)
    origin = hinges[:, 0]
    rv_u, rv_v = a.rv_length * length, a.rv_width * (1 - a.rv_shrink * c)
    lean = -a.rv_lean
    rv = [
        to_line(1 / rv_u, 0.0, -origin[:, 0] / rv_u),
        to_line(-lean / rv_v, 1 / rv_v, -(origin[:, 1] - lean * origin[:, 0]) / rv_v),
    ]
    lines, radii = [rv], [(rv_u + rv_v) / 2]
    for top, septal, outward, width, depth in (
        ((left + right)[:, 0] / 2, left[:, 1], 1, a.la_width, a.la_length),
        (hinges[:, :, 0].mean(1), hinges[:, 0, 1], -1, a.ra_width, a.ra_length),
    ):
        deep = depth + a.length - length
        half_u, half_v = 0.58 * deep, width * grown / 2
        middle = septal + outward * 0.9 * half_v + a.atrial_lean * 0.45 * deep
        lines.append(
            [
                to_line(1 / half_u, 0.0, -(top + deep - half_u) / half_u),
                to_line(0.0, 1 / half_v, -middle / half_v),
            ]
        )
        radii.append((half_u + half_v) / 2)
    return {"ellipses": np.stack([np.stack(pair, 1) for pair in lines], 1), "radii": np.stack(radii, -1)}


def leaflets(a: Anatomy, opening: Array, left: Array, right: Array, hinges: Array, points: int = 12) -> Array:
    """(time, 4, points, 2) heart coordinates of the leaflets, swung towards the apex as they open."""
    pairs = [
        (left, right, a.coaptation, 1.0),
        (right, left, 1 - a.coaptation, 1.0),
        (hinges[:, 0], hinges[:, 1], 0.45, 0.8),
        (hinges[:, 1], hinges[:, 0], 0.55, 0.8),
    ]
    along = np.linspace(0, 1, points)[None, :, None]
    drawn = []
    for hinge, opposite, share, swing in pairs:
        chord = opposite - hinge
        inward = np.stack([-np.abs(chord[:, 1]), np.sign(chord[:, 1]) * chord[:, 0]], axis=-1)
        inward /= np.linalg.norm(inward, axis=-1, keepdims=True)
        reach = share * np.linalg.norm(chord, axis=-1)
        angle = np.arctan2(a.tenting, reach) + np.deg2rad(a.leaflet_swing) * swing * opening
        direction = np.cos(angle)[:, None] * chord / np.linalg.norm(chord, axis=-1, keepdims=True)
        direction = direction + np.sin(angle)[:, None] * inward
        size = np.hypot(reach, a.tenting)[:, None, None]
        bow = 0.12 * size * 4 * along * (1 - along) * inward[:, None] * (1 - opening)[:, None, None]
        drawn.append(hinge[:, None] + along * size * direction[:, None] + bow * 0.5)
    return np.stack(drawn, axis=1)


def landmarks(a: Anatomy, c: Array, shape: Array, base_left: Array, base_right: Array, hinges: Array) -> Array:
    """(time, 23 + spots, 2) heart coordinates of small bright things.

    Four points of the lateral papillary muscle, four of the medial one, five of a strip left of the septum, five of
    one right of the lateral wall, the four hinges, the fat of the groove, then bright bodies below the annulus.
    """
    base = (base_left + base_right) / 2
    half = shape.shape[1] // 2
    left, right = shape[:, half::-1], shape[:, half:]
    return np.stack(
        [
            *_papillary(a, 0, c, right, left),
            *_papillary(a, 1, c, left, right),
            *_strip(a, 0, left),
            *_strip(a, 1, right),
            base_left,
            base_right,
            hinges[:, 0],
            hinges[:, 1],
            base_right + np.array(GROOVE),
            *(base + np.array(place) for place in zip(a.spot_along, a.spot_across, strict=True)),
        ],
        axis=1,
    )


def _papillary(a: Anatomy, which: int, c: Array, own: Array, opposite: Array) -> list[Array]:
    """Four points (time, 2) along a papillary muscle, from the wall `own` towards the annulus."""
    place = int(a.papillary_place[which] * (own.shape[1] - 1))
    reach = a.papillary_reach[which] * (1 - 0.5 * np.clip(c, 0, 1))[:, None]
    root = own[:, place] + reach * (opposite[:, place] - own[:, place])
    bends = a.papillary_bends[4 * which : 4 * which + 4]
    return [root + np.array([a.papillary_length * k / 3, bend]) for k, bend in enumerate(bends)]


def _strip(a: Anatomy, which: int, own: Array) -> list[Array]:
    """Five points (time, 2) along a strip beside the heart, outside the wall of the side `own`."""
    place = own[:, int(a.beside_place[which] * (own.shape[1] - 1))]
    outward = (-1, 1)[which] * a.beside_distance[which]
    return [place + np.array([a.beside_length[which] * share, outward]) for share in (-0.5, -0.25, 0.0, 0.25, 0.5)]
