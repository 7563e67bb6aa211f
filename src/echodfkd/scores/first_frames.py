"""How much worse the first frames are (supplement 6): a causal network finds the heart before it can follow it."""

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError
from echodfkd.scores.records import Start
from echodfkd.scores.scorecard import Bootstrap
from echodfkd.stats.intervals import Groups, Interval, bootstrap

FRAMES = 16
"""Frames that count as the first ones: a third of a second at 50 Hz. By choice."""
TOLERANCE = 0.01
"""A frame whose mean Dice is at most this far below the later mean has settled. By choice."""

Scores = NDArray[np.float64]


def first_frames(
    dice: Sequence[ArrayLike],
    *,
    frames: int = FRAMES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    resamples: int = 2000,
    groups: Groups = None,
) -> Start:
    """Dice on frame 0, 1, ... `frames` - 1 and later, with intervals by clip (by `groups`, a label per
    clip, where given).

    `dice` holds one array (time,) per clip, NaN on frames without truth. `by_frame` is the mean over the clips that
    have the frame, `later` the mean over the clips of their mean from frame `frames` on, `gap` frame by frame the mean
    difference to the clip's *own* later mean: clips too short for one count in `by_frame` alone. `settled` is the
    first frame from which on no gap is more than `tolerance` below 0; `frames` where that never comes.
    A gap may come from the clips and not from the network, as where all begin at end diastole: the gaps of a constant
    mask on the same clips tell.
    Raises InputError where no clip reaches beyond the first frames.
    """
    start, later = _start(dice, frames), _later(dice, frames)
    if not np.isfinite(later).any():
        longest = max((len(np.asarray(clip)) for clip in dice), default=0)
        raise InputError(
            f"First frames need a clip with truth beyond frame {frames - 1}, the longest has {longest} frames."
        )
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    place: dict[Hashable, int] = {}
    whose = np.array([place.setdefault(one, len(place)) for one in (range(len(dice)) if groups is None else groups)])
    long = np.isfinite(later)
    gaps = (start - later[:, None])[long]
    return Start(
        n=len(dice),
        frames=frames,
        tolerance=tolerance,
        by_frame=tuple(_interval(column, boot, whose) for column in start.T),
        gap=tuple(_interval(column, boot, whose[long]) for column in gaps.T),
        later=_interval(later, boot, whose),
        settled=boot(gaps, partial(settled, tolerance=tolerance), groups=list(whose[long])),
    )


def settled(gaps: Scores, tolerance: float = TOLERANCE) -> float:
    """The first frame from which on the mean over clips of `gaps` (clip, frame) is at least -`tolerance`.

    The number of frames where the last one is below it. NaN entries do not count; a frame of NaN alone has no gap.
    """
    counts = np.isfinite(gaps).sum(axis=0)
    mean = np.where(np.isfinite(gaps), gaps, 0).sum(axis=0) / np.maximum(counts, 1)
    below = np.flatnonzero(mean < -tolerance)
    return float(below[-1] + 1) if len(below) else 0.0


def _start(dice: Sequence[ArrayLike], frames: int) -> Scores:
    """The first frames of every clip (clip, frame), NaN where a clip has none."""
    if frames < 1:
        raise InputError(f"There is at least one first frame, got {frames}.")
    table = np.full((len(dice), frames), np.nan)
    for line, clip in zip(table, dice, strict=True):
        values = np.asarray(clip, np.float64)
        if values.ndim != 1:
            raise InputError(f"Each clip needs one Dice per frame, (time,), got an array of shape {values.shape}.")
        line[: len(values)] = values[:frames]
    return table


def _later(dice: Sequence[ArrayLike], frames: int) -> Scores:
    """Every clip's mean from frame `frames` on (clip,), NaN where it has none."""
    rest = [np.asarray(clip, np.float64)[frames:] for clip in dice]
    return np.array([np.nanmean(clip) if np.isfinite(clip).any() else np.nan for clip in rest])


def _interval(values: Scores, boot: Bootstrap, whose: NDArray) -> Interval | None:
    """Mean of the finite values with its interval, by whose clips they are; None where there is none."""
    known = np.isfinite(values)
    return boot(values[known], groups=list(whose[known])) if known.any() else None
