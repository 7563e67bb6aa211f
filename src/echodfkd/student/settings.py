"""A network's shape as a value, and what the shape alone tells: its parameters and its work per frame. No torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from echodfkd.clip import STRUCTURES, WORKING_SIZE, check_structures
from echodfkd.errors import InputError, StudyError

if TYPE_CHECKING:
    from torch import Tensor


class Convolution(NamedTuple):
    """One convolution of a network: channels in and out, kernel width, resolution, channels normalised after it."""

    inputs: int
    outputs: int
    kernel: int
    level: int
    normalised: int
    bias: bool = True


@dataclass(frozen=True)
class NetworkSettings:
    """The shape of one student, `B blocks,layers` in the paper's notation. The defaults are its headline B4,1.

    Raises StudyError where a value is out of range or two contradict each other.
    """

    blocks: int = 4
    """Resolutions the network works at, each half the one before: 1 to 4."""
    layers: int = 1
    """ConvLSTM layers at every resolution: 1 to 4."""
    structures: tuple[str, ...] = ("lv",)
    """Names of the output channels, in order."""
    skip: Literal["none", "last", "all"] = "none"
    """Levels whose encoder output joins the decoder: none (the published release), the last and finest one, or all."""
    filters: int = 12
    """Channels at full resolution; they double with every block."""
    glance: int = 0
    """Channels of a U-Net beside it that sees each frame alone at half the size, 0 being none: see `framewise.Glance`.
    Logits are the mean of both."""

    def __post_init__(self) -> None:
        _check_counts(self, blocks=4, layers=4, filters=256)
        if type(self.glance) is not int or not 0 <= self.glance <= 256:
            raise StudyError(f"student.glance must be a whole number from 0 (none) to 256, got {self.glance!r}.")
        if self.skip not in ("none", "last", "all"):
            raise StudyError(f"student.skip must be none, last or all, got {self.skip!r}.")
        if self.skip != "none" and self.blocks == 1:
            raise StudyError(f"student.skip = '{self.skip}' needs at least 2 blocks, got 1: one block has no decoder.")
        _check_structures(self)

    @property
    def remembers(self) -> bool:
        """Whether a frame's mask depends on the frames before it."""
        return True

    @property
    def name(self) -> str:
        """The paper's name for this shape, such as `B4,1`; with what stands beside it, such as `B4,1 + U4,16`."""
        name = f"B{self.blocks},{self.layers}"
        return name if self.glancing is None else f"{name} + {self.glancing.name}"

    @property
    def glancing(self) -> "FramewiseSettings | None":
        """The shape of the U-Net beside it; None without one."""
        return FramewiseSettings(structures=self.structures, filters=self.glance) if self.glance else None

    @property
    def divisor(self) -> int:
        """What the height and the width of a frame must be multiples of, for the poolings to leave no rest."""
        return max(self.coarsest, 0 if self.glancing is None else 2 * self.glancing.divisor)

    @property
    def coarsest(self) -> int:
        """Pixels along the side of a cell of the last block."""
        return 2 ** (self.blocks - 1)

    def channels(self, level: int) -> int:
        """Channels at resolution `level`, 0 being the full one."""
        return self.filters << level

    def skips_at(self, level: int) -> bool:
        """Whether the encoder's output at `level` joins the decoder there."""
        return self.skip == "all" or (self.skip == "last" and level == 0)

    def check_size(self, height: int, width: int) -> None:
        """Raises InputError unless frames of this size pass the poolings without a rest."""
        _check_size(self, height, width)

    def convolutions(self) -> Iterator[Convolution]:
        """Every convolution, in the order in which a frame meets them."""
        for level in range(self.blocks):
            width = self.channels(level)
            below = self.channels(level - 1) if level else 1
            for layer in range(self.layers):
                yield Convolution((width if layer else below) + width, 4 * width, 3, level, width)
        for level in reversed(range(self.blocks - 1)):
            width = self.channels(level)
            joined = width if self.skips_at(level) else 0
            yield Convolution(2 * width + joined, width, 3, level, width)
        yield Convolution(self.filters, len(self.structures), 1, 0, 0)
        if self.glancing is not None:
            yield from (one._replace(level=one.level + 1) for one in self.glancing.convolutions())


@dataclass(frozen=True)
class FramewiseSettings:
    """The shape of a U-Net that sees one frame at a time, `U levels,filters`: the usual teacher.

    Raises StudyError where a value is out of range.
    """

    kind: Literal["framewise"] = "framewise"
    """What tells it from a recurrent student, whose table has no `kind`."""
    levels: int = 4
    """Resolutions the network works at, each half the one before: 1 to 5."""
    structures: tuple[str, ...] = STRUCTURES
    """Names of the output channels, in order."""
    filters: int = 24
    """Channels at full resolution; they double with every level."""

    def __post_init__(self) -> None:
        if self.kind != "framewise":
            raise StudyError(f"student.kind must be framewise, or left out for a recurrent student, got {self.kind!r}.")
        _check_counts(self, levels=5, filters=256)
        _check_structures(self)

    @property
    def remembers(self) -> bool:
        """Whether a frame's mask depends on the frames before it."""
        return False

    @property
    def name(self) -> str:
        """A short name for this shape, such as `U4,24`."""
        return f"U{self.levels},{self.filters}"

    @property
    def divisor(self) -> int:
        """What the height and the width of a frame must be multiples of, for the poolings to leave no rest."""
        return 2 ** (self.levels - 1)

    def channels(self, level: int) -> int:
        """Channels at resolution `level`, 0 being the full one."""
        return self.filters << level

    def check_size(self, height: int, width: int) -> None:
        """Raises InputError unless frames of this size pass the poolings without a rest."""
        _check_size(self, height, width)

    def convolutions(self) -> Iterator[Convolution]:
        """Every convolution, in the order in which a frame meets them: two a level, down and up again, and the head."""
        down = [(self.channels(level - 1) if level else 1, level) for level in range(self.levels)]
        up = [(3 * self.channels(level), level) for level in reversed(range(self.levels - 1))]
        for inputs, level in down + up:
            width = self.channels(level)
            yield Convolution(inputs, width, 3, level, width, bias=False)
            yield Convolution(width, width, 3, level, width, bias=False)
        yield Convolution(self.filters, len(self.structures), 1, 0, 0)


Shape = NetworkSettings | FramewiseSettings
"""The shape of any network of ours."""


def shape_class(table: Any) -> type[NetworkSettings] | type[FramewiseSettings]:
    """The class that reads a `table` of settings: where it has a `kind`, FramewiseSettings, which refuses others."""
    recurrent = not isinstance(table, dict) or table.get("kind") is None
    return NetworkSettings if recurrent else FramewiseSettings


def parameter_count(settings: Shape) -> int:
    """Trainable parameters: weights and biases of the convolutions, scales and shifts of the normalisations."""
    return sum(c.outputs * (c.inputs * c.kernel**2 + c.bias) + 2 * c.normalised for c in settings.convolutions())


def flops_per_frame(settings: Shape, size: int = WORKING_SIZE) -> int:
    """Floating-point operations of one step on a size x size frame: 2 per multiply-accumulate of the convolutions.

    Normalisations, gates and additions are left out, as is usual (and as torch.utils.flop_counter does). Figures that
    count multiply-accumulates, such as the paper's 7.84 G for its teacher, are half of this.
    """
    settings.check_size(size, size)
    return sum(2 * c.inputs * c.outputs * (c.kernel * (size >> c.level)) ** 2 for c in settings.convolutions())


def check_window(settings: Shape, window: "Tensor") -> None:
    """Raises InputError unless `window` is float frames (batch, time, 1, height, width) of a size that halves."""
    if window.ndim != 5 or window.shape[2] != 1 or not window.is_floating_point():
        raise InputError(
            "A student takes float frames (batch, time, 1, height, width), "
            f"got {str(window.dtype).removeprefix('torch.')} {tuple(window.shape)}."
        )
    settings.check_size(*window.shape[3:])


def _check_counts(settings: Shape, **most: int) -> None:
    """StudyError unless each named field is a whole number from 1 to the given one."""
    for name, limit in most.items():
        value = getattr(settings, name)
        if type(value) is not int or not 1 <= value <= limit:
            raise StudyError(f"student.{name} must be a whole number from 1 to {limit}, got {value!r}.")


def _check_structures(settings: Shape) -> None:
    """StudyError unless the structures are different ones that the house knows."""
    try:
        check_structures(settings.structures)
    except InputError as error:
        raise StudyError(f"student.structures: {error}") from None


def _check_size(settings: Shape, height: int, width: int) -> None:
    """InputError unless height and width are positive multiples of the shape's divisor."""
    divisor = settings.divisor
    if height < 1 or width < 1 or height % divisor or width % divisor:
        raise InputError(
            f"{settings.name} needs heights and widths that are multiples of {divisor}, got {height} x {width}. "
            "Bring them to the working size with echodfkd.resize.fit."
        )
