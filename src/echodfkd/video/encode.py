"""Frames to the bytes of a film, per format; `video.write` checks the frames and lets no file be seen half-written.

Every encoder runs on one thread and leaves out time stamps and versions, so that equal frames give equal bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from echodfkd.errors import InputError

Picture = NDArray[np.uint8]  # (height, width) grey or (height, width, 3) RGB
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
TICK = Fraction(1, 1000)
"""What uneven times are rounded to, s."""
Encoder = Callable[[Path, Iterator[Picture], Fraction], None]


def mp4(path: Path, frames: Iterator[Picture], rate: Fraction, times: NDArray[np.float64] | None = None) -> None:
    """H.264 as browsers play it: 4:2:0, the index in front. An odd side grows by its repeated last pixel."""
    # Without cpu-independent, x264 takes shortcuts in its look-ahead whose results differ by machine, and by chance.
    options = {"crf": "18", "preset": "veryfast", "x264-params": "cpu-independent=1"}
    even = (_even(frame) for frame in frames)
    _encode(path, map(_video_frame, even), rate, "libx264", "yuv420p", options, {"movflags": "faststart"}, times)


def avi(path: Path, frames: Iterator[Picture], rate: Fraction) -> None:
    """MJPG, the codec of EchoNet-Dynamic, nearly without loss."""
    _encode(path, map(_video_frame, frames), rate, "mjpeg", "yuvj420p", {"qmin": "1", "qmax": "1"}, {})


def gif(path: Path, frames: Iterator[Picture], rate: Fraction) -> None:
    """A GIF that repeats for ever: grey without loss, colours by a palette per frame."""
    first = next(frames)
    pictures: Iterable[av.VideoFrame] = map(_video_frame, chain([first], frames))
    if first.ndim == 3:
        _encode(path, _with_palette(pictures, first.shape[1], first.shape[0], rate), rate, "gif", "pal8", {}, {})
    else:
        _encode(path, pictures, rate, "gif", "gray", {}, {})


def png(path: Path, frames: Iterator[Picture], rate: Fraction) -> None:
    """One still, without loss."""
    frame = next(frames)
    if next(frames, None) is not None:
        raise InputError(f"A PNG holds one frame; write several as .mp4, .avi or .gif, not {path.suffix}.")
    codec = av.CodecContext.create("png", "w")
    codec.height, codec.width = frame.shape[:2]
    codec.pix_fmt = "gray" if frame.ndim == 2 else "rgb24"
    codec.time_base = 1 / rate
    path.write_bytes(b"".join(bytes(packet) for packet in [*codec.encode(_video_frame(frame)), *codec.encode(None)]))


ENCODERS: dict[str, Encoder] = {".mp4": mp4, ".avi": avi, ".gif": gif, ".png": png}
"""What can be written, by suffix."""


def _encode(
    path: Path,
    pictures: Iterable[av.VideoFrame],
    rate: Fraction,
    codec: str,
    pixels: str,
    options: dict[str, str],
    container_options: dict[str, str],
    times: NDArray[np.float64] | None = None,
) -> None:
    """Writes `pictures`, at even times or at `times` (s), as one stream into the container that the suffix names."""
    pictures = iter(pictures)
    first = next(pictures)
    reformatter = VideoReformatter()
    with av.open(f"file:{path}", "w", options={"fflags": "+bitexact", **container_options}) as film:
        stream = cast(av.VideoStream, film.add_stream(codec, rate=rate, options={"flags": "+bitexact", **options}))
        stream.height, stream.width, stream.pix_fmt = first.height, first.width, pixels
        stream.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = TICK
        for number, picture in enumerate(chain([first], pictures)):
            ready = reformatter.reformat(picture, format=pixels, interpolation=EXACT, threads=1)
            ready.pts, ready.time_base = number, 1 / rate
            if times is not None:
                ready.pts, ready.time_base = round((times[number] - times[0]) / TICK), TICK
            film.mux(stream.encode(ready))
        film.mux(stream.encode(None))


def _video_frame(frame: Picture) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(frame, format="gray" if frame.ndim == 2 else "rgb24")


def _even(frame: Picture) -> Picture:
    """`frame` with an even number of rows and columns, the last one repeated where needed."""
    height, width = frame.shape[:2]
    rest = [(0, 0)] * (frame.ndim - 2)
    return np.pad(frame, [(0, height % 2), (0, width % 2), *rest], mode="edge")


def _with_palette(
    pictures: Iterable[av.VideoFrame], width: int, height: int, rate: Fraction
) -> Iterator[av.VideoFrame]:
    """RGB pictures with 256 colours chosen for each."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=1 / rate)
    split, palette = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    use, sink = graph.add("paletteuse", "new=1"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, 1 / rate
        graph.push(picture)
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    """What has come out of the graph so far."""
    while True:
        try:
            yield cast(av.VideoFrame, graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return
