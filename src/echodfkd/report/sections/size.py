"""Size: what one student weighs and costs, and how the scores of many fall with it, published ones beside.

A row is a student: `scores.sizes.student_row` makes it of a card, a scorecard and a speed; `scores/sizes.json` has all.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from echodfkd.report import published
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import NONE, count, interval, number
from echodfkd.report.page import Section, Table
from echodfkd.scores.sizes import SizeScores, StudentRow
from echodfkd.stats.intervals import Interval
from echodfkd.stats.scaling import Laws, laws_of, pareto_front
from echodfkd.student.settings import NetworkSettings, flops_per_frame, parameter_count

CONVENTION = "2 per multiply-add of the convolutions; gates and normalisations left out"
NAMES = {"dice": "Dice", "iou": "IoU"}
LABELS = {"parameters": "parameters", "flops": "FLOPs per frame (2 per multiply-add)", "latency_ms": "ms per frame"}
PUBLISHED = "EchoDFKD as published (EchoNet-Dynamic, human tracings)"


def section(row: StudentRow) -> Section:
    """One student's parameters, FLOPs and latency, each with how it was counted."""
    flops = f"{row.flops / 1e9:.3g} G at {row.size} x {row.size}"
    passes = f"median (fastest to slowest) of {count(row.latency_ms)} passes"
    how = f"one frame at a time in a causal stream, resizing included, {_threads(row)}; {passes}"
    rows = (
        ("parameters", f"{row.parameters:,}", "trainable weights, biases, scales and shifts"),
        ("FLOPs per frame", flops, CONVENTION),
        ("latency, ms per frame", interval(row.latency_ms, 2), NONE if row.latency_ms is None else how),
    )
    table = Table("Size and cost", (row.name, "", "counted as"), rows)
    return Section("Size", tables=(table,))


def grid_section(found: SizeScores) -> Section:
    """A grid of students from `scores/sizes.json`: table, figures, laws in words, and the published grid's laws."""
    known = [row for row in found.rows if row.dice is not None]
    if not known:
        return Section("Score against size", ("No student of the grid is scored yet.",))
    theirs = published_laws()
    pictures = (
        drawn(law_figure(known, found.laws["parameters"], theirs), "What scores lack of 1 over parameters"),
        drawn(front_figure(known), "Students that no other beats in both cost and Dice"),
    )
    text = (
        "Every student was taught and judged alike, by one seed: a difference of two students holds the chance of a "
        "training too, which no interval here knows.",
    )
    points = tuple(law_words(key, found.laws["parameters"][key]) for key in NAMES)
    points += tuple(f"Published students: {law_words(key, theirs[key], published.SLOPES[key])}" for key in NAMES)
    tables = (grid_table(found),)
    return Section("Score against size", text, points=points, tables=tables, pictures=pictures)


def grid_table(found: SizeScores) -> Table:
    """Every student's size, cost and scores; those on the front of parameters and Dice are set off."""
    rows, front = found.rows, found.front["parameters"]
    columns = ("student", "parameters", "FLOPs per frame", "latency, ms", "Dice", "IoU", "clips")
    cells = tuple(
        (
            row.name,
            f"{row.parameters:,}",
            f"{row.flops / 1e9:.3g} G",
            interval(row.latency_ms, 2),
            interval(row.dice, 3),
            interval(row.iou, 3),
            count(row.dice),
        )
        for row in rows
    )
    constant = number(found.constant_mask, 3)
    note = (
        f"FLOPs: {CONVENTION}. Latency: one frame at a time in a causal stream, {_threads(rows[0])}; median pass "
        f"(fastest to slowest). A constant mask has Dice {constant} on the same clips. Set off: no other student has "
        "as few parameters and as much Dice."
    )
    own = frozenset(k for k, row in enumerate(rows) if row.name in front)
    return Table("Students by size", columns, cells, note, own)


def law_words(score: str, laws: Laws, told: float | None = None) -> str:
    """What the laws of one score say, in a sentence or two; `told` is a slope that others published for it."""
    power, floor = laws.power, laws.saturating
    deficit = f"1 - {NAMES[score]}"
    if power is None:
        return f"{deficit}: too few students for a slope (n = {laws.n})."
    low, high = power.slope.low or 0.0, power.slope.high or 0.0
    said = f"{deficit} falls with the parameters by a slope of {interval(power.slope, 3)} in logarithms; n = {laws.n}"
    if told is not None:
        said += f"; the paper says {told:g}"
    if low <= 0 <= high:
        said += ". This does not tell a slope from none"
    if floor is None or floor.floor is None:
        return f"{said}."
    none = "" if (floor.floor.low or 0.0) > 0 else ", which the points do not tell from none"
    above = f"with a slope of {interval(floor.slope, 2)} above it"
    return f"{said}. The law with a floor has it at {interval(floor.floor, 3)}{none}, {above}."


def published_rows() -> list[StudentRow]:
    """The paper's sixteen students as rows: Dice and IoU as shares without intervals, sizes by our own count at 112."""
    rows = []
    for (blocks, layers), (dice, iou) in published.SIZES.items():
        shape = NetworkSettings(blocks=blocks, layers=layers)
        sizes = parameter_count(shape), flops_per_frame(shape)
        rows.append(StudentRow(shape.name, *sizes, dice=_printed(dice), iou=_printed(iou)))
    return sorted(rows, key=lambda row: row.parameters)


def published_laws() -> dict[str, Laws]:
    """Our laws of the paper's own table: {"dice": ..., "iou": ...} as `scaling.laws_of` gives them."""
    return {key: laws_of(*zip(*_points(published_rows(), key), strict=True)) for key in NAMES}


def _points(rows: Sequence[StudentRow], score: str) -> list[tuple[float, float]]:
    """Parameters and score of the students that have it."""
    return [(row.parameters, found.value) for row in rows if (found := row.of(score)) is not None]


def law_figure(
    rows: Sequence[StudentRow], laws: Mapping[str, Laws], theirs: Mapping[str, Laws] | None = None
) -> Figure:
    """1 - Dice and 1 - IoU over parameters, both axes logarithmic, with both laws (the paper's Figure 6).

    `laws` and `theirs`, those of the published points, which are hollow, map `dice` and `iou` to `scaling.laws_of`.
    """
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), NAMES, strict=True):
        tidy(axes)
        if theirs is not None:
            points = [(size, 1 - value) for size, value in _points(published_rows(), key)]
            axes.plot(*zip(*points, strict=True), "o", ms=4.5, mfc="none", mec=ORANGE, label=PUBLISHED)
            _draw_laws(axes, theirs[key], ORANGE)
        sizes = [row.parameters for row in rows]
        _with_ends(axes, sizes, [_deficit(row.of(key)) for row in rows])
        _draw_laws(axes, laws[key], BLUE)
        axes.set(xscale="log", yscale="log", xlabel=LABELS["parameters"], ylabel=f"1 - {NAMES[key]}")
        _few_ticks(axes.yaxis)
    handles, labels = axes.get_legend_handles_labels()
    lines = {"power law": "-", "power law with a floor": ":"}
    handles += [axes.plot([], [], color=INK, ls=style)[0] for style in lines.values()]
    figure.legend(handles, [*labels, *lines], loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def front_figure(rows: Sequence[StudentRow]) -> Figure:
    """Dice over parameters, FLOPs and latency: the front in blue with names, the rest grey, published points hollow."""
    costs = [cost for cost in LABELS if any(row.cost(cost) is not None for row in rows)]
    figure = Figure(figsize=(4.3 * len(costs), 3.9), layout="constrained")
    for axes, cost in zip(figure.subplots(1, len(costs), squeeze=False)[0], costs, strict=True):
        tidy(axes)
        _draw_published(axes, cost)
        known = [(row.cost(cost), row.dice, row.name) for row in rows]
        there = sorted((at, dice.value, name) for at, dice, name in known if at is not None and dice is not None)
        points = np.array([(at, value) for at, value, _ in there])
        front = pareto_front(*points.T)
        axes.plot(*points[~front].T, "o", ms=5, color=SOFT, label="this grid")
        axes.plot(*points[front].T, "o", ms=6, color=BLUE, label="this grid's front")
        axes.step(*points[front].T, where="post", color=BLUE, lw=1)
        _name(axes, [point for point, on in zip(there, front, strict=True) if on])
        axes.set(xscale="log", xlabel=LABELS[cost], ylabel="Dice")
        if cost == "latency_ms":
            _few_ticks(axes.xaxis)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _draw_published(axes: Axes, cost: str) -> None:
    """The published points that have this cost."""
    name, parameters, flops, percent = published.DEEPLABV3
    teacher = {"parameters": parameters, "flops": flops}
    if cost in teacher:
        points = np.array([(row.cost(cost), row.dice.value) for row in published_rows() if row.dice is not None])
        axes.plot(*points.T, "o", ms=4.5, mfc="none", mec=ORANGE, label=PUBLISHED)
        axes.plot([teacher[cost]], [percent / 100], "s", ms=5.5, mfc="none", mec=ORANGE, label=f"{name}, published")


def _draw_laws(axes: Axes, laws: Laws, colour: str) -> None:
    """Both laws as lines over the sizes they were fitted on, the one with a floor dotted."""
    for law, style in ((laws.power, "-"), (laws.saturating, ":")):
        if law is not None:
            sizes = np.geomspace(law.smallest, law.largest, 60)
            axes.plot(sizes, law(sizes), color=colour, ls=style, lw=1.3)


def _with_ends(axes: Axes, places: Sequence[float], found: Sequence[Interval | None]) -> None:
    """Points of this grid, each with the ends of its interval where it has them."""
    there = [(place, one) for place, one in zip(places, found, strict=True) if one is not None]
    values = np.array([one.value for _, one in there])
    below = [one.value if one.low is None else one.low for _, one in there]
    above = [one.value if one.high is None else one.high for _, one in there]
    ends = np.maximum(0, [values - below, above - values])
    at = [place for place, _ in there]
    axes.errorbar(at, values, ends, fmt="o", ms=5, elinewidth=1, capsize=2, color=BLUE, label="this grid")


def _name(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Names above and left of the points, where a front leaves room."""
    for x, y, name in points:
        axes.annotate(name, (x, y), xytext=(-4, 3), textcoords="offset points", fontsize=7, color=INK, ha="right")


def _few_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis of less than a decade or two."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _deficit(found: Interval | None) -> Interval | None:
    """An interval of 1 - value from one of the value."""
    if found is None:
        return None
    low, high = (None if end is None else 1 - end for end in (found.high, found.low))
    return Interval(1 - found.value, low, high, found.n)


def _printed(percent: float) -> Interval:
    """A published percentage as a share that has no interval; of how many clips is not said."""
    return Interval(round(percent / 100, 6), None, None, 0)


def _threads(row: StudentRow) -> str:
    return "as many threads as onnxruntime takes" if row.threads is None else f"threads: {row.threads}"
