"""What is said of every segmenter on one clip without a label: a row of evidence each, true Dice beside where known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from echodfkd.clip import Clip, Frames, evenly_spread
from echodfkd.data.dataset import KnownClip
from echodfkd.errors import InputError
from echodfkd.evidence.consensus import agreement
from echodfkd.evidence.edges import edge_contrast
from echodfkd.evidence.plausibility import plausibility
from echodfkd.evidence.reverse import Register, prior_dice, reverse_dice
from echodfkd.evidence.smoothness import smoothness
from echodfkd.evidence.trust import TRUTH
from echodfkd.measure.measures import measures
from echodfkd.measure.overlap import dice
from echodfkd.measure.sector import sector
from echodfkd.measure.shape import MaskClip
from echodfkd.resize import fit

Row = dict[str, Any]
Judge = Callable[[Frames, MaskClip], Mapping[str, float | None]]
"""Evidence of your own, such as an image-text model: frames and masks (time, height, width) to evidence by name."""


@dataclass(frozen=True)
class Judging:
    """Dials of the comparison. Whatever is set changes what is looked at, never the clips."""

    frames: int = 5  # of every clip, evenly spread, that atlases are registered to
    atlases: int = 48  # drawn for the reverse classification; 0 leaves it out
    size: int = 56  # their pixels a side
    staple: bool = False  # also fuse the others by STAPLE: needs SimpleITK, and some tenths of a second a clip
    seed: int = 0  # of the atlases and of the bootstrap
    resamples: int = 1000

    def __post_init__(self) -> None:
        if self.frames < 1 or self.atlases < 0 or self.size < 32 or self.resamples < 1:
            raise InputError(f"Judging needs frames, atlases, a size from 32 on and resamples, got {self}.")


def clip_rows(
    clip: Clip,
    masks: Mapping[str, MaskClip],
    *,
    register: Register | None = None,
    judge: Judge | None = None,
    truth: KnownClip | None = None,
    judging: Judging | None = None,
) -> list[Row]:
    """A row per segmenter of one clip: `segmenter`, `name`, evidence by name (more is better), `dice` where known.

    `masks` maps each segmenter to (time, height, width) bool. Agreement is None with one segmenter alone; without
    `register` (see `atlas_register`) there is no reverse classification.
    """
    judging = judging or Judging()
    fan, rules = sector(clip.frames), ("majority", "staple") if judging.staple else ("majority",)
    alone = dict.fromkeys(["agreement", *(f"agreement.{rule}" for rule in rules)])
    together = agreement(masks, rules) if len(masks) > 1 else dict.fromkeys(masks, alone)
    reversed_ = reverse_evidence(clip.frames, masks, register, judging)
    return [
        {
            "segmenter": name,
            "name": clip.name,
            **together[name],
            **reversed_[name],
            "edges": edge_contrast(clip.frames, traits.masks),
            **plausibility(traits, fan),
            **smoothness(traits),
            "present": float((traits.area > 0).mean()),
            **(judge(clip.frames, masks[name]) if judge is not None else {}),
            TRUTH: None if truth is None else float(dice(masks[name][list(truth.frames)], truth.of("lv")).mean()),
        }
        for name, traits in ((name, measures(inside, clip.fps).traits) for name, inside in masks.items())
    ]


def reverse_evidence(
    frames: Frames, masks: Mapping[str, MaskClip], register: Register | None, judging: Judging
) -> dict[str, dict[str, float]]:
    """For each segmenter the mean `reverse` and `reverse.prior` over some frames of a clip; nothing without atlases."""
    if register is None:
        return {name: {} for name in masks}
    at = evenly_spread(len(frames), judging.frames)
    found = [register.correspondences(frame) for frame in fit(frames[at], judging.size)]
    evidence, atlases = {}, register.atlases
    for name, inside in masks.items():
        small = fit(inside[at].astype(np.uint8) * np.uint8(255), judging.size) >= 128
        pairs = list(zip(small, found, strict=True))
        evidence[name] = {
            "reverse": float(np.mean([reverse_dice(mask, there, atlases) for mask, there in pairs])),
            "reverse.prior": float(np.mean([prior_dice(mask, atlases) for mask in small])),
        }
    return evidence
