"""What a student's deepest memory holds of drawn hearts, and how far from that a frame lies.

A frame is shown twice to a student that remembers nothing. Of what its deepest memory then holds, mean and maximum of
every channel's size over the cells are its features. A card may keep their means, deviations and main directions over
drawn hearts: what a student has never been taught is far from them. It may also keep a linear classifier that tells
drawn four-chamber views from other drawn views. No patient is in these numbers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
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
RIDGE = 30.0
"""Weight of the squares of the classifier's weights, to be learned from some hundreds of pictures. By choice."""
MOST = 6.0
"""Deviations beyond which a feature counts no more to the classifier. By choice."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Familiar:
    """Means and deviations (feature,), directions (axis, feature) in deviations, deviations along and beside them.

    `odd` and `refused` are the distances, with those of the traits of `measure/view.py`, from which a clip is that.
    `views` names other views, with a row of `weights` (view, feature) in deviations and of `offsets` (view,) each.
    StudyError for values that do not belong together.
    """

    mean: Values
    deviation: Values
    axes: Values
    along: Values
    beside: float
    odd: float = float("inf")
    refused: float = float("inf")
    views: tuple[str, ...] = ()
    weights: Values = field(default_factory=lambda: np.empty((0, 0)))
    offsets: Values = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        count, others = len(self.along), len(self.views)
        fit = self.mean.shape == self.deviation.shape == self.axes.shape[1:] and self.axes.shape[:1] == (count,)
        fit = fit and self.offsets.shape == (others,) and self.weights.size == others * self.mean.size
        if not fit or not (np.min(self.deviation) > 0 and np.min(self.along) > 0 and self.beside > 0):
            raise StudyError("familiar holds means, deviations above 0, directions and weights of the same features.")

    def distance(self, features: Values) -> float:
        """How far features (feature,) lie from those of drawn hearts: Mahalanobis', as far as few directions tell."""
        off = (features - self.mean) / self.deviation
        seen = self.axes @ off
        rest = max(float(off @ off - seen @ seen), 0.0)
        return float(np.sqrt((((seen / self.along) ** 2).sum() + rest / self.beside**2) / len(off)))

    def odds(self, features: Values) -> Values:
        """Logarithms (view,) of how much likelier than a four-chamber view each other view is."""
        off = np.clip((features - self.mean) / self.deviation, -MOST, MOST)
        return self.weights.reshape(len(self.views), len(off)) @ off + self.offsets


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


def telling(known: Familiar, hearts: Values, others: Mapping[str, Values]) -> Familiar:
    """The same, telling `others`, features (picture, feature) of each other view, from those of four-chamber views.

    A multinomial logistic regression with a ridge, every view with the same weight.
    """
    from scipy.optimize import minimize

    groups = [np.clip((one - known.mean) / known.deviation, -MOST, MOST) for one in (hearts, *others.values())]
    inputs, number = np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(one) for one in groups])
    counts = np.repeat([len(hearts) / len(one) for one in groups], [len(one) for one in groups])
    truth = np.eye(len(groups))[number]

    def loss(values: Values) -> tuple[float, Values]:
        """Loss and gradient at weights and offsets, one after the other."""
        weights, offsets = values[: -len(groups)].reshape(len(groups), -1), values[-len(groups) :]
        logits = inputs @ weights.T + offsets
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        off = counts[:, None] * (np.exp(logs) - truth)
        gradient = np.append(off.T @ inputs + RIDGE * weights, off.sum(axis=0))
        return float(-(counts * logs[truth > 0]).sum() + RIDGE / 2 * (weights**2).sum()), gradient

    start = np.zeros(len(groups) * (inputs.shape[1] + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    weights, offsets = found[: -len(groups)].reshape(len(groups), -1), found[-len(groups) :]
    return replace(known, views=tuple(others), weights=weights[1:] - weights[0], offsets=offsets[1:] - offsets[0])


def as_table(known: Familiar) -> dict[str, Any]:
    """The same as JSON-able numbers of four digits."""
    return {name: list(value) if name == "views" else _short(value) for name, value in asdict(known).items()}


def of_table(table: Mapping[str, Any]) -> Familiar:
    """The same from JSON-able numbers; StudyError where they are none."""
    try:
        given: dict[str, Any] = {
            name: float(one) if isinstance(one, float | int) else np.array(one, np.float64)
            for name, one in table.items()
            if name != "views"
        }
        return Familiar(**given, views=tuple(map(str, table.get("views", ()))))
    except (TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"familiar is a table of numbers: {error}") from None


def _short(value: ArrayLike) -> Any:
    if np.ndim(value):
        return [_short(one) for one in np.asarray(value)]
    return float(f"{float(value):.4g}")  # type: ignore[arg-type]
