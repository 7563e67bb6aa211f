"""What a cohort of teachers brings beside each of its members."""

from echodfkd.report.numbers import interval
from echodfkd.report.page import Section, Table
from echodfkd.scores.cohort import CohortScores


def section(found: CohortScores | None) -> Section | None:
    """A table of the members and of all together; None where there is no cohort."""
    if found is None:
        return None
    text = (
        f"The student was taught by {len(found.rows) - 1} students together ({found.rule}). Here they are on the "
        f"{found.clips} validation clips, against the simulator's truth, which their own teacher may not be.",
    )
    rows = tuple((row.name, interval(row.dice, 3), interval(row.gain, 4)) for row in found.rows)
    note = "Gain: Dice of all together less the member's, paired by clip."
    table = Table("The cohort", ("teacher", "Dice", "gain of all together"), rows, note, frozenset({0}))
    return Section("A cohort of teachers", text, tables=(table,))
