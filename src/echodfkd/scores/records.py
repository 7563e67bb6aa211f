"""What `scores.json` holds, as typed records: `evaluate` makes them, `report` shows them.

`files.plain` writes a record as the dictionary on disk, `files.shaped` reads it back. A field with MAY_LACK is not
written where it is None. An interval is None where nothing was measured.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from echodfkd.files import MAY_LACK
from echodfkd.stats.agreement import BlandAltman
from echodfkd.stats.intervals import Difference, Interval

Value = TypeVar("Value")


class Named(Generic[Value]):
    """A record whose scores are asked for by the names of their fields."""

    def of(self, name: str) -> Value:
        """The score of that name."""
        found: Value = getattr(self, name)
        return found


@dataclass(frozen=True)
class Counts:
    """How many clips and frames were scored, by which draws; the rest is known of an evaluation alone."""

    clips: int = 0
    patients: int | None = None
    frames: int = 0
    seed: int = 0
    resamples: int = 0
    split: str | None = field(default=None, metadata=MAY_LACK)
    training_clips: int | None = field(default=None, metadata=MAY_LACK)
    without_prediction: int | None = field(default=None, metadata=MAY_LACK)
    left_out: int | None = field(default=None, metadata=MAY_LACK)
    unreadable: int | None = field(default=None, metadata=MAY_LACK)
    unknown: int | None = field(default=None, metadata=MAY_LACK)
    without_constant_mask: int | None = field(default=None, metadata=MAY_LACK)
    events_from: str | None = field(default=None, metadata=MAY_LACK)
    without_events: int | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class ByPhase(Named[Interval | None]):
    """A score of all labelled frames and of those at end-diastole and end-systole; `pooled` over all pixels."""

    overall: Interval | None = None
    ed: Interval | None = None
    es: Interval | None = None
    pooled: Interval | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class Boundary(Named[ByPhase]):
    """Distances between the outlines, in pixels and mm; `one_empty` counts frames on which one mask alone is empty."""

    hd95: ByPhase = ByPhase()
    surface_distance: ByPhase = ByPhase()
    hd95_mm: ByPhase = ByPhase()
    surface_distance_mm: ByPhase = ByPhase()
    hd95_penalised: Interval | None = None
    one_empty: int | None = None


@dataclass(frozen=True)
class Overlap:
    """How masks and truth overlap; `boundary` is missing in scores from before it was measured."""

    dice: ByPhase = ByPhase()
    iou: ByPhase = ByPhase()
    boundary: Boundary | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class EventScores:
    """Events of one phase paired one to one; `extra` is None where not all events are labelled."""

    distance_frames: Interval | None = None
    distance_ms: Interval | None = None
    bias_ms: Interval | None = None
    penalised_ms: Interval | None = None
    matched: int | None = None
    missed: int | None = None
    extra: int | None = None
    at_ends: int | None = None


@dataclass(frozen=True)
class BothEvents(Named[EventScores]):
    """Events of both phases, paired within `tolerance_s` seconds."""

    ed: EventScores = EventScores()
    es: EventScores = EventScores()
    tolerance_s: float = 0.0


@dataclass(frozen=True)
class NullScores:
    """What a curve that saw no image gets in one phase: the paper's frame distance, and the penalised one."""

    afd: Interval | None = None
    penalised_ms: Interval | None = None


@dataclass(frozen=True)
class EjectionErrors(Named[Interval | None]):
    """Errors of an ejection fraction by one method; `mae_penalised` is over all clips, those without one too."""

    mae: Interval | None = None
    bias: Interval | None = None
    rmse: Interval | None = None
    correlation: Interval | None = None
    r2: Interval | None = None
    bland_altman: BlandAltman | None = None
    without_prediction: int = 0
    mae_penalised: Interval | None = None


@dataclass(frozen=True)
class AlwaysMean:
    """What one gets who always says the mean of the training clips (percent)."""

    says: float = float("nan")
    mae: Interval | None = None
    bias: Interval | None = None
    rmse: Interval | None = None


@dataclass(frozen=True)
class EjectionScores(EjectionErrors):
    """Errors by the method of discs, over `clips` of known EF, and those by every method."""

    clips: int = 0
    always_training_mean: AlwaysMean | None = None
    methods: dict[str, EjectionErrors] = field(default_factory=dict)


@dataclass(frozen=True)
class Scorecard(Overlap):
    """The scores of a set of clips. `more` holds those metrics that have no place of their own, by key."""

    n: Counts = Counts()
    constant_mask: Overlap | None = None
    afd: dict[str, Interval | None] = field(default_factory=dict)
    events: BothEvents = BothEvents()
    ejection: EjectionScores = EjectionScores()
    null_curves: dict[str, dict[str, NullScores]] | None = None
    more: dict[str, Interval | None] | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class RateBin(Named[Interval | None]):
    """Clips of one range of frame rates (Hz), their mean rate, and the distances in it."""

    low: float
    high: float
    clips: int
    fps: float | None = None
    ed_afd: Interval | None = None
    ed_distance_frames: Interval | None = None
    ed_distance_ms: Interval | None = None
    es_afd: Interval | None = None
    es_distance_frames: Interval | None = None
    es_distance_ms: Interval | None = None


@dataclass(frozen=True)
class RateTrend:
    """A distance against the frame rate: the line of least squares (slope per Hz), and Spearman's correlation."""

    slope: Interval
    intercept: float
    spearman: Interval


@dataclass(frozen=True)
class RateScores:
    """Distances of ED and ES by frame rate, and how each depends on it."""

    bins: tuple[RateBin, ...]
    trend: dict[str, RateTrend | None]


@dataclass(frozen=True)
class Concentration:
    """How unevenly an error is spread: share of the squared error on the worst `share` of n clips, Gini coefficient.

    `normal` has both of errors that are normal about zero, `equal` of equal ones.
    """

    n: int
    share: float
    worst: Interval
    gini: Interval
    normal: dict[str, Interval]
    equal: dict[str, float]


@dataclass(frozen=True)
class Stratum:
    """Clips alike in a covariate, and their mean error."""

    group: str
    error: Interval


@dataclass(frozen=True)
class Strata:
    """An error against a covariate: by groups from low to high, and Spearman's correlation of n clips."""

    n: int
    groups: tuple[Stratum, ...]
    correlation: Interval | None = None


@dataclass(frozen=True)
class Start:
    """Dice on the first `frames` frames, its gaps to the clips' own later mean, and the frame at which it settled."""

    n: int
    frames: int
    tolerance: float
    by_frame: tuple[Interval | None, ...]
    gap: tuple[Interval | None, ...]
    later: Interval | None
    settled: Interval


@dataclass(frozen=True)
class StartCounts:
    """Clips and labelled frames behind the first frames' scores."""

    clips: int
    frames: int


@dataclass(frozen=True)
class FirstFrames:
    """The first frames by each way to meet a clip's start, and frame 0 less that of the causal student."""

    n: StartCounts
    warm_up: int | None
    variants: dict[str, Start]
    frame_0_less_causal: dict[str, Interval | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PairedDifference(Difference):
    """First model less second: with both means, the deviation `sd` of the clips' differences, clips of one `alone`."""

    first: float = float("nan")
    second: float = float("nan")
    sd: float | None = None
    alone: int = 0


@dataclass(frozen=True)
class PairedClips:
    """Clips of both models, and of each alone."""

    both: int
    first_alone: int
    second_alone: int


@dataclass(frozen=True)
class Paired:
    """Two models on the same clips, by metric; None where no clip has it of both. `first` and `second` are names."""

    clips: PairedClips
    seed: int
    resamples: int
    differences: dict[str, PairedDifference | None]
    first: str | None = field(default=None, metadata=MAY_LACK)
    second: str | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class Rounds:
    """What `n` events marked in two rounds say of the least distance (frames): `floor`, and the noise behind it.

    `bias` is the mean difference, which the noise takes to be 0; `scale` that of its Laplace part, the share `astray`
    is uniform on +-half_width frames. `rmse_floor` is the deviation of one round from what both tend to.
    """

    n: int
    bias: Interval
    rmse_floor: float
    floor: Interval
    scale: float
    astray: float
    half_width: int


@dataclass(frozen=True)
class RoundsClips:
    """Clips that were scored, that both rounds marked, and with other numbers of events in them."""

    scored: int
    both: int
    uneven: int


@dataclass(frozen=True)
class Excluded:
    """Clips left out of the clean scores, and how many by each reason."""

    clips: int
    by_reason: dict[str, int]


@dataclass(frozen=True)
class Scores(Scorecard):
    """All of `scores.json`: the scorecard, where the errors are, and what was asked for besides."""

    labels: str | None = None
    model: dict[str, str | float | bool | None] | None = None
    frame_rate: RateScores | None = None
    concentration: dict[str, Concentration | None] = field(default_factory=dict)
    strata: dict[str, dict[str, Strata | None]] = field(default_factory=dict)
    first_frames: FirstFrames | None = None
    paired: Paired | None = field(default=None, metadata=MAY_LACK)
    rounds: dict[str, Rounds] | None = field(default=None, metadata=MAY_LACK)
    rounds_lacking: dict[str, str] | None = field(default=None, metadata=MAY_LACK)
    rounds_clips: RoundsClips | None = field(default=None, metadata=MAY_LACK)
    excluded: Excluded | None = field(default=None, metadata=MAY_LACK)
    clean: Scorecard | None = field(default=None, metadata=MAY_LACK)
