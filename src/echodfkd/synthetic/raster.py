"""The heart on the pixel grid: signed distances and exact masks, from tables and lines, as batched tensor arithmetic.

The LV's contour goes into a table of radius over a cheap angle about the LV's centre; every other shape is a line or an
ellipse. Tensors are (clip, time, height, width); distances are mm, below 0 inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from echodfkd.synthetic.heart import Heart
from echodfkd.synthetic.ventricle import each_interp

TABLE = 1024
"""Entries of the radius table; linear look-up between them is within 0.01 px of the polygon."""


@dataclass(frozen=True)
class Geometry:
    """The hearts of several clips as tensors; every field starts with (clip, time)."""

    inner: Tensor
    """(clip, time, TABLE + 1) mm from the LV's centre to the endocardium, by angle."""
    outer: Tensor
    frame: Tensor
    """(clip, time, 2, 3) lines of U and V about the LV's centre."""
    centre: Tensor
    mitral: Tensor
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
    """(clip, time, pixel) position in the radius table, 0..TABLE."""
    radius: Tensor
    """From the LV's centre."""
    inner: Tensor
    """Radius of the endocardium in the pixel's direction."""
    outer: Tensor
    mitral: Tensor
    """Below the mitral annulus."""
    lv: Tensor
    outline: Tensor
    """Of the LV with its wall."""
    rv: Tensor
    la: Tensor
    ra: Tensor


def geometry(hearts: Sequence[Heart], device: torch.device) -> Geometry:
    """The hearts as float32 tensors on `device`."""
    tables = {
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


def plane(line: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., height, width) value at each pixel's centre of lines (..., 3) over image coordinates."""
    y = (torch.arange(size[0], device=line.device, dtype=torch.float32) + 0.5) / size[0]
    x = (torch.arange(size[1], device=line.device, dtype=torch.float32) + 0.5) / size[1]
    rows = line[..., 1:2] * y + line[..., 2:3]
    return rows[..., :, None] + (line[..., 0:1] * x)[..., None, :]


def distances(shapes: Geometry, size: int) -> Distances:
    """The Distances of every pixel of a size x size image."""
    grid = (size, size)
    u, v = plane(shapes.frame[:, :, 0], grid), plane(shapes.frame[:, :, 1], grid)
    radius = (u * u).addcmul_(v, v).sqrt_()
    angle = _place(u, v).flatten(2)
    below = angle.long().clamp_(0, TABLE - 1)
    share = angle - below
    inner = _look_up(shapes.inner, below, share).view_as(u)
    outer = _look_up(shapes.outer, below, share).view_as(u)
    mitral, tricuspid, septum = (plane(line, grid) for line in (shapes.mitral, shapes.tricuspid, shapes.septum))
    rv, la, ra = (_ellipse(shapes, which, grid) for which in range(3))
    half = shapes.septum_half[:, :, None, None]
    return Distances(
        angle=angle,
        radius=radius,
        inner=inner,
        outer=outer,
        mitral=mitral,
        lv=_both(radius - inner, mitral),
        outline=_both(radius - outer, mitral),
        rv=_both(_both(_both(rv, tricuspid), v), outer - radius),
        la=_both(_both(la, -mitral), half - septum),
        ra=_both(_both(ra, tricuspid.neg_()), septum.add_(half)),
    )


def masks(where: Distances, ventricle: Tensor, inside: Tensor, structures: Sequence[str]) -> Tensor:
    """(clip, time, structure, height, width) uint8, 0 or 255; no pixel belongs to two structures.

    `ventricle` (clip, time, height, width) is below 0 where the LV is labelled; `inside` (clip, 1, height, width) is
    the sector: what is not seen is not labelled.
    """
    found = {"lv": (ventricle < 0) & inside}
    free = inside & ~found["lv"]
    for name, field in (("myocardium", where.outline), ("rv", where.rv), ("la", where.la), ("ra", where.ra)):
        found[name] = (field < 0) & free
        free = free & ~found[name]
    return torch.stack([found[name] for name in structures], dim=2).view(torch.uint8).mul_(255)


def displacement(shapes: Geometry, rest: Geometry, where: Distances, step: int, reach: float = 35.0) -> Tensor:
    """(clip, 2 * time, rows, columns) mm from each pixel to where its tissue lay in frame `rest`; x first, then y.

    Every `step`-th pixel is kept. Radially about the LV's centre: the cavity scales, the wall's two surfaces carry it,
    and what lies outside follows the epicardium and fades within `reach` mm.
    """
    thin = slice(None, None, step)
    radius, inner, outer = (field[..., thin, thin] for field in (where.radius, where.inner, where.outer))
    place = where.angle.view(where.radius.shape)[..., thin, thin].flatten(2).round().long()
    moved_in = (rest.inner - shapes.inner).gather(2, place).view_as(radius)
    moved_out = (rest.outer - shapes.outer).gather(2, place).view_as(radius)
    across = ((radius - inner) / (outer - inner).clamp_(min=1.0)).clamp_(0, 1)
    outward = (moved_in + across * (moved_out - moved_in)) * (radius / inner).clamp_(max=1.0)
    fade = (1 - (radius - outer) / reach).clamp_(0, 1)
    stretch = outward / radius.clamp(min=0.5)
    u, v = (plane(shapes.frame[:, :, i], _grid(where.radius))[..., thin, thin] for i in (0, 1))
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


def _grid(field: Tensor) -> tuple[int, int]:
    return field.shape[-2], field.shape[-1]


def _place(u: Tensor, v: Tensor) -> Tensor:
    """`cheap_angle` in table entries, 0..TABLE."""
    share = u.abs().add_(v.abs()).clamp_(min=1e-9).reciprocal_().mul_(u).neg_().add_(1)
    return share.copysign_(v).add_(2).mul_(TABLE / 4)


def _look_up(table: Tensor, below: Tensor, share: Tensor) -> Tensor:
    """Linear look-up in tables (clip, time, TABLE + 1) at entries `below` + `share` (clip, time, pixel)."""
    rise = table[..., 1:] - table[..., :-1]
    return table.gather(2, below).add_(rise.gather(2, below).mul_(share))


def _ellipse(shapes: Geometry, which: int, grid: tuple[int, int]) -> Tensor:
    """Distance to an ellipse: (|z| - 1) x mean semi-axis, z the position in semi-axes. Exact in sign, near in size."""
    first = plane(shapes.ellipses[:, :, which, 0], grid)
    second = plane(shapes.ellipses[:, :, which, 1], grid)
    size = shapes.radii[:, :, which, None, None]
    return first.square_().addcmul_(second, second).sqrt_().sub_(1).mul_(size)
