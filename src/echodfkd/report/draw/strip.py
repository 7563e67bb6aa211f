"""The area curve below a moving overlay: drawn once, a cursor moved along it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from echodfkd.measure.beats import Events

Rgb = NDArray[np.uint8]

PAPER = (16, 18, 22)
PAST = (86, 180, 233)
FUTURE = (62, 92, 112)
MARK = (150, 156, 164)
CURSOR = (245, 245, 245)
MARGIN = 8
"""Pixels left free to the left and right of the curve, so that the first and last marks stay readable."""


@dataclass(frozen=True)
class Strip:
    """The curve of a whole clip in two tints (height, width, 3) uint8, and the column (x) of every frame."""

    past: Rgb
    future: Rgb
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, area: NDArray[np.float64], events: Events, width: int, height: int) -> "Strip":
        """The strip of an area curve (time,) with its ED and ES marked."""
        if events.time.times is None or len(area) < 2:
            along = np.linspace(MARGIN, width - 1 - MARGIN, max(len(area), 2))
        else:
            places = events.time.places(len(area))
            along = MARGIN + places / places[-1] * (width - 1 - 2 * MARGIN)
        columns = np.rint(along).astype(np.intp)
        past, future = (_drawn(area, events, columns, width, height, ink) for ink in (PAST, FUTURE))
        return cls(past, future, columns)

    def at(self, frame: int) -> Rgb:
        """The strip while that frame is shown: what was seen is bright, what comes is dim, a line between."""
        column = int(self.columns[min(frame, len(self.columns) - 1)])
        picture = self.future.copy()
        picture[:, :column] = self.past[:, :column]
        picture[4:-4, column] = CURSOR
        return picture


@lru_cache(maxsize=8)
def stamp(text: str, size: int) -> NDArray[np.uint8]:
    """The text as opacity (height, width) uint8, its capitals about `size` pixels tall."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(image)


def _drawn(
    area: NDArray[np.float64], events: Events, columns: NDArray, width: int, height: int, ink: tuple[int, int, int]
) -> Rgb:
    """Curve and marks on dark ground, drawn three times as large and averaged down for smooth lines."""
    from PIL import Image, ImageDraw, ImageFont

    k, text = 3, 11
    image = Image.new("RGB", (k * width, k * height), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(k * text)
    top, bottom = text + 9, height - 8
    for label, frames in (("ED", events.ed_frames), ("ES", events.es_frames)):
        for frame in (n for n in frames if n < len(columns)):
            x = k * (int(columns[frame]) + 0.5)
            draw.line([(x, k * top), (x, k * (height - 4))], fill=MARK, width=k // 2 + 1)
            draw.text((x, k * 4), label, fill=MARK, font=font, anchor="mt")
    if len(area):
        span = max(float(area.max() - area.min()), 1e-9)
        rows = bottom - (area - area.min()) / span * (bottom - top - 2)
        points = [(k * (float(x) + 0.5), k * float(y)) for x, y in zip(columns, rows, strict=False)]
        draw.line(points, fill=ink, width=2 * k, joint="curve")
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))
