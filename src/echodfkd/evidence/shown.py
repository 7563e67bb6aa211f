"""Which evidence `judge` shows when nobody asks for more: what follows true Dice on real hearts.

The one table of it is `real_hearts.json`, as `benchmarks/label_free_real.py REAL --json` writes it: rank correlations
with true Dice by human masks, of every kind of evidence, over segmenters of known quality.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from echodfkd.files import read_json, shaped
from echodfkd.stats.intervals import Interval

TABLE = Path(__file__).parent / "real_hearts.json"
AT_LEAST = 0.6
"""Rank correlation (Spearman, over segmenters' means) from which on evidence follows Dice. By choice.

It must be reached over the models alone, which are what people compare, and with the spoilt ones among them.
"""


@dataclass(frozen=True)
class Correlations:
    """Rank correlations of one evidence with true Dice; None where they are not defined.

    `spearman` and `kendall` are over the segmenters' means, `within_clip` Spearman's over the segmenters on a clip.
    """

    spearman: Interval | None
    kendall: Interval | None
    within_clip: Interval | None


@dataclass(frozen=True)
class Followed:
    """How one evidence follows true Dice: over all segmenters, over the models alone, and on spoilt human masks.

    `preferred` has, by way of spoiling, the share of clips on which the human mask scores more, ties counting half.
    """

    segmenters: Correlations
    models: Correlations
    preferred: dict[str, Interval]


@dataclass(frozen=True)
class RealHearts:
    """What was measured on `clips` real clips of at most `frames` frames; `judge` is the image-text model asked.

    `dice` is each segmenter's true one; those not among `models` are the first model spoilt on purpose.
    """

    clips: int
    frames: int
    seed: int
    judge: str | None
    dice: dict[str, Interval]
    models: tuple[str, ...]
    evidence: dict[str, Followed]

    def followed(self, name: str) -> Interval | None:
        """The rank correlation of one evidence over the models; None where it was not measured or is undefined."""
        found = self.evidence.get(name)
        return None if found is None else found.models.spearman


@cache
def real_hearts() -> RealHearts:
    """The table that this package was measured by."""
    return shaped(RealHearts, read_json(TABLE))


def follows(name: str) -> bool:
    """Whether an evidence follows true Dice on real hearts.

    One that was never measured there, such as evidence of your own, counts as following: who brings it asks for it.
    """
    found = real_hearts().evidence.get(name)
    ranks = () if found is None else (found.models.spearman, found.segmenters.spearman)
    return all(rank is not None and rank.value >= AT_LEAST for rank in ranks)
