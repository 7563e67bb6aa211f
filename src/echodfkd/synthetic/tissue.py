"""How strongly each place scatters: structures and walls as echo levels in dB, 0 dB being average myocardium."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from echodfkd.synthetic.acoustics import patches
from echodfkd.synthetic.dials import Tissue
from echodfkd.synthetic.heart import Heart
from echodfkd.synthetic.raster import TABLE, Distances, Geometry, cheap_angle, entries, table_places

EDGE = 2.2
"""mm over which one tissue passes into another."""

FAR = 1e6
"""Pixels squared: a distance at which nothing is seen."""


def wall_tables(tissues: Sequence[Tissue], hearts: Sequence[Heart], device: torch.device) -> Tensor:
    """(clip, 5, TABLE + 1) by angle: dB of wall and pericardium; mm of trabeculae, of inner and of outer edge."""
    tables = np.stack([_wall_table(t, h) for t, h in zip(tissues, hearts, strict=True)])
    return torch.from_numpy(tables.astype(np.float32)).to(device)


def grounds(dials: Mapping[str, Tensor], rough: Tensor, size: int) -> Tensor:
    """(clip, 3, size, size) dB that stay through a clip: what surrounds the heart, thin walls, patches of the wall.

    `rough` (clip, 2, rows, columns) is standard normal noise.
    """
    across = torch.linspace(-0.5, 0.5, size, device=rough.device)
    first, second = patches(rough, (size, size)).split(1, dim=1)
    uneven = dials["unevenness"] * first
    around = dials["background"] + dials["background_slope"] * across + uneven
    around = around + dials["background_fall"] * across[:, None]
    return torch.cat([around, dials["thin_walls"] + dials["thin_patchiness"] * second, uneven], dim=1)


def levels(
    dials: Mapping[str, Tensor], sides: Tensor, where: Distances, shapes: Geometry, walls: Tensor, ground: Tensor
) -> Tensor:
    """(clip, time, height, width) dB.

    `sides` (clip,) are the images' sides in mm; `dials`, `walls` and `ground` as `dial_tensors`, `wall_tables` and
    `grounds` give them.
    """
    dial = dials.__getitem__
    atria = torch.minimum(where.la, where.ra)
    rooms = torch.minimum(where.rv, atria)
    level = ground[:, :1].expand_as(rooms).clone()
    level.lerp_(ground[:, 1:2], (dial("thin_wall") - rooms).div_(EDGE).add_(0.5).clamp_(0, 1))
    wall, pericardium, depth, edge, outer_edge = _by_angle(where, walls)
    wall.add_(_across(where).sub_(0.5).mul_(dial("gradient"))).add_(0.3 * ground[:, 2:3])
    wall.add_(_ridge(where, dial))
    level.lerp_(wall, (0.5 - where.outline / outer_edge).clamp_(0, 1))
    band = (where.radius - where.outer).mul_(12**0.5 / dial("pericardium_width")).square_()
    level = torch.maximum(level, pericardium.sub_(band))
    # The endocardium is a soft edge. Over trabeculae it reaches further into the cavity; systole presses them flat.
    contraction = shapes.contraction.clamp(0, 1)[:, :, None, None]
    pressed = 1 - dial("compaction") * contraction
    edge = edge + dial("systolic_edge") * contraction
    ventricle = ((where.inner - where.radius).add_(edge / 2).div_(depth.mul_(pressed).add_(edge))).clamp_(0, 1)
    ventricle.mul_((1 - where.mitral / EDGE).clamp_(0, 1))
    # Full blood up to the borders of the rooms, so that an open valve leaves no line where two rooms meet.
    blood = torch.maximum((1 - rooms / dial("room_edge")).clamp_(0, 1), ventricle)
    murky = (0.5 - where.rv / EDGE).clamp_(0, 1).mul_(dial("rv_blood"))
    murky.add_((0.5 - atria / EDGE).clamp_(0, 1).mul_(dial("atria_blood"))).add_(dial("cavity"))
    level.lerp_(murky, blood)
    _small_things(level, shapes, dial, (level.shape[-1] / sides)[:, None, None, None])
    return level


def _small_things(level: Tensor, shapes: Geometry, dial: Callable[[str], Tensor], pixels: Tensor) -> None:
    """Raises `level` in place to leaflets, papillary muscles, hinges and bright bodies; `pixels` per mm."""
    lean = dial("leaflet_thickness") * pixels
    _splat(level, shapes.leaflets.flatten(2, 3), dial("leaflets"), lean, [2])
    # Two papillary muscles, two strips, four hinges, spots.
    kinds = (
        ("papillary", 4, "papillary_size", 5),
        ("strips", 5, "spot_size", 7),
        ("annulus", 4, "annulus_size", 6),
        ("groove", 1, "groove_size", 10),
    )
    peaks, widths, reaches = [], [], []
    for name, times, size, reach in (*kinds, ("spots", 1, "spot_size", 7)):
        peaks.append(dial(name).repeat_interleave(times, dim=2))
        widths.append((dial(size) * pixels).expand_as(peaks[-1]))
        reaches += [reach] * peaks[-1].shape[2]
    _splat(level, shapes.landmarks, torch.cat(peaks, 2), torch.cat(widths, 2), reaches)


def _by_angle(where: Distances, walls: Tensor) -> list[Tensor]:
    """The `walls` tables (clip, table, TABLE + 1), each (clip, time, height, width)."""
    place = table_places(where.angle.round().int(), walls[:, :1])
    return [entries(table, place) for table in walls.unbind(1)]


def _across(where: Distances) -> Tensor:
    """How deep in the wall each pixel lies: 0 at the endocardium, 1 at the epicardium."""
    return (where.radius - where.inner).div_((where.outer - where.inner).clamp_(min=1.0)).clamp_(-1, 2)


def _ridge(where: Distances, dial: Callable[[str], Tensor]) -> Tensor:
    """dB of a bright line inside the wall, and of the dimmer rest; the line keeps its place as the wall thickens."""
    line = torch.lerp(where.inner, where.outer, dial("ridge_place"))
    bump = line.sub_(where.radius).mul_(1 / dial("ridge_width")).square_().neg_().add_(1).clamp_(min=0)
    return bump.sub_(0.5).mul_(dial("ridge"))


def _wall_table(tissue: Tissue, heart: Heart) -> np.ndarray:
    """(5, TABLE + 1) of one clip: level by segment, direction and gap; pericardium; trabeculae; the two edges."""
    place = np.linspace(-1, 1, len(heart.normals))
    points = heart.endocardium[0]
    beam = points - [0.5, 0.0]
    beam /= np.linalg.norm(beam, axis=1, keepdims=True)
    facing = np.abs((heart.normals * beam).sum(1))
    level = _along(place, tissue.segments) + tissue.specular * (facing - 0.5)
    level -= tissue.lateral_loss * np.clip(4 * (place - 0.15), 0, 1)
    level += tissue.septal_gain * np.clip(-4 * (place + 0.15), 0, 1)
    level -= tissue.apical_loss * np.clip(1.4 - np.abs(place) / 0.35, 0, 1)
    kept = np.ones_like(place)
    for middle, width, depth in zip(tissue.gap_place, tissue.gap_width, tissue.gap_depth, strict=True):
        gap = np.clip(1 - np.abs(place - middle) / width, 0, 1)
        level -= depth * gap * (2 - gap)
        kept *= 1 - gap * min(depth / 10, 1)
    line = tissue.pericardium * np.clip(place + 0.4, 0, 1) * kept - 60 * np.clip(-0.1 - place, 0, 1)
    contour = heart.inner[0][7:-7]
    angles = cheap_angle(contour[:, 0], contour[:, 1])
    where = np.linspace(-2, 2, TABLE + 1)
    edge = _along(place, (tissue.septal_edge, tissue.septal_edge, tissue.apical_edge, *(tissue.lateral_edge,) * 2))
    border = _along(
        place, (tissue.septal_border, tissue.septal_border, tissue.apical_border, *(tissue.lateral_border,) * 2)
    )
    tables = (level, line, _along(place, tissue.trabeculae), edge, border)
    return np.stack([np.interp(where, angles, values, period=4) for values in tables])


def _along(place: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """`values` spread evenly from the septal annulus (-1) to the lateral one (1), at `place`."""
    return np.interp(place, np.linspace(-1, 1, len(values)), values)


def _splat(level: Tensor, points: Tensor, peak: Tensor, size: Tensor, reach: Sequence[int]) -> None:
    """Raises `level` in place to blobs at `points` (clip, time, point, 2): peak - 12 dB (distance / size)^2.

    `peak` and `size` (clip, 1, point or 1, 1) are in dB and pixels; `reach`, of each point or of all, is the half side
    of a blob's window, in pixels of a 112-pixel image.
    """
    clips, times, height, width = level.shape
    reaches = [round(one * width / 112) for one in reach]
    offsets = torch.arange(-max(reaches), max(reaches) + 1, device=level.device, dtype=torch.float32)
    beyond = offsets.abs() > torch.tensor(reaches, device=level.device)[:, None]
    columns, across = _window(points[..., 0], width, offsets, beyond)
    rows, down = _window(points[..., 1], height, offsets, beyond)
    square = across[..., None, :] + down[..., :, None]
    value = peak[..., None] - square.mul_(12 / (size[..., None] ** 2))
    place = (rows * width)[..., :, None] + columns[..., None, :]
    level.view(clips, times, -1).scatter_reduce_(2, place.flatten(2), value.flatten(2), "amax")


def _window(centres: Tensor, length: int, offsets: Tensor, beyond: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (..., point, offset) about `centres` (share of `length` pixels) and their squared distances.

    What lies outside the image, or is `beyond` (point, offset), is so far off that it is never seen.
    """
    place = centres * length - 0.5
    pixels = place.round()[..., None] + offsets
    held = pixels.clamp(0, length - 1)
    return held.long(), (pixels - place[..., None]).square_().add_(((pixels != held) | beyond) * FAR)
