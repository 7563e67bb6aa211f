"""What describes one clip: the conditions it is drawn under, and the numbers drawn.

All chance is here: a ClipRecipe holds every number, and its seed and number name the noise fields. A draw depends on
(seed, number) and the conditions alone, and each dial always takes the same random number: the same clip under other
conditions differs only in what the conditions name.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np

from echodfkd.errors import InputError
from echodfkd.synthetic import framing, population
from echodfkd.synthetic.anatomy import Anatomy, Tracing
from echodfkd.synthetic.beat import Rhythm
from echodfkd.synthetic.dials import Acoustics, Display, Tissue, sees
from echodfkd.synthetic.distributions import FILLING_DEVIATION, INTERVAL_DEVIATION, TABLE, WORSE, Uniform, counts
from echodfkd.synthetic.heart import holds_its_centre, resting_contour, sound
from echodfkd.synthetic.pathology import CHANGES, change, suffered

GENERATOR = 3
"""Raised whenever the same seed draws another clip, so that clips of two generators never meet in one store. It was not
for hearts that do not hold their centre (2026-12-01): about one clip in some hundred thousand is another since."""

ATTEMPTS = 50
"""Draws after which a recipe is taken all the same, though its LV is not sound or leaves the sector."""

Range = tuple[float, float]

LIMITS = {
    "ejection_fraction": (5.0, 85.0),
    "heart_rate": (30.0, 200.0),
    "fps": (10.0, 400.0),
    "quality": (0.0, 1.0),
}
"""What a Conditions range may hold."""


@dataclass(frozen=True)
class Conditions:
    """The ranges (lowest, highest) that clips are drawn from, every value alike."""

    ejection_fraction: Range = (15.0, 80.0)
    """Percent."""
    heart_rate: Range = (50.0, 110.0)
    """Beats per minute."""
    fps: Range = (30.0, 60.0)
    """Frames per second."""
    quality: Range = (0.3, 1.0)
    """Image quality, 0 worst .. 1 best: drives clutter, haze, noise and the cavity's level together."""
    arrhythmia: float = 0.0
    """Share of clips in atrial fibrillation: irregular beats, no atrial kick."""
    dilated: float = 0.4
    """Share of the clips with an ejection fraction below 45 % whose LV is large, round and thin."""
    hypertrophic: float = 0.08
    """Share of clips with thick walls; the next shares are of small ventricles, of views that miss the apex, ..."""
    small: float = 0.08
    foreshortened: float = 0.1
    lateral_akinesia: float = 0.06
    """... and of walls that do not contract."""
    septal_akinesia: float = 0.06
    cropped: float = 0.6
    """Share of clips framed as EchoNet-Dynamic's: a quarter of a circle, its tip near the middle of the top."""
    full_depth: float = 0.25
    """Share of clips that show the whole sector, as scanners do, in which the heart is smaller; the rest is free."""
    held: Mapping[str, float] = field(default_factory=dict)
    """Dials held at a value in every clip, by their name in the table of distributions: `"tissue.ridge" = 0`."""

    def __post_init__(self) -> None:
        for name, (lowest, highest) in LIMITS.items():
            value = getattr(self, name)
            if len(value) != 2 or not lowest <= value[0] <= value[1] <= highest:
                raise InputError(
                    f"Conditions: {name} must be (lowest, highest) within {lowest:g}..{highest:g}, got {tuple(value)}."
                )
            object.__setattr__(self, name, (float(value[0]), float(value[1])))
        for name in ("arrhythmia", "cropped", "full_depth", *CHANGES):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"Conditions: {name} is a share of clips, 0..1, got {getattr(self, name)}.")
        if self.cropped + self.full_depth > 1:
            raise InputError(
                "Conditions: cropped and full_depth are shares of the same clips, together 1 at most, got "
                f"{self.cropped} and {self.full_depth}. Give both."
            )
        for name, value in self.held.items():
            if name not in counts():
                near = difflib.get_close_matches(name, counts(), n=1)
                hint = f"did you mean {near[0]}?" if near else "docs/explanation/simulation.md lists them."
                raise InputError(f"Conditions: held names a dial that is not drawn, {name}: {hint}")
            if not isfinite(value):
                raise InputError(f"Conditions: {name} must be held at a number, got {value}.")
        if self.held:
            self._check_held()

    def _check_held(self) -> None:
        """InputError where a dial refuses its value, be it only beside the least or the most of another."""
        for chance in (0.0, 1.0):
            try:
                _draw(self, 0, 0, 1, _Always(chance))
            except InputError as error:
                raise InputError(f"Conditions: held asks for what no clip can be. {error}") from None


@dataclass(frozen=True)
class _Always:
    """Stands in for a random generator: each number is the same, the lowest or the highest of its distribution."""

    chance: float

    def random(self, size: int | None = None) -> Any:
        """`chance`, or an array of it."""
        return self.chance if size is None else np.full(size, self.chance)

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """The middle."""
        return np.zeros(shape)


@dataclass(frozen=True)
class ClipRecipe:
    """One clip, entirely: same recipe, same bytes on the same device."""

    seed: int
    number: int
    frames: int
    quality: float
    heart_rate: float
    """Beats per minute, before beat-to-beat variation."""
    pathology: tuple[str, ...]
    """The conditions of `pathology.py` that this heart or view has."""
    rhythm: Rhythm
    anatomy: Anatomy
    tracing: Tracing
    tissue: Tissue
    acoustics: Acoustics
    display: Display

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise InputError(f"A clip needs at least one frame, got {self.frames}.")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as nested dicts, lists and numbers: JSON, exactly."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ClipRecipe":
        """The recipe that `to_dict` told; InputError where a number is missing or unknown."""
        try:
            known = {**values, "pathology": tuple(values["pathology"])}
            for name, kind in GROUPS.items():
                group = {k: tuple(v) if isinstance(v, list) else v for k, v in values[name].items()}
                known[name] = kind(**group)
            return cls(**known)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"Not a clip recipe of this version: {error}. Draw it again.") from None


GROUPS: dict[str, type] = {
    "rhythm": Rhythm,
    "anatomy": Anatomy,
    "tracing": Tracing,
    "tissue": Tissue,
    "acoustics": Acoustics,
    "display": Display,
}


def draw_recipe(conditions: Conditions, seed: int, number: int, frames: int) -> ClipRecipe:
    """The recipe of clip `number` under `conditions`: the first drawn that is sound and that its sector holds."""
    for attempt in range(ATTEMPTS):
        recipe = _draw(conditions, seed, number, frames, np.random.default_rng([seed, number, attempt]))
        fraction = recipe.rhythm.ejection_fraction
        if (
            sound(recipe.anatomy)
            and sees(recipe.acoustics, resting_contour(recipe.anatomy))
            and holds_its_centre(recipe.anatomy, recipe.tracing, fraction)
        ):
            break
    return recipe


def _draw(
    conditions: Conditions, seed: int, number: int, frames: int, chance: np.random.Generator | _Always
) -> ClipRecipe:
    """One attempt at a recipe."""
    given = {name: Uniform(*getattr(conditions, name)).at(chance.random()) for name in LIMITS}
    fibrillates = bool(chance.random() < conditions.arrhythmia)
    shares = {name: getattr(conditions, name) for name in CHANGES}
    ill = suffered(shares, {name: float(chance.random()) for name in CHANGES}, given["ejection_fraction"])
    drawn = _draw_table(chance)
    drawn["anatomy"] |= population.ventricle(chance.standard_normal((population.size(),)), given["ejection_fraction"])
    change(drawn, ill)
    framing.frame(
        drawn, float(chance.random()), chance.random(framing.NUMBERS), conditions.cropped, conditions.full_depth
    )
    for name, loss in WORSE.items():
        group, dial = name.split(".")
        drawn[group][dial] += loss * (1 - given["quality"])
    for name, value in conditions.held.items():
        group, dial = name.split(".")
        count = counts()[name]
        drawn[group][dial] = float(value) if count == 1 else (float(value),) * count
    drawn["rhythm"] |= _beats(chance, given, frames, fibrillates)
    if fibrillates:
        drawn["rhythm"]["atrial_share"] = 0.0
    groups = {name: kind(**drawn[name]) for name, kind in GROUPS.items()}
    return ClipRecipe(seed, number, frames, given["quality"], given["heart_rate"], ill, **groups)


def noise_fields(recipe: ClipRecipe, module: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal float32 noise of `shape`, from a counter-based generator for (seed, number, module)."""
    return _generator(recipe, module).standard_normal(shape, dtype=np.float32)


def noise_starts(recipe: ClipRecipe, module: int, shape: tuple[int, ...], below: int) -> np.ndarray:
    """Integers 0..below - 1 of `shape`: where the clip begins to read the noise that all clips share."""
    return _generator(recipe, module).integers(0, below, shape)


def _generator(recipe: ClipRecipe, module: int) -> np.random.Generator:
    words = np.random.SeedSequence([recipe.seed, recipe.number, module]).generate_state(2, np.uint64)
    return np.random.Generator(np.random.Philox(key=words))


def _draw_table(chance: np.random.Generator | _Always) -> dict[str, dict[str, Any]]:
    """Every row's value, by group and dial."""
    drawn: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    for row in TABLE:
        group, dial = row.name.split(".")
        drawn[group][dial] = row.draw(chance.random(row.count))
    return drawn


def _beats(
    chance: np.random.Generator | _Always, given: dict[str, float], frames: int, fibrillates: bool
) -> dict[str, Any]:
    """The beats that cover the clip; EF is kept from beat to beat in a regular rhythm, not in fibrillation."""
    mean = 60 / given["heart_rate"]
    count = int(np.ceil(1.6 * frames / given["fps"] / mean)) + 3
    shifts = np.clip(chance.standard_normal((count, 2)), -2, 2)
    intervals = np.maximum(mean * (1 + INTERVAL_DEVIATION[fibrillates] * shifts[:, 0]), 0.25)
    # A long pause fills the ventricle more, and the next beat then empties it as far as before.
    fillings = 1 + FILLING_DEVIATION[fibrillates] * (np.roll(shifts[:, 0], 1) if fibrillates else shifts[:, 1])
    return {
        "fps": given["fps"],
        "ejection_fraction": given["ejection_fraction"],
        "intervals": tuple(intervals.tolist()),
        "fillings": tuple(fillings.tolist()),
        "residuals": tuple(np.ones(count).tolist() if fibrillates else fillings.tolist()),
    }


def _plain(value: Any) -> Any:
    """`value` with tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def dial_names() -> set[str]:
    """Every group.dial that a recipe holds."""
    return {f"{group}.{item.name}" for group, kind in GROUPS.items() for item in fields(kind)}
