"""The heart on the pixel grid: signed distances and exact masks, from tables and lines, as batched tensor arithmetic.

The LV's contour goes into a table of radius over a cheap angle about the LV's centre; every other shape is a line or an
ellipse. Tensors are (clip, time, height, width); distances are mm, below 0 inside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from echodfkd.synthetic.heart import Heart
from echodfkd.synthetic.ventricle import each_interp

TABLE = 1024
"""Entries of the radius table; linear look-up between them is within 0.01 px of the polygon."""


STRUCTURES_IN_ORDER = ("lv", "myocardium", "rv", "la", "ra")
"""Each is labelled where the ones before it are not."""


@dataclass(frozen=True)
class Geometry:
    """The hearts of several clips as tensors; every field starts with (clip, time)."""

    traced: Tensor
    """(clip, time, TABLE + 1) mm from the LV's centre to its tracing, by angle."""
    inner: Tensor
    """The same to the endocardium, and to the epicardium."""
    outer: Tensor
    frame: Tensor
    """(clip, time, 2, 3) lines of U and V about the LV's centre."""
    centre: Tensor
    mitral: Tensor
    closing: Tensor
    tricuspid: Tensor
    septum: Tensor
    septum_half: Tensor
    ellipses: Tensor
    radii: Tensor
    opening: Tensor
    contraction: Tensor
    leaflets: Tensor
    landmarks: Tensor

    def at(self, start: int, stop: int) -> "Geometry":
        """The same at frames start..stop."""
        return Geometry(**{name: value[:, start:stop] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Distances:
    """Where each pixel lies; (clip, time, height, width) float32, mm."""

    angle: Tensor
    """Position in the radius table, 0..TABLE."""
    u: Tensor
    """Along the LV's axis from its centre."""
    v: Tensor
    radius: Tensor
    """From the LV's centre."""
    traced: Tensor
    """Distance from the LV as traced."""
    inner: Tensor
    """Radius of the endocardium in the pixel's direction."""
    outer: Tensor
    mitral: Tensor
    """Below the mitral annulus."""
    closing: Tensor
    """Below the line that closes the tracing."""
    lv: Tensor
    outline: Tensor
    """Of the LV with its wall."""
    rv: Tensor
    la: Tensor
    ra: Tensor


def geometry(hearts: Sequence[Heart], device: torch.device) -> Geometry:
    """The hearts as float32 tensors on `device`."""
    tables = {
        "traced": [radius_table(h.traced) for h in hearts],
        "inner": [radius_table(h.inner) for h in hearts],
        "outer": [radius_table(h.outer) for h in hearts],
    }
    plain = [name for name in Geometry.__dataclass_fields__ if name not in tables]
    arrays = {**tables, **{name: [getattr(h, name) for h in hearts] for name in plain}}
    return Geometry(**{n: torch.from_numpy(np.stack(v).astype(np.float32)).to(device) for n, v in arrays.items()})


def cheap_angle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A number that rises with the angle of (u, v): 0 along u, 1 along v, 2 (or -2) against u, -1 against v."""
    return np.copysign(1 - u / np.maximum(np.abs(u) + np.abs(v), 1e-9), v)


def radius_table(contours: np.ndarray) -> np.ndarray:
    """(time, TABLE + 1) distance to each contour (time, vertex, 2), over evenly spaced cheap angles from -2 to 2."""
    angles, radii = cheap_angle(contours[..., 0], contours[..., 1]), np.hypot(contours[..., 0], contours[..., 1])
    order = np.argsort(angles, axis=1)
    around = np.concatenate([order[:, -1:], order, order[:, :1]], axis=1)
    wrapped = np.take_along_axis(angles, around, 1)
    wrapped[:, 0] -= 4
    wrapped[:, -1] += 4
    return each_interp(np.linspace(-2, 2, TABLE + 1)[None], wrapped, np.take_along_axis(radii, around, 1), 16.0)


def distances(shapes: Geometry, size: int) -> Distances:
    """The Distances of every pixel of a size x size image."""
    ellipses = shapes.ellipses.flatten(2, 3)
    lines = torch.cat(
        [shapes.frame, torch.stack([shapes.mitral, shapes.closing, shapes.tricuspid, shapes.septum], 2), ellipses], 2
    )
    planes = _planes(lines, size)
    u, v, mitral, closing, tricuspid, septum = (next(planes) for _ in range(6))
    rv, la, ra = (_ellipse(next(planes), next(planes), shapes.radii[:, :, which]) for which in range(3))
    radius = (u * u).addcmul_(v, v).sqrt_()
    angle = _place(u, v)
    below = angle.int().clamp_(0, TABLE - 1)
    share = angle - below
    below = table_places(below, shapes.inner)
    traced, inner, outer = (_look_up(t, below, share) for t in (shapes.traced, shapes.inner, shapes.outer))
    half = shapes.septum_half[:, :, None, None]
    return Distances(
        angle=angle,
        u=u,
        v=v,
        radius=radius,
        traced=_both(radius - traced, closing),
        inner=inner,
        outer=outer,
        mitral=mitral,
        closing=closing,
        lv=_both(radius - inner, mitral),
        outline=_both(radius - outer, mitral),
        rv=_both(_both(_both(rv, tricuspid), v), outer - radius),
        la=_both(_both(la, -mitral), half - septum),
        ra=_both(_both(ra, tricuspid.neg_()), septum.add_(half)),
    )


def masks(where: Distances, ventricle: Tensor, walled: Tensor, inside: Tensor, structures: Sequence[str]) -> Tensor:
    """(clip, time, structure, height, width) uint8, 0 or 255; no pixel belongs to two structures.

    `ventricle` and `walled` (clip, time, height, width) are below 0 where the LV is labelled, and it or its wall;
    `inside` (clip, 1, height, width) uint8 is 255 in the sector: what is not seen is not labelled.
    """
    free, found = inside, {}
    fields = (ventricle, walled, where.rv, where.la, where.ra)
    signs = torch.empty_like(ventricle, dtype=torch.int32)
    for name, field in zip(STRUCTURES_IN_ORDER, fields, strict=True):
        # The sign bit: 255 where the field is below 0. Several times as fast as a comparison.
        below = torch.bitwise_right_shift(field.view(torch.int32), 31, out=signs).to(torch.uint8)
        found[name] = below.bitwise_and_(free)
        free = free & ~found[name]
    return torch.stack([found[name] for name in structures], dim=2)


def displacement(shapes: Geometry, rest: Geometry, where: Distances, step: int, reach: float = 35.0) -> Tensor:
    """(clip, 2 * time, rows, columns) mm from each pixel to where its tissue lay in frame `rest`; x first, then y.

    Every `step`-th pixel is kept. Radially about the LV's centre: the cavity scales, the wall's two surfaces carry it,
    and what lies outside follows the epicardium and fades within `reach` mm.
    """
    thin = slice(None, None, step)
    kept = (where.radius, where.inner, where.outer, where.u, where.v)
    radius, inner, outer, u, v = (field[..., thin, thin].contiguous() for field in kept)
    place = table_places(where.angle[..., thin, thin].round().int(), shapes.inner)
    moved_in = entries(rest.inner - shapes.inner, place)
    moved_out = entries(rest.outer - shapes.outer, place)
    across = ((radius - inner) / (outer - inner).clamp_(min=1.0)).clamp_(0, 1)
    outward = (moved_in + across * (moved_out - moved_in)) * (radius / inner).clamp_(max=1.0)
    fade = (1 - (radius - outer) / reach).clamp_(0, 1)
    stretch = outward / radius.clamp(min=0.5)
    axes = shapes.frame[..., :2] / torch.linalg.vector_norm(shapes.frame[..., :2], dim=-1, keepdim=True)
    shift = (rest.centre - shapes.centre)[..., None, None]
    fields = [
        fade * (shift[:, :, i] + stretch * (u * axes[:, :, 0, i, None, None] + v * axes[:, :, 1, i, None, None]))
        for i in (0, 1)
    ]
    return torch.cat(fields, dim=1)


def _both(first: Tensor, second: Tensor) -> Tensor:
    """Distance to what lies in both shapes, written over `first`."""
    return torch.maximum(first, second, out=first)


def table_places(place: Tensor, table: Tensor) -> Tensor:
    """Entries `place` (clip, time, rows, columns) int32 of `table` (clip, time or 1, entry), counted through all."""
    clips, times, length = table.shape
    first = torch.arange(0, clips * times * length, length, device=table.device, dtype=torch.int32)
    return place.add_(first.view(clips, times, 1, 1))


def entries(table: Tensor, place: Tensor) -> Tensor:
    """The entries of `table` at `place`, which `table_places` gave, in the shape of `place`."""
    # On a CPU three times as fast as gather, which wants int64 places.
    return table.reshape(-1).index_select(0, place.view(-1)).view(place.shape)


def _planes(lines: Tensor, size: int) -> Iterator[Tensor]:
    """(clip, time, size, size) value at each pixel's centre of each of the lines (clip, time, line, 3)."""
    centres = (torch.arange(size, device=lines.device, dtype=torch.float32) + 0.5) / size
    rows = (lines[..., 1:2] * centres + lines[..., 2:3])[..., None]
    columns = (lines[..., 0:1] * centres)[..., None, :]
    for down, across in zip(rows.unbind(2), columns.unbind(2), strict=True):
        yield down + across


def _place(u: Tensor, v: Tensor) -> Tensor:
    """`cheap_angle` in table entries, 0..TABLE."""
    share = u.abs().add_(v.abs()).clamp_(min=1e-9).reciprocal_().mul_(u).neg_().add_(1)
    return share.copysign_(v).add_(2).mul_(TABLE / 4)


def _look_up(table: Tensor, below: Tensor, share: Tensor) -> Tensor:
    """Linear look-up in tables (clip, time, TABLE + 1) at entries `below`, as `table_places` gives them, + `share`."""
    rise = table.roll(-1, 2).sub_(table)
    return entries(table, below).add_(entries(rise, below).mul_(share))


def _ellipse(first: Tensor, second: Tensor, size: Tensor) -> Tensor:
    """Distance to an ellipse, (|z| - 1) x mean semi-axis, z the position in semi-axes; exact in sign, near in size.

    `first` and `second` are the coordinates of z; written over `first`.
    """
    return first.square_().addcmul_(second, second).sqrt_().sub_(1).mul_(size[:, :, None, None])
