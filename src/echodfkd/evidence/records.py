"""What `label_free.csv` and `label_free.json` hold, as typed records: `judge` makes them, `report` shows them.

`files.plain` writes a record as the dictionary on disk, `files.shaped` reads it back. A field with MAY_LACK is not
written where it is None. An interval is None where nothing was measured.
"""

from dataclasses import dataclass, field

import numpy as np

from echodfkd.errors import InputError
from echodfkd.files import MAY_LACK
from echodfkd.scores.records import Named
from echodfkd.stats.intervals import Difference, Interval

TRUTH = "dice"
"""The column of true Dice among those of evidence."""
Intervals = dict[str, Interval | None]


@dataclass(frozen=True)
class ClipEvidence:
    """The evidence for one segmenter on one clip by name (more is better), and its true Dice where known."""

    segmenter: str
    name: str
    evidence: dict[str, float | None]
    dice: float | None = None

    def of(self, key: str) -> float | None:
        """The evidence of that name, or the true Dice."""
        return self.dice if key == TRUTH else self.evidence.get(key)


@dataclass(frozen=True)
class Counts:
    """How many clips, segmenters and frames were judged, and by which draws the intervals were made."""

    clips: int
    segmenters: int | None = field(default=None, metadata=MAY_LACK)
    frames: int | None = field(default=None, metadata=MAY_LACK)
    seed: int | None = field(default=None, metadata=MAY_LACK)
    resamples: int | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of `wall` and `cavity`, for z-scores; `given` where it is not that of a pool."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    given: bool | None = field(default=None, metadata=MAY_LACK)

    def __post_init__(self) -> None:
        if not np.isfinite([*self.mean, *self.sd]).all() or min(self.sd) < 0:
            raise InputError(f"A scale has finite means and standard deviations of 0 or more, got {self}.")


@dataclass(frozen=True)
class ScoreGap:
    """One score of the better segmenter less that of the other: whether it has the right order, after how many clips.

    `right` is None where the truth is not known, `clips_needed` where no number of clips tells them apart.
    """

    difference: Interval
    right: bool | None
    clips_needed: int | None


@dataclass(frozen=True)
class Pair:
    """Two segmenters compared on the same clips, with their gap in true Dice where known."""

    better: str
    worse: str
    dice: Interval | None
    wall: ScoreGap
    cavity: ScoreGap
    combined: ScoreGap


@dataclass(frozen=True)
class MaskScores:
    """What an image-text judge says of several segmenters' masks.

    `rank` is Spearman's correlation of each score with the true Dice `per_frame` and `per_model`, where that is known.
    """

    n: Counts
    scale: Scale
    models: dict[str, Intervals]
    rank: dict[str, Intervals] | None = None
    pairs: tuple[Pair, ...] | None = None


@dataclass(frozen=True)
class Calibration:
    """How well a judge tells good masks from spoilt ones: by kind and score over all frames, and within a frame."""

    n: Counts
    scale: Scale
    auc: dict[str, Intervals]
    paired: dict[str, Intervals]


@dataclass(frozen=True)
class PhaseScores:
    """Events of one phase by a curve against the known ones: distances, and how many were paired."""

    matched: int
    missed: int
    extra: int
    at_ends: int
    penalised_ms: Interval | None = None
    distance_ms: Interval | None = None
    bias_ms: Interval | None = None
    afd: Interval | None = None


@dataclass(frozen=True)
class CurveScores(Named[PhaseScores]):
    """Both phases of one curve."""

    ed: PhaseScores
    es: PhaseScores


@dataclass(frozen=True)
class ValveScores(CurveScores):
    """Phases by the mitral valve; `by_chance` those by curves that saw no image, each the mean of `draws` a clip.

    `nearer_than_chance` has by curve, phase and distance how much nearer the judge comes, paired by clip.
    """

    by_chance: dict[str, CurveScores] = field(default_factory=dict)
    nearer_than_chance: dict[str, dict[str, Intervals]] = field(default_factory=dict)
    draws: int = 0


@dataclass(frozen=True)
class FractionErrors:
    """Errors (points) of the ejection fraction by ranked prompts, and by the mean of the other clips."""

    ranked: Interval
    mean_of_others: Interval
    difference: Difference


@dataclass(frozen=True)
class RankedClips:
    """The clips that a prompt fits best and least."""

    best: tuple[str, ...]
    least: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """One clip's area curve and the valve's, both (time,), and its known events; `of` tells whose masks they are."""

    name: str
    of: str
    fps: float | None
    area: tuple[float, ...]
    curve: tuple[float, ...]
    ed_frames: tuple[int, ...] | None = field(default=None, metadata=MAY_LACK)
    es_frames: tuple[int, ...] | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class ImageTextScores:
    """All that one image-text judge said. `asked` has the wordings of each prompt, `masks_lacking` counts clips."""

    judge: str
    warning: str = ""
    asked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_words: str = ""
    masks: MaskScores | None = None
    masks_lacking: int = 0
    calibration: Calibration | None = None
    phases: ValveScores | None = None
    ejection: FractionErrors | None = None
    ranked: dict[str, RankedClips] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """All of `label_free.json`. `names` and `evidence` keep the order in which they came.

    `hidden` names what was left out because it does not follow true Dice on real hearts (`shown.follows`).
    `segmenters` has each one's mean of every evidence and of the true Dice, `rank_correlation` how each evidence
    follows the true Dice, None where that is not known. `not_run` says why evidence could not be had.
    """

    n: Counts
    evidence: tuple[str, ...]
    names: tuple[str, ...]
    segmenters: dict[str, Intervals]
    rank_correlation: dict[str, Intervals] | None = None
    without_prediction: dict[str, int] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    image_text: ImageTextScores | None = field(default=None, metadata=MAY_LACK)
