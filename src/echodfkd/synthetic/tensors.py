"""Dials of several clips as tensors."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor


def dial_tensors(dials: Sequence[Any], device: torch.device) -> dict[str, Tensor]:
    """Every field of the clips' `dials`, all of one dataclass, as float32 (clip, 1, values, 1)."""
    names = [field.name for field in fields(dials[0])]
    values = {name: np.array([getattr(one, name) for one in dials], np.float32) for name in names}
    return {name: torch.from_numpy(v.reshape(len(dials), 1, -1, 1)).to(device) for name, v in values.items()}
