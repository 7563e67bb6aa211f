"""A convolutional LSTM layer: its state is a value that goes in and comes out."""

import torch
from torch import Tensor, nn

LayerState = tuple[Tensor, Tensor]
"""Hidden and cell state of one layer, each (batch, hidden, height, width)."""

State = tuple[LayerState, ...]
"""The state of every layer of a network, first block first. A value: the network keeps none of it."""


class ConvLSTM(nn.Module):
    """A ConvLSTM (Shi et al., NeurIPS 2015, without peepholes) with 3x3 kernels and zero padding.

    The four gates come from one stacked convolution over [input, hidden] with bias, in the order input, forget,
    output, candidate: weight (4 hidden, inputs + hidden, 3, 3), the layout of the published reference's checkpoints.
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs + hidden, 4 * hidden, kernel_size=3, padding=1)
        # A forget gate that starts open lets gradients reach back from the first day (Jozefowicz et al., ICML 2015).
        # Weights and the other biases keep torch's uniform draw, within 1 / sqrt(fan in).
        nn.init.ones_(self.conv.bias[hidden : 2 * hidden])  # type: ignore[index]

    def forward(self, inputs: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """Hidden states (time, batch, hidden, h, w) after each input (time, batch, inputs, h, w), and the last state.

        Under autocast the gates and hidden states have its type; the cell state stays float32, as it adds up over the
        whole clip.
        """
        hidden, cell = state
        outputs = []
        # The input's half of the convolution could be taken for all times at once. On CPU that trains more slowly:
        # with so few channels, one convolution over both halves costs less than two and their sum.
        for given in inputs.unbind(0):
            gates = self.conv(torch.cat((given.to(hidden.dtype), hidden), dim=1))
            hidden, cell = gated(gates, cell)
            outputs.append(hidden)
        return torch.stack(outputs), (hidden, cell)


def gated(gates: Tensor, cell: Tensor) -> LayerState:
    """The next hidden and cell state from the gates' pre-activations (batch, 4 hidden, h, w) and the cell before."""
    admit, forget, show, candidate = gates.chunk(4, dim=1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(admit) * torch.tanh(candidate)
    return torch.sigmoid(show) * torch.tanh(cell).to(gates.dtype), cell
