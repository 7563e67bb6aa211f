"""Files of clips to clips and back: what kind a file is decides who reads it, its suffix who writes it."""

import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from echodfkd import limits
from echodfkd.clip import Clip, Frames
from echodfkd.clock import Clock, check_times
from echodfkd.errors import InputError, OutputError
from echodfkd.files import writing
from echodfkd.names import clip_name
from echodfkd.video import container, dicom, encode
from echodfkd.video.source import Picture, Source, Video


@contextmanager
def open_video(path: Path | str) -> Iterator[Video]:
    """A film or picture, open for one pass over its frames in bounded memory (a NIfTI file is read as a whole).

    Raises InputError, in one line, for what is missing, empty, cut off, damaged, or no film at all.
    """
    path = Path(path)
    kind = container.kind(path)
    with pkgutil.resolve_name(kind.reader)(path, kind) as video:
        yield video


def read(path: Path | str) -> Clip:
    """A whole film, or a still as one frame, as a clip named after its file. Raises InputError as `open_video` does."""
    with open_video(path) as video:
        frames = _whole(path, video)
        clock = video.clock
        told = (clock.fps, video.spacing, clock.times, video.relative, video.part, video.remarks, clock.dropped)
        return Clip(name(path), frames, *told)


def name(path: Path | str) -> str:
    """What the clip in a file is called: as its file, but DICOM as its header says, as file names hold patients'."""
    path = Path(path)
    return dicom.clip_name(path) if container.is_dicom(path) else clip_name(path)


def _whole(path: Path | str, video: Video) -> Frames:
    """All frames; InputError where they would take more memory than LIMITS allow."""
    kept, most = list[Picture](), limits.limits().memory
    for frame in video:
        kept.append(frame)
        if len(kept) * frame.nbytes > most:
            told = "This DICOM clip" if container.is_dicom(Path(path)) else path
            raise InputError(limits.refusal(f"{told} takes", f"more than {most:,} bytes of memory", "memory"))
    return np.stack(kept)


def file_source(path: Path) -> Source:
    """The clip in a file; its pixels are only read when asked for. InputError where the file cannot be opened.

    Colour Doppler is refused at the end of its first pass: its grey is that of two images, one above the other.
    """
    with open_video(path) as video:
        opened, size = video, (video.height, video.width)
    known = list[Clock]()  # once a pass went through

    def frames() -> Iterator[NDArray[np.uint8]]:
        with open_video(path) as video:
            yield from video
            video.check_grey()
            known[:] = [video.clock]

    def clock() -> Clock:
        if not known:
            for _ in frames():
                pass
        return known[0]

    told = (clock, opened.relative, opened.part, opened.remarks, opened.uncut)
    return Source(name(path), opened.fps, frames, size, opened.spacing, *told)


def write(
    path: Path | str,
    frames: Iterable[Picture],
    fps: float | None = None,
    times: NDArray[np.float64] | None = None,
) -> None:
    """Writes frames (height, width) grey or (height, width, 3) RGB, all uint8 of one size, as the film `path` names.

    .mp4 is H.264 (an odd side grows by one repeated pixel), .avi MJPG, .gif GIF (times in hundredths of a second), .png
    one still. `fps` in Hz need not be whole; without one a film is shown at 25. Equal frames give equal bytes. The file
    appears when it is complete. `times` (time,), seconds, are kept to a thousandth where an .mp4's frames come
    unevenly. Raises InputError for frames it cannot write, OutputError where there is no room.
    """
    path = Path(path)
    encoder = encode.ENCODERS.get(path.suffix.lower())
    if encoder is None:
        raise InputError(f"Films are written as {', '.join(encode.ENCODERS)}, got {path.name}.")
    rate = _fraction(25.0 if fps is None else fps)
    frames = _alike(frames)
    if times is not None:
        check_times(times, len(times))
        if encoder is not encode.mp4:
            raise InputError(f"Uneven times are kept in .mp4 alone, got {path.name}.")
    with writing(path) as part:
        try:
            if times is None:
                encoder(part, frames, rate)
            else:
                encode.mp4(part, frames, rate, times)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"Cannot write {path}: the encoder refuses these frames ({error.strerror}).") from None


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
