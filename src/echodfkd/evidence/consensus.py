"""How far several segmenters agree on one clip: what can be said of each from the others alone.

Agreement sees what one does alone. It is blind to what all have in common: those taught by the same teacher agree on
its mistakes, and a majority of bad ones outvotes a good one.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import MaskClip, check_masks
from echodfkd.stats.raters import majority, staple


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
    for one in masks.values():
        check_masks(one)
    if len({one.shape for one in masks.values()}) != 1:
        raise InputError(
            f"Masks of one clip must have one shape, got {', '.join(str(m.shape) for m in masks.values())}."
        )
    found = {}
    for name, mask in masks.items():
        others = np.stack([other for whose, other in masks.items() if whose != name])
        fused = {f"agreement.{rule}": float(dice(mask, FUSIONS[rule](others)).mean()) for rule in rules}
        found[name] = {"agreement": float(np.mean([dice(mask, other).mean() for other in others]))} | fused
    return found


FUSIONS: dict[str, Callable[[NDArray[np.bool_]], MaskClip]] = {
    "majority": majority,
    "staple": lambda masks: staple(masks) >= 0.5,
}
"""How the others become one, by name."""
