"""Every table of a study in the pages on teachers is one that a study may hold."""

import re
import tomllib
from pathlib import Path

import pytest

from echodfkd.study.settings import study_from
from echodfkd.teachers.settings import FUSION, KINDS

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
CLIPS = {name: {"count": 1, "frames": 30} for name in ("train", "validation", "test")}


def tables(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", ["distil-your-teacher.md", "share-a-teacher-without-data.md"])
def test_every_table_on_the_page_is_sound(page):
    assert len(tables(page)) >= 4
    for table in tables(page):
        assert study_from({"name": "x", "clips": CLIPS, **tomllib.loads(table)}, table).teacher


def test_every_kind_but_the_truth_has_its_table():
    shown = {tomllib.loads(table)["teacher"]["kind"] for table in tables("distil-your-teacher.md")}
    assert shown == {*KINDS, FUSION} - {"truth"}
