"""The left ventricle: a closed-form contour, stretched at each moment so that its disc volume is the one wanted.

Heart coordinates are millimetres: U runs from the LV apex to the middle of the mitral annulus, V across it, towards the
image's right (the lateral wall).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from echodfkd.synthetic.anatomy import Anatomy

Array = NDArray[np.float64]

VERTICES = 108
"""Points on each side of the LV's contour, from apex to annulus: chords of 1 px or less, shortest at the apex."""

DEGREE = 4
"""Of the polynomials that say how far each side lies from the axis."""

PHASES = ("", "_es")
"""Endings of the names of dials at end diastole and at end systole."""

USUAL_EJECTION = 0.55
"""Share of its volume that a heart ejects at large."""


def moment(dials: Any, dial: str, contraction: Array) -> Array:
    """(time, ...) a dial that has a value at end diastole and one at end systole, at `contraction` (time,)."""
    first, last = (np.asarray(getattr(dials, dial + phase), float) for phase in PHASES)
    return first + np.multiply.outer(contraction, last - first)


def sides(anatomy: Anatomy, contraction: Array) -> tuple[Array, Array]:
    """Septal and lateral side (time, vertex, 2) of the LV, U and V, in units of its length.

    A side's distance from the axis is sqrt(s) times a polynomial of s in Bernstein's form, s from 0 at the apex to 1 at
    its end of the annulus: the class-shape functions of Kulfan (Journal of Aircraft, 2008) for a body that is round at
    its nose and cut off at its tail. The last coefficient is half the annulus for both sides.
    """
    s = 1 - np.cos(np.linspace(0, 0.7 * np.pi, VERTICES))
    s = s / s[-1]
    terms = np.sqrt(s)[:, None] * bernstein(s)
    half = moment(anatomy, "base_width", contraction)[:, None]
    tilt = moment(anatomy, "base_tilt", contraction)[:, None]
    shift = -anatomy.asymmetry * np.multiply.outer(contraction, 4 * s * (1 - s))
    made = []
    for name, sign in (("septal", -1), ("lateral", 1)):
        across = np.concatenate([moment(anatomy, name, contraction), half], axis=1) @ terms.T
        made.append(np.stack([s * (1 + sign * tilt), sign * across + shift], axis=-1))
    return made[0], made[1]


def bernstein(s: Array) -> Array:
    """(place, DEGREE + 1) Bernstein polynomials at `s` (place,), 0..1."""
    k = np.arange(DEGREE + 1)
    return comb(DEGREE, k) * s[:, None] ** k * (1 - s[:, None]) ** (DEGREE - k)


def volume_and_stretch(a: Anatomy, relative: Array, length: Array, left: Array, right: Array) -> tuple[Array, Array]:
    """LV volume (ml), and the factor on V that gives it: pi/4 L^3 k^2 J, J the disc integral of the unit shape."""
    reference = disc_integral(*sides(a, np.zeros(1)))[0]
    volume = np.pi / 4 * a.length**3 * a.width**2 * reference * relative
    return volume / 1000, np.sqrt(volume / (np.pi / 4 * length**3 * disc_integral(left, right)))


def disc_integral(left: Array, right: Array) -> Array:
    """(time,) integral of the squared chord across U, for contour sides (time, vertex, 2) that start at the apex."""
    first = np.minimum(left[..., 0].min(1), right[..., 0].min(1))
    last = np.maximum(left[:, -1, 0], right[:, -1, 0])
    u = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, 401)
    chord = np.clip(_side_at(u, right, left[:, -1]) - _side_at(u, left, right[:, -1]), 0, None)
    return np.trapezoid(chord**2, u, axis=1)


def breadth(left: Array, right: Array) -> Array:
    """(time,) greatest width of the LV, of its sides (time, vertex, 2)."""
    return (right - left)[..., 1].max(1)


def _side_at(u: Array, side: Array, other_corner: Array) -> Array:
    """V (time, place) of one side (time, vertex, 2) of the contour at `u` (time, place).

    Beyond its own corner a side is the annulus' straight line to the other corner (time, 2).
    """
    beyond = np.where(other_corner[:, :1] > side[:, -1, :1], other_corner, side[:, -1])
    along, across = np.moveaxis(np.concatenate([side, beyond[:, None]], axis=1), -1, 0)
    return each_interp(u, np.maximum.accumulate(along, axis=1), across, 8.0)


def each_interp(x: Array, places: Array, values: Array, span: float) -> Array:
    """np.interp of every row of `places` and `values` (row, point) at the same row of `x`, in one call.

    Rows are laid end to end, `span` apart, which must exceed what one row's numbers span.
    """
    shift = span * np.arange(len(places))[:, None]
    spots = x + shift
    return np.interp(spots.ravel(), (places + shift).ravel(), values.ravel()).reshape(spots.shape)


def thickness(anatomy: Anatomy, length: Array, width: Array) -> Array:
    """(time, 3) septal, apical and lateral thickness: they grow so that the wall's area in the plane is conserved."""
    rest = np.array([anatomy.septum, anatomy.apical, anatomy.lateral_wall])
    mean = rest.mean()
    resting = anatomy.length * anatomy.width * breadth(*sides(anatomy, np.zeros(1)))
    area = mean * (2 * anatomy.length + resting) + 2 * mean**2
    across = 2 * length + width
    now = (-across + np.sqrt(across**2 + 8 * area)) / 4
    return rest * (now / mean)[:, None]


def around(places: Array, vertices: int, lost: float = 0.0) -> Array:
    """(time, vertex) mm along the contour from `places` (time, 3): septal, apical, lateral, blended by a cosine.

    Towards its end of the annulus the lateral value falls by the share `lost`.
    """
    place = np.linspace(-1, 1, vertices)
    apical = np.where(np.abs(place) < 0.6, np.cos(place / 0.6 * np.pi / 2) ** 2, 0)
    lateral = np.clip((place + 0.3) / 0.6, 0, 1)
    run_out = 1 - lost * np.clip((place - 0.7) / 0.3, 0, 1) ** 2
    sides = places[:, :1] * (1 - lateral) + places[:, 2:] * lateral * run_out
    return sides * (1 - apical) + places[:, 1:2] * apical


def normals(shape: Array) -> Array:
    """(time, vertex, 2) outward unit normals of a contour that runs septal annulus, apex, lateral annulus."""
    tangent = np.gradient(shape, axis=1)
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)


def unfolded(contours: Array) -> Array:
    """Contours (time, vertex, 2) whose angle about the origin falls; where it would rise they become straight lines.

    A pointed apex folds back so when it is moved inwards by more than its radius. One that no such lines can mend, as
    the origin lies outside, stays as it is.
    """
    u, v = contours[..., 0], contours[..., 1]
    folded = np.flatnonzero((u[:, :-1] * v[:, 1:] > u[:, 1:] * v[:, :-1]).any(axis=1))
    angles = np.unwrap(np.arctan2(v[folded], u[folded]), axis=1)
    least_so_far = np.minimum.accumulate(angles, axis=1)
    most_to_come = np.maximum.accumulate(angles[:, ::-1], axis=1)[:, ::-1]
    plain = (angles <= least_so_far) & (angles >= most_to_come)
    made, vertices = contours.copy(), np.arange(contours.shape[1])
    for row, clear in zip(folded, plain, strict=True):
        if not (kept := np.flatnonzero(clear)).size:
            continue
        for axis in (0, 1):
            made[row, :, axis] = np.interp(vertices, kept, contours[row, kept, axis])
    return made


def carried_on(shape: Array, length: Array) -> Array:
    """The contour with both its ends carried on beyond the annulus by 0.35 lengths, straight along U."""
    step = np.linspace(0.35, 0.05, 7)[None, :, None] * np.stack([length, 0 * length], -1)[:, None]
    return np.concatenate([shape[:, :1] + step, shape, shape[:, -1:] + step[:, ::-1]], axis=1)
