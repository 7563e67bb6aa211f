"""How a clip is framed: cropped as EchoNet-Dynamic's, a whole sector as scanners show it, or in between."""

from math import radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.synthetic.distributions import Normal, Uniform, words

TIP_X, TIP_Y = 0.531, 0.076
"""Where the sector's tip lies in EchoNet-Dynamic's frames, shares of the image side; ventricles are placed about it."""

CROPPED: dict[str, Normal | Uniform] = {
    "probe_x": Normal(TIP_X, 0.006, 0.51, 0.55),
    "probe_y": Normal(TIP_Y, 0.006, 0.055, 0.1),
    "half_angle": Normal(45, 0.7, 43, 47),
    "steer": Normal(0, 0.3, -1, 1),
    "depth": Normal(0.975, 0.006, 0.95, 1.0),
    "nearest": Uniform(0.0, 0.05),
}
"""EchoNet-Dynamic's frames: nearly all alike, 45 degrees to each side."""

FULL_ANGLE = Uniform(27, 47)
FULL_SIZE = Uniform(0.6, 1.0)
FULL_NEAREST = Uniform(0.0, 0.02)
"""Of a whole sector: half angle (degrees), size of the heart over its size in EchoNet-Dynamic's frames, upper edge."""

CAMUS_TRACERS = {
    "septal": -2.0,
    "apical": 2.5,
    "lateral": -1.5,
    "base": -0.5,
    "septal_more": 1.5,
    "apical_more": 1.5,
    "lateral_more": 2.2,
    "base_more": -2.5,
}
"""mm by which outlines of CAMUS, whose images show the whole sector, lie further inside than EchoNet-Dynamic's: medians
over patients."""

NUMBERS = len(CROPPED)
"""Random numbers that a framing takes."""


def frame(
    drawn: dict[str, dict[str, Any]], chance: float, more: NDArray[np.float64], cropped: float, full_depth: float
) -> None:
    """Frames the clip whose numbers are `drawn` (group, dial), in place, by `chance` and `more` (NUMBERS,), 0..1.

    `cropped` and `full_depth` are the shares of clips framed so; the others keep the sector that was drawn. A whole
    sector takes the heart along: smaller, and its place about the tip the same.
    """
    sector, anatomy = drawn["acoustics"], drawn["anatomy"]
    if chance < cropped:
        for (name, distribution), one in zip(CROPPED.items(), more, strict=True):
            sector[name] = distribution.at(float(one))
    elif chance < cropped + full_depth:
        half_angle, scale = FULL_ANGLE.at(float(more[0])), FULL_SIZE.at(float(more[1]))
        # As deep as the image is wide and high, with its tip as far from the top as its lower edge from the bottom.
        depth = min(0.49 / sin(radians(half_angle)), 0.96)
        sector |= {
            "probe_x": 0.5,
            "half_angle": half_angle,
            "steer": 0.0,
            "depth": depth,
            "nearest": FULL_NEAREST.at(float(more[2])),
        }
        sector["probe_y"] = (1 - depth) / 2
        for name, further in CAMUS_TRACERS.items():
            drawn["tracing"][name] += further
        for phase in ("", "_es"):
            anatomy["length_share" + phase] *= scale
            anatomy["base_x" + phase] = 0.5 + scale * (anatomy["base_x" + phase] - TIP_X)
            anatomy["base_y" + phase] = sector["probe_y"] + scale * (anatomy["base_y" + phase] - TIP_Y)


def as_markdown() -> str:
    """What each framing draws in place of the table's, as Markdown lines in docs/explanation/simulation.md."""
    whole = {"half_angle": FULL_ANGLE, "size of the heart": FULL_SIZE, "nearest": FULL_NEAREST}
    lines = ["| framing | what | drawn from |", "|---|---|---|"]
    lines += [f"| cropped | `acoustics.{name}` | {words(distribution)} |" for name, distribution in CROPPED.items()]
    lines += [f"| whole sector | {name} | {words(distribution)} |" for name, distribution in whole.items()]
    lines += [f"| whole sector | `tracing.{name}` | as drawn {more:+g} mm |" for name, more in CAMUS_TRACERS.items()]
    return "\n".join(lines)
