"""Windows as another scanner and another hand would show them, so that a student learns hearts and not one way to draw.

One change holds for a whole window, which moves as before: the image is turned, scaled and shifted with its masks. Its
texture may be another: it is convolved with a random kernel (Xu et al., Robust and Generalizable Visual Representation
Learning via Random Convolutions, ICLR 2021), shown coarser, veiled by haze, dimmed or brightened in soft places, or
given noise that is fresh in every frame. Then its grey levels run through a random curve, it is blurred or sharpened,
shaded, given a grain of its own, and a part of it may go dark. Randomising what must not matter is domain randomisation
(Tobin et al., IROS 2017). All by choice.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

TURN, SCALE, SHIFT = 6.0, 0.08, 0.05
"""Deviations: degrees; of the scale's logarithm; shares of the half side."""
KERNEL, KERNELS, MIXED = 0.4, (3, 5), 0.7
"""Share of the windows that a random kernel meets, its sides in pixels, and the most of its result that is shown."""
COARSE, COARSEST = 0.3, 0.45
"""Share of the windows that are shown coarser, and the least share of the rows that is left."""
HAZE, VEIL, THICKEST = 0.4, 0.12, 0.5
"""Share of the windows behind haze, the deviation of its smooth field, and the most of the grey that it adds."""
DIM, BRIGHT = 3, 0.3
"""Most soft places that are dimmed, and share of the windows with a brighter one."""
FRESH, NOISE = 0.4, 0.4
"""Share of the windows with fresh noise, and the largest deviation of its logarithm."""
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
    shown = _graded(_textured(planes[:times] / 255, chance), chance)[:, None].mul_(255).round_().to(torch.uint8).numpy()
    return shown, planes[times:].round_().to(torch.uint8).numpy().reshape(masks.shape)


def _moved(chance: np.random.Generator, size: int) -> Tensor:
    """(1, size, size, 2) where each pixel of the turned, scaled and shifted image lies in the drawn one."""
    angle, scale = np.radians(chance.normal(0, TURN)), np.exp(chance.normal(0, SCALE))
    across, down = chance.normal(0, SHIFT, 2)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrix = torch.tensor([[[cosine, -sine, across], [sine, cosine, down]]], dtype=torch.float32)
    return F.affine_grid(matrix, [1, 1, size, size], align_corners=False)


def _textured(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Grey levels 0..1 (time, size, size) in another texture and another light."""
    size = frames.shape[-1]
    if chance.random() < KERNEL:
        frames = _convolved(frames, chance)
    if chance.random() < COARSE:
        few = max(16, round(size * chance.uniform(COARSEST, 1)))
        coarse = F.interpolate(frames[:, None], size=(few, few), mode="area")
        frames = F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)[:, 0]
    if chance.random() < HAZE:
        veil = _field(VEIL * chance.standard_normal((3, 3)), size, "bicubic") + chance.uniform(-0.1, 0.1)
        frames = torch.where(frames > 0.5 / 255, 1 - (1 - frames) * (1 - veil.clamp(0, THICKEST)), frames)
    for _ in range(int(chance.integers(0, DIM + 1))):
        frames = frames * (1 - chance.uniform(0, 0.9) * _soft_place(chance, size))
    if chance.random() < BRIGHT:
        frames = frames + chance.uniform(0, 0.9) * frames.mean() * _soft_place(chance, size)
    if chance.random() < FRESH:
        noise = torch.from_numpy(chance.standard_normal(frames.shape).astype(np.float32))
        frames = frames * torch.exp(chance.uniform(0, NOISE) * noise)
    return frames.clamp(0, 1)


def _convolved(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Frames (time, size, size), in part convolved with a random kernel whose sum is 1: an even grey stays."""
    side = int(chance.choice(KERNELS))
    kernel = chance.standard_normal((side, side)) / side
    kernel[side // 2, side // 2] += chance.uniform(0.3, 2)
    kernel += (1 - kernel.sum()) / side**2
    weight = torch.from_numpy(kernel.astype(np.float32))[None, None]
    around = F.pad(frames[:, None], (side // 2,) * 4, mode="reflect")
    return torch.lerp(frames, F.conv2d(around, weight)[:, 0], chance.uniform(0, MIXED)).clamp(0, 1)


def _soft_place(chance: np.random.Generator, size: int) -> Tensor:
    """(size, size) near 1 within an ellipse anywhere in the image, falling softly to 0 around it."""
    down, across = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    x, y = across - chance.uniform(-0.8, 0.8), down - chance.uniform(-0.8, 0.8)
    angle, (long, short) = chance.uniform(0, np.pi), chance.uniform(0.1, 0.5, 2)
    along, beside = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    radius = torch.sqrt((along / long) ** 2 + (beside / short) ** 2)
    return torch.sigmoid((1 - radius) * (3 / chance.uniform(0.1, 0.6)))


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
