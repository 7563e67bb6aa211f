"""A teacher's masks with noise: what its owner may rather share than the masks themselves."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Masks, Segmenter
from echodfkd.teachers.known import known
from echodfkd.teachers.settings import Noise


class Noisy:
    """A Segmenter: another one's masks, softened and with pixels near the border on the other side of one half.

    The noise of a clip depends on the seed and the clip's name alone. It hides detail of the outline, much of
    which smoothing brings back; it is no guarantee of privacy in any formal sense.
    """

    def __init__(self, segmenter: Segmenter, noise: Noise):
        self.structures, self.threshold = tuple(segmenter.structures), segmenter.threshold
        self._segmenter, self._noise = segmenter, noise

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""
        noise, masks = self._noise, softened(self._segmenter(clip), self._noise.temperature)
        if noise.flips:
            name = int.from_bytes(hashlib.sha256(clip.name.encode(errors="surrogateescape")).digest()[:16], "big")
            draw = np.random.default_rng((noise.seed, name))
            for plane in (masks[place] for place in np.ndindex(masks.shape[:2])):  # views, whatever the memory's order
                flipped = near_border(plane >= 0.5, noise.border) & (draw.random(plane.shape) < noise.flips)
                plane[flipped] = 1 - plane[flipped]
        return masks

    def known(self, clip: Clip) -> tuple[str, ...]:
        """The structures that the other one knows in that clip."""
        return known(self._segmenter, clip)


def softened(masks: Masks, temperature: float) -> Masks:
    """Probabilities, any shape, whose logits are divided by `temperature`; 0, one half and 1 stay what they are."""
    if temperature == 1:
        return masks.copy()
    inside, outside = masks ** np.float32(1 / temperature), (1 - masks) ** np.float32(1 / temperature)
    soft: Masks = (inside / (inside + outside)).astype(np.float32)
    return soft


def near_border(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Pixels (height, width) whose nearest pixel on the other side is within `pixels`; none where all are on one."""
    if mask.all() or not mask.any():
        return np.zeros_like(mask)
    from scipy.ndimage import distance_transform_edt

    inside, outside = distance_transform_edt(mask), distance_transform_edt(~mask)
    near: NDArray[np.bool_] = np.maximum(inside, outside) <= pixels
    return near
