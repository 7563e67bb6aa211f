"""Several processes that teach one student: who this one is, and statistics that all of them share."""

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from echodfkd.errors import InputError


@dataclass(frozen=True)
class Devices:
    """How many processes teach, one a device: each takes its part of every batch, and all make the same step."""

    devices: int = 1
    """Of every machine: GPUs, or where there is none processes on the CPU."""
    nodes: int = 1
    """Machines."""

    def __post_init__(self) -> None:
        if self.devices < 1 or self.nodes < 1:
            raise InputError(f"Devices and nodes are 1 or more, got {self.devices} and {self.nodes}.")

    @property
    def several(self) -> bool:
        """Whether more than one process teaches."""
        return self.devices * self.nodes > 1


def devices_here(devices: int, nodes: int) -> Devices:
    """So many; but those that torchrun started where it did."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 0))
    return Devices(here, int(os.environ["WORLD_SIZE"]) // here) if here else Devices(devices, nodes)


def is_first() -> bool:
    """Whether this process is the first or the only one: it alone writes. By what torchrun, SLURM or Lightning says."""
    said = os.environ
    if "RANK" in said:
        return int(said["RANK"]) == 0
    if int(said.get("SLURM_NTASKS", 1)) > 1:
        return int(said.get("SLURM_PROCID", 0)) == 0
    return int(said.get("NODE_RANK", 0)) == int(said.get("LOCAL_RANK", 0)) == 0


class SharedNorm(nn.BatchNorm2d):
    """Batch normalisation whose statistics are those of the whole batch, whatever part of it each process has.

    torch's own, SyncBatchNorm, runs on GPUs alone. Parts must be equally large.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Normalised (frame, channel, h, w); running statistics move as those of one process would."""
        if not self.training:
            return super().forward(values)
        world = torch.distributed.get_world_size()
        moments = torch.stack((values.float().mean((0, 2, 3)), values.float().square().mean((0, 2, 3))))
        mean, square = _Summed.apply(moments) / world
        variance = square - mean.square()
        self._move(mean.detach(), variance.detach(), world * values.numel() // values.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        return values * scale[None, :, None, None] + (self.bias - mean * scale)[None, :, None, None]

    @torch.no_grad()
    def _move(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Moves the running statistics as `BatchNorm2d` does, towards the variance without bias."""
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class _Summed(torch.autograd.Function):
    """The sum of a tensor over all processes; a gradient of the sum is one of every process's own."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        """The sum."""
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        """The sum of what every process's loss says of the sum."""
        total = gradients[0].clone()
        torch.distributed.all_reduce(total)
        return total


def share_statistics(network: nn.Module) -> None:
    """Makes every batch normalisation of the network a `SharedNorm`, in place; its weights keep their names."""
    for part in network.modules():
        if type(part) is nn.BatchNorm2d:
            part.__class__ = SharedNorm
