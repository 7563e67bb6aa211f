"""Windows as another scanner and another hand would show them, so that a student learns hearts and not one way to draw.

One change holds for a whole window, which moves as before: the image is turned, scaled and shifted with its masks, its
grey levels run through a random curve, it is blurred or sharpened, shaded, given a grain of its own, and a part of it
may go dark. Randomising what must not matter is domain randomisation (Tobin et al., IROS 2017). All by choice.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

TURN, SCALE, SHIFT = 6.0, 0.08, 0.05
"""Deviations: degrees; of the scale's logarithm; shares of the half side."""
CURVE, KNOTS = 0.5, 6
"""Share of the windows whose grey levels take a random rising curve, and its pieces."""
GAMMA = 0.15
"""Deviation of the logarithm of the exponent that all grey levels take."""
SHARPEST, BLUR = -0.6, 1.0
"""How much of the difference to a 3 x 3 mean is added: from so much less of it to all of it."""
SHADE, SHADES = 0.25, 4
"""Deviation of the logarithm of a smooth field of so many values a side that grey levels are multiplied by."""
GRAIN, GRAINS = 0.25, (1, 2, 4)
"""Largest deviation of the logarithm of the grain, and its size in pixels."""
DARK, PATCH = 0.3, (0.1, 0.35)
"""Share of the windows with a darkened patch, and the patch's sides as shares of the image's."""

Words = tuple[int, ...]
"""What names a chance: the words of a seed."""


def look(share: float, words: Words) -> Words | None:
    """How the window that `words` name is shown: as drawn (None), or in a look of its own, as `share` of them are."""
    return words if np.random.default_rng(words).random() < share else None


def altered(
    frames: NDArray[np.uint8], masks: NDArray[np.uint8], look: Words
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A window in another look: frames (time, 1, size, size), masks (time, structure, size, size) 255 p, both uint8.

    The same bytes for the same `look` on the same machine.
    """
    chance = np.random.default_rng((*look, 1))
    times, size = len(frames), frames.shape[-1]
    planes = torch.from_numpy(np.concatenate([frames[:, 0], masks.reshape(-1, size, size)])).float()[None]
    planes = F.grid_sample(planes, _moved(chance, size), align_corners=False)[0]
    shown = _graded(planes[:times] / 255, chance)[:, None].mul_(255).round_().to(torch.uint8).numpy()
    return shown, planes[times:].round_().to(torch.uint8).numpy().reshape(masks.shape)


def _moved(chance: np.random.Generator, size: int) -> Tensor:
    """(1, size, size, 2) where each pixel of the turned, scaled and shifted image lies in the drawn one."""
    angle, scale = np.radians(chance.normal(0, TURN)), np.exp(chance.normal(0, SCALE))
    across, down = chance.normal(0, SHIFT, 2)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrix = torch.tensor([[[cosine, -sine, across], [sine, cosine, down]]], dtype=torch.float32)
    return F.affine_grid(matrix, [1, 1, size, size], align_corners=False)


def _graded(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Grey levels (time, size, size) 0..1 in another look."""
    if chance.random() < CURVE:
        frames = _curved(frames, chance)
    frames = frames.clamp(1e-4, 1) ** float(np.exp(chance.normal(0, GAMMA)))
    mean = F.avg_pool2d(F.pad(frames[:, None], (1, 1, 1, 1), mode="replicate"), 3, 1)[:, 0]
    frames = torch.lerp(frames, mean, chance.uniform(SHARPEST, BLUR))
    frames = frames * torch.exp(_field(SHADE * chance.standard_normal((SHADES, SHADES)), frames.shape[-1], "bicubic"))
    fine = -(-frames.shape[-1] // int(chance.choice(GRAINS)))
    grain = chance.uniform(0, GRAIN) * chance.standard_normal((fine, fine))
    frames = frames * torch.exp(_field(grain, frames.shape[-1], "bilinear"))
    if chance.random() < DARK:
        _darken(frames, chance)
    return frames.clamp(0, 1)


def _curved(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Grey levels 0..1 on a random curve of KNOTS rising pieces, from 0 to between 0.5 and 1."""
    rise = np.cumsum([0.0, *chance.gamma(2.0, 1.0, KNOTS)])
    curve = torch.from_numpy((rise / rise[-1] * chance.uniform(0.5, 1.0)).astype(np.float32))
    place = frames.clamp(0, 1) * KNOTS
    below = place.long().clamp_(max=KNOTS - 1)
    return torch.lerp(curve[below], curve[below + 1], place - below)


def _field(values: NDArray[np.float64], size: int, mode: str) -> Tensor:
    """(size, size) smooth field through `values` (rows, columns)."""
    rough = torch.from_numpy(values.astype(np.float32))[None, None]
    return F.interpolate(rough, size=(size, size), mode=mode, align_corners=True)[0, 0]


def _darken(frames: Tensor, chance: np.random.Generator) -> None:
    """Dims a patch of all frames (time, size, size), in place."""
    size = frames.shape[-1]
    height, width = (max(1, round(size * side)) for side in chance.uniform(*PATCH, 2))
    row, column = int(chance.integers(size - height + 1)), int(chance.integers(size - width + 1))
    frames[:, row : row + height, column : column + width] *= chance.uniform(0, 1)
