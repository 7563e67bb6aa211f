"""A class of the user's own teaches, and what it gives is looked at first."""

import sys

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.errors import InputError
from echodfkd.teachers import Teacher, known, load_teacher

CLIP = Clip("a", np.full((2, 3, 4), 51, np.uint8))
SOURCE = """
import numpy as np

class Bright:
    structures, threshold = ["lv", "la"], 0.3
    def __init__(self, path=None):
        self.scale = 255 if path is None else float(path.read_text())
    def __call__(self, clip):
        return np.stack([clip.frames / np.float32(self.scale)] * 2, axis=1).astype(np.float32)

class Picky(Bright):
    def known(self, clip):
        return ("la",) if clip.name == "a" else ()

class Double(Bright):
    def __call__(self, clip):
        return super().__call__(clip).astype(float)

class Wild(Bright):
    def __call__(self, clip):
        return super().__call__(clip) * 10

class Sure(Bright):
    threshold = 7

class Vague(Bright):
    threshold = "half"

class Needy(Bright):
    def __init__(self, path, scale):
        self.scale = scale

class Mute: pass
def function(): pass
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "their_teacher.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_teacher", None)


def teacher(name, path=None, structures=("lv",)):
    return load_teacher(Teacher("python", path, f"their_teacher:{name}"), None, structures)


def test_a_class_teaches_with_its_own_structures_and_threshold():
    made = teacher("Bright", structures=("la", "lv"))
    assert (made.structures, made.threshold) == (("la", "lv"), 0.3)
    np.testing.assert_allclose(made(CLIP), np.full((2, 2, 3, 4), 0.2), rtol=1e-6)


def test_it_is_made_from_the_path_where_there_is_one(tmp_path):
    (tmp_path / "scale.txt").write_text("510")
    np.testing.assert_allclose(teacher("Bright", tmp_path / "scale.txt")(CLIP), 0.1, rtol=1e-6)


def test_it_may_know_more_of_some_clips_than_of_others():
    assert known(teacher("Bright", structures=("lv", "la")), CLIP) == ("lv", "la")
    picky = teacher("Picky", structures=("lv", "la"))
    assert known(picky, CLIP) == ("la",) and known(picky, Clip("b", CLIP.frames)) == ()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Mute", "no segmenter .*structures, threshold"),
        ("function", "is no class"),
        ("Nobody", "has no Nobody"),
        ("Double", r"float32 \(2, 2, 3, 4\) .*got float64"),
        ("Sure", "threshold of their_teacher:Sure .*got 7"),
        ("Vague", "got 'half'"),
        ("Needy", r"teacher\.path: .*'path'"),
        ("Wild", "probabilities .*0 to 1"),
    ],
)
def test_what_is_no_segmenter_is_refused(name, fault):
    with pytest.raises(InputError, match=fault):
        teacher(name)(CLIP)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Class", "named module:Class"),
        (".m1:A", "named module:Class"),
        ("a..b:C", "named module:Class"),
        ("no_such_module:X", "PYTHONPATH"),
        ("not_python:X", "not_python is not Python"),
    ],
)
def test_what_cannot_be_imported_is_refused(name, fault, tmp_path):
    (tmp_path / "not_python.py").write_text("class X\n")
    with pytest.raises(InputError, match=fault):
        load_teacher(Teacher("python", name=name), None, ("lv",))
