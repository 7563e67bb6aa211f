"""Ejection fractions as lists write them, to percent: another unit is converted where it is certain, else told."""

from collections.abc import Mapping

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
    one of 1 or less among percents is neither for certain, and so unknown, as one is that no heart has. One that
    its own row's volumes contradict is odd, and stays. A list without any says nothing odd.
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
        own = _of_volumes((volumes or {}).get(name))
        if value is None:
            reason, told = "table", told if is_blank(written[name]) else f"{told}, not a number"
        elif 0 < value <= MOST_OF_A_FRACTION:
            near = own is not None and abs(own - 100 * value) <= NEAR
            meant = "%" not in written[name] and (all_fractions or near)
            percent, reason = (round(100 * value, 9), "unit") if meant else (None, "unit")
            told += f", read as {percent:g} %" if meant else ", which may be a fraction"
        if percent is not None and not 0 < percent < 100:
            percent, reason, told = None, "volumes", f"EF {percent:g} %"
        found[name] = percent
        if not reason and percent is not None and own is not None and abs(own - percent) > NEAR:
            reason, told = "volumes", f"{told}, but its volumes make {own:.1f} %: the former is used"
        if reason:
            odd.append(Finding(name, reason, told if percent is not None else f"{told}: it counts as unknown"))
    return found, odd


def _of_volumes(volumes: Volumes | None) -> float | None:
    """The ejection fraction that two volumes make, in percent; None where one is not known, or 0, or they make none."""
    esv, edv = volumes or (None, None)
    return 100 * (1 - esv / edv) if esv and edv and esv <= edv else None
