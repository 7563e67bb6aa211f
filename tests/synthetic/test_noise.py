import numpy as np
import pytest
import torch

from echodfkd.synthetic import noise

CPU = torch.device("cpu")


def test_both_strings_are_standard_normal():
    for string in noise.strings(2, CPU):
        once = string[: noise.LENGTH].numpy()
        assert once.mean() == pytest.approx(0, abs=0.005)
        assert once.std() == pytest.approx(1, abs=0.005)
        assert (np.abs(once) < 1.96).mean() == pytest.approx(0.95, abs=0.002)


def test_the_plain_string_is_independent_and_the_grainy_one_is_alike_along_and_across_rows():
    plain, grainy = (string[: noise.LENGTH] for string in noise.strings(2, CPU))
    for step in (1, noise.TURN):
        assert (plain * plain.roll(step)).mean().item() == pytest.approx(0, abs=0.005)
        # Of weights w, m, w: 2 w m / (m^2 + 2 w^2).
        expected = 2 * 0.22 * 0.56 / (0.56**2 + 2 * 0.22**2)
        assert (grainy * grainy.roll(step)).mean().item() == pytest.approx(expected, abs=0.01)


def test_the_string_goes_on_where_it_ends():
    string = noise.strings(2, CPU)[1]
    starts = torch.tensor([[noise.LENGTH - 3]])
    assert torch.equal(
        noise.stretches(string, starts, 6)[0, 0], torch.cat([string[noise.LENGTH - 3 : noise.LENGTH], string[:3]])
    )


def test_rows_of_a_field_lie_one_turn_apart():
    string = noise.strings(2, CPU)[0]
    field = noise.fields(string, torch.tensor([5]), (3, 4))[0]
    assert torch.equal(field[2], string[5 + 2 * noise.TURN :][:4])
