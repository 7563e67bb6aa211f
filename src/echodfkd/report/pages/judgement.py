"""What judging without labels left in a folder, as sections of a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echodfkd.files import read_json
from echodfkd.report.numbers import interval
from echodfkd.report.page import Page, Section, Table, write_page
from echodfkd.report.sections import evidence, image_text
from echodfkd.tables import read_rows

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
        examples = [image_text.Phase(**one) for one in said["examples"]]
        parts = {key: said[key] for key in ("masks", "calibration", "phases")}
        warning = " ".join(filter(None, (said.get("warning"), said.get("unknown_words"))))
        told = {"asked": said.get("asked"), "warning": warning if "warning" in said else None}
        judged = image_text.section(said["judge"], **parts, examples=examples, **told)
    return [one for one in (judged, _clips_section(said), evidence.section(found, rows)) if one]


def _clips_section(said: Mapping[str, Any] | None) -> Section | None:
    """What the judge says of whole clips: the ejection fraction by ranked prompts, and the ends of every ranking."""
    if not said or not said.get("ranked"):
        return None
    ejection = said.get("ejection")
    text = (
        "`prompts.csv` has every clip's likeness to every prompt, and its ejection fraction by ranked prompts. A "
        "ranking is worth what the judge knows: its card says which of these words it can tell.",
        *((_ejection_words(ejection),) if ejection else ()),
    )
    rows = tuple((prompt, ", ".join(ends["best"]), ", ".join(ends["least"])) for prompt, ends in said["ranked"].items())
    table = Table("Clips that a prompt fits", ("prompt", "best", "least"), rows)
    return Section("What the judge says of the clips", text, tables=(table,))


def _ejection_words(found: Mapping[str, Any]) -> str:
    ranked, mean, difference = (interval(found[key], 1) for key in ("ranked", "mean_of_others", "difference"))
    return (
        f"Ejection fraction by ranked prompts: {ranked} points off, n = {found['ranked']['n']}; the mean of the other "
        f"clips: {mean}; the difference, paired: {difference}."
    )


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
