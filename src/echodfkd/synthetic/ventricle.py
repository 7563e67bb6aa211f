"""The left ventricle: a closed-form contour, scaled at each moment so that its disc volume is the one wanted.

Heart coordinates are millimetres: U runs from the LV apex to the middle of the mitral annulus, V across it, towards the
image's right (the lateral wall).
"""

import numpy as np
from numpy.typing import NDArray

from echodfkd.synthetic.anatomy import Anatomy

Array = NDArray[np.float64]

VERTICES = 108
"""Points on each side of the LV's contour, from apex to annulus: chords of 1 px or less, shortest at the apex."""


USUAL_EJECTION = 0.6
"""Share of its volume that a heart ejects when its shape changes as far as the dials say; others in proportion."""


def sides(anatomy: Anatomy, ejected: Array) -> tuple[Array, Array]:
    """Septal and lateral side (time, vertex, 2) of the LV in units of its length (U) and greatest width (V).

    Half-width: (1 - |1 - s / widest|^p)^(1/2) above the widest place, 1 - taper x^2 below it. Both sides are then bowed
    by a parabola and sheared so that the annulus leans. `ejected` (time,) is in USUAL_EJECTIONs.
    """
    s = 1 - np.cos(np.linspace(0, 0.7 * np.pi, VERTICES))
    s = (s / s[-1])[None, :]
    sharp = anatomy.sharpening * np.clip(ejected, 0, 1)[:, None]
    widest = anatomy.widest + 0.10 * sharp
    power = anatomy.roundness * (1 - 0.2 * sharp)
    cap = np.sqrt(np.clip(1 - (1 - np.minimum(s / widest, 1)) ** power, 0, 1))
    base = 1 - anatomy.taper * (1 - 0.4 * sharp) * np.clip((s - widest) / (1 - widest), 0, 1) ** 2
    half, bow = cap * base, anatomy.bend * 4 * s * (1 - s)
    septal = anatomy.septal_share + anatomy.asymmetry * np.clip(ejected, 0, 1)[:, None]
    left, right = bow - septal * half, bow + (1 - septal) * half
    return tuple(np.stack([s - anatomy.base_tilt * v, v], axis=-1) for v in (left, right))  # type: ignore[return-value]


def volume_and_width(a: Anatomy, relative: Array, length: Array, left: Array, right: Array) -> tuple[Array, Array]:
    """LV volume (ml) and greatest width (mm) per frame: pi/4 L W^2 J = V, J the disc integral of the unit shape."""
    integral = disc_integral(left, right)
    reference = disc_integral(*sides(a, np.zeros(1)))[0]
    diastolic = np.pi / 4 * a.length * (a.length / a.ratio) ** 2 * reference
    volume = diastolic * relative
    return volume / 1000, np.sqrt(volume / (np.pi / 4 * length * integral))


def disc_integral(left: Array, right: Array) -> Array:
    """(time,) integral of the squared chord across U, for contour sides (time, vertex, 2) that start at the apex."""
    first = np.minimum(left[..., 0].min(1), right[..., 0].min(1))
    last = np.maximum(left[:, -1, 0], right[:, -1, 0])
    u = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, 401)
    chord = np.clip(_side_at(u, right, left[:, -1]) - _side_at(u, left, right[:, -1]), 0, None)
    return np.trapezoid(chord**2, u, axis=1)


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
    rest = np.array([anatomy.septum, anatomy.apical, anatomy.lateral])
    mean = rest.mean()
    area = mean * (2 * anatomy.length + anatomy.length / anatomy.ratio) + 2 * mean**2
    across = 2 * length + width
    now = (-across + np.sqrt(across**2 + 8 * area)) / 4
    return rest * (now / mean)[:, None]


def around(thickness: Array, vertices: int) -> Array:
    """(time, vertex) wall thickness along the contour: septal, then apical, then lateral, blended by a cosine.

    The lateral wall runs out towards its annulus, where it loses half its thickness.
    """
    place = np.linspace(-1, 1, vertices)
    apical = np.where(np.abs(place) < 0.6, np.cos(place / 0.6 * np.pi / 2) ** 2, 0)
    lateral = np.clip((place + 0.3) / 0.6, 0, 1)
    run_out = 1 - 0.5 * np.clip((place - 0.7) / 0.3, 0, 1) ** 2
    sides = thickness[:, :1] * (1 - lateral) + thickness[:, 2:] * lateral * run_out
    return sides * (1 - apical) + thickness[:, 1:2] * apical


def normals(shape: Array) -> Array:
    """(time, vertex, 2) outward unit normals of a contour that runs septal annulus, apex, lateral annulus."""
    tangent = np.gradient(shape, axis=1)
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)


def carried_on(shape: Array, length: Array) -> Array:
    """The contour with both its ends carried on beyond the annulus by 0.35 lengths, straight along U."""
    step = np.linspace(0.35, 0.05, 7)[None, :, None] * np.stack([length, 0 * length], -1)[:, None]
    return np.concatenate([shape[:, :1] + step, shape, shape[:, -1:] + step[:, ::-1]], axis=1)
