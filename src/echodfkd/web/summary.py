"""One page that tells a clip: what was measured, how far to trust it, how it was found, and the beating overlay."""

from collections.abc import Sequence

from echodfkd.measure.measures import Measures
from echodfkd.measure.record import Record, model_words
from echodfkd.report.page import Loop, Page, Picture, Section, Table, Tile, page_html
from echodfkd.web.told import told

MOST_BEATS, MOST_REASONS = 7, 8
"""Rows that the page has room for."""


def summary_page(record: Record, found: Measures, overlay: bytes, curve: bytes, poster: bytes) -> str:
    """The page as HTML that needs nothing outside itself, and fits one sheet of paper.

    `overlay` is an MP4, `curve` a PNG, `poster` a PNG of one frame for paper. Frames are counted from 1, as on screen.
    """
    known = told(found, record)
    by_hand = _by_hand(record)
    loop = Loop(overlay, "The clip with the ventricle's outline and the area curve below.", by_hand, poster)
    columns = {key: words for key, words in _COLUMNS.items() if any(key in beat for beat in known["beats"])}
    rows = tuple(tuple(_cell(beat, key) for key in columns) for beat in known["beats"])
    more = "{} more beats are left out here." if len(rows) > MOST_BEATS else ""
    note = f"Frames are counted from 1. {more.format(len(rows) - MOST_BEATS)}"
    points = found.reasons[:MOST_REASONS]
    if len(found.reasons) > MOST_REASONS:
        points = (*points, f"and {len(found.reasons) - MOST_REASONS} more reasons, in measures.json")
    sections = (
        Section("Verdict", (_VERDICTS[found.verdict],), points=points, warning=by_hand),
        Section("Beats", tables=(Table("Every whole beat", tuple(columns.values()), rows[:MOST_BEATS], note=note),)),
        Section("Area", pictures=(Picture(curve, "The ventricle's area over time, ED and ES marked."),)),
    )
    lead = f"{record['frames']} frames, by the model {model_words(record)}. Research software, not for diagnosis."
    return page_html(Page(record["name"], lead, loop, _tiles(known), sections, sheet=True))


_COLUMNS = {
    "ed": "ED frame",
    "es": "ES frame",
    "ejection_fraction": "EF, %",
    "edv_ml": "EDV, ml",
    "esv_ml": "ESV, ml",
    "heart_rate": "per minute",
}
_VERDICTS = {
    "typical": "Typical: nothing odd was found. That does not mean that the outline is right: look at it.",
    "review": "Review: something speaks against these numbers.",
    "refused": "Not measured.",
}


def _tiles(known: Record) -> tuple[Tile, ...]:
    """The headline numbers that there are."""
    words = f"{_within(known)}{'' if known['verdict'] == 'typical' else _VERDICTS[known['verdict']]}".strip()
    shown = [Tile("Ejection fraction", _number(known.get("ejection_fraction"), " %"), words)]
    shown.append(Tile("Heart rate", _number(known.get("heart_rate"), " / min")))
    if "edv_ml" in known:
        discs, told = known.get("ejection_fraction_by_discs"), known.get("ejection_fraction")
        apart = discs is not None and told is not None and round(discs) != round(told)
        own = f"; without the model's correction these make {discs:.0f} %" if apart else ""
        volumes = f"{known['edv_ml']:.0f} / {known['esv_ml']:.0f} ml"
        shown.append(Tile("Volumes", volumes, f"at ED and at ES, one plane{own}"))
    return tuple(shown)


def _number(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.0f}{unit}"


def _within(known: Record) -> str:
    """How sure the ejection fraction is, as far as that is known, as the beginning of what is said of it."""
    if why := known.get("no_interval"):
        return f"{why[0].upper()}{why[1:]}. "
    interval = known.get("ejection_interval")
    return f"{interval[0]:.0f} to {interval[1]:.0f} %, nine times in ten. " if interval else ""


def _cell(beat: Record, key: str) -> str:
    """A beat's value; frames are counted from 1."""
    value = beat.get(key)
    return "" if value is None else f"{value + (key in ('ed', 'es')):g}"


def _frames(numbers: Sequence[int]) -> str:
    """Frames in words, counted from 1; of many only how many they are."""
    if len(numbers) > 12:
        return f"{len(numbers)} frames"
    return f"{'frame' if len(numbers) == 1 else 'frames'} {', '.join(str(number + 1) for number in numbers)}"


def _by_hand(record: Record) -> str:
    """What somebody corrected, in words."""
    corrected = record.get("corrected")
    if not corrected:
        return ""
    parts = []
    if corrected["outlines"]:
        parts.append(f"the outline of {_frames(corrected['outlines'])}")
    if corrected["events"]:
        parts.append("ED and ES")
    return f"Corrected by hand: {' and '.join(parts)}."
