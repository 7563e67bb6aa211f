"""Noise that all clips read: one long string of standard normal numbers, of which each clip takes stretches of its own.

Drawing fresh fields for each clip took longer than all the rest that is made once per clip. The string is seen as wound
up, TURN numbers to a turn, so that a stretch is an image whose rows run on into the next.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

LENGTH = 1 << 20
"""Numbers after which the string repeats."""

TURN = 256
"""Numbers from one row to the next."""

KEY = (0x6563686F, 0x64666B64)
"""Names the string: the same for all clips."""


@lru_cache(maxsize=8)
def strings(repeats: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The string (repeats * LENGTH,), and the same smoothed over neighbours along and across rows.

    Smoothed by about a Gaussian of 0.7 samples, variance kept at 1. Read, never write.
    """
    plain = np.random.Generator(np.random.Philox(key=KEY)).standard_normal(LENGTH, dtype=np.float32)
    grainy = plain
    for step in (1, TURN):
        grainy = np.float32(0.56) * grainy + np.float32(0.22) * (np.roll(grainy, step) + np.roll(grainy, -step))
    grainy /= np.float32(0.56**2 + 2 * 0.22**2)
    return tuple(torch.from_numpy(np.tile(string, repeats)).to(device) for string in (plain, grainy))  # type: ignore[return-value]


def stretches(string: Tensor, starts: Tensor, length: int) -> Tensor:
    """(..., length) of `string` from each of `starts` (...)."""
    return string.unfold(0, length, 1)[starts]


def fields(string: Tensor, starts: Tensor, shape: tuple[int, int]) -> Tensor:
    """(..., *shape) images of `string` from each of `starts` (...)."""
    return stretches(string, starts, (shape[0] - 1) * TURN + shape[1]).unfold(-1, shape[1], TURN)
