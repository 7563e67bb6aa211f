"""Frames and masks on disk, last in, first out: what the way back through a long clip needs."""

from typing import BinaryIO, Protocol

import numpy as np

from echodfkd.student.steppers import Frame, FrameMasks


class Stack(Protocol):
    """Pairs of what a second pass sees of a frame and the first's masks, last in, first out: a list, or a Spool."""

    def __len__(self) -> int:
        """How many pairs there are."""

    def append(self, pair: tuple[Frame, FrameMasks], /) -> None:
        """Puts a pair on top."""

    def pop(self) -> tuple[Frame, FrameMasks]:
        """Takes the pair on top."""


class Spool:
    """A Stack in a binary `file` open for writing and reading: exact, and in memory as large as one pair.

    All frames are (size, size) uint8 of one size, all masks (structure, size, size) float32 of one shape.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._count = 0
        self._frame: tuple[int, ...] = ()
        self._masks: tuple[int, ...] = ()
        self._bytes = 0

    def __len__(self) -> int:
        return self._count

    def append(self, pair: tuple[Frame, FrameMasks], /) -> None:
        """Writes a pair behind those that are there."""
        frame, masks = pair
        self._frame, self._masks, self._bytes = frame.shape, masks.shape, masks.nbytes + frame.nbytes
        self._file.seek(self._count * self._bytes)
        self._file.write(masks.tobytes())
        self._file.write(frame.tobytes())
        self._count += 1

    def pop(self) -> tuple[Frame, FrameMasks]:
        """Reads the last pair, which then counts as gone. Raises IndexError where there is none."""
        if not self._count:
            raise IndexError("pop from an empty spool")
        self._count -= 1
        self._file.seek(self._count * self._bytes)
        content = bytearray(self._file.read(self._bytes))  # writable, as torch wants its arrays
        frame = np.frombuffer(content, np.uint8, offset=self._bytes - int(np.prod(self._frame)))
        masks = np.frombuffer(content, np.float32, count=int(np.prod(self._masks)))
        return frame.reshape(self._frame), masks.reshape(self._masks)
