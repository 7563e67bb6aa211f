"""A network's step with fewer operations and the same masks: what is affine is multiplied out before it is exported.

At `skip = "none"` everything after the last memory is affine: its normalisation, doublings, convolutions and the head.
A cell of the coarsest level and the eight around it then make the patch of the logits that lies over the cell, by one
3x3 convolution with an output channel for every pixel of the patch. Cells on the border differ, as zeros are padded
anew at every level on the way: each of the nine kinds of cell gets a kernel of its own, and nothing is approximated.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from echodfkd.student.convlstm import State, gated
from echodfkd.student.framewise import fused_glance
from echodfkd.student.network import Network, mean_opinion

PLACES = {"first": (0, slice(0, 2)), "inner": (2, slice(1, 4)), "last": (4, slice(3, 5))}
"""Of five cells along an axis one of each kind, and the cells that make its patch."""
SEEN = {"first": slice(0, 2), "inner": slice(None), "last": slice(-2, None)}
"""What a convolution without padding must see, of any number of cells from three on, to make all of one kind."""


def foldable(network: object, size: int) -> TypeGuard[Network]:
    """Whether a network at a working size has a decoder that folds."""
    if not isinstance(network, Network):
        return False
    settings = network.settings
    return settings.skip == "none" and settings.blocks > 1 and size // settings.coarsest >= 3


class FoldedNetwork(nn.Module):
    """A `foldable` network in evaluation mode, folded: `step` gives the same logits.

    States are those of the network, but for the sign of some channels. Normalisations follow the poolings, which see a
    quarter of the pixels: a maximum stays one where no channel is turned over, so those that are remember the opposite.
    """

    def __init__(self, network: Network):
        super().__init__()
        self.settings = network.settings
        self.encoder: Any = upright(network).encoder
        self.decoder = FoldedDecoder(upright(network))
        self.glance = None if network.glance is None else fused_glance(network.glance)

    def step(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (batch, structure, h, w) of one frame (batch, 1, h, w), and the state to hand to the next step."""
        after: list[tuple[Tensor, Tensor]] = []
        signal, norm = frame, None
        for block in self.encoder:
            for place, layer in enumerate(block):
                if norm is not None:
                    hidden = after[-1][0]
                    signal = norm(hidden if place else F.max_pool2d(hidden, 2))
                hidden, cell = state[len(after)]
                after.append(gated(layer.lstm.conv(torch.cat((signal, hidden), dim=1)), cell))
                norm = layer.norm
        logits = self.decoder(after[-1][0])
        opinions = [logits] if self.glance is None else [logits, self.glance(frame)]
        return mean_opinion(opinions), tuple(after)


class FoldedDecoder(nn.Module):
    """Logits (batch, structure, h, w) from the last hidden state (batch, channel, rows, columns), at least 3 x 3."""

    def __init__(self, network: Network):
        super().__init__()
        self.factor = network.settings.coarsest
        exact = deepcopy(network).double().eval()
        width = network.settings.channels(network.settings.blocks - 1)
        with torch.no_grad():
            shift = self._by_patch(_decoded(exact, torch.zeros(1, width, 5, 5).double()))[0]
            answers = torch.stack([self._by_patch(_decoded(exact, impulses)) for impulses in _impulses(width)]) - shift
        for down, (row, rows) in PLACES.items():
            for across, (column, columns) in PLACES.items():
                kernel = answers.unflatten(1, (5, 5))[:, rows, columns, row, column].permute(3, 0, 1, 2)
                self.register_buffer(f"{down}_{across}", kernel.float().contiguous())
                self.register_buffer(f"{down}_{across}_shift", shift[row, column].float())

    def forward(self, hidden: Tensor) -> Tensor:
        """As normalisation, decoder and head of the network, multiplied out."""
        rows = [
            torch.cat(
                [F.conv2d(hidden[:, :, SEEN[down], SEEN[across]], *self.patches(down, across)) for across in SEEN], 3
            )
            for down in SEEN
        ]
        return F.pixel_shuffle(torch.cat(rows, 2), self.factor)

    def patches(self, down: str, across: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution that makes the patches, as channels, of all cells of one kind."""
        return getattr(self, f"{down}_{across}"), getattr(self, f"{down}_{across}_shift")

    def _by_patch(self, logits: Tensor) -> Tensor:
        """Logits (n, structure, h, w) as (n, row of cells, column of cells, what `pixel_shuffle` takes as channels)."""
        return F.pixel_unshuffle(logits, self.factor).permute(0, 2, 3, 1)


def upright(network: Network) -> Network:
    """A copy with the same logits in which no normalisation turns a channel over: every scale is 0 or more.

    Where one does, the layer remembers the opposite: its candidate changes sign, and so does whatever reads it.
    """
    copy = deepcopy(network).eval()
    with torch.no_grad():
        for block in copy.encoder:
            for layer in block:  # type: ignore[attr-defined]
                hidden = len(layer.norm.weight)
                sign = torch.where(layer.norm.weight < 0, -1.0, 1.0)
                layer.norm.weight *= sign
                layer.norm.running_mean *= sign
                layer.lstm.conv.weight[-hidden:] *= sign[:, None, None, None]
                layer.lstm.conv.bias[-hidden:] *= sign
                layer.lstm.conv.weight[:, -hidden:] *= sign[:, None, None]
    return copy


def _decoded(network: Network, hidden: Tensor) -> Tensor:
    """What follows the last hidden state (n, channel, rows, columns): its normalisation, the decoder and the head."""
    last = network.encoder[-1][-1].norm(hidden)  # type: ignore[index]
    logits: Tensor = network.head(network.decode([last] * network.settings.blocks))
    return logits


def _impulses(width: int) -> Iterator[Tensor]:
    """For each channel, 25 signals (channel, 5, 5) that are one in one cell of that channel and zero elsewhere."""
    cells = torch.eye(25).double().reshape(25, 1, 5, 5)
    for channel in range(width):
        yield torch.cat([cells if k == channel else torch.zeros_like(cells) for k in range(width)], dim=1)
