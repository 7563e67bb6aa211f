"""Two ways to score ED and ES frames: the paper's average frame distance (aFD), and one that cannot be gamed.

The paper's rule looks at the reference to choose the beat and then takes the extremum of a block that may be two
frames long. A curve that crosses its median often has a block beside every reference, so white noise scores better
than any published model. Print it only beside `null_curves`, and beside `match_events`, which is given all events
found without the reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from echodfkd.clock import Clock, Rate, as_clock
from echodfkd.errors import InputError
from echodfkd.measure.beats import check_curve, check_rate, smoothed

PHASES = ("ed", "es")
TOLERANCE_S = 0.2
"""Seconds within which a found event can be the reference's: under half of a beat at 140 per minute. By choice."""


def paper_frame(area: ArrayLike, reference_frame: int, phase: str) -> int:
    """The frame the paper's rule (section 3.9) takes for ED or ES, given the reference frame it will be compared with.

    Contiguous blocks of the whole clip strictly below (ES) or above (ED) its median, the block nearest to the
    reference (distance 0 inside it; of two as near, the earlier), and the smallest (largest) value in it, first where
    tied. A curve without such a block (a constant) gives its first extremum, frame 0.
    """
    curve = check_curve(area)
    if phase not in PHASES:
        raise InputError(f"A phase must be one of {', '.join(PHASES)}, got {phase!r}.")
    height = curve if phase == "ed" else -curve
    blocks = _blocks(height > np.median(height))
    if not blocks:
        return int(np.argmax(height))
    start, stop = min(blocks, key=lambda block: max(block[0] - reference_frame, reference_frame - block[1] + 1, 0))
    return start + int(np.argmax(height[start:stop]))


def frame_distances(area: ArrayLike, reference_frames: Sequence[int], phase: str) -> NDArray[np.float64]:
    """Frames between the paper's frame and each reference frame (reference,); their mean over clips is the aFD."""
    return np.array([abs(paper_frame(area, frame, phase) - frame) for frame in reference_frames], np.float64)


@dataclass(frozen=True)
class Reference:
    """What is known of a clip's beats: its length in frames, its rate (Hz, None if unknown) or clock, ED and ES frames.

    `complete` says that all events of the clip are listed; where an annotator marked one beat only, events found
    elsewhere are not extra.
    """

    frames: int
    time: Rate
    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    complete: bool = True

    @property
    def fps(self) -> float | None:
        """The frame rate (Hz); None if unknown."""
        return as_clock(self.time).fps

    def of(self, phase: str) -> tuple[int, ...]:
        """The reference frames of one phase, 'ed' or 'es'."""
        return self.ed_frames if phase == "ed" else self.es_frames


def null_curves(reference: Reference, seed: Sequence[int] | int) -> dict[str, NDArray[np.float64]]:
    """Area curves that have seen no image, by name: what a metric of frames gives them is what it gives for nothing.

    White noise; the same noise smoothed over 0.1 s; a sine of the clip's true period (one second where the references
    do not tell it) and random phase; a constant.
    """
    rng = np.random.default_rng(seed)
    rate, time = check_rate(reference.fps), np.arange(reference.frames)
    noise, phase = rng.standard_normal(reference.frames), rng.uniform(0, 2 * np.pi)
    return {
        "white noise": noise,
        "smoothed noise": smoothed(noise, rate, 0.1),
        "random-phase sine": np.sin(2 * np.pi * time / _period(reference, rate) + phase),
        "constant": np.ones(reference.frames),
    }


@dataclass(frozen=True)
class Matching:
    """Found and reference events paired one to one: `pairs` (found, reference), and what stayed alone on each side."""

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    fps: float
    tolerance_s: float
    clock: Clock

    @property
    def errors_frames(self) -> NDArray[np.float64]:
        """Found minus reference of each pair, in frames: positive is late."""
        return np.array([found - reference for found, reference in self.pairs], np.float64)

    @property
    def errors_ms(self) -> NDArray[np.float64]:
        """Found minus reference of each pair, in milliseconds: positive is late."""
        places = self.clock.at([frame for pair in self.pairs for frame in pair]).reshape(-1, 2)
        return (places[:, 0] - places[:, 1]) * 1000 / self.fps

    @property
    def penalised_ms(self) -> float | None:
        """Mean distance (ms), every missed and every extra event counting as the whole tolerance; None without events.

        One number that neither a curve without events nor one full of them can make small.
        """
        alone = len(self.missed) + len(self.extra)
        total = len(self.pairs) + alone
        distance = np.abs(self.errors_ms).sum() + 1000 * self.tolerance_s * alone
        return float(distance / total) if total else None


def match_events(
    found: Sequence[int], reference: Sequence[int], fps: Rate, tolerance_s: float = TOLERANCE_S
) -> Matching:
    """The one-to-one pairing of found and reference frames with most pairs and, among those, least total distance.

    Pairs further apart than `tolerance_s` seconds are not made: their events are missed and extra. Solved exactly
    (`scipy.optimize.linear_sum_assignment`).
    """
    clock = as_clock(fps)
    if not tolerance_s > 0:
        raise InputError(f"The tolerance must be above 0 s, got {tolerance_s}.")
    distance = np.abs(np.subtract.outer(clock.at(found), clock.at(reference)))
    allowed = distance <= tolerance_s * clock.rate + 1e-9
    far = (distance[allowed].max(initial=0) + 1) * (len(found) + len(reference) + 1)  # dearer than any set of pairs
    rows, columns = linear_sum_assignment(np.where(allowed, distance, far))
    kept = [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if allowed[row, column]]
    used_found, used_reference = {row for row, _ in kept}, {column for _, column in kept}
    return Matching(
        tuple((int(found[row]), int(reference[column])) for row, column in kept),
        tuple(int(frame) for n, frame in enumerate(reference) if n not in used_reference),
        tuple(int(frame) for n, frame in enumerate(found) if n not in used_found),
        clock.rate,
        tolerance_s,
        clock,
    )


def _blocks(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of True as half-open (start, stop), in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _period(reference: Reference, fps: float) -> float:
    """Frames per beat: the median time between successive events of one phase, one second where none repeats."""
    gaps = [gap for phase in PHASES for gap in np.diff(sorted(reference.of(phase)))]
    return float(np.median(gaps)) if gaps and np.median(gaps) > 0 else fps
