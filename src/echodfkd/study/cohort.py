"""A cohort of teachers, as a value: several students of one study that teach its student together."""

from dataclasses import dataclass
from typing import Literal

from echodfkd.errors import StudyError


@dataclass(frozen=True)
class Cohort:
    """Several students, taught alike by the study's teacher, that then take its place together.

    There is one of every number of blocks, of layers, and of every seed.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    """Of their weights and windows, in place of the study's, which still draws the clips."""
    blocks: tuple[int, ...] = ()
    """In place of `student.blocks`; none: as there."""
    layers: tuple[int, ...] = ()
    """In place of `student.layers`; none: as there."""
    fusion: Literal["mean", "majority", "staple"] = "mean"
    """How their masks become one."""

    def __post_init__(self) -> None:
        for name in ("seeds", "blocks", "layers"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise StudyError(f"cohort.{name} must be different numbers, got {list(values)}.")
        if any(seed < 0 for seed in self.seeds):
            raise StudyError(f"cohort.seeds must be 0 or more, got {list(self.seeds)}.")
        if len(self.seeds) * max(1, len(self.blocks)) * max(1, len(self.layers)) < 2:
            raise StudyError(f"A cohort is of at least two students, got seeds {list(self.seeds)} of one shape.")
