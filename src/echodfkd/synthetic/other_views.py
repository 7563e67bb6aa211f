"""Crude pictures of what is no apical four-chamber view: other views, other organs, no ultrasound at all.

They are there to be refused, and no student is taught on them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from echodfkd.clip import WORKING_SIZE
from echodfkd.errors import InputError

Picture = NDArray[np.float64]  # (height, width), 0..1
Draw = Callable[[np.random.Generator, float], Picture]
"""One frame for a moment of the beat (0 relaxed, 1 contracted); all that is random comes from the generator."""

ROWS, COLUMNS = np.mgrid[:WORKING_SIZE, :WORKING_SIZE].astype(np.float64)
MIDDLE = WORKING_SIZE / 2


def other_view(kind: str, seed: int, frames: int = 1) -> NDArray[np.uint8]:
    """(time, height, width) uint8 at the working size, beating once in 24 frames; InputError for an unknown kind."""
    draw = (KINDS | NEAR).get(kind)
    if draw is None:
        raise InputError(f"Other views are {', '.join(KINDS | NEAR)}, got {kind!r}.")
    moments = np.sin(np.pi * np.arange(frames) / 24) ** 2
    pictures = [draw(np.random.default_rng([seed, sum(kind.encode())]), moment) for moment in moments]
    return np.clip(255 * np.array(pictures) + 0.5, 0, 255).astype(np.uint8)


def _fan(random: np.random.Generator) -> Picture:
    half, top = random.uniform(0.6, 0.85), random.uniform(-6, 4)
    across, down = COLUMNS - MIDDLE, ROWS - top
    return (np.abs(np.arctan2(across, down)) < half) & (np.hypot(across, down) < random.uniform(100, 116))


def _speckle(random: np.random.Generator, grain: float) -> Picture:
    field = gaussian_filter(random.normal(size=(WORKING_SIZE, WORKING_SIZE)), grain)
    return 0.35 + 0.65 * np.abs(field / field.std())


def _ellipse(
    random: np.random.Generator, sides: tuple[float, float], place: tuple[float, float], turn: float
) -> Picture:
    """Distance from the middle in radii: below 1 inside."""
    y, x = ROWS - place[0] - random.normal() * 4, COLUMNS - place[1] - random.normal() * 4
    along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    return np.hypot(along / sides[0], across / sides[1])


def _rooms(random: np.random.Generator, rooms: list[Picture], wall: float) -> Picture:
    """Dark rooms with bright walls in grey surroundings, seen through a fan."""
    nearest = np.minimum.reduce(rooms)
    level = np.where(nearest < 1, 0.06, np.where(nearest < 1 + wall, 0.75, 0.25))
    return gaussian_filter(level, 0.8) * _speckle(random, random.uniform(0.5, 1.0)) * _fan(random)


def _short_axis(random: np.random.Generator, moment: float) -> Picture:
    radius = random.uniform(17, 25) * (1 - 0.3 * moment)
    left = _ellipse(random, (radius, radius * random.uniform(0.9, 1.1)), (62, 60), 0.0)
    right = _ellipse(random, (22, 10), (52, 22), random.uniform(-0.4, 0.2))
    return _rooms(random, [left, right], random.uniform(0.25, 0.5))


def _valve_level(random: np.random.Generator, moment: float) -> Picture:
    """The short axis nearer to the base: the mitral valve's leaflets in the ring, as a fish's mouth."""
    ring = _short_axis(random, moment)
    mouth = _ellipse(random, (5 - 3 * moment, 13), (62, 60), 0.0)
    leaflets = gaussian_filter(np.where(np.abs(mouth - 1) < 0.25, 0.6, 0.0), 0.8)
    return np.maximum(ring, leaflets * _speckle(random, 0.8))


def _two_chamber(random: np.random.Generator, moment: float) -> Picture:
    turn, narrower = random.uniform(-0.25, 0.25), 1 - 0.25 * moment
    left = _ellipse(random, (random.uniform(26, 34), random.uniform(13, 17) * narrower), (46, 58), turn)
    atrium = _ellipse(random, (12, 15), (88, 58), 0.0)
    return _rooms(random, [left, atrium], random.uniform(0.3, 0.5))


def _three_chamber(random: np.random.Generator, moment: float) -> Picture:
    turn, narrower = random.uniform(-0.5, -0.2), 1 - 0.25 * moment
    left = _ellipse(random, (random.uniform(26, 34), random.uniform(12, 16) * narrower), (46, 60), turn)
    atrium = _ellipse(random, (13, 13), (88, 54), 0.0)
    aorta = _ellipse(random, (18, 6), (82, 80), random.uniform(-0.5, -0.2))
    right = _ellipse(random, (16, 5), (50, 92), turn)
    return _rooms(random, [left, atrium, aorta, right], random.uniform(0.3, 0.5))


def _long_axis(random: np.random.Generator, moment: float) -> Picture:
    turn = random.uniform(1.1, 1.5)
    left = _ellipse(random, (30, 14 * (1 - 0.3 * moment)), (60, 40), turn)
    atrium = _ellipse(random, (16, 14), (72, 82), turn)
    aorta = _ellipse(random, (22, 7), (46, 84), turn)
    right = _ellipse(random, (26, 7), (28, 48), turn)
    return _rooms(random, [left, atrium, aorta, right], random.uniform(0.3, 0.5))


def _subcostal(random: np.random.Generator, moment: float) -> Picture:
    turn = random.uniform(0.9, 1.3)
    left = _ellipse(random, (26, 13 * (1 - 0.25 * moment)), (74, 72), turn)
    rooms = [left, _ellipse(random, (22, 12), (50, 62), turn), _ellipse(random, (13, 13), (62, 28), turn)]
    return _rooms(random, rooms, random.uniform(0.2, 0.4))


def _lung(random: np.random.Generator, _: float) -> Picture:
    depth, shift = random.uniform(12, 26), random.uniform(0, 30)
    lines = sum(np.exp(-(((ROWS - turn * depth) / 2) ** 2)) / turn for turn in range(1, 6))
    ribs = 0.4 + 0.6 * (np.sin((COLUMNS + shift) / 9) > -0.6)
    return (lines + 0.2 * np.exp(-ROWS / 60)) * ribs * _speckle(random, 0.8)


def _tissue(random: np.random.Generator, _: float) -> Picture:
    layers = 1 + 0.5 * np.sin(ROWS / random.uniform(3, 12) + 2 * np.sin(COLUMNS / random.uniform(20, 60)))
    shape = _fan(random) if random.random() < 0.5 else 1.0
    return random.uniform(0.15, 0.4) * layers * _speckle(random, random.uniform(0.6, 2)) * shape


def _eye(random: np.random.Generator, _: float) -> Picture:
    globe = _ellipse(random, (random.uniform(28, 40), random.uniform(32, 44)), (60, 56), 0.0)
    level = np.where(globe < 1, 0.02, np.where((globe < 1.12) & (ROWS > 60), 0.9, 0.35))
    return gaussian_filter(level, 1.0) * _speckle(random, 0.8)


def _noise(random: np.random.Generator, _: float) -> Picture:
    return 0.4 * _speckle(random, random.uniform(0.3, 3))


def _blank(random: np.random.Generator, _: float) -> Picture:
    return np.full_like(ROWS, random.uniform(0, 1))


def _screen(random: np.random.Generator, _: float) -> Picture:
    """A page of text: rows of short dark or light dashes."""
    rows = (ROWS % 8 < 4) & (random.random((14, 28))[(ROWS // 8).astype(int), (COLUMNS // 4).astype(int)] < 0.7)
    return np.where(rows, *random.permutation([0.05, 0.9]))


def _cartoon(random: np.random.Generator, moment: float) -> Picture:
    """Flat bright shapes with hard edges, one of which beats."""
    picture = np.full_like(ROWS, random.uniform(0, 0.2))
    for _ in range(4):
        sides = tuple(random.uniform(8, 26, 2) * (1 - 0.2 * moment))
        picture[_ellipse(random, sides, tuple(random.uniform(25, 87, 2)), random.uniform(0, 3)) < 1] = random.uniform(
            0.3, 1
        )
    return picture


KINDS: dict[str, Draw] = {
    "short axis": _short_axis,
    "long axis": _long_axis,
    "subcostal": _subcostal,
    "lung": _lung,
    "tissue": _tissue,
    "eye": _eye,
    "noise": _noise,
    "blank": _blank,
    "screen": _screen,
    "cartoon": _cartoon,
}
"""What is drawn to be refused, by name."""
NEAR: dict[str, Draw] = {
    "short axis, valve": _valve_level,
    "two-chamber": _two_chamber,
    "three-chamber": _three_chamber,
}
"""The same of views that look much like the apical four-chamber's, or whose ventricle does: they want a look."""
