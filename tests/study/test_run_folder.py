import json
from dataclasses import replace
from pathlib import Path

import pytest

from echodfkd.errors import StudyError
from echodfkd.study.file import read_study
from echodfkd.study.run_folder import Run

STUDY = read_study(Path(__file__).parents[2] / "studies" / "tiny.toml")


def started(folder: Path) -> dict:
    with Run(folder, STUDY):
        return json.loads((folder / "study.json").read_text())


def test_a_run_from_before_a_dial_came_is_one_of_its_default(tmp_path):
    table = started(tmp_path)
    for place in (table, table["training"], table["teacher"], table["scoring"]):
        for name in ("data", "sizes", "label_free", "real_share", "start", "fusion", "noise", "robustness"):
            place.pop(name, None)
    (tmp_path / "study.json").write_text(json.dumps(table))
    with Run(tmp_path, STUDY):
        pass
    with (
        pytest.raises(StudyError, match=r"training\.start: null -> "),
        Run(tmp_path, replace(STUDY, training=replace(STUDY.training, start="b4"))),
    ):
        pass


def test_a_run_of_another_study_is_refused_naming_what_differs(tmp_path):
    started(tmp_path)
    with pytest.raises(StudyError, match="seed: 3 -> 4"), Run(tmp_path, replace(STUDY, seed=4)):
        pass
