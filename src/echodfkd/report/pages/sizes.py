"""The page of a run that taught a grid of students: reads `scores/sizes.json`, writes `report/index.html`."""

from datetime import UTC, datetime
from pathlib import Path

from echodfkd.errors import InputError
from echodfkd.files import make_folder, read_json, shaped
from echodfkd.report.page import Page, Section, write_page
from echodfkd.report.pages.scorecard import LIMITS, SIMULATED
from echodfkd.report.sections.size import grid_section
from echodfkd.scores.sizes import SizeScores


def report_sizes(folder: Path) -> Path:
    """The path of the page written from the grid in `folder`; InputError where no student of it is scored yet."""
    path = folder / "scores" / "sizes.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no scores of a grid yet: `echodfkd run STUDY.toml --out {folder}` goes on.")
    found, study, machine = (
        shaped(SizeScores, read_json(path)),
        read_json(folder / "study.json"),
        read_json(folder / "environment.json"),
    )
    done, planned = len(found.rows), len(study["sizes"]["blocks"]) * len(study["sizes"]["layers"])
    training, clips = study["training"], study["clips"]
    provenance = {
        "study": f"{study['name']}, seed {study['seed']}",
        "clips": ", ".join(f"{clips[split]['count']} {split}" for split in ("train", "validation", "test")),
        "training": f"{training['epochs']} epochs, windows of {training['window']}, {training['size']} x "
        f"{training['size']} pixels, {training['loss']}, the same for every student",
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['device']}",
        "drawn": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }
    page = Page(
        title=f"echodfkd: sizes of the study {study['name']}",
        lead=f"{done} of {planned} students are done. Intervals of scores are 95 % bootstrap by clip, those of laws "
        "over students.",
        sections=(
            grid_section(found),
            Section("What this does not say", points=(*LIMITS, SIMULATED)),
            Section("Where the numbers come from", pairs=provenance),
        ),
    )
    write_page(make_folder(folder / "report") / "index.html", page)
    return folder / "report" / "index.html"
