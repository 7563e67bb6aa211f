"""The cardiac cycle: left-ventricular volume, contraction and valve opening at the time of every frame, and ED and ES.

Each beat is laid out as knots (time, value) joined by monotone cubics, so that what is flat between two knots, such as
the isovolumic phases or a closed valve, is exactly flat.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from echodfkd.errors import InputError
from echodfkd.synthetic.dials import check_dials

ISOVOLUMIC_CONTRACTION = 0.05
ISOVOLUMIC_RELAXATION = 0.07
"""Seconds in which the volume stands still before and after ejection (by choice, in the normal range)."""

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Rhythm:
    """When the heart beats and how much it ejects."""

    fps: float
    """Frames per second (Hz)."""
    ejection_fraction: float
    """Percent of the end-diastolic volume."""
    intervals: tuple[float, ...]
    """Seconds from each beat's onset to the next."""
    fillings: tuple[float, ...]
    """End-diastolic volume of each beat over the clip's reference."""
    residuals: tuple[float, ...]
    """End-systolic volume of each beat over the clip's reference."""
    phase: float
    """Share of the first beat that is over when the clip starts, 0..1."""
    early_filling: float
    """Length of early filling as a share of diastole."""
    atrial_share: float
    """Share of the stroke volume that the atrial kick brings; 0 in atrial fibrillation."""
    atrial_length: float
    """Length of the atrial kick as a share of diastole."""
    late_closure: float
    """Opening of the mitral valve that is left at end diastole, 0..1."""

    def __post_init__(self) -> None:
        if not 0 < self.ejection_fraction < 100:
            raise InputError(f"An ejection fraction lies between 0 and 100 %, got {self.ejection_fraction}.")
        if not self.fps > 0 or not self.intervals or min(self.intervals) < 0.2:
            raise InputError(
                f"A rhythm needs a frame rate above 0 Hz and beats of at least 0.2 s, got {self.fps} Hz "
                f"and intervals {self.intervals}."
            )
        if not len(self.intervals) == len(self.fillings) == len(self.residuals):
            raise InputError("A rhythm needs one filling and one residual per interval.")
        check_dials(self, "in 0..1", "late_closure", "phase", "early_filling", "atrial_share", "atrial_length")
        if self.early_filling + self.atrial_length >= 1:
            raise InputError("Early filling and the atrial kick must leave room in diastole: their shares sum below 1.")


@dataclass(frozen=True)
class Cycle:
    """What the beat demands of the anatomy at each frame; every array is (time,)."""

    volume: Times
    """LV volume over the reference end-diastolic volume."""
    contraction: Times
    """0 at the reference end diastole, 1 at its end systole."""
    opening: Times
    """Opening of the atrioventricular valves, 0 closed .. 1 widest."""
    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    ejection_fraction: float
    """Percent, mean over the beats that the clip shows."""
    heart_rate: float
    """Beats per minute, mean over the same beats."""
    reference: float
    """The share of the volume (0..1) that contraction 1 has ejected."""


def cycle(rhythm: Rhythm, frames: int) -> Cycle:
    """The Cycle of a clip of `frames` frames."""
    times = np.arange(frames) / rhythm.fps
    onsets = _onsets(rhythm)
    if onsets[-1] <= times[-1]:
        raise InputError(f"The rhythm's beats end after {onsets[-1]:.2f} s, the clip lasts {times[-1]:.2f} s.")
    volume = _curve(_volume_knots, rhythm, times)
    shown = _shown(rhythm, onsets, times[-1])
    low = (1 - rhythm.ejection_fraction / 100) * np.array(rhythm.residuals)
    fractions = 100 * (1 - low / np.array(rhythm.fillings))
    ends = np.array([onset + sum(_systole(r)) for onset, r in zip(onsets, rhythm.intervals, strict=False)])
    return Cycle(
        volume=volume,
        contraction=(1 - volume) / (rhythm.ejection_fraction / 100),
        opening=np.clip(_curve(_valve_knots, rhythm, times), 0, 1),
        ed_frames=_extremes(volume, times, onsets, rhythm.intervals),
        es_frames=_extremes(-volume, times, ends, rhythm.intervals),
        ejection_fraction=float(np.mean(fractions[shown])),
        reference=rhythm.ejection_fraction / 100,
        heart_rate=float(60 / np.mean(np.array(rhythm.intervals)[shown])),
    )


def ejection_time(interval: float) -> float:
    """Seconds of ejection in a beat of `interval` seconds: 413 ms - 1.7 ms x heart rate.

    Regression of Weissler, Harris and Schoenfeld, Circulation 1968 (men); held below 45 % of the beat.
    """
    return min(0.413 - 0.0017 * 60 / interval, 0.45 * interval)


def _onsets(rhythm: Rhythm) -> Times:
    """Onset times (s) of the beats and the end of the last; the clip starts at 0."""
    starts = np.concatenate([[0.0], np.cumsum(rhythm.intervals)])
    return starts - rhythm.phase * rhythm.intervals[0]


def _systole(interval: float) -> tuple[float, float]:
    """Seconds of isovolumic contraction and of ejection; short beats shorten the former."""
    return min(ISOVOLUMIC_CONTRACTION, 0.08 * interval), ejection_time(interval)


def _phases(rhythm: Rhythm, interval: float) -> Times:
    """Seconds after the onset at which contraction, ejection, relaxation, early filling, diastasis and the kick end."""
    isovolumic, ejection = _systole(interval)
    relaxed = isovolumic + ejection + min(ISOVOLUMIC_RELAXATION, 0.1 * interval)
    diastole = interval - relaxed
    filled = relaxed + rhythm.early_filling * diastole
    return np.array(
        [isovolumic, isovolumic + ejection, relaxed, filled, interval - rhythm.atrial_length * diastole, interval]
    )


def _volume_knots(rhythm: Rhythm, beat: int) -> list[tuple[float, float]]:
    """(seconds after the onset, relative volume) of one beat, its own start included and the next one's left out."""
    closed, ended, relaxed, filled, kick, _ = _phases(rhythm, rhythm.intervals[beat])
    low = (1 - rhythm.ejection_fraction / 100) * rhythm.residuals[beat]
    high, following = rhythm.fillings[beat], rhythm.fillings[min(beat + 1, len(rhythm.fillings) - 1)]
    stroke, gain = high - low, following - low
    early = gain * (1 - rhythm.atrial_share) * 0.95
    return [
        (0.0, high),
        (closed, high),
        (closed + 0.35 * (ended - closed), low + 0.45 * stroke),
        (closed + 0.70 * (ended - closed), low + 0.12 * stroke),
        (ended, low),
        (relaxed, low),
        (relaxed + 0.45 * (filled - relaxed), low + 0.62 * early),
        (filled, low + early),
        (kick, low + gain * (1 - rhythm.atrial_share)),
    ]


def _valve_knots(rhythm: Rhythm, beat: int) -> list[tuple[float, float]]:
    """(seconds after the onset, opening) of one beat: closing, shut through systole, E wave, half shut, A wave."""
    closed, _, relaxed, filled, kick, end = _phases(rhythm, rhythm.intervals[beat])
    early = filled - relaxed
    atrial = 0.75 if rhythm.atrial_share > 0 else 0.3
    return [
        (0.0, rhythm.late_closure),
        (closed, 0.0),
        (relaxed, 0.0),
        (relaxed + 0.4 * early, 1.0),
        (filled, 0.45),
        (kick, 0.35),
        (kick + 0.45 * (end - kick), atrial),
    ]


def _curve(knots: Callable[[Rhythm, int], list[tuple[float, float]]], rhythm: Rhythm, times: Times) -> Times:
    """The curve through every beat's knots, at `times`."""
    onsets = _onsets(rhythm)
    points = [(o + t, v) for beat, o in enumerate(onsets[:-1]) for t, v in knots(rhythm, beat)]
    points.append((onsets[-1], knots(rhythm, len(rhythm.intervals) - 1)[0][1]))
    moments, values = np.array(points).T
    return PchipInterpolator(moments, values)(times)


def _extremes(values: Times, times: Times, moments: Times, intervals: tuple[float, ...]) -> tuple[int, ...]:
    """For each of `moments` inside the clip, the frame near it where `values` is largest; the first of equals."""
    found = []
    for moment, interval in zip(moments, (*intervals, intervals[-1]), strict=False):
        near = np.flatnonzero(np.abs(times - moment) < 0.25 * interval)
        if times[0] <= moment <= times[-1] and len(near):
            found.append(int(near[np.argmax(np.round(values[near], 9))]))
    return tuple(dict.fromkeys(found))


def _shown(rhythm: Rhythm, onsets: Times, end: float) -> NDArray[np.bool_]:
    """(beat,) which beats the clip, from 0 to `end` seconds, shows at least in part."""
    return (onsets[:-1] <= end) & (onsets[1:] > 0)
