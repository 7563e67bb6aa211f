"""The frame-wise network stands wherever a student stands: same methods, same card, same files."""

import json

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from echodfkd.clip import STRUCTURES, Clip
from echodfkd.errors import InputError, StudyError
from echodfkd.student.checkpoint import Card, Preprocessing, load_network, read_card, save
from echodfkd.student.framewise import FramewiseNetwork, fused
from echodfkd.student.network import (
    FramewiseSettings,
    NetworkSettings,
    flops_per_frame,
    parameter_count,
    seeded_network,
)
from echodfkd.student.student import load_student

SMALL = FramewiseSettings(levels=3, filters=4, structures=("lv", "la"))
SHAPES = [SMALL, FramewiseSettings(), FramewiseSettings(levels=1, filters=3, structures=("lv",))]


def frames(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network() -> FramewiseNetwork:
    """A small network that has seen a few frames, so that its normalisations do something."""
    made = seeded_network(SMALL, 3).train()
    for seed in range(5):
        made(frames(1, 4, 1, 16, 16, seed=seed))
    return made.eval()


def test_the_default_has_about_a_million_weights_worked_by_hand():
    down = 9 * (1 * 24 + 24 * 24 + 24 * 48 + 48 * 48 + 48 * 96 + 96 * 96 + 96 * 192 + 192 * 192)
    up = 9 * ((192 + 96) * 96 + 96 * 96 + (96 + 48) * 48 + 48 * 48 + (48 + 24) * 24 + 24 * 24)
    normalised = 2 * 2 * (2 * (24 + 48 + 96) + 192)
    assert parameter_count(FramewiseSettings()) == down + up + normalised + 5 * (24 + 1) == 1_096_277


@pytest.mark.parametrize("settings", SHAPES, ids=lambda settings: settings.name)
def test_parameters_and_flops_are_what_torch_counts(settings):
    network = seeded_network(settings, 0)
    assert parameter_count(settings) == sum(parameter.numel() for parameter in network.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval().step(frames(1, 1, 32, 32))
    assert counter.get_total_flops() == flops_per_frame(settings, 32)


def test_its_name_tells_levels_and_filters():
    assert FramewiseSettings().name == "U4,24"
    assert FramewiseSettings().structures == STRUCTURES


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"levels": 6}, r"student\.levels .*1 to 5, got 6"),
        ({"filters": 0}, r"student\.filters .*1 to 256, got 0"),
        ({"kind": "recurrent"}, r"student\.kind .*framewise.*got 'recurrent'"),
        ({"structures": ("lv", "lv")}, r"student\.structures: .*different names"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(StudyError, match=message):
        FramewiseSettings(**wrong)


def test_a_frames_logits_do_not_depend_on_its_neighbours(network):
    window = frames(2, 5, 1, 32, 24)
    logits, state = network(window)
    assert logits.shape == (2, 5, 2, 32, 24) and state == () == network.zero_state(2, 32, 24)
    alone, state = network.step(window[1, 3:4], state)
    torch.testing.assert_close(alone[0], logits[1, 3], atol=1e-5, rtol=0)
    order = torch.tensor([3, 0, 4, 2, 1])
    torch.testing.assert_close(network(window[:, order])[0], logits[:, order], atol=1e-5, rtol=0)


def test_every_pixel_sees_both_its_own_grey_and_the_coarsest_level(network):
    """With three levels and two convolutions at each, a pixel 20 away still tells: no path is cut."""
    given = frames(1, 1, 1, 64, 64).requires_grad_()
    network(given)[0][0, 0, 0, 32, 32].backward()
    assert given.grad is not None
    reached = given.grad[0, 0, 0] != 0
    assert reached[32, 32] and reached[32, 12] and reached[12, 32]


def test_frames_of_another_shape_are_refused(network):
    with pytest.raises(InputError, match=r"U3,4 .*multiples of 4, got 30 x 32"):
        network(frames(1, 2, 1, 30, 32))
    with pytest.raises(InputError, match=r"got float32 \(2, 1, 32, 32\)"):
        network(frames(2, 1, 32, 32))


def test_equal_seeds_give_equal_networks():
    a, b, c = (seeded_network(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["head.weight"], c["head.weight"])


def test_fusing_the_normalisations_changes_nothing(network):
    window = frames(2, 3, 1, 32, 32)
    before = network(window)[0]
    torch.testing.assert_close(fused(network)(window)[0], before, atol=1e-5, rtol=1e-4)
    assert torch.equal(network(window)[0], before)


def test_a_saved_network_comes_back_and_its_graph_gives_the_same_masks(tmp_path, network):
    card = Card(SMALL, Preprocessing(size=32), warm_up=0)
    saved = save(tmp_path / "a", network, card, onnx=True)
    assert read_card(tmp_path / "a") == saved and saved.network == SMALL
    loaded, _ = load_network(tmp_path / "a")
    assert isinstance(loaded, FramewiseNetwork)
    window = frames(1, 3, 1, 32, 32)
    assert torch.equal(loaded(window)[0], network(window)[0])
    clip = Clip("a", np.random.default_rng(0).integers(0, 256, (4, 40, 50), dtype=np.uint8))
    masks = {backend: load_student(tmp_path / "a", backend)(clip) for backend in ("onnx", "torch")}
    assert masks["onnx"].shape == (4, 2, 40, 50)
    np.testing.assert_allclose(masks["onnx"], masks["torch"], atol=1e-5)


def test_only_a_frame_wise_card_has_a_kind(tmp_path, network):
    save(tmp_path / "u", network, Card(SMALL, Preprocessing(size=32)))
    save(tmp_path / "b", seeded_network(NetworkSettings(blocks=1), 0), Card(NetworkSettings(blocks=1)))
    written = {name: json.loads((tmp_path / name / "model.json").read_text())["network"] for name in "ub"}
    assert written["u"] == {"kind": "framewise", "levels": 3, "filters": 4, "structures": ["lv", "la"]}
    assert set(written["b"]) == {"blocks", "layers", "structures", "skip", "filters", "glance"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "transformer"}, r"student\.kind .*got 'transformer'"),
        ({"blocks": 4}, r"unknown key network\.blocks"),
        ({"levels": 9}, r"student\.levels .*1 to 5, got 9"),
        ({"kind": None}, r"unknown key network\.kind"),
    ],
)
def test_a_card_of_an_impossible_network_is_refused(tmp_path, network, change, message):
    save(tmp_path, network, Card(SMALL, Preprocessing(size=32)))
    table = json.loads((tmp_path / "model.json").read_text())
    table["network"] |= change
    (tmp_path / "model.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match=message):
        read_card(tmp_path)
