"""What is left of the overlap on clips made worse, kind by kind."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, drawn, tidy
from echodfkd.report.numbers import count, interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.robustness import CleanDice, Degraded, Kind, Robustness

COLUMNS = 5


def section(found: Robustness | None) -> Section | None:
    """`robustness.robustness` in words, table and figure; None where it was not run."""
    if found is None or not found.kinds:
        return None
    clean = found.clean
    text = (
        f"{found.n.clips} clips, {found.n.frames} frames, made worse in one way at a time; where the heart "
        "moves in the picture its truth moves along. The difference is to the same frames of the same clips when "
        "clean, paired by clip. The constant mask stays where it is and never looks.",
        f"Clean: Dice {interval(clean.dice, 3)}, constant mask {interval(clean.constant_mask, 3)}. {_most(found)}",
    )
    words = "Dice against the strength of each degradation with 95 % intervals, the constant mask dashed"
    picture = drawn(robustness_figure(found), words)
    return Section("Robustness", text, tables=(robustness_table(found),), pictures=(picture,))


def robustness_table(found: Robustness) -> Table:
    """A line for every kind and strength: Dice, difference to the clean clips, the constant mask, clips."""
    lines = tuple(
        (
            "" if place else f"{kind}: {one.words}",
            "" if place else one.unit,
            f"{point.strength:g}",
            interval(point.dice, 3),
            interval(point.difference, 3),
            interval(point.constant_mask, 3),
            count(point.dice),
        )
        for kind, one in found.kinds.items()
        for place, point in enumerate(one.strengths)
    )
    head = ("", "unit", "strength", "Dice", "difference to clean", "constant mask", "clips")
    return Table("Dice on degraded clips", head, lines)


def robustness_figure(found: Robustness) -> Figure:
    """Small multiples, a panel per kind: Dice over the strength with its interval, and the constant mask's."""
    kinds = found.kinds
    if not kinds:
        raise InputError("A figure of robustness needs at least one kind of degradation, got none.")
    lines, columns = -(-len(kinds) // COLUMNS), min(COLUMNS, len(kinds))
    figure = Figure(figsize=(0.6 + 2.0 * columns, 0.5 + 2.1 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes, (kind, one) in zip(grid.flat, kinds.items(), strict=False):
        _panel(axes, kind, one, found.clean)
    for axes in list(grid.flat)[len(kinds) :]:
        axes.set_axis_off()
    for line in grid:
        line[0].set_ylabel("Dice")
    grid[0][0].set_ylim(top=1.0)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8.5, ncols=2, loc="outside lower center")
    return figure


def _panel(axes: Axes, kind: str, one: Kind, clean: CleanDice) -> None:
    """One kind: the clean clips at strength 0 among the others."""
    tidy(axes)
    still = Degraded(clean.dice, clean.constant_mask, 0.0, None)
    points = sorted([still, *one.strengths], key=lambda point: point.strength)
    for name, colour, style, label in (
        ("constant_mask", ORANGE, "--", "constant mask"),
        ("dice", BLUE, "o-", "segmenter"),
    ):
        known = [(point.strength, own) for point in points if (own := getattr(point, name)) is not None]
        ends = [(strength, own.low, own.high) for strength, own in known if own.low is not None]
        if known:
            values = [own.value for _, own in known]
            axes.plot([strength for strength, _ in known], values, style, color=colour, lw=1.6, ms=3.5, label=label)
        if ends and name == "dice":
            axes.fill_between(*np.array(ends).T, color=colour, alpha=0.18, lw=0)
    axes.set_title(kind, fontsize=9, color=INK)
    axes.set_xlabel(one.unit, fontsize=8.5)


def _most(found: Robustness) -> str:
    """The kind and strength with the largest loss, in words."""
    losses = [
        (point.difference.value, f"{kind} at {point.strength:g} ({one.unit})")
        for kind, one in found.kinds.items()
        for point in one.strengths
        if point.difference is not None
    ]
    return f"Most is lost by {min(losses)[1]}: {min(losses)[0]:+.3f}." if losses else ""
