"""What labels, students and archives say of a teacher: what it is, wherever it lies, and nothing that should stay."""

import json
import sys

import pytest
from scripts import script

from echodfkd.files import sha256
from echodfkd.report.model_card import teacher_words
from echodfkd.teachers import Input, Noise, Teacher
from echodfkd.teachers.provenance import teacher_table


@pytest.fixture
def several(tmp_path) -> Teacher:
    """A graph and a class with weights, blurred."""
    (tmp_path / "a.onnx").write_bytes(b"a")
    (tmp_path / "weights").write_bytes(b"b")
    one = Teacher("onnx", tmp_path / "a.onnx", structures=("lv",), input=Input(channels=3), weight=2.0)
    two = Teacher("python", tmp_path / "weights", "ours:Net", threshold=0.3)
    return Teacher("fusion", fusion="weighted", of=(one, two), noise=Noise(seed=31337, flips=0.1), about="two of us")


def test_teachers_are_told_by_what_their_files_hold(several, tmp_path):
    table = teacher_table(several, ("lv",))
    first, second = table["of"]
    assert first["onnx"] == sha256(tmp_path / "a.onnx") and first["input"]["channels"] == 3 and first["weight"] == 2
    assert second["python"] == f"ours:Net {sha256(tmp_path / 'weights')}" and second["threshold"] == 0.3
    assert (table["fusion"], table["about"]) == ("weighted", "two of us")
    assert str(tmp_path) not in json.dumps(table)


def test_a_class_is_told_by_the_file_it_is_written_in(tmp_path, monkeypatch):
    written = tmp_path / "a_class_of_theirs.py"
    (tmp_path / "their_package.py").write_text("from a_class_of_theirs import Net\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = set()
    for threshold in (0.5, 0.6):
        written.write_text(f"class Net:\n    threshold = {threshold}\n")
        for module in ("a_class_of_theirs", "their_package"):
            sys.modules.pop(module, None)
        value = teacher_table(Teacher("python", name="their_package:Net"), ("lv",))["python"]
        assert value == f"their_package:Net {sha256(written)}"
        told.add(value)
    assert len(told) == 2
    assert teacher_table(Teacher("python", name="not_here:Net"), ("lv",))["python"] == "not_here:Net"


def test_the_seed_of_the_noise_is_told_only_where_it_is_asked_for(several):
    assert teacher_table(several, ("lv",))["noise"] == {"temperature": 1.0, "flips": 0.1, "border": 2.0}
    assert teacher_table(several, ("lv",), seeds=True)["noise"]["seed"] == 31337


def test_the_truth_has_the_table_that_it_always_had():
    assert teacher_table(Teacher(), ("lv",)) == {"kind": "truth", "structures": ["lv"]}


def test_a_card_names_every_teacher_and_what_patients_had_to_do_with_it(several):
    told = teacher_words(teacher_table(several, ("lv",)))
    assert told.startswith("2 teachers (weighted): a graph (") and "the class ours:Net" in told and told.count(".") == 1
    assert "learned from that data set's patients" in teacher_words({"kind": "deeplab", "deeplab": "00"})


def test_a_published_study_forgets_paths_and_seeds():
    of = [{"kind": "onnx", "path": "/private/a.onnx", "noise": {"seed": 3, "flips": 0.1}}, {"kind": "truth"}]
    table = {"kind": "fusion", "path": None, "noise": {"seed": 2}, "of": of}
    script("studies/publish.py").forget_places(table)
    assert table == {
        "kind": "fusion",
        "noise": {},
        "of": [{"kind": "onnx", "noise": {"flips": 0.1}}, {"kind": "truth"}],
    }
