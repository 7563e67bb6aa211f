"""Two models on the same clips: a table and a forest plot of paired differences."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import BLUE, INK, SOFT, drawn, tidy
from echodfkd.report.numbers import NONE, count, interval, plain_number
from echodfkd.report.page import Section, Table
from echodfkd.scores.metrics import METRICS, Metric
from echodfkd.scores.records import Paired, PairedDifference

Differences = Mapping[str, PairedDifference | None]


def section(found: Paired | None, first: str, second: str) -> Section | None:
    """The comparison of two named models from `paired.paired_scores`; None where there is none."""
    if found is None:
        return None
    clips = found.clips
    text: tuple[str, ...] = (
        f"Differences are {first} minus {second}, on the same {clips.both} clips. What makes a clip hard is hard "
        "for both, so a paired interval is narrower than two separate ones tell.",
        "p is the share of random exchanges of the two models' values, clip by clip, with a difference at least as "
        "large. It is not corrected for the number of lines: one of twenty below 0.05 is expected of two equal models.",
    )
    alone = clips.first_alone + clips.second_alone
    if alone:
        text += (f"{alone} clips are of one model alone and not compared.",)
    words = f"Paired differences of {first} and {second} with 95 % intervals, better to the right"
    drawable = any(found.differences.values())
    pictures = (drawn(paired_figure(found.differences, first, second), words),) if drawable else ()
    return Section(
        f"{first} against {second}", text, tables=(paired_table(found.differences, first, second),), pictures=pictures
    )


def paired_table(differences: Differences, first: str, second: str) -> Table:
    """A line for each number that both models have: both means, the difference with interval, p, and the clips."""
    lines = tuple(
        (
            metric.label,
            plain_number(one.first, metric.digits),
            plain_number(one.second, metric.digits),
            interval(one, metric.digits + 1),
            NONE if one.p is None else _p(one.p),
            _favours(one, metric.higher_is_better, first, second),
            count(one),
            str(one.alone),
        )
        for metric, one in _known(differences)
    )
    head = ("", first, second, "difference", "p", "interval favours", "clips", "of one model alone")
    return Table("Paired differences", head, lines)


def paired_figure(differences: Differences, first: str, second: str) -> Figure:
    """A forest plot: each difference in standard deviations of the clips' differences, better for `first` to the right.

    So numbers of other units share one axis; the differences themselves are written at the right.
    """
    known = _known(differences)
    if not known:
        raise InputError("A forest plot needs at least one difference, got none.")
    figure = Figure(figsize=(8.0, 1.0 + 0.36 * len(known)), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    axes.axvline(0, color=SOFT, lw=1.4)
    for place, (metric, one) in enumerate(known):
        _line(axes, place, one, 1 if metric.higher_is_better else -1)
        words = interval(one, metric.digits + 1)
        axes.text(1.02, place, words, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=INK)
    reach = 1.1 * max(abs(end) for end in axes.get_xlim())
    axes.set(yticks=range(len(known)), yticklabels=[metric.label for metric, _ in known], xlim=(-reach, reach))
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{second} better  |  {first} better\nin standard deviations of the clips' differences", fontsize=9)
    return figure


def _known(differences: Differences) -> list[tuple[Metric, PairedDifference]]:
    """The metrics that both models have, in their order, each with its difference."""
    return [(metric, one) for metric in METRICS if (one := differences.get(metric.key)) is not None]


def _line(axes: Axes, place: int, one: PairedDifference, sign: int) -> None:
    """One difference with its interval; of a single clip, or where all clips differ alike, as 1 to its side."""
    scale = sign / (one.sd or abs(one.value) or 1)
    if one.low is not None and one.high is not None:
        axes.plot([one.low * scale, one.high * scale], [place, place], color=BLUE, lw=2, solid_capstyle="butt")
    axes.plot([one.value * scale], [place], "s", color=BLUE, ms=6, mec="white")


def _favours(one: PairedDifference, higher_is_better: bool, first: str, second: str) -> str:
    """The model on whose side the whole interval lies; neither where it holds 0."""
    if one.low is None or one.high is None or one.low <= 0 <= one.high:
        return "neither"
    return first if (one.low > 0) == higher_is_better else second


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
