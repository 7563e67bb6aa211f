"""Films and pictures through PyAV (libav): the only decoder of them in the house.

Grey is luma at full range, 0 to 255, and nothing else: the stored Y where a codec stores luma (stretched where it is
kept in 16 to 235), 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) where it stores colours. Ultrasound is grey, so its
pictures come back as they were written, and MJPG, the codec of EchoNet-Dynamic, needs no detour over RGB with its
rounding. Transparency is ignored, but what a GIF gives no colour at all is black. Frames are counted by decoding, never
by the header, and their times are those that the container gives them. Pictures are turned as players turn them; pixels
that are not square are left as they are, their shape becomes the spacing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from echodfkd import file_kinds
from echodfkd.clock import Clock, clock_of_numbers, clock_of_rate, clock_of_times
from echodfkd.engine import threads
from echodfkd.errors import InputError
from echodfkd.limits import limits, refusal
from echodfkd.video import container
from echodfkd.video.fan import Screen, coloured, fan
from echodfkd.video.source import Picture, Video
from echodfkd.video.turn import UPRIGHT, Turn, turn_of_exif, turn_of_matrix

DIMMEST = 1 << 14
"""The least brightest level of 16-bit pictures, whose white is 65,535: below, they hold fewer bits than they say."""
LOOKED, ENOUGH = 8, 256
"""Of so many frames one is looked at for colours, and the rows or columns that are enough for it. By choice."""
FLATTEST = 8.0
"""How many times as wide as high, or as high as wide, a pixel may be."""


@contextmanager
def open_film(path: Path, kind: file_kinds.Kind) -> Iterator[Video]:
    """The film or picture of that kind, open for one pass over its frames; InputError where it is damaged."""
    if container.is_cut(path, kind):
        raise InputError(_cut_off(path, kind))
    with _opened(path, kind) as (film, stream):
        pictures = _decoded(path, film, stream, _announced(stream, kind))
        first = next(pictures)
        if kind.still:  # photographs may hold a smaller picture of themselves, or that of a second lens
            pictures = iter(())
        turn = turn_of_exif(path) if kind.still or kind is file_kinds.APNG else _turn(path, first)
        stamps, colours = _Stamps(), Colours()
        frames = _grey(path, chain([first], pictures), turn, stamps, colours, kind is file_kinds.GIF)
        height, width = turn.size(first.height, first.width)
        spacing = None if kind.still or kind is file_kinds.APNG else _spacing(path, stream, turn)
        header = _header_rate(path, stream, kind)
        fps = None if header is None else clock_of_rate(header).fps
        told = (lambda: _clock(path, stream, kind, stamps, header), bool(spacing), None, _remarks(film, first))
        yield Video(path, height, width, fps, frames, spacing, *told, check_grey=lambda: colours.check(path))


def _remarks(film: av.container.InputContainer, first: av.VideoFrame) -> tuple[str, ...]:
    """What is odd about a film and yet no fault."""
    told = []
    cover = av.stream.Disposition.attached_pic
    if (count := sum(not stream.disposition & cover for stream in film.streams.video)) > 1:
        told.append(f"{count} films in one file, the one that players show is used")
    if first.interlaced_frame:
        told.append("its frames are interlaced: every second row may be of another moment")
    return tuple(told)


@dataclass
class _Stamps:
    """When the frames that have passed are shown, as the container has it."""

    ticks: list[int | None] = field(default_factory=list)


@dataclass
class Colours:
    """What is counted of some of the frames that have passed, to tell colour Doppler by."""

    passed: int = 0
    screen: Screen | None = None

    def add(self, picture: av.VideoFrame, grey: Picture) -> None:
        """Takes in every LOOKED-th frame that can hold colours, before it is turned."""
        colours = len(picture.format.components) > 1 or picture.format.has_palette
        if self.passed % LOOKED == 0 and colours:
            step = max(1, min(grey.shape) // ENOUGH)
            seen = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)[::step, ::step]
            self.screen = self.screen or Screen(seen.shape[:2])
            self.screen.add(grey[::step, ::step], coloured(seen))
        self.passed += 1

    def check(self, source: Path | str) -> None:
        """InputError where they are coloured."""
        if self.screen is None:
            return
        try:
            self.screen.check_grey(fan(self.screen.brightest[None]))
        except InputError as error:
            raise InputError(f"{source}: {error} Give a clip without it.") from None


@contextmanager
def _opened(path: Path, kind: file_kinds.Kind) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The film and the picture stream that players show.

    The 'file:' keeps libav from reading a name as a pattern or an address.
    """
    try:
        film = av.open(f"file:{path}", format=kind.demuxer, timeout=float(limits().seconds))
    except (av.error.FFmpegError, UnicodeError, MemoryError, ValueError, OverflowError):
        raise InputError(f"{path} is a damaged {kind.name} file: its header cannot be read. Copy it again.") from None
    with film:
        if not film.streams.video:
            raise InputError(f"{path} holds no pictures (sound only?).")
        stream = cast(av.VideoStream, film.streams.best("video") or film.streams.video[0])
        if stream.codec_context is None:
            raise InputError(f"{path} holds pictures of a kind that nobody here decodes. Save it as MJPG or H.264.")
        _check_size(path, stream.height, stream.width)
        stream.thread_type, stream.thread_count = "AUTO", threads()
        yield film, stream


def _check_size(path: Path, height: int, width: int) -> None:
    if height * width > limits().pixels:
        raise InputError(refusal(f"{path} has frames of", f"{height} x {width} pixels", "pixels"))


def _decoded(
    path: Path, film: av.container.InputContainer, stream: av.VideoStream, announced: int
) -> Iterator[av.VideoFrame]:
    """The pictures, decoded one by one; InputError at the first that cannot be, or where the film ends too early.

    `announced` frames are expected, 0 where nobody knows. Films with dropped frames have fewer than they announce, but
    their last one still stands at the end; and a header that counts one too many is common.
    """
    count, end, size, most = 0, 0, (0, 0), limits()
    try:
        for picture in _timely(path, film.decode(stream), most.seconds):
            if count and (picture.height, picture.width) != size:
                raise InputError(f"{path} changes its size at frame {count}; a clip has one size.")
            if count == 0:
                _check_size(path, picture.height, picture.width)
            if count == most.frames:
                raise InputError(refusal(f"{path} has", f"more than {most.frames} frames", "frames"))
            size = picture.height, picture.width
            yield picture
            count += 1
            end = count if picture.pts is None else picture.pts + 1
    except (av.error.FFmpegError, MemoryError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged: only {_of(count, announced)} can be decoded. Copy it again.") from None
    if count == 0:
        raise InputError(f"{path} holds no frames.")
    if max(count, end) < announced - 1:
        raise InputError(f"{path} ends too early: only {_of(count, announced)} can be decoded. Copy it again.")


def _timely(path: Path, pictures: Iterator[av.VideoFrame], seconds: float) -> Iterator[av.VideoFrame]:
    """The same; InputError where one takes too long to come."""
    start = monotonic()
    for picture in pictures:
        if monotonic() - start > seconds:
            raise InputError(refusal(f"{path} takes", f"more than {seconds} s to decode one frame", "seconds"))
        yield picture
        start = monotonic()


def _grey(
    path: Path, pictures: Iterator[av.VideoFrame], turn: Turn, stamps: _Stamps, colours: Colours, gif: bool
) -> Iterator[Picture]:
    """The frames as grey levels, turned; InputError at the end of a film whose levels use few of their 16 bits."""
    reformatter, brightest, deep = VideoReformatter(), 0, False
    for picture in pictures:
        deep = max((part.bits for part in picture.format.components), default=8) >= 16
        if deep and brightest < DIMMEST:
            brightest = max(brightest, int(reformatter.reformat(picture, format="gray16le").to_ndarray().max()))
        stamps.ticks.append(picture.pts)
        # Threads cost more than they bring here: pictures are small (28,000 against 8,000 frames/s of 112x112).
        grey = np.array(reformatter.reformat(picture, format="gray", threads=1).to_ndarray(), np.uint8)
        if gif and picture.format.name == "bgra":  # its transparent pixels have no colour of their own
            grey[picture.to_ndarray(format="bgra")[..., 3] == 0] = 0
        colours.add(picture, grey)
        yield turn(grey)
    if deep and 0 < brightest < DIMMEST:
        raise InputError(
            f"{path} has 16 bits for a level, but its brightest is {brightest} of 65535: it would be read as black. "
            "Save it with 8 bits, levels of 0 to 255."
        )


def _turn(path: Path, picture: av.VideoFrame) -> Turn:
    """How a film's pictures are to be turned, by its display matrix."""
    sides: Any = picture.side_data  # PyAV's stubs call its items names
    try:
        matrix = next((bytes(one) for one in sides if one.type.name == "DISPLAYMATRIX"), None)
    except ValueError:  # side data of a kind that PyAV has no name for
        matrix = None
    return UPRIGHT if matrix is None else turn_of_matrix(path, matrix)


def _spacing(path: Path, stream: av.VideoStream, turn: Turn) -> tuple[float, float] | None:
    """How high and wide a pixel is shown, y then x, the smaller being 1; None where they are square or unknown."""
    ratio = stream.sample_aspect_ratio
    aspect = float(ratio) if ratio else 1.0
    if not aspect > 0 or abs(aspect - 1) < 1e-3:
        return None
    if not 1 / FLATTEST <= aspect <= FLATTEST:
        raise InputError(f"{path} has pixels {aspect:g} times as wide as high: its header is damaged. Save it again.")
    spacing = (1.0, aspect) if aspect > 1 else (1 / aspect, 1.0)
    return spacing[::-1] if turn.swaps else spacing


def _clock(path: Path, stream: av.VideoStream, kind: file_kinds.Kind, stamps: _Stamps, header: float | None) -> Clock:
    """When the frames that have passed were taken, as the container tells."""
    count = len(stamps.ticks)
    if kind.still or count < 2:
        return Clock() if header is None else clock_of_rate(header)
    ticks = np.array([-1 if tick is None else tick for tick in stamps.ticks], np.int64)
    known = None not in stamps.ticks
    if kind is file_kinds.AVI:  # a time is a frame's number; codecs that reorder frames mix them up
        numbers = np.unique(ticks)
        stated = "" if header is not None else "its header states none"
        whole = known and len(numbers) == count
        return clock_of_numbers(numbers if whole else np.arange(count), header, stated)
    delays = container.delays(path, kind)
    if delays is not None and min(delays[: count - 1], default=1) <= container.SHORTEST:
        return Clock(unknown="some frames have a delay of 0, or one that no player keeps")
    tick = float(stream.time_base or 0)
    if not known or not tick or not (np.diff(ticks) > 0).all():
        return Clock(unknown="the times of its frames do not rise")
    times = (ticks - ticks[0]) * tick
    if abs(np.rint(1000 * times) - 1000 * times).max() < 1e-6:  # as most programs that note times one by one have them
        tick = max(tick, 0.001)
    return clock_of_times(times, header, tick, delays[-1] if delays and _lasts(delays) else None)


def _lasts(delays: Sequence[float]) -> bool:
    """Whether a film's last frame is shown for as long as others are: many pause there before they begin anew."""
    return len(delays) > 1 and min(delays[:-1]) <= delays[-1] <= max(delays[:-1])


def _header_rate(path: Path, stream: av.VideoStream, kind: file_kinds.Kind) -> float | None:
    """Frames per second (Hz) as the header states them; None for a still and where it does not."""
    if kind is file_kinds.AVI:
        return container.avi_rate(path)
    if kind is file_kinds.MP4 and stream.average_rate:
        return float(stream.average_rate)
    delays = container.delays(path, kind)
    if not delays or min(delays) <= container.SHORTEST:
        return None
    even = delays if _lasts(delays) else delays[:-1] or delays
    return float(f"{len(even) / sum(even):.9g}")


def _announced(stream: av.VideoStream, kind: file_kinds.Kind) -> int:
    """How many frames the header speaks of, where the time of a frame is its number (AVI); else 0.

    MP4 announces what its edit list may leave out; its boxes and its decoder tell what is missing.
    """
    return stream.frames if kind is file_kinds.AVI else 0


def _cut_off(path: Path, kind: file_kinds.Kind) -> str:
    """What to say of a file that lacks its end, with the number of frames that could still be decoded."""
    count, announced = 0, 0
    try:
        with _opened(path, kind) as (film, stream):
            announced = stream.frames
            for _ in _timely(path, film.decode(stream), limits().seconds):
                count += 1
    except (av.error.FFmpegError, InputError, MemoryError, ValueError, OverflowError):
        pass
    return f"{path} is cut off: only {_of(count, announced)} can be decoded. Copy it again."


def _of(count: int, announced: int) -> str:
    return f"{count} of {announced} frames" if announced > count else f"{count} frames"
