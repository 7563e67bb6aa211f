"""From echo levels to ultrasound: a sector in polar coordinates, speckle that moves with the tissue, and what blurs it.

The echo of a polar sample is the amplitude of its tissue times complex Gaussian scatter fixed to the tissue, plus haze
fixed to the probe, plus thermal noise, all smeared by the point spread; its envelope is fully developed (Rayleigh)
speckle. The beam's width is constant in angle, so that the point spread widens with depth in millimetres.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from echodfkd.synthetic import noise

RANGES, BEAMS = 160, 128
"""Polar samples for an image of 112 pixels; other sizes in proportion."""

TILE = noise.TURN
"""Side of the scatter field; it repeats beyond it, each time a row further on."""

ROUGH = 30
"""Side of the noise that patches are drawn from."""

GRAIN = 0.6
"""mm of tissue per sample of the scatter field."""

MOTION_STEP = 2
"""Tissue motion is computed on every second pixel and interpolated."""

NEPER = np.log(10) / 20
"""Natural logarithm of the amplitude of 1 dB."""


@dataclass(frozen=True)
class Sector:
    """What stays the same through a clip; the first axis of every tensor is the clip."""

    to_polar: Tensor
    """(clip, range, beam, 2) where each polar sample lies in the image, for grid_sample."""
    motion_to_polar: Tensor
    """The same in an image that keeps every MOTION_STEP-th pixel."""
    to_image: Tensor
    """(clip, height, width, 2) where each pixel lies in the polar image."""
    inside: Tensor
    """(clip, 1, height, width) uint8: 255 inside the sector, 0 outside."""
    samples: Tensor
    """(clip, 2, range, beam) position in samples of the scatter field, x and y, above 0 wherever tissue may move."""
    gain: Tensor
    """(clip, 1, range, beam) natural logarithm of amplitude."""
    side: Tensor
    """(clip, 1, range, 1) lateral weight of the point spread."""
    axial: Tensor
    """(clip, 1, 1, 1)."""
    thermal: Tensor
    """(clip, 1, range, 1) amplitude of thermal noise."""
    haze: Tensor
    """(clip, 2, range, beam) real and imaginary part."""
    scatter: Tensor
    """(clip, 2, TILE * TILE) real and imaginary part."""


def polar_shape(size: int) -> tuple[int, int]:
    """Ranges and beams for an image of `size` pixels."""
    return round(RANGES * size / 112), round(BEAMS * size / 112)


def _repeats(shape: Sequence[int]) -> int:
    """How often the noise must be repeated for a polar image of `shape` to be read from any place."""
    return 2 + shape[0] * max(TILE, shape[1]) // noise.LENGTH


def sectors(a: Mapping[str, Tensor], sides: Tensor, starts: Tensor, rough: Tensor, size: int) -> Sector:
    """The Sector of several clips, on the device of `sides`.

    `a` are their dials of Acoustics as `dial_tensors` gives them, `sides` (clip,) the images' sides in mm; `starts`
    (clip, 4) where in the noise the parts of scatter and haze begin; `rough` (clip, 3, ROUGH, ROUGH) standard normal.
    """
    shape, device = polar_shape(size), sides.device
    ahead, swing = (
        torch.linspace(0, 1, shape[0], device=device)[:, None],
        torch.linspace(-1, 1, shape[1], device=device),
    )
    reach = a["nearest"] + (a["depth"] - a["nearest"]) * ahead
    angle = torch.deg2rad(a["steer"] + a["half_angle"] * swing)
    place = torch.cat([a["probe_x"] + reach * torch.sin(angle), a["probe_y"] + reach * torch.cos(angle)], dim=1)
    uneven, arcs = patches(rough[:, :1], shape), patches(rough[:, 1:2], shape, (ROUGH, 4))
    string = noise.strings(_repeats(shape), device)[1]
    side = (a["lateral"] + a["defocus"] * (reach - a["focus"]).abs()).clamp(max=0.6)
    # The energy of the point spread is taken out here, once, so that `smear` need not.
    whole = torch.rsqrt(_energy(a["axial"], side))
    thermal = torch.exp(NEPER * (a["noise"] + 16 * (reach / a["depth"] - 0.5).clamp(min=0))) * 0.5**0.5
    return Sector(
        to_polar=_sampling(place, 1, size),
        motion_to_polar=_sampling(place, MOTION_STEP, size),
        **_image_side(a, size, device),
        samples=place * (sides[:, None, None, None] / GRAIN) + (8 * TILE + 0.5),
        gain=_gain(a, reach, swing, arcs) * NEPER + whole.log(),
        side=side,
        axial=a["axial"],
        thermal=thermal * whole,
        haze=_haze(a, reach, uneven) * noise.fields(string, starts[:, 2:], shape) * whole,
        scatter=(_scatterers(a, noise.fields(string, starts[:, :2], (TILE, TILE)), side) * _texture(a, rough[:, 2:3]))
        .flatten(2)
        .contiguous(),
    )


def _sampling(place: Tensor, step: int, size: int) -> Tensor:
    """For grid_sample, (clip, range, beam, 2): `place` (clip, 2, range, beam) among every `step`-th pixel."""
    last = (size - 1) // step * step
    # grid_sample's -1..1 spans the kept pixels' centres, which end `last` pixels after the first.
    return torch.stack(place.unbind(1), dim=-1) * (2 * size / last) - (1 / last + 1)


def to_polar(fields: Tensor, grid: Tensor) -> Tensor:
    """(clip, channel, range, beam) of image fields (clip, channel, rows, columns) at a Sector's `grid`."""
    return F.grid_sample(fields, grid, mode="bilinear", padding_mode="border", align_corners=True)


def to_image(polar: Tensor, sector: Sector) -> Tensor:
    """(clip, channel, height, width) of polar fields (clip, channel, range, beam)."""
    return F.grid_sample(polar, sector.to_image, mode="bilinear", padding_mode="border", align_corners=True)


def power(level: Tensor, moved: Tensor, sector: Sector, starts: Tensor) -> Tensor:
    """(clip, time, range, beam) received power, 1 being average myocardium.

    `level` (clip, time, range, beam) dB; `moved` (clip, 2 time, range, beam) samples to where each sample's tissue lay;
    `starts` (clip, time, 2) where in the noise each frame's thermal noise begins, real and imaginary.
    """
    times, shape = level.shape[1], level.shape[2:]
    amplitude = torch.add(sector.gain, level, alpha=NEPER).exp_()
    place = _scatter_place(moved[:, :times], moved[:, times:], sector.samples)
    string = noise.strings(_repeats(shape), level.device)[0]
    parts = []
    for part in (0, 1):
        field = sector.scatter[:, part].reshape(-1).index_select(0, place.view(-1)).view_as(level)
        field.mul_(amplitude).add_(sector.haze[:, part : part + 1])
        fresh = noise.stretches(string, starts[..., part], shape.numel()).view_as(level)
        parts.append(smear(field.addcmul_(fresh, sector.thermal), sector.axial, sector.side))
    return parts[0].square_().addcmul_(parts[1], parts[1])


def smear(field: Tensor, axial: Tensor, side: Tensor) -> Tensor:
    """`field` (..., range, beam) under a point spread of three samples along and five across the beam.

    Its weights are 1 in the middle; on white noise it multiplies the power by `_energy`.
    """
    along = field.clone()
    along[..., 1:, :].addcmul_(field[..., :-1, :], axial)
    along[..., :-1, :].addcmul_(field[..., 1:, :], axial)
    across, far = along.clone(), 0.6 * side * side
    across[..., 1:].addcmul_(along[..., :-1], side)
    across[..., :-1].addcmul_(along[..., 1:], side)
    across[..., 2:].addcmul_(along[..., :-2], far)
    across[..., :-2].addcmul_(along[..., 2:], far)
    return across


def _energy(axial: Tensor, side: Tensor) -> Tensor:
    """Sum of the squared weights of `smear`."""
    far = 0.6 * side * side
    return (1 + 2 * axial * axial) * (1 + 2 * side * side + 2 * far * far)


def _scatter_place(x: Tensor, y: Tensor, samples: Tensor) -> Tensor:
    """Entry of the clips' scatter fields, laid end to end, nearest to each sample's place in the tissue (int32)."""
    column = (x + samples[:, :1]).int()
    place = column.add_((y + samples[:, 1:]).int(), alpha=TILE).bitwise_and_(TILE * TILE - 1)
    first = torch.arange(0, len(x) * TILE * TILE, TILE * TILE, device=x.device, dtype=torch.int32)
    return place.add_(first[:, None, None, None])


def _image_side(a: Mapping[str, Tensor], size: int, device: torch.device) -> dict[str, Tensor]:
    """Where each pixel's centre lies in the polar image, and whether it is inside the sector."""
    centres = (torch.arange(size, device=device) + 0.5) / size
    dx, dy = centres - a["probe_x"], centres[:, None] - a["probe_y"]
    radius, angle = torch.hypot(dx, dy), torch.rad2deg(torch.atan2(dx, dy)) - a["steer"]
    inside = (angle.abs() <= a["half_angle"]) & (radius >= a["nearest"]) & (radius <= a["depth"])
    along = 2 * (radius - a["nearest"]) / (a["depth"] - a["nearest"]) - 1
    return {
        "to_image": torch.stack([(angle / a["half_angle"])[:, 0], along[:, 0]], dim=-1),
        "inside": inside.to(torch.uint8).mul_(255),
    }


def _gain(a: Mapping[str, Tensor], reach: Tensor, swing: Tensor, arcs: Tensor) -> Tensor:
    """(clip, 1, range, beam) dB: attenuation, loss at the sides and at the probe, shadows, and streaks along arcs."""
    gain = a["attenuation"] * (reach / a["depth"] - 0.5) + a["streaks"] * arcs
    for side, loss in zip((-1, 1), a["edge_loss"].split(1, 2), strict=True):
        gain = gain - loss * (side * swing).clamp(min=0) ** 2
    gain = gain - a["near_loss"] * (1 - reach / a["near_loss_reach"]).clamp(min=0)
    deep = (reach / (0.2 * a["depth"])).clamp(max=1)
    for place, width, loss in zip(*(a[f"shadow_{n}"].split(1, 2) for n in ("angles", "widths", "losses")), strict=True):
        gain = gain - loss * (1 - ((swing - place) / width).abs()).clamp(0, 1) * deep
    return gain


def _haze(a: Mapping[str, Tensor], reach: Tensor, patch: Tensor) -> Tensor:
    """(clip, 1, range, beam) amplitude of reverberation and of near-field clutter."""
    level = a["haze"] - a["haze_slope"] * (reach / a["depth"] - 0.5) + a["haze_unevenness"] * patch
    near = a["near_field"] - 20 * reach / a["near_reach"] + 0.5 * a["haze_unevenness"] * patch
    return (torch.exp(NEPER * level) + torch.exp(NEPER * near)) * 0.5**0.5


def _scatterers(a: Mapping[str, Tensor], grains: Tensor, side: Tensor) -> Tensor:
    """(clip, 2, TILE, TILE) amplitude of unit power after the point spread: what fluctuates, and what does not."""
    mean = side.mean(2, keepdim=True)
    summed = (1 + 2 * a["axial"]) * (1 + 2 * mean + 1.2 * mean * mean)
    fluctuating = grains * ((1 - a["coherence"] ** 2) / 2).sqrt()
    fluctuating[:, :1] += a["coherence"] * _energy(a["axial"], mean).sqrt() / summed
    return fluctuating


def _texture(a: Mapping[str, Tensor], rough: Tensor) -> Tensor:
    """(clip, 1, TILE, TILE) amplitude of the tissue's texture, from rough noise."""
    coarse = F.interpolate(rough, size=(TILE, TILE), mode="bicubic", align_corners=True)
    return torch.exp(NEPER * a["texture"] * coarse)


def patches(rough: Tensor, shape: tuple[int, int], cells: tuple[int, int] = (9, 9)) -> Tensor:
    """(clip, channel, *shape) smooth patches of about unit deviation, from a corner of `rough` of `cells` entries."""
    return F.interpolate(rough[..., : cells[0], : cells[1]], size=shape, mode="bicubic", align_corners=True)
