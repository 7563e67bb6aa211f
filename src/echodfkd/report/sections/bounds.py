"""What annotators' own spread allows: floors and ceilings beside this run's scores (the supplement's section 2)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.report.draw.figures import BLUE, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.bounds import CAMUS, PUBLISHED_FRAME_FLOORS
from echodfkd.scores.records import Rounds, Scorecard
from echodfkd.stats.intervals import Interval

PHASES = {"ed": "ED", "es": "ES"}
TEXT = (
    "A model that says what an annotator tends to is still compared with single annotations, which stray from it. From "
    "how far two rounds of annotation differ follows the error it keeps: the floor of an error, the ceiling of a "
    "correlation. A score beyond its bound says that the labels differ from those the bound was found on, or chance.",
)
EXACT = (
    "These clips' truth is simulated: no annotator strays there, and no such bound holds. The published ones stand "
    "here for comparison only."
)
FRAMES_SOURCE = "supplement's fit to a second round of over 1000 clips of EchoNet-Dynamic"


def section(
    scores: Scorecard,
    rounds: Mapping[str, Rounds] | None = None,
    *,
    exact_truth: bool = False,
) -> Section:
    """Published bounds beside a scorecard, and the floor from two rounds of one's own annotations.

    `rounds` maps 'ed' and 'es' to what `bounds.rounds_bounds` found. `exact_truth` says that the labels are a
    simulator's, where bounds do not hold.
    """
    known = rounds or {}
    tables = (bounds_table(scores, known), *(family_table(found, phase) for phase, found in known.items()))
    pictures = [drawn(bounds_figure(scores, known), "Scores of this run beside the bounds of annotation")]
    if known:
        pictures.append(drawn(rounds_figure(known), "Differences of two rounds of annotation and the fitted noise"))
    return Section(
        "What annotation allows", TEXT, EXACT if exact_truth else "", tables=tables, pictures=tuple(pictures)
    )


def bounds_table(scores: Scorecard, rounds: Mapping[str, Rounds]) -> Table:
    """Each score with a bound: this run's value, the bound and where it comes from."""
    ejection, ceiling = scores.ejection, CAMUS.correlation_ceiling
    spread = f"{CAMUS.who}: deviation of two sessions {CAMUS.ef_sd:g}, published"
    alike = f"{CAMUS.who}: correlation of two sessions {CAMUS.ef_correlation:g}, published"
    rows: list[tuple[str, ...]] = [
        ("RMSE of EF, points", interval(ejection.rmse, 2), f"at least {CAMUS.rmse_floor:.2f}", spread),
        ("correlation of EF", interval(ejection.correlation, 3), f"at most {ceiling:.3f}", alike),
        ("R2 of EF", interval(ejection.r2, 3), f"at most {ceiling**2:.3f}", alike),
    ]
    for phase, label in PHASES.items():
        own, floor = scores.afd[phase], PUBLISHED_FRAME_FLOORS[phase]
        rows.append((f"aFD {label}, frames", interval(own, 2), f"at least {floor:.1f}", f"{FRAMES_SOURCE}, published"))
        if phase in rounds:
            rows.append(_rounds_row(f"aFD {label}, frames", own, rounds[phase]))
    note = "The aFD is no safe reading even above its floor: see what white noise gets with it."
    return Table("Scores and their bounds", ("", "this run", "bound", "from"), tuple(rows), note)


def family_table(found: Rounds, phase: str) -> Table:
    """The distributions fitted to two rounds, best first, with the floor each would give."""
    rows = tuple(
        (
            name,
            f"{one.aic_above_best:.1f}",
            f"{one.floor:.2f}",
            f"{one.astray:.2%} on +-{one.half_width}",
            ", ".join(f"{value:.2f}" for value in one.parameters),
        )
        for name, one in found.families.items()
    )
    columns = ("narrow part", "AIC above the best", "floor, frames", "astray, on frames", "parameters")
    note = (
        f"{found.n} pairs of annotations; mean difference {interval(found.bias, 2)} frames, which the model "
        "takes to be 0. An AIC less than 2 above the best does not tell two families apart."
    )
    return Table(f"Frame choice at {PHASES[phase]}: distributions fitted to two rounds", columns, rows, note)


def bounds_figure(scores: Scorecard, rounds: Mapping[str, Rounds]) -> Figure:
    """This run's RMSE, correlation and aFD with their intervals, and the bounds as lines."""
    ejection = scores.ejection
    figure = Figure(figsize=(8.4, 1.9), layout="constrained")
    floors = {p: rounds[p].floor.value if p in rounds else PUBLISHED_FRAME_FLOORS[p] for p in PHASES}
    panels: tuple[tuple[str, list[tuple[str, Interval | None, float]]], ...] = (
        ("RMSE of EF, points (floor)", [("EF", ejection.rmse, CAMUS.rmse_floor)]),
        ("correlation of EF (ceiling)", [("EF", ejection.correlation, CAMUS.correlation_ceiling)]),
        ("aFD, frames (floor)", [(label, scores.afd[p], floors[p]) for p, label in PHASES.items()]),
    )
    for axes, (label, lines) in zip(figure.subplots(1, 3), panels, strict=True):
        tidy(axes)
        for place, (_, found, bound) in enumerate(lines):
            _draw_bound(axes, place, found, bound)
        axes.set(xlabel=label, yticks=range(len(lines)), yticklabels=[name for name, _, _ in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.margins(x=0.15)
        if "floor" in label:
            axes.set_xlim(left=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def rounds_figure(rounds: Mapping[str, Rounds]) -> Figure:
    """Differences of two rounds: the share of clips at each as bars, the best fit as a line; shares on a log scale."""
    figure = Figure(figsize=(4.2 * len(rounds), 2.9), layout="constrained")
    for axes, (phase, found) in zip(figure.subplots(1, len(rounds), squeeze=False)[0], rounds.items(), strict=True):
        tidy(axes)
        told = found.histogram
        axes.bar(told.frames, told.share, width=0.8, color=SOFT, label=f"{found.n} pairs of annotations")
        axes.plot(told.frames, told.fitted, color=BLUE, lw=1.6, label=f"fitted: {found.best}")
        axes.set(yscale="log", ylim=(0.3 / found.n, 1), title=PHASES[phase])
        axes.set(xlabel="first minus second round, frames", ylabel="share of clips")
        axes.legend(frameon=False, fontsize=8)
    return figure


def _draw_bound(axes: Axes, place: int, found: Interval | None, bound: float) -> None:
    """One line of a panel: the value as a dot, its interval as a bar, the bound as a tick."""
    first = place == 0
    axes.plot(
        [bound] * 2, [place - 0.35, place + 0.35], color=ORANGE, lw=2, label="bound of annotation" if first else None
    )
    if found is not None and np.isfinite(found.value):
        ends = [end for end in (found.low, found.high) if end is not None]
        axes.plot(ends, np.full(len(ends), place), color=BLUE, lw=1.6)
        axes.plot([found.value], [place], "o", color=BLUE, ms=6, label="this run" if first else None)


def _rounds_row(label: str, own: Interval | None, found: Rounds) -> tuple[str, ...]:
    source = f"two rounds, {found.n} pairs; {found.best} noise"
    return (label, interval(own, 2), f"at least {interval(found.floor, 2)}", source)
