"""The heart of one clip: every shape at every frame, from the anatomy and the cycle that drives it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from echodfkd.synthetic import chambers, ventricle
from echodfkd.synthetic.anatomy import Anatomy, Tracing
from echodfkd.synthetic.beat import Cycle

Array = NDArray[np.float64]

MIDDLE = round(0.68 * (ventricle.VERTICES - 1))
"""The vertex of each side that lies beside the LV's centre, a little beyond half way along the axis."""

RUNS_OUT = 0.5
"""Share of its thickness that the lateral wall loses towards its annulus."""


@dataclass(frozen=True)
class Heart:
    """The shapes of one clip; every array's first axis is time. Lines are (a, b, c): value = a x + b y + c, in mm."""

    volume: Array
    """LV volume in ml by single-plane discs across the axis."""
    opening: Array
    """Opening of the valves, 0..1."""
    contraction: Array
    endocardium: Array
    """(time, vertex, 2) image coordinates of the LV as traced: septal end, apex, lateral end; a line closes it."""
    traced: Array
    """(time, vertex, 2) mm around the centre: the LV as traced, carried on beyond its ends; the angle falls where the
    centre lies inside."""
    inner: Array
    """The same for the endocardium."""
    outer: Array
    """The same for the epicardium."""
    frame: Array
    """(time, 2, 3) lines of U and V around the LV's centre."""
    centre: Array
    """(time, 2) mm: image position of that centre."""
    mitral: Array
    """(time, 3) line: mm below the mitral annulus."""
    closing: Array
    """(time, 3) line: mm below the line that closes the tracing."""
    tricuspid: Array
    """(time, 3) line: mm below the tricuspid annulus."""
    septum: Array
    """(time, 3) line: mm to the right of the atrial septum's middle."""
    septum_half: Array
    """(time,) half its thickness, mm."""
    ellipses: Array
    """(time, 3, 2, 3) lines of the two coordinates, in semi-axes, of RV, LA and RA."""
    radii: Array
    """(time, 3) mean semi-axis (mm) of those ellipses."""
    leaflets: Array
    """(time, leaflet, point, 2) image coordinates: anterior and posterior mitral, septal and anterior tricuspid."""
    landmarks: Array
    """(time, 23 + spots, 2) image coordinates of small bright things, as `chambers.landmarks` orders them."""
    normals: Array
    """(vertex, 2) outward unit normals of the tracing at the first frame, image axes."""
    side: float
    """Side of the image in mm."""


@dataclass(frozen=True)
class _Room:
    """The left ventricle in heart coordinates (mm); every array's first axis is time."""

    volume: Array
    """ml"""
    length: Array
    left: Array
    right: Array
    """(time, vertex, 2) the two sides of the tracing, from the apex."""
    traced: Array
    """(time, vertex, 2) septal end, apex, lateral end."""
    normals: Array
    endocardium: Array
    beyond: Array
    """(time, 2) from the endocardium's ends to the annulus."""
    centre: Array
    """(time, 2)"""

    def about_centre(self, line: Array) -> Array:
        """A line (time, vertex, 2), carried on beyond its ends, around the centre."""
        return ventricle.carried_on(line, self.length) - self.centre[:, None]


def _room(anatomy: Anatomy, tracing: Tracing, contraction: Array, relative: Array, reference: float) -> _Room:
    """The left ventricle, its tissue as `tracing` lies to it, of `relative` times the volume at end diastole."""
    unit_left, unit_right = ventricle.sides(anatomy, contraction)
    length = anatomy.length / anatomy.length_share * ventricle.moment(anatomy, "length_share", contraction)
    volume, stretch = ventricle.volume_and_stretch(anatomy, relative, length, unit_left, unit_right)
    scale = np.stack([length, length * stretch], axis=-1)[:, None, :]
    left, right = unit_left * scale, unit_right * scale
    shape = np.concatenate([left[:, ::-1], right[:, 1:]], axis=1)
    normals = ventricle.normals(shape)
    pressed = np.clip(contraction * reference / ventricle.USUAL_EJECTION, 0, 1.2)
    inset = np.array([tracing.septal, tracing.apical, tracing.lateral, tracing.base])
    more = np.array([tracing.septal_more, tracing.apical_more, tracing.lateral_more, tracing.base_more])
    places = inset + np.multiply.outer(pressed, more)
    endocardium = shape + normals * ventricle.around(places[:, :3], shape.shape[1])[..., None]
    centre = np.stack([0.55 * length, (left[:, MIDDLE, 1] + right[:, MIDDLE, 1]) / 2], axis=-1)
    return _Room(volume, length, left, right, shape, normals, endocardium, places[:, 3:] * [1.0, 0.0], centre)


def heart(anatomy: Anatomy, tracing: Tracing, cycle: Cycle) -> Heart:
    """The Heart of `anatomy`, its tissue as `tracing` lies to it, driven through `cycle`."""
    contraction = np.clip(cycle.contraction, -0.25, 1.25)
    room = _room(anatomy, tracing, contraction, cycle.volume, cycle.reference)
    length, left, right, centre, endocardium = room.length, room.left, room.right, room.centre, room.endocardium
    thickness = ventricle.thickness(anatomy, length, ventricle.breadth(left, right))
    apex, along, across, side = chambers.placement(anatomy, contraction, length)

    def to_image(points: Array) -> Array:
        """(time, ..., 2) heart coordinates as image coordinates."""
        extra = (1,) * (points.ndim - 2)
        u, v = points[..., :1], points[..., 1:]
        fit = (len(points), *extra, 2)
        return (apex.reshape(fit) + u * along.reshape(fit) + v * across.reshape(fit)) / side

    normals, walls = room.normals, ventricle.around(thickness, room.traced.shape[1], RUNS_OUT)
    base_left, base_right = endocardium[:, 0] + room.beyond, endocardium[:, -1] + room.beyond
    centre_u, centre_v = centre.T
    traced, inner, outer = (
        ventricle.unfolded(room.about_centre(line))
        for line in (room.traced, endocardium, endocardium + normals * walls[..., None])
    )
    tricuspid_hinges = chambers.tricuspid_hinges(anatomy, contraction, base_left, thickness[:, 0])
    to_line = chambers.liner(apex, along, across, side)
    mitral = chambers.below(base_left, base_right, to_line)
    return Heart(
        volume=room.volume,
        opening=cycle.opening,
        contraction=contraction,
        endocardium=to_image(room.traced),
        traced=traced,
        inner=inner,
        outer=outer,
        frame=np.stack([to_line(1.0, 0.0, -centre_u), to_line(0.0, 1.0, -centre_v)], axis=1),
        centre=apex + centre_u[:, None] * along + centre_v[:, None] * across,
        mitral=mitral,
        closing=chambers.below(left[:, -1], right[:, -1], to_line),
        tricuspid=chambers.below(tricuspid_hinges[:, 1], tricuspid_hinges[:, 0], to_line),
        septum=chambers.atrial_septum(anatomy, base_left, thickness[:, 0], to_line),
        septum_half=np.full(len(length), anatomy.atrial_septum / 2),
        leaflets=to_image(chambers.leaflets(anatomy, cycle.opening, base_left, base_right, tricuspid_hinges)),
        landmarks=to_image(
            chambers.landmarks(anatomy, contraction, endocardium, base_left, base_right, tricuspid_hinges)
        ),
        normals=(normals[0][:, :1] * along[:1] + normals[0][:, 1:] * across[:1]),
        side=side,
        **chambers.ellipses(anatomy, contraction, length, base_left, base_right, tricuspid_hinges, to_line),
    )


def resting_contour(anatomy: Anatomy) -> Array:
    """(vertex, 2) image coordinates of the LV as traced at end diastole, without drift."""
    left, right = ventricle.sides(anatomy, np.zeros(1))
    points = np.concatenate([left[0], right[0]]) * [anatomy.length, anatomy.length * anatomy.width]
    apex, along, across, side = chambers.placement(replace(anatomy, drift=0.0), np.zeros(1), np.array([anatomy.length]))
    return (apex + points[:, :1] * along + points[:, 1:] * across) / side


def sound(anatomy: Anatomy) -> bool:
    """Whether the LV is one room at end diastole and at end systole: nowhere narrower than a third of a wedge."""
    left, right = ventricle.sides(anatomy, np.array([0.0, 1.0]))
    chord, ends = (right - left)[..., 1], np.stack([left[:, -1, 0], right[:, -1, 0]])
    widest, depth = chord.max(1, keepdims=True), left[..., 0] / left[:, -1:, 0]
    return bool((chord >= 0.3 * depth * widest).all() and (ends > 0.8).all() and (widest > 0.15).all())


def holds_its_centre(anatomy: Anatomy, tracing: Tracing, ejection_fraction: float) -> bool:
    """Whether the centre that all shapes are told around lies within the endocardium, at end diastole and end systole.

    It lies midway between the sides of the tracing, which may lie far outside of a narrow ventricle's endocardium.
    """
    out = ejection_fraction / 100
    room = _room(anatomy, tracing, np.array([0.0, 1.0]), np.array([1.0, 1 - out]), out)
    u, v = np.moveaxis(room.about_centre(room.endocardium), -1, 0)
    angles = np.unwrap(np.arctan2(v, u), axis=1)
    return bool((angles[:, 0] - angles[:, -1] > np.pi).all())
