"""Whether the measures of one clip can be trusted, with the reasons a reader can check."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.evaluate.beats import Events
from echodfkd.evaluate.ejection import Ejection
from echodfkd.evaluate.shape import MaskClip, check_masks, component_areas, touches_border

VERDICTS = ("good", "doubtful", "unusable")


@dataclass(frozen=True)
class Limits:
    """Where a clip's measures become doubtful. Every value by choice: wide enough that healthy apical views pass."""

    seconds: float = 0.8  # shorter clips hold no whole beat below 75 per minute
    empty_share: float = 0.5  # of the frames without a mask: above it the clip is unusable
    pieces_share: float = 0.1  # a second component counts as large from this share of the largest
    pieces_frames: float = 0.1  # share of the frames on which several large components are doubtful
    jump: float = 0.35  # change of area from frame to frame as a share of the median area, at 50 frames per second
    area: tuple[float, float] = (0.01, 0.45)  # median share of the image taken by the ventricle
    border_frames: float = 0.1  # share of the frames on which touching the image border is doubtful
    ejection: tuple[float, float] = (5.0, 90.0)  # percent

    def __post_init__(self) -> None:
        shares = (self.empty_share, self.pieces_share, self.pieces_frames, self.border_frames, *self.area)
        if not all(0 <= share <= 1 for share in shares) or self.seconds < 0 or self.jump <= 0:
            raise InputError(f"Limits must be shares in [0, 1], seconds >= 0 and jump > 0, got {self}.")
        if self.area[0] >= self.area[1] or self.ejection[0] >= self.ejection[1]:
            raise InputError(f"Limits must rise: got area {self.area} and ejection {self.ejection}.")


@dataclass(frozen=True)
class Verdict:
    """'good', 'doubtful' or 'unusable' for ED, ES and EF, and why. The masks are kept whatever it says."""

    verdict: str
    reasons: tuple[str, ...]


def verdict(
    masks: MaskClip, area: NDArray, events: Events, ejection: Ejection, fps: float | None, limits: Limits | None = None
) -> Verdict:
    """The verdict on one clip's measures, from its masks (time, height, width) bool, area curve, events and EF.

    'unusable' where ED, ES or EF cannot be had at all, 'doubtful' where something speaks against them, else 'good'.
    """
    check_masks(masks)
    limits = limits or Limits()
    fatal = _fatal(masks, area, events, limits)
    doubts = [
        *_doubts_of_curve(masks, area, limits, fps),
        *_doubts_of_masks(masks, limits),
        *_doubts_of_ef(ejection, limits),
    ]
    grade = "unusable" if fatal else "doubtful" if doubts else "good"
    return Verdict(grade, (*fatal, *doubts))


def _fatal(masks: MaskClip, area: NDArray, events: Events, limits: Limits) -> list[str]:
    empty = int(np.sum(area == 0))
    reasons = []
    if empty > limits.empty_share * len(masks):
        reasons.append(f"no ventricle found on {empty} of {len(masks)} frames")
    if len(masks) == 1:
        reasons.append("a still image: there is no beat to measure")
    elif not events.beats():
        reasons.append("no complete beat in the clip")
    return reasons


def _doubts_of_curve(masks: MaskClip, area: NDArray, limits: Limits, fps: float | None) -> list[str]:
    frames, empty = len(masks), int(np.sum(area == 0))
    reasons = []
    if fps is None and frames > 1:
        reasons.append("frame rate unknown, 50 per second assumed")
    if frames > 1 and frames / (fps or 50.0) < limits.seconds:
        reasons.append(f"short clip: {frames / (fps or 50.0):.2g} s")
    if 0 < empty <= limits.empty_share * frames:
        reasons.append(f"empty mask on {empty} of {frames} frames")
    share = float(np.median(area)) / masks[0].size
    if empty < frames and not limits.area[0] <= share <= limits.area[1]:
        reasons.append(f"the ventricle takes {100 * share:.2g} % of the image")
    jumps = _jumps(area, limits.jump * max(1.0, 50.0 / (fps or 50.0)))
    if jumps:
        reasons.append(f"area jumps between frames, {jumps} times")
    return reasons


def _doubts_of_masks(masks: MaskClip, limits: Limits) -> list[str]:
    pieces = sum(_in_pieces(mask, limits.pieces_share) for mask in masks)
    border = sum(touches_border(mask) for mask in masks)
    reasons = []
    if pieces > limits.pieces_frames * len(masks):
        reasons.append(f"several large pieces on {pieces} of {len(masks)} frames")
    if border > limits.border_frames * len(masks):
        reasons.append(f"the mask touches the image border on {border} of {len(masks)} frames")
    return reasons


def _doubts_of_ef(ejection: Ejection, limits: Limits) -> list[str]:
    low, high = limits.ejection
    if ejection.median is None or low <= ejection.median <= high:
        return []
    return [f"ejection fraction of {ejection.median:.3g} % is outside {low:g} to {high:g} %"]


def _jumps(area: NDArray, share: float) -> int:
    """How often the area changes from one frame to the next by more than that share of its median."""
    return int(np.sum(np.abs(np.diff(area.astype(np.float64))) > share * max(float(np.median(area)), 1.0)))


def _in_pieces(mask: NDArray[np.bool_], share: float) -> bool:
    areas = component_areas(mask)
    return len(areas) > 1 and bool(areas[1] >= share * areas[0])
