"""Planted truth for the tests of evaluate/: ellipses of known volume and area curves of known beats."""

import numpy as np
from numpy.typing import NDArray


def ellipse(a: float, b: float, angle: float = 0.0, size: int = 112, half: bool = False) -> NDArray[np.bool_]:
    """An ellipse with semi-axes a (along `angle` from the vertical, radians) and b; `half`: only its lower half."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.3
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    inside = (along / a) ** 2 + (across / b) ** 2 <= 1
    return inside & (along >= 0) if half else inside


def beat(phase: NDArray) -> NDArray:
    """Volume through a beat, 1 at ED (phase 0) and 0 at ES (phase 0.35): ejection, filling, diastasis, atrial kick."""
    return np.select(
        [phase < 0.35, phase < 0.6, phase < 0.85],
        [0.5 + 0.5 * np.cos(np.pi * phase / 0.35), 0.43 - 0.43 * np.cos(np.pi * (phase - 0.35) / 0.25), 0.86],
        0.93 - 0.07 * np.cos(np.pi * (phase - 0.85) / 0.15),
    )


def beating(frames: int, fps: float, rate: float = 70.0, start: float = 0.5) -> tuple[NDArray, list[int], list[int]]:
    """An area curve of 600 to 1000 px at `rate` beats per minute, beginning at phase `start`; its ED and ES frames."""
    period = 60 / rate * fps
    curve = 600 + 400 * beat((np.arange(frames) / period + start) % 1)
    ed, es = (np.rint(np.arange((turn - start) % 1 * period, frames, period)) for turn in (0.0, 0.35))
    return curve, [int(n) for n in ed if n < frames], [int(n) for n in es if n < frames]
