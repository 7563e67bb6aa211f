"""Students with random weights and, unlike fresh ones, random running statistics."""

from collections.abc import Callable

import pytest
import torch

from echodfkd.student.network import Network, NetworkSettings, seeded_network


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Network]:
    def make(seed: int = 0, **settings: object) -> Network:
        network = seeded_network(NetworkSettings(**settings), seed).eval()
        draw = torch.Generator().manual_seed(seed)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor, low, high in (
                    (module.running_mean, -0.2, 0.2),
                    (module.running_var, 0.02, 0.2),
                    (module.weight.data, 0.5, 1.5),
                    (module.bias.data, -0.5, 0.5),
                ):
                    tensor.uniform_(low, high, generator=draw)
        return network

    return make
