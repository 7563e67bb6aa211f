"""How strongly each place scatters: structures and walls as echo levels in dB, 0 dB being average myocardium."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from echodfkd.synthetic.dials import Tissue
from echodfkd.synthetic.heart import Heart
from echodfkd.synthetic.raster import TABLE, Distances, Geometry, cheap_angle

EDGE = 2.2
"""mm over which one tissue passes into another."""

NOWHERE = -400.0


def wall_tables(tissues: Sequence[Tissue], hearts: Sequence[Heart], device: torch.device) -> Tensor:
    """(clip, 2, TABLE + 1) dB by angle: level of the wall, and of the pericardium over it."""
    tables = np.stack([_wall_table(t, h) for t, h in zip(tissues, hearts, strict=True)])
    return torch.from_numpy(tables.astype(np.float32)).to(device)


def levels(
    tissues: Sequence[Tissue], sides: Tensor, where: Distances, shapes: Geometry, walls: Tensor, background: Tensor
) -> Tensor:
    """(clip, time, height, width) dB.

    `sides` (clip,) are the images' sides in mm; `background` (clip, 1, height, width) holds patches of deviation 1.
    """

    def dial(name: str) -> Tensor:
        values = [getattr(tissue, name) for tissue in tissues]
        return torch.tensor(values, device=background.device, dtype=torch.float32)[:, None, None, None]

    rooms = torch.minimum(torch.minimum(where.rv, where.la), where.ra)
    level = (dial("background") + dial("unevenness") * background).expand_as(rooms).clone()
    level.lerp_(dial("thin_walls"), (((dial("thin_wall") - rooms) / EDGE) + 0.5).clamp_(0, 1))
    wall = _wall_level(where, walls, dial("gradient")) + 0.3 * dial("unevenness") * background
    level.lerp_(wall, (0.5 - where.outline / dial("outer_edge")).clamp_(0, 1))
    # Trabeculae: the cavity begins softly inside the endocardium, the deeper the smaller the cavity.
    depth = dial("trabeculae") * (0.5 + shapes.contraction.clamp(0, 1)[:, :, None, None]) + EDGE
    ventricle = ((where.inner - where.radius) / depth).clamp_(0, 1).mul_((1 - where.mitral / EDGE).clamp_(0, 1))
    # Full blood up to the borders of the rooms, so that an open valve leaves no line where two rooms meet.
    blood = torch.maximum((1 - rooms / EDGE).clamp_(0, 1), ventricle)
    level.lerp_(dial("cavity"), blood)
    pixels = (level.shape[-1] / sides)[:, None, None, None]
    _splat(level, shapes.leaflets.flatten(2, 3), dial("leaflets"), dial("leaflet_thickness") * pixels, reach=2)
    _splat(level, shapes.landmarks[:, :, :2], dial("papillary"), dial("papillary_size") * pixels, reach=5)
    _splat(level, shapes.landmarks[:, :, 2:], dial("annulus"), dial("annulus_size") * pixels, reach=5)
    return level


def _wall_level(where: Distances, walls: Tensor, gradient: Tensor) -> Tensor:
    """(clip, time, height, width) dB of the LV's wall, with its pericardial line."""
    place = where.angle.round().long()
    clips, times = place.shape[:2]
    wall, pericardium = (
        walls[:, i, None].expand(clips, times, TABLE + 1).gather(2, place).view_as(where.radius) for i in (0, 1)
    )
    depth = (where.radius - where.inner) / (where.outer - where.inner).clamp_(min=1.0)
    line = (1 - (where.radius - where.outer).abs_().mul_(1 / 2.0)).clamp_(min=0)
    return wall + gradient * (depth - 0.5) + pericardium * line


def _wall_table(tissue: Tissue, heart: Heart) -> np.ndarray:
    """(2, TABLE + 1) of one clip: level by segment, direction and gap; pericardium where the wall faces right."""
    place = np.linspace(-1, 1, len(heart.normals))
    segments = np.interp(place, np.linspace(-1, 1, len(tissue.segments)), tissue.segments)
    points = heart.endocardium[0]
    beam = points - [0.5, 0.0]
    beam /= np.linalg.norm(beam, axis=1, keepdims=True)
    facing = np.abs((heart.normals * beam).sum(1))
    gap = np.clip(1 - np.abs(place - tissue.gap_place) / tissue.gap_width, 0, 1)
    level = segments + tissue.specular * (facing - 0.5) - tissue.gap_depth * gap * (2 - gap)
    pericardium = tissue.pericardium * np.clip(place + 0.4, 0, 1) * (1 - gap)
    contour = heart.inner[0][7:-7]
    angles = cheap_angle(contour[:, 0], contour[:, 1])
    return np.stack([np.interp(np.linspace(-2, 2, TABLE + 1), angles, v, period=4) for v in (level, pericardium)])


def _splat(level: Tensor, points: Tensor, peak: Tensor, size: Tensor, reach: int) -> None:
    """Raises `level` in place to blobs at `points` (clip, time, point, 2): peak - 12 dB (distance / size)^2.

    `size` is in pixels; `reach` is the half side of a blob's window, in pixels of a 112-pixel image.
    """
    clips, times, height, width = level.shape
    side = round(reach * width / 112)
    offsets = torch.arange(-side, side + 1, device=level.device, dtype=torch.float32)
    x, y = points[..., 0] * width - 0.5, points[..., 1] * height - 0.5
    columns, rows = x.round()[..., None] + offsets, y.round()[..., None] + offsets
    square = (columns - x[..., None])[..., None, :] ** 2 + (rows - y[..., None])[..., :, None] ** 2
    value = peak[..., None] - 12 / (size[..., None] ** 2) * square
    inside = ((columns >= 0) & (columns < width))[..., None, :] & ((rows >= 0) & (rows < height))[..., :, None]
    value = torch.where(inside, value, value.new_tensor(NOWHERE))
    place = (rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]).long()
    level.view(clips, times, -1).scatter_reduce_(2, place.flatten(2), value.flatten(2), "amax")
