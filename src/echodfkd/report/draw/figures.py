"""Figures of a run: a table or arrays in, a matplotlib Figure out. No pyplot, no global state, nothing written."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from echodfkd.clock import ASSUMED_FPS
from echodfkd.errors import InputError
from echodfkd.measure.beats import Events, check_curve
from echodfkd.report.page import Picture

INK, SOFT, BLUE, ORANGE, GREEN = "#1c2733", "#8a95a1", "#0072b2", "#d55e00", "#009e73"


def png_bytes(figure: Figure, dpi: int = 144) -> bytes:
    """The figure as PNG bytes, the same for a figure drawn anew from the same table (no date inside)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def picture_png(picture: NDArray[np.uint8]) -> bytes:
    """A grey (height, width) or RGB (height, width, 3) uint8 picture as PNG bytes, pixel by pixel."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def drawn(figure: Figure, alt: str, caption: str | None = None) -> Picture:
    """The figure as a picture of a page, as wide as it was drawn; `caption` is `alt` unless told."""
    return Picture(png_bytes(figure), alt, alt if caption is None else caption, width=round(figure.get_figwidth() * 96))


def area_figure(area: ArrayLike, events: Events, title: str = "") -> Figure:
    """The area curve (time,) in pixels over seconds with ED and ES marked."""
    curve, clock = check_curve(area), events.time
    figure, axes = _figure(7.2, 2.7)
    axes.plot(clock.places(len(curve)) / clock.rate, curve, color=BLUE, lw=1.8, label="LV area")
    for frames, marker, label in ((events.ed_frames, "^", "ED"), (events.es_frames, "v", "ES")):
        places = np.array(frames, np.intp)
        seconds, name = clock.at(frames) / clock.rate, label if frames else None
        axes.plot(seconds, curve[places], marker, color=ORANGE, ms=7, mec="white", label=name)
    rate_note = f" ({ASSUMED_FPS:g} frames/s assumed)" if events.fps_assumed else ""
    axes.set(xlabel=f"time, s{rate_note}", ylabel="area, pixels", title=title)
    axes.set_ylim(bottom=0)
    axes.legend(ncols=4, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.24))
    return figure


def dice_figure(rows: Sequence[Mapping[str, Any]], baseline: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """How Dice spreads over the clips, each clip a dot on its rank, with the constant mask on the same clips."""
    if not rows:
        raise InputError("A Dice figure needs at least one clip, got none.")
    figure, axes = _figure(5.4, 3.0)
    for table, colour, label in ((baseline, ORANGE, "constant mask"), (rows, BLUE, "segmenter")):
        values = np.sort([row["dice"] for row in table if row["dice"] is not None])
        if len(values):
            share = (np.arange(len(values)) + 0.5) / len(values) * 100
            axes.plot(share, values, "o-", ms=3.5, lw=1, color=colour, label=f"{label} (mean {values.mean():.3f})")
    axes.set(xlabel="share of clips below, %", ylabel="Dice", xlim=(0, 100))
    axes.set_ylim(top=1.005)
    axes.legend(frameon=False, loc="lower right")
    return figure


def training_figure(epochs: Sequence[Mapping[str, float | None]], best: int | None = None) -> Figure:
    """Losses over epochs from rows with `epoch`, `train_loss` and `val_loss` (where there), the kept epoch marked."""
    figure, axes = _figure(5.4, 3.0)
    for key, colour, label in (("train_loss", SOFT, "training"), ("val_loss", BLUE, "validation")):
        points = [(row["epoch"], row[key]) for row in epochs if row.get(key) is not None]
        if points:
            axes.plot(*np.array(points, float).T, "o-", ms=3, lw=1.4, color=colour, label=label)
    if best is not None:
        axes.axvline(best, color=ORANGE, lw=1.2, ls="--", label=f"kept: epoch {best}")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def gallery_figure(cells: Sequence[Sequence[tuple[str, NDArray[np.uint8]]]]) -> Figure:
    """Pictures under captions, row by row: for example ED and ES of the best, the median and the worst clip."""
    if not cells or not cells[0]:
        raise InputError("A gallery needs at least one picture, got none.")
    columns = max(map(len, cells))
    figure = Figure(figsize=(2.3 * columns, 2.55 * len(cells)), layout="constrained")
    grid = figure.subplots(len(cells), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, line in zip(grid, cells, strict=True):
        for axes, (caption, picture) in zip(row, line, strict=False):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_title(caption, fontsize=9, color=INK)
    return figure


def ranked_clips(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The clips of best, median and worst Dice among rows of `score_clip`; clips without it do not count."""
    ordered = sorted((row for row in rows if row["dice"] is not None), key=lambda row: (-row["dice"], row["name"]))
    if not ordered:
        return {}
    return {"best": ordered[0], "median": ordered[len(ordered) // 2], "worst": ordered[-1]}


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Two spines, soft ink, a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(color="#e6eaee", lw=0.8)
    axes.set_axisbelow(True)
