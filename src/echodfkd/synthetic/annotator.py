"""Who labels the left ventricle: the anatomist, or a human who traces it as echo data sets have it traced.

Both masks of one clip can be had: `generate(recipes, annotator=...)` draws the same frames. How a tracing lies to the
tissue is drawn for each clip, in `anatomy.Tracing`: from statistics of EchoNet-Dynamic, in whole sectors of CAMUS.
"""

import torch
from torch import Tensor

from echodfkd.errors import InputError
from echodfkd.synthetic.raster import Distances

ANATOMICAL, TRACED = "anatomical", "traced"

ANNOTATORS = (ANATOMICAL, TRACED)
"""The endocardium and the mitral annulus, trabeculae and papillary muscles inside; or the outline as humans draw it."""


def labelled(where: Distances, annotator: str) -> tuple[Tensor, Tensor]:
    """(clip, time, height, width) mm from the LV as `annotator` draws it, and from it with its wall; below 0 inside.

    Who closes the LV at the leaflets ends its wall there as well. InputError for an annotator that nobody knows.
    """
    if annotator not in ANNOTATORS:
        raise InputError(f"An annotator is one of {', '.join(ANNOTATORS)}, got {annotator}.")
    if annotator == ANATOMICAL:
        return where.lv, where.outline
    return where.traced, torch.maximum(where.outline, where.closing)
