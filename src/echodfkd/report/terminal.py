"""What was found, as lines for a terminal: a scorecard, a judgement, a grid of sizes, a student."""

from collections.abc import Sequence
from pathlib import Path

from echodfkd.evidence.records import Judgement
from echodfkd.files import read_json, shaped
from echodfkd.report.numbers import count, interval, number
from echodfkd.report.sections.evidence import headline, real_words
from echodfkd.report.sections.size import grid_table, law_words
from echodfkd.scores.frame_distance import PHASES
from echodfkd.scores.metrics import METRICS, Metric
from echodfkd.scores.records import EventScores, Scorecard, Scores
from echodfkd.scores.sizes import SizeScores
from echodfkd.scores.speed import Speed
from echodfkd.student.card import read_card
from echodfkd.student.settings import flops_per_frame
from echodfkd.study.search_record import Trial


def table(scores: Scores) -> str:
    """The scorecard as lines for a terminal; with an exclusion of all clips, then of those that are not excluded."""
    gone = scores.excluded
    if gone is None or scores.clean is None:
        return _table(scores)
    words = ", ".join(f"{reason} {count}" for reason, count in gone.by_reason.items()) or "no reason given"
    return (
        f"All {scores.n.clips} clips\n{_table(scores)}\n\n"
        f"Without the {gone.clips} excluded ({words}): {scores.clean.n.clips} clips\n{_table(scores.clean)}"
    )


def _table(scores: Scorecard) -> str:
    """One scorecard as lines: each metric with its interval, its n and what baselines get."""
    rows = [("", "value (95 % interval)", "n", "baselines")]
    for metric in METRICS:
        if metric.in_terminal:
            found = metric.found(scores)
            rows.append((metric.label, interval(found, metric.digits), count(found), _comparison(metric, scores)))
    fraction = scores.ejection
    if fraction.without_prediction:
        words = f"{fraction.without_prediction} clips without one count as the training mean"
        found = fraction.mae_penalised
        rows.append(("EF error, all clips", interval(found, 1), count(found), words))
    return "\n".join(_padded(rows))


def _padded(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equally many cells as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _comparison(metric: Metric, scores: Scorecard) -> str:
    """What stands beside a metric: baselines, curves that saw no image, how many events were matched."""
    others = metric.baselines(scores)
    for phase in PHASES:
        if metric.key == f"{phase}_distance_ms":
            return _counts(scores.events.of(phase))
        if metric.key == f"{phase}_afd":
            nulls = scores.null_curves or {}
            others = {name: found for name, null in nulls.items() if (found := null[phase].afd) is not None}
    return "; ".join(f"{label} {number(found, metric.digits)}" for label, found in others.items())


def _counts(found: EventScores) -> str:
    extra = "" if found.extra is None else f", {found.extra} extra"
    return f"{found.matched} matched, {found.missed} missed{extra}"


def label_free_table(found: Judgement) -> str:
    """Means of every segmenter by the main kinds of evidence, and the rank correlation with true Dice where known."""
    main, ranks = headline(found), found.rank_correlation
    rows = [("", *(["true Dice"] if ranks else []), *main)]
    for name in found.names:
        means = found.segmenters[name]
        true = [number(means["dice"], 3)] if ranks else []
        rows.append((name, *true, *(number(means[key], 3) for key in main)))
    if ranks:
        rows.append(("rank correlation of means", "", *(number(ranks[key]["per_model"], 2) for key in main)))
    lacking = {name: count for name, count in found.without_prediction.items() if count}
    notes = [f"{name} lacks {count} of the clips: its means are of the others" for name, count in lacking.items()]
    return "\n".join([*_padded(rows), *notes, real_words(found)])


def size_table(scores: SizeScores) -> str:
    """The grid as lines for a terminal: a row per student, then what its laws say."""
    table = grid_table(scores)
    lines = _padded([table.columns, *table.rows])
    laws = scores.laws["parameters"]
    return "\n".join([*lines, *(law_words(key, laws[key]) for key in ("dice", "iou"))])


def student_words(run_folder: Path) -> str:
    """Parameters, FLOPs and speed of a run's student, as a line for a terminal."""
    card = read_card(run_folder / "student")
    speed = shaped(Speed, read_json(run_folder / "scores" / "speed.json"))
    size = card.preprocessing.size
    flops = flops_per_frame(card.network, size) / 1e9
    return (
        f"{card.network.name}: {card.parameters:,} parameters, {flops:.3g} GFLOPs a frame of {size} x {size} "
        f"(2 per multiply-add), {speed.frames_per_second:.0f} frames/s one by one "
        f"({speed.low:.0f} to {speed.high:.0f} in {speed.repeats} passes)"
    )


def run_words(folder: Path, scores: Scores | SizeScores) -> str:
    """A finished run as lines for a terminal: its student's scores and size, or its grid of students."""
    return size_table(scores) if isinstance(scores, SizeScores) else f"{table(scores)}\n{student_words(folder)}"


def search_words(trials: Sequence[Trial], best: Trial | None) -> str:
    """How a search went, and the dials of the best, as lines."""
    states = [one.state for one in trials]
    said = f"{states.count('done')} of {len(trials)} trials taught to the end, {states.count('pruned')} ended early"
    if impossible := states.count("impossible"):
        said += f", {impossible} impossible"
    if best is None:
        return f"{said}."
    dials = "\n".join(f"  {name} = {value}" for name, value in best.values.items())
    return f"{said}. Trial {best.number} is the best, Dice {best.dice:.4f} on validation clips:\n{dials}"
