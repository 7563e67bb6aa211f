"""Films and pictures through PyAV (libav): the only decoder of them in the house.

Grey is luma at full range, 0 to 255, and nothing else: the stored Y where a codec stores luma (stretched where it is
kept in 16 to 235), 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) where it stores colours. Ultrasound is grey, so its
pictures come back as they were written, and MJPG, the codec of EchoNet-Dynamic, needs no detour over RGB with its
rounding. Transparency is ignored. Frames are counted by decoding, never by the header.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from echodfkd.engine import threads
from echodfkd.errors import InputError
from echodfkd.video import container
from echodfkd.video.source import Picture, Video


@contextmanager
def open_film(path: Path, kind: container.Kind) -> Iterator[Video]:
    """The film or picture of that kind, open for one pass over its frames; InputError where it is damaged."""
    if container.is_cut(path, kind):
        raise InputError(_cut_off(path, kind))
    with _opened(path, kind) as (film, stream):
        frames = _grey(path, film, stream, _announced(stream, kind))
        yield Video(path, stream.height, stream.width, _rate(stream, kind), frames)


@contextmanager
def _opened(path: Path, kind: container.Kind) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The film and its first picture stream. The 'file:' keeps libav from reading a name as a pattern or an address."""
    try:
        film = av.open(f"file:{path}", format=kind.demuxer)
    except (av.error.FFmpegError, UnicodeError):
        raise InputError(f"{path} is a damaged {kind.name} file: its header cannot be read. Copy it again.") from None
    with film:
        if not film.streams.video:
            raise InputError(f"{path} holds no pictures (sound only?).")
        stream = film.streams.video[0]
        stream.thread_type, stream.thread_count = "AUTO", threads()
        yield film, stream


def _grey(path: Path, film: av.container.InputContainer, stream: av.VideoStream, announced: int) -> Iterator[Picture]:
    """The frames, decoded one by one; InputError at the first that cannot be, or where the film ends too early.

    `announced` frames are expected, 0 where nobody knows. Films with dropped frames have fewer than they announce, but
    their last one still stands at the end; and a header that counts one too many is common.
    """
    reformatter = VideoReformatter()
    count, end = 0, 0
    size = (stream.height, stream.width)
    try:
        for picture in film.decode(stream):
            if (picture.height, picture.width) != size:
                raise InputError(f"{path} changes its size at frame {count}; a clip has one size.")
            # Threads cost more than they bring here: pictures are small (28,000 against 8,000 frames/s of 112x112).
            yield np.array(reformatter.reformat(picture, format="gray", threads=1).to_ndarray())
            count += 1
            end = count if picture.pts is None else picture.pts + 1
    except av.error.FFmpegError:
        raise InputError(f"{path} is damaged: only {_of(count, announced)} can be decoded. Copy it again.") from None
    if count == 0:
        raise InputError(f"{path} holds no frames.")
    if max(count, end) < announced - 1:
        raise InputError(f"{path} ends too early: only {_of(count, announced)} can be decoded. Copy it again.")


def _announced(stream: av.VideoStream, kind: container.Kind) -> int:
    """How many frames the header speaks of, where the time of a frame is its number (AVI); else 0.

    MP4 announces what its edit list may leave out; its boxes and its decoder tell what is missing.
    """
    return stream.frames if kind is container.AVI else 0


def _cut_off(path: Path, kind: container.Kind) -> str:
    """What to say of a file that lacks its end, with the number of frames that could still be decoded."""
    count, announced = 0, 0
    try:
        with _opened(path, kind) as (film, stream):
            announced = stream.frames
            for _ in film.decode(stream):
                count += 1
    except (av.error.FFmpegError, InputError):
        pass
    return f"{path} is cut off: only {_of(count, announced)} can be decoded. Copy it again."


def _of(count: int, announced: int) -> str:
    return f"{count} of {announced} frames" if announced > count else f"{count} frames"


def _rate(stream: av.VideoStream, kind: container.Kind) -> float | None:
    """Frames per second (Hz), on average where they are not even; None for a still and where the file does not say."""
    if kind.still:
        return None
    if (
        kind is container.GIF and stream.duration and stream.time_base
    ):  # hundredths of a second per frame: only their sum is exact
        return float(stream.frames / (stream.duration * stream.time_base))
    return float(stream.average_rate) if stream.average_rate else None
