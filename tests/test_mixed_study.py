"""Studies with clips of data sets: beside drawn ones, in their place, and after them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_datasets import beats, traced, write_echonet
from safetensors.torch import load_file
from scripts import script

from echodfkd.commands.distill import distill
from echodfkd.commands.gather import NOTICE, gather
from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.data.settings import Data
from echodfkd.distill.settings import Training
from echodfkd.distill.start import start_table
from echodfkd.errors import InputError, StudyError
from echodfkd.files import read_json, sha256, write_json
from echodfkd.pipeline import run
from echodfkd.store.store import Store
from echodfkd.student.card import CARD, WEIGHTS, Card, Preprocessing, read_card
from echodfkd.student.checkpoint import save
from echodfkd.student.network import seeded_network
from echodfkd.student.settings import NetworkSettings
from echodfkd.study.file import read_study
from echodfkd.study.settings import Clips, Split, Study
from echodfkd.teachers import Teacher


@pytest.fixture(scope="module")
def study(tmp_path_factory, student_folder) -> Study:
    """Two drawn and two real windows in a batch; a small model of ours teaches both."""
    clips = {
        name: traced(beat, name, split)
        for name, beat, split in zip("abc", beats(), ("TRAIN", "TRAIN", "VAL"), strict=True)
    }
    folder = write_echonet(tmp_path_factory.mktemp("mixed") / "echonet", clips)
    return Study(
        name="mixed",
        clips=Clips(Split(4, 4), Split(1, 4), Split(1, 4), shard=2, structures=("lv",)),
        teacher=Teacher("model", student_folder),
        student=NetworkSettings(blocks=1, filters=2),
        training=Training(window=4, size=16, batch=4, epochs=1, precision="float32", real_share=0.5),
        data=(Data(folder, about="simulated"),),
    )


def taught(study: Study, folder: Path) -> Path:
    """The study's student in `folder`, whose stores are made there too."""
    clips = synth(study, folder / "clips")
    labels = label(study, clips, folder / "labels")
    real = None
    if study.data:
        gathered = gather(study, folder / "real")
        real = gathered, label(study, gathered, folder / "real-labels")
    distill(study, clips, labels, folder / "student", workers=0, real=real)
    return folder / "student"


@pytest.mark.parametrize("fresh", [False, True])
def test_real_clips_teach_beside_drawn_ones_and_the_card_says_so(study, tmp_path, fresh):
    one = replace(study, clips=replace(study.clips, fresh=fresh))
    made = read_card(taught(one, tmp_path)).provenance["made_from"]
    assert made["training"]["real_share"] == 0.5 and made["real"]["data"][0]["about"] == "simulated"
    assert str(study.data[0].path) not in str(made)


def test_a_student_is_taught_on_real_clips_alone_and_drawn_ones_after_them(study, tmp_path):
    real_alone = replace(
        study,
        clips=replace(study.clips, train=Split(0, 4)),
        training=replace(study.training, real_share=1.0, batch=2),
    )
    first = taught(real_alone, tmp_path / "first")
    training = replace(study.training, real_share=0.0, start=str(first))
    made = read_card(taught(replace(study, data=(), training=training), tmp_path / "then")).provenance["made_from"]
    assert made["start"] == {"weights": sha256(first / WEIGHTS), "real": True}
    assert "start" not in made["training"] and "real" not in made
    pulled = replace(training, start_share=0.25)
    taught(replace(study, data=(), training=pulled), tmp_path / "pulled")
    began, whole, near = (load_file(tmp_path / one / "student" / WEIGHTS) for one in ("first", "then", "pulled"))
    for name, value in near.items():
        expected = torch.lerp(whole[name], began[name], 0.25) if value.is_floating_point() else whole[name]
        assert torch.allclose(value, expected, atol=1e-6)


TOML = """
name = "mixed"
[clips]
train = { count = 4, frames = 6 }
validation = { count = 1, frames = 6 }
test = { count = 1, frames = 30 }
structures = ["lv"]
[teacher]
kind = "model"
path = "teacher"
[student]
blocks = 1
filters = 2
[training]
window = 4
size = 16
batch = 4
epochs = 1
precision = "float32"
real_share = 0.5
[scoring]
resamples = 100
robustness = false
[[data]]
path = "echonet"
about = "simulated"
"""


@pytest.fixture(scope="module")
def finished(study, student_folder, tmp_path_factory) -> Path:
    """The folder of a study with real clips, `mixed.toml`, and of the run that the command made of it, `run`."""
    here = tmp_path_factory.mktemp("commands")
    (here / "mixed.toml").write_text(
        TOML.replace('"teacher"', f'"{student_folder}"').replace('"echonet"', f'"{study.data[0].path}"')
    )
    run(read_study(here / "mixed.toml"), here / "run", workers=0)
    return here


def test_a_whole_run_keeps_its_real_clips_apart_and_says_what_it_saw(finished):
    here = finished / "run"
    stages = ("synth", "label", "gather", "label real", "distill", "segment", "score", "report")
    log = (here / "log.txt").read_text()
    places = [log.index(f"{stage}: done in") for stage in stages]
    assert places == sorted(places)
    assert [entry.name for entry in Store(here / "real").entries] == ["a", "b", "c"]
    assert (here / "real" / NOTICE).is_file() and not Store(here / "real-labels").with_frames
    assert (here / "masks" / "test-00000" / "measures.json").is_file()
    made = read_card(here / "student").provenance["made_from"]
    assert made["real"]["clips"] == Store(here / "real").content
    assert (here / "report" / "index.html").is_file()


def test_the_stages_as_commands_make_the_student_of_the_whole_run(finished, tmp_path, echodfkd):
    study = finished / "mixed.toml"
    for words in (
        ("synth", study, "--out", tmp_path / "c"),
        ("gather", study, "--out", tmp_path / "r"),
        ("label", study, "--clips", tmp_path / "c", "--out", tmp_path / "cl"),
        ("label", study, "--clips", tmp_path / "r", "--out", tmp_path / "rl"),
    ):
        assert echodfkd(*words)[0] == 0
    words = ("distill", study, "--clips", tmp_path / "c", "--labels", tmp_path / "cl", "--out", tmp_path / "s")
    code, _, told = echodfkd(*words, "--real", tmp_path / "r")
    assert code == 2 and "--real and --real-labels" in told
    code, _, told = echodfkd(*words)
    assert code == 2 and "[[data]]" in told
    assert echodfkd(*words, "--real", tmp_path / "r", "--real-labels", tmp_path / "rl")[0] == 0
    assert sha256(tmp_path / "s" / WEIGHTS) == sha256(finished / "run" / "student" / WEIGHTS)
    assert (
        read_card(tmp_path / "s").provenance["made_from"] == read_card(finished / "run/student").provenance["made_from"]
    )


def test_a_study_without_data_sets_gathers_nothing(finished, tmp_path, echodfkd):
    text = (finished / "mixed.toml").read_text()
    (tmp_path / "s.toml").write_text(text[: text.index("[[data]]")].replace("real_share = 0.5", ""))
    code, _, told = echodfkd("gather", tmp_path / "s.toml", "--out", tmp_path / "real")
    assert code == 2 and "takes no real clips" in told and not (tmp_path / "real").exists()


def test_what_may_have_seen_real_clips_is_not_published(finished, tmp_path):
    publish = script("studies/publish.py").publish
    with pytest.raises(InputError, match="taught on real clips"):
        publish(finished / "run", "mixed", tmp_path / "out")
    shutil.copytree(finished / "run", tmp_path / "then")
    card = read_json(tmp_path / "then" / "student" / CARD)
    made = card["provenance"]["made_from"]
    del made["real"]  # as of a student of drawn clips that began with this one's weights
    write_json(tmp_path / "then" / "student" / CARD, card)
    assert publish(tmp_path / "then", "then", tmp_path / "drawn") == tmp_path / "drawn"
    made["start"] = start_table(finished / "run" / "student")
    write_json(tmp_path / "then" / "student" / CARD, card)
    with pytest.raises(InputError, match="started from one"):
        publish(tmp_path / "then", "then", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_masks_of_real_clips_alone_teach_where_all_that_is_taught_is_real(study, tmp_path):
    training = replace(study.training, real_share=1.0, batch=2)
    house = replace(study, clips=replace(study.clips, train=Split(0, 4)), training=training)
    label(house, gather(house, tmp_path / "theirs"), tmp_path / "labels", tmp_path / "archive")
    one = replace(house, teacher=Teacher("archive", tmp_path / "archive", partial=True))
    card = read_card(taught(one, tmp_path / "mine"))
    assert card.provenance["made_from"]["teacher"]["partial"]
    assert {entry.facts["known"] == [] for entry in Store(tmp_path / "mine" / "labels").entries} == {True}
    mixed = replace(one, clips=study.clips, training=study.training)
    with pytest.raises(InputError, match="lv in none of the 6"):
        label(mixed, synth(mixed, tmp_path / "drawn"), tmp_path / "refused")


def test_a_start_that_takes_other_grey_levels_is_refused(study, tmp_path):
    save(tmp_path / "raw", seeded_network(study.student, 0), Card(study.student, Preprocessing(16, input_scale=1.0)))
    training = replace(study.training, real_share=0.0, start=str(tmp_path / "raw"))
    with pytest.raises(StudyError, match=r"times 0\.003922, .*times 1\."):
        taught(replace(study, data=(), training=training), tmp_path)


def test_a_start_of_another_shape_is_refused(study, student_folder, tmp_path):
    training = replace(study.training, real_share=0.0, start=str(student_folder))
    with pytest.raises(StudyError, match=r"training\.start .*shape"):
        taught(replace(study, data=(), training=training), tmp_path)


def test_real_clips_must_be_given_where_the_study_has_them(study, tmp_path):
    clips = synth(study, tmp_path / "clips")
    with pytest.raises(StudyError, match="go with a study"):
        distill(study, clips, label(study, clips, tmp_path / "labels"), tmp_path / "student")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"data": ()}, r"got 0 data sets and 0\.5"),
        ({"teacher": Teacher()}, "no real clip"),
        ({"training": Training(window=4, size=16, batch=4, real_share=1.0)}, r"clips\.train\.count .*got 4"),
    ],
)
def test_contradictions_are_refused(study, changes, fault):
    with pytest.raises(StudyError, match=fault):
        replace(study, **changes)


def test_paths_start_at_the_study_file_and_bundled_names_stay(tmp_path):
    text = (
        'name = "m"\nteacher = { kind = "model", name = "teacher" }\ntraining = { batch = 4, real_share = 0.5, START }'
        "\n"
        "[clips]\ntrain = { count = 4, frames = 30 }\nvalidation = { count = 1, frames = 30 }\n"
        'test = { count = 1, frames = 30 }\n[[data]]\npath = "real"\nexclude = "curation.csv"\nreasons = ["static"]\n'
    )
    for start, wanted in (("b4", "b4"), ("mine", str((tmp_path / "mine").resolve()))):
        (tmp_path / "s.toml").write_text(text.replace("START", f'start = "{start}"'))
        study = read_study(tmp_path / "s.toml")
        assert study.training.start == wanted
        assert study.data[0].path == (tmp_path / "real").resolve()
        assert study.data[0].exclude == (tmp_path / "curation.csv").resolve()
