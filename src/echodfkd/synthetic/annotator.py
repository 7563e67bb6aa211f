"""How a human traces the LV: the anatomical contour, or one drawn as annotators of echo data sets draw it.

Apart from anatomy, so that both masks of one clip can be had: `generate(recipes, annotator=...)` draws the same frames.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from echodfkd.errors import InputError
from echodfkd.synthetic.raster import TABLE, Distances, Geometry


@dataclass(frozen=True)
class Annotator:
    """mm by which a tracing lies inside (above 0) or outside the anatomical contour; the annulus is traced as it is."""

    diastolic_inset: float = 0.0
    """At end diastole."""
    systolic_inset: float = 0.0
    """At end systole; between them it goes with the contraction."""
    apical_reach: float = 0.0
    """What a generous annotator adds at the apex, fading towards the middle of the ventricle."""

    def __post_init__(self) -> None:
        for name in ("diastolic_inset", "systolic_inset", "apical_reach"):
            if not abs(getattr(self, name)) <= 5:
                raise InputError(f"Annotator: {name} lies within -5..5 mm, got {getattr(self, name)}.")


ANATOMICAL = Annotator()
"""The endocardium, trabeculae and papillary muscles inside."""

TIGHT_IN_SYSTOLE = Annotator(systolic_inset=1.8)
"""Trabeculae are cavity at end diastole; pressed flat at end systole they are traced as wall. Size by choice."""

ANNOTATORS = {"anatomical": ANATOMICAL, "tight-in-systole": TIGHT_IN_SYSTOLE}
"""The known ways to trace, by their name in a study."""


def traced(where: Distances, shapes: Geometry, annotator: Annotator) -> Tensor:
    """(clip, time, height, width) mm from the traced LV, below 0 inside."""
    if annotator == ANATOMICAL:
        return where.lv
    contraction = shapes.contraction.clamp(0, 1)[:, :, None, None]
    inset = annotator.diastolic_inset + (annotator.systolic_inset - annotator.diastolic_inset) * contraction
    # The cheap angle is 1 (of 2) across the axis and 2 towards the apex.
    apical = (where.angle * (4 / TABLE) - 2).abs().sub_(1).clamp_(min=0)
    return torch.maximum(where.radius - where.inner + inset - annotator.apical_reach * apical, where.mitral)
