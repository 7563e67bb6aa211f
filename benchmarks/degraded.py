"""Students made worse on purpose: a ladder of known order to try measures of quality on."""

from pathlib import Path

from echodfkd.errors import InputError
from echodfkd.student.checkpoint import load_network
from echodfkd.student.steppers import TorchStepper
from echodfkd.student.student import Student


def degraded_student(folder: Path, strength: float, seed: int) -> Student:
    """The student in `folder` with noise on its weights: Gaussian, `strength` times each tensor's standard deviation.

    0 leaves it as it is; the same seed gives the same noise scaled, so that strengths form a ladder. Running statistics
    and single numbers stay. Needs torch and the weights themselves, not only a graph. Raises InputError for a strength
    below 0.
    """
    if not 0 <= strength < 100:
        raise InputError(f"Noise on weights has a strength from 0 (none) on, in standard deviations, got {strength}.")
    import torch

    network, card = load_network(folder)
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in network.parameters():
            noise = torch.randn(weights.shape, generator=chance)
            if weights.numel() > 1:
                weights.add_(strength * weights.std() * noise)
    return Student(card, TorchStepper(network, card.preprocessing.input_scale))
