"""Moving pictures of a clip with its masks: contours, a light fill, and the area curve with a cursor below."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError
from echodfkd.measure.beats import Events, check_rate
from echodfkd.report.draw.strip import Strip, stamp
from echodfkd.resize import resized

Rgb = NDArray[np.uint8]  # (height, width, 3)
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "lv": (86, 180, 233),
    "rv": (230, 159, 0),
    "la": (204, 121, 167),
    "ra": (0, 158, 115),
    "myocardium": (213, 94, 0),
}
"""One colour per structure, told apart with any colour vision (palette of M. Okabe and K. Ito)."""

SECOND_COLOUR: Colour = (240, 228, 66)
"""Yellow of the same palette, for the second outline (the truth or a teacher)."""


@dataclass(frozen=True)
class OverlayStyle:
    """Dials of the picture. Sizes in pixels of the enlarged frame."""

    least_side: int = 336  # the longer side is enlarged by a whole number to at least this
    line: float = 2.0  # width of a contour
    fill: float = 0.16  # opacity of the fill, 0 to 1
    strip: int = 72  # height of the area curve below the picture

    def __post_init__(self) -> None:
        if self.least_side < 1 or self.line <= 0 or not 0 <= self.fill <= 1 or self.strip < 40:
            raise InputError(
                "An overlay needs least_side >= 1, line > 0, fill in [0, 1] and strip >= 40, got "
                f"{self.least_side}, {self.line}, {self.fill} and {self.strip}."
            )


def overlay_frame(
    frame: NDArray[np.uint8],
    masks: Mapping[str, NDArray[np.bool_]],
    second: Mapping[str, NDArray[np.bool_]] | None = None,
    style: OverlayStyle | None = None,
) -> Rgb:
    """The grey frame (height, width) uint8 enlarged, each mask as contour and light fill: (k height, k width, 3) uint8.

    `masks` are bool (height, width) by structure; `second` (the truth, a teacher) is drawn as thin yellow outlines. k
    is the whole number that brings the longer side to at least `style.least_side`.
    """
    style = style or OverlayStyle()
    _check(frame, {**masks, **(second or {})})
    factor = scale_factor(frame.shape, style)
    picture = np.repeat(enlarged(frame.astype(np.float32), factor)[..., None], 3, axis=-1)
    for name, mask in masks.items():
        _blend(picture, style.fill * (enlarged(mask.astype(np.float32), factor) >= 0.5), COLOURS[name])
        _blend(picture, contour(mask, factor, style.line), COLOURS[name])
    for mask in (second or {}).values():
        _blend(picture, contour(mask, factor, 0.6 * style.line), SECOND_COLOUR)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def overlay_frames(
    frames: Iterable[NDArray[np.uint8]],
    masks: Iterable[Mapping[str, NDArray[np.bool_]]],
    area: ArrayLike,
    events: Events,
    second: Iterable[Mapping[str, NDArray[np.bool_]]] | None = None,
    style: OverlayStyle | None = None,
    note: str = "",
) -> Iterator[Rgb]:
    """RGB pictures (height, width, 3) uint8 of a clip, one per frame: the overlay above the area curve and its cursor.

    Frames and masks are taken one at a time, so a clip of any length needs the memory of one frame; only `area`
    (time,) and `events` must be known beforehand. An event is named in the corner while it lasts (60 ms to both
    sides); a `note` stands in the lower left one throughout.
    """
    style = style or OverlayStyle()
    curve, seconds = np.asarray(area, np.float64), second if second is not None else _nothing()
    strip: Strip | None = None
    for number, (frame, mask, other) in enumerate(zip(frames, masks, seconds, strict=False)):
        picture = overlay_frame(frame, mask, other, style)
        if strip is None:
            strip = Strip.of(curve, events, picture.shape[1], style.strip)
        _name_event(picture, number, events)
        if note:
            _write(picture, note, low=True)
        yield np.concatenate([picture, strip.at(number)])


def live_frame(
    frame: NDArray[np.uint8],
    masks: Mapping[str, NDArray[np.bool_]],
    area: Sequence[int],
    words: str,
    style: OverlayStyle | None = None,
) -> Rgb:
    """One picture (height, width, 3) uint8 of a clip that is still going on: overlay, `words` in its corner, curve.

    `area` holds the last areas, up to this frame's.
    """
    style = style or OverlayStyle()
    picture = overlay_frame(frame, masks, None, style)
    if words:
        _write(picture, words)
    strip = Strip.of(np.array(area, np.float64), Events((), ()), picture.shape[1], style.strip)
    return np.concatenate([picture, strip.past])


def scale_factor(shape: tuple[int, ...], style: OverlayStyle) -> int:
    """The whole number that brings the longer side of (height, width) to at least `style.least_side`."""
    return max(1, -(-style.least_side // max(shape)))


def enlarged(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """The image (height, width) `factor` times as large by bilinear interpolation; edges are held."""
    return resized(image, *(side * factor for side in image.shape))


def contour(mask: NDArray[np.bool_], factor: int, line: float) -> NDArray[np.float32]:
    """Opacity in [0, 1] of a line of that width along the edge of the mask (height, width), `factor` times as large.

    The mask is smoothed over one pixel to each side so that the line has no steps; single stray pixels get no line and
    show by their fill. Across an edge the smoothed mask climbs by 1 / (2 factor) per enlarged pixel, which turns its
    distance from one half into a distance from the edge. An unenlarged mask is outlined by its own edge pixels.
    """
    if factor == 1:
        return _edge_pixels(mask).astype(np.float32)
    field = enlarged(_softened(mask), factor)
    return np.clip(line / 2 + 0.5 - np.abs(field - 0.5) * 2 * factor, 0, 1).astype(np.float32)


def _softened(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The mask averaged with weights 1, 2, 1 along both axes; edges are held."""
    soft = np.pad(mask.astype(np.float32), 1, mode="edge")
    weights = np.array([0.25, 0.5, 0.25], np.float32)
    rows = np.einsum("k,kyx->yx", weights, [soft[n : n + len(mask)] for n in range(3)])
    return np.einsum("k,kyx->yx", weights, [rows[:, n : n + mask.shape[1]] for n in range(3)])


def _edge_pixels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask with a neighbour outside it, the image border counting as outside."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _blend(picture: NDArray[np.float32], opacity: NDArray, colour: Colour) -> None:
    """Mixes the colour into the picture (height, width, 3) in place, only within the rows and columns it touches."""
    rows, columns = (np.flatnonzero(opacity.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return
    box = _span(rows), _span(columns)
    part = opacity[box][..., None].astype(np.float32)
    picture[box] += part * (np.array(colour, np.float32) - picture[box])


def _span(places: NDArray[np.intp]) -> slice:
    return slice(int(places[0]), int(places[-1]) + 1)


def _name_event(picture: Rgb, number: int, events: Events) -> None:
    """Writes ED or ES into the upper left corner, in place, within 60 ms of such a frame."""
    clock, reach = events.time, 0.06 * check_rate(events.fps)
    for label, frames in (("ED", events.ed_frames), ("ES", events.es_frames)):
        if (np.abs(clock.at(frames) - clock.at([number])) <= reach).any():
            _write(picture, label)


def _write(picture: Rgb, words: str, low: bool = False) -> None:
    """Writes into the upper left corner, or the lower, in place."""
    ink = stamp(words, max(12, picture.shape[0] // 16))
    top = max(0, picture.shape[0] - ink.shape[0] - 8) if low else 8
    room = picture[top : top + ink.shape[0], 8 : 8 + ink.shape[1]]
    alpha = ink[: room.shape[0], : room.shape[1], None].astype(np.float32) / 255
    room[:] = (room + alpha * (255 - room.astype(np.float32))).astype(np.uint8)


def _nothing() -> Iterator[None]:
    while True:
        yield None


def _check(frame: np.ndarray, masks: Mapping[str, np.ndarray]) -> None:
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise InputError(f"A frame to draw on must be (height, width) uint8, got {frame.dtype} {frame.shape}.")
    for name, mask in masks.items():
        if name not in COLOURS:
            raise InputError(f"Structures are {', '.join(COLOURS)}, got {name!r}.")
        if mask.shape != frame.shape or mask.dtype != np.bool_:
            raise InputError(f"The mask {name} must be bool {frame.shape} as the frame, got {mask.dtype} {mask.shape}.")
