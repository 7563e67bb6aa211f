"""How far several segmenters agree on one clip: what can be said of each from the others alone.

Agreement sees what one does alone. It is blind to what all have in common: those taught by the same teacher agree on
its mistakes, and a majority of bad ones outvotes a good one.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError, MissingExtra
from echodfkd.measure.overlap import dice, ratio
from echodfkd.measure.shape import MaskClip, check_masks

MARGIN = 4
"""Pixels around all that anybody calls inside which STAPLE sees too. By choice."""
ITERATIONS = 100
"""Of STAPLE, at most; it stops where it has converged."""


def pairwise_dice(masks: Sequence[MaskClip]) -> NDArray[np.float64]:
    """Dice of every two of n segmenters, mean over the frames of a clip: (n, n), symmetric, 1 on the diagonal.

    Each of `masks` is (time, height, width) bool, all of one shape.
    """
    inside = _stacked(masks).reshape(len(masks), len(masks[0]), -1).astype(np.float32)
    shared = np.einsum("itp,jtp->tij", inside, inside, optimize=True).astype(np.int64)
    counts = np.diagonal(shared, axis1=1, axis2=2)
    return ratio(2 * shared, counts[:, :, None] + counts[:, None]).mean(axis=0)


def agreement(masks: Mapping[str, MaskClip], rules: Sequence[str] = ("majority",)) -> dict[str, dict[str, float]]:
    """For each segmenter of a clip by name, how far it agrees with the others, in [0, 1].

    `agreement` is its mean Dice with each of the others, `agreement.<rule>` its Dice with the fusion of the others by
    that rule of FUSIONS. Raises InputError below two segmenters, for an unknown rule or masks of different shapes,
    MissingExtra for `staple` without SimpleITK.
    """
    if len(masks) < 2:
        raise InputError(f"Agreement needs at least two segmenters, got {len(masks)}.")
    if unknown := set(rules) - set(FUSIONS):
        raise InputError(f"Others are fused by {', '.join(FUSIONS)}, got {', '.join(sorted(unknown))}.")
    between, stacked = pairwise_dice(list(masks.values())), _stacked(list(masks.values()))
    found = {}
    for number, name in enumerate(masks):
        others = np.delete(stacked, number, axis=0)
        found[name] = {"agreement": float(np.delete(between[number], number).mean())} | {
            f"agreement.{rule}": float(dice(stacked[number], FUSIONS[rule](others)).mean()) for rule in rules
        }
    return found


def majority(masks: NDArray[np.bool_]) -> MaskClip:
    """Where more than half of the segmenters (segmenter, time, height, width) say inside; a tie is outside."""
    return np.asarray(2 * masks.sum(axis=0) > len(masks))


def staple(masks: NDArray[np.bool_]) -> MaskClip:
    """Where STAPLE (Warfield et al., IEEE Trans Med Imaging 2004;23:903) finds inside more probable than outside.

    From the whole clip (segmenter, time, height, width) at once, around what anybody calls inside. It weighs each
    segmenter by the sensitivity and specificity it finds for it. Raises MissingExtra without SimpleITK.
    """
    try:
        import SimpleITK as sitk  # noqa: N813
    except ModuleNotFoundError:
        raise MissingExtra("Fusion by STAPLE", "teachers") from None
    result = masks[0].copy()
    if (masks == masks[0]).all():  # nothing to weigh
        return result
    part = _around(np.asarray(masks.any(axis=(0, 1))))
    estimator = sitk.STAPLEImageFilter()
    estimator.SetForegroundValue(1)
    estimator.SetMaximumIterations(ITERATIONS)
    images = [sitk.GetImageFromArray(one[part].astype(np.uint8)) for one in masks]
    result[:] = False
    result[part] = sitk.GetArrayFromImage(estimator.Execute(images)) >= 0.5
    return result


FUSIONS: dict[str, Callable[[NDArray[np.bool_]], MaskClip]] = {"majority": majority, "staple": staple}
"""How the others become one, by name."""


def _stacked(masks: Sequence[MaskClip]) -> NDArray[np.bool_]:
    """The masks of all segmenters as (segmenter, time, height, width); InputError unless they have one shape."""
    for one in masks:
        check_masks(one)
    if len({one.shape for one in masks}) != 1:
        raise InputError(f"Masks of one clip must have one shape, got {', '.join(str(one.shape) for one in masks)}.")
    return np.stack(masks)


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """All frames of the rows and columns where `mask` (height, width), not empty, is, and MARGIN pixels around."""
    places = (np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0)))
    rows, columns = (slice(max(0, int(at[0]) - MARGIN), int(at[-1]) + 1 + MARGIN) for at in places)
    return slice(None), rows, columns
