"""A U-Net that sees one frame at a time: a teacher's network, behind the same methods as a student's."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from echodfkd.student.convlstm import State
from echodfkd.student.settings import FramewiseSettings, check_window


class FramewiseNetwork(nn.Module):
    """A U-Net (Ronneberger et al., MICCAI 2015) of the shape `settings`: logits of every structure of single frames.

    Two 3x3 convolutions with zero padding at every level, each followed by batch normalisation (in place of a bias)
    and ReLU; max-pooling on the way down, nearest-neighbour doubling and concatenation on the way up. Weights are drawn
    from torch's global generator; `network.seeded_network` draws them from a seed.
    """

    def __init__(self, settings: FramewiseSettings):
        super().__init__()
        self.settings = settings
        widths = [settings.channels(level) for level in range(settings.levels)]
        self.encoder = nn.ModuleList(_level(inputs, width) for inputs, width in zip([1, *widths], widths, strict=False))
        self.decoder = nn.ModuleList(_level(3 * width, width) for width in reversed(widths[:-1]))
        self.head = nn.Conv2d(settings.filters, len(settings.structures), kernel_size=1)
        # Channels last trains 1.4 times and runs about twice as fast on the CPU it was measured on.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, frames: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (batch, time, structure, h, w) of float frames (batch, time, 1, h, w), and the state, which is empty.

        In training mode normalisation takes its statistics over batch and time. Raises InputError for another shape or
        a size that cannot be halved.
        """
        check_window(self.settings, frames)
        return self._logits(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]), ()

    def opinions(self, frames: Tensor, state: State | None = None) -> tuple[tuple[Tensor, ...], State]:
        """The one opinion that there is: see `Network.opinions`."""
        logits, state = self.forward(frames, state)
        return (logits,), state

    def step(self, frame: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (batch, structure, h, w) of one frame (batch, 1, h, w), and the state, which is empty."""
        logits, state = self.forward(frame.unsqueeze(1), state)
        return logits.squeeze(1), state

    def zero_state(self, batch: int, height: int, width: int) -> State:
        """The state before the first frame: empty, as nothing is remembered."""
        return ()

    def _logits(self, signal: Tensor) -> Tensor:
        """Logits (frame, structure, h, w) of frames (frame, 1, h, w)."""
        passed: list[Tensor] = []
        for level in self.encoder:
            signal = level(F.max_pool2d(passed[-1], 2) if passed else signal)
            passed.append(signal)
        for level, joined in zip(self.decoder, reversed(passed[:-1]), strict=True):
            signal = level(torch.cat((F.interpolate(signal, scale_factor=2, mode="nearest"), joined), dim=1))
        logits: Tensor = self.head(signal)
        return logits


class Glance(nn.Module):
    """What a U-Net says of each frame alone, at half the size: a second opinion beside a network that remembers.

    It errs otherwise than that one, and at a quarter of the pixels costs little.
    """

    def __init__(self, settings: FramewiseSettings):
        super().__init__()
        self.network = FramewiseNetwork(settings)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits (frame, structure, h, w) of frames (frame, 1, h, w)."""
        logits, _ = self.network.step(F.avg_pool2d(frames, 2))
        return F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)


def fused(network: FramewiseNetwork) -> FramewiseNetwork:
    """A copy for inference alone, faster by a sixth: every normalisation is part of the convolution before it."""
    copy = deepcopy(network).eval()
    for level in (*copy.encoder, *copy.decoder):
        for place in (0, 3):
            level[place] = fuse_conv_bn_eval(level[place], level[place + 1])
            level[place + 1] = nn.Identity()
    return copy


def fused_glance(glance: Glance) -> Glance:
    """A copy whose U-Net is `fused`."""
    copy = deepcopy(glance)
    copy.network = fused(glance.network)
    return copy


def _level(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions at one resolution, normalised and rectified."""
    layers: list[nn.Module] = []
    for given in (inputs, outputs):
        layers += [
            nn.Conv2d(given, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
