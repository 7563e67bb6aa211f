"""A heart watched as it goes: one frame in, its masks and what is known of the beats out, in bounded memory."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Part, check_spacing
from echodfkd.clock import Clock, believed, clock_of_times
from echodfkd.errors import InputError
from echodfkd.lapses import Lapse, Scene, Seen, interrupted, is_blank, is_cut, is_still, scene
from echodfkd.measure.beats import BeatDetector, Events, beat_events, believed_heart_rate, check_rate
from echodfkd.measure.doubt import bounds, doubt, grades, interval
from echodfkd.measure.ejection import STEADY_S, Ejection, disc_volume, ejection_of_beats
from echodfkd.measure.measures import told_fraction
from echodfkd.measure.shape import Spacing, largest_component
from echodfkd.measure.traits import Traits
from echodfkd.measure.verdict import Verdict, verdict
from echodfkd.measure.view import LOOKED, described, look_of, view
from echodfkd.student.steppers import Frame, FrameMasks
from echodfkd.student.student import Pass, Student, load_student

KEPT_S = 10.0
"""Seconds that are looked back on: enough for three beats of the slowest heart. By choice."""
SURE_S = 0.5
"""Seconds after which an ES stays where it is: least distance of two ES, and reach of the smoothing."""
JUDGED_S = 2.0
"""Seconds before a beat's end that its verdict looks at, or the beat where that is longer."""
VIEW_S = 0.2
"""Seconds between two frames of which it is asked whether they show the right view; the last `view.LOOKED` count."""
NOTHING_YET = Verdict("refused", ("no complete beat yet",))
"""The verdict while no beat is told."""
Masks = dict[str, NDArray[np.bool_]]
"""(height, width) of one frame, by structure."""


@dataclass(frozen=True)
class Beat:
    """A beat that has ended: numbers of its ED and ES frames since the stream began, their times, and its EF."""

    ed: int
    es: int
    ed_time: float
    """Seconds."""
    es_time: float
    ejection_fraction: float | None
    """Percent, as the model's card tells it; None where the mask shrank by more than a heart does."""
    interval: tuple[float, float] | None = None
    """Percent, in which nine of ten lie; None where nobody knows, and where the verdict is 'refused'."""


@dataclass(frozen=True)
class Live:
    """What is known of the heart now."""

    frames: int
    """How many frames have their masks."""
    area: int
    """Pixels of the left ventricle in the last of them."""
    fps: float | None
    """As given, or by the frames' times; None while unknown."""
    ended: tuple[Beat, ...] = ()
    """The beats that became sure with this frame: `SURE_S` after their ES."""
    withdrawn: tuple[Beat, ...] = ()
    """Beats told before that are none by the curve as it went on: beside a larger one they are too small. A beat that
    turned out to begin with another ED is among these and, with its right frames, among those that ended."""
    ejection_fraction: float | None = None
    """Percent, of the last beat, None where its mask shrank by more than a heart does; ..."""
    ejection_interval: tuple[float, float] | None = None
    """... and its interval: see `Beat`."""
    heart_rate: float | None = None
    """Beats per minute over the last `KEPT_S` seconds."""
    judged: Verdict = NOTHING_YET
    """The verdict of the last beat."""
    gaps: int = 0
    """Times at which frames were missing, since the stream began."""
    restarted: str = ""
    """Why everything before this frame was forgotten; empty where it was not."""


@dataclass(frozen=True)
class State:
    """Everything that a stream remembers, as a value."""

    at: Pass = field(default_factory=Pass)
    size: tuple[int, int] | None = None
    look: Scene | None = None
    """The last frame as the search for cuts sees it."""
    timed: bool = False
    """Whether frames come with times of their own."""
    waiting: tuple[tuple[float, Frame], ...] = ()
    """Frames whose masks are not known yet, with their times."""
    first: int = 0
    """The number of the first frame kept; of the kept ones, oldest first: ..."""
    times: tuple[float, ...] = ()
    area: tuple[int, ...] = ()
    ventricles: tuple[NDArray[np.uint8], ...] = ()
    """... the LV's masks, and its narrow and wide cuts (2, ...), eight pixels a byte."""
    graded: tuple[NDArray[np.uint8], ...] = ()
    described: tuple[NDArray[np.float64], ...] = ()
    """What `view.describe` says of the last frames looked at, and when the last of them was taken."""
    described_at: float = -VIEW_S
    blank: tuple[bool, ...] = ()
    """Whether each kept frame shows nothing, and whether it is the one before it again."""
    still: tuple[bool, ...] = ()
    shown: Frame | None = None
    """The part that shows the body, of the last frame that has its mask."""
    told: tuple[Beat, ...] = ()
    """The beats told that may still be withdrawn, oldest first."""
    doubted: tuple[tuple[int, float], ...] = ()
    """The ES of those of them that are none by the curve so far, and since when (s)."""
    settled: float = -math.inf
    """The last ES of the beats told that may not: their ED is all but forgotten."""
    live: Live = field(default_factory=lambda: Live(0, 0, None))


class Stream:
    """A model that watches: push frames as they come.

        stream = echodfkd.Stream("b4", fps=50)
        masks, live = stream.push(frame)

    The numbers are those of the whole clip cut with `segment --causal`: same masks, ED, ES and EF, each as soon as it
    is sure by the curve so far. A beat that a later, larger one makes too small for `SURE_S` is `withdrawn`, and one
    that only the later curve shows is told late; a beat older than `KEPT_S` stays as it is. `state` may be kept and put
    back. A frame of another size, or of another scene, ends the beats so far and starts everything anew.
    """

    def __init__(
        self,
        model: Student | str | None = None,
        *,
        fps: float | None = None,
        spacing: Spacing = None,
        part: Part | None = None,
        seconds: bool = True,
    ):
        """`model` as `load_model` takes it; `fps` in Hz where frames come without times; `spacing` as a clip's.

        `part` is the rows and columns of a frame that show the body, all without it. Where times are no `seconds` they
        are in a unit that nobody knows, as a clock's without a rate: they tell gaps, and no heart rate.

        InputError for an impossible rate and for a model that knows no left ventricle.
        """
        check_rate(fps)
        check_spacing(spacing)
        self.student = model if isinstance(model, Student) else load_student(model, hindsight=False)
        if "lv" not in self.student.structures:
            raise InputError(f"A stream measures the left ventricle, this model knows {self.student.structures}.")
        self.fps, self.spacing, self.part, self.seconds = fps, spacing, part, seconds
        self.look = look_of(self.student, spacing, part)
        self.state = State()

    def reset(self) -> None:
        """Forgets all that was seen."""
        self.state = State()

    def push(self, frame: Frame, time: float | None = None) -> tuple[list[Masks], Live]:
        """The masks that became known with this grey frame (height, width) uint8, oldest first, and what is known now.

        `time` is the frame's, in seconds, rising. The model's first `warm_up` frames bring no masks; the next brings
        theirs too. InputError for a frame of another type, and for a time that does not rise.
        """
        state, told, masks = self.state, "", list[Masks]()
        look = scene(frame[self.part or ...])
        before: Live | None = None
        if state.size is not None and (reason := self._another(state, frame, look)):
            masks, before = self._ended(state)
            state = State(first=before.frames, live=Live(before.frames, 0, None, gaps=before.gaps))
            told = reason
        moment = self._moment(state, time)
        probabilities, at = self.student.push(frame, state.at, self.spacing, self.part)
        waiting = (*state.waiting, (moment, frame))
        state = replace(state, at=at, size=frame.shape, look=look, timed=time is not None, waiting=waiting)
        more, state = self._take(probabilities, state)
        self.state = self._known(state, told, done=False)
        live = self.state.live
        if before is not None and (before.ended or before.withdrawn):  # of the scene that ended
            live = replace(before, frames=live.frames, area=live.area, gaps=live.gaps, restarted=told)
        return masks + more, live

    def finish(self) -> tuple[list[Masks], Live]:
        """The masks still awaited and the beats that were not sure yet, at the stream's end; then all is forgotten."""
        ended = self._ended(self.state)
        self.reset()
        return ended

    def _ended(self, state: State) -> tuple[list[Masks], Live]:
        """What is still to be told of a scene that has ended."""
        masks, state = self._take(self.student.finish(state.at, self.spacing, self.part), state)
        return masks, self._known(state, "", done=True).live

    def _another(self, state: State, frame: Frame, look: Scene) -> str:
        """Why this frame belongs to another clip than those before; empty where it does not."""
        if frame.shape != state.size:
            return f"frames of {frame.shape[1]} x {frame.shape[0]} pixels follow"
        if state.look is not None and is_cut(look, state.look):
            return "another scene begins" if look.any() else "the picture goes blank"
        return ""

    def _moment(self, state: State, time: float | None) -> float:
        """The frame's time in seconds, by the frame rate where it comes without."""
        if time is None:
            return (state.first + len(state.times) + len(state.waiting)) / check_rate(self.fps)
        before = [*state.times[-1:], *(moment for moment, _ in state.waiting[-1:])]
        if before and not time > before[-1]:
            raise InputError(f"Times of frames must rise, got {time:g} s after {before[-1]:g} s.")
        return float(time)

    def _take(self, known: list[FrameMasks], state: State) -> tuple[list[Masks], State]:
        """Masks cut at the threshold, and the state that keeps their ventricles."""
        taken, waiting = state.waiting[: len(known)], state.waiting[len(known) :]
        shown = [frame[self.part or ...] for _, frame in taken]
        blank = [is_blank(frame) for frame in shown]
        still = [
            before is not None and is_still(frame, before)
            for before, frame in zip((state.shown, *shown), shown, strict=False)
        ]
        known = [np.zeros_like(one) if nothing else one for one, nothing in zip(known, blank, strict=True)]
        masks = [dict(zip(self.student.structures, self.student.cut(one), strict=True)) for one in known]
        seen, at = state.described, state.described_at
        for (moment, frame), one, nothing in zip(taken, masks, blank, strict=True):
            if moment >= at + VIEW_S and not nothing:
                seen, at = (*seen, described(frame, one["lv"], self.spacing, self.part, self.look)), moment
        times = state.times + tuple(moment for moment, _ in taken)
        area = state.area + tuple(int(one["lv"].sum()) for one in masks)
        lv = self.student.structures.index("lv")
        sure = (grades(one[lv], self.student.threshold) for one in known)
        graded = state.graded + tuple(np.packbits([one >= 2, one >= 1], axis=None) for one in sure)
        kept = state.ventricles + tuple(np.packbits(one["lv"]) for one in masks)
        old = sum(moment < times[-1] - KEPT_S for moment in times) if times else 0
        state = replace(state, waiting=waiting, described=seen[-LOOKED:], described_at=at, first=state.first + old)
        state = replace(state, times=times[old:], area=area[old:], ventricles=kept[old:], graded=graded[old:])
        state = replace(state, blank=(*state.blank, *blank)[old:], still=(*state.still, *still)[old:])
        return masks, replace(state, shown=shown[-1]) if shown else state

    def _clock(self, state: State, start: int = 0) -> Clock:
        """When the kept frames from `start` on were taken."""
        times = np.array(state.times[start:])
        if not state.timed or not len(times):
            return believed(self.fps)
        found = clock_of_times(times, self.fps)
        return found if self.seconds else replace(found, fps=None)

    def _known(self, state: State, restarted: str, done: bool) -> State:
        """The state that knows what the kept frames say; beats are told when sure, or when the stream is `done`."""
        clock = self._clock(state)
        before, count = state.live, state.first + len(state.times)
        fresh = sum(state.first + gap + 1 >= before.frames for gap in clock.gaps)
        live = replace(
            before,
            frames=count,
            area=state.area[-1] if state.area else 0,
            fps=clock.fps,
            ended=(),
            withdrawn=(),
            gaps=before.gaps + fresh,
            restarted=restarted,
        )
        if not state.times:
            return replace(state, live=live)
        lapses = Seen(state.blank, state.still).lapses(clock)
        events = beat_events(state.area, interrupted(clock, lapses, len(state.times)))
        state = _settled(state)
        kept, withdrawn, ended, doubted = self._beats(state, events, done)
        state = replace(state, doubted=doubted)
        if ended or withdrawn or done:
            live = replace(live, heart_rate=believed_heart_rate(events))
        if not ended and not withdrawn:
            return replace(state, live=live)
        told = sorted([*kept, *ended], key=lambda beat: beat.es)
        judged = self._judged(state, events, told[-1], lapses) if told else NOTHING_YET
        if judged.verdict == "refused":
            ended = [replace(beat, interval=None) for beat in ended]
            told = sorted([*kept, *ended], key=lambda beat: beat.es)
        fraction, within = (told[-1].ejection_fraction, told[-1].interval) if told else (None, None)
        live = replace(
            live,
            ended=tuple(ended),
            withdrawn=tuple(withdrawn),
            ejection_fraction=fraction,
            ejection_interval=None if judged.verdict == "refused" else within,
            judged=judged,
        )
        return replace(state, live=live, told=tuple(told))

    def _beats(
        self, state: State, events: Events, done: bool
    ) -> tuple[list[Beat], list[Beat], list[Beat], tuple[tuple[int, float], ...]]:
        """The beats told that stay, those to be withdrawn, those to be told now, and which are doubted since when.

        Told are sure ones, or all when `done`: then what stays is what `events` hold, to the frame. Before that a frame
        more or less is no other beat, and one that the curve no longer shows is doubted for `SURE_S` first: the next
        frames may show it again.
        """
        near = BeatDetector().distance_s * events.fps / 2
        now, least = state.times[-1], -1.0 if done else SURE_S
        sure = [
            (state.first + ed, state.first + es)
            for ed, es in events.beats()
            if now - state.times[es] >= least and state.first + es > state.settled + near
        ]
        sure = [(ed, es) for ed, es in sure if not _fades(state, ed)]
        apart, since = 0 if done else near, dict(state.doubted)
        kept, withdrawn, doubted = list[Beat](), list[Beat](), list[tuple[int, float]]()
        for beat in state.told:
            there = any(abs(beat.ed - ed) <= apart and abs(beat.es - es) <= apart for ed, es in sure)
            start = since.get(beat.es, now)
            if not there and now - start >= least:
                withdrawn.append(beat)
                continue
            kept.append(beat)
            if not there:
                doubted.append((beat.es, start))
        new = [(ed, es) for ed, es in sure if not any(abs(beat.es - es) <= near for beat in kept)]
        ended = [one for ed, es in new if (one := self._beat(state, ed, es, events.fps)) is not None]
        return kept, withdrawn, ended, tuple(doubted)

    def _beat(self, state: State, ed: int, es: int, fps: float) -> Beat | None:
        """The beat of these frames, as it is told; None where it has no volume."""
        ejection = self._ejection(state, ed, es, fps)
        if ejection.median is None:
            return None
        fraction, within = told_fraction(ejection.median, self.student.card.ejection), None
        if fraction is not None and (factor := self.student.card.interval_factor) is not None:
            between = {event: self._bounds(state, frames) for event, frames in _around(state, (ed, es), fps).items()}
            within = interval(fraction, [doubt(between, (ed, es))], factor)
        ed_time, es_time = (state.times[event - state.first] for event in (ed, es))
        return Beat(ed, es, ed_time, es_time, fraction, within)

    def _ejection(self, state: State, ed: int, es: int, fps: float) -> Ejection:
        """The ejection of the beat of these frames, by discs."""
        volumes = [self._volume(state, frames) for frames in _around(state, (ed, es), fps).values()]
        return ejection_of_beats([(ed, es)], [volumes])

    def _volume(self, state: State, frames: Iterable[int]) -> float:
        """The median volume over these of the kept frames."""
        masks = self._ventricles(state, frames)
        return float(np.median([disc_volume(largest_component(mask), self.spacing) for mask in masks]))

    def _bounds(self, state: State, frames: Iterable[int]) -> list[float]:
        """The same of the narrow and the wide cut."""
        assert state.size is not None
        packed = np.stack([state.graded[frame] for frame in frames])
        cuts = np.unpackbits(packed, axis=1, count=2 * math.prod(state.size)).reshape(-1, 2, *state.size)
        return np.median([bounds(cut.sum(axis=0, dtype=np.uint8), self.spacing) for cut in cuts], axis=0).tolist()

    def _judged(self, state: State, events: Events, last: Beat, lapses: Sequence[Lapse]) -> Verdict:
        """The verdict on the frames since the `last` beat began, `JUDGED_S` at least where there are so many.

        None is looked at before the end of the last of the `lapses` before it, when the picture moved again.
        """
        ed = last.ed - state.first
        again = max((one.last + one.blank for one in lapses if one.last <= ed), default=0)
        recent = sum(moment < state.times[-1] - JUDGED_S for moment in state.times)
        start = max(again, min(ed - round(events.fps * BeatDetector().smoothing_s), recent))
        later = [tuple(n - start for n in numbers if n >= start) for numbers in (events.ed_frames, events.es_frames)]
        clock = self._clock(state, start)
        lapses = Seen(state.blank[start:], state.still[start:]).lapses(clock)
        traits = Traits(self._ventricles(state, range(start, len(state.times))), clock, lapses, state.first + start)
        seen = replace(events, ed_frames=later[0], es_frames=later[1], clock=traits.clock)
        ejection = self._ejection(state, last.ed, last.es, events.fps)
        return verdict(traits, seen, ejection, view=view(state.described, self.look) if state.described else None)

    def _ventricles(self, state: State, frames: Iterable[int]) -> NDArray[np.bool_]:
        """(time, height, width) masks of these of the kept frames."""
        assert state.size is not None
        height, width = state.size
        packed = np.stack([state.ventricles[frame] for frame in frames])
        return np.unpackbits(packed, axis=1, count=height * width).reshape(-1, height, width).view(np.bool_)


def _settled(state: State) -> State:
    """The state in which beats told whose ED fades stay as they are."""
    old = [beat for beat in state.told if _fades(state, beat.ed)]
    if not old:
        return state
    return replace(state, told=tuple(beat for beat in state.told if beat not in old), settled=old[-1].es)


def _fades(state: State, ed: int) -> bool:
    """Whether what came before a frame is all but forgotten, so that nobody can tell any more that it was an ED."""
    return state.first > 0 and state.times[max(0, ed - state.first)] - state.times[0] < SURE_S


def _around(state: State, events: Iterable[int], fps: float) -> dict[int, range]:
    """The kept frames around each of two events over which its volume is taken, counted from the oldest one kept."""
    reach, count = round(STEADY_S * fps), len(state.times)
    places = {event: event - state.first for event in events}
    return {event: range(max(0, at - reach), min(count, at + reach + 1)) for event, at in places.items()}
