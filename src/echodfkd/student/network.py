"""The student: a recurrent U-shaped network in which only the encoder remembers; and the making of any network."""

from collections.abc import Callable, Sequence
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from echodfkd.student.convlstm import ConvLSTM, LayerState, State
from echodfkd.student.framewise import FramewiseNetwork, Glance
from echodfkd.student.settings import (
    FramewiseSettings,
    NetworkSettings,
    Shape,
    check_window,
    flops_per_frame,
    parameter_count,
)

__all__ = [
    "AnyNetwork",
    "FramewiseNetwork",
    "FramewiseSettings",
    "Network",
    "NetworkSettings",
    "State",
    "build",
    "flops_per_frame",
    "parameter_count",
    "seeded_network",
]


class RecurrentLayer(nn.Module):
    """A ConvLSTM and the batch normalisation of its hidden states; the recurrence runs on what is not normalised."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.lstm = ConvLSTM(inputs, hidden)
        self.norm = nn.BatchNorm2d(hidden)

    def forward(self, inputs: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """Normalised hidden states (time, batch, hidden, h, w) and the last state."""
        hidden, state = self.lstm(inputs, state)
        return _framewise(self.norm, hidden), state


class DecoderLevel(nn.Module):
    """Nearest-neighbour doubling, the encoder's output at this level where it joins, 3x3 convolution, normalisation.

    No activation follows: the decoder is affine, as in the published reference.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, below: Tensor, joined: Tensor | None) -> Tensor:
        """(frame, outputs, 2h, 2w) from the coarser (frame, channel, h, w) and what joins (frame, channel, 2h, 2w)."""
        doubled = F.interpolate(below, scale_factor=2, mode="nearest")
        normalised: Tensor = self.norm(self.conv(doubled if joined is None else torch.cat((doubled, joined), dim=1)))
        return normalised


class Network(nn.Module):
    """A student of the shape `settings`: logits of every structure from grey frames and what was seen before them.

    Weights are drawn from torch's global generator; `seeded_network` draws them from a seed.
    """

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.settings = settings
        self.encoder = nn.ModuleList(_block(settings, level) for level in range(settings.blocks))
        self.decoder = nn.ModuleList(_decoder_level(settings, level) for level in reversed(range(settings.blocks - 1)))
        self.head = nn.Conv2d(settings.filters, len(settings.structures), kernel_size=1)
        self.glance = None if settings.glancing is None else Glance(settings.glancing)
        self.held = False

    def forward(self, frames: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (batch, time, structure, h, w) of float frames (batch, time, 1, h, w), and the state after the last.

        `state` is what the frames before these left behind; None starts from zeros. In training mode normalisation
        takes its statistics over batch and time. Raises InputError for another shape or a size that cannot be halved.
        """
        opinions, state = self.opinions(frames, state)
        return mean_opinion(opinions), state

    def opinions(self, frames: Tensor, state: State | None = None) -> tuple[tuple[Tensor, ...], State]:
        """The logits of the memory and, where there is one, of the glance: `forward` gives their mean.

        Each is taught by its own loss, so that neither learns to lean on the other.
        """
        check_window(self.settings, frames)
        batch, time, _, height, width = frames.shape
        glances = [] if self.glance is None else [self.glance(frames.flatten(0, 1)).unflatten(0, (batch, time))]
        if self.held and self.training:
            return tuple(glances), ()
        levels, state = self._encode(
            frames.transpose(0, 1), self.zero_state(batch, height, width) if state is None else state
        )
        logits = self.head(self.decode([level.flatten(0, 1) for level in levels]))
        return (logits.unflatten(0, (time, batch)).transpose(0, 1), *glances), state

    def hold(self) -> None:
        """From now on the glance is taught alone: all else keeps weights and statistics, and has no say in training."""
        self.held = True
        for part in (self.encoder, self.decoder, self.head):
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> "Network":
        """Training or evaluation mode; what is held stays in evaluation mode."""
        super().train(mode)
        for part in (self.encoder, self.decoder, self.head) if self.held else ():
            part.eval()
        return self

    def step(self, frame: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (batch, structure, h, w) of one frame (batch, 1, h, w), and the state to hand to the next step."""
        logits, state = self.forward(frame.unsqueeze(1), state)
        return logits.squeeze(1), state

    def zero_state(self, batch: int, height: int, width: int) -> State:
        """The state before the first frame: zeros for every ConvLSTM layer, float32 on the network's device."""
        settings, device = self.settings, self.head.weight.device
        shapes = [
            (batch, settings.channels(level), height >> level, width >> level)
            for level in range(settings.blocks)
            for _ in range(settings.layers)
        ]
        return tuple((torch.zeros(shape, device=device), torch.zeros(shape, device=device)) for shape in shapes)

    def _encode(self, frames: Tensor, state: State) -> tuple[list[Tensor], State]:
        """The encoder's output at every level (time, batch, channel, h, w), finest first, and the state after it."""
        levels: list[Tensor] = []
        left: list[LayerState] = []
        for block in self.encoder:
            signal = _framewise(lambda x: F.max_pool2d(x, 2), levels[-1]) if levels else frames
            for layer in block:  # type: ignore[attr-defined]
                signal, after = layer(signal, state[len(left)])
                left.append(after)
            levels.append(signal)
        return levels, tuple(left)

    def decode(self, levels: list[Tensor]) -> Tensor:
        """The decoder's output (frame, filters, h, w) at full resolution from the encoder's levels, finest first."""
        signal = levels[-1]
        for index, decoder_level in zip(reversed(range(len(levels) - 1)), self.decoder, strict=True):
            signal = decoder_level(signal, levels[index] if self.settings.skips_at(index) else None)
        return signal


def mean_opinion(opinions: Sequence[Tensor]) -> Tensor:
    """The mean of logits; of one alone that one itself."""
    return opinions[0] if len(opinions) == 1 else sum(opinions[1:], opinions[0]) / len(opinions)


AnyNetwork = Network | FramewiseNetwork
"""Whatever takes windows and a state to logits and the next state, by the same methods."""


def build(settings: Shape) -> AnyNetwork:
    """A network of that shape, its weights drawn from torch's global generator."""
    return FramewiseNetwork(settings) if isinstance(settings, FramewiseSettings) else Network(settings)


@overload
def seeded_network(settings: NetworkSettings, seed: int, initialisation: str = "torch") -> Network: ...
@overload
def seeded_network(settings: FramewiseSettings, seed: int, initialisation: str = "torch") -> FramewiseNetwork: ...
def seeded_network(settings: Shape, seed: int, initialisation: str = "torch") -> AnyNetwork:
    """A fresh network whose weights depend on what is given alone; torch's global generator is left alone.

    `initialisation` is how kernels are drawn: one of INITIALISATIONS, or `torch`, as torch draws them; biases are
    always torch's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(settings)
        if initialisation != "torch":
            for part in network.modules():
                if isinstance(part, nn.Conv2d):  # drawn apart: kernels may lie channels last
                    part.weight.data.copy_(INITIALISATIONS[initialisation](torch.empty(part.weight.shape)))
        return network


INITIALISATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "xavier": nn.init.xavier_uniform_,
    "he": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
}
"""How kernels may be drawn besides torch's own way, by name in a study."""


def _block(settings: NetworkSettings, level: int) -> nn.ModuleList:
    """The recurrent layers at one resolution."""
    width = settings.channels(level)
    below = settings.channels(level - 1) if level else 1
    return nn.ModuleList(RecurrentLayer(width if layer else below, width) for layer in range(settings.layers))


def _decoder_level(settings: NetworkSettings, level: int) -> DecoderLevel:
    """The decoder's stage that ends at resolution `level`."""
    width = settings.channels(level)
    return DecoderLevel(2 * width + (width if settings.skips_at(level) else 0), width)


def _framewise(operation: Callable[[Tensor], Tensor], signal: Tensor) -> Tensor:
    """`operation`, which takes (frame, channel, h, w), on every frame of (time, batch, channel, h, w)."""
    return operation(signal.flatten(0, 1)).unflatten(0, signal.shape[:2])
