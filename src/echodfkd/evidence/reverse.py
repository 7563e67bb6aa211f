"""Reverse classification accuracy: how well a mask, taken for the truth of its image, labels other images.

Valindria et al., IEEE Trans Med Imaging 2017;36:1597 (arXiv:1702.03407). The image and its mask become an atlas; the
atlas is registered to images whose truth is known, and the best Dice it reaches there predicts its own. Here those
images are few, small and drawn by a simulator, so nobody's masks are needed.

Registration depends on the images alone: `correspondences` are found once a frame and serve any number of masks. First
place and size, by the normalised correlation of coarse images over a fixed grid; then the demons of Thirion (Medical
Image Analysis 1998;2:243), smoothed after each step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, gaussian_filter, map_coordinates, shift

from echodfkd.clip import Frames, evenly_spread
from echodfkd.errors import InputError
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import Mask, MaskClip, check_masks
from echodfkd.resize import fit

Grey = NDArray[np.float64]  # (size, size)
Field = NDArray[np.float64]  # (2, size, size): row and column in the image for each pixel of an atlas

# Lengths are shares of the image's side. All by choice, tried on simulated clips.
NEAREST = 12
"""Atlases that are registered: those that are most alike once place and size fit."""
SIZES = (0.75, 0.87, 1.0, 1.15, 1.33)
"""Of the atlas's heart over the image's, those that are tried."""
SHIFTS = np.linspace(-0.22, 0.22, 9)
"""Ways up, down and to the sides that are tried."""
BLUR = 0.018
"""Standard deviation of the Gaussian before anything is compared: 1 pixel of 56."""
ITERATIONS = 30
STIFFNESS = 0.027
"""Standard deviation by which the demons' field is smoothed after each step: 1.5 pixels of 56."""
COARSE = slice(2, None, 4)
"""Rows and columns of the coarse images."""
ATLAS_NUMBERS = 9_000_000
"""The first number of the clips that atlases are cut from: none that a study draws."""


@dataclass(frozen=True)
class Atlases:
    """Small images (atlas, size, size) uint8 and their true masks, bool of the same shape."""

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.frames.shape[1]

    @cached_property
    def centred(self) -> NDArray[np.bool_]:
        """The masks, each moved to the middle."""
        return np.stack([centred(mask) for mask in self.masks])


def drawn_atlases(count: int, size: int, seed: int) -> Atlases:
    """One frame and its true mask from each of `count` simulated clips, at whatever phase they begin. Needs torch."""
    from echodfkd.synthetic.annotator import TRACED
    from echodfkd.synthetic.generate import generate
    from echodfkd.synthetic.recipe import Conditions, draw_recipe

    recipes = [draw_recipe(Conditions(), seed, ATLAS_NUMBERS + number, 2) for number in range(count)]
    made = generate(recipes, 112, structures=("lv",), annotator=TRACED)
    return Atlases(fit(made.frames[:, 0], size), fit(made.masks[:, 0, 0], size) >= 128)


@dataclass(frozen=True)
class Correspondence:
    """For each pixel of one atlas the place (flat index) in the image that looks like it: `places` (size, size)."""

    atlas: int
    places: NDArray[np.intp]


class Register:
    """Atlases made ready to be registered to one frame after another."""

    def __init__(self, atlases: Atlases, nearest: int = NEAREST, iterations: int = ITERATIONS):
        self.atlases, self.nearest, self.iterations = atlases, nearest, iterations
        self._grid: Field = np.mgrid[: atlases.size, : atlases.size].astype(np.float64)
        ways = SHIFTS * atlases.size
        self._starts = [_scaled(self._grid, scale, way) for scale, *way in product(SIZES, ways, ways)]
        self._coarse_starts = np.stack([start[:, COARSE, COARSE] for start in self._starts], axis=1)
        blurred = [_blurred(frame) for frame in atlases.frames]
        self._coarse = _unit(np.stack([image[COARSE, COARSE] for image in blurred]))
        self._sharp = [_standard(image) for image in blurred]

    def correspondences(self, frame: NDArray[np.uint8]) -> list[Correspondence]:
        """The most similar atlases, each registered to a frame (size, size) uint8; InputError for another size."""
        size = self.atlases.size
        if frame.dtype != np.uint8 or frame.shape != (size, size):
            raise InputError(f"Atlases of {size} pixels need frames of that size, got {frame.dtype} {frame.shape}.")
        blurred = _blurred(frame)
        moved = map_coordinates(blurred, self._coarse_starts, order=1, mode="nearest")
        alike = self._coarse @ _unit(moved).T  # (atlas, start)
        chosen = np.argsort(-alike.max(axis=1), kind="stable")[: self.nearest]
        image, best = _standard(blurred), alike.argmax(axis=1)
        fields = (self._deformed(self._sharp[atlas], image, self._starts[best[atlas]]) for atlas in chosen)
        return [Correspondence(int(atlas), _places(field)) for atlas, field in zip(chosen, fields, strict=True)]

    def _deformed(self, atlas: Grey, image: Grey, start: Field) -> Field:
        """Where the atlas's pixels lie in the image after the demons."""
        slope: Field = np.array(np.gradient(atlas))
        steepness, way = (slope**2).sum(axis=0), start - self._grid
        for _ in range(self.iterations):
            difference = map_coordinates(image, self._grid + way, order=1, mode="nearest") - atlas
            force = -difference * slope / (steepness + difference**2 + 1e-3)
            way = np.stack([gaussian_filter(part, STIFFNESS * self.atlases.size) for part in way + force])
        return self._grid + way


def atlas_register(count: int, size: int, seed: int) -> Register | None:
    """So many atlases, drawn and ready; None where none is wanted or torch is missing."""
    return Register(drawn_atlases(count, size, seed)) if count and find_spec("torch") is not None else None


def reverse_evidence(
    frames: Frames, masks: Mapping[str, MaskClip], register: Register | None, most: int
) -> dict[str, dict[str, float]]:
    """For each segmenter the mean `reverse` and `reverse.prior` over `most` frames; nothing without atlases."""
    if register is None:
        return {name: {} for name in masks}
    at, atlases = evenly_spread(len(frames), most), register.atlases
    found = [register.correspondences(frame) for frame in fit(frames[at], atlases.size)]
    evidence = {}
    for name, inside in masks.items():
        small = fit(inside[at].astype(np.uint8) * np.uint8(255), atlases.size) >= 128
        pairs = zip(small, found, strict=True)
        evidence[name] = {
            "reverse": float(np.mean([reverse_dice(mask, there, atlases) for mask, there in pairs])),
            "reverse.prior": float(np.mean([prior_dice(mask, atlases) for mask in small])),
        }
    return evidence


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
    if not mask.any():
        return 0.0
    return float(dice(np.broadcast_to(centred(mask), atlases.masks.shape), atlases.centred).max())


def centred(mask: Mask) -> Mask:
    """The mask (height, width) moved so that its centroid lies in the middle of the image; an empty one as it is."""
    if not mask.any():
        return mask
    way = (np.array(mask.shape) - 1) / 2 - np.array(center_of_mass(mask))
    return np.asarray(shift(mask.astype(np.float64), way, order=1) >= 0.5)


def _scaled(grid: Field, scale: float, way: Sequence[float]) -> Field:
    """The places in the image of an atlas's pixels whose heart is `scale` times the image's, moved by (down, aside)."""
    centre = (grid.max() + grid.min()) / 2
    return (grid - centre) / scale + centre + np.array(way)[:, None, None]


def _places(field: Field) -> NDArray[np.intp]:
    """The nearest pixels of the image, as flat indices."""
    size = field.shape[-1]
    row, column = np.clip(np.rint(field), 0, size - 1).astype(np.intp)
    return row * size + column


def _blurred(frame: NDArray[np.uint8]) -> Grey:
    """A frame after a Gaussian of BLUR."""
    return np.asarray(gaussian_filter(frame.astype(np.float64), BLUR * len(frame)))


def _standard(image: Grey) -> Grey:
    """An image with mean 0 and standard deviation 1."""
    return (image - image.mean()) / (image.std() + 1e-6)


def _unit(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images (n, height, width) as vectors of mean 0 and length 1: the product of two is their correlation."""
    vectors = images.reshape(len(images), -1)
    vectors = vectors - vectors.mean(axis=1, keepdims=True)
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
