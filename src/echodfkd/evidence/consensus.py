"""How far several segmenters agree on one clip: what can be said of each from the others alone.

Agreement sees what one does alone. It is blind to what all have in common: those taught by the same teacher agree on
its mistakes, and a majority of bad ones outvotes a good one.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.measure.overlap import dice, ratio
from echodfkd.measure.shape import MaskClip, check_masks
from echodfkd.stats.raters import majority, staple


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


FUSIONS: dict[str, Callable[[NDArray[np.bool_]], MaskClip]] = {
    "majority": majority,
    "staple": lambda masks: staple(masks) >= 0.5,
}
"""How the others become one, by name."""


def _stacked(masks: Sequence[MaskClip]) -> NDArray[np.bool_]:
    """The masks of all segmenters as (segmenter, time, height, width); InputError unless they have one shape."""
    for one in masks:
        check_masks(one)
    if len({one.shape for one in masks}) != 1:
        raise InputError(f"Masks of one clip must have one shape, got {', '.join(str(one.shape) for one in masks)}.")
    return np.stack(masks)
