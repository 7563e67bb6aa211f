"""Several teachers as one: each structure by those who know it, what they say brought together by a rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Masks, Segmenter, channel, check_structures
from echodfkd.errors import InputError
from echodfkd.stats import raters
from echodfkd.teachers.known import known

Planes = NDArray[np.float32]  # (time, height, width), probabilities


@dataclass(frozen=True)
class Member:
    """One of several teachers: the name it is told by, and what it counts in a weighted mean."""

    name: str
    segmenter: Segmenter
    weight: float = 1.0


@dataclass(frozen=True)
class Vote:
    """What one teacher says of one clip: probabilities (time, height, width) of each structure that it knows there."""

    member: Member
    masks: dict[str, Planes]

    def inside(self, structure: str) -> NDArray[np.bool_]:
        """The pixels (time, height, width) that it calls inside, by its own threshold."""
        return self.masks[structure] >= self.member.segmenter.threshold


Heard = Callable[[Clip, Sequence[Vote]], None]


class Fusion:
    """A Segmenter of `structures`: where one teacher knows a structure its masks as they are, of several by `rule`.

    `heard`, where there is one, is called with every clip's votes before they are brought together. Raises InputError
    where nobody knows a structure at all, MissingExtra for `staple` without SimpleITK.
    """

    threshold = 0.5

    def __init__(
        self, members: Sequence[Member], structures: Sequence[str], rule: str = "mean", heard: Heard | None = None
    ):
        self.structures = check_structures(structures)
        taught = {name for member in members for name in member.segmenter.structures}
        if missing := [name for name in self.structures if name not in taught]:
            knowledge = "; ".join(f"{member.name} knows {', '.join(member.segmenter.structures)}" for member in members)
            raise InputError(f"No teacher knows {', '.join(missing)}: {knowledge}.")
        if rule not in RULES:
            raise InputError(f"Teachers are brought together by {', '.join(RULES)}, got {rule!r}.")
        self._members, self._rule, self._heard = tuple(members), rule, heard

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width) at the clip's own size; 0 where nobody knows a structure."""
        votes = self.votes(clip)
        if self._heard is not None:
            self._heard(clip, votes)
        masks = np.zeros((len(clip.frames), len(self.structures), *clip.frames.shape[1:]), np.float32)
        for place, name in enumerate(self.structures):
            if voting := [vote for vote in votes if name in vote.masks]:
                masks[:, place] = voting[0].masks[name] if len(voting) == 1 else RULES[self._rule](voting, name)
        return masks

    def known(self, clip: Clip) -> tuple[str, ...]:
        """The structures that at least one teacher knows in that clip."""
        there = {name for member in self._members for name in known(member.segmenter, clip)}
        return tuple(name for name in self.structures if name in there)

    def votes(self, clip: Clip) -> list[Vote]:
        """What each teacher says of the clip; who knows none of the structures there is not asked."""
        votes = []
        for member in self._members:
            there = [name for name in known(member.segmenter, clip) if name in self.structures]
            if there:
                given, taught = member.segmenter(clip), member.segmenter.structures
                votes.append(Vote(member, {name: channel(given, taught, name) for name in there}))
        return votes


def mean(votes: Sequence[Vote], structure: str) -> Planes:
    """The mean of their probabilities."""
    total: Planes = np.mean([vote.masks[structure] for vote in votes], axis=0, dtype=np.float32)
    return total


def weighted(votes: Sequence[Vote], structure: str) -> Planes:
    """The mean of their probabilities by the weights of those who know the structure."""
    weights = np.array([vote.member.weight for vote in votes], np.float32)
    shares = weights / weights.sum()
    total: Planes = sum(share * vote.masks[structure] for share, vote in zip(shares, votes, strict=True))
    return np.clip(total, 0, 1)


def majority(votes: Sequence[Vote], structure: str) -> Planes:
    """1 where more than half of them call a pixel inside, each by its own threshold, else 0: a tie is outside."""
    return raters.majority(_inside(votes, structure)).astype(np.float32)


def staple(votes: Sequence[Vote], structure: str) -> Planes:
    """The probability of being inside by STAPLE, from whole clips cut at their thresholds."""
    return raters.staple(_inside(votes, structure))


def _inside(votes: Sequence[Vote], structure: str) -> NDArray[np.bool_]:
    """The pixels (vote, time, height, width) that each calls inside."""
    return np.stack([vote.inside(structure) for vote in votes])


RULES: dict[str, Callable[[Sequence[Vote], str], Planes]] = {
    "mean": mean,
    "weighted": weighted,
    "majority": majority,
    "staple": staple,
}
"""How several become one, by name in a study: two votes or more on a structure to its masks (time, height, width)."""
