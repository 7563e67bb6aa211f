"""How a picture is to be turned before it is shown: quarter turns and mirrors, as films and photographs state them."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

ORIENTATION = 0x0112  # EXIF's tag
_EXIF = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""EXIF's orientations as the fields of a Turn."""


@dataclass(frozen=True)
class Turn:
    """Rows and columns change places where it `swaps`, then their order is turned round: `rows`, `columns`."""

    swaps: bool = False
    rows: bool = False
    columns: bool = False

    def __call__(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame (height, width) as it is shown."""
        if self == UPRIGHT:
            return frame
        turned = (frame.T if self.swaps else frame)[:: -1 if self.rows else 1, :: -1 if self.columns else 1]
        return np.ascontiguousarray(turned)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the frame as it is shown."""
        return (width, height) if self.swaps else (height, width)


UPRIGHT = Turn()


def turn_of_matrix(path: Path, matrix: bytes) -> Turn:
    """The turn that a film's display matrix (nine numbers of 32 bits) asks for; InputError where it is no quarter's."""
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    most = max(abs(part) for part in (a, b, c, d))
    straight, crossed = max(abs(b), abs(c)) <= most // 50, max(abs(a), abs(d)) <= most // 50
    if straight == crossed or (straight and not (a and d)) or (crossed and not (b and c)):
        raise InputError(f"{path} is to be shown turned by an angle that is no quarter turn. Save it upright.")
    return Turn(False, d < 0, a < 0) if straight else Turn(True, b < 0, c < 0)


def turn_of_exif(path: Path) -> Turn:
    """The turn that a photograph's EXIF data ask for; none where there are no such data, or none that can be read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # foreign bytes lead Pillow into errors of many kinds; libav decodes the picture
        orientation = 1
    return Turn(*_EXIF[orientation]) if orientation in _EXIF else UPRIGHT
