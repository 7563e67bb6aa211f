"""What a student's deepest memory holds of drawn hearts, and how far from that a frame lies.

A frame is shown twice to a student that remembers nothing. Of what its deepest memory then holds, mean and maximum of
every channel's size over the cells are its features. A card may keep their means, deviations and main directions over
drawn hearts: what a student has never been taught is far from them. No patient is in these numbers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import StudyError

SHOWN = 2
"""Times that a frame is shown: the first time the memory is empty. By choice."""
AXES = 8
"""Directions that are kept; all others together have one deviation. By choice."""
SHARED = 0.3
"""Share of every variance that is one: hearts that were drawn are few. By choice."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Familiar:
    """Means and deviations (feature,), directions (axis, feature) in deviations, deviations along and beside them.

    `odd` and `refused` are the distances, with those of the traits of `measure/view.py`, from which a clip is that.
    StudyError for values that do not belong together.
    """

    mean: Values
    deviation: Values
    axes: Values
    along: Values
    beside: float
    odd: float = float("inf")
    refused: float = float("inf")

    def __post_init__(self) -> None:
        count = len(self.along)
        fit = self.mean.shape == self.deviation.shape == self.axes.shape[1:] and self.axes.shape[:1] == (count,)
        if not fit or not (np.min(self.deviation) > 0 and np.min(self.along) > 0 and self.beside > 0):
            raise StudyError("familiar holds means, deviations above 0 and directions of the same features.")

    def distance(self, features: Values) -> float:
        """How far features (feature,) lie from those of drawn hearts: Mahalanobis', as far as few directions tell."""
        off = (features - self.mean) / self.deviation
        seen = self.axes @ off
        rest = max(float(off @ off - seen @ seen), 0.0)
        return float(np.sqrt((((seen / self.along) ** 2).sum() + rest / self.beside**2) / len(off)))


def features_of(memory: NDArray[np.float32]) -> Values:
    """The features (2 x channel,) of a memory (channel, rows, columns)."""
    size = np.abs(memory.reshape(len(memory), -1))  # a graph may hold a channel's opposite: see `folded.upright`
    return np.concatenate([size.mean(axis=1), size.max(axis=1)]).astype(np.float64)


def familiar(features: Values) -> Familiar:
    """What is known from features (heart, feature) of drawn hearts."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    variances, directions = np.linalg.eigh(np.cov(((features - mean) / deviation).T))
    shared = np.sqrt((1 - SHARED) * variances[::-1] + SHARED)
    beside = float(np.sqrt(np.mean(shared[AXES:] ** 2)))
    return Familiar(mean, deviation, directions.T[::-1][:AXES], shared[:AXES], beside)


def as_table(known: Familiar) -> dict[str, Any]:
    """The same as JSON-able numbers of four digits."""
    return {name: _short(value) for name, value in asdict(known).items()}


def of_table(table: Mapping[str, Any]) -> Familiar:
    """The same from JSON-able numbers; StudyError where they are none."""
    try:
        given = {
            name: float(one) if isinstance(one, float | int) else np.array(one, np.float64)
            for name, one in table.items()
        }
        return Familiar(**given)  # type: ignore[arg-type]
    except (TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"familiar is a table of numbers: {error}") from None


def _short(value: ArrayLike) -> Any:
    if np.ndim(value):
        return [_short(one) for one in np.asarray(value)]
    return float(f"{float(value):.4g}")  # type: ignore[arg-type]
