"""Ejection fractions as lists write them, to percent: another unit is converted where it is certain, else told."""

from collections.abc import Mapping
from math import isclose

from echodfkd.data.findings import Finding
from echodfkd.tables import is_blank, parsed_number

MOST_OF_A_FRACTION = 1.0
"""No heart ejects 1 % or less: what is not above it may be a fraction of 1."""
NEAR = 2.0
"""Percent by which an ejection fraction may miss that of its row's volumes and still be meant by them."""
Volumes = tuple[float | None, float | None]  # ESV and EDV in ml


def in_percent(
    written: Mapping[str, str], volumes: Mapping[str, Volumes] | None = None
) -> tuple[dict[str, float | None], list[Finding]]:
    """The ejection fraction of every clip in percent, None where it is not known; and what was odd about them.

    `written` holds the cells of one list by clip, `volumes` those of its rows. Numbers count as percent, with or
    without their sign. They are fractions of 1 where none of the list is above 1, and where a row's volumes say so;
    one of 1 or less among percents is neither for certain, and so unknown, as one is that no heart has. A list without
    any says nothing odd.
    """
    if all(map(is_blank, written.values())):
        return dict.fromkeys(written), []
    plain = {name: parsed_number(text.strip().removesuffix("%")) for name, text in written.items()}
    bare = [value for name, value in plain.items() if value is not None and "%" not in written[name]]
    all_fractions = 0 < max(bare, default=0) <= MOST_OF_A_FRACTION
    found: dict[str, float | None] = {}
    odd: list[Finding] = []
    for name, value in plain.items():
        told, percent, reason = f"EF is {written[name].strip()!r}", value, ""
        if value is None:
            reason, told = "table", told if is_blank(written[name]) else f"{told}, not a number"
        elif 0 < value <= MOST_OF_A_FRACTION:
            meant = "%" not in written[name] and (all_fractions or _is_of(100 * value, (volumes or {}).get(name)))
            percent, reason = (round(100 * value, 9), "unit") if meant else (None, "unit")
            told += f", read as {percent:g} %" if meant else ", which may be a fraction"
        if percent is not None and not 0 < percent < 100:
            percent, reason, told = None, "volumes", f"EF {percent:g} %"
        found[name] = percent
        if reason:
            odd.append(Finding(name, reason, told if percent is not None else f"{told}: it counts as unknown"))
    return found, odd


def _is_of(percent: float, volumes: Volumes | None) -> bool:
    """Whether two volumes make that ejection fraction."""
    esv, edv = volumes or (None, None)
    return esv is not None and edv is not None and isclose(100 * (1 - esv / edv), percent, abs_tol=NEAR)
