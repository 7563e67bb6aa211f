"""A beating disc whose heart rate (72 per minute) and ejection fraction (60 %) are known, filmed at any times."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from echodfkd.video import write

HEART_RATE, EJECTION_FRACTION = 72.0, 60.0
SIDE, RADIUS = 96, 32.0
CODECS = {".avi": ("mjpeg", "yuvj420p"), ".mp4": ("libx264", "yuv420p"), ".gif": ("gif", "gray")}


def beating_disc(times: Sequence[float], aspect: float = 1.0) -> np.ndarray:
    """Frames (time, height, width) uint8 at those seconds: a disc of 255, largest at 0 s, whose volume is its cube.

    `aspect` is how many times as wide as high a pixel is.
    """
    volume = 1 - EJECTION_FRACTION / 100 * (1 - np.cos(2 * np.pi * HEART_RATE / 60 * np.asarray(times))) / 2
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    away = np.hypot(rows * max(1, 1 / aspect), columns * max(1, aspect))
    radius = RADIUS * np.cbrt(volume)[:, None, None]
    return (255 * np.clip(radius + 0.5 - away, 0, 1)).astype(np.uint8)


def film(path: Path, frames: np.ndarray, ticks: Sequence[int], rate: Fraction | int = 50, **options) -> Path:
    """Frames shown at `ticks`, in steps of 1 / rate: what lacks in an AVI becomes an empty chunk."""
    codec, pixels = CODECS[path.suffix]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options={"qmin": "1", "qmax": "1"} if codec == "mjpeg" else {})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape, pixels
        for name, value in options.items():
            setattr(stream.codec_context, name, value)
        for frame, tick in zip(frames, ticks, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="gray")
            picture.pts, picture.time_base = int(tick), 1 / Fraction(rate)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def avi_at(path: Path, frames: np.ndarray, rate: int, scale: int = 1) -> Path:
    """An AVI whose header states rate / scale frames per second, whatever that is."""
    write(path, frames, 50)
    content = bytearray(path.read_bytes())
    at = content.index(b"strh") + 8
    content[at + 20 : at + 28] = scale.to_bytes(4, "little") + rate.to_bytes(4, "little")
    path.write_bytes(content)
    return path
