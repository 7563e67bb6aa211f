"""Every table of a study in the page on searching is one that a study may hold."""

import re
import tomllib
from pathlib import Path

from echodfkd.study.settings import study_from

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "search-for-dials.md"
CLIPS = {name: {"count": 1, "frames": 30} for name in ("train", "validation", "test")}


def test_every_table_on_the_page_is_sound():
    tables = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(tables) == 2
    found = [study_from({"name": "x", "clips": CLIPS, **tomllib.loads(table)}, table).search for table in tables]
    assert [one.total for one in found] == [24, 16]
