"""Read anybody's masks in the layout that `echodfkd segment` writes: one folder per clip with a `masks.npz`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clock import Clock, check_times, clock_of_clip
from echodfkd.errors import InputError
from echodfkd.files import read_arrays, read_json, shaped
from echodfkd.lapses import Lapse
from echodfkd.measure.shape import MaskClip
from echodfkd.names import clip_name, is_hidden, matched

MASKS_FILE = "masks.npz"
MEASURES_FILE = "measures.json"
Model = dict[str, str | float | bool | None]
"""What tells a model: its name, the start of its weights' checksum, its dials."""


@dataclass(frozen=True)
class Prediction:
    """One clip's predicted left ventricle: the clip's name, masks (time, height, width) bool, rate (Hz) if known.

    `times` (time,) are seconds, where frames are uneven; `dropped` frames are known to be missing.
    """

    name: str
    masks: MaskClip
    fps: float | None
    times: NDArray[np.float64] | None = None
    dropped: int = 0
    line: tuple[float, float] = (1.0, 0.0)
    """Slope and offset from the ejection fraction by discs to the one that its model tells: `Measures.line`."""
    lapses: tuple[Lapse, ...] = ()
    """Where its frames show nothing or stand still."""

    @property
    def clock(self) -> Clock:
        """When its clip's frames were taken."""
        return clock_of_clip(self.fps, self.times, self.dropped)


def prediction_folders(folder: Path) -> tuple[Path, ...]:
    """The clip folders directly inside `folder` that hold a `masks.npz`, by name; InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"No such folder of predictions: {folder}")
    found = tuple(sorted(path.parent for path in folder.glob(f"*/{MASKS_FILE}") if not is_hidden(path.parent)))
    if not found:
        raise InputError(
            f"{folder} holds no <clip name>/{MASKS_FILE}. Make one with `echodfkd segment INPUT --out {folder}`."
        )
    return found


def named_predictions(folder: Path, clips: Collection[str]) -> dict[str, Path]:
    """The folders of predictions of those clips by the clips' own names; InputError where two are of one clip."""
    there: dict[str, Path] = {}
    for one in prediction_folders(folder):
        first = there.setdefault(clip_name(one.name), one)
        if first is not one:
            raise InputError(f"{folder} holds two predictions of one clip, {first.name} and {one.name}. Remove one.")
    return {clip: there[name] for name, clip in matched(there, clips).items()}


def read_prediction(folder: Path, name: str | None = None) -> Prediction:
    """The prediction in one clip's folder: `masks` of `masks.npz`; time, line and lapses of its `measures.json`.

    `name` is the clip's where its folder writes it otherwise. Nothing is unpickled. InputError where the file is
    missing or damaged, or `masks` is not (time, height, width) of 0 and 1.
    """
    path = folder / MASKS_FILE
    masks = read_masks(path)
    if masks.ndim != 3 or 0 in masks.shape or masks.dtype not in (np.uint8, np.bool_):
        raise InputError(
            f"{path}: masks must be (time, height, width) uint8 of 0 and 1, got {masks.dtype} {masks.shape}."
        )
    if masks.dtype == np.uint8 and masks.max() > 1:
        raise InputError(
            f"{path}: masks must hold only 0 and 1, got {masks.max()}. Cut probabilities at a threshold first."
        )
    told = folder / MEASURES_FILE
    measures = read_json(told) if told.exists() else None
    if not isinstance(measures, dict):
        measures = {}
    time, line, lapses = (
        _read_time(told, measures, len(masks)),
        _read_line(told, measures),
        _read_lapses(told, measures),
    )
    return Prediction(name or clip_name(folder.name), masks.astype(np.bool_), *time, line, lapses)


def read_model(folder: Path) -> Model | None:
    """What one clip's `measures.json` says of the model that made its masks; None where it says nothing."""
    path = folder / MEASURES_FILE
    measures = read_json(path) if path.exists() else None
    model = measures.get("model") if isinstance(measures, dict) else None
    return model if isinstance(model, dict) else None


def read_masks(path: Path) -> np.ndarray:
    """The array `masks` of an `.npz` file, whatever it is; InputError where it cannot be read. Nothing is unpickled."""
    try:
        if found := read_arrays(path, ("masks",)):
            return found["masks"]
        with np.load(path, allow_pickle=False) as archive:
            raise InputError(f"{path}: the key 'masks' is missing, got {sorted(archive.files)}.")
    except FileNotFoundError:
        raise InputError(f"No such file: {path}") from None
    except InputError:
        raise
    except Exception as error:  # zip, zlib and npy each fail in their own ways on damaged bytes; all mean the same here
        raise InputError(f"{path} is not a readable .npz archive: {error}") from None


def _read_line(path: Path, measures: Mapping[str, Any]) -> tuple[float, float]:
    """The model's line, where it is told."""
    line = measures.get("ejection_line", (1.0, 0.0))
    numbers = isinstance(line, list | tuple) and all(type(one) in (int, float) and isfinite(one) for one in line)
    if not numbers or len(line) != 2:
        raise InputError(f"{path}: ejection_line must be two numbers, slope and offset, got {line!r}.")
    return float(line[0]), float(line[1])


def _read_lapses(path: Path, measures: Mapping[str, Any]) -> tuple[Lapse, ...]:
    """Where the frames show nothing or stand still, where that is told."""
    try:
        return tuple(shaped(Lapse, one) for one in measures.get("lapses", ()))
    except (InputError, TypeError):
        raise InputError(f"{path}: lapses must be a list of first, last and blank.") from None


def _read_time(
    path: Path, measures: Mapping[str, Any], count: int
) -> tuple[float | None, NDArray[np.float64] | None, int]:
    """The rate and the uneven times of `count` frames, where they are told, and how many more were dropped."""
    rate, times, dropped = measures.get("fps"), measures.get("times"), measures.get("dropped", 0)
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 100_000):
        raise InputError(f"{path}: fps must be a number above 0 or null, got {rate!r}.")
    if isinstance(dropped, bool) or not isinstance(dropped, int) or not 0 <= dropped < 2**31:
        raise InputError(f"{path}: dropped must be a whole number from 0, got {dropped!r}.")
    fps = None if rate is None else float(rate)
    if times is None:
        return fps, None, dropped
    try:
        seconds = np.asarray(times, np.float64)
        check_times(seconds, count)
    except (ValueError, TypeError):  # InputError is a ValueError
        raise InputError(f"{path}: times must be rising seconds, one for each of {count} frames.") from None
    return fps, seconds, dropped
