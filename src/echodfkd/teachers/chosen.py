"""Some of a segmenter's structures, in an order of one's own, at a threshold of one's own."""

from collections.abc import Sequence

from echodfkd.clip import Clip, Masks, Segmenter, check_structures
from echodfkd.errors import InputError
from echodfkd.teachers.known import known


class Chosen:
    """A Segmenter that passes on the channels `structures` of another one. InputError where that lacks one."""

    def __init__(self, segmenter: Segmenter, structures: Sequence[str], threshold: float | None = None):
        self.structures = check_structures(structures)
        self.threshold = segmenter.threshold if threshold is None else threshold
        available = list(segmenter.structures)
        missing = [name for name in self.structures if name not in available]
        if missing:
            raise InputError(f"The teacher knows {', '.join(available)}, but not {', '.join(missing)}.")
        self._segmenter = segmenter
        self._channels = [available.index(name) for name in self.structures]

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""
        return self._segmenter(clip)[:, self._channels]

    def known(self, clip: Clip) -> tuple[str, ...]:
        """Which of the structures the other one knows in that clip."""
        there = known(self._segmenter, clip)
        return tuple(name for name in self.structures if name in there)
