"""One page that tells a clip: what was measured, how far to trust it, how it was found, and the beating overlay."""

from echodfkd.commands.segment import Record, model_words
from echodfkd.measure.measures import Measures
from echodfkd.report.page import Loop, Page, Picture, Section, Table, Tile, page_html
from echodfkd.web.told import told


def summary_page(record: Record, found: Measures, overlay: bytes, curve: bytes) -> str:
    """The page as HTML that needs nothing outside itself; `overlay` is an MP4, `curve` a PNG."""
    known = told(found, record)
    by_hand = _by_hand(record)
    loop = Loop(overlay, "The clip with the ventricle's outline and the area curve below.", by_hand)
    rows = tuple(tuple(_cell(beat.get(key)) for key in _COLUMNS) for beat in known["beats"])
    sections = (
        Section("Verdict", (_VERDICTS[found.verdict],), points=found.reasons, warning=by_hand),
        Section("Beats", tables=(Table("Every whole beat", tuple(_COLUMNS.values()), rows),)),
        Section("Area", pictures=(Picture(curve, "The ventricle's area over time, ED and ES marked."),)),
        Section("How it was found", pairs={"model": model_words(record), "frames": str(record["frames"])}),
    )
    return page_html(Page(record["name"], "Research software, not for diagnosis.", loop, _tiles(known), sections))


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
    words = f"{_within(known)}{_VERDICTS[known['verdict']]}"
    shown = [Tile("Ejection fraction", _number(known.get("ejection_fraction"), " %"), words)]
    shown.append(Tile("Heart rate", _number(known.get("heart_rate"), " / min")))
    if "edv_ml" in known:
        shown.append(Tile("Volumes", f"{known['edv_ml']:.0f} / {known['esv_ml']:.0f} ml", "at ED and at ES, one plane"))
    return tuple(shown)


def _number(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.0f}{unit}"


def _within(known: Record) -> str:
    """How sure the ejection fraction is, as far as that is known, as the beginning of what is said of it."""
    if why := known.get("no_interval"):
        return f"{why[0].upper()}{why[1:]}. "
    interval = known.get("ejection_interval")
    return f"{interval[0]:.0f} to {interval[1]:.0f} %, nine times in ten. " if interval else ""


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _by_hand(record: Record) -> str:
    """What somebody corrected, in words."""
    corrected = record.get("corrected")
    if not corrected:
        return ""
    parts = []
    if corrected["outlines"]:
        parts.append(f"the outline of frames {', '.join(map(str, corrected['outlines']))}")
    if corrected["events"]:
        parts.append("ED and ES")
    return f"Corrected by hand: {' and '.join(parts)}."
