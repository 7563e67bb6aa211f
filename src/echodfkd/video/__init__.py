"""Films and pictures to clips and back, through PyAV (libav); NIfTI is handed on to `data/nifti.py`.

Grey is luma at full range, 0 to 255, and nothing else: the stored Y where a codec stores luma (stretched where it is
kept in 16 to 235), 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) where it stores colours. Ultrasound is grey, so its
pictures come back as they were written, and MJPG, the codec of EchoNet-Dynamic, needs no detour over RGB with its
rounding. Transparency is ignored. Frames are counted by decoding, never by the header.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.errors import InputError, OutputError
from echodfkd.files import writing
from echodfkd.video import container, encode, nifti
from echodfkd.video.container import clip_name

Picture = NDArray[np.uint8]  # (height, width) grey or (height, width, 3) RGB


@dataclass(frozen=True)
class Video:
    """An open film: its size, its frame rate (Hz; None for stills and where unknown) and one pass over its frames."""

    path: Path
    height: int
    width: int
    fps: float | None
    frames: Iterator[Picture]
    spacing: tuple[float, float] | None = None  # mm per pixel, y then x, where the file tells

    def __iter__(self) -> Iterator[Picture]:
        """The grey frames (height, width) uint8, one at a time. InputError where the film is damaged."""
        return self.frames


@contextmanager
def open_video(path: Path | str) -> Iterator[Video]:
    """A film or picture, open for one pass over its frames in bounded memory (a NIfTI file is read as a whole).

    Raises InputError, in one line, for what is missing, empty, cut off, damaged, or no film at all.
    """
    path = Path(path)
    kind = container.kind(path)
    if kind is container.NIFTI:
        clip = nifti.read(path)
        _, height, width = clip.frames.shape
        yield Video(path, height, width, clip.fps, iter(clip.frames), clip.spacing)
        return
    if container.is_cut(path, kind):
        raise InputError(_cut_off(path, kind))
    with _opened(path, kind) as (film, stream):
        frames = _grey(path, film, stream, _announced(stream, kind))
        yield Video(path, stream.height, stream.width, _rate(stream, kind), frames)


def read(path: Path | str) -> Clip:
    """A whole film, or a still as one frame, as a clip named after its file. Raises InputError as `open_video` does."""
    with open_video(path) as video:
        frames = np.stack(list(video))
        return Clip(clip_name(path), frames, video.fps, video.spacing)


def write(path: Path | str, frames: Iterable[Picture], fps: float | None = None) -> None:
    """Writes frames (height, width) grey or (height, width, 3) RGB, all uint8 of one size, as the film `path` names.

    .mp4 is H.264 (an odd side grows by one repeated pixel), .avi MJPG, .gif GIF (times in hundredths of a second), .png
    one still. `fps` in Hz need not be whole; without one a film is shown at 25. Equal frames give equal bytes. The file
    appears when it is complete. Raises InputError for frames it cannot write, OutputError where there is no room.
    """
    path = Path(path)
    encoder = encode.ENCODERS.get(path.suffix.lower())
    if encoder is None:
        raise InputError(f"Films are written as {', '.join(encode.ENCODERS)}, got {path.name}.")
    rate = _fraction(25.0 if fps is None else fps)
    frames = _alike(frames)
    with writing(path) as beside:
        try:
            encoder(beside, frames, rate)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"Cannot write {path}: the encoder refuses these frames ({error.strerror}).") from None


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
        stream.thread_type = "AUTO"
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


def _fraction(fps: float) -> Fraction:
    """`fps` as containers store it: 29.97 Hz television is 30000/1001."""
    if not 0 < fps < 100_000:
        raise InputError(f"A frame rate must be above 0 Hz, got {fps}.")
    return Fraction(fps).limit_denominator(1001)


def _alike(frames: Iterable[Picture]) -> Iterator[Picture]:
    """The same frames, checked on their way: all uint8 and of the first one's size, and at least one."""
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise InputError("A film needs at least one frame, got none.")
    for number, frame in enumerate(chain([first], rest)):
        picture = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)
        if not picture or frame.dtype != np.uint8 or frame.shape != first.shape or 0 in frame.shape:
            raise InputError(
                "Frames to be written must be (height, width) or (height, width, 3) uint8 of one size, "
                f"got {frame.dtype} {frame.shape} at frame {number}."
            )
        yield np.ascontiguousarray(frame)
