"""What a single mask looks like: its area, its pieces, whether it touches the border."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echodfkd.errors import InputError

Mask = NDArray[np.bool_]  # (height, width)
MaskClip = NDArray[np.bool_]  # (time, height, width)


def check_masks(masks: np.ndarray, dimensions: int = 3) -> None:
    """Raises InputError unless `masks` is a boolean array with that many axes, the last two being height and width."""
    axes = "(height, width)" if dimensions == 2 else "(time, height, width)"
    if masks.dtype != np.bool_ or masks.ndim != dimensions:
        raise InputError(
            f"Masks must be {axes} bool, got {masks.dtype} {masks.shape}. Cut probabilities with `masks >= threshold`."
        )


def area_curve(masks: MaskClip) -> NDArray[np.int64]:
    """Pixels inside the mask of each frame: (time,) from (time, height, width) bool."""
    check_masks(masks)
    return masks.sum(axis=(1, 2), dtype=np.int64)


def component_areas(mask: Mask) -> NDArray[np.int64]:
    """Pixels of every connected component (pixels sharing an edge), largest first; empty for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros(0, np.int64)
    labels, _ = ndimage.label(
        mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    )  # labelling a large image costs
    return np.sort(np.bincount(labels.ravel())[1:])[::-1]


def largest_component(mask: Mask) -> Mask:
    """The largest connected component (pixels sharing an edge) alone; empty stays empty, a tie keeps the upper one."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def touches_border(mask: Mask) -> bool:
    """Whether any pixel of the mask lies on the outermost rows or columns of the image."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
