"""Two models on the same clips: a table of paired differences."""

from collections.abc import Mapping

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
    return Section(f"{first} against {second}", text, tables=(paired_table(found.differences, first, second),))


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


def _known(differences: Differences) -> list[tuple[Metric, PairedDifference]]:
    """The metrics that both models have, in their order, each with its difference."""
    return [(metric, one) for metric in METRICS if (one := differences.get(metric.key)) is not None]


def _favours(one: PairedDifference, higher_is_better: bool, first: str, second: str) -> str:
    """The model on whose side the whole interval lies; neither where it holds 0."""
    if one.low is None or one.high is None or one.low <= 0 <= one.high:
        return "neither"
    return first if (one.low > 0) == higher_is_better else second


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
