"""From received power to grey levels: log compression, the display's curve, and the crop to the sector."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from echodfkd.synthetic.acoustics import Sector, to_image
from echodfkd.synthetic.dials import Display


def grey(power: Tensor, dials: Sequence[Display], sector: Sector, marks: Tensor) -> Tensor:
    """(clip, time, height, width) uint8 of polar `power` (clip, time, range, beam), black outside the sector.

    `marks` (clip, 1, height, width) uint8 are burnt in on top.
    """

    def dial(name: str) -> Tensor:
        values = [getattr(d, name) for d in dials]
        return torch.tensor(values, device=power.device, dtype=torch.float32)[:, None, None, None]

    decibels = power.clamp_(min=1e-9).log_().mul_(10 / np.log(10))
    shown = decibels.sub_(dial("white")).div_(dial("dynamic_range")).add_(1).clamp_(0, 1)
    shown = _smoothed(to_image(shown, sector), dial("smoothing"))
    levels = shown.pow_(dial("gamma")).mul_(255).sub_(dial("black")).mul_(sector.inside)
    return torch.maximum(levels.clamp_(0, 255).round_().to(torch.uint8), marks)


def _smoothed(image: Tensor, share: Tensor) -> Tensor:
    """`image` with `share` of each pixel taken from a 1-2-1 mean along each axis; the border pixels keep theirs."""
    for axis in (-1, -2):
        middle = image.narrow(axis, 1, image.shape[axis] - 2)
        sides = image.narrow(axis, 0, image.shape[axis] - 2) + image.narrow(axis, 2, image.shape[axis] - 2)
        image.narrow(axis, 1, image.shape[axis] - 2).copy_(middle + (0.5 * share) * (0.5 * sides - middle))
    return image
