"""A heart drawn to order, whose truth is known."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from echodfkd.clip import Clip
from echodfkd.errors import InputError, MissingExtra
from echodfkd.measure.view import view_of
from echodfkd.video.source import Source, clip_source
from echodfkd.web.kept import keeping
from echodfkd.web.runs import runs

ILLNESSES = (
    "none",
    "dilated",
    "hypertrophic",
    "small",
    "foreshortened",
    "lateral_akinesia",
    "septal_akinesia",
    "arrhythmia",
)
"""What the heart, or the view of it, suffers from: the shares of `synthetic.recipe.Conditions`."""
RANGES = {"ejection_fraction": (10.0, 80.0), "heart_rate": (40.0, 150.0), "quality": (0.0, 1.0)}
FPS, BEATS = 50.0, 2.6
TRIES = 4
"""Hearts that are drawn at most until one could be a patient's: a third of the simulator's are further from patients'
pictures than the verdict lets pass, by choice, as a model that has seen more than there is finds patients easy."""


def drawn(
    name: str, heart: Mapping[str, Any], folder: Path, came: Callable[[int], None]
) -> tuple[Source, dict[str, Any]]:
    """The clip of a heart and the truth of it: percent, beats per minute, ED and ES frames, runs of the ventricle.

    `heart` holds a number for each of RANGES, an `illness` and a `seed`; `came` as in `keeping`. Its true outline is
    one that the view check would not refuse in a patient, unless none of TRIES is. InputError for other values,
    MissingExtra where torch is not installed.
    """
    try:
        asked = {key: float(heart[key]) for key in RANGES}
        illness, seed = heart["illness"], int(heart["seed"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"A drawn heart needs the numbers {', '.join(RANGES)}, an illness and a seed.") from None
    if any(not low <= asked[key] <= high for key, (low, high) in RANGES.items()) or illness not in ILLNESSES:
        raise InputError(f"A drawn heart lies within {RANGES} and suffers from one of {', '.join(ILLNESSES)}.")
    if not 0 <= seed < 2**31:
        raise InputError(f"A seed lies between 0 and {2**31}, got {seed}.")
    if find_spec("torch") is None:
        raise MissingExtra("A drawn heart", "study")
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    dials: dict[str, Any] = {one: float(one == illness) for one in ILLNESSES[1:]}
    dials |= {key: (value, value) for key, value in asked.items()}
    conditions = Conditions(**dials, fps=(FPS, FPS), cropped=1.0, full_depth=0.0)
    frames = int(np.clip(FPS * BEATS * 60 / asked["heart_rate"], 80, 200))
    for number in range(TRIES):
        made = generate([draw_recipe(conditions, seed, number, frames)], structures=("lv",), annotator="traced")
        truth, masks = made.truths[0], made.masks[0, :, 0] > 127
        if not view_of(made.frames[0], masks).refused:
            break
    clip = Clip(name, made.frames[0], truth.fps, (truth.spacing, truth.spacing))
    source = keeping(clip_source(clip), folder, frames, made.frames.size, came)
    return source, {
        "ejection_fraction": round(truth.ejection_fraction, 1),
        "heart_rate": round(truth.heart_rate, 1),
        "ed_frames": list(truth.ed_frames),
        "es_frames": list(truth.es_frames),
        "area_px": masks.sum(axis=(1, 2)).tolist(),
        "runs": [runs(mask) for mask in masks],
    }
