import math

import pytest
import torch

from echodfkd.distill.losses import LOSSES, bce_and_dice, soft_bce, soft_dice

SURE = 40.0  # a logit whose sigmoid is 1 in float32


def masks(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(1, 1, 1, 1, -1)


def logits_of(probabilities: torch.Tensor) -> torch.Tensor:
    return torch.logit(probabilities, eps=1e-7)


def test_bce_of_a_worked_example():
    logits, target = masks(0.0, math.log(3)), masks(0.25, 1.0)
    by_hand = (math.log(2) + math.log(4 / 3)) / 2  # sigmoid = 1/2 and 3/4
    assert soft_bce(logits, target).item() == pytest.approx(by_hand, rel=1e-6)


def test_bce_is_least_where_the_probability_is_the_soft_target():
    target = masks(0.3)
    losses = [soft_bce(logits_of(masks(p)), target).item() for p in (0.1, 0.29, 0.3, 0.31, 0.9)]
    assert min(losses) == losses[2]


def test_dice_of_a_worked_example():
    # overlap 1, squared sums 2 and 1: 1 - (2 * 1 + 1) / (3 + 1)
    assert soft_dice(masks(SURE, SURE, -SURE), masks(1.0, 0.0, 0.0)).item() == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("target", [masks(0.2, 0.7, 1.0), masks(0.0, 0.0, 0.0), masks(1.0, 1.0, 0.0)])
def test_dice_vanishes_where_soft_targets_are_met_exactly(target):
    assert soft_dice(logits_of(target), target).item() == pytest.approx(0, abs=1e-5)


def test_dice_weighs_every_frame_alike_whatever_its_area():
    large, small = torch.zeros(2, 1, 1, 1, 8, 8)
    large[..., :6, :], small[..., :1, :1] = 1, 1
    missed = torch.full_like(large, -SURE)
    one_missed = [soft_dice(missed, mask).item() for mask in (large, small)]
    both = soft_dice(torch.cat([missed, missed], dim=1), torch.cat([large, small], dim=1)).item()
    assert both == pytest.approx(sum(one_missed) / 2)


def test_the_combined_loss_is_the_sum():
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(2, 3, 2, 4, 4, generator=generator), torch.rand(2, 3, 2, 4, 4, generator=generator)
    assert bce_and_dice(logits, target).item() == pytest.approx(
        soft_bce(logits, target).item() + soft_dice(logits, target).item()
    )


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_descending_any_loss_reaches_the_target(name):
    target = masks(0.0, 0.25, 1.0)
    logits = torch.zeros_like(target, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.1)
    for _ in range(400):
        adam.zero_grad()
        LOSSES[name](logits, target).backward()
        adam.step()
    assert torch.allclose(logits.sigmoid(), target, atol=0.05)
