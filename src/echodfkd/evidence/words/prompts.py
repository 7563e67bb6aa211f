"""What an image-text judge is asked, from a TOML file, and what its answers say of whole clips.

A prompt is several wordings of one thing; the mean of their text embeddings stands for it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.clip import Frames, evenly_spread
from echodfkd.errors import InputError
from echodfkd.parsed import CLOSED, parsed
from echodfkd.tables import csv_text

BUNDLED = Path(__file__).parent / "prompts.toml"
"""The paper's prompts and ours."""
PERCENT = "{percent}"
MASKS, VALVE = ("wall", "left_ventricle", "nothing"), ("closed", "open")
COLUMNS, FRACTION = ("FileName", "EF_ranked"), "fraction "
"""Columns of `prompts.csv` that are no prompts, and how a prompt about an ejection fraction is named."""
Prompt = tuple[str, ...]


class Similarity(Protocol):
    """What a judge can do: `echoclip.Judge` is one."""

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
                "Ejection fractions lie within 0..100 %, and a share in 0..1 of the prompts counts, got "
                f"{self.lowest}..{self.highest} and {self.top}."
            )

    @property
    def percents(self) -> NDArray[np.int64]:
        """(prompt,) the numbers of the prompts."""
        return np.arange(self.lowest, self.highest + 1)

    def prompts(self) -> dict[str, Prompt]:
        """The prompts by name."""
        return {f"{FRACTION}{k}": tuple(text.replace(PERCENT, str(k)) for text in self.wordings) for k in self.percents}


@dataclass(frozen=True)
class Prompts:
    """Everything for a judge: about masks, the mitral valve, whole clips and the ejection fraction."""

    __pydantic_config__ = CLOSED
    masks: Mapping[str, Prompt]
    valve: Mapping[str, Prompt]
    curation: Mapping[str, Prompt] = field(default_factory=dict)
    fraction: FractionPrompts | None = None

    def __post_init__(self) -> None:
        for group, names in (("masks", MASKS), ("valve", VALVE)):
            if set(getattr(self, group)) != set(names):
                raise InputError(f"Prompts: [{group}] holds {', '.join(names)}, got {sorted(getattr(self, group))}.")
        taken = (*COLUMNS, *MASKS, *VALVE)
        if own := next((name for name in self.curation if name in taken or name.startswith(FRACTION)), None):
            raise InputError(
                f"Prompts: [curation] {own} has the name of another column ({', '.join(taken)}, or one that starts "
                f"with {FRACTION!r}). Give it another."
            )
        for name, wordings in {**self.masks, **self.valve, **self.curation}.items():
            if not wordings or not all(text.strip() for text in wordings):
                raise InputError(f"Prompts: {name} needs at least one wording and none may be empty.")

    def everything(self) -> dict[str, Prompt]:
        """The wordings of every prompt by name, those about ejection fractions as `fraction k`."""
        fractions = {} if self.fraction is None else self.fraction.prompts()
        return {**self.masks, **self.valve, **self.curation, **fractions}


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


def ranked_fraction(similarity: ArrayLike, prompts: FractionPrompts) -> float:
    """The ejection fraction (percent) that the best matching prompts name.

    `similarity` (prompt,) is the clip's mean similarity to each of `prompts.percents`. The best `top` share of the
    prompts votes: the mean of their numbers, each weighted by how far it lies above the best prompt left out, equal
    weights where that is nowhere. Ranking prompts for a regression is EchoCLIP's idea (Christensen et al. 2024); this
    rule is ours, not the one of its published code.
    """
    values, percents = np.asarray(similarity, np.float64), prompts.percents
    if values.shape != percents.shape or not np.isfinite(values).all():
        raise InputError(f"One finite similarity per prompt is needed: {len(percents)}, got {values.shape}.")
    order = np.argsort(-values, kind="stable")
    count = max(1, round(prompts.top * len(values)))
    best, rest = order[:count], order[count:]
    weights = values[best] - (values[rest].max() if len(rest) else values.min())
    return float(np.average(percents[best], weights=weights if weights.sum() > 0 else None))


@dataclass(frozen=True)
class ClipSimilarity:
    """One clip's mean similarity to every prompt, and its ejection fraction (percent) by ranked prompts, if any."""

    name: str
    prompts: dict[str, float]
    ejection_fraction: float | None = None


def clip_similarity(
    judge: Similarity, prompts: Prompts, name: str, frames: Frames, *, most: int | None = None
) -> ClipSimilarity:
    """What a judge says of one clip; it sees `most` frames, evenly spread, None being all."""
    seen = frames[evenly_spread(len(frames), most or len(frames))]
    means = {key: float(values.mean()) for key, values in judge.similarities(seen, prompts.everything()).items()}
    if prompts.fraction is None:
        return ClipSimilarity(name, means)
    fraction = ranked_fraction([means.pop(key) for key in prompts.fraction.prompts()], prompts.fraction)
    return ClipSimilarity(name, means, fraction)


def similarities_csv(clips: Sequence[ClipSimilarity]) -> str:
    """CSV text with FileName, EF_ranked where it is known and a column per prompt; a line per clip, six digits."""
    rows = []
    for clip in clips:
        ranked = {} if clip.ejection_fraction is None else {"EF_ranked": clip.ejection_fraction}
        numbers = {key: f"{value:.6f}" for key, value in {**ranked, **clip.prompts}.items()}
        rows.append({"FileName": clip.name, **numbers})
    return csv_text(rows)


def ranked_names(clips: Sequence[ClipSimilarity], prompt: str) -> list[str]:
    """The clips' names, those that a prompt fits best first; InputError for a prompt that is none of theirs."""
    if unknown := next((clip for clip in clips if prompt not in clip.prompts), None):
        raise InputError(f"No prompt {prompt}: there are {', '.join(unknown.prompts)}.")
    return [clip.name for clip in sorted(clips, key=lambda clip: (-clip.prompts[prompt], clip.name))]
