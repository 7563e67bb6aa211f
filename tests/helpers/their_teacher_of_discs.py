"""A teacher that somebody wrote as a class, found by its name."""

import numpy as np

from echodfkd.clip import Clip


class Discs:
    """Somebody's class: the same two discs on every frame."""

    structures = ("lv", "rv")
    threshold = 0.5

    def __call__(self, clip: Clip) -> np.ndarray:
        _, height, width = clip.frames.shape
        rows, columns = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
        discs = np.stack([np.hypot(rows - 0.4, columns - place) < 0.15 for place in (0.58, 0.38)])
        return np.broadcast_to(discs.astype(np.float32), (len(clip.frames), *discs.shape)).copy()
