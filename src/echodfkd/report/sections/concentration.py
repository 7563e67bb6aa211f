"""Where the errors are: their share by clips, their size by what is known of the clips, and the worst clips."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from echodfkd.errors import InputError
from echodfkd.report.draw.figures import BLUE, INK, ORANGE, SOFT, drawn, tidy
from echodfkd.report.numbers import NONE, interval, plain_number
from echodfkd.report.page import Section, Table
from echodfkd.scores.concentration import known_errors, lorenz_curve, normal_curve
from echodfkd.scores.metrics import ERRORS, Row
from echodfkd.scores.records import Concentration, Strata
from echodfkd.scores.strata import COVARIATES, worst

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
    """`concentration` and `strata` of rows in tables, then the worst clips; None without either.

    The figure and the worst clips need the `rows` themselves.
    """
    spread = {name: one for name, one in (concentrated or {}).items() if one and np.isfinite(one.worst.value)}
    by = stratified or {}
    strata_tables = tuple(strata_table(by[name], name) for name in ERRORS if _known(by.get(name)))
    if not spread and not strata_tables:
        return None
    words = "Share of the squared error against share of the clips, beside errors that are normal and equal"
    pictures = (drawn(concentration_figure(rows), words),) if spread and rows else ()
    tables = (
        *((concentration_table(spread),) if spread else ()),
        *strata_tables,
        *((worst_table(rows),) if rows else ()),
    )
    text = (*((CONCENTRATION_TEXT,) if spread else ()), *((STRATA_TEXT,) if strata_tables else ()))
    return Section("Where the errors are", text, tables=tables, pictures=pictures)


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


def worst_table(rows: Sequence[Row]) -> Table:
    """The ten clips of lowest Dice: every error, and what is known of the clip."""
    known = [name for name in COVARIATES if any(row.get(name) is not None for row in rows)]
    lines = tuple(
        (
            str(row["name"]),
            *(plain_number(metric.of(row), metric.digits) for metric in ERRORS.values()),
            *(_told(row.get(name)) for name in known),
        )
        for row in worst(rows, "dice")
    )
    head = ("clip", *(metric.label for metric in ERRORS.values()), *(COVARIATES[name] for name in known))
    return Table(f"The worst clips by {ERRORS['dice'].label}", head, lines)


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


def _known(found: ByCovariate | None) -> bool:
    return found is not None and any(one is not None for one in found.values())


def _told(value: float | str | None) -> str:
    """A covariate as text."""
    return NONE if value is None else value if isinstance(value, str) else f"{value:.4g}"
