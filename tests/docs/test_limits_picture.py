"""The picture of what limited students can be drawn anew."""

import sys

import pytest
from scripts import script

from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import read

limits = script("docs/pictures/limits.py")


def test_the_picture_is_drawn_where_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LIMITS", limits.LIMITS[-2:])
    monkeypatch.setattr(sys, "argv", ["limits.py", str(tmp_path / "limits.png")])
    limits.main()
    assert read(tmp_path / "limits.png").frames.std() > 20


@pytest.mark.parametrize("dials", [dials for _, _, dials, *_ in limits.LIMITS])
def test_the_dials_of_every_column_can_be_held(dials):
    assert draw_recipe(Conditions(held=limits.PLAIN | dials), 5, 12, 4)
