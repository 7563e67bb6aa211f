"""Whether anything speaks against the measures of one clip, with the reasons a reader can check.

Masks are looked at and, where a `View` is given, what they lie on. A steady outline a little off passes.
"""

from dataclasses import dataclass
from math import isinf

import numpy as np

from echodfkd.clip import evenly_spread
from echodfkd.clock import ASSUMED_FPS, HEART_RATES, as_clock, odd_rate
from echodfkd.errors import InputError
from echodfkd.measure.beats import Events, believed_heart_rate, heart_rate, steps_between
from echodfkd.measure.ejection import MOST_EJECTED, Ejection
from echodfkd.measure.shape import touches_border
from echodfkd.measure.traits import Traits
from echodfkd.measure.view import View

SHAPES = 50
"""Frames, evenly spread, on which the outline's shape is looked at: a hull costs more than a count of pixels."""
SAID = 3
"""Gaps, and lapses, that are told one by one."""


@dataclass(frozen=True)
class Limits:
    """Where a clip's measures want a look. Every value by choice: wide enough that healthy apical views pass.

    Changes from frame to frame are limits at ASSUMED_FPS; at lower rates they are that much wider.
    """

    seconds: float = 0.8  # shorter clips hold no whole beat below 75 per minute
    empty_share: float = 0.5  # of the frames without a mask: above it the clip is refused
    pieces_share: float = 0.1  # a second component counts as large from this share of the largest
    pieces_frames: float = 0.1  # share of the frames on which several large components want a look
    jump: float = 0.35  # change of area from frame to frame as a share of the median area
    shift: float = 0.15  # way of the centroid from frame to frame over the diameter of a circle of the median area:
    # about 8 mm in 20 ms, several times faster than the valve plane, the fastest part of a heart's outline
    ragged: float = 0.05  # share of the area curve's variance that is jitter (`Traits.raggedness`): white jitter of a
    # third of the beat's standard deviation at 50 frames per second; a clean beat at 175 per minute has two hundredths
    intervals: float = 1.5  # longest over shortest time between successive ES: breathing changes a healthy rhythm by
    # less, an ES that was skipped or found twice makes it 2
    ejection_spread: float = 15.0  # points between the beats: those of a regular heart differ by a few
    solidity: float = 0.9  # a frame's outline is dented below this share of its convex hull: a ventricle is an egg with
    # its blunt end cut off, and its convex hull is nearly all ventricle
    dented_frames: float = 0.1  # share of the frames on which a dented outline wants a look
    area: tuple[float, float] = (0.01, 0.45)  # median share of the image taken by the ventricle
    border_frames: float = 0.1  # share of the frames on which touching the image border wants a look
    least_ejection: float = 5.0  # percent by discs

    def __post_init__(self) -> None:
        shares = (self.empty_share, self.pieces_share, self.pieces_frames, self.border_frames, *self.area)
        if not all(0 <= share <= 1 for share in (*shares, self.ragged, self.solidity, self.dented_frames)):
            raise InputError(f"Limits must be shares in [0, 1], got {self}.")
        if self.seconds < 0 or not (self.jump > 0 and self.shift > 0 and self.ejection_spread > 0):
            raise InputError(f"Limits need seconds >= 0, and jump, shift and ejection_spread > 0, got {self}.")
        if not self.intervals >= 1:
            raise InputError(f"Limits need intervals >= 1, longest over shortest, got {self.intervals}.")
        if self.area[0] >= self.area[1]:
            raise InputError(f"Limits must rise: got area {self.area}.")


@dataclass(frozen=True)
class Verdict:
    """'typical', 'review' or 'refused', for ED, ES and EF, and why. The masks are kept whatever it says.

    'typical' means that nothing odd was found. It does not mean that the outline is right: look at the overlay.
    """

    verdict: str
    reasons: tuple[str, ...]


def verdict(
    traits: Traits, events: Events, ejection: Ejection, limits: Limits | None = None, view: View | None = None
) -> Verdict:
    """The verdict on one clip's measures, from the traits of its masks, its events, its EF and, where known, its view.

    'refused' where ED, ES or EF cannot be had at all or the image is no apical four-chamber view, 'review' where
    something speaks against them, else 'typical': nothing odd was found.
    """
    limits = limits or Limits()
    fatal, doubts = _fatal(traits, events, ejection, limits), list[str]()
    if view is not None and view.odd and traits.area.any():
        told = f"{'not' if view.refused else 'unusual for'} an apical four-chamber view: the ventricle is {view.words}"
        far = "" if isinf(view.distance) else f" ({view.distance:.1f} of at most {view.limits[view.refused]:.1f})"
        (fatal if view.refused else doubts).append(f"{told}{far}")
    doubts += [
        *_doubts_of_time(traits, limits),
        *_doubts_of_curve(traits, limits),
        *_doubts_of_beats(traits, events, limits),
        *_doubts_of_masks(traits, limits),
        *_doubts_of_motion(traits, limits),
        *_doubts_of_ef(ejection, limits),
    ]
    grade = "refused" if fatal else "review" if doubts else "typical"
    return Verdict(grade, (*fatal, *doubts))


def _fatal(traits: Traits, events: Events, ejection: Ejection, limits: Limits) -> list[str]:
    frames, empty = len(traits.area), int(np.sum(traits.area == 0))
    reasons = []
    if empty > limits.empty_share * frames:
        reasons.append(f"no ventricle found on {empty} of {frames} frames")
    if frames == 1:
        reasons.append("a still image: there is no beat to measure")
    elif not events.beats():
        reasons.append("no complete beat in the clip")
    elif ejection.median is not None and ejection.median > MOST_EJECTED:
        reasons.append(f"the volume by discs falls by {ejection.median:.1f} %, a heart's by {MOST_EJECTED:g} % at most")
    return reasons


def _doubts_of_time(traits: Traits, limits: Limits) -> list[str]:
    clock, frames, reasons = traits.clock, len(traits.area), []
    if frames == 1:
        return []
    if clock.fps is None:
        why = f" ({clock.unknown})" if clock.unknown else ""
        reasons.append(f"frame rate unknown{why}, {ASSUMED_FPS:g} per second assumed")
    elif odd := odd_rate(clock):
        reasons.append(f"frame rate of {odd}")
    if clock.dropped:
        reasons.append(f"{clock.dropped} frames were dropped" if clock.dropped > 1 else "a frame was dropped")
    if traits.lapses:
        more = f" and {len(traits.lapses) - SAID} times more" if len(traits.lapses) > SAID else ""
        told = ", ".join(one.words(traits.before) for one in traits.lapses[:SAID])
        reasons.append(f"{told}{more}: no beat is measured across it")
    if gaps := as_clock(traits.time).gaps:
        told = ", ".join(str(gap + traits.before) for gap in gaps[:SAID]) + (" and more" if len(gaps) > SAID else "")
        reasons.append(f"gap in time after frame {told}: no beat is measured across it")
    if traits.seconds < limits.seconds:
        reasons.append(f"short clip: {traits.seconds:.2g} s")
    return reasons


def _doubts_of_curve(traits: Traits, limits: Limits) -> list[str]:
    frames, empty = len(traits.area), int(np.sum(traits.area == 0))
    reasons = []
    unseen = sum(one.last + 1 - one.first for one in traits.lapses if one.blank)
    if unseen < empty <= limits.empty_share * frames:
        reasons.append(f"empty mask on {empty - unseen} of {frames} frames")
    share = float(np.median(traits.area)) / traits.masks[0].size
    if empty < frames and not limits.area[0] <= share <= limits.area[1]:
        reasons.append(f"the ventricle takes {_percent(share)} of the image")
    return reasons


def _doubts_of_beats(traits: Traits, events: Events, limits: Limits) -> list[str]:
    reasons = []
    gaps = steps_between(events.es_frames, events.time)
    if len(gaps) > 1 and gaps.max() - 1 > limits.intervals * gaps.min():  # an ES falls on a whole frame
        reasons.append(f"irregular beats, {gaps.min():.0f} to {gaps.max():.0f} frames apart")
    rate = None if events.fps_assumed else heart_rate(events)
    if rate is not None and believed_heart_rate(events) is None:
        told = "beats closer together than can be" if events.crowded else f"heart rate of {rate:.0f} per minute"
        reasons.append(f"{told}, believed is {HEART_RATES[0]:g} to {HEART_RATES[1]:g}: is the frame rate right?")
    ragged = traits.raggedness if events.es_frames else 0.0
    if ragged > limits.ragged:
        reasons.append(f"ragged area curve, {_percent(ragged)} of its variance is jitter")
    return reasons


def _doubts_of_masks(traits: Traits, limits: Limits) -> list[str]:
    frames = len(traits.area)
    pieces = sum(len(areas) > 1 and areas[1] >= limits.pieces_share * areas[0] for areas in traits.pieces)
    border = sum(touches_border(mask) for mask in traits.masks)
    looked = evenly_spread(frames, SHAPES)
    dented = sum(traits.solidity(frame) < limits.solidity for frame in looked)
    reasons = []
    if pieces > limits.pieces_frames * frames:
        reasons.append(f"several large pieces on {pieces} of {frames} frames")
    if border > limits.border_frames * frames:
        reasons.append(f"the mask touches the image border on {border} of {frames} frames")
    if dented > limits.dented_frames * len(looked):
        reasons.append(f"dented or hooked outline on {dented} of {len(looked)} frames looked at")
    return reasons


def _doubts_of_motion(traits: Traits, limits: Limits) -> list[str]:
    """Leaps of size and of place; a slower clip may change more from frame to frame."""
    changes, slower = np.abs(np.diff(traits.area.astype(np.float64))), traits.slower_steps
    jumps = int(np.sum(changes > limits.jump * slower * traits.typical_area))
    shifts = int(np.sum(traits.ways > limits.shift * slower * traits.diameter))  # NaN is above no limit
    reasons = []
    if jumps:
        reasons.append(f"area jumps between frames, {jumps} times")
    if shifts:
        reasons.append(f"the mask leaps to another place between frames, {shifts} times")
    return reasons


def _percent(share: float) -> str:
    """A share in percent with two digits that count."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def _doubts_of_ef(ejection: Ejection, limits: Limits) -> list[str]:
    reasons = []
    if ejection.median is not None and ejection.median < limits.least_ejection:
        reasons.append(f"ejection fraction by discs of {ejection.median:.3g} % is below {limits.least_ejection:g} %")
    if ejection.per_beat and max(ejection.per_beat) - min(ejection.per_beat) > limits.ejection_spread:
        least, most = min(ejection.per_beat), max(ejection.per_beat)
        reasons.append(f"ejection fractions by discs of {least:.0f} to {most:.0f} % in its beats")
    return reasons
