"""A teacher's masks with a share of the truth: what one frame suggests, corrected by what is known."""

import numpy as np

from echodfkd.clip import Clip, Masks, Segmenter
from echodfkd.errors import InputError
from echodfkd.teachers.known import known


class Blend:
    """A Segmenter: `share` (0..1) of `truth`'s masks and the rest of `teacher`'s, whose threshold it keeps.

    The classic loss of distillation (Hinton et al. 2015) weighs teacher and truth. Here their masks are weighed: the
    same under binary cross-entropy, which is linear in its target, and not under Dice, which is not. It knows what
    `teacher` knows, and where the truth of a structure is not known, `teacher` has the word. InputError where the two
    differ in structures.
    """

    def __init__(self, teacher: Segmenter, truth: Segmenter, share: float):
        if tuple(teacher.structures) != tuple(truth.structures):
            raise InputError(f"A blend needs equal structures, got {teacher.structures} and {truth.structures}.")
        self.structures, self.threshold = tuple(teacher.structures), teacher.threshold
        self._teacher, self._truth, self._share = teacher, truth, share

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size."""
        masks: Masks = self._teacher(clip)
        there = known(self._truth, clip)
        shares = np.array([self._share * (name in there) for name in self.structures], np.float32)[:, None, None]
        return masks + shares * (self._truth(clip) - masks)

    def known(self, clip: Clip) -> tuple[str, ...]:
        """The structures that `teacher` knows in that clip."""
        return known(self._teacher, clip)
