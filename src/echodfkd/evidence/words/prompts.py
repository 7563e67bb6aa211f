"""What an image-text judge is asked, from a TOML file, and what its answers say of whole clips.

A prompt is several wordings of one thing; the mean of their text embeddings stands for it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.clip import Frames
from echodfkd.errors import InputError
from echodfkd.parsed import CLOSED, parsed
from echodfkd.tables import csv_text

BUNDLED = Path(__file__).parent / "prompts.toml"
"""The paper's prompts and ours."""
PERCENT = "{percent}"
MASKS, VALVE = ("wall", "left_ventricle", "nothing"), ("closed", "open")
COLUMNS, FRACTION = ("FileName", "EF_ranked"), "fraction "
"""Names that no prompt may have, and how none may start: `clip_row` uses them."""
Prompt = tuple[str, ...]


class Similarity(Protocol):
    """What is asked of a judge: `evaluate.echoclip.Judge` is one."""

    def similarities(self, frames: Frames, prompts: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.float32]]:
        """Similarity (time,) of each frame to each prompt, by name."""


@dataclass(frozen=True)
class FractionPrompts:
    """Prompts that name an ejection fraction, and how an estimate is read off their ranks."""

    __pydantic_config__ = CLOSED
    wordings: Prompt
    """Each with {percent} where the number goes."""
    lowest: int = 0
    highest: int = 100
    top: float = 0.2
    """Share of the prompts, best first, that the estimate rests on."""

    def __post_init__(self) -> None:
        if not self.wordings or any(PERCENT not in text for text in self.wordings):
            raise InputError(f"Every wording of an ejection fraction needs {PERCENT}, got {list(self.wordings)}.")
        if not 0 <= self.lowest < self.highest <= 100 or not 0 < self.top <= 1:
            raise InputError(
                "Ejection fractions are asked for within 0..100 %, and a share in 0..1 of the prompts counts, got "
                f"{self.lowest}..{self.highest} and {self.top}."
            )

    @property
    def percents(self) -> NDArray[np.int64]:
        """(prompt,) the numbers asked for."""
        return np.arange(self.lowest, self.highest + 1)

    def prompts(self) -> dict[str, Prompt]:
        """The prompts by their number as text."""
        return {str(k): tuple(text.replace(PERCENT, str(k)) for text in self.wordings) for k in self.percents}


@dataclass(frozen=True)
class Prompts:
    """Everything a judge is asked: about masks, the mitral valve, whole clips and the ejection fraction."""

    __pydantic_config__ = CLOSED
    masks: Mapping[str, Prompt]
    valve: Mapping[str, Prompt]
    curation: Mapping[str, Prompt] = field(default_factory=dict)
    fraction: FractionPrompts | None = None

    def __post_init__(self) -> None:
        for group, names in (("masks", MASKS), ("valve", VALVE)):
            if set(getattr(self, group)) != set(names):
                raise InputError(f"Prompts: [{group}] holds {', '.join(names)}, got {sorted(getattr(self, group))}.")
        self._check_names()
        for asked in (self.masks, self.valve, self.curation):
            for name, wordings in asked.items():
                if not wordings or not all(text.strip() for text in wordings):
                    raise InputError(f"Prompts: {name} needs at least one wording and none may be empty.")

    def _check_names(self) -> None:
        """InputError where a [curation] prompt has the name of another column of `clip_row`."""
        taken = (*COLUMNS, *MASKS, *VALVE)
        if own := next((name for name in self.curation if name in taken or name.startswith(FRACTION)), None):
            raise InputError(
                f"Prompts: [curation] {own} has the name of another column ({', '.join(taken)}, or one that starts "
                f"with {FRACTION!r}). Give it another."
            )

    def asked(self) -> dict[str, Prompt]:
        """The wordings about masks and valve, by prompt."""
        return {**self.masks, **self.valve}

    def everything(self) -> dict[str, Prompt]:
        """All wordings that a judge is asked, by the columns that `clip_row` has of them and `fraction k`."""
        numbers = {} if self.fraction is None else self.fraction.prompts()
        return {**self.asked(), **self.curation, **{f"{FRACTION}{k}": wordings for k, wordings in numbers.items()}}


def read_prompts(path: Path | None = None) -> Prompts:
    """The prompts of a TOML file, None being the bundled one; InputError where it is not what it should be."""
    source = BUNDLED if path is None else path
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{source} is not a readable file of prompts: {error}") from None
    try:
        return parsed(Prompts, table)
    except InputError as error:
        raise InputError(f"{source}: {str(error).replace('Prompts: ', '')} {BUNDLED} shows how.") from None


def ranked_fraction(similarity: ArrayLike, asked: FractionPrompts) -> float:
    """The ejection fraction (percent) that the best matching prompts name.

    `similarity` (prompt,) is the clip's mean similarity to each of `asked.percents`. The best `top` share of the
    prompts votes: the mean of their numbers, each weighted by how far it lies above the best prompt left out, equal
    weights where that is nowhere. Ranking prompts for a regression is EchoCLIP's idea (Christensen et al. 2024); this
    rule is ours, not the one of its published code.
    """
    values, percents = np.asarray(similarity, np.float64), asked.percents
    if values.shape != percents.shape or not np.isfinite(values).all():
        raise InputError(f"One finite similarity per prompt is needed: {len(percents)}, got {values.shape}.")
    order = np.argsort(-values, kind="stable")
    count = max(1, round(asked.top * len(values)))
    best, rest = order[:count], order[count:]
    weights = values[best] - (values[rest].max() if len(rest) else values.min())
    return float(np.average(percents[best], weights=weights if weights.sum() > 0 else None))


def clip_row(
    judge: Similarity, prompts: Prompts, name: str, frames: Frames, *, most: int | None = None
) -> dict[str, Any]:
    """One clip as a row: FileName, EF_ranked (percent) where asked for, and the mean similarity to every prompt.

    `most` frames, evenly spread, are looked at; None is all.
    """
    looked = frames[spread(len(frames), most)]
    asked = prompts.everything()
    keyed = [] if prompts.fraction is None else [f"{FRACTION}{k}" for k in prompts.fraction.percents]
    means = {key: float(values.mean()) for key, values in judge.similarities(looked, asked).items()}
    row: dict[str, Any] = {"FileName": name}
    if prompts.fraction is not None:
        row["EF_ranked"] = ranked_fraction([means[key] for key in keyed], prompts.fraction)
    return row | {key: means[key] for key in asked if key not in keyed}


def clips_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV text of `clip_row` rows, a line per clip, six digits."""
    if not rows:
        raise InputError("A table of prompts needs at least one clip, got none.")
    return csv_text({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)


def ranked_names(rows: Sequence[Mapping[str, Any]], prompt: str) -> list[str]:
    """The clips' names, those that a prompt fits best first."""
    if not rows or prompt not in rows[0]:
        raise InputError(
            f"No prompt {prompt} in the rows: they hold {', '.join(list(rows[0])[1:]) if rows else 'nothing'}."
        )
    return [str(row["FileName"]) for row in sorted(rows, key=lambda row: (-row[prompt], row["FileName"]))]


def spread(frames: int, most: int | None) -> NDArray[np.int64]:
    """The numbers of at most `most` frames, evenly spread over a clip of `frames`; None is every frame."""
    if most is not None and most < 1:
        raise InputError(f"At least one frame must be looked at, got {most}.")
    if most is None or most >= frames:
        return np.arange(frames)
    return np.floor((np.arange(most) + 0.5) * frames / most).astype(np.int64)
