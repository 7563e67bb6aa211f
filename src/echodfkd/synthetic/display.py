"""From received power to grey levels: log compression, the display's curve, and the crop to the sector."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from echodfkd.synthetic.acoustics import Sector, to_image


def grey(power: Tensor, dials: Mapping[str, Tensor], sector: Sector, marks: Tensor) -> Tensor:
    """(clip, time, height, width) uint8 of polar `power` (clip, time, range, beam), black outside the sector.

    `dials` are those of Display as `dial_tensors` gives them; `marks` (clip, 1, height, width) uint8 are burnt in on
    top. `power` is written over.
    """
    per_neper, usual = 10 / np.log(10) / dials["dynamic_range"], dials["exposure"] ** (1 / dials["gamma"])
    shown = torch.addcmul(usual, power.log_(), per_neper).clamp_(0, 1)
    shown = _smoothed(to_image(shown, sector), dials["smoothing"])
    # shown ** gamma * 255, a fifth of the time of pow; log(0) is slow. Half a level more, as what follows rounds down.
    levels = shown.clamp_(min=1e-12).log_().mul_(dials["gamma"]).add_(np.log(255)).exp_().sub_(dials["black"] - 0.5)
    frames = levels.clamp_(0, 255).to(torch.uint8).bitwise_and_(sector.inside)
    return torch.maximum(frames, marks)


def _smoothed(image: Tensor, share: Tensor) -> Tensor:
    """`image` with `share` of each pixel taken from a 1-2-1 mean along each axis; the border pixels keep theirs."""
    for axis in (-1, -2):
        inner = image.shape[axis] - 2
        sides = image.narrow(axis, 0, inner) + image.narrow(axis, 2, inner)
        image.narrow(axis, 1, inner).lerp_(sides.mul_(0.5), 0.5 * share)
    return image
