"""Reverse classification accuracy: how well a mask, taken for the truth of its image, labels other images.

Valindria et al., IEEE Trans Med Imaging 2017;36:1597 (arXiv:1702.03407). The image and its mask become an atlas; the
atlas is registered to images whose truth is known, and the best Dice it reaches there predicts its own. Here those
images are few, small and drawn by a simulator, so nobody's masks are needed.

Registration depends on the images alone: `correspondences` are found once a frame and serve any number of masks. First
place and size, by the normalised correlation of coarse images over a fixed grid; then the demons of Thirion (Medical
Image Analysis 1998;2:243), smoothed after each step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, gaussian_filter, map_coordinates, shift

from echodfkd.errors import InputError
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import Mask, check_masks

Grey = NDArray[np.float64]  # (size, size)
Field = NDArray[np.float64]  # (2, size, size): row and column in the image for each pixel of an atlas
STEP = 4
"""Pixels between the places of the coarse images."""


@dataclass(frozen=True)
class Registration:
    """Dials of `correspondences`. Lengths are shares of the image's side. By choice, tried on simulated clips."""

    nearest: int = 12  # atlases that are registered: those that are most alike once place and size fit
    sizes: tuple[float, ...] = (0.75, 0.87, 1.0, 1.15, 1.33)  # of the atlas's heart over the image's
    reach: float = 0.22  # furthest shift up, down and to the sides
    shifts: int = 9  # places tried along each axis, the middle included
    coarse: float = 0.018  # standard deviation of the Gaussian before place and size are sought: 1 pixel of 56
    blur: float = 0.018  # and before the demons
    iterations: int = 30
    stiffness: float = 0.027  # standard deviation by which the field is smoothed after each step: 1.5 pixels of 56

    def __post_init__(self) -> None:
        if self.nearest < 1 or self.iterations < 0 or self.shifts < 1 or not self.sizes or min(self.sizes) <= 0:
            raise InputError(f"A registration needs atlases, sizes above 0 and places to try, got {self}.")
        if not (0 <= self.reach < 0.5 and min(self.coarse, self.blur, self.stiffness) >= 0):
            raise InputError(f"A registration's lengths are shares of the image's side, its reach below 0.5: {self}.")


@dataclass(frozen=True)
class Atlases:
    """Small images (atlas, size, size) uint8 and their true masks, bool of the same shape."""

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_masks(self.masks)
        if self.frames.dtype != np.uint8 or self.frames.shape != self.masks.shape or not len(self.frames):
            raise InputError(
                "Atlases are frames (atlas, size, size) uint8 and bool masks of the same shape, got "
                f"{self.frames.dtype} {self.frames.shape} and {self.masks.shape}."
            )
        if self.frames.shape[1] != self.frames.shape[2] or self.frames.shape[1] < 16:
            raise InputError(f"Atlases must be squares of at least 16 pixels a side, got {self.frames.shape[1:]}.")

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.frames.shape[1]

    @cached_property
    def centred(self) -> NDArray[np.bool_]:
        """The masks, each moved to the middle."""
        return np.stack([centred(mask) for mask in self.masks])


@dataclass(frozen=True)
class Correspondence:
    """For each pixel of one atlas the place (flat index) in the image that looks like it: `places` (size, size)."""

    atlas: int
    places: NDArray[np.intp]


@dataclass(frozen=True)
class Start:
    """Where a registration begins: the atlas's heart `scale` times the image's, moved `down` and `aside` pixels."""

    scale: float
    down: float
    aside: float

    def field(self, grid: Field) -> Field:
        """The places in the image of a grid of an atlas's pixels."""
        centre = (grid.max() + grid.min()) / 2
        return (grid - centre) / self.scale + centre + np.array([self.down, self.aside])[:, None, None]


class Register:
    """Atlases made ready to be registered to one frame after another."""

    def __init__(self, atlases: Atlases, dials: Registration | None = None):
        self.atlases, self.dials = atlases, dials or Registration()
        size = atlases.size
        self._grid = np.mgrid[:size, :size].astype(np.float64)
        self._starts = _starts(self.dials, size)
        self._thin = np.stack([start.field(self._grid)[:, _COARSE, _COARSE] for start in self._starts], axis=1)
        coarse = [_blurred(frame, self.dials.coarse) for frame in atlases.frames]
        self._coarse = _unit(np.stack([image[_COARSE, _COARSE] for image in coarse]))
        self._sharp = [_standard(_blurred(frame, self.dials.blur)) for frame in atlases.frames]

    def correspondences(self, frame: NDArray[np.uint8]) -> list[Correspondence]:
        """The most similar atlases, each registered to a frame (size, size) uint8; InputError for another size."""
        size = self.atlases.size
        if frame.dtype != np.uint8 or frame.shape != (size, size):
            raise InputError(f"Atlases of {size} pixels need frames of that size, got {frame.dtype} {frame.shape}.")
        moved = map_coordinates(_blurred(frame, self.dials.coarse), self._thin, order=1, mode="nearest")
        alike = self._coarse @ _unit(moved).T  # (atlas, start)
        image, found = _standard(_blurred(frame, self.dials.blur)), []
        for atlas in np.argsort(-alike.max(axis=1), kind="stable")[: self.dials.nearest]:
            start = self._starts[int(alike[atlas].argmax())].field(self._grid)
            found.append(Correspondence(int(atlas), self._places(self._deformed(int(atlas), image, start))))
        return found

    def _deformed(self, atlas: int, image: Grey, start: Field) -> Field:
        """Where the atlas's pixels lie in the image after the demons."""
        fixed, stiffness = self._sharp[atlas], self.dials.stiffness * self.atlases.size
        slope: Field = np.stack([np.gradient(fixed, axis=axis) for axis in (0, 1)])
        steepness, way = (slope**2).sum(axis=0), start - self._grid
        for _ in range(self.dials.iterations):
            difference = map_coordinates(image, self._grid + way, order=1, mode="nearest") - fixed
            force = -difference * slope / (steepness + difference**2 + 1e-3)
            way = np.stack([gaussian_filter(part, stiffness) for part in way + force])
        return self._grid + way

    def _places(self, field: Field) -> NDArray[np.intp]:
        """The nearest pixels of the image, as flat indices."""
        size = self.atlases.size
        row, column = np.clip(np.rint(field), 0, size - 1).astype(np.intp)
        return row * size + column


def reverse_dice(mask: Mask, found: Sequence[Correspondence], atlases: Atlases) -> float:
    """The best Dice with an atlas's truth that a frame's mask (size, size) bool reaches, carried there; in [0, 1].

    The best, as in the paper: an atlas that the image does not resemble says nothing. An empty mask scores 0.
    """
    check_masks(mask, dimensions=2)
    if not found:
        raise InputError("Reverse classification needs at least one registered atlas, got none.")
    if not mask.any():
        return 0.0
    flat = mask.ravel()
    return max(float(dice(flat[one.places], atlases.masks[one.atlas])) for one in found)


def prior_dice(mask: Mask, atlases: Atlases) -> float:
    """The best Dice of a mask (size, size) bool with an atlas's mask, both moved to the middle; 0 for an empty mask.

    Neither image nor place matter: it says whether the mask has shape and size of a ventricle that was drawn.
    """
    check_masks(mask, dimensions=2)
    return (
        float(dice(np.broadcast_to(centred(mask), atlases.masks.shape), atlases.centred).max()) if mask.any() else 0.0
    )


def centred(mask: Mask) -> Mask:
    """The mask (height, width) moved so that its centroid lies in the middle of the image; an empty one as it is."""
    if not mask.any():
        return mask
    way = (np.array(mask.shape) - 1) / 2 - np.array(center_of_mass(mask))
    return np.asarray(shift(mask.astype(np.float64), way, order=1) >= 0.5)


_COARSE = slice(STEP // 2, None, STEP)


def _starts(dials: Registration, size: int) -> list[Start]:
    """Every size and place that is tried."""
    ways = np.linspace(-dials.reach, dials.reach, dials.shifts) * size if dials.shifts > 1 else np.zeros(1)
    return [Start(scale, float(down), float(aside)) for scale in dials.sizes for down in ways for aside in ways]


def _blurred(frame: NDArray[np.uint8], share: float) -> Grey:
    """A frame after a Gaussian whose standard deviation is a share of its side."""
    return np.asarray(gaussian_filter(frame.astype(np.float64), share * len(frame)))


def _standard(image: Grey) -> Grey:
    """An image with mean 0 and standard deviation 1."""
    return (image - image.mean()) / (image.std() + 1e-6)


def _unit(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images (n, height, width) as vectors of mean 0 and length 1: the product of two is their correlation."""
    vectors = images.reshape(len(images), -1)
    vectors = vectors - vectors.mean(axis=1, keepdims=True)
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
