"""Bundled models: how they are found by name, and, for each that is there, that it is whole, small and at work."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.student import bundled
from echodfkd.student.bundled import BUNDLED, DEFAULT, README, find_model, installed
from echodfkd.student.card import CARD, GRAPH, WEIGHTS, check_files, read_card

MOST_BYTES = 12_000_000
FLOOR = 0.85
"""Mean Dice of the left ventricle on drawn clips below which a bundled model would be a mistake."""


@pytest.fixture
def shelf(tmp_path, student_folder, monkeypatch) -> Path:
    """A place for bundled models that holds b4 alone."""
    root = tmp_path / "weights"
    shutil.copytree(student_folder, root / "b4")
    monkeypatch.setattr(bundled, "ROOT", root)
    return root


def test_a_name_is_the_folder_of_that_bundled_model(shelf):
    assert find_model("b4") == shelf / "b4" and installed() == {"b4": shelf / "b4"}


def test_no_name_is_the_default_whatever_lies_in_the_working_folder(shelf, student_folder, tmp_path, monkeypatch):
    shutil.copytree(student_folder, tmp_path / "here" / DEFAULT)
    monkeypatch.chdir(tmp_path / "here")
    assert find_model() == find_model(None) == shelf / DEFAULT
    assert find_model(DEFAULT) == Path(DEFAULT)  # a folder that is named wins


def test_a_folder_without_a_card_does_not_hide_a_bundled_model(shelf, tmp_path, monkeypatch):
    (tmp_path / "b4").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("b4") == shelf / "b4"


def test_a_folder_is_itself(shelf, student_folder):
    assert find_model(student_folder) == find_model(str(student_folder)) == student_folder


@pytest.mark.parametrize("name", ["b5", "no/such/folder"])
def test_an_unknown_model_is_told_the_known_names(name, shelf):
    with pytest.raises(InputError, match=f"No model {name}: .*b4, b3, teacher") as caught:
        find_model(name)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_not_installed_is_one_clear_line(shelf):
    with pytest.raises(InputError, match=r"b3 .*--model DIR"):
        find_model("b3")


# What is bundled


def test_the_bundled_files_are_small_together():
    assert sum(path.stat().st_size for path in bundled.ROOT.rglob("*") if path.is_file()) <= MOST_BYTES


def test_every_known_model_is_bundled_and_nothing_else():
    assert {path.name for path in bundled.ROOT.glob("*")} == set(installed()) == set(BUNDLED)


@pytest.mark.parametrize("name", installed())
def test_a_bundled_model_is_whole(name):
    folder = bundled.ROOT / name
    card = read_card(folder)
    graph = {GRAPH} if card.network.remembers else set()  # students run without torch; the teacher only teaches
    check_files(folder, card)
    assert {path.name for path in folder.iterdir()} == {CARD, WEIGHTS, README} | graph
    assert "lv" in card.network.structures and card.provenance["published"]["name"] == name


@pytest.mark.parametrize("name", installed())
def test_a_bundled_model_segments_drawn_hearts(name):
    from echodfkd.clip import Clip
    from echodfkd.measure.overlap import dice
    from echodfkd.student.student import load_student
    from echodfkd.synthetic.annotator import TRACED
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    student = load_student(find_model(name), threads=1)
    fair = Conditions(quality=(0.6, 1.0))
    recipes = [draw_recipe(fair, 20, number, 30) for number in range(12)]
    made = generate(recipes, structures=("lv",), annotator=TRACED)  # as they were taught
    channel, scores = student.structures.index("lv"), []
    for frames, truth in zip(made.frames, made.masks, strict=True):
        found = student(Clip("drawn", np.asarray(frames)))[:, channel] >= student.threshold
        scores.append(dice(found, np.asarray(truth)[:, 0] > 0).mean())
    assert np.mean(scores) >= FLOOR


@pytest.mark.parametrize("name", ["b3", "b4"])
def test_a_bundled_graph_in_whole_numbers_gives_the_networks_masks(name):
    from echodfkd.clip import Clip
    from echodfkd.measure.overlap import dice
    from echodfkd.student.student import load_student
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    made = generate([draw_recipe(Conditions(), 21, number, 30) for number in range(4)])
    graph, network = load_student(name), load_student(name, "torch")
    overlaps, areas = [], []
    for frames in made.frames:
        found, exact = (one(Clip("drawn", frames))[:, 0] >= one.threshold for one in (graph, network))
        overlaps.append(dice(found, exact).mean())
        areas.append(found.sum() / exact.sum())
    assert np.mean(overlaps) >= 0.985 and np.mean(areas) == pytest.approx(1, abs=0.005)  # rounding leans to no side


def test_no_processor_cuts_a_sum_of_the_bundled_graphs_off():
    onnx = pytest.importorskip("onnx")
    for name in ("b3", "b4"):
        graph = onnx.load(find_model(name) / GRAPH).graph
        weights = [onnx.numpy_helper.to_array(one) for one in graph.initializer]
        widest = max(np.abs(one.astype(int)).max() for one in weights if one.dtype == np.int8 and one.ndim == 4)
        assert 2 * 255 * widest <= 32767  # AVX2 adds two products in 16 bits
