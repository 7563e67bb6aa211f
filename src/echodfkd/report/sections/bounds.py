"""What annotators' own spread allows: floors and ceilings beside this run's scores (the supplement's section 2)."""

from collections.abc import Mapping

from echodfkd.report.numbers import interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.bounds import (
    CAMUS_EF_CORRELATION,
    CAMUS_EF_SD,
    PUBLISHED_FRAME_FLOORS,
    correlation_ceiling,
    rmse_floor,
)
from echodfkd.scores.records import Rounds, Scorecard

TEXT = (
    "A model that says what an annotator tends to is still compared with single annotations, which stray from it. From "
    "how far two rounds of annotation differ follows the error it keeps: the floor of an error, the ceiling of a "
    "correlation. A score beyond its bound says that the labels differ from those the bound was found on, or chance.",
)
EXACT = (
    "These clips' truth is simulated: no annotator strays there, and no such bound holds. The published ones stand "
    "here for comparison only."
)
FRAMES_SOURCE = "supplement's fit to a second round of over 1000 clips of EchoNet-Dynamic, published"


def section(scores: Scorecard, rounds: Mapping[str, Rounds] | None = None, *, exact_truth: bool = False) -> Section:
    """Published bounds beside a scorecard, and the floor from two rounds of one's own annotations.

    `rounds` maps 'ed' and 'es' to what `bounds.rounds_bounds` found. `exact_truth` says that the labels are a
    simulator's, where bounds do not hold.
    """
    table = bounds_table(scores, rounds or {})
    return Section("What annotation allows", TEXT, EXACT if exact_truth else "", tables=(table,))


def bounds_table(scores: Scorecard, rounds: Mapping[str, Rounds]) -> Table:
    """Each score with a bound: this run's value, the bound and where it comes from."""
    ejection, ceiling = scores.ejection, correlation_ceiling(CAMUS_EF_CORRELATION)
    spread = f"CAMUS, intra-annotator: deviation of two sessions {CAMUS_EF_SD:g}, published"
    alike = f"CAMUS, intra-annotator: correlation of two sessions {CAMUS_EF_CORRELATION:g}, published"
    rows: list[tuple[str, ...]] = [
        ("RMSE of EF, points", interval(ejection.rmse, 2), f"at least {rmse_floor(CAMUS_EF_SD):.2f}", spread),
        ("correlation of EF", interval(ejection.correlation, 3), f"at most {ceiling:.3f}", alike),
        ("R2 of EF", interval(ejection.r2, 3), f"at most {ceiling**2:.3f}", alike),
    ]
    for phase, floor in PUBLISHED_FRAME_FLOORS.items():
        own = (f"aFD {phase.upper()}, frames", interval(scores.afd[phase], 2))
        rows.append((*own, f"at least {floor:.1f}", FRAMES_SOURCE))
        if found := rounds.get(phase):
            source = (
                f"two rounds, {found.n} pairs, mean difference {interval(found.bias, 2)} (taken to be 0): Laplace of "
                f"scale {found.scale:.2f}, {found.astray:.2%} astray on +-{found.half_width} frames"
            )
            rows.append((*own, f"at least {interval(found.floor, 2)}", source))
    note = "The aFD is no safe reading even above its floor: see what white noise gets with it."
    return Table("Scores and their bounds", ("", "this run", "bound", "from"), tuple(rows), note)
