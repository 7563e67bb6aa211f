"""A folded step is the step itself: the same logits, borders included, whatever the normalisations say."""

import pytest
import torch

from echodfkd.student.folded import FoldedNetwork, foldable


def spread(network):
    """With normalisations as training may leave them: scales of both signs, shifts far from zero."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for values in (module.weight, module.bias, module.running_mean):
                    values.copy_(torch.randn(values.shape, generator=draw))
                module.running_var.copy_(0.5 + torch.rand(module.running_var.shape, generator=draw))
    return network.eval()


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ({"blocks": 4, "filters": 2}, 24),
        ({"blocks": 3, "filters": 4, "structures": ("lv", "la")}, 32),
        ({"blocks": 2, "layers": 2, "filters": 4}, 6),
        ({"blocks": 3, "filters": 4, "glance": 3, "structures": ("lv", "la")}, 48),
    ],
)
def test_a_folded_network_gives_the_same_logits_step_after_step(make_network, shape, size):
    network = spread(make_network(**shape))
    folded, frames = FoldedNetwork(network), torch.rand(5, 3, 1, size, size)
    state = other = network.zero_state(3, size, size)
    with torch.inference_mode():
        for frame in frames:
            expected, state = network.step(frame, state)
            found, other = folded.step(frame, other)
            torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)
    assert expected.std() > 0.01


@pytest.mark.parametrize(
    ("shape", "size", "folds"),
    [
        ({"blocks": 3}, 12, True),
        ({"blocks": 3}, 8, False),
        ({"blocks": 1}, 8, False),
        ({"blocks": 3, "skip": "all"}, 32, False),
        ({"blocks": 3, "glance": 2}, 16, True),
    ],
)
def test_only_an_affine_decoder_over_three_cells_folds(make_network, shape, size, folds):
    assert foldable(make_network(filters=2, **shape), size) is folds
