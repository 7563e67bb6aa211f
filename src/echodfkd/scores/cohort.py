"""What a cohort of teachers brings: each of its members beside all together, on validation clips with their truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from echodfkd.engine import HERE, Engine
from echodfkd.files import plain, read_json, write_json
from echodfkd.measure.overlap import dice
from echodfkd.stats.intervals import Interval, bootstrap
from echodfkd.store.store import Store
from echodfkd.student.student import identity, load_student
from echodfkd.teachers.fusion import RULES, Fusion, Member

TOGETHER = "together"
"""What all of them at once are called."""


@dataclass(frozen=True)
class CohortRow:
    """Dice of one member, or of all together; and how much more all together have, paired by clip."""

    name: str
    dice: Interval
    gain: Interval | None
    """None for all together."""


@dataclass(frozen=True)
class CohortScores:
    """What `cohort.json` holds: the rule by which they are brought together, all together first, then each.

    `weights` tells by name which students they were.
    """

    rule: str
    clips: int
    rows: tuple[CohortRow, ...]
    weights: dict[str, str]


def score_cohort(
    members: Mapping[str, Path],
    rule: str,
    clips: Store,
    path: Path,
    *,
    seed: int,
    resamples: int,
    engine: Engine = HERE,
) -> None:
    """Writes `CohortScores` of the students in those folders on the validation clips; kept where it is of the same.

    Dice is that of the left ventricle with the truth of the clips, mean over a clip's frames.
    """
    students = {name: load_student(folder) for name, folder in members.items()}
    weights = {name: str(identity(student)["weights"]) for name, student in students.items()}
    if path.is_file() and (kept := read_json(path))["weights"] == weights and kept["rule"] == rule:
        return
    fusion = Fusion([Member(name, student) for name, student in students.items()], ("lv",), rule)
    names = [entry.name for entry in clips.split("validation")]
    found = engine.in_order(partial(dice_of_each, fusion, rule, clips), names, worth=len(names) // 8)
    together, *each = np.array(list(found)).T
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    rows = [CohortRow(TOGETHER, boot(together), None)]
    rows += [CohortRow(name, boot(own), boot(together - own)) for name, own in zip(members, each, strict=True)]
    write_json(path, plain(CohortScores(rule, len(names), tuple(rows), weights)))


def dice_of_each(fusion: Fusion, rule: str, clips: Store, name: str) -> list[float]:
    """Mean Dice over the frames of one clip: of all together, then of each."""
    truth, votes = clips.inside(name), fusion.votes(clips.clip(name))
    masks = [RULES[rule](votes, "lv") >= fusion.threshold, *(vote.inside("lv") for vote in votes)]
    return [float(dice(inside, truth).mean()) for inside in masks]
