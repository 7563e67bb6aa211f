"""The verb `report`: the page of a folder, drawn anew from what is in it."""

from pathlib import Path

from echodfkd.errors import InputError
from echodfkd.report.pages.evaluation import report_evaluation
from echodfkd.report.pages.judgement import report_judgement
from echodfkd.report.pages.run import report_run
from echodfkd.report.pages.search import report_search
from echodfkd.study.search_record import RECORD


def report(folder: Path) -> Path:
    """The path of the page of a run, or of what `evaluate` or `judge` wrote; InputError for any other folder."""
    if (folder / RECORD).is_file():
        return report_search(folder)
    if (folder / "study.json").is_file():
        return report_run(folder)
    if (folder / "scores.json").is_file():
        return report_evaluation(folder)
    if (folder / "label_free.json").is_file():
        return report_judgement(folder)
    raise InputError(f"{folder} is not what `echodfkd run`, `search`, `evaluate` or `judge` wrote.")
