"""Read anybody's masks in the layout that `echodfkd segment` writes: one folder per clip with a `masks.npz`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echodfkd.errors import InputError
from echodfkd.files import read_json
from echodfkd.measure.shape import MaskClip

MASKS_FILE = "masks.npz"
MEASURES_FILE = "measures.json"
Model = dict[str, str | float | bool | None]
"""What tells a model: its name, the start of its weights' checksum, its dials."""


@dataclass(frozen=True)
class Prediction:
    """One clip's predicted left ventricle: its folder's name, masks (time, height, width) bool, rate (Hz) if known."""

    name: str
    masks: MaskClip
    fps: float | None


def prediction_folders(folder: Path) -> tuple[Path, ...]:
    """The clip folders directly inside `folder` that hold a `masks.npz`, by name; InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"No such folder of predictions: {folder}")
    found = tuple(sorted(path.parent for path in folder.glob(f"*/{MASKS_FILE}")))
    if not found:
        raise InputError(
            f"{folder} holds no <clip name>/{MASKS_FILE}. Make one with `echodfkd segment INPUT --out {folder}`."
        )
    return found


def read_prediction(folder: Path) -> Prediction:
    """The prediction in one clip's folder: `masks` of `masks.npz`, and `fps` of `measures.json` where that is there.

    Nothing is unpickled. InputError where the file is missing or damaged, or `masks` is not (time, height, width) of
    0 and 1.
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
    return Prediction(folder.name, masks.astype(np.bool_), _read_rate(folder / MEASURES_FILE))


def read_model(folder: Path) -> Model | None:
    """What one clip's `measures.json` says of the model that made its masks; None where it says nothing."""
    path = folder / MEASURES_FILE
    measures = read_json(path) if path.exists() else None
    model = measures.get("model") if isinstance(measures, dict) else None
    return model if isinstance(model, dict) else None


def read_masks(path: Path) -> np.ndarray:
    """The array `masks` of an `.npz` file, whatever it is; InputError where it cannot be read. Nothing is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if "masks" not in archive.files:
                raise InputError(f"{path}: the key 'masks' is missing, got {sorted(archive.files)}.")
            return archive["masks"]
    except FileNotFoundError:
        raise InputError(f"No such file: {path}") from None
    except InputError:
        raise
    except Exception as error:  # zip, zlib and npy each fail in their own ways on damaged bytes; all mean the same here
        raise InputError(f"{path} is not a readable .npz archive: {error}") from None


def _read_rate(path: Path) -> float | None:
    if not path.exists():
        return None
    measures = read_json(path)
    rate = measures.get("fps") if isinstance(measures, dict) else None
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 100_000):
        raise InputError(f"{path}: fps must be a number above 0 or null, got {rate!r}.")
    return None if rate is None else float(rate)
