"""Frames to the working square and masks back to the input's own size; the aspect ratio is kept.

A frame is thought of as lying in the middle of a black square as large as its longer side. Both ways are two small
matrix products, one per axis, whose weights depend on the sizes alone; the padding and its removal are part of
the weights. Where pixels are known not to be square, they are made so first: networks see hearts in their true
proportions.
"""

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

Weights = NDArray[np.float64]  # (to, from): every row says how an output pixel is made of input pixels
Spacing = tuple[float, float] | None  # mm per pixel, y then x, where known


def fit(frames: NDArray[np.uint8], size: int, spacing: Spacing = None) -> NDArray[np.uint8]:
    """Frames (..., height, width) uint8 as (..., size, size): padded with black to a centred square, resampled by area.

    Pixels that are not square by `spacing` are made so before: see `square_pixels`.

    Every pixel of the result is the mean of what it covers of the square, rounded half up. The sums are exact in
    floating point (whole-number weights), so a frame's result depends neither on its neighbours nor on the machine.
    Going up, area resampling repeats pixels. A frame that is size x size already comes back as it is.
    """
    frames = square_pixels(frames, spacing)
    height, width = _checked(frames, np.uint8, size)
    if (height, width) == (size, size):
        return frames
    side = max(height, width)
    total = (side // gcd(side, size)) ** 2  # the weights of one output pixel add up to this
    exact = np.float32 if 255 * total < 2**24 else np.float64
    rows = _overlaps(side, size)[:, _middle(side, height)].astype(exact)
    columns = _overlaps(side, size)[:, _middle(side, width)].astype(exact).T
    result = np.empty((*frames.shape[:-2], size, size), np.uint8)
    for frame, out in zip(frames.reshape(-1, height, width), result.reshape(-1, size, size), strict=True):
        sums = (rows @ frame.astype(exact) @ columns).astype(np.int64)
        out[...] = (2 * sums + total) // (2 * total)
    return result


def unfit(masks: NDArray[np.float32], height: int, width: int, spacing: Spacing = None) -> NDArray[np.float32]:
    """Probabilities (..., size, size) float32 at a frame's own size (..., height, width): the way back from `fit`.

    Bilinear between pixel centres where the frame is larger than the mask, mean by area where it is smaller; what lay
    in the black padding is cut off. Results stay in [0, 1].
    """
    size, other = _checked(masks, np.float32, min(height, width))
    if size != other:
        raise InputError(f"Masks to be brought back must be square, got {other} x {size} pixels.")
    return resized(_unpadded(masks, *square_size(height, width, spacing)), height, width)


def _unpadded(masks: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Square masks (..., size, size) at a size of square pixels."""
    size, side = masks.shape[-1], max(height, width)
    if height == width == size:
        return masks
    weights = _shares(size, side)
    rows = weights[_middle(side, height)].astype(np.float32)
    columns = weights[_middle(side, width)].astype(np.float32).T
    result = np.empty((*masks.shape[:-2], height, width), np.float32)
    for mask, out in zip(masks.reshape(-1, size, size), result.reshape(-1, height, width), strict=True):
        np.clip(rows @ mask @ columns, 0, 1, out=out)
    return result


def square_pixels(frames: NDArray[np.uint8], spacing: Spacing) -> NDArray[np.uint8]:
    """Frames (..., height, width) uint8 of pixels as wide as high: the finer side averaged to the coarser's step.

    `spacing` is mm per pixel, y then x. Frames whose pixels are square already, to 2 %, or of unknown sides, come
    back as they are. Sums are exact, rounded half up, as in `fit`.
    """
    before = _checked(frames, np.uint8, 1)
    after = square_size(*before, spacing)
    if before == after:
        return frames
    rows, columns = (_overlaps(source, target) for source, target in zip(before, after, strict=True))
    total = int(rows[0].sum() * columns[0].sum())
    result = np.empty((*frames.shape[:-2], *after), np.uint8)
    for frame, out in zip(frames.reshape(-1, *before), result.reshape(-1, *after), strict=True):
        sums = (rows @ frame.astype(np.float64) @ columns.T).astype(np.int64)
        out[...] = (2 * sums + total) // (2 * total)
    return result


def square_size(height: int, width: int, spacing: Spacing) -> tuple[int, int]:
    """Height and width of a frame once its pixels are square; its own where they are, to 2 %, or nobody knows."""
    if spacing is None or max(spacing) <= 1.02 * min(spacing):
        return height, width
    coarser = max(spacing)
    return max(1, round(height * spacing[0] / coarser)), max(1, round(width * spacing[1] / coarser))


def resized(masks: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Probabilities (..., height, width) float32 at another size, each side by itself: the way from `square_pixels`.

    Bilinear between pixel centres going up, mean by area going down.
    """
    before = _checked(masks, np.float32, min(height, width))
    if before == (height, width):
        return masks
    rows, columns = (_shares(a, b).astype(np.float32) for a, b in zip(before, (height, width), strict=True))
    return np.clip(rows @ masks @ columns.T, 0, 1)


def _checked(array: np.ndarray, dtype: type, size: int) -> tuple[int, int]:
    """Height and width of `array` (..., height, width); InputError for another type, too few axes or an empty size."""
    if array.dtype != dtype or array.ndim < 2 or 0 in array.shape[-2:]:
        wanted = f"(..., height, width) {np.dtype(dtype)} of at least one pixel"
        raise InputError(f"Resizing needs {wanted}, got {array.dtype} {array.shape}.")
    if size < 1:
        raise InputError(f"A frame needs at least one pixel a side, got {size}.")
    return array.shape[-2], array.shape[-1]


def _middle(side: int, length: int) -> slice:
    """Where `length` pixels lie in the middle of `side`; where the padding is odd, one more pixel lies after it."""
    start = (side - length) // 2
    return slice(start, start + length)


@lru_cache(maxsize=64)
def _overlaps(source: int, target: int) -> Weights:
    """How much (whole numbers; every row adds up to source / gcd) each target pixel covers of each source pixel."""
    common = gcd(source, target)
    step, pixel = source // common, target // common  # widths of a target and of a source pixel in one common unit
    starts, pixels = np.arange(target)[:, None] * step, np.arange(source)[None] * pixel
    overlap = np.minimum(starts + step, pixels + pixel) - np.maximum(starts, pixels)
    return _frozen(np.maximum(overlap, 0).astype(np.float64))


@lru_cache(maxsize=64)
def _shares(source: int, target: int) -> Weights:
    """Rows that add up to 1: bilinear weights going up (centres at i + 1/2, edges held), area shares going down."""
    if target <= source:
        overlaps = _overlaps(source, target)
        return _frozen(overlaps / overlaps.sum(axis=1, keepdims=True))
    centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return _frozen(np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(source)[None])))


def _frozen(weights: Weights) -> Weights:
    """`weights`, read-only: the cache hands the same array to everybody."""
    weights.setflags(write=False)
    return weights
