"""The evidence for every segmenter on one clip, without a label, and its true Dice where that is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from echodfkd.clip import Clip, Frames
from echodfkd.data.dataset import KnownClip
from echodfkd.errors import InputError
from echodfkd.evidence.consensus import agreement
from echodfkd.evidence.edges import edge_contrast
from echodfkd.evidence.plausibility import plausibility
from echodfkd.evidence.records import ClipEvidence
from echodfkd.evidence.reverse import Register, reverse_evidence
from echodfkd.evidence.smoothness import smoothness
from echodfkd.measure.measures import measures
from echodfkd.measure.overlap import dice
from echodfkd.measure.sector import sector
from echodfkd.measure.shape import MaskClip

Evidence = dict[str, float | None]
Judge = Callable[[Frames, MaskClip], Mapping[str, float | None]]
"""Evidence of your own, such as an image-text model: frames and masks (time, height, width) to evidence by name."""


@dataclass(frozen=True)
class Judging:
    """Dials of the comparison. Whatever is set changes what is looked at, never the clips."""

    frames: int = 5  # of every clip, evenly spread, that atlases are registered to
    atlases: int = 48  # drawn for the reverse classification; 0 leaves it out
    size: int = 56  # their pixels a side
    staple: bool = False  # also fuse the others by STAPLE: needs SimpleITK, and some tenths of a second a clip
    everything: bool = False  # also show evidence that does not follow true Dice on real hearts (`shown.follows`)
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
) -> list[ClipEvidence]:
    """A row per segmenter of one clip: its evidence by name, and its Dice on the labelled frames of `truth`.

    `masks` maps each segmenter to (time, height, width) bool. Agreement is None with one segmenter alone; without
    `register` (see `atlas_register`) there is no reverse classification.
    """
    judging = judging or Judging()
    fan, rules = sector(clip.frames), ("majority", "staple") if judging.staple else ("majority",)
    alone: Evidence = dict.fromkeys(["agreement", *(f"agreement.{rule}" for rule in rules)])
    together = agreement(masks, rules) if len(masks) > 1 else dict.fromkeys(masks, alone)
    reversed_ = reverse_evidence(clip.frames, masks, register, judging.frames)
    rows = []
    for name, inside in masks.items():
        traits = measures(inside, clip.clock).traits
        evidence: Evidence = {
            **together[name],
            **reversed_[name],
            "edges": edge_contrast(clip.frames, inside),
            **plausibility(traits, fan),
            **smoothness(traits),
            "present": float((traits.area > 0).mean()),
            **(judge(clip.frames, inside) if judge is not None else {}),
        }
        true = None if truth is None else float(dice(inside[list(truth.frames)], truth.of("lv")).mean())
        rows.append(ClipEvidence(name, clip.name, evidence, true))
    return rows
