"""Everything that one clip's masks say, made in one place for whoever asks: `segment`, `evaluate`, `judge`."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Part
from echodfkd.clock import Clock, Rate, Times, as_clock, believed, clock_of_times
from echodfkd.lapses import Lapse, Watcher
from echodfkd.measure.beats import Events, beat_events, believed_heart_rate
from echodfkd.measure.doubt import Grades, doubts, interval
from echodfkd.measure.ejection import MOST_EJECTED, Ejection, ejection_by_method, ejection_fraction
from echodfkd.measure.shape import MaskClip, Spacing, pixel_scale
from echodfkd.measure.traits import Traits
from echodfkd.measure.verdict import Verdict, verdict
from echodfkd.measure.view import Look, View, view_of


@dataclass(frozen=True)
class Measures:
    """The measures of one clip's left ventricle; what costs is measured when it is first asked for, and kept.

    `traits` holds the masks and what they look like, `spacing` (mm per pixel, y then x) the pixel's size where known.
    """

    traits: Traits
    spacing: Spacing = None
    view: View | None = None
    """Whether image and masks look as an apical four-chamber view; None where the image was not looked at."""
    line: tuple[float, float] = (1.0, 0.0)
    """Slope and offset from the ejection fraction by discs to the one told: `Card.ejection` of the model."""
    grades: Grades | None = field(default=None, repr=False)
    """How sure the model is of each pixel (time, height, width): see `doubt`; None for masks alone."""
    factor: float | None = None
    """How many doubts make an interval: `Card.interval_factor` of the model; None where nobody knows."""
    marked: Events | None = None
    """ED and ES where somebody marked them; None where they are to be found in the area curve."""

    @property
    def frames(self) -> int:
        """The clip's length."""
        return len(self.area)

    @property
    def clock(self) -> Clock:
        """When the frames were taken, as far as that is believed."""
        return self.traits.clock

    @property
    def fps(self) -> float | None:
        """Frames per second, the usual rate where they are uneven; None where unknown."""
        return self.clock.fps

    @property
    def area(self) -> NDArray[np.int64]:
        """Pixels inside (time,)."""
        return self.traits.area

    @cached_property
    def events(self) -> Events:
        """ED and ES frames: those marked, or as found in the area curve."""
        return self.marked or beat_events(self.area, self.clock)

    @property
    def ed_frames(self) -> tuple[int, ...]:
        """The frames of end-diastole."""
        return self.events.ed_frames

    @property
    def es_frames(self) -> tuple[int, ...]:
        """The frames of end-systole."""
        return self.events.es_frames

    @cached_property
    def ejection(self) -> Ejection:
        """Volumes and ejection fraction of every beat, by discs."""
        return ejection_fraction(self.traits.masks, self.events, self.spacing)

    @cached_property
    def ejections(self) -> dict[str, Ejection]:
        """The same by each of `ejection.METHODS`."""
        return ejection_by_method(self.traits.masks, self.events, self.spacing)

    @property
    def ejection_fraction(self) -> float | None:
        """Percent, the median over the beats, on the model's `line`.

        None where the clip shows no whole beat, or one in which the mask shrinks by more than a heart does.
        """
        return told_fraction(self.ejection.median, self.line)

    @cached_property
    def doubts(self) -> tuple[float, ...] | None:
        """Points by which each beat's ejection fraction may be off by the doubt along its outline; None of masks."""
        if self.grades is None:
            return None
        return doubts(self.grades, self.ejection.beats, self.clock, self.spacing)

    @property
    def ejection_interval(self) -> tuple[float, float] | None:
        """Percent, in which nine of ten ejection fractions lie; None where nobody knows, and where it is refused."""
        fraction = self.ejection_fraction
        if fraction is None or not self.doubts or self.factor is None or self.verdict == "refused":
            return None
        return interval(fraction, self.doubts, self.factor)

    @property
    def heart_rate(self) -> float | None:
        """Beats per minute; None below two beats, without a frame rate, and where it is not to be believed."""
        return believed_heart_rate(self.events)

    @cached_property
    def judged(self) -> Verdict:
        """Whether anything speaks against these measures, and what."""
        return verdict(self.traits, self.events, self.ejection, view=self.view)

    @property
    def verdict(self) -> str:
        """'typical', 'review' or 'refused'."""
        return self.judged.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not 'typical'."""
        return self.judged.reasons


def told_fraction(by_discs: float | None, line: tuple[float, float]) -> float | None:
    """A clip's ejection fraction by discs (percent) `on_line`; None without one, and of more than a heart ejects."""
    return None if by_discs is None or by_discs > MOST_EJECTED else on_line(by_discs, line)


def on_line(fraction: float, line: tuple[float, float]) -> float:
    """An ejection fraction by discs (percent) as it is told: slope times it plus offset, in 0 to 100."""
    return min(max(line[0] * fraction + line[1], 0.0), 100.0) if line != (1.0, 0.0) else fraction


def measures(
    masks: MaskClip,
    fps: Rate = None,
    spacing: Spacing = None,
    times: Times | None = None,
    frames: Iterable[NDArray[np.uint8]] | None = None,
    line: tuple[float, float] = (1.0, 0.0),
    part: Part | None = None,
    grades: Grades | None = None,
    factor: float | None = None,
    marked: Events | None = None,
    look: Look | None = None,
    lapses: tuple[Lapse, ...] = (),
) -> Measures:
    """What masks (time, height, width) bool of a left ventricle say, at `fps` (Hz, or a clock) and `spacing` if known.

    `times` (time,) are seconds, where frames do not come evenly. A rate that no film of a heart has counts as unknown.
    With the grey `frames` (height, width) that they are of, it is also asked whether those show the right view,
    in the `part` of them that shows the body, and where they show nothing or stand still.
    With `grades` and `factor` the ejection fraction has an interval.
    `marked` events take the place of those in the area curve. `look` is what the model itself makes of the frames,
    `lapses` are those of frames that are not at hand.
    InputError where masks, frame rate, spacing or times are none.
    """
    pixel_scale(spacing)
    clock = believed(fps) if times is None else clock_of_times(times, as_clock(fps).fps)
    watcher = Watcher(part)
    view = None if frames is None else view_of(watcher.heard(frames), masks, spacing, part, look)
    traits = Traits(masks, clock, lapses or watcher.seen.lapses(clock))
    marked = marked and replace(marked, clock=traits.clock)
    return Measures(traits, spacing, view, line, grades, factor, marked)
