"""What a segmenter makes of clips made worse, and of a clip's first frames: it runs anew where the truth is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, Frames, Segmenter, channel
from echodfkd.engine import HERE, Engine
from echodfkd.errors import InputError, StudyError
from echodfkd.files import MAY_LACK, plain, read_json, write_json
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import Mask, MaskClip, largest_component
from echodfkd.scores.degrade import DEGRADATIONS, degradation, degrade
from echodfkd.scores.first_frames import FRAMES, TOLERANCE, first_frames
from echodfkd.scores.known_clips import constant_of, known_clips
from echodfkd.scores.records import FirstFrames, StartCounts
from echodfkd.scores.scorecard import Bootstrap
from echodfkd.stats.intervals import Interval, bootstrap
from echodfkd.store.store import Store
from echodfkd.student.card import read_card
from echodfkd.student.student import identity, load_student

Scores = NDArray[np.float64]  # (time,) Dice
TrueClips = Sequence[tuple[Clip, MaskClip]]
"""Clips, each with its true left ventricle of every frame."""

VARIANTS: dict[str, dict[str, Any]] = {
    "causal": {"warm_up": 0, "largest_component": False, "hindsight": False},
    "causal, largest piece": {"warm_up": 0, "largest_component": True, "hindsight": False},
    "causal, warm-up": {"largest_component": False, "hindsight": False},
    "both ways, warm-up": {"largest_component": False, "hindsight": True},
}
"""How a student can meet a clip's start: dials of its card overruled. Without `warm_up` it is the card's own."""
WARM_UP = 8
"""Frames of warm-up for a card that has none, where the warm-up is what is looked at. By choice."""


@dataclass(frozen=True)
class CleanDice:
    """Dice of the segmenter and of the constant mask."""

    dice: Interval | None
    constant_mask: Interval | None


@dataclass(frozen=True)
class Degraded(CleanDice):
    """The same at one strength, and the difference to the same frames of the same clips when clean."""

    strength: float
    difference: Interval | None


@dataclass(frozen=True)
class Kind:
    """One kind of degradation: its unit, what it is, and what is left at each strength."""

    unit: str
    words: str
    strengths: tuple[Degraded, ...]


@dataclass(frozen=True)
class RobustnessCounts:
    """Clips and frames that were made worse, and the seed of what was drawn."""

    clips: int
    frames: int
    seed: int


@dataclass(frozen=True)
class Robustness:
    """What `robustness.json` holds; `model` tells the student that it was measured of."""

    n: RobustnessCounts
    clean: CleanDice
    kinds: dict[str, Kind]
    model: dict[str, str | float | bool | None] | None = field(default=None, metadata=MAY_LACK)


@dataclass(frozen=True)
class RobustnessSettings:
    """Dials of `robustness`. The defaults take about a minute with the bundled b4 on one core."""

    clips: int = 12  # clips taken, spread evenly over those given
    frames: int = 16  # frames of each, from its start: clips tell more than frames, which resemble each other
    strengths: Mapping[str, tuple[float, ...]] = field(
        default_factory=lambda: {kind: found.strengths for kind, found in DEGRADATIONS.items()}
    )  # kinds of DEGRADATIONS to try, and at which strengths, in their units
    seed: int = 0  # of what is drawn, and of the bootstrap
    resamples: int = 2000  # of the bootstrap

    def __post_init__(self) -> None:
        if min(self.clips, self.frames, self.resamples) < 1:
            raise StudyError(
                "Robustness needs at least one clip, frame and resample, got "
                f"{self.clips}, {self.frames} and {self.resamples}."
            )
        for kind in self.strengths:
            degradation(kind)


@dataclass(frozen=True)
class FirstFrameSettings:
    """Dials of `first_frame_scores`. The defaults take about 20 seconds with the bundled b4 on one core."""

    clips: int = 16  # clips taken, spread evenly over those given
    length: int = 48  # frames of each that are segmented
    frames: int = FRAMES  # of them, the first ones; the others make the later mean
    tolerance: float = TOLERANCE  # Dice below the later mean that counts as settled
    seed: int = 0  # of the bootstrap
    resamples: int = 2000  # of the bootstrap

    def __post_init__(self) -> None:
        if min(self.clips, self.resamples) < 1 or not 1 <= self.frames < self.length:
            raise StudyError(
                "First frames need at least one clip and resample and 1 <= frames < length, got "
                f"{self.clips}, {self.resamples}, {self.frames} and {self.length}."
            )


def score_robustness(
    folder: Path, clips: Store, *, seed: int = 0, resamples: int = 2000, engine: Engine = HERE
) -> None:
    """Writes what the student in `folder` makes of test clips made worse, and of their first frames, to `scores`.

    What this student has done before is kept.
    """
    student, path = load_student(folder / "student"), folder / "scores" / "robustness.json"
    if path.is_file() and read_json(path).get("model") == identity(student):
        return
    constant, _ = constant_of(known_clips(clips.place, "test"), clips.size)
    looked = true_clips(clips, "test")
    if any(len(masks) > FirstFrameSettings.frames for _, masks in looked):
        met = FirstFrameSettings(seed=seed, resamples=resamples)
        first = first_frame_scores(folder / "student", looked, met, constant, engine=engine)
        write_json(folder / "scores" / "first_frames.json", plain(first))
    settings = RobustnessSettings(seed=seed, resamples=resamples)
    found = replace(robustness(student, looked, settings, constant, engine), model=identity(student))
    write_json(path, plain(found))


def true_clips(clips: Store, split: str) -> TrueClips:
    """The clips of a split with the simulator's left ventricle."""
    return [(clips.clip(entry), clips.inside(entry.name)) for entry in clips.split(split)]


def robustness(
    segmenter: Segmenter,
    clips: TrueClips,
    settings: RobustnessSettings | None = None,
    constant: Mask | None = None,
    engine: Engine = HERE,
) -> Robustness:
    """Dice on clean and on degraded clips: means by clip with 95 % bootstrap intervals.

    For every kind and strength: `dice`, `difference` to the same frames of the same clips when clean (paired by clip),
    and `constant_mask`, what `constant` (height, width) bool gets on the same moved truth; it stays where it is in the
    picture, drawn to the picture's size. Clips are tried where the `engine` says; for several processes the segmenter
    must pickle. Raises InputError where no clip is given.
    """
    settings = settings or RobustnessSettings()
    chosen = _chosen(clips, settings.clips, settings.frames)
    numbered = list(enumerate(chosen))
    tries = list(engine.in_order(partial(_tried, segmenter, settings, constant), numbered, worth=len(chosen) // 4))
    boot = partial(bootstrap, seed=settings.seed, resamples=settings.resamples)

    def point(kind: str, strength: float) -> Degraded:
        """The scores of one kind at one strength, clip by clip beside the clean ones."""
        at = [one.at[kind, strength] for one in tries]
        return Degraded(strength=strength, **{name: _mean([one[name] for one in at], boot) for name in at[0]})

    kinds = {
        kind: Kind(
            DEGRADATIONS[kind].unit,
            DEGRADATIONS[kind].words,
            tuple(point(kind, strength) for strength in strengths),
        )
        for kind, strengths in settings.strengths.items()
    }
    return Robustness(
        RobustnessCounts(len(chosen), sum(len(masks) for _, masks in chosen), settings.seed),
        CleanDice(_mean([one.clean[0] for one in tries], boot), _mean([one.clean[1] for one in tries], boot)),
        kinds,
    )


@dataclass(frozen=True)
class _Tried:
    """What came of one clip: Dice of the segmenter and of the constant mask when clean, and at every strength."""

    clean: tuple[Scores, Scores]
    at: dict[tuple[str, float], dict[str, Scores]]


def _tried(
    segmenter: Segmenter,
    settings: RobustnessSettings,
    constant: Mask | None,
    numbered: tuple[int, tuple[Clip, MaskClip]],
) -> _Tried:
    """The scores of one clip, the `number`th, whose degradations are drawn by its number."""
    number, (clip, true) = numbered
    clean, at = _scores(segmenter, clip, true, constant), {}
    for kind, strengths in settings.strengths.items():
        for strength in strengths:
            frames, masks, kept = degrade(clip.frames, true, kind, strength, [settings.seed, number])
            own, still = _scores(segmenter, _kept(clip, frames, kept), masks, constant)
            at[kind, strength] = {"dice": own, "difference": own - clean[0][kept], "constant_mask": still}
    return _Tried(clean, at)


def first_frame_scores(
    student: Path,
    clips: TrueClips,
    settings: FirstFrameSettings | None = None,
    constant: Mask | None = None,
    threads: int = 1,
    engine: Engine = HERE,
) -> FirstFrames:
    """`first_frames` of the student in that folder in each of VARIANTS, and of a constant mask.

    `frame_0_less_causal` is each one's Dice on frame 0 less that of the causal student, paired by clip. A network
    without a memory has no warm-up and no second pass: it gets the first two variants. `threads` are onnxruntime's;
    clips are tried where the `engine` says. Raises InputError where no clip is longer than the first frames.
    """
    settings = settings or FirstFrameSettings()
    chosen = _chosen(clips, settings.clips, settings.length)
    found: dict[str, list[Scores]] = {}
    for name, dials in variants(student).items():
        score_clip = partial(_own_scores, load_student(student, threads=threads, **dials))
        found[name] = list(engine.in_order(score_clip, chosen, worth=len(chosen) // 8))
    if constant is not None:
        found["constant mask"] = [_constant_scores(constant, masks) for _, masks in chosen]
    score = partial(
        first_frames,
        frames=settings.frames,
        tolerance=settings.tolerance,
        seed=settings.seed,
        resamples=settings.resamples,
    )
    boot = partial(bootstrap, seed=settings.seed, resamples=settings.resamples)
    starts = {name: np.array([curve[0] for curve in curves]) for name, curves in found.items()}
    return FirstFrames(
        StartCounts(len(chosen), sum(len(masks) for _, masks in chosen)),
        read_card(student).warm_up or WARM_UP,
        {name: score(curves) for name, curves in found.items()},
        {name: _mean(list(start[:, None] - starts["causal"][:, None]), boot) for name, start in starts.items()},
    )


def variants(student: Path) -> dict[str, dict[str, Any]]:
    """Those of VARIANTS that the student in that folder can run, every dial told."""
    card = read_card(student)
    every = {name: {"warm_up": card.warm_up or WARM_UP} | dials for name, dials in VARIANTS.items()}
    return {name: dials for name, dials in every.items() if card.network.remembers or dials["warm_up"] == 0}


def left_ventricle(segmenter: Segmenter, clip: Clip) -> MaskClip:
    """The segmenter's left ventricle (time, height, width) bool, cut at its threshold, pieces kept as it wishes."""
    if "lv" not in segmenter.structures:
        raise InputError(
            f"Robustness is that of the left ventricle, but the model has {', '.join(segmenter.structures)}."
        )
    masks = channel(segmenter(clip), segmenter.structures) >= segmenter.threshold
    if getattr(segmenter, "largest_component", False):
        masks = np.stack([largest_component(mask) for mask in masks])
    return np.asarray(masks)


def _kept(clip: Clip, frames: Frames, kept: NDArray[np.intp]) -> Clip:
    """The clip with other frames, of which those `kept` are left: its frame rate goes with them."""
    step = kept[1] - kept[0] if len(kept) > 1 else 1
    rate = None if clip.fps is None else clip.fps / float(step)
    return replace(clip, frames=frames, fps=rate, times=None if clip.times is None else clip.times[kept])


def _scores(segmenter: Segmenter, clip: Clip, true: MaskClip, constant: Mask | None) -> tuple[Scores, Scores]:
    """Dice per frame of the segmenter and of the constant mask; the latter NaN where there is none."""
    own = dice(left_ventricle(segmenter, clip), true)
    return own, np.full(len(own), np.nan) if constant is None else _constant_scores(constant, true)


def _own_scores(segmenter: Segmenter, pair: tuple[Clip, MaskClip]) -> Scores:
    """Dice per frame of the segmenter."""
    return _scores(segmenter, *pair, None)[0]


def _constant_scores(constant: Mask, true: MaskClip) -> Scores:
    """Dice per frame of the constant mask, drawn to the clip's size by nearest pixels."""
    sides = zip(constant.shape, true.shape[1:], strict=True)
    rows, columns = (np.arange(target) * source // target for source, target in sides)
    return dice(np.broadcast_to(constant[np.ix_(rows, columns)], true.shape), true)


def _mean(scores: Sequence[Scores], boot: Bootstrap) -> Interval | None:
    """Mean over clips of their mean over frames, with interval; clips without a finite frame do not count."""
    known = [float(np.nanmean(clip)) for clip in scores if np.isfinite(clip).any()]
    return boot(known) if known else None


def _chosen(clips: TrueClips, count: int, frames: int) -> TrueClips:
    """`count` of the clips, spread evenly over the list, or all where there are fewer; the first frames of each."""
    if not clips:
        raise InputError("Robustness needs at least one clip with its truth, got none.")
    few = [clips[n * len(clips) // min(count, len(clips))] for n in range(min(count, len(clips)))]
    return [
        (_kept(clip, clip.frames[:frames], np.arange(len(clip.frames))[:frames]), true[:frames]) for clip, true in few
    ]
