"""How a student is taught, as a value. No torch."""

from dataclasses import dataclass, replace
from typing import Literal

from echodfkd.errors import StudyError


@dataclass(frozen=True)
class Training:
    """How a student is taught. The defaults are the paper's release where facts are known, `precision` apart."""

    window: int = 25
    """Consecutive frames in one training example."""
    size: int = 112
    """Rows and columns the student works at."""
    batch: int = 32
    """Windows in one step."""
    epochs: int = 400
    """Passes over the training clips, one random window of each; early stopping may end sooner."""
    backwards: float = 0.0
    """Share of the windows that are played from their end: what a second pass from a clip's end will see."""
    stills: float = 0.0
    """Share of the windows that show one of their frames throughout."""
    altered: float = 0.0
    """Share of the windows that are shown in another look: place, size, texture, grey levels, shade (`appearance`)."""
    real_share: float = 0.0
    """Share of every batch that is real windows, of the study's `data`: 0 none, 1 all. The others are drawn. An
    epoch shows each drawn clip once, and real ones beside them, each before any comes again; with 1 each real clip."""
    doubted: float = 1.0
    """Share of the kept training clips that are taught on: those on which several teachers agree least; 1: all."""
    start: str | None = None
    """The model whose weights the student starts from, a folder or a bundled name; none: weights are drawn."""
    mean_with: tuple[str, ...] = ()
    """Other models of that shape: the student starts from the mean of all their weights."""
    hold: bool = False
    """Whether weights that `start` brought stay as they are, so that what it lacked, a glance, is taught alone. The
    curve's training loss is then the glance's, its validation loss the mean of the memory's and the glance's."""
    start_share: float = 0.0
    """How far the taught weights are moved back, at the end, to where they started, a share of the way: such a mean
    holds on to what `start` knew of other clips (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).
    The training curve knows nothing of it."""
    initialisation: Literal["torch", "xavier", "he", "orthogonal"] = "torch"
    """How kernels are drawn: as torch does, uniformly after Glorot, normally after He, or orthogonal."""
    patience: int = 10
    """Epochs without a better validation loss before training stops; 0 never stops early."""
    loss: Literal["bce", "dice", "bce+dice"] = "bce"
    learning_rate: float = 1e-3
    """Adam's step size at the start."""
    schedule: Literal["constant", "cosine"] = "constant"
    """`cosine` rises over the first twentieth of the steps and then falls to zero along a half cosine."""
    clip_gradient: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""
    average: float = 0.0
    """Decay per step of a moving average of the weights, which is validated and kept in their place; 0 keeps none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` takes bfloat16 autocast where the processor or GPU multiplies it natively."""

    def __post_init__(self) -> None:
        for name in ("window", "size", "batch", "epochs"):
            if getattr(self, name) < 1:
                raise StudyError(f"training.{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("patience", "clip_gradient"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise StudyError(f"training.{name} must be 0 (off) or more, got {getattr(self, name)}.")
        for name in ("backwards", "stills", "altered"):
            if not 0 <= getattr(self, name) <= 1:
                raise StudyError(f"training.{name} is a share of windows, 0..1, got {getattr(self, name)}.")
        if self.hold and self.start is None:
            raise StudyError("training.hold keeps the weights of training.start, which is not given. Give both.")
        if not 0 <= self.start_share < 1 or (self.start_share and (self.start is None or self.hold)):
            raise StudyError(
                "training.start_share is a share of the way back to the start's weights, 0 or more and below 1, and "
                f"needs training.start without training.hold, got {self.start_share}."
            )
        if self.mean_with and self.start is None:
            raise StudyError(f"training.mean_with goes with training.start, got {', '.join(self.mean_with)} alone.")
        real = self.real_share * self.batch
        if not 0 <= self.real_share <= 1 or abs(real - round(real)) > 1e-6:
            raise StudyError(
                "training.real_share is a share of each batch, 0..1, that makes whole windows, "
                f"got {self.real_share} of {self.batch}."
            )
        if not 0 < self.doubted <= 1:
            raise StudyError(f"training.doubted is a share of the training clips above 0, up to 1, got {self.doubted}.")
        if not 0 <= self.average < 1:
            raise StudyError(f"training.average must be 0 (off) or more and below 1, got {self.average}.")
        if not 0 < self.learning_rate < 1:
            raise StudyError(f"training.learning_rate must lie between 0 and 1, got {self.learning_rate}.")

    @property
    def starts(self) -> tuple[str, ...]:
        """The models from whose weights, or the mean of them, the student starts; none: weights are drawn."""
        return () if self.start is None else (self.start, *self.mean_with)

    @property
    def real_windows(self) -> int:
        """Windows of real clips in every batch."""
        return round(self.real_share * self.batch)

    @property
    def drawn_alone(self) -> "Training":
        """The same training of the drawn windows of every batch, without the real ones."""
        return replace(self, real_share=0.0, batch=self.batch - self.real_windows)
