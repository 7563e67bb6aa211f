"""From echo levels to ultrasound: a sector in polar coordinates, speckle that moves with the tissue, and what blurs it.

The echo of a polar sample is the amplitude of its tissue times complex Gaussian scatter fixed to the tissue, plus haze
fixed to the probe, plus thermal noise, all smeared by the point spread; its envelope is fully developed (Rayleigh)
speckle. The beam's width is constant in angle, so that the point spread widens with depth in millimetres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from echodfkd.synthetic.dials import Acoustics

RANGES, BEAMS = 160, 128
"""Polar samples for an image of 112 pixels; other sizes in proportion."""

TILE = 256
"""Side of the noise fields; they repeat beyond it."""

ROUGH = 30
"""Side of the noise that patches are drawn from."""

GRAIN = 0.6
"""mm of tissue per sample of the scatter field."""


@dataclass(frozen=True)
class Sector:
    """What stays the same through a clip; the first axis of every tensor is the clip."""

    to_polar: Tensor
    """(clip, range, beam, 2) where each polar sample lies in the image, for grid_sample."""
    to_image: Tensor
    """(clip, height, width, 2) where each pixel lies in the polar image."""
    inside: Tensor
    """(clip, 1, height, width) True inside the sector."""
    millimetres: Tensor
    """(clip, 2, range, beam) position in mm, x and y."""
    gain: Tensor
    """(clip, 1, range, beam) dB."""
    spread: Tensor
    """(clip, 1, range, 1) lateral weight of the point spread."""
    axial: Tensor
    """(clip, 1, 1, 1)."""
    noise: Tensor
    """(clip, 1, range, 1) amplitude of thermal noise."""
    haze: Tensor
    """(clip, 2, range, beam) real and imaginary part."""
    scatter: Tensor
    """(clip, 2, TILE * TILE) real and imaginary part."""
    thermal: Tensor
    """(clip, 2, TILE + range, TILE + beam), repeated at its edges."""


def sectors(
    dials: Sequence[Acoustics], sides: Sequence[float], fine: Sequence[NDArray], rough: Sequence[NDArray], size: int
) -> Sector:
    """The Sector of several clips on the CPU.

    `sides` are the images' sides in mm; `fine` (4, TILE, TILE) and `rough` (3 or more, ROUGH, ROUGH) are each
    clip's standard normal float32 noise.
    """
    noise = [(torch.from_numpy(f), torch.from_numpy(r)) for f, r in zip(fine, rough, strict=True)]
    parts = [_sector(a, side, *fields, size) for a, side, fields in zip(dials, sides, noise, strict=True)]
    return Sector(**{name: torch.stack([part[name] for part in parts]) for name in parts[0]})


def to_polar(fields: Tensor, sector: Sector, step: int, size: int) -> Tensor:
    """(clip, channel, range, beam) of image fields (clip, channel, rows, columns) that keep every `step`-th pixel."""
    last = (size - 1) // step * step
    # grid_sample's -1..1 spans the kept pixels' centres, which end `last` pixels after the first.
    grid = sector.to_polar * (2 * size / last) - (1 / last + 1)
    return F.grid_sample(fields, grid, mode="bilinear", padding_mode="border", align_corners=True)


def to_image(polar: Tensor, sector: Sector) -> Tensor:
    """(clip, channel, height, width) of polar fields (clip, channel, range, beam)."""
    return F.grid_sample(polar, sector.to_image, mode="bilinear", padding_mode="border", align_corners=True)


def power(level: Tensor, moved: Tensor, sector: Sector, rolls: Tensor) -> Tensor:
    """(clip, time, range, beam) received power, 1 being average myocardium.

    `level` (clip, time, range, beam) dB; `moved` (clip, 2 time, range, beam) mm to where each sample's tissue lay;
    `rolls` (clip, time, 2) offsets that make each frame's thermal noise.
    """
    times = level.shape[1]
    amplitude = level.add_(sector.gain).mul_(np.log(10) / 20).exp_()
    place = _scatter_place(moved[:, :times], moved[:, times:], sector.millimetres)
    parts = []
    for part in (0, 1):
        scatter = sector.scatter[:, part, None].expand(-1, times, -1).gather(2, place.flatten(2)).view_as(level)
        field = scatter.mul_(amplitude).add_(sector.haze[:, part : part + 1])
        field.add_(_windows(sector.thermal[:, part], rolls, level.shape[2:]).mul_(sector.noise))
        parts.append(smear(field, sector.axial, sector.spread).square_())
    return parts[0].add_(parts[1])


def smear(field: Tensor, axial: Tensor, lateral: Tensor) -> Tensor:
    """`field` (..., range, beam) under a point spread of three samples along and five across the beam, unit energy."""
    along = field.clone()
    along[..., 1:, :] += axial * field[..., :-1, :]
    along[..., :-1, :] += axial * field[..., 1:, :]
    across = along.clone()
    side, far = lateral, 0.6 * lateral * lateral
    across[..., 1:] += side * along[..., :-1]
    across[..., :-1] += side * along[..., 1:]
    across[..., 2:] += far * along[..., :-2]
    across[..., :-2] += far * along[..., 2:]
    return across.mul_(torch.rsqrt((1 + 2 * axial * axial) * (1 + 2 * side * side + 2 * far * far)))


def _scatter_place(x: Tensor, y: Tensor, millimetres: Tensor) -> Tensor:
    """Entry of the scatter field, nearest to each sample's place in the tissue."""
    column = ((x + millimetres[:, :1]) * (1 / GRAIN)).round_().int().bitwise_and_(TILE - 1)
    row = ((y + millimetres[:, 1:]) * (1 / GRAIN)).round_().int().bitwise_and_(TILE - 1)
    return row.mul_(TILE).add_(column).long()


def _windows(field: Tensor, rolls: Tensor, shape: torch.Size) -> Tensor:
    """(clip, time, *shape) windows of `field` (clip, rows, columns) that start at `rolls` (clip, time, 2)."""
    views = field.unfold(1, shape[0], 1).unfold(2, shape[1], 1)
    clip = torch.arange(len(field), device=field.device)[:, None]
    return views[clip, rolls[..., 0], rolls[..., 1]]


def _sector(a: Acoustics, side: float, fine: Tensor, rough: Tensor, size: int) -> dict[str, Tensor]:
    """One clip's part of Sector."""
    rows, beams = round(RANGES * size / 112), round(BEAMS * size / 112)
    reach, swing = torch.linspace(a.nearest, a.depth, rows)[:, None], torch.linspace(-1, 1, beams)[None, :]
    angle = torch.deg2rad(a.steer + a.half_angle * swing)
    x, y = a.probe_x + reach * torch.sin(angle), a.probe_y + reach * torch.cos(angle)
    uneven = patches(rough[:1], (rows, beams))[0]
    arcs = patches(rough[1:2], (rows, beams), (ROUGH, 4))[0]
    spread = (a.lateral + a.defocus * (reach - a.focus).abs()).clamp(max=0.6)
    haze = _haze(a, reach, uneven) * _grainy(_tile(fine[2:4], (rows, beams)))
    thermal = 10 ** ((a.noise + 16 * (reach / a.depth - 0.5).clamp(min=0)) / 20) * 0.5**0.5
    return {
        "to_polar": torch.stack([x, y], dim=-1),
        **_image_side(a, size),
        "millimetres": torch.stack([x, y]) * side,
        "gain": _gain(a, reach, swing, arcs)[None],
        "spread": spread[None],
        "axial": torch.tensor(a.axial).view(1, 1, 1),
        "noise": thermal[None],
        "haze": haze,
        "scatter": (_scatterers(a, fine[:2], spread) * _texture(a, rough[2:3])).reshape(2, -1),
        "thermal": _tile(fine[2:4].flip(-1), (TILE + rows, TILE + beams)),
    }


def _image_side(a: Acoustics, size: int) -> dict[str, Tensor]:
    """Where each pixel's centre lies in the polar image, and whether it is inside the sector."""
    centres = (torch.arange(size) + 0.5) / size
    dx, dy = centres[None, :] - a.probe_x, centres[:, None] - a.probe_y
    radius, angle = torch.hypot(dx, dy), torch.rad2deg(torch.atan2(dx, dy.expand(-1, size))) - a.steer
    inside = (angle.abs() <= a.half_angle) & (radius >= a.nearest) & (radius <= a.depth)
    along = 2 * (radius - a.nearest) / (a.depth - a.nearest) - 1
    return {"to_image": torch.stack([angle / a.half_angle, along], dim=-1), "inside": inside[None]}


def _gain(a: Acoustics, reach: Tensor, swing: Tensor, arcs: Tensor) -> Tensor:
    """(range, beam) dB: leftover attenuation, loss at the sides and at the probe, shadows, and streaks along arcs."""
    gain = a.attenuation * (reach / a.depth - 0.5) + a.streaks * arcs
    for side, loss in zip((-1, 1), a.edge_loss, strict=True):
        gain = gain - loss * (side * swing).clamp(min=0) ** 2
    gain = gain - a.near_loss * (1 - reach / a.near_loss_reach).clamp(min=0)
    for place, width, loss in zip(a.shadow_angles, a.shadow_widths, a.shadow_losses, strict=True):
        gain = gain - loss * (1 - ((swing - place) / width).abs()).clamp(0, 1) * (reach / (0.2 * a.depth)).clamp(max=1)
    return gain


def _haze(a: Acoustics, reach: Tensor, patch: Tensor) -> Tensor:
    """(range, beam) amplitude of reverberation and of near-field clutter."""
    level = a.haze - a.haze_slope * (reach / a.depth - 0.5) + a.haze_unevenness * patch
    near = a.near_field - 20 * reach / a.near_reach + 0.5 * a.haze_unevenness * patch
    return (10 ** (level / 20) + 10 ** (near / 20)) * 0.5**0.5


def _scatterers(a: Acoustics, noise: Tensor, spread: Tensor) -> Tensor:
    """(2, TILE, TILE) amplitude of unit power after the point spread: what fluctuates, and what does not."""
    side = float(spread.mean())
    far = 0.6 * side * side
    summed = (1 + 2 * a.axial) * (1 + 2 * side + 2 * far)
    energy = (1 + 2 * a.axial**2) * (1 + 2 * side**2 + 2 * far**2)
    still = torch.tensor([a.coherence * energy**0.5 / summed, 0.0])[:, None, None]
    return _grainy(noise) * ((1 - a.coherence**2) / 2) ** 0.5 + still


def _texture(a: Acoustics, noise: Tensor) -> Tensor:
    """(1, TILE, TILE) amplitude of the tissue's texture, from rough noise."""
    coarse = F.interpolate(noise[None], size=(TILE, TILE), mode="bicubic", align_corners=True)[0]
    return 10 ** (a.texture * coarse / 20)


def _grainy(noise: Tensor) -> Tensor:
    """`noise` (2, rows, columns) smoothed over neighbours (about a Gaussian of 0.7 samples), variance kept at 1."""
    for axis in (1, 2):
        noise = 0.56 * noise + 0.22 * (noise.roll(1, axis) + noise.roll(-1, axis))
    return noise / (0.56**2 + 2 * 0.22**2)


def _tile(noise: Tensor, shape: tuple[int, int]) -> Tensor:
    """`noise` (2, TILE, TILE) repeated to (2, *shape)."""
    times = [-(-wanted // TILE) for wanted in shape]
    return noise.repeat(1, *times)[:, : shape[0], : shape[1]]


def patches(noise: Tensor, shape: tuple[int, int], cells: tuple[int, int] = (9, 9)) -> Tensor:
    """(channel, *shape) smooth patches of about unit deviation, from a corner of `noise` of `cells` entries."""
    corner = noise[None, :, : cells[0], : cells[1]]
    return F.interpolate(corner, size=shape, mode="bicubic", align_corners=True)[0]
