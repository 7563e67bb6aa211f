"""Frames to the working square and masks back to the input's own size; the aspect ratio is kept.

A frame is thought of as lying in the middle of a black square as large as its longer side. Both ways are weighted sums
along each axis, whose weights depend on the sizes alone; the padding and its removal are part of the weights. Where
pixels are known not to be square, they are made so first: networks see hearts in their true proportions.

The sums are taken tap by tap and never as matrix products: an output pixel is made of few input pixels, and threads of
a BLAS library that wait for each other take many times as long as such a sum.
"""

from collections.abc import Callable
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

Weights = NDArray[np.float64]  # (to, from): every row says how an output pixel is made of input pixels
Taps = tuple[tuple[NDArray[np.intp], NDArray[np.floating]], ...]  # for every output pixel an input pixel and its weight
Span = tuple[int, int]  # from the first pixel to before the last
Spacing = tuple[float, float] | None  # mm per pixel, y then x, where known


def fit(frames: NDArray[np.uint8], size: int, spacing: Spacing = None, zoom: float = 1.0) -> NDArray[np.uint8]:
    """Frames (..., height, width) uint8 as (..., size, size): padded with black to a centred square, resampled by area.

    Pixels that are not square by `spacing` are made so before: see `square_pixels`. At a `zoom` above 1 the square is
    that much smaller, and what lies beyond it is cut off; below 1 it is larger.

    Every pixel of the result is the mean of what it covers of the square, rounded half up. The sums are exact in
    floating point (whole-number weights), so a frame's result depends neither on its neighbours nor on the machine.
    Going up, area resampling repeats pixels. A frame that is size x size already comes back as it is.
    """
    frames = square_pixels(frames, spacing)
    side = _side(*_checked(frames, np.uint8, size), zoom)
    frames = frames[(..., *_within(side, frames.shape))]
    height, width = frames.shape[-2:]
    if height == width == side == size:
        return frames
    total = (side // gcd(side, size)) ** 2  # the weights of one output pixel add up to this
    exact = np.float32 if 255 * total < 2**24 else np.float64
    rows, columns = (_taps(_overlaps, side, size, exact, given=_middle(side, n)) for n in (height, width))
    return _averaged(frames, rows, columns, total)


def unfit(
    masks: NDArray[np.float32], height: int, width: int, spacing: Spacing = None, zoom: float = 1.0
) -> NDArray[np.float32]:
    """Probabilities (..., size, size) float32 at a frame's own size (..., height, width): the way back from `fit`.

    Bilinear between pixel centres where the frame is larger than the mask, mean by area where it is smaller; what lay
    in the black padding is cut off, what a `zoom` cut off is NaN. Other results stay in [0, 1].
    """
    size, other = _checked(masks, np.float32, min(height, width))
    if size != other:
        raise InputError(f"Masks to be brought back must be square, got {other} x {size} pixels.")
    return np.clip(resized(_unpadded(masks, *square_size(height, width, spacing), zoom), height, width), 0, 1)


def _unpadded(masks: NDArray[np.float32], height: int, width: int, zoom: float) -> NDArray[np.float32]:
    """Square masks (..., size, size) at a size of square pixels."""
    size, side = masks.shape[-1], _side(height, width, zoom)
    if height == width == side == size:
        return masks
    seen = [_middle(side, min(n, side)) for n in (height, width)]
    rows, columns = (_taps(_shares, size, side, np.float32, asked=span) for span in seen)
    mixed = _mixed(masks, rows, columns)
    if side >= max(height, width):
        return mixed
    whole = np.full((*masks.shape[:-2], height, width), np.nan, np.float32)
    whole[(..., *_within(side, whole.shape))] = mixed
    return whole


def _side(height: int, width: int, zoom: float) -> int:
    """The side of the square that is seen at a zoom, in pixels."""
    return max(1, round(max(height, width) / zoom))


def _within(side: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of an array (..., height, width) that lie in a centred square of that side."""
    rows, columns = (slice(*_middle(n, min(n, side))) for n in shape[-2:])
    return rows, columns


def square_pixels(frames: NDArray[np.uint8], spacing: Spacing) -> NDArray[np.uint8]:
    """Frames (..., height, width) uint8 of pixels as wide as high: the finer side averaged to the coarser's step.

    `spacing` is mm per pixel, y then x. Frames whose pixels are square already, to 2 %, or of unknown sides, come
    back as they are. Sums are exact, rounded half up, as in `fit`.
    """
    before = _checked(frames, np.uint8, 1)
    after = square_size(*before, spacing)
    if before == after:
        return frames
    sides = list(zip(before, after, strict=True))
    total = int(np.prod([_overlaps(source, target)[0].sum() for source, target in sides]))
    rows, columns = (_taps(_overlaps, source, target, np.float64) for source, target in sides)
    return _averaged(frames, rows, columns, total)


def square_size(height: int, width: int, spacing: Spacing) -> tuple[int, int]:
    """Height and width of a frame once its pixels are square; its own where they are, to 2 %, or nobody knows."""
    if spacing is None or max(spacing) <= 1.02 * min(spacing):
        return height, width
    coarser = max(spacing)
    return max(1, round(height * spacing[0] / coarser)), max(1, round(width * spacing[1] / coarser))


def resized(masks: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Values (..., height, width) float32 at another size, each side by itself: the way from `square_pixels`.

    Bilinear between pixel centres going up, edges held; mean by area going down.
    """
    before = _checked(masks, np.float32, min(height, width))
    if before == (height, width):
        return masks
    rows, columns = (_taps(_shares, a, b, np.float32) for a, b in zip(before, (height, width), strict=True))
    return _mixed(masks, rows, columns)


def _averaged(frames: NDArray[np.uint8], rows: Taps, columns: Taps, total: int) -> NDArray[np.uint8]:
    """Weighted sums of frames (..., height, width) over `total`, which the weights of a pixel add up to; half up."""
    result = np.empty((*frames.shape[:-2], len(rows[0][0]), len(columns[0][0])), np.uint8)
    for frame, out in zip(_planes(frames), _planes(result), strict=True):
        sums = _sums(frame, rows, columns).astype(np.int64)
        out[...] = (2 * sums + total) // (2 * total)
    return result


def _mixed(masks: NDArray[np.float32], rows: Taps, columns: Taps) -> NDArray[np.float32]:
    """Weighted means of values (..., height, width)."""
    result = np.empty((*masks.shape[:-2], len(rows[0][0]), len(columns[0][0])), np.float32)
    for mask, out in zip(_planes(masks), _planes(result), strict=True):
        out[...] = _sums(mask, rows, columns)
    return result


def _planes(array: np.ndarray) -> np.ndarray:
    """An array (..., height, width) as (plane, height, width)."""
    return array.reshape(-1, *array.shape[-2:])


def _sums(plane: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """Weighted sums of a plane (height, width) along both axes, in the type of the weights."""
    if len(rows[0][0]) < len(plane):  # columns are costly to gather: few are gathered before or after
        return _along(_along(plane, rows).T, columns).T
    return _along(_along(plane.T, columns).T, rows)


def _along(plane: np.ndarray, taps: Taps) -> np.ndarray:
    """Weighted sums of the rows of a plane."""
    plane = np.ascontiguousarray(plane, taps[0][1].dtype)
    sums = np.zeros((len(taps[0][0]), plane.shape[1]), plane.dtype)
    for place, weight in taps:
        part = plane[place]
        part *= weight[:, None]
        sums += part
    return sums


def _checked(array: np.ndarray, dtype: type, size: int) -> tuple[int, int]:
    """Height and width of `array` (..., height, width); InputError for another type, too few axes or an empty size."""
    if array.dtype != dtype or array.ndim < 2 or 0 in array.shape[-2:]:
        wanted = f"(..., height, width) {np.dtype(dtype)} of at least one pixel"
        raise InputError(f"Resizing needs {wanted}, got {array.dtype} {array.shape}.")
    if size < 1:
        raise InputError(f"A frame needs at least one pixel a side, got {size}.")
    return array.shape[-2], array.shape[-1]


def _middle(side: int, length: int) -> Span:
    """Where `length` pixels lie in the middle of `side`; where the padding is odd, one more pixel lies after it."""
    start = (side - length) // 2
    return start, start + length


@lru_cache(maxsize=64)
def _taps(
    weigh: Callable[[int, int], Weights],
    source: int,
    target: int,
    kind: type[np.floating],
    given: Span | None = None,
    asked: Span | None = None,
) -> Taps:
    """The weights from `source` to `target` pixels, of those `given` to those `asked` for, as few taps as they need."""
    weights = weigh(source, target)[slice(*asked or (0, target)), slice(*given or (0, source))]
    first, last = (weights > 0).argmax(axis=1), weights.shape[1] - 1 - (weights > 0)[:, ::-1].argmax(axis=1)
    last = np.where(weights.any(axis=1), last, first)
    taps = []
    for k in range(int((last - first).max()) + 1):
        place = np.minimum(first + k, last)
        weight = np.where(first + k <= last, np.take_along_axis(weights, place[:, None], axis=1)[:, 0], 0)
        taps.append((_frozen(place), _frozen(weight.astype(kind))))
    return tuple(taps)


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


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only: the cache hands the same one to everybody."""
    array.setflags(write=False)
    return array
