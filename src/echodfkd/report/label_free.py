"""What judging without labels left in a folder, as sections of a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echodfkd.files import read_json
from echodfkd.report.page import Page, Section, write_page
from echodfkd.report.sections import echoclip, label_free
from echodfkd.report.table import read_rows

Row = Mapping[str, Any]
LIMITS = (
    "Research software: not a medical device and not for diagnosis.",
    "No evidence here is a measure of overlap: it may rank segmenters, it does not say how good the best of them is.",
    "Segmenters of one origin agree on their common mistakes, and a majority of bad ones outvotes a good one.",
    "Atlases for the reverse classification are drawn by a simulator; on other scanners and hearts they say less.",
    "Smoothness and plausibility hardly look at the image: a steady egg in the right place has both.",
)


def judgement(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary and the rows that `judge` wrote into `folder`."""
    return read_json(folder / "label_free.json"), read_rows(folder / "label_free.csv", ("segmenter", "name"))


def label_free_sections(found: Mapping[str, Any], rows: Sequence[Row]) -> list[Section]:
    """The image-text judge's section, where there was one, and that of all evidence together."""
    said = found.get("image_text")
    judged = None
    if said is not None:
        examples = [echoclip.Phase(**one) for one in said["examples"]]
        parts = {key: said[key] for key in ("masks", "calibration", "phases")}
        judged = echoclip.section(said["judge"], **parts, examples=examples)
    return [one for one in (judged, label_free.section(found, rows)) if one]


def page(found: Mapping[str, Any], rows: Sequence[Row]) -> Page:
    """The comparison as a page of its own."""
    n = found["n"]
    lead = f"{n['segmenters']} segmenters on {n['clips']} clips, judged without labels. "
    lead += "Intervals are 95 % bootstrap by clip."
    missing = tuple(f"{what}: {why}" for what, why in found.get("not_run", {}).items())
    sections = (
        *label_free_sections(found, rows),
        Section("What could not be run", points=missing) if missing else None,
        Section("What this does not say", points=LIMITS),
    )
    return Page("echodfkd: segmenters compared without labels", lead, sections=tuple(one for one in sections if one))


def report_judgement(folder: Path) -> Path:
    """The path of `index.html`, drawn anew from what `judge` left in `folder`."""
    write_page(folder / "index.html", page(*judgement(folder)))
    return folder / "index.html"
