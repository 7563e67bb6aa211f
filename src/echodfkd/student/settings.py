"""A student's shape as a value, and what the shape alone tells: its parameters and its work per frame. No torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from echodfkd.clip import WORKING_SIZE, check_structures
from echodfkd.errors import InputError, StudyError


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

    def __post_init__(self) -> None:
        for name, most in (("blocks", 4), ("layers", 4), ("filters", 256)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise StudyError(f"student.{name} must be a whole number from 1 to {most}, got {value!r}.")
        if self.skip not in ("none", "last", "all"):
            raise StudyError(f"student.skip must be none, last or all, got {self.skip!r}.")
        if self.skip != "none" and self.blocks == 1:
            raise StudyError(f"student.skip = '{self.skip}' needs at least 2 blocks, got 1: one block has no decoder.")
        try:
            check_structures(self.structures)
        except InputError as error:
            raise StudyError(f"student.structures: {error}") from None

    @property
    def name(self) -> str:
        """The paper's name for this shape, such as `B4,1`."""
        return f"B{self.blocks},{self.layers}"

    @property
    def divisor(self) -> int:
        """What the height and the width of a frame must be multiples of, for the poolings to leave no rest."""
        return 2 ** (self.blocks - 1)

    def channels(self, level: int) -> int:
        """Channels at resolution `level`, 0 being the full one."""
        return self.filters << level

    def skips_at(self, level: int) -> bool:
        """Whether the encoder's output at `level` joins the decoder there."""
        return self.skip == "all" or (self.skip == "last" and level == 0)

    def check_size(self, height: int, width: int) -> None:
        """Raises InputError unless frames of this size pass the poolings without a rest."""
        if height < 1 or width < 1 or height % self.divisor or width % self.divisor:
            raise InputError(
                f"{self.name} needs heights and widths that are multiples of {self.divisor}, got {height} x {width}. "
                "Bring them to the working size with echodfkd.resize.fit."
            )


class Convolution(NamedTuple):
    """One convolution of a student: channels in and out, kernel width, resolution, channels normalised after it."""

    inputs: int
    outputs: int
    kernel: int
    level: int
    normalised: int


def convolutions(settings: NetworkSettings) -> Iterator[Convolution]:
    """Every convolution of a student, in the order in which a frame meets them."""
    for level in range(settings.blocks):
        width = settings.channels(level)
        below = settings.channels(level - 1) if level else 1
        for layer in range(settings.layers):
            yield Convolution((width if layer else below) + width, 4 * width, 3, level, width)
    for level in reversed(range(settings.blocks - 1)):
        width = settings.channels(level)
        joined = width if settings.skips_at(level) else 0
        yield Convolution(2 * width + joined, width, 3, level, width)
    yield Convolution(settings.filters, len(settings.structures), 1, 0, 0)


def parameter_count(settings: NetworkSettings) -> int:
    """Trainable parameters: weights and biases of the convolutions, scales and shifts of the normalisations."""
    return sum(c.outputs * (c.inputs * c.kernel**2 + 1) + 2 * c.normalised for c in convolutions(settings))


def flops_per_frame(settings: NetworkSettings, size: int = WORKING_SIZE) -> int:
    """Floating-point operations of one step on a size x size frame: 2 per multiply-accumulate of the convolutions.

    Normalisations, gates and additions are left out, as is usual (and as torch.utils.flop_counter does). Figures that
    count multiply-accumulates, such as the paper's 7.84 G for its teacher, are half of this.
    """
    settings.check_size(size, size)
    return sum(2 * c.inputs * c.outputs * (c.kernel * (size >> c.level)) ** 2 for c in convolutions(settings))
