"""A checkpoint in EchoNet-Dynamic's exact format, with random weights: its masks are torchvision's own."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import echodfkd.vision  # noqa: F401
from echodfkd.clip import Clip
from echodfkd.errors import InputError, MissingExtra
from echodfkd.teachers import Teacher, load_teacher

with_torchvision = pytest.mark.skipif(find_spec("torchvision") is None, reason="needs the extra teachers: torchvision")
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 112, 112), dtype=np.uint8)
CLIP = Clip("a", FRAMES)
pytestmark = pytest.mark.usefixtures("one_thread")


def lively():
    """torchvision's own network, seeded, with masks that are neither 0 nor 1 throughout."""
    from torchvision.models.segmentation import deeplabv3_resnet50

    torch.manual_seed(0)
    network = deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=False)
    network.classifier[-1] = torch.nn.Conv2d(256, 1, 1)  # as its authors make it
    network.classifier[-1].weight.data *= 20
    return network.eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """What a training of EchoNet's leaves: a DataParallel's weights, with epoch, losses and optimiser beside them."""
    path = tmp_path_factory.mktemp("deeplab") / "deeplabv3_resnet50_random.pt"
    state = torch.nn.DataParallel(lively()).state_dict()
    assert all(key.startswith("module.") for key in state)
    rest = {"epoch": 45, "best_loss": 0.1, "loss": np.float64(0.2), "opt_dict": {"state": {}}, "scheduler_dict": {}}
    torch.save({"state_dict": state, **rest}, path)
    return path


def expected(frames: np.ndarray) -> np.ndarray:
    """Probabilities by torchvision's forward of RGB frames normalised in grey levels, all at once."""
    mean = torch.tensor([32.085175, 32.591923, 33.37932])[:, None, None]
    std = torch.tensor([50.129288, 50.487717, 51.34619])[:, None, None]
    rgb = torch.from_numpy(np.stack([frames] * 3, axis=1)).float()
    with torch.no_grad():
        return lively()((rgb - mean) / std)["out"].sigmoid().numpy()


@with_torchvision
def test_masks_of_a_published_checkpoint_are_those_of_torchvisions_forward(checkpoint, monkeypatch):
    from echodfkd.teachers import deeplab

    monkeypatch.setitem(deeplab.BATCH, "cpu", 2)  # three frames: a whole batch and a part of one
    teacher = load_teacher(Teacher("deeplab", checkpoint), None, ("lv",))
    masks = teacher(CLIP)
    assert (tuple(teacher.structures), teacher.threshold, masks.dtype) == (("lv",), 0.5, np.float32)
    assert masks.std() > 0.05
    np.testing.assert_allclose(masks, expected(FRAMES), atol=1e-5)


@with_torchvision
def test_clips_of_another_size_get_masks_of_their_own_size(checkpoint):
    frames = np.repeat(np.repeat(FRAMES[:1], 2, axis=1), 2, axis=2)
    masks = load_teacher(Teacher("deeplab", checkpoint), None, ("lv",))(Clip("b", frames))
    assert masks.shape == (1, 1, 224, 224)
    small = masks.reshape(1, 1, 112, 2, 112, 2).mean((3, 5))
    assert np.abs(small - expected(FRAMES[:1])).mean() < 0.01


@with_torchvision
def test_other_weights_are_refused_by_the_first_that_is_odd(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"state_dict": {"module.backbone.conv1.weight": torch.zeros(2)}}, path)
    with pytest.raises(InputError, match=r"DeepLabv3 .*: \d+ of its weights"):
        load_teacher(Teacher("deeplab", path), None, ("lv",))


@with_torchvision
@pytest.mark.parametrize("content", [{1: torch.zeros(2)}, {"state_dict": {0: torch.zeros(2)}}, {}, [1]])
def test_tensors_without_names_are_no_checkpoint(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match="no state_dict"):
        load_teacher(Teacher("deeplab", tmp_path / "other.pt"), None, ("lv",))


@with_torchvision
def test_objects_are_not_unpickled(tmp_path):
    torch.save({"state_dict": {}, "evil": Path("x")}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="Python objects"):
        load_teacher(Teacher("deeplab", tmp_path / "evil.pt"), None, ("lv",))


def test_without_torchvision_the_extra_is_named(tmp_path, monkeypatch):
    from echodfkd.teachers import deeplab

    monkeypatch.setattr(deeplab, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"echodfkd\[teachers\]"):
        deeplab.network(tmp_path / "any.pt")


@with_torchvision
def test_lightning_and_torchvision_import_beside_any_torch():
    code = "import echodfkd.distill.train, torchvision.models.segmentation"  # the one imports lightning
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
