import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from echodfkd.errors import InputError, OutputError, StudyError
from echodfkd.files import sha256
from echodfkd.student.checkpoint import Card, Preprocessing, load_network, read_card, save
from echodfkd.student.network import NetworkSettings

SHAPE = {"blocks": 2, "layers": 2, "structures": ("lv", "la"), "skip": "all", "filters": 4}


@pytest.fixture
def card() -> Card:
    return Card(
        NetworkSettings(**SHAPE),
        Preprocessing(size=32),
        threshold=0.35,
        warm_up=4,
        largest_component=True,
        provenance={"study": "tests", "seed": 3, "versions": {"torch": "2"}},
    )


@pytest.fixture
def folder(tmp_path, make_network, card) -> Path:
    save(tmp_path / "student", make_network(3, **SHAPE), card)
    return tmp_path / "student"


def edit(folder: Path, change) -> None:
    """Lets `change` alter the parsed card in place."""
    path = folder / "model.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def test_a_saved_student_comes_back_exactly(folder, make_network, card):
    network, read = load_network(folder)
    saved = make_network(3, **SHAPE)
    assert replace(read, files={}) == card
    assert read.files == {"model.safetensors": sha256(folder / "model.safetensors")}
    assert not network.training
    window = torch.rand(1, 3, 1, 32, 32)
    assert torch.equal(network(window)[0], saved(window)[0])


def test_save_returns_the_card_that_is_read_back(tmp_path, make_network, card):
    assert save(tmp_path / "a", make_network(**SHAPE), card) == read_card(tmp_path / "a")


def test_the_card_counts_parameters(card):
    assert Card().parameters == 714_577


def test_equal_students_give_equal_bytes(tmp_path, make_network, card):
    for name in "ab":
        save(tmp_path / name, make_network(3, **SHAPE), card)
    for file in ("model.json", "model.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_all_files_can_be_read_by_whom_the_card_can(folder):
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_a_card_from_before_hindsight_is_that_of_a_causal_student(folder, card):
    edit(folder, lambda table: [table.pop(name) for name in ("hindsight", "hindsight_zoom")])
    assert replace(read_card(folder), files={}) == replace(card, hindsight=False)


def test_a_card_tells_how_wide_intervals_are_by_how_the_student_is_run(folder):
    edit(folder, lambda table: table.update(ejection_interval=[0.8, 1.1]))
    card = read_card(folder)
    assert [replace(card, hindsight=ways).interval_factor for ways in (True, False)] == [0.8, 1.1]
    edit(folder, lambda table: table.pop("ejection_interval"))
    assert read_card(folder).interval_factor is None


def test_a_newer_student_replaces_the_older_as_a_whole(folder, make_network):
    (folder / "model.onnx").write_bytes(b"left by an older one")
    settings = NetworkSettings(blocks=1)
    save(folder, make_network(blocks=1), Card(settings))
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    assert load_network(folder)[0].settings == settings
    assert [path.name for path in folder.parent.iterdir()] == ["student"]


def test_a_save_that_fails_leaves_the_older_student_as_it_was(folder, make_network, card):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    broken = make_network(4, **SHAPE)
    broken.head.bias.data.fill_(torch.nan)
    with pytest.raises(InputError, match="finite"):
        save(folder, broken, card, onnx=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["student"]


def test_a_card_of_another_network_is_refused(tmp_path, make_network, card):
    with pytest.raises(InputError, match="The card describes"):
        save(tmp_path / "a", make_network(blocks=1), card)
    assert not (tmp_path / "a").exists()


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path, make_network, card):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        save(tmp_path / "file" / "student", make_network(**SHAPE), card)


def test_altered_weights_are_refused(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors .*checksum"):
        load_network(folder)


def test_missing_weights_are_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors is missing"):
        load_network(folder)


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"No student .*model\.json"):
        load_network(tmp_path / "nowhere")


def test_a_card_that_is_no_json_is_refused(folder):
    (folder / "model.json").write_text("{")
    with pytest.raises(InputError, match="readable JSON"):
        read_card(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(version=2), "version 2, .*reads 1"),
        (lambda t: t.update(format="other"), 'lacks "format"'),
        (lambda t: t.update(colour="red"), "unknown key colour"),
        (lambda t: t["network"].update(depth=3), r"unknown key network\.depth"),
        (lambda t: t["preprocessing"].update(crop=3), r"unknown key preprocessing\.crop"),
        (lambda t: t.pop("threshold"), "missing key threshold"),
        (lambda t: t["network"].pop("skip"), r"missing key network\.skip"),
        (lambda t: t["network"].update(blocks=9), r"student\.blocks"),
        (lambda t: t.update(threshold=1.5), r"threshold .*got 1\.5"),
        (lambda t: t.update(warm_up=-1), "got -1"),
        (lambda t: t["preprocessing"].update(size=33), "multiple of 2, got 33"),
        (lambda t: t["preprocessing"].update(resize="crop"), "pad to square and area-resample"),
        (lambda t: t["preprocessing"].update(input_scale=0), "input scale"),
        (lambda t: t.update(largest_component="yes"), "got 'yes'"),
        (lambda t: t.update(hindsight=1), "hindsight .*got 1"),
        (lambda t: t.update(ejection_interval=[0.8]), r"ejection_interval .*0\.8"),
        (lambda t: t.update(ejection_interval=[0.8, -1]), r"ejection_interval .*-1"),
        (lambda t: t.update(files={}), r"files .*model\.safetensors"),
        (lambda t: t["files"].update({"../../etc/passwd": "0"}), "files must"),
        (lambda t: t.update(network=3), "student's card"),
    ],
)
def test_a_card_that_says_the_impossible_is_refused(folder, change, message):
    edit(folder, change)
    with pytest.raises(InputError, match=message) as caught:
        load_network(folder)
    assert "\n" not in str(caught.value)
    assert str(folder / "model.json") in str(caught.value)


def test_weights_of_another_shape_are_refused(folder):
    edit(folder, lambda table: table["network"].update(layers=1))
    with pytest.raises(InputError, match="weights of B2,1") as caught:
        load_network(folder)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(b"text")
    edit(folder, lambda table: table["files"].update({path.name: sha256(path)}))
    with pytest.raises(InputError, match="the weights"):
        load_network(folder)


def test_a_card_refuses_values_of_the_wrong_kind():
    with pytest.raises(StudyError, match="got True"):
        Card(threshold=True)


def test_the_card_is_read_without_torch(folder):
    code = (
        "import sys; sys.modules['torch'] = sys.modules['safetensors'] = None\n"
        "from pathlib import Path\n"
        "from echodfkd.student.checkpoint import read_card\n"
        f"print(read_card(Path({str(folder)!r})).network.name)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "B2,2\n"
