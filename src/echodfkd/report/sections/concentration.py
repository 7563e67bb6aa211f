"""Where the errors are: their share by clips, their size by what is known of the clips, and the worst clips."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import NONE, interval, plain_number
from echodfkd.report.page import Picture, Section, Table
from echodfkd.scores.concentration import clip_error, known_errors, lorenz_curve, normal_curve
from echodfkd.scores.metrics import ERRORS, Row
from echodfkd.scores.records import Concentration, Strata
from echodfkd.scores.strata import COVARIATES, places_of, thirds, worst

ByCovariate = Mapping[str, Strata | None]

CONCENTRATION_TEXT = (
    "The paper's supplement (4) finds most of the squared error on the last 15 % of the clips. A steep end alone says "
    "little: errors that are normal about zero, the same law for every clip, already put 56 % of it there. So the "
    "table gives the range that as many clips with such errors reach; only what lies above it is a tail."
)
STRATA_TEXT = (
    "Thirds of the clips by each covariate, and Spearman's rank correlation of covariate and size of the error. "
    "Covariates go together, and of twenty correlations one leaves 0 out of its interval by chance."
)


def section(
    concentrated: Mapping[str, Concentration | None] | None,
    stratified: Mapping[str, ByCovariate] | None = None,
    rows: Sequence[Row] = (),
) -> Section | None:
    """`concentration` and `strata` of rows in tables and figures, then the worst clips; None without either.

    The figures need the `rows` themselves.
    """
    spread = {name: one for name, one in (concentrated or {}).items() if one and np.isfinite(one.worst.value)}
    by = stratified or {}
    strata_tables = tuple(strata_table(by[name], name) for name in ERRORS if _known(by.get(name)))
    if not spread and not strata_tables:
        return None
    pictures: list[Picture] = []
    if spread and rows:
        words = "Share of the squared error against share of the clips, beside errors that are normal and equal"
        pictures.append(drawn(concentration_figure(rows), words))
    if strata_tables and rows:
        words = "Errors of the clips against what is known of them; bars are means of thirds with 95 % intervals"
        pictures.append(drawn(strata_figure(rows, by), words))
    tables = (
        *((concentration_table(spread),) if spread else ()),
        *strata_tables,
        *((worst_table(rows),) if rows else ()),
    )
    text = (*((CONCENTRATION_TEXT,) if spread else ()), *((STRATA_TEXT,) if strata_tables else ()))
    return Section("Where the errors are", text, tables=tables, pictures=tuple(pictures))


def concentration_table(found: Mapping[str, Concentration]) -> Table:
    """Share of the worst clips and Gini coefficient of each error, beside those of normal and of equal errors."""
    lines = tuple(
        (
            ERRORS[name].label,
            interval(one.worst, 2),
            interval(one.normal["worst"], 2),
            plain_number(one.equal["worst"], 2),
            interval(one.gini, 2),
            interval(one.normal["gini"], 2),
            "yes" if one.worst.value > (one.normal["worst"].high or 0) else "no",
            str(one.n),
        )
        for name, one in found.items()
    )
    share = next(iter(found.values())).share
    head = (
        "",
        f"on the worst {share:.0%}",
        "with normal errors, range",
        "with equal errors",
        "Gini",
        "with normal errors, range",
        "worst share above its range",
        "clips",
    )
    note = (
        "Ranges hold 95 % of as many clips with errors normal about zero. Equal errors have a Gini coefficient of 0. "
        "Clips that got no ejection fraction have no error of it and are not in its line."
    )
    return Table("Share of the squared error", head, lines, note)


def strata_table(found: ByCovariate, error: str) -> Table:
    """One error by thirds of each covariate (or by its words), with the rank correlation and the number of clips."""
    digits = ERRORS[error].digits
    lines = []
    for covariate, label in COVARIATES.items():
        if (one := found.get(covariate)) is not None:
            groups = [f"{group.group}: {interval(group.error, digits)}" for group in one.groups]
            cells = [*groups[:2], "; ".join(groups[2:])] if len(groups) > 2 else [*groups, NONE, NONE][:3]
            lines.append((label, *cells, interval(one.correlation, 2), str(one.n)))
    head = ("", "low", "middle", "high", "rank correlation", "clips")
    return Table(f"{ERRORS[error].label}, mean size", head, tuple(lines))


def worst_table(rows: Sequence[Row], error: str = "dice", number_of_clips: int = 10) -> Table:
    """The clips with the largest error: every error, and what is known of the clip."""
    known = [name for name in COVARIATES if any(row.get(name) is not None for row in rows)]
    lines = tuple(
        (
            str(row["name"]),
            *(plain_number(metric.of(row), metric.digits) for metric in ERRORS.values()),
            *(_told(row.get(name)) for name in known),
        )
        for row in worst(rows, error, number_of_clips)
    )
    head = ("clip", *(metric.label for metric in ERRORS.values()), *(COVARIATES[name] for name in known))
    return Table(f"The worst clips by {ERRORS[error].label}", head, lines)


def concentration_figure(rows: Sequence[Row]) -> Figure:
    """Share of the squared error carried by the best clips, a panel per error, beside normal and equal errors."""
    known = {name: errors for name in ERRORS if (errors := known_errors(rows, name)).any()}
    if not known:
        raise InputError("A figure of squared errors needs a clip with an error, got none.")
    figure = Figure(figsize=(0.4 + 3.1 * len(known), 3.3), layout="constrained")
    share = np.linspace(0, 1, 201)
    for axes, (name, errors) in zip(figure.subplots(1, len(known), squeeze=False)[0], known.items(), strict=True):
        tidy(axes)
        axes.plot(share * 100, share * 100, color=SOFT, lw=1.2, label="equal errors")
        axes.plot(share * 100, normal_curve(share) * 100, color=ORANGE, lw=1.4, ls="--", label="normal errors")
        clips, carried = lorenz_curve(errors)
        axes.plot(clips * 100, carried * 100, color=BLUE, lw=1.8, label="measured")
        axes.axvline(85, color=SOFT, lw=0.8, ls=":")
        axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal", xlabel="share of clips, best first, %")
        axes.set_title(f"{ERRORS[name].label} (n = {len(errors)})", fontsize=9, color=INK)
    figure.axes[0].set_ylabel("share of squared error, %")
    figure.axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def strata_figure(rows: Sequence[Row], found: Mapping[str, ByCovariate]) -> Figure:
    """Size of each error (down) against each covariate (across): a dot per clip, means of the groups with intervals."""
    errors = [name for name in ERRORS if _known(found.get(name))]
    covariates = [name for name in COVARIATES if any(found[error].get(name) for error in errors)]
    if not covariates:
        raise InputError("A figure of errors by covariate needs clips that have both, got none.")
    figure = Figure(figsize=(0.6 + 2.1 * len(covariates), 0.4 + 1.9 * len(errors)), layout="constrained")
    grid = figure.subplots(len(errors), len(covariates), squeeze=False, sharey="row", sharex="col")
    for line, error in zip(grid, errors, strict=True):
        for axes, covariate in zip(line, covariates, strict=True):
            tidy(axes)
            if (one := found[error].get(covariate)) is not None:
                _panel(axes, rows, error, covariate, one)
        line[0].set_ylabel(ERRORS[error].label.replace(", penalised", ",\npenalised"), fontsize=8.5)
        line[0].set_ylim(bottom=0)
    for axes, covariate in zip(grid[-1], covariates, strict=True):
        axes.set_xlabel(COVARIATES[covariate], fontsize=8.5)
    return figure


def _panel(axes: Axes, rows: Sequence[Row], error: str, covariate: str, found: Strata) -> None:
    """One error against one covariate: dots, and the groups' means over the values they hold."""
    pairs = [(row[covariate], clip_error(row, error)) for row in rows if row.get(covariate) not in (None, "")]
    known = [(value, abs(size)) for value, size in pairs if size is not None]
    places, sizes = places_of([value for value, _ in known]), np.array([size for _, size in known])
    is_words = isinstance(known[0][0], str)
    axes.scatter(places, sizes, s=9, color=SOFT, alpha=0.6, lw=0)
    groups = places if is_words else thirds(places)
    for place, group in zip(np.unique(groups), found.groups, strict=True):
        inside, one = places[groups == place], group.error
        ends = (inside.min() - 0.2, inside.max() + 0.2) if is_words else (inside.min(), inside.max())
        axes.plot(ends, [one.value] * 2, color=BLUE, lw=2)
        if one.low is not None and one.high is not None:
            axes.fill_between(ends, one.low, one.high, color=BLUE, alpha=0.2, lw=0)
    if is_words:
        axes.set_xticks(np.unique(places), [group.group for group in found.groups])
    axes.set_title(f"rank corr. {interval(found.correlation, 2)}", fontsize=7.5, color=INK)


def _known(found: ByCovariate | None) -> bool:
    return found is not None and any(one is not None for one in found.values())


def _told(value: float | str | None) -> str:
    """A covariate as text."""
    return NONE if value is None else value if isinstance(value, str) else f"{value:.4g}"
