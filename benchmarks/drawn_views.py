"""What a model's memory holds of drawn hearts and of other drawn views: what `view.py --familiar` writes for its card.

Hearts of the generator are four-chamber views. Mirrored they are none. With what lies beside the left ventricle's
lateral wall on both sides of it, a heart is a two-chamber view: no right heart, two walls without one. Three-chamber
and short-axis views are those of `synthetic/other_views.py`, crude as they are. Every picture is shown as drawn, in
another look (`distill/appearance.py`), or in another look and leaning. No patient is among them.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip
from echodfkd.distill.appearance import altered
from echodfkd.engine import progress
from echodfkd.errors import InputError
from echodfkd.measure.ejection import long_axis
from echodfkd.measure.sector import fan
from echodfkd.student.familiar import Familiar, familiar, telling
from echodfkd.student.student import Student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.other_views import other_view
from echodfkd.synthetic.recipe import Conditions, draw_recipe

SEED = 92
HEARTS = 400
"""Hearts that are drawn to be familiar, one frame of each, at any moment of its beat."""
TAUGHT, CRUDE = 900, 240
"""Hearts that views are told by, from number FIRST on, and crude pictures of each kind, from seed FIRST on."""
FIRST = 2000
LEANING = 11.0
"""Degrees: deviation of the angle that leaning pictures are turned by."""
VIEWS: dict[str, tuple[str, ...]] = {
    "mirrored": (),
    "two-chamber": ("two-chamber",),
    "three-chamber": ("three-chamber",),
    "short axis": ("short axis", "short axis, valve"),
}
"""The kinds of `synthetic/other_views.py` that each view is taught by, beside what hearts are made into."""

Frame = NDArray[np.uint8]  # (height, width)
Films = NDArray[np.uint8]  # (time, height, width)


def known_hearts(model: Student) -> Familiar:
    """What the model's memory holds of drawn hearts, and how it tells other views; InputError without a memory."""

    def features(frames: Iterator[Frame]) -> NDArray[np.float64]:
        seen = [model.features(frame) for frame in frames]
        if any(one is None for one in seen):
            raise InputError(f"{model.card.network.name} has no memory to look into.")
        return np.array(seen)

    known = familiar(features(heart(number, 1).frames[0] for number in progress(range(HEARTS), "drawn")))
    plain = [_frame_and_mask(number) for number in progress(range(FIRST, FIRST + TAUGHT), "hearts")]
    hearts = features(_shown(one, k, way) for k, (one, _) in enumerate(progress(plain, "shown")) for way in range(3))
    made = {
        "mirrored": [np.ascontiguousarray(one[:, ::-1]) for one, _ in plain],
        "two-chamber": [lateral_twice(one[None], mask)[0] * fan(one[None]) for one, mask in plain],
    }
    frames = {name: [*made.get(name, ()), *chain(*map(_crude, kinds))] for name, kinds in VIEWS.items()}
    others = {
        name: features(_shown(one, k, k % 3) for k, one in enumerate(progress(shown, name)))
        for name, shown in frames.items()
    }
    return telling(known, hearts, others)


def heart(number: int, frames: int) -> Clip:
    """A drawn heart."""
    return Clip("drawn", generate([draw_recipe(Conditions(), SEED, number, frames)]).frames[0])


def lateral_twice(frames: Films, mask: NDArray[np.bool_]) -> Films:
    """What lies to the right of a mask's long axis, on both sides of it."""
    axis = long_axis(mask)
    down = axis.direction if axis.direction[0] > 0 else -axis.direction
    across = np.array([-down[1], down[0]])
    points = np.indices(mask.shape).transpose(1, 2, 0)
    beside = np.minimum((points - axis.centre) @ across, 0.0)
    places = np.rint(points - 2 * beside[..., None] * across).astype(int)
    inside = ((places >= 0) & (places < mask.shape)).all(axis=-1)
    row, column = np.where(inside[..., None], places, 0).transpose(2, 0, 1)
    return frames[:, row, column] * inside


def leaned(frames: Films, degrees: float) -> Films:
    """Turned about the middle; what was not seen is black."""
    rows, columns = np.indices(frames.shape[1:]) - (np.array(frames.shape[1:]) / 2)[:, None, None]
    angle = np.deg2rad(degrees)
    places = rows * np.cos(angle) - columns * np.sin(angle), rows * np.sin(angle) + columns * np.cos(angle)
    row, column = (np.rint(at + size / 2).astype(int) for at, size in zip(places, rows.shape, strict=True))
    inside = (row >= 0) & (row < rows.shape[0]) & (column >= 0) & (column < rows.shape[1])
    return frames[:, row.clip(0, rows.shape[0] - 1), column.clip(0, rows.shape[1] - 1)] * inside


def _frame_and_mask(number: int) -> tuple[Frame, NDArray[np.bool_]]:
    drawn = generate([draw_recipe(Conditions(), SEED, number, 1)])
    return drawn.frames[0, 0], np.asarray(drawn.masks[0, 0, 0] > 0)


def _crude(kind: str) -> Iterator[Frame]:
    """Pictures of a kind, each at a moment of its beat."""
    return (other_view(kind, FIRST + k, 24)[7 * k % 24] for k in range(CRUDE))


def _shown(frame: Frame, number: int, way: int) -> Frame:
    """The frame as drawn (0), in another look (1), or in another look and leaning (2)."""
    if way == 0:
        return frame
    look = (SEED, number, way)
    one = altered(frame[None, None], np.zeros((1, 1, *frame.shape), np.uint8), look)[0][0]
    return (one if way == 1 else leaned(one, np.random.default_rng(look).normal(0, LEANING)))[0]
