"""The ejection fraction by three methods, beside always saying the training mean; limits of agreement."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import count, interval
from echodfkd.report.page import Picture, Section, Table
from echodfkd.scores.clip_row import EF_COLUMNS
from echodfkd.scores.metrics import Row
from echodfkd.scores.records import AlwaysMean, EjectionErrors, EjectionScores
from echodfkd.stats.agreement import BlandAltman
from echodfkd.stats.intervals import Interval

METHODS = {"discs": "discs", "area_length": "area-length", "area_ratio": "area ratio"}
ERRORS = {
    "mae": "mean absolute error, points",
    "bias": "bias, points",
    "rmse": "RMSE, points",
    "correlation": "correlation",
    "r2": "R2, of the variance explained",
}
LIMITS = {
    "sd": "standard deviation of the differences, points",
    "lower": "lower limit of agreement, points",
    "upper": "upper limit of agreement, points",
}
TEXT = (
    "Three methods measure the same frames of the same beats; each clip's value is the median over its beats. Discs "
    "(single plane, 20) and area-length (8 A^2 / 3 pi L) give volumes. The area ratio, (A_ED - A_ES) / A_ED, is what "
    "the paper's reference computes: an area falls by less than a volume, so its bias is no fault of the masks."
)
SINGLE = "Single-plane method of discs (20), median over the beats of a clip."


def section(found: EjectionScores, rows: Sequence[Row] = ()) -> Section:
    """Errors of the ejection fraction by each method; with the rows of `score_clip` also the figures."""
    always = found.always_training_mean
    text = TEXT if found.methods else SINGLE
    drawings = _pictures(rows, found.methods, None if always is None else always.says)
    return Section("Ejection fraction", (text,), tables=(ejection_table(found),), pictures=tuple(drawings))


def ejection_table(found: EjectionScores) -> Table:
    """A scorecard's `ejection` as a table: a line for each error and limit, a column for each method."""
    methods = found.methods or {"discs": found}
    always = found.always_training_mean
    lines = [
        (
            label,
            *(interval(one.of(key), 2) for one in methods.values()),
            interval(getattr(always, key, None), 2),
            count(found.of(key)),
        )
        for key, label in ERRORS.items()
    ]
    if any(one.mae_penalised for one in methods.values()):
        lines.insert(1, _penalised_line(methods, always, found))
    limits = {name: one.bland_altman for name, one in methods.items()}
    if any(limits.values()):
        lines += [
            (label, *(interval(getattr(one, key, None), 2) for one in limits.values()), "-", count(found.mae))
            for key, label in LIMITS.items()
        ]
    note = (
        f"{found.without_prediction} of {found.clips} clips with a known EF got none (no complete beat found). "
        "Over all clips they count as if the training mean had been said: giving up on hard clips does not help."
    )
    if any(limits.values()):
        note += " Limits of agreement are bias -+ 1.96 standard deviations of predicted - true (Bland and Altman)."
    head = ("", *(METHODS[name] for name in methods), "always the training mean", "clips")
    return Table("Error of the ejection fraction", head, tuple(lines), note)


def _penalised_line(
    methods: Mapping[str, EjectionErrors], always: AlwaysMean | None, found: EjectionScores
) -> tuple[str, ...]:
    """The mean absolute error over all clips, those without an ejection fraction too."""
    known = (interval(one.mae_penalised, 2) for one in methods.values())
    return ("the same over all clips", *known, interval(None if always is None else always.mae, 2), str(found.clips))


def bland_altman_figure(rows: Sequence[Row], limits: BlandAltman | None = None, method: str = "discs") -> Figure:
    """Predicted - true over the mean of both (points, percent), a point per clip; bias and limits with intervals.

    `limits` is the method's `bland_altman` of a scorecard; None draws the points alone.
    """
    pairs = known_pairs(rows, EF_COLUMNS[method])
    if not len(pairs):
        raise InputError("A Bland-Altman figure needs a clip with a predicted and a true ejection fraction, got none.")
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    axes.axhline(0, color=SOFT, lw=1)
    for key, label in (("bias", "bias"), ("lower", "- 1.96 SD"), ("upper", "+ 1.96 SD")):
        if limits is not None:
            _level(axes, getattr(limits, key), label, INK if key == "bias" else ORANGE)
    axes.scatter(pairs.mean(axis=1), np.subtract(*pairs.T), s=24, color=BLUE, alpha=0.75, lw=0)
    axes.set(xlabel="mean of predicted and true EF, %", ylabel="predicted - true, points")
    axes.set_title(f"{METHODS[method]}, n = {len(pairs)}", fontsize=10, color=INK)
    return figure


def methods_figure(rows: Sequence[Row], training_ef: float | None = None) -> Figure:
    """Predicted against true ejection fraction (percent) by each method, side by side, with the identity line."""
    pairs = {method: known_pairs(rows, column) for method, column in EF_COLUMNS.items()}
    values = np.concatenate([one.ravel() for one in pairs.values()])
    low, high = (0.0, 100.0) if not len(values) else (min(20, values.min() - 3), max(80, values.max() + 3))
    figure = Figure(figsize=(9.2, 3.4), layout="constrained")
    grid = figure.subplots(1, len(pairs), sharey=True)
    for axes, (method, found) in zip(grid, pairs.items(), strict=True):
        tidy(axes)
        axes.plot([low, high], [low, high], color=SOFT, lw=1.2, label="identity")
        if training_ef is not None:
            axes.axhline(training_ef, color=ORANGE, lw=1.2, ls="--", label="always the training mean")
        axes.scatter(found[:, 1], found[:, 0], s=22, color=BLUE, alpha=0.75, lw=0)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="true EF, %")
        axes.set_title(f"{METHODS[method]}, n = {len(found)}", fontsize=10, color=INK)
    grid[0].set_ylabel("predicted EF, %")
    grid[0].legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def known_pairs(rows: Sequence[Row], column: str) -> NDArray[np.float64]:
    """(predicted, true) of the clips that have both: (clip, 2)."""
    known = [row for row in rows if row.get(column) is not None and row["ef_true"] is not None]
    return np.array([(row[column], row["ef_true"]) for row in known], np.float64).reshape(-1, 2)


def _level(axes: Axes, found: Interval, label: str, colour: str) -> None:
    """A horizontal line at the value with its interval as a band, named at the right."""
    axes.axhline(found.value, color=colour, lw=1.4, ls="-" if colour == INK else "--")
    if found.low is not None and found.high is not None:
        axes.axhspan(found.low, found.high, color=colour, alpha=0.1, lw=0)
    words = f"{label}: {found.value:.1f}"
    place = axes.get_yaxis_transform()
    axes.text(1.01, found.value, words, transform=place, va="center", fontsize=8, color=colour)


def _pictures(rows: Sequence[Row], methods: Mapping[str, EjectionErrors], training_ef: float | None) -> list[Picture]:
    if not len(known_pairs(rows, EF_COLUMNS["discs"])):
        return []
    limits = methods["discs"].bland_altman if "discs" in methods else None
    return [
        drawn(methods_figure(rows, training_ef), "Predicted against true ejection fraction by three methods"),
        drawn(
            bland_altman_figure(rows, limits),
            "Difference of predicted and true ejection fraction over their mean, with limits of agreement",
            "Predicted - true over the mean of both. Bands are the 95 % bootstrap intervals of bias and limits.",
        ),
    ]
