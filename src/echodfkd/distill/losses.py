"""What a student pays for differing from its teacher: logits against soft targets."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def soft_bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy of `logits` against probabilities `targets` in [0, 1], any equal shape; a scalar.

    The paper's loss: the teacher's probability is the target as it is, not cut at a threshold.
    """
    return binary_cross_entropy_with_logits(logits, targets)


def soft_dice(logits: Tensor, targets: Tensor) -> Tensor:
    """One minus the Dice overlap of probabilities, (batch, time, structure, height, width) each; a scalar in [0, 1].

    Overlap is taken per frame and structure and then averaged, so that a small systolic cavity weighs as much as
    a large one. The squared-denominator form (Milletari et al., V-Net, 2016) is 0 for soft targets met exactly; one
    pixel of smoothing makes two empty masks agree.
    """
    probabilities = logits.sigmoid()
    overlap = (probabilities * targets).sum((-2, -1))
    total = probabilities.square().sum((-2, -1)) + targets.square().sum((-2, -1))
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def bce_and_dice(logits: Tensor, targets: Tensor) -> Tensor:
    """The sum of `soft_bce` and `soft_dice`; a scalar."""
    return soft_bce(logits, targets) + soft_dice(logits, targets)


def known_planes(values: Tensor, known: Tensor) -> Tensor:
    """Of (batch, time, structure, height, width) what is known: (pairs of window and structure, time, height, width).

    `known` is (batch, structure) bool. A loss of logits and targets taken so sees nothing of the others.
    """
    return values.transpose(1, 2)[known]


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": soft_bce,
    "dice": soft_dice,
    "bce+dice": bce_and_dice,
}
