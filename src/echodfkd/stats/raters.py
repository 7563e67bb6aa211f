"""Several raters of the same pixels as one: what most of them say, and what STAPLE finds most probable."""

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import MissingExtra

Inside = NDArray[np.bool_]  # (rater, time, height, width)
MARGIN = 4
"""Pixels around all that anybody calls inside which STAPLE sees too. By choice."""
ITERATIONS = 200
"""Of STAPLE, at most; it stops where it has converged."""


def majority(inside: Inside) -> NDArray[np.bool_]:
    """Where more than half of the raters say inside (time, height, width); a tie is outside."""
    return np.asarray(2 * inside.sum(axis=0) > len(inside))


def staple(inside: Inside) -> NDArray[np.float32]:
    """The probability of being inside (time, height, width) by STAPLE, from a whole clip at once.

    Warfield et al., IEEE Trans Med Imaging 2004;23:903. It estimates each rater's sensitivity and specificity, and from
    them the most probable truth. Its prior is the share of the image that is inside, so it sees only the part around
    what anybody calls inside; 0 elsewhere. Raises MissingExtra without SimpleITK.
    """
    try:
        import SimpleITK as sitk  # noqa: N813
    except ModuleNotFoundError:
        raise MissingExtra("Fusion by STAPLE", "teachers") from None
    result = inside[0].astype(np.float32)
    if (inside == inside[0]).all():  # nothing to weigh; and nothing to be estimated where all are empty
        return result
    part = (slice(None), *_around(np.asarray(inside.any(axis=(0, 1)))))
    images = [sitk.GetImageFromArray(one[part].astype(np.uint8)) for one in inside]
    estimator = sitk.STAPLEImageFilter()
    estimator.SetForegroundValue(1)
    estimator.SetMaximumIterations(ITERATIONS)
    result[:] = 0
    result[part] = np.clip(sitk.GetArrayFromImage(estimator.Execute(images)), 0, 1)
    return result


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of `mask` (height, width), which is not empty, and MARGIN pixels around them."""
    places = (np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0)))
    first, second = (slice(max(0, int(at[0]) - MARGIN), int(at[-1]) + 1 + MARGIN) for at in places)
    return first, second
