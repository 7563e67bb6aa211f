"""Size: what one student weighs and costs, and how the scores of many fall with it, published ones beside.

A row is a student: `scores.sizes.student_row` makes it from a card, a scorecard and a
speed, and `scores/sizes.json` holds one each.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from echodfkd.report import published
from echodfkd.report.draw.figures import BLUE, GREEN, INK, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import NONE, count, interval, number
from echodfkd.report.page import Section, Table
from echodfkd.stats.scaling import laws_of, pareto_front
from echodfkd.student.settings import NetworkSettings, flops_per_frame, parameter_count

Row = Mapping[str, Any]
CONVENTION = "2 per multiply-add of the convolutions; gates and normalisations left out"
NAMES = {"dice": "Dice", "iou": "IoU"}
LABELS = {"parameters": "parameters", "flops": "FLOPs per frame (2 per multiply-add)", "latency_ms": "ms per frame"}
PUBLISHED = "EchoDFKD as published (EchoNet-Dynamic, human tracings)"


def section(row: Row) -> Section:
    """One student's parameters, FLOPs and latency, each with how it was counted."""
    flops = f"{row['flops'] / 1e9:.3g} G at {row['size']} x {row['size']}"
    passes = f"median (fastest to slowest) of {count(row['latency_ms'])} passes"
    how = f"one frame at a time in a causal stream, resizing included, {_threads(row)}; {passes}"
    rows = (
        ("parameters", f"{row['parameters']:,}", "trainable weights, biases, scales and shifts"),
        ("FLOPs per frame", flops, CONVENTION),
        ("latency, ms per frame", interval(row["latency_ms"], 2), NONE if row["latency_ms"] is None else how),
    )
    table = Table("Size and cost", (row["name"], "", "counted as"), rows)
    return Section("Size", tables=(table,))


def grid_section(found: Row) -> Section:
    """A grid of students from `scores/sizes.json`: table, figures, laws in words, and the published grid's laws."""
    rows = found["rows"]
    known = [row for row in rows if row["dice"] is not None]
    if not known:
        return Section("Score against size", ("No student of the grid is scored yet.",))
    theirs = published_laws()
    pictures = (
        drawn(score_figure(known, found.get("constant_mask")), "Scores of every student over its parameters"),
        drawn(law_figure(known, found["laws"]["parameters"], theirs), "What scores lack of 1 over parameters"),
        drawn(front_figure(known), "Students that no other beats in both cost and Dice"),
    )
    text = (
        "Every student was taught and judged alike, by one seed: a difference of two students holds the chance of a "
        "training too, which no interval here knows.",
    )
    points = tuple(law_words(key, found["laws"]["parameters"][key]) for key in NAMES)
    points += tuple(f"Published students: {law_words(key, theirs[key], published.SLOPES[key])}" for key in NAMES)
    tables = (grid_table(found),)
    return Section("Score against size", text, points=points, tables=tables, pictures=pictures)


def grid_table(found: Row) -> Table:
    """Every student's size, cost and scores; those on the front of parameters and Dice are set off."""
    rows, front = found["rows"], found["front"]["parameters"]
    columns = ("student", "parameters", "FLOPs per frame", "latency, ms", "Dice", "IoU", "clips")
    cells = tuple(
        (
            row["name"],
            f"{row['parameters']:,}",
            f"{row['flops'] / 1e9:.3g} G",
            interval(row["latency_ms"], 2),
            interval(row["dice"], 3),
            interval(row["iou"], 3),
            count(row["dice"]),
        )
        for row in rows
    )
    constant = number(found.get("constant_mask"), 3)
    note = (
        f"FLOPs: {CONVENTION}. Latency: one frame at a time in a causal stream, {_threads(rows[0])}; median pass "
        f"(fastest to slowest). A constant mask has Dice {constant} on the same clips. Set off: no other student has "
        "as few parameters and as much Dice."
    )
    own = frozenset(k for k, row in enumerate(rows) if row["name"] in front)
    return Table("Students by size", columns, cells, note, own)


def law_words(score: str, laws: Row, told: float | None = None) -> str:
    """What the laws of one score say, in a sentence or two; `told` is a slope that others published for it."""
    power, floor = laws["power"], laws["saturating"]
    deficit = f"1 - {NAMES[score]}"
    if power is None:
        return f"{deficit}: too few students for a slope (n = {laws['n']})."
    slope, by_residuals = power["slope"], power["slope_t"]
    said = (
        f"{deficit} falls with the parameters by a slope of {interval(slope, 3)} in logarithms by resampled points, "
        f"{by_residuals['low']:.3f} to {by_residuals['high']:.3f} by residuals; n = {laws['n']}"
    )
    if told is not None:
        said += f"; the paper says {told:g}"
    if by_residuals["low"] <= 0 <= by_residuals["high"]:
        said += ". This does not tell a slope from none"
    if floor is None:
        return f"{said}."
    with_floor = f"a floor of {interval(floor['floor'], 3)} and a slope of {interval(floor['slope'], 2)} above it"
    verdicts = {
        "saturating": f"The points prefer {with_floor}",
        "power": f"The points prefer no floor (with one: {with_floor})",
        None: f"They do not tell it from a law with {with_floor}",
    }
    gap = floor["aicc"] - power["aicc"] if None not in (floor["aicc"], power["aicc"]) else None
    aside = "" if gap is None else f" (AICc with floor minus without: {gap:.1f})"
    bound = " That floor is the smallest deficit itself, where the search ends: the best student alone tells it."
    return f"{said}. {verdicts[laws['preferred']]}{aside}.{bound if floor['at_bound'] else ''}"


def published_rows() -> list[dict[str, Any]]:
    """The paper's sixteen students as rows: Dice and IoU as shares without intervals, sizes by our own count at 112."""
    rows = []
    for (blocks, layers), percents in published.SIZES.items():
        shape = NetworkSettings(blocks=blocks, layers=layers)
        scores = {key: _printed(percent) for key, percent in zip(NAMES, percents, strict=True)}
        sizes = {"parameters": parameter_count(shape), "flops": flops_per_frame(shape)}
        rows.append({"name": shape.name, **sizes, **scores})
    return sorted(rows, key=lambda row: row["parameters"])


def published_laws(resamples: int = 300) -> dict[str, Any]:
    """Our laws of the paper's own table: {"dice": ..., "iou": ...} as `scaling.laws_of` gives them."""
    rows = published_rows()
    sizes = [row["parameters"] for row in rows]
    return {key: laws_of(sizes, [row[key]["value"] for row in rows], seed=0, resamples=resamples) for key in NAMES}


def score_figure(rows: Sequence[Row], constant: Row | None = None) -> Figure:
    """Dice (full) and IoU (hollow) over parameters, students of as many blocks in a line (the paper's Figure 3)."""
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    families: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["parameters"]):
        families.setdefault(row["name"].partition(",")[0], []).append(row)
    for (family, members), colour in zip(sorted(families.items()), cycle((BLUE, GREEN, ORANGE, INK))):
        sizes = [row["parameters"] for row in members]
        _with_ends(axes, sizes, [row["dice"] for row in members], color=colour, label=f"{family}: Dice")
        style = {"color": colour, "mfc": "white", "ls": "--"}
        _with_ends(axes, sizes, [row["iou"] for row in members], label=f"{family}: IoU", **style)
    if constant is not None:
        axes.axhline(constant["value"], color=SOFT, lw=1.2, ls=":", label="Dice of a constant mask")
    axes.set(xscale="log", xlabel=LABELS["parameters"], ylabel="score")
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    return figure


def law_figure(rows: Sequence[Row], laws: Row, theirs: Row | None = None) -> Figure:
    """1 - Dice and 1 - IoU over parameters, both axes logarithmic, with both laws (the paper's Figure 6).

    `laws` and `theirs`, those of the published points, which are hollow, map `dice` and `iou` to `scaling.laws_of`.
    """
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), NAMES, strict=True):
        tidy(axes)
        if theirs is not None:
            points = [(row["parameters"], 1 - row[key]["value"]) for row in published_rows()]
            axes.plot(*zip(*points, strict=True), "o", ms=4.5, mfc="none", mec=ORANGE, label=PUBLISHED)
            _draw_laws(axes, theirs[key], ORANGE)
        sizes = [row["parameters"] for row in rows]
        _with_ends(axes, sizes, [_deficit(row[key]) for row in rows], color=BLUE, label="this grid", ls="none")
        _draw_laws(axes, laws[key], BLUE)
        axes.set(xscale="log", yscale="log", xlabel=LABELS["parameters"], ylabel=f"1 - {NAMES[key]}")
        _few_ticks(axes.yaxis)
    handles, labels = axes.get_legend_handles_labels()
    lines = {"power law": "-", "power law with a floor": ":"}
    handles += [axes.plot([], [], color=INK, ls=style)[0] for style in lines.values()]
    figure.legend(handles, [*labels, *lines], loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def front_figure(rows: Sequence[Row]) -> Figure:
    """Dice over parameters, FLOPs and latency: the front in blue with names, the rest grey, published points hollow."""
    costs = [cost for cost in LABELS if any(row.get(cost) is not None for row in rows)]
    figure = Figure(figsize=(4.3 * len(costs), 3.9), layout="constrained")
    for axes, cost in zip(figure.subplots(1, len(costs), squeeze=False)[0], costs, strict=True):
        tidy(axes)
        _draw_published(axes, cost)
        there = sorted((row for row in rows if row.get(cost) is not None), key=lambda row: _cost(row, cost))
        points = np.array([(_cost(row, cost), row["dice"]["value"]) for row in there])
        front = pareto_front(*points.T)
        axes.plot(*points[~front].T, "o", ms=5, color=SOFT, label="this grid")
        axes.plot(*points[front].T, "o", ms=6, color=BLUE, label="this grid's front")
        axes.step(*points[front].T, where="post", color=BLUE, lw=1)
        _name(axes, [(*point, row["name"]) for point, row, on in zip(points, there, front, strict=True) if on])
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
        points = np.array([(row[cost], row["dice"]["value"]) for row in published_rows()])
        axes.plot(*points.T, "o", ms=4.5, mfc="none", mec=ORANGE, label=PUBLISHED)
        axes.plot([teacher[cost]], [percent / 100], "s", ms=5.5, mfc="none", mec=ORANGE, label=f"{name}, published")


def _draw_laws(axes: Axes, laws: Row, colour: str) -> None:
    """Both laws as lines over the sizes they were fitted on, the one with a floor dotted."""
    for key, style in (("power", "-"), ("saturating", ":")):
        if law := laws[key]:
            sizes = np.geomspace(law["smallest"], law["largest"], 60)
            axes.plot(sizes, _deficits(law, sizes), color=colour, ls=style, lw=1.3)


def _deficits(law: Row, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    floor = law["floor"]["value"] if "floor" in law else 0.0
    return floor + law["amplitude"] * sizes ** -law["slope"]["value"]


def _with_ends(axes: Axes, places: Sequence[float], found: Sequence[Row], *, ls: str = "-", **style: Any) -> None:
    """Points joined by a line, each with the ends of its interval where it has them."""
    values = np.array([one["value"] for one in found])
    known = [(one["value"] if one["low"] is None else one["low"]) for one in found]
    above = [(one["value"] if one["high"] is None else one["high"]) for one in found]
    ends = np.maximum(0, [values - known, above - values])
    axes.errorbar(places, values, ends, fmt="o", ls=ls, ms=5, lw=1, elinewidth=1, capsize=2, **style)


def _name(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Names above and left of the points, where a front leaves room."""
    for x, y, name in points:
        axes.annotate(name, (x, y), xytext=(-4, 3), textcoords="offset points", fontsize=7, color=INK, ha="right")


def _few_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis of less than a decade or two."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _deficit(found: Row) -> Row:
    """An interval of 1 - value from one of the value."""
    low, high = (None if found[end] is None else 1 - found[end] for end in ("high", "low"))
    return {"value": 1 - found["value"], "low": low, "high": high, "n": found["n"]}


def _printed(percent: float) -> dict[str, Any]:
    """A published percentage as a share that has no interval."""
    return {"value": round(percent / 100, 6), "low": None, "high": None, "n": None}


def _cost(row: Row, cost: str) -> float:
    return float(row[cost]["value"] if cost == "latency_ms" else row[cost])


def _threads(row: Row) -> str:
    threads = row.get("threads")
    return "as many threads as onnxruntime takes" if threads is None else f"threads: {threads}"
