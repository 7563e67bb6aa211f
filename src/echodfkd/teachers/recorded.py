"""Masks that are already known as a teacher: the simulator's truth, above all."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Masks, check_structures, from_bytes
from echodfkd.errors import InputError


class Recorded(Protocol):
    """Where clips' own masks are: a store, by what a teacher needs of it."""

    structures: tuple[str, ...]

    def masks(self, name: str) -> NDArray[np.uint8]:
        """Masks of a clip, uint8 (time, structure, height, width), 255 p."""

    def known(self, name: str) -> tuple[str, ...]:
        """Which of `structures` those masks tell of."""


class RecordedTeacher:
    """A segmenter that looks masks up by clip name, in whatever `masks` is: a store's `masks`, a dict's `__getitem__`.

    `masks(name)` gives uint8 (time, structure, height, width), 255 p, with `structures` as channels. `known(name)`
    gives the structures that the masks of that clip tell of; without it they tell of all.
    """

    threshold = 0.5

    def __init__(
        self,
        masks: Callable[[str], NDArray[np.uint8]],
        structures: Sequence[str],
        known: Callable[[str], Sequence[str]] | None = None,
    ):
        self.structures = check_structures(structures)
        self._masks, self._known = masks, known

    def __call__(self, clip: Clip) -> Masks:
        """The recorded probabilities (time, structure, height, width); InputError where they are not for this clip."""
        masks = self._masks(clip.name)
        wanted = (len(clip.frames), len(self.structures), *clip.frames.shape[1:])
        if masks.shape != wanted:
            raise InputError(f"The masks recorded of clip {clip.name} must be {wanted}, got {masks.shape}.")
        return from_bytes(masks)

    def known(self, clip: Clip) -> tuple[str, ...]:
        """The structures that the masks of that clip tell of."""
        there = self.structures if self._known is None else self._known(clip.name)
        return tuple(name for name in self.structures if name in there)
