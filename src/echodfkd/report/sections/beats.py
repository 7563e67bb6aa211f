"""End-diastole and end-systole: events one to one, the paper's frame distance beside nulls, and the frame rate."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.report.draw.figures import BLUE, GREEN, drawn, tidy
from echodfkd.report.numbers import NONE, interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.records import BothEvents, EventScores, NullScores, RateScores, RateTrend, Scorecard

PHASES = {"ed": "ED", "es": "ES"}
COLOURS = {"ed": BLUE, "es": GREEN}
AFD_TEXT = (
    "The paper's frame distance (aFD) looks at the reference to choose the beat. The second table shows what it gives "
    "to curves that never saw an image: white noise is 4/3 of a frame off, whatever the heart and the frame rate."
)
ENDS = "At the ends: reference events too near to a clip's end for the curve to turn; neither missed nor matched."
PARTIAL = (
    "No extra events are counted where the reference lists some beats only: there noise fares better than it should."
)


def section(scores: Scorecard, rate: RateScores | None = None) -> Section:
    """ED and ES one to one, the paper's frame distance, both beside curves that saw no image, and the frame rate.

    `rate` is what `frame_rate.rate_scores` found.
    """
    tables = (matched_table(scores.events), null_table(scores), *((rate_table(rate),) if rate else ()))
    pictures = (drawn(rate_figure(rate), "Distances of ED and ES against the frame rate"),) if rate else ()
    return Section("End-diastole and end-systole", _text(scores), tables=tables, pictures=pictures)


def matched_table(events: BothEvents) -> Table:
    """Distances and bias of the events paired one to one, and how many were matched, missed, extra."""
    columns = ("", "distance, frames", "distance, ms", "bias, ms (late is positive)", "matched", "missed", "extra")
    rows = tuple(_matched_row(events.of(phase), label) for phase, label in PHASES.items())
    partial = any(events.of(phase).extra is None for phase in PHASES)
    return Table("Found one to one", (*columns, "at the ends"), rows, f"{ENDS} {PARTIAL}" if partial else ENDS)


def null_table(scores: Scorecard) -> Table:
    """The paper's aFD and the penalised distance of the segmenter and of every curve that saw no image."""
    nulls = scores.null_curves or {}
    segmenter = {p: NullScores(scores.afd[p], scores.events.of(p).penalised_ms) for p in PHASES}
    rows = tuple(
        (
            name,
            *(interval(found[phase].afd, 2) for phase in PHASES),
            *(interval(found[phase].penalised_ms, 0) for phase in PHASES),
        )
        for name, found in {"segmenter": segmenter, **nulls}.items()
    )
    columns = ("area curve of", "aFD ED, frames", "aFD ES, frames", "ED penalised, ms", "ES penalised, ms")
    note = "" if nulls else "No curves that saw no image were scored beside: the aFD cannot be judged without them."
    return Table("The paper's aFD and the penalised distance", columns, rows, note, own=frozenset({0}))


def rate_table(found: RateScores) -> Table:
    """Distances by frame rate, a row per bin, then slopes per Hz and rank correlations."""
    keys = [f"{phase}_{name}" for name in ("afd", "distance_ms") for phase in PHASES]
    bins = tuple(
        (f"{one.low:.0f} to {one.high:.0f}", str(one.clips), *(interval(one.of(key), 2) for key in keys))
        for one in found.bins
    )
    trends = tuple(
        (label, _trend_count(found), *(_trend(found.trend[key], name, digits) for key in keys))
        for label, name, digits in (("slope, per Hz", "slope", 3), ("rank correlation", "spearman", 2))
    )
    columns = ("frame rate, Hz", "clips", "aFD ED, frames", "aFD ES, frames", "ED one to one, ms", "ES one to one, ms")
    note = (
        "Slopes by least squares over clips. A detector that is as late in time at any rate has a slope in frames and "
        "none in milliseconds, so frame distances of data sets with other frame rates cannot be compared."
    )
    return Table("Distance against frame rate", columns, (*bins, *trends), note)


def rate_figure(found: RateScores) -> Figure:
    """Mean distance of each bin of frame rates with its interval, and the line over clips: aFD left, ms right."""
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    panels = (("afd", "the paper's aFD, frames"), ("distance_ms", "one to one, ms"))
    for axes, (name, label) in zip(figure.subplots(1, 2), panels, strict=True):
        tidy(axes)
        for shift, phase in ((-1, "ed"), (1, "es")):
            _draw_rate(axes, found, f"{phase}_{name}", shift * 0.004, COLOURS[phase], PHASES[phase])
        axes.set(xlabel="frame rate, Hz", ylabel=label)
        axes.set_ylim(bottom=0)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def _draw_rate(axes: Axes, found: RateScores, key: str, shift: float, colour: str, label: str) -> None:
    """Bins as dots with whiskers, a little beside their rate, and the line of least squares."""
    known = [(one.fps, mean) for one in found.bins if (mean := one.of(key)) is not None]
    if not known:
        return
    rates, means = np.array([rate for rate, _ in known]), np.array([mean.value for _, mean in known])
    low, high = (
        np.array([mean.value if end is None else end for (_, mean), end in zip(known, ends, strict=True)])
        for ends in ([mean.low for _, mean in known], [mean.high for _, mean in known])
    )
    reach = np.maximum([means - low, high - means], 0)
    axes.errorbar(rates + shift * np.ptp(rates), means, reach, fmt="o", ms=5, lw=1.2, color=colour, label=label)
    if trend := found.trend[key]:
        across = np.array([found.bins[0].low, found.bins[-1].high])
        axes.plot(across, trend.intercept + trend.slope.value * across, color=colour, lw=1, ls="--")


def _text(scores: Scorecard) -> tuple[str, ...]:
    found = (
        "Events are found on the whole clip without looking at the reference and paired one to one within "
        f"{1000 * scores.events.tolerance_s:.0f} ms. In the penalised distance every missed and every extra event "
        "counts as the whole tolerance."
    )
    whose = scores.n.events_from
    return (*((f"The reference events are those of {whose}, not the data set's.",) if whose else ()), found, AFD_TEXT)


def _matched_row(found: EventScores, label: str) -> tuple[str, ...]:
    counts = (found.matched, found.missed, found.extra, found.at_ends)
    distances = (interval(found.distance_frames, 2), interval(found.distance_ms, 0), interval(found.bias_ms, 0))
    return (label, *distances, *(NONE if one is None else str(one) for one in counts))


def _trend(found: RateTrend | None, name: str, digits: int) -> str:
    return NONE if found is None else interval(getattr(found, name), digits)


def _trend_count(found: RateScores) -> str:
    """How many clips the trends rest on, at most."""
    known = [trend.slope.n for trend in found.trend.values() if trend]
    return str(max(known)) if known else NONE
