"""Segmenters judged without labels: how far each evidence follows true Dice, and what it says of each segmenter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.evidence.records import TRUTH, ClipEvidence, Intervals, Judgement
from echodfkd.evidence.shown import AT_LEAST, follows, real_hearts
from echodfkd.report.draw.figures import INK, SOFT, png_bytes, tidy
from echodfkd.report.numbers import NONE, interval, number
from echodfkd.report.page import Picture, Section, Table

NULL = "present"
"""The evidence that only asks whether there is a mask: what says no more than this says nothing of the outline."""
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


def section(found: Judgement, rows: Sequence[ClipEvidence] = ()) -> Section:
    """The section of a judgement.

    With its `rows` come pictures: evidence against true Dice where that is known, means with intervals where it is not.
    """
    tables = [segmenters_table(found)]
    if found.rank_correlation is not None:
        tables.insert(0, correlation_table(found, found.rank_correlation))
    return Section("Judged without labels", words(found), tables=tuple(tables), pictures=_pictures(found, rows))


def words(found: Judgement) -> tuple[str, ...]:
    """What the tables show, and what to do with them."""
    n = found.n
    first = f"{n.segmenters} segmenters on {n.clips} clips. No label enters any evidence; of each, more is better."
    if found.rank_correlation is None:
        return first, (
            "The true overlap is not known here: that evidence followed it on other clips is all that speaks for it."
        )
    return first, (
        "Spearman's rank correlation with true Dice tells which evidence to trust: over all pairs of a segmenter and a "
        "clip, over the segmenters' means, over the segmenters within a clip (does it pick the better mask?), and over "
        "a segmenter's clips (does it find those that failed?). Intervals are for other clips, not other segmenters."
    )


def real_words(found: Judgement) -> str:
    """How the evidence shown follows true Dice on real hearts, and what is left out because it does not."""
    real, measured = real_hearts(), [key for key in headline(found) if key != NULL and _is_measured(key, found)]
    dice = [real.dice[name].value for name in real.models]
    where = f"on {real.clips} real clips, over {len(dice)} models of true Dice {min(dice):.2f} to {max(dice):.2f}"
    shown, others = (_ranked([key for key in measured if follows(key) is good]) for good in (True, False))
    hidden = _ranked([key for key in found.hidden if "." not in key and key != NULL])
    return " ".join(
        (
            f"Rank correlation with true Dice {where}: {shown or 'nothing shown here follows it'}.",
            *((f"Shown, but not following it: {others}.",) if others else ()),
            *((f"Not shown without `--all`, as it does not reach {AT_LEAST}: {hidden}.",) if hidden else ()),
        )
    )


def _is_measured(key: str, found: Judgement) -> bool:
    """Whether an evidence was measured on real hearts, and by the same image-text model where it is one's."""
    real, said = real_hearts(), found.image_text
    other = said is not None and said.judge != real.judge and key.partition(".")[0] == "judge"
    return key in real.evidence and not other


def _ranked(keys: Sequence[str]) -> str:
    """Evidence with its rank correlation on real hearts, as text."""
    return ", ".join(f"{short(key)} {interval(real_hearts().followed(key), 2)}" for key in keys)


def correlation_table(found: Judgement, ranks: dict[str, Intervals]) -> Table:
    """Evidence by its rank correlations; set off is what surely says more than that a mask is there."""
    rows = tuple(
        (label(key), *(interval(ranks[key][name], 2) for name in COLUMNS), _most_clips(ranks[key], NONE))
        for key in found.evidence
    )
    own = frozenset(k for k, key in enumerate(found.evidence) if _beats_null(ranks, key))
    note = (
        "A dash: not defined, such as where all values are equal. Set off: over segmenters and clips its interval lies "
        "above that of a mask being there at all."
    )
    return Table(
        "Rank correlation with true Dice", ("evidence", *COLUMNS.values(), "clips"), rows, note if own else "", own
    )


def segmenters_table(found: Judgement) -> Table:
    """A row per segmenter: its means of every evidence that is not part of another, and true Dice where known."""
    main, means = headline(found), [(name, found.segmenters[name]) for name in found.names]
    true = [TRUTH] if any(one[TRUTH] is not None for _, one in means) else []
    columns = ("segmenter", *("true Dice" for _ in true), *(short(key) for key in main), "clips")
    rows = tuple(
        (
            name,
            *(interval(one[key], 3) for key in true),
            *(number(one[key], 3) for key in main),
            _most_clips(one, "0"),
        )
        for name, one in means
    )
    lacking = [f"{name} lacks {count} clips" for name, count in found.without_prediction.items() if count]
    return Table("Segmenters", columns, rows, f"Means over clips. {'; '.join(lacking)}.".replace(". .", "."))


def headline(found: Judgement) -> list[str]:
    """The evidence that is not part of another, with the majority's agreement, which is the better half of its own."""
    return [key for key in found.evidence if "." not in key or key == "agreement.majority"]


def label(key: str) -> str:
    """An evidence in words; parts are set in."""
    return f"{'· ' if '.' in key else ''}{WORDS.get(key, key)}"


def short(key: str) -> str:
    """An evidence in few words."""
    return SHORT.get(key, key)


def truth_figure(found: Judgement, rows: Sequence[ClipEvidence]) -> Figure:
    """Each evidence against true Dice: small dots are clips, large ones a segmenter's means; one colour a segmenter."""
    main = _drawn(found, rows)
    if not main:
        raise InputError("A figure of evidence against true Dice needs rows with both, got none.")
    figure, panels = _panels([short(key) for key in main])
    dice = {name: -1.0 if (one := found.segmenters[name][TRUTH]) is None else one.value for name in found.names}
    order = sorted(found.names, key=lambda name: -dice[name])
    for axes, key in zip(panels, main, strict=True):
        axes.set(xlabel="true Dice")
        for name, colour in zip(order, colours(len(order)), strict=True):
            own = [row for row in rows if row.segmenter == name and _both(row, key)]
            if own:
                x, y = np.array([(row.dice, row.of(key)) for row in own], np.float64).T
                axes.scatter(x, y, s=9, color=colour, alpha=0.35, lw=0)
                axes.scatter(
                    x.mean(), y.mean(), s=52, color=colour, edgecolor="white", lw=0.9, zorder=3, label=_plain(name)
                )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def means_figure(found: Judgement) -> Figure:
    """Each segmenter's mean of each evidence with its interval: for clips whose truth is not known."""
    main, names = headline(found), found.names
    figure, panels = _panels([short(key) for key in main], height=0.9 + 0.26 * len(names))
    for number_, (axes, key) in enumerate(zip(panels, main, strict=True)):
        for place, name in enumerate(names):
            one = found.segmenters[name][key]
            if one is not None:
                ends = [one.value if end is None else end for end in (one.low, one.high)]
                axes.plot(ends, [place, place], color=SOFT, lw=2)
                axes.plot(one.value, place, "o", color=colormaps["viridis"](0.25), ms=6)
        axes.set(yticks=range(len(names)), ylim=(len(names) - 0.5, -0.5))
        axes.set_yticklabels(list(map(_plain, names)) if number_ % 4 == 0 else [])
    return figure


def colours(count: int) -> list[Any]:
    """As many colours, from the best segmenter's to the worst's."""
    return [colormaps["viridis"](share) for share in np.linspace(0.05, 0.92, count)]


def _plain(name: str) -> str:
    """A name that no figure takes for a formula, or for one to be left out of a legend."""
    return f"\u200b{name}".replace("$", r"\$") if name.startswith("_") else name.replace("$", r"\$")


def _panels(titles: Sequence[str], height: float = 2.5) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each title, four a row."""
    rows = -(-len(titles) // 4)
    figure = Figure(figsize=(10.4, rows * height + 0.7), layout="constrained")
    panels = list(figure.subplots(rows, min(4, len(titles)), squeeze=False).flat)
    for axes, title in zip(panels, titles, strict=False):
        tidy(axes)
        axes.set_title(_plain(title), fontsize=10, color=INK)
    for axes in panels[len(titles) :]:
        axes.set_axis_off()
    return figure, panels[: len(titles)]


def _both(row: ClipEvidence, key: str) -> bool:
    return row.dice is not None and row.of(key) is not None


def _drawn(found: Judgement, rows: Sequence[ClipEvidence]) -> list[str]:
    """The evidence that can be drawn against true Dice."""
    return [key for key in headline(found) if any(_both(row, key) for row in rows)]


def _pictures(found: Judgement, rows: Sequence[ClipEvidence]) -> tuple[Picture, ...]:
    """The picture that the rows allow."""
    if rows and headline(found) and found.rank_correlation is None:
        caption = "Means over the clips with their intervals. More is better; scales differ between the panels."
        return (Picture(png_bytes(means_figure(found)), "Means of each evidence by segmenter", caption, 980),)
    if not _drawn(found, rows):
        return ()
    caption = "Small dots are clips, large ones a segmenter's means; the darker, the better the segmenter truly is."
    return (Picture(png_bytes(truth_figure(found, rows)), "Each evidence against true Dice", caption, 980),)


def _beats_null(ranks: dict[str, Intervals], key: str) -> bool:
    """Whether an evidence's interval over segmenters and clips lies above the null's."""
    own, null = ranks[key]["per_clip"], ranks.get(NULL, {}).get("per_clip")
    if own is None or own.low is None:
        return False
    return own.low > (0.0 if null is None or null.high is None else null.high)


def _most_clips(found: Intervals, none: str) -> str:
    """The most clips behind any of the intervals; `none` without any."""
    return str(max((one.n for one in found.values() if one is not None), default=none))
