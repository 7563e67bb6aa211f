"""Masks as runs of pixels: small, and read in the browser without a decoder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

Mask = NDArray[np.bool_]  # (height, width)


def runs(mask: Mask) -> list[int]:
    """Lengths of the runs of a mask (height, width) read row by row: outside first, then inside, and so on."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff(edges, prepend=0, append=flat.size).tolist()
    return [0, *lengths] if flat[0] else lengths


def mask_of(lengths: Sequence[int], size: tuple[int, int]) -> Mask:
    """The mask (height, width) that has these runs; InputError where they are none of that size."""
    total = size[0] * size[1]
    if len(lengths) > total + 1 or any(type(one) is not int or one < 0 for one in lengths) or sum(lengths) != total:
        raise InputError(f"Runs of a mask are whole numbers that add up to its {total} pixels.")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(size)
