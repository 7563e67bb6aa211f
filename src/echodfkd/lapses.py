"""Where a film shows nothing, stands still, or goes on with another scene: what the heart did there is not known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from echodfkd import resize
from echodfkd.clip import Part
from echodfkd.clock import Clock

# Of 60 real clips none has two frames in a row so much alike, and none a frame with half such a spread.
LEAST_SPREAD = 4.0  # grey levels, a frame's standard deviation: noise alone has more
STILL, STILL_PIXELS = 2, 0.01  # grey levels, and share of the pixels that change by more: a cursor's are fewer
STANDS_S = 0.25  # seconds: a heart rests for longer, but its speckle goes on; frames shown twice stand for less
THIN = 64  # rows and columns that are looked at, at most
SCENE = 32  # rows and columns of a frame's scene
CUT = 0.65  # correlation of two scenes below which another one begins: of the 60 clips none has frames below 0.94
"""All by choice."""

Frame = NDArray[np.uint8]  # (height, width)
Scene = NDArray[np.float64]  # (SCENE, SCENE), of mean 0 and deviation 1


def is_blank(frame: Frame) -> bool:
    """Whether a frame shows nothing."""
    return bool(_thin(frame).std() < LEAST_SPREAD)


def is_still(frame: Frame, before: Frame) -> bool:
    """Whether a frame shows what the one before it showed, to a few pixels."""
    one, other = _thin(frame), _thin(before)
    return bool(np.mean(np.maximum(one, other) - np.minimum(one, other) > STILL) < STILL_PIXELS)


def scene(frame: Frame) -> Scene:
    """A frame at SCENE x SCENE pixels, its mean 0 and its deviation 1; all 0 where it shows nothing."""
    if is_blank(frame):
        return np.zeros((SCENE, SCENE))
    small = resize.fit(frame, SCENE).astype(np.float64)
    return (small - small.mean()) / max(small.std(), 1e-9)


def is_cut(one: Scene, other: Scene) -> bool:
    """Whether two frames, of which at least one shows something, are of different scenes."""
    return bool((one.any() or other.any()) and (one * other).mean() < CUT)


@dataclass(frozen=True)
class Lapse:
    """A stretch of a clip, from frame `first` to frame `last`, that is blank or else stands still.

    Where it is a `cut`, another scene begins with frame `first`.
    """

    first: int
    last: int
    blank: bool
    cut: bool = False

    def words(self, before: int = 0) -> str:
        """What is said of it, in a clip of which so many frames came `before` its first."""
        first, last = self.first + before, self.last + before
        if self.cut:
            return f"another scene begins with frame {first}"
        if first == last:
            return f"frame {first} shows nothing"
        told = f"frames {first} to {last}"
        return f"{told} show nothing" if self.blank else f"the picture stands still, {told}"


@dataclass(frozen=True)
class Seen:
    """Of each frame of a clip, in order, whether it is blank, is the one before it again, or begins another scene."""

    blank: Sequence[bool] = ()
    still: Sequence[bool] = ()
    cut: Sequence[bool] = ()

    def lapses(self, clock: Clock) -> tuple[Lapse, ...]:
        """Every cut, every blank stretch, and every one that stands still for STANDS_S or longer."""
        found = [Lapse(first, last, True) for first, last in _runs(self.blank)]
        found += [Lapse(frame, frame, False, True) for frame, cut in enumerate(self.cut) if cut]
        again = [same and not blank for same, blank in zip(self.still, self.blank, strict=True)]
        again[:1] = [False] * len(again[:1])  # of what was before the first frame nothing is known
        places = clock.places(len(again)) / clock.rate if any(again) else np.empty(0)
        for first, last in _runs(again):
            if places[last] - places[first - 1] >= STANDS_S:
                found.append(Lapse(first - 1, last, False))
        return tuple(sorted(found, key=lambda one: one.first))


@dataclass(frozen=True)
class Watcher:
    """Takes down what frames show while they pass; `part` is the rows and columns that show the body."""

    part: Part | None = None
    blank: list[bool] = field(default_factory=list)
    still: list[bool] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)

    def heard(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames themselves."""
        before: tuple[Frame, Scene] | None = None
        for frame in frames:
            here, shows = frame[self.part or ...], scene(frame[self.part or ...])
            self.blank.append(not shows.any())
            self.still.append(before is not None and is_still(here, before[0]))
            self.cut.append(bool(before and before[1].any() and shows.any() and is_cut(shows, before[1])))
            before = here, shows
            yield frame

    @property
    def seen(self) -> Seen:
        """What was taken down so far."""
        return Seen(self.blank, self.still, self.cut)


def interrupted(clock: Clock, lapses: Sequence[Lapse], frames: int) -> Clock:
    """The clock of a clip of so many `frames`, with a gap on both sides of each lapse: no beat is measured across it.

    Of a picture that stands still its first and its last frame belong to the beats beside it.
    """
    gaps = set(clock.gaps)
    for one in lapses:
        if one.cut:
            gaps.add(one.first - 1)
            continue
        gaps |= {one.first - 1, one.last} if one.blank else {one.first, one.last - 1}
    return replace(clock, gaps=tuple(sorted(gap for gap in gaps if 0 <= gap < frames - 1)))


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last place of every run of True."""
    edges = np.diff(np.concatenate([[0], np.asarray(flags, np.int8), [0]]))
    return list(zip(np.flatnonzero(edges > 0).tolist(), (np.flatnonzero(edges < 0) - 1).tolist(), strict=True))


def _thin(frame: Frame) -> Frame:
    """Up to THIN rows and columns of a frame, evenly spread."""
    return frame[:: -(-len(frame) // THIN), :: -(-frame.shape[1] // THIN)]
