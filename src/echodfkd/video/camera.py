"""Devices and streams of the network that FFmpeg can open: frames with their times, for as long as they come."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.video.libav import Colours

Timed = Iterator[tuple[float, NDArray[np.uint8]]]
"""Seconds since the first frame, and the grey frame (height, width)."""
ENOUGH = 64
"""After so many frames it is asked whether they are coloured: colours may be switched on at any time. By choice."""


def is_camera(source: str) -> bool:
    """Whether `source` names a device, as FORMAT:NAME (v4l2:/dev/video0), as a device's path or as an address."""
    path = Path(source)
    return path.is_char_device() or (not path.exists() and re.match(r"[a-z][a-z0-9_]+:.", source) is not None)


@contextmanager
def open_camera(source: str) -> Iterator[Timed]:
    """The frames of a device until it ends or is closed. InputError where it cannot be opened or breaks off."""
    kind, name = ("v4l2", source) if Path(source).is_char_device() else source.split(":", 1)
    address = name.startswith("//")
    try:
        opened = av.open(source if address else name, format=None if address else kind)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise InputError(
            f"{source} cannot be opened ({getattr(error, 'strerror', None) or error}). Name a device as FORMAT:NAME, "
            "such as v4l2:/dev/video0 (Linux), avfoundation:0 (macOS) or dshow:video=NAME (Windows)."
        ) from None
    with opened:
        if not opened.streams.video:
            raise InputError(f"{source} shows no picture.")
        yield _frames(source, opened)


def _frames(source: str, opened: av.container.InputContainer) -> Timed:
    first, colours = None, Colours()
    try:
        for frame in opened.decode(video=0):
            if frame.time is None:
                raise InputError(f"{source} gives frames without times.")
            first = frame.time if first is None else first
            grey = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
            colours.add(frame, grey)
            yield float(frame.time - first), grey
            if colours.passed == ENOUGH:
                colours.check(source)
                colours = Colours()
        colours.check(source)
    except av.error.FFmpegError as error:
        raise InputError(f"{source} broke off ({error.strerror}).") from None
