"""A student starts from one model's weights or from the mean of several."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from echodfkd.distill.settings import Training
from echodfkd.distill.start import pulled_back, start_table, starting_network, starting_weights
from echodfkd.distill.train import INPUT_SCALE
from echodfkd.errors import StudyError
from echodfkd.student.card import Card, Preprocessing
from echodfkd.student.checkpoint import save
from echodfkd.student.network import NetworkSettings, seeded_network

SHAPE = NetworkSettings(blocks=2, layers=1, filters=4)


def kept(folder: Path, seed: int, shape=SHAPE, **provenance) -> str:
    """A model of that seed in a folder."""
    save(folder, seeded_network(shape, seed).eval(), Card(shape, Preprocessing(16, INPUT_SCALE), **provenance))
    return str(folder)


def test_one_model_is_its_weights(tmp_path):
    begun = starting_network([kept(tmp_path / "a", 1)], SHAPE, 0)
    for name, value in seeded_network(SHAPE, 1).state_dict().items():
        assert torch.equal(begun.state_dict()[name], value)
    assert begun.training


def test_several_are_the_mean_of_their_weights(tmp_path):
    models = [kept(tmp_path / name, seed) for seed, name in enumerate("abc")]
    begun = starting_network(models, SHAPE, 0).state_dict()
    tables = [seeded_network(SHAPE, seed).state_dict() for seed in range(3)]
    for name, value in begun.items():
        mean = sum(table[name].double() for table in tables) / 3
        assert torch.allclose(value.double(), mean, atol=1e-6)


def test_a_glance_that_the_model_lacks_is_drawn_from_the_seed(tmp_path):
    shape = NetworkSettings(blocks=2, layers=1, filters=4, glance=4)
    begun = starting_network([kept(tmp_path / name, seed) for seed, name in enumerate("ab")], shape, 7).state_dict()
    old, fresh = seeded_network(SHAPE, 0).state_dict(), seeded_network(shape, 7).state_dict()
    assert set(begun) == set(fresh)
    assert all(torch.equal(begun[name], fresh[name]) for name in set(fresh) - set(old))
    assert not torch.equal(begun["head.weight"], fresh["head.weight"])
    with pytest.raises(StudyError, match=r"training\.hold .*has all"):
        starting_network([kept(tmp_path / "c", 1, shape)], shape, 0, hold=True)
    with pytest.raises(StudyError, match=r"training\.hold .*training\.start"):
        Training(hold=True)


def test_a_glance_of_another_size_or_of_one_model_alone_is_drawn_anew(tmp_path):
    shape = replace(SHAPE, glance=4)
    with_one, without = kept(tmp_path / "a", 1, shape), kept(tmp_path / "b", 2)
    for models, wanted in (([with_one], replace(SHAPE, glance=5)), ([with_one, without], shape)):
        begun, fresh = (starting_network(models, wanted, 7, hold=True), seeded_network(wanted, 7))
        assert torch.equal(begun.glance.network.head.weight, fresh.glance.network.head.weight)
        assert not torch.equal(begun.head.weight, fresh.head.weight)
    orthogonal = starting_network([without], shape, 7, initialisation="orthogonal")
    expected = seeded_network(shape, 7, "orthogonal").glance.network.head.weight
    assert torch.equal(orthogonal.glance.network.head.weight, expected)


def test_a_glance_that_is_not_wanted_is_left_out(tmp_path):
    model = kept(tmp_path / "a", 1, replace(SHAPE, glance=4))
    begun, whole = starting_network([model], SHAPE, 0), seeded_network(replace(SHAPE, glance=4), 1).state_dict()
    assert begun.settings == SHAPE
    assert all(torch.equal(value, whole[name]) for name, value in begun.state_dict().items())


def test_a_taught_network_is_pulled_a_share_of_the_way_back_to_its_start(tmp_path):
    models = [kept(tmp_path / name, seed) for seed, name in enumerate("ab")]
    mean, taught = starting_network(models, SHAPE, 0).state_dict(), seeded_network(SHAPE, 7).state_dict()
    pulled = pulled_back(seeded_network(SHAPE, 7), starting_weights(models, SHAPE), 0.25)
    assert not pulled.training
    for name, value in pulled.state_dict().items():
        assert torch.allclose(value.double(), 0.75 * taught[name].double() + 0.25 * mean[name].double(), atol=1e-6)


def test_a_glance_that_the_start_lacks_is_not_pulled_back(tmp_path):
    shape = replace(SHAPE, glance=4)
    began, taught = starting_weights([kept(tmp_path / "a", 1)], shape), seeded_network(shape, 7)
    pulled = pulled_back(seeded_network(shape, 7), began, 0.5)
    assert torch.equal(pulled.glance.network.head.weight, taught.glance.network.head.weight)
    assert not torch.equal(pulled.head.weight, taught.head.weight)


@pytest.mark.parametrize("wrong", [{"start_share": 0.5}, {"start": "b4", "start_share": 1.0}])
def test_a_share_of_the_start_needs_one_and_leaves_something_to_what_was_taught(wrong):
    with pytest.raises(StudyError, match=r"training\.start_share"):
        Training(**wrong)
    with pytest.raises(StudyError, match=r"without training\.hold"):
        Training(start="b4", start_share=0.5, hold=True)


def test_each_must_have_the_students_shape(tmp_path):
    models = [kept(tmp_path / "a", 1), kept(tmp_path / "b", 1, NetworkSettings(blocks=2, layers=1, filters=5))]
    with pytest.raises(StudyError, match=r"training\.start .*shape"):
        starting_network(models, SHAPE, 0)
    with pytest.raises(StudyError, match=r"training\.mean_with .*got b alone"):
        Training(mean_with=("b",))


def test_a_mean_tells_all_weights_and_whether_any_may_have_seen_a_patient(tmp_path):
    drawn, real = {"made_from": {"seed": 1}}, {"made_from": {"real": {}}}
    first, second, third = (
        Path(kept(tmp_path / name, seed, provenance=of))
        for seed, (name, of) in enumerate(zip("abc", (drawn, drawn, real), strict=True))
    )
    one, two, mixed = start_table(first), start_table(first, second), start_table(first, second, third)
    assert one == {"weights": one["weights"], "real": False}
    assert two == one | {"mean_with": [start_table(second)["weights"]]}
    assert mixed["real"] and len(mixed["mean_with"]) == 2
