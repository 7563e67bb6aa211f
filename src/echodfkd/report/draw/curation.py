"""Figures of a checked data set: how its clips differ, and how many break which rule. Tables in, Figures out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from echodfkd.report.draw.figures import BLUE, INK, ORANGE, tidy


def distributions_figure(rates: Sequence[float], frames: Sequence[int], sizes: Mapping[str, int]) -> Figure:
    """Frame rates (Hz) and lengths (frames) as histograms, and the clips of each image size (the ten most common)."""
    figure = Figure(figsize=(9.6, 2.9), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, values, label in zip(panels, (rates, frames), ("frame rate, Hz", "frames"), strict=False):
        tidy(axes)
        axes.hist(np.asarray(values, float), bins=40 if len(values) > 40 else 12, color=BLUE)
        axes.set(xlabel=label, ylabel="clips", title=f"n = {len(values)}")
    common = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:10]
    tidy(panels[2])
    panels[2].barh([name for name, _ in common], [count for _, count in common], color=BLUE)
    panels[2].set(xlabel="clips", title="size, height x width")
    panels[2].invert_yaxis()
    return figure


def findings_figure(counts: Mapping[str, int], clips: int) -> Figure:
    """How many of `clips` clips break each rule, in the order given."""
    figure = Figure(figsize=(6.4, 0.9 + 0.28 * max(1, len(counts))), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    bars = axes.barh(list(counts), list(counts.values()), color=ORANGE)
    axes.bar_label(bars, padding=3, color=INK, fontsize=9)
    axes.set(xlabel=f"clips of {clips}", xlim=(0, 1.1 * max(counts.values(), default=1)))
    axes.invert_yaxis()
    if not counts:
        axes.text(0.5, 0.5, "no finding", transform=axes.transAxes, ha="center", color=INK)
    return figure
