"""What judging without labels left in a folder, as sections of a page."""

from collections.abc import Sequence
from pathlib import Path

from echodfkd.evidence.records import ClipEvidence, ImageTextScores, Judgement
from echodfkd.evidence.trust import read_evidence
from echodfkd.files import read_json, shaped
from echodfkd.report.numbers import count, interval
from echodfkd.report.page import Page, Section, Table, write_page
from echodfkd.report.sections import evidence, image_text

LIMITS = (
    "Research software: not a medical device and not for diagnosis.",
    "No evidence here is a measure of overlap: it may rank segmenters, it does not say how good the best of them is.",
    "Segmenters of one origin agree on their common mistakes, and a majority of bad ones outvotes a good one.",
)
LIMITS_OF = {
    "reverse": "Atlases for the reverse classification are drawn by a simulator; on other scanners they say less.",
    "plausibility": "Plausibility hardly looks at the image: an egg in the right place has it.",
    "smoothness": "Smoothness does not look at the image: what stands still is smoothest.",
}
"""What is said of an evidence where it is shown."""


def judgement(folder: Path) -> tuple[Judgement, list[ClipEvidence]]:
    """The summary and the rows that `judge` wrote into `folder`."""
    return shaped(Judgement, read_json(folder / "label_free.json")), read_evidence(folder / "label_free.csv")


def label_free_sections(found: Judgement, rows: Sequence[ClipEvidence]) -> list[Section]:
    """What evidence is worth on real hearts; the image-text judge, where there was one; all evidence together."""
    first = Section("What evidence is worth", (evidence.real_words(found),))
    return [first, *_sections(found, rows)]


def _sections(found: Judgement, rows: Sequence[ClipEvidence]) -> list[Section]:
    said = found.image_text
    words = [] if said is None else [image_text.section(said), _clips_section(said)]
    return [one for one in (*words, evidence.section(found, rows)) if one]


def _clips_section(said: ImageTextScores) -> Section | None:
    """What the judge says of whole clips: the ejection fraction by ranked prompts, and the ends of every ranking."""
    if not said.ranked:
        return None
    text = [
        "`prompts.csv` has every clip's likeness to every prompt, and its ejection fraction by ranked prompts. A "
        "ranking is worth what the judge knows: its card says which of these words it can tell."
    ]
    if said.ejection is not None:
        errors = said.ejection
        ranked, mean, difference = (
            interval(one, 1) for one in (errors.ranked, errors.mean_of_others, errors.difference)
        )
        text.append(
            f"Ejection fraction by ranked prompts: {ranked} points off, n = {count(errors.ranked)}; the mean of the "
            f"other clips: {mean}; the difference, paired: {difference}."
        )
    rows = tuple((prompt, ", ".join(ends.best), ", ".join(ends.least)) for prompt, ends in said.ranked.items())
    table = Table("Clips that a prompt fits", ("prompt", "best", "least"), rows)
    return Section("What the judge says of the clips", tuple(text), tables=(table,))


def page(found: Judgement, rows: Sequence[ClipEvidence]) -> Page:
    """The comparison as a page of its own."""
    lead = f"{evidence.real_words(found)} {found.n.segmenters} segmenters on {found.n.clips} clips, without labels. "
    lead += "Intervals are 95 % bootstrap by clip."
    sections = _sections(found, rows)
    if found.not_run:
        missing = tuple(f"{what}: {why}" for what, why in found.not_run.items())
        sections.append(Section("What could not be run", points=missing))
    limits = (*LIMITS, *(words for key, words in LIMITS_OF.items() if key in found.evidence))
    sections.append(Section("What this does not say", points=limits))
    return Page("echodfkd: segmenters compared without labels", lead, sections=tuple(sections))


def report_judgement(folder: Path) -> Path:
    """The path of `index.html`, drawn anew from what `judge` left in `folder`."""
    write_page(folder / "index.html", page(*judgement(folder)))
    return folder / "index.html"
