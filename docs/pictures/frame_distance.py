"""Draws frame_distance.png: how two metrics of ED and ES frames rank detectors whose quality is planted.

    python benchmarks/frame_distance.py --json RESULT.json
    python docs/pictures/frame_distance.py RESULT.json [OUT.png]

Simulated clips only. From top to bottom detectors get worse as planted; a metric that ranks them so never turns back.
"""

import sys
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.files import read_json
from echodfkd.report.draw.figures import BLUE, ORANGE, SOFT, png_bytes, tidy

NULLS = ("white noise", "smoothed noise", "random-phase sine", "constant")


def main() -> None:
    """Draws the picture from the benchmark's numbers."""
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("frame_distance.png")
    out.write_bytes(png_bytes(figure(read_json(Path(sys.argv[1]))["all beats"]), dpi=90))


def figure(found: dict[str, Any]) -> Figure:
    """Both metrics side by side, a row per detector, best planted on top."""
    detectors = dict(sorted(found["detectors"].items(), key=lambda item: item[1]["planted_ms"]))
    drawn = Figure(figsize=(9.2, 4.5), layout="constrained")
    panels = (("afd", "the paper's aFD, frames (log scale)"), ("penalised_ms", "one to one, ms"))
    for axes, (key, label) in zip(drawn.subplots(1, 2, sharey=True), panels, strict=True):
        ranks = found["rank_correlation"]["all"][key]
        show(axes, [(name, row[key]) for name, row in detectors.items()])
        title = f"rank correlation {ranks['value']:.2f}\n{len(ranks['wrong'])} pairs in the wrong order"
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(label)
    first = drawn.axes[0]
    first.set_xscale("log")
    first.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    first.set_yticks(range(len(detectors)), [f"{name}  ({row['planted_ms']:.0f})" for name, row in detectors.items()])
    first.set_ylabel("detector (planted cost, ms)")
    first.invert_yaxis()
    return drawn


def show(axes: Axes, rows: list[tuple[str, dict[str, float]]]) -> None:
    """Values as dots with their intervals, joined from row to row; curves that saw no image in orange."""
    tidy(axes)
    axes.plot([row["value"] for _, row in rows], range(len(rows)), color=SOFT, lw=1)
    for place, (name, row) in enumerate(rows):
        colour = ORANGE if name in NULLS else BLUE
        axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=2.5)
        axes.plot(row["value"], place, "o", ms=5, color=colour)


if __name__ == "__main__":
    main()
