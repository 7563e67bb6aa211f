"""A model of ours as a teacher gives the masks that it gives as a student, of the structures that are asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from echodfkd.clip import Clip, to_bytes
from echodfkd.errors import InputError
from echodfkd.student.checkpoint import Card, Preprocessing, save
from echodfkd.student.network import FramewiseSettings, NetworkSettings, seeded_network
from echodfkd.student.student import load_student
from echodfkd.teachers import Teacher, load_teacher
from echodfkd.teachers.unet import UNetTeacher

STRUCTURES = ("lv", "la", "myocardium")
FRAMES = np.random.default_rng(4).integers(0, 256, (9, 40, 30), dtype=np.uint8)
"""More than two batches, of a size that is not the model's."""
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """A frame-wise and a recurrent model that tell bright from dark."""
    folder = tmp_path_factory.mktemp("models")
    shapes = {
        "framewise": FramewiseSettings(levels=3, filters=6, structures=STRUCTURES),
        "recurrent": NetworkSettings(blocks=2, filters=4, structures=STRUCTURES),
    }
    for name, shape in shapes.items():
        network = seeded_network(shape, 5).train()
        for _ in range(5):
            network(torch.rand(1, 4, 1, 16, 16))
        network.head.weight.data *= 60
        save(
            folder / name, network.eval(), Card(shape, Preprocessing(size=32), threshold=0.4), onnx=name == "framewise"
        )
    return {name: folder / name for name in shapes}


def test_batches_of_the_teacher_are_the_masks_of_the_student(models):
    teacher, student = UNetTeacher(models["framewise"], "float32"), load_student(models["framewise"], "torch")
    expected = student(Clip("a", FRAMES))
    assert teacher.structures == STRUCTURES and teacher.threshold == 0.4
    assert expected.std() > 0.1
    np.testing.assert_allclose(teacher(Clip("a", FRAMES)), expected, atol=1e-5)


def test_teacher_and_student_see_flat_pixels_alike(models):
    teacher, student = UNetTeacher(models["framewise"], "float32"), load_student(models["framewise"], "torch")
    flat, unknown = Clip("a", FRAMES, spacing=(0.2, 0.4)), Clip("a", FRAMES)
    expected = student(flat)
    assert np.abs(expected - student(unknown)).max() > 0.05
    np.testing.assert_allclose(teacher(flat), expected, atol=1e-5)


def test_a_frame_has_its_mask_wherever_it_stands(models):
    teacher = UNetTeacher(models["framewise"])
    order = np.random.default_rng(0).permutation(len(FRAMES))
    together, shuffled = teacher.masks(FRAMES), teacher.masks(FRAMES[order])
    alone = np.concatenate([teacher.masks(frame[None]) for frame in FRAMES])
    assert np.abs(shuffled.astype(int) - together[order]).max() <= 1
    assert np.abs(alone.astype(int) - together).max() <= 1


def test_masks_of_frames_are_those_of_a_clip_as_bytes(models):
    teacher = UNetTeacher(models["framewise"])
    np.testing.assert_array_equal(teacher.masks(FRAMES), to_bytes(teacher(Clip("a", FRAMES))))


def test_bfloat16_moves_no_mask_by_much(models):
    exact, halved = (UNetTeacher(models["framewise"], name).masks(FRAMES) for name in ("float32", "bfloat16"))
    assert 0 < np.abs(exact.astype(int) - halved).mean() < 2


def test_frames_of_another_kind_are_refused(models):
    with pytest.raises(InputError, match=r"\(time, height, width\) uint8, got float32"):
        UNetTeacher(models["framewise"]).masks(FRAMES.astype(np.float32))


@pytest.mark.parametrize("kind", ["framewise", "recurrent"])
def test_any_model_teaches_the_structures_that_are_asked_for(models, kind):
    clip = Clip("a", FRAMES)
    teacher = load_teacher(Teacher("model", models[kind]), None, ("myocardium", "lv"))
    assert teacher.structures == ("myocardium", "lv") and teacher.threshold == 0.4
    np.testing.assert_allclose(teacher(clip), load_student(models[kind])(clip)[:, [2, 0]], atol=0.02)


def test_a_structure_that_the_model_does_not_know_is_refused(models):
    with pytest.raises(InputError, match="lv, la, myocardium, but not rv"):
        load_teacher(Teacher("model", models["framewise"]), None, ("lv", "rv"))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no model\.json"):
        load_teacher(Teacher("model", tmp_path), None, ("lv",))


def test_only_a_frame_wise_model_takes_frames_at_once(models):
    with pytest.raises(InputError, match=r"B2,1.* load_student"):
        UNetTeacher(models["recurrent"])


def test_without_torch_a_frame_wise_teacher_runs_through_its_graph(models, monkeypatch):
    clip = Clip("a", FRAMES)
    expected = UNetTeacher(models["framewise"], "float32")(clip)[:, :1]
    monkeypatch.setattr("echodfkd.teachers.settings.find_spec", lambda name: None)
    teacher = load_teacher(Teacher("model", models["framewise"]), None, ("lv",))
    np.testing.assert_allclose(teacher(clip), expected, atol=1e-5)
