"""What a teacher knows of one clip: all of its structures, unless it says otherwise."""

from typing import Protocol, runtime_checkable

from echodfkd.clip import Clip, Segmenter


@runtime_checkable
class Selective(Protocol):
    """A segmenter that knows more of some clips than of others. Its masks of what it does not know are all 0."""

    def known(self, clip: Clip) -> tuple[str, ...]:
        """Which of its structures it knows in that clip."""


def known(segmenter: Segmenter, clip: Clip) -> tuple[str, ...]:
    """Which of its structures a segmenter knows in that clip, in their order."""
    return segmenter.known(clip) if isinstance(segmenter, Selective) else tuple(segmenter.structures)
