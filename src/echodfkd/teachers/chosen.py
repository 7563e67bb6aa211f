"""Some of a segmenter's structures, in an order of one's own."""

from collections.abc import Sequence

from echodfkd.clip import Clip, Masks, Segmenter, check_structures
from echodfkd.errors import InputError


class Chosen:
    """A Segmenter that passes on the channels `structures` of another one. InputError where that lacks one."""

    def __init__(self, segmenter: Segmenter, structures: Sequence[str]):
        self.structures = check_structures(structures)
        self.threshold = segmenter.threshold
        available = list(segmenter.structures)
        missing = [name for name in self.structures if name not in available]
        if missing:
            raise InputError(f"The teacher knows {', '.join(available)}, but not {', '.join(missing)}.")
        self._segmenter = segmenter
        self._channels = [available.index(name) for name in self.structures]

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""
        return self._segmenter(clip)[:, self._channels]
