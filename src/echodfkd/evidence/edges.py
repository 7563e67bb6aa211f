"""Whether a mask's outline lies on an edge of the image: the cavity is darker than what surrounds it."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from echodfkd.clip import check_frames, evenly_spread
from echodfkd.errors import InputError
from echodfkd.measure.shape import MaskClip, check_masks

BAND = 3.0 / 112
"""Width of the bands on both sides of the outline, share of the image's shorter side: some 4 mm. By choice."""
SHAPES = 25
"""Frames, evenly spread, that are looked at."""


def edge_contrast(frames: NDArray[np.uint8], masks: MaskClip) -> float:
    """How much brighter a clip is just outside its masks' outline than just inside, in [-1, 1]; 0 for empty masks.

    Of each frame (time, height, width) uint8 the mean of a band of BAND around the mask less the mean of one within it,
    over their sum; then the mean over frames. Speckle averages out over the bands. Where the wall is dark or lost,
    or the mask follows the wrong edge, the number says little: it is no measure of overlap.
    """
    check_frames(frames)
    check_masks(masks)
    if frames.shape != masks.shape:
        raise InputError(f"Frames {frames.shape} and masks {masks.shape} must be of one shape.")
    looked = evenly_spread(len(frames), SHAPES)
    return float(np.mean([_contrast(frames[frame], masks[frame]) for frame in looked]))


def _contrast(frame: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """The contrast across one frame's outline; 0 where there is none."""
    if not mask.any() or mask.all():
        return 0.0
    width = max(1.0, BAND * min(mask.shape))
    grey = gaussian_filter(frame.astype(np.float64), width / 6)
    inner, outer = distance_transform_edt(mask), distance_transform_edt(~mask)
    inside = grey[(inner > 0) & (inner <= width)].mean()
    outside = grey[(outer > 0) & (outer <= width)].mean()
    return float((outside - inside) / max(outside + inside, 1e-9))
