"""Data sets and masks from hand to hand: what is whole in two data sets, and drawn clips beside it, are labelled by two
houses, which share the masks alone; a third distils one student of both, which segments films of both data sets.

As in the supplement's section 7 the left ventricle is one teacher's and the right ventricle another's.
"""

import csv
import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from made_datasets import beats, patient, traced, write_camus, write_echonet
from onnx import TensorProto, helper
from spoilt_datasets import WHOLE, spoilt_camus, spoilt_echonet
from typer.testing import CliRunner

import echodfkd.vision  # noqa: F401  before torchvision is imported
from echodfkd.cli import app
from echodfkd.clip import from_bytes
from echodfkd.commands.label import manifest_digest
from echodfkd.data.findings import REASONS
from echodfkd.resize import fit
from echodfkd.store.store import Store
from echodfkd.student.card import read_card
from echodfkd.student.student import load_student
from echodfkd.teachers import Teacher, load_teacher
from echodfkd.teachers.archive import archive_content
from echodfkd.video import read

with_torchvision = pytest.mark.skipif(find_spec("torchvision") is None, reason="needs the extra teachers: torchvision")
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("one_thread")]

FILMS_ONLY = {"labels", "leakage"}
"""The reasons that EchoNet's layout cannot have: its masks come as outlines, and no file says whose clip it is."""
HALF = "patient0001_4CH_half_sequence"
LEFT = {"whole1": "train", "whole2": "validation", HALF: "train"}
"""What is whole in both data sets, and what it serves for."""
DRAWN = {"train-00000": "train", "train-00001": "train", "validation-00000": "validation", "test-00000": "test"}

STUDY = """
name = "exchange"
seed = 11
TEACHER
[clips]
train = { count = 2, frames = 6 }
validation = { count = 1, frames = 6 }
test = { count = 1, frames = 6 }
structures = ["lv"]
[student]
blocks = 1
filters = 6
structures = STRUCTURES
[training]
window = 6
size = 28
batch = 2
real_share = 0.5
epochs = 60
patience = 0
learning_rate = 3e-2
precision = "float32"
[[data]]
path = "echonet"
exclude = "checked-echonet/curation.csv"
[[data]]
path = "camus"
validation = []
exclude = "checked-camus/curation.csv"
"""
FIRST = """
[teacher]
kind = "deeplab"
path = "deeplabv3_resnet50_random.pt"
about = "a house that traced left ventricles"
"""
SECOND = """
[teacher]
kind = "fusion"
fusion = "majority"
about = "three models of one house, by majority"
[[teacher.of]]
kind = "model"
name = "teacher"
[[teacher.of]]
kind = "onnx"
path = "dark.onnx"
structures = ["lv", "rv"]
[[teacher.of]]
kind = "python"
name = "their_teacher_of_discs:Discs"
"""
THIRD = '[teacher]\nkind = "fusion"\n' + "".join(
    f'[[teacher.of]]\nkind = "archive"\npath = "{path}"\nstructures = ["{structure}"]\npartial = true\n'
    for structure, house in (("lv", "first"), ("rv", "second"))
    for path in (f"{house}-masks-drawn", f"{house}-masks-real")
)


def write_deeplab(path: Path) -> None:
    """A checkpoint in EchoNet-Dynamic's format: a DataParallel's weights of torchvision's network, drawn at random."""
    from torchvision.models.segmentation import deeplabv3_resnet50

    torch.manual_seed(0)
    network = deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=False)
    network.classifier[-1] = torch.nn.Conv2d(256, 1, 1)
    network.classifier[-1].weight.data *= 20
    torch.save({"epoch": 1, "state_dict": torch.nn.DataParallel(network).state_dict(), "opt_dict": {}}, path)


def write_dark(path: Path) -> None:
    """A graph of logits for two structures: inside is what is dark."""
    node = helper.make_node("Conv", ["frames", "weights", "bias"], ["logits"])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, 112, 112])
        for name, channels in (("frames", 1), ("logits", 2))
    ]
    values = [
        helper.make_tensor("weights", TensorProto.FLOAT, [2, 1, 1, 1], [-40.0, -40.0]),
        helper.make_tensor("bias", TensorProto.FLOAT, [2], [4.0, 4.0]),
    ]
    graph = helper.make_graph([node], "dark", ends[:1], ends[1:], values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def command(*words: object) -> str:
    """What a command printed; it must succeed."""
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == 0, f"{words}: {ran.output} {ran.exception!r}"
    return ran.stdout


def found(table: Path) -> set[tuple[str, str]]:
    with open(table, newline="") as file:
        rows = [(row["FileName"], row["reason"]) for row in csv.DictReader(file)]
    assert len(rows) == len(set(rows))
    return set(rows)


@dataclass(frozen=True)
class Walk:
    """The folder in which all was done, and the defects that had been planted."""

    folder: Path
    planted: dict[str, set[tuple[str, str]]]

    def store(self, name: str) -> Store:
        return Store(self.folder / name)


@pytest.fixture(scope="module")
def walk(tmp_path_factory, one_thread) -> Walk:
    """The whole way, by the commands that a user gives. Without torchvision b4 teaches in DeepLab's place."""
    here = tmp_path_factory.mktemp("exchange")
    planted = {"echonet": spoilt_echonet(here / "echonet")[1], "camus": spoilt_camus(here / "camus")[1]}
    for name in planted:
        command("check", here / name, "--out", here / f"checked-{name}")
    first = FIRST
    if find_spec("torchvision"):
        write_deeplab(here / "deeplabv3_resnet50_random.pt")
    else:
        first = FIRST.replace('"deeplab"', '"model"').replace('path = "deeplabv3_resnet50_random.pt"', 'name = "b4"')
    write_dark(here / "dark.onnx")
    (here / "terms.txt").write_text("For research on drawn hearts.\n")
    studies = {"first": (first, '["lv"]'), "second": (SECOND, '["lv", "rv"]'), "third": (THIRD, '["lv", "rv"]')}
    for name, (teacher, structures) in studies.items():
        text = STUDY.replace("TEACHER", teacher).replace("STRUCTURES", structures)
        (here / f"{name}.toml").write_text(text)
    command("synth", here / "third.toml", "--out", here / "drawn")
    command("gather", here / "third.toml", "--out", here / "real")
    for house in ("first", "second"):
        for clips in ("drawn", "real"):
            words = ("label", here / f"{house}.toml", "--clips", here / clips, "--out", here / f"{house}-{clips}")
            told = command(*words, "--archive", here / f"{house}-masks-{clips}", "--licence", here / "terms.txt")
            assert manifest_digest(here / f"{house}-masks-{clips}")[1] in told
    for clips in ("drawn", "real"):
        command("label", here / "third.toml", "--clips", here / clips, "--out", here / f"third-{clips}")
    words = ("distill", here / "third.toml", "--clips", here / "drawn", "--labels", here / "third-drawn")
    command(*words, "--real", here / "real", "--real-labels", here / "third-real", "--out", here / "student")
    films = here / "echonet" / "Videos" / "whole2.avi", *(here / "camus").rglob(f"{HALF}.nii.gz")
    command("segment", *films, "--model", here / "student", "--out", here / "masks")
    return Walk(here, planted)


def test_every_planted_defect_is_found_and_no_other(walk):
    for name, planted in walk.planted.items():
        assert found(walk.folder / f"checked-{name}" / "curation.csv") == planted
    reasons = {name: {reason for _, reason in planted} for name, planted in walk.planted.items()}
    assert reasons["echonet"] == set(REASONS) - FILMS_ONLY
    assert reasons["echonet"] | reasons["camus"] == set(REASONS)


def test_nothing_is_found_in_whole_data_sets(tmp_path):
    clips = {name: traced(beat, name) for name, beat in zip(WHOLE, beats(), strict=True)}
    patients = {f"patient000{n}": patient(beat) for n, beat in enumerate(beats())}
    for folder in (write_echonet(tmp_path / "echonet", clips), write_camus(tmp_path / "camus", patients)):
        told = command("check", folder, "--out", tmp_path / f"checked-{folder.name}")
        assert found(tmp_path / f"checked-{folder.name}" / "curation.csv") == set()
        assert "3 clips, 3 usable" in told


def test_what_has_a_finding_is_not_taught_on(walk):
    assert {entry.name: entry.split for entry in walk.store("real").entries} == LEFT
    np.testing.assert_array_equal(
        walk.store("real").frames("whole1"), read(walk.folder / "echonet/Videos/whole1.avi").frames
    )
    beat = beats()[2]
    first, last = sorted((beat.ed, beat.es))
    half = beat.frames[first : last + 1, :100].astype(float)  # pixels are half as high as wide: two rows become one
    squared = np.floor(half.reshape(-1, 50, 2, 112).mean(2) + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(walk.store("real").frames(HALF)[: len(half)], fit(squared, 112))


@with_torchvision
def test_the_first_house_draws_what_torchvisions_network_says(walk):
    from torchvision.models.segmentation import deeplabv3_resnet50

    network = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=1, aux_loss=False).eval()
    state = torch.load(walk.folder / "deeplabv3_resnet50_random.pt", weights_only=True)["state_dict"]
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    frames = torch.from_numpy(np.array(walk.store("real").frames("whole2", 3, 5))).float()
    mean = torch.tensor([32.085175, 32.591923, 33.37932])[:, None, None]
    std = torch.tensor([50.129288, 50.487717, 51.34619])[:, None, None]
    with torch.no_grad():
        expected = network((frames[:, None].expand(-1, 3, -1, -1) - mean) / std)["out"].sigmoid().numpy()
    masks = from_bytes(walk.store("first-real").masks("whole2", 3, 5))
    assert masks.std() > 0.02
    np.testing.assert_allclose(masks, expected, atol=0.51 / 255)


def test_the_second_house_says_what_two_of_its_three_models_say(walk):
    clips, labels = walk.store("real"), walk.store("second-real")
    members = [
        Teacher("model", name="teacher"),
        Teacher("onnx", walk.folder / "dark.onnx", structures=("lv", "rv")),
        Teacher("python", name="their_teacher_of_discs:Discs"),
    ]
    clip = clips.clip("whole1")
    models = [load_teacher(one, clips, ("lv", "rv")) for one in members]
    votes = np.sum([model(clip) >= model.threshold for model in models], axis=0)
    np.testing.assert_array_equal(labels.masks("whole1"), 255 * (votes >= 2))
    assert 0.01 < (votes >= 2).mean() < 0.5
    assert {1, 2} <= set(np.unique(votes))  # they do not all agree
    with open(walk.folder / "second-real" / "agreement.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = {("1 model", "2 onnx"), ("1 model", "3 python"), ("2 onnx", "3 python")}
    assert {(row["first"], row["second"]) for row in rows} == pairs
    assert len(rows) == len(LEFT) * 2 * len(pairs)


@pytest.mark.parametrize("clips", ["drawn", "real"])
@pytest.mark.parametrize(("house", "structures"), [("first", ["lv"]), ("second", ["lv", "rv"])])
def test_an_archive_speaks_for_its_masks_and_holds_nothing_else(walk, house, structures, clips):
    folder = walk.folder / f"{house}-masks-{clips}"
    names = LEFT if clips == "real" else DRAWN
    files = {f"{name}.seg.npz" for name in names}
    assert {path.name for path in folder.iterdir()} == files | {"manifest.json", "LICENCE.txt"}
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["structures"] == structures and str(walk.folder) not in text
    for name in names:
        frames = np.ascontiguousarray(walk.store(clips).frames(name))
        shape = " ".join(map(str, frames.shape))
        assert manifest["clips"][name]["frames"] == hashlib.sha256(f"{shape}\n".encode() + frames.tobytes()).hexdigest()
        content = (folder / f"{name}.seg.npz").read_bytes()
        assert manifest["clips"][name]["masks"] == hashlib.sha256(content).hexdigest()
        with np.load(folder / f"{name}.seg.npz") as file:
            shared = file["arr_0"] if len(structures) > 1 else file["arr_0"][:, None]
        np.testing.assert_array_equal(shared, walk.store(f"{house}-{clips}").masks(name))


@pytest.mark.parametrize("clips", ["drawn", "real"])
def test_the_third_house_teaches_the_left_ventricle_of_one_and_the_right_of_the_other(walk, clips):
    labels, first, second = (walk.store(f"{house}-{clips}") for house in ("third", "first", "second"))
    assert labels.structures == ("lv", "rv")
    for entry in labels.entries:
        np.testing.assert_array_equal(labels.masks(entry.name)[:, 0], first.masks(entry.name)[:, 0])
        np.testing.assert_array_equal(labels.masks(entry.name)[:, 1], second.masks(entry.name)[:, 1])
        assert labels.known(entry.name) == ("lv", "rv")


def test_masks_that_were_altered_on_the_way_teach_nobody(walk, tmp_path):
    for name in ("first-masks-drawn", "first-masks-real", "second-masks-drawn", "second-masks-real"):
        shutil.copytree(walk.folder / name, tmp_path / name)
    (tmp_path / "third.toml").write_text((walk.folder / "third.toml").read_text())
    shutil.copyfile(
        tmp_path / "second-masks-real" / "whole2.seg.npz", tmp_path / "second-masks-real" / "whole1.seg.npz"
    )
    words = ["label", tmp_path / "third.toml", "--clips", walk.folder / "real", "--out", tmp_path / "labels"]
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code != 0 and "whole1.seg.npz" in str(ran.exception)


def test_the_students_card_names_both_teachers_and_no_place(walk):
    card = read_card(walk.folder / "student")
    made = card.provenance["made_from"]
    assert card.network.structures == ("lv", "rv")
    told = [(one["structures"], one["archive"]) for one in made["teacher"]["of"]]
    assert told == [
        ([structure], archive_content(walk.folder / f"{house}-masks-{clips}"))
        for structure, house in (("lv", "first"), ("rv", "second"))
        for clips in ("drawn", "real")
    ]
    assert [one["layout"] for one in made["real"]["data"]] == ["EchoNet", "Camus"]
    assert str(walk.folder) not in (walk.folder / "student" / "model.json").read_text()


@with_torchvision  # b4's left ventricles are too like the others' right ones for a minute's lesson
def test_the_student_has_learned_of_both(walk):
    student = load_student(walk.folder / "student")
    clips, labels = walk.store("real"), walk.store("third-real")
    masks, wanted = student(clips.clip("whole2")), from_bytes(labels.masks("whole2"))  # not trained on
    planes = np.concatenate([masks, wanted], axis=1).transpose(1, 0, 2, 3).reshape(4, -1)
    alike = np.corrcoef(planes)[:2, 2:]  # of each of its structures with each teacher's masks
    assert alike.diagonal().min() > 0.15 and max(alike[0, 1], alike[1, 0]) < 0.1


def test_films_of_both_data_sets_get_masks_of_both_ventricles(walk):
    student = load_student(walk.folder / "student")
    for path in (walk.folder / "echonet" / "Videos" / "whole2.avi", *(walk.folder / "camus").rglob(f"{HALF}.nii.gz")):
        clip = read(path)
        with np.load(walk.folder / "masks" / clip.name / "masks.npz") as file:
            masks = dict(file)
        assert sorted(masks) == ["masks", "rv"]
        expected = student(clip) >= student.threshold
        np.testing.assert_array_equal(masks["masks"], expected[:, 0])
        np.testing.assert_array_equal(masks["rv"], expected[:, 1])
