"""Segmenters judged without labels: how far each evidence follows true Dice, and what it says of each segmenter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import INK, SOFT, png_bytes, tidy
from echodfkd.report.numbers import NONE, interval, number
from echodfkd.report.page import Picture, Section, Table

Row = Mapping[str, Any]

NULL = "present"
"""The evidence that only asks whether there is a mask: what says no more than this says nothing of the outline."""
TRUTH = "dice"
WORDS = {
    "agreement": "Agreement: mean Dice with each other segmenter",
    "agreement.majority": "with the majority of the others",
    "agreement.staple": "with the others fused by STAPLE",
    "reverse": "Reverse classification: the mask as an atlas for simulated images",
    "reverse.prior": "shape and size alone: best Dice with a simulated mask",
    "edges": "Edge contrast across the outline",
    "plausibility": "Plausibility: product of its traits",
    "plausibility.area": "area, share of the image",
    "plausibility.convex": "convex",
    "plausibility.whole": "in one piece",
    "plausibility.filled": "without holes",
    "plausibility.long": "elongated",
    "plausibility.upright": "points to the fan's apex",
    "plausibility.aside": "lies under the apex",
    "plausibility.deep": "lies in the middle depth",
    "plausibility.steady": "stays in its place",
    "plausibility.beats": "beats",
    "smoothness": "Smoothness of the outline in time",
    "smoothness.area": "of the area curve",
    "smoothness.neighbours": "Dice of neighbouring frames",
    "judge": "Image-text judge: the lower of both its scores",
    "judge.wall": "the wall is still to be seen",
    "judge.cavity": "the ventricle is covered",
    NULL: "A mask is there at all (says nothing of its outline)",
}
"""What an evidence asks. One that is not here goes by its own name."""
SHORT = {
    "agreement": "agreement",
    "agreement.majority": "agreement with majority",
    "reverse": "reverse classification",
    "edges": "edge contrast",
    "plausibility": "plausibility",
    "smoothness": "smoothness",
    "judge": "image-text judge",
    NULL: "mask present",
}
COLUMNS = {
    "per_clip": "segmenters and clips",
    "per_model": "segmenters",
    "within_clip": "within a clip",
    "across_clips": "across clips",
}


def section(found: Mapping[str, Any] | None, rows: Sequence[Row] = ()) -> Section | None:
    """The section from `evaluate.label_free.summary` and its rows; None where nothing was judged.

    With `rows` come pictures: evidence against true Dice where that is known, means with intervals where it is not.
    """
    if not found:
        return None
    tables = [segmenters_table(found)]
    if found["rank_correlation"] is not None:
        tables.insert(0, correlation_table(found))
    return Section("Judged without labels", words(found), tables=tuple(tables), pictures=tuple(_pictures(found, rows)))


def words(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What the tables show, and what to do with them."""
    n = found["n"]
    text = [
        f"{n['segmenters']} segmenters on {n['clips']} clips. No label enters any evidence; of each, more is better."
    ]
    if found["rank_correlation"] is None:
        text.append(
            "The true overlap is not known here, so nothing on this page says which evidence to trust: that was "
            "measured on simulated clips, see the how-to page."
        )
        return tuple(text)
    text.append(
        "Spearman's rank correlation with true Dice tells which evidence to trust: over all pairs of a segmenter and a "
        "clip, over the segmenters' means, over the segmenters within a clip (does it pick the better mask?), and over "
        "a segmenter's clips (does it find those that failed?). Intervals are for other clips, not other segmenters."
    )
    return tuple(text)


def correlation_table(found: Mapping[str, Any]) -> Table:
    """Evidence by its rank correlations; set off is what surely says more than that a mask is there."""
    correlations = found["rank_correlation"]
    rows = tuple(
        (told(key), *(interval(correlations[key][name], 2) for name in COLUMNS), _count(correlations[key]))
        for key in found["evidence"]
    )
    own = frozenset(k for k, key in enumerate(found["evidence"]) if _beats_null(correlations, key))
    note = (
        "A dash: not defined, such as where all values are equal. Set off: over segmenters and clips its interval lies "
        "above that of a mask being there at all."
    )
    return Table(
        "Rank correlation with true Dice", ("evidence", *COLUMNS.values(), "clips"), rows, note if own else "", own
    )


def segmenters_table(found: Mapping[str, Any]) -> Table:
    """A row per segmenter: its means of every evidence that is not part of another, and true Dice where known."""
    main = headline(found)
    known = any(one[TRUTH] is not None for _, one in _in_order(found))
    columns = ("segmenter", *(("true Dice",) if known else ()), *(short(key) for key in main), "clips")
    rows = tuple(
        (name, *((interval(one[TRUTH], 3),) if known else ()), *(number(one[key], 3) for key in main), _clips(one))
        for name, one in _in_order(found)
    )
    lacking = {name: count for name, count in found.get("without_prediction", {}).items() if count}
    note = "; ".join(f"{name} lacks {count} clips" for name, count in lacking.items())
    return Table("Segmenters", columns, rows, f"Means over clips. {note}.".replace(". .", "."))


def headline(found: Mapping[str, Any]) -> list[str]:
    """The evidence that is not part of another, with the majority's agreement, which is the better half of its own."""
    return [key for key in found["evidence"] if "." not in key or key == "agreement.majority"]


def told(key: str) -> str:
    """An evidence in words; parts are set in."""
    return f"{'· ' if '.' in key else ''}{WORDS.get(key, key)}"


def short(key: str) -> str:
    """An evidence in few words."""
    return SHORT.get(key, key)


def truth_figure(found: Mapping[str, Any], rows: Sequence[Row]) -> Figure:
    """Each evidence against true Dice: small dots are clips, large ones a segmenter's means; one colour a segmenter."""
    main = [key for key in headline(found) if any(_both(row, key) for row in rows)]
    if not main:
        raise InputError("A figure of evidence against true Dice needs rows with both, got none.")
    figure, panels = _panels(len(main))
    order = [
        name for name, one in sorted(_in_order(found), key=lambda pair: -(pair[1][TRUTH] or {"value": -1})["value"])
    ]
    for axes, key in zip(panels, main, strict=False):
        for name, colour in zip(order, colours(len(order)), strict=True):
            _dots(axes, [row for row in rows if row["segmenter"] == name and _both(row, key)], key, name, colour)
        axes.set(title=_plain(short(key)), xlabel="true Dice")
        axes.title.set(fontsize=10, color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def means_figure(found: Mapping[str, Any]) -> Figure:
    """Each segmenter's mean of each evidence with its interval: for clips whose truth is not known."""
    main, names = headline(found), found["names"]
    figure, panels = _panels(len(main), height=0.9 + 0.26 * len(names))
    for number_, (axes, key) in enumerate(zip(panels, main, strict=False)):
        for place, name in enumerate(names):
            one = found["segmenters"][name][key]
            if one is not None:
                low, high = (one["value"] if one[end] is None else one[end] for end in ("low", "high"))
                axes.plot([low, high], [place, place], color=SOFT, lw=2)
                axes.plot(one["value"], place, "o", color=colormaps["viridis"](0.25), ms=6)
        axes.set(title=_plain(short(key)), yticks=range(len(names)), ylim=(len(names) - 0.5, -0.5))
        axes.title.set(fontsize=10, color=INK)
        axes.set_yticklabels(list(map(_plain, names)) if number_ % 4 == 0 else [])
    return figure


def colours(count: int) -> list[Any]:
    """As many colours, from the best segmenter's to the worst's."""
    return [colormaps["viridis"](share) for share in np.linspace(0.05, 0.92, count)]


def _plain(name: str) -> str:
    """A name that no figure takes for a formula, or for one to be left out of a legend."""
    return f"\u200b{name}".replace("$", r"\$") if name.startswith("_") else name.replace("$", r"\$")


def _panels(count: int, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, four a row, the rest switched off."""
    rows = -(-count // 4)
    figure = Figure(figsize=(10.4, rows * height + 0.7), layout="constrained")
    panels = list(figure.subplots(rows, min(4, count), squeeze=False).flat)
    for axes in panels[:count]:
        tidy(axes)
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels


def _dots(axes: Axes, rows: Sequence[Row], key: str, name: str, colour: Any) -> None:
    """A segmenter's clips, and its means on top."""
    if not rows:
        return
    pairs = np.array([(row[TRUTH], row[key]) for row in rows], np.float64)
    axes.scatter(pairs[:, 0], pairs[:, 1], s=9, color=colour, alpha=0.35, lw=0)
    across, up = pairs.mean(axis=0)
    axes.scatter(across, up, s=52, color=colour, edgecolor="white", lw=0.9, zorder=3, label=_plain(name))


def _both(row: Row, key: str) -> bool:
    return row.get(key) is not None and row.get(TRUTH) is not None


def _pictures(found: Mapping[str, Any], rows: Sequence[Row]) -> list[Picture]:
    """The picture that the rows allow."""
    if not rows:
        return []
    if found["rank_correlation"] is None:
        caption = "Means over the clips with their intervals. More is better; scales differ between the panels."
        return [Picture(png_bytes(means_figure(found)), "Means of each evidence by segmenter", caption, 980)]
    if not any(_both(row, key) for key in headline(found) for row in rows):
        return []
    caption = "Small dots are clips, large ones a segmenter's means; the darker, the better the segmenter truly is."
    return [Picture(png_bytes(truth_figure(found, rows)), "Each evidence against true Dice", caption, 980)]


def _beats_null(correlations: Mapping[str, Any], key: str) -> bool:
    """Whether an evidence's interval over segmenters and clips lies above the null's."""
    own, null = correlations[key]["per_clip"], correlations.get(NULL, {}).get("per_clip")
    if own is None or own["low"] is None:
        return False
    return own["low"] > (0.0 if null is None or null["high"] is None else null["high"])


def _in_order(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The segmenters and their means in the order in which they came; a JSON file sorts them by name."""
    return [(name, found["segmenters"][name]) for name in found["names"]]


def _count(correlations: Mapping[str, Any]) -> str:
    """The clips behind an evidence's correlations."""
    counts = {one["n"] for one in correlations.values() if one is not None}
    return str(max(counts)) if counts else NONE


def _clips(one: Mapping[str, Any]) -> str:
    """The clips behind a segmenter's means."""
    return str(max((found["n"] for found in one.values() if found is not None), default=0))
