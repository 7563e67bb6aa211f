"""Pictures of chosen clips: the frames at ED and ES as they are, and with the predicted and the true mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.measure.shape import MaskClip
from echodfkd.report.draw.figures import gallery_figure
from echodfkd.report.draw.overlay import overlay_frame


@dataclass(frozen=True)
class Shown:
    """One clip to show: `frames` (time, height, width) uint8, masks bool of that shape, and the `moments` to look at.

    `moments` maps a word (ED, ES) to a frame number; `score` is said beside the masks.
    """

    caption: str
    score: str
    frames: NDArray[np.uint8]
    predicted: MaskClip
    truth: MaskClip
    moments: Mapping[str, int]

    def __post_init__(self) -> None:
        if not self.frames.shape == self.predicted.shape == self.truth.shape:
            raise InputError(
                f"{self.caption}: frames {self.frames.shape}, predicted masks {self.predicted.shape} and true masks "
                f"{self.truth.shape} differ. Show a clip with its own masks."
            )


def clip_gallery(shown: Sequence[Shown]) -> Figure | None:
    """A line per clip, prediction in colour and truth as a thin line; None where no clip has a moment to show."""
    lines = [line for one in shown if (line := _line(one))]
    return gallery_figure(lines) if lines else None


def _line(one: Shown) -> list[tuple[str, NDArray[np.uint8]]]:
    """Plain and overlaid picture of every moment."""
    line = []
    for word, number in one.moments.items():
        frame = one.frames[number]
        picture = overlay_frame(frame, {"lv": one.predicted[number]}, {"lv": one.truth[number]})
        line.append((f"{one.caption}, {word}, frame {number}", np.repeat(frame[..., None], 3, axis=-1)))
        line.append((one.score, picture))
    return line
