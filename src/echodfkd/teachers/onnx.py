"""Anybody's network as a teacher through an ONNX graph, without torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.engine import onnx_session
from echodfkd.errors import InputError
from echodfkd.teachers.framed import Framed, Input

NUMBERS = tuple(f"tensor({kind})" for kind in ("float", "float16", "double", "bool", "uint8", "int8", "int32", "int64"))
"""What masks may come as."""
BATCH = 8
"""Frames in one pass where the graph leaves their number open."""


class OnnxTeacher(Framed):
    """A Segmenter: the first output of the graph at `path`, fed with float32 (n, channel, size, size), on the CPU.

    `structures` name its channels in their order; `given` says how frames enter it. Raises InputError where it is no
    graph, or does not take such frames.
    """

    def __init__(self, path: Path, structures: Sequence[str], given: Input, threads: int | None = None):
        if not path.is_file():
            raise InputError(f"No such graph: {path}")
        self._path, self._session = path, onnx_session(path, threads)
        inputs = self._session.get_inputs()
        shape, wanted = inputs[0].shape if inputs else [], [given.channels, given.size, given.size]
        fits = len(shape) == 4 and all(
            isinstance(a, str | None) or a == b for a, b in zip(shape[1:], wanted, strict=True)
        )
        if len(inputs) != 1 or not fits or inputs[0].type != "tensor(float)":
            each = ", ".join(f"{item.name} {item.type} {item.shape}" for item in inputs)
            raise InputError(
                f"{path} must take one float32 input (frame, {', '.join(map(str, wanted))}), it takes {each or 'none'}."
                " See teacher.input."
            )
        if (first := self._session.get_outputs()[0]).type not in NUMBERS:
            raise InputError(f"{path} must give masks as its first output, it gives {first.name} {first.type}.")
        self._fixed = shape[0] if isinstance(shape[0], int) else None
        super().__init__(self._run, structures, given, self._fixed or BATCH)

    def _run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """The graph's first output for frames (n, channel, size, size); a batch that is too small is filled up."""
        count = len(frames)
        if self._fixed is not None and count < self._fixed:
            frames = np.concatenate([frames, np.repeat(frames[-1:], self._fixed - count, axis=0)])
        try:
            out: NDArray[np.float32] = self._session.run(None, {self._session.get_inputs()[0].name: frames})[0]
        except Exception as error:  # onnxruntime's own kinds share no public base
            raise InputError(f"{self._path} does not run on such frames: {str(error).splitlines()[0]}") from None
        return out[:count]
