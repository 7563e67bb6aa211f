"""Who labels the left ventricle: the anatomist, or a human who traces it as echo data sets have it traced.

Both masks of one clip can be had: `generate(recipes, annotator=...)` draws the same frames. How a tracing lies to the
tissue is drawn for each clip, in `anatomy.Tracing`: from statistics of EchoNet-Dynamic, in whole sectors of CAMUS.
"""

from torch import Tensor

from echodfkd.errors import InputError
from echodfkd.synthetic.raster import Distances

ANATOMICAL, TRACED = "anatomical", "traced"

ANNOTATORS = (ANATOMICAL, TRACED)
"""The endocardium and the mitral annulus, trabeculae and papillary muscles inside; or the outline as humans draw it."""


def labelled(where: Distances, annotator: str) -> Tensor:
    """(clip, time, height, width) mm from the LV as `annotator` draws it, below 0 inside.

    InputError for an annotator that nobody knows.
    """
    if annotator not in ANNOTATORS:
        raise InputError(f"An annotator is one of {', '.join(ANNOTATORS)}, got {annotator}.")
    return where.lv if annotator == ANATOMICAL else where.traced
