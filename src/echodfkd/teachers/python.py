"""A Python class of the user's as a teacher: anything that keeps the promise of `clip.Segmenter`."""

from importlib import import_module
from inspect import getfile, signature
from pathlib import Path

import numpy as np

from echodfkd.clip import Clip, Masks, Segmenter, check_structures
from echodfkd.errors import InputError
from echodfkd.teachers.known import known


class PythonTeacher:
    """A Segmenter: an instance of the class `name`, as `module:Class`, whose masks are looked at before they are used.

    It is made without arguments, or from `path` alone where there is one. Raises InputError where it cannot be imported
    or is no segmenter. What it raises itself comes through as it is.
    """

    def __init__(self, name: str, path: Path | None = None):
        made, given = _class(name), () if path is None else (path,)
        try:
            signature(made).bind(*given)
        except (TypeError, ValueError) as error:
            arguments = "its path alone" if given else "nothing"
            raise InputError(f"{name} must be made from {arguments}, see teacher.path: {error}.") from None
        self._name = name
        self._segmenter: Segmenter = made(*given)
        lacking = [part for part in ("structures", "threshold") if not hasattr(self._segmenter, part)]
        if lacking or not callable(self._segmenter):
            raise InputError(
                f"{name} is no segmenter (echodfkd.Segmenter): it lacks {', '.join(lacking) or '__call__(clip)'}."
            )
        self.structures = check_structures(self._segmenter.structures)
        self.threshold = self._segmenter.threshold
        if not isinstance(self.threshold, float | int | np.floating) or not 0 < self.threshold < 1:
            raise InputError(f"The threshold of {name} must lie between 0 and 1, got {self.threshold!r}.")

    def __call__(self, clip: Clip) -> Masks:
        """Probabilities (time, structure, height, width); InputError where the class gives anything else."""
        masks = self._segmenter(clip)
        wanted = (len(clip.frames), len(self.structures), *clip.frames.shape[1:])
        if not isinstance(masks, np.ndarray) or masks.dtype != np.float32 or masks.shape != wanted:
            got = f"{masks.dtype} {masks.shape}" if isinstance(masks, np.ndarray) else type(masks).__name__
            raise InputError(f"{self._name} must give float32 {wanted} (time, structure, height, width), got {got}.")
        if not (masks >= 0).all() or not (masks <= 1).all():  # NaN is neither
            raise InputError(f"{self._name} must give probabilities from 0 to 1.")
        return masks

    def known(self, clip: Clip) -> tuple[str, ...]:
        """Which structures it knows in that clip: all, unless the class has a `known(clip)` of its own."""
        return known(self._segmenter, clip)


def source(name: str) -> Path | None:
    """The file in which the class `module:Class` is written; None where it cannot be imported here, or has no file."""
    try:
        return Path(getfile(_class(name)))
    except (InputError, OSError, TypeError):
        return None


def _class(name: str) -> type:
    """The class `module:Class`; InputError where there is none."""
    module, _, attribute = name.partition(":")
    if not attribute or not all(part.isidentifier() for part in module.split(".")):
        raise InputError(f"A Python teacher is named module:Class, got {name!r}.")
    try:
        found = getattr(import_module(module), attribute)
    except ImportError as error:
        raise InputError(
            f"{name} cannot be imported ({error}). Install it, or put its folder into PYTHONPATH."
        ) from None
    except AttributeError:
        raise InputError(f"The module {module} has no {attribute}.") from None
    except SyntaxError as error:
        raise InputError(f"The module {module} is not Python: {error}.") from None
    if not isinstance(found, type):
        raise InputError(f"{name} is no class.")
    return found
