"""Data-free distillation of left-ventricle segmenters for apical four-chamber echocardiograms.

The public face: what people type first. `import echodfkd` is instant, as each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from echodfkd.errors import (
    EchodfkdError,
    InputError,
    LabelsError,
    MissingExtra,
    OccupiedError,
    OutputError,
    StudyError,
)

if TYPE_CHECKING:
    from echodfkd.clip import STRUCTURES, Clip, Segmenter
    from echodfkd.commands.evaluate import evaluate
    from echodfkd.commands.judge import judge
    from echodfkd.commands.segment import segmentation as segment
    from echodfkd.measure.stream import Stream
    from echodfkd.student.student import load_student as load_model
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe
    from echodfkd.video import read as read_clip

__version__ = "0.1.0"
__all__ = [
    "STRUCTURES",
    "Clip",
    "Conditions",
    "EchodfkdError",
    "InputError",
    "LabelsError",
    "MissingExtra",
    "OccupiedError",
    "OutputError",
    "Segmenter",
    "Stream",
    "StudyError",
    "__version__",
    "draw_recipe",
    "evaluate",
    "generate",
    "judge",
    "load_model",
    "read_clip",
    "segment",
]
_PLACES = {
    "STRUCTURES": "clip.STRUCTURES",
    "Clip": "clip.Clip",
    "Conditions": "synthetic.recipe.Conditions",
    "Segmenter": "clip.Segmenter",
    "Stream": "measure.stream.Stream",
    "draw_recipe": "synthetic.recipe.draw_recipe",
    "evaluate": "commands.evaluate.evaluate",
    "generate": "synthetic.generate.generate",
    "judge": "commands.judge.judge",
    "load_model": "student.student.load_student",
    "read_clip": "video.read",
    "segment": "commands.segment.segmentation",
}
"""Where the names lie that are imported when they are first used; the same as under TYPE_CHECKING."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'echodfkd' has no attribute {name!r}")
    module, _, there = _PLACES[name].rpartition(".")
    value = globals()[name] = getattr(import_module(f"echodfkd.{module}"), there)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
