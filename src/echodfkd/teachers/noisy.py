"""A teacher's masks with noise: what its owner may rather share than the masks themselves."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Masks, Segmenter
from echodfkd.errors import StudyError
from echodfkd.teachers.known import known


@dataclass(frozen=True)
class Noise:
    """What blurs a teacher's masks before anybody sees them.

    Whoever knows the seed can take the flips back; without it a median over neighbours and frames undoes most of them.
    """

    seed: int
    """Kept out of every archive."""
    temperature: float = 1.0
    """Logits are divided by it: above 1 the masks get softer, below 1 harder."""
    flips: float = 0.0
    """Chance that a pixel near the border changes sides: p becomes 1 - p."""
    border: float = 2.0
    """Pixels from the border, at the clip's own size, up to which they do."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise StudyError(f"teacher.noise.seed must be 0 or more, got {self.seed}.")
        if not 0 < self.temperature < float("inf"):
            raise StudyError(f"teacher.noise.temperature must be above 0, got {self.temperature}.")
        if not 0 <= self.flips <= 0.5:
            raise StudyError(f"teacher.noise.flips is a chance from 0 to 0.5, got {self.flips}.")
        if not 0 < self.border < float("inf"):
            raise StudyError(f"teacher.noise.border must be above 0 pixels, got {self.border}.")


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
