"""Clips made worse by a stated amount, their truth moved along where the heart moves in the picture (paper 3.6).

Every kind is a function (frames, masks, strength, chance) -> Degraded and an entry of DEGRADATIONS, which says the unit
of its strength. Strength 0 leaves the clip as it is. The same seed draws the same noise and the same places for every
strength, so that strengths can be compared. Lengths are relative to the image, so that sizes can be.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echodfkd.clip import WORKING_SIZE, Frames, check_frames
from echodfkd.errors import InputError
from echodfkd.measure.shape import MaskClip, check_masks
from echodfkd.video.fan import fan

DYNAMIC_RANGE_DB = 60.0
"""What the grey scale from 0 to 255 is taken to span, as on many scanners: 1 dB is 4.25 grey levels. By choice."""

Seed = int | Sequence[int]
Chance = np.random.Generator


class Degraded(NamedTuple):
    """A degraded clip: frames (time, height, width) uint8, masks alike bool, and which frames of the clip they are."""

    frames: Frames
    masks: MaskClip
    kept: NDArray[np.intp]


@dataclass(frozen=True)
class Degradation:
    """One way to make a clip worse, the unit of its strength, the strengths to try, and what it stands for."""

    apply: Callable[[Frames, MaskClip, float, Chance], Degraded]
    unit: str
    strengths: tuple[float, ...]
    lowest: float
    highest: float
    words: str


def degrade(frames: Frames, masks: MaskClip, kind: str, strength: float, seed: Seed = 0) -> Degraded:
    """The clip with one of DEGRADATIONS at `strength` (in its unit), its masks moved along, and the frames kept.

    `frames` (time, height, width) uint8 and `masks` (time, height, width) bool are left as they are. Crop makes the
    image smaller, frame drop the clip shorter; everything else keeps the shape. Raises InputError for a kind that is
    unknown, a strength that it does not have, and shapes that differ.
    """
    check_frames(frames)
    check_masks(masks)
    if frames.shape != masks.shape:
        raise InputError(f"Frames and masks must have one shape, got {frames.shape} and {masks.shape}.")
    found = degradation(kind)
    if not found.lowest <= strength <= found.highest:
        raise InputError(
            f"Degradation {kind} has strengths from {found.lowest:g} to {found.highest:g} ({found.unit}), "
            f"got {strength}."
        )
    if strength == 0:
        return _same_place(frames.copy(), masks)
    return found.apply(frames, masks, float(strength), np.random.default_rng(seed))


def degradation(kind: str) -> Degradation:
    """The entry of DEGRADATIONS; InputError with the nearest name for an unknown one."""
    if kind not in DEGRADATIONS:
        near = difflib.get_close_matches(kind, DEGRADATIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(DEGRADATIONS)}."
        raise InputError(f"No degradation {kind}: {hint}")
    return DEGRADATIONS[kind]


def noise(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """Gaussian noise of that standard deviation in grey levels, anew for every pixel of the sector and every frame.

    Whoever works on a smaller image averages much of it away.
    """
    drawn = chance.standard_normal(frames.shape, np.float32)
    return _same_place(_grey(frames + np.float32(strength) * drawn * fan(frames)), masks)


def speckle(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """Grey levels times 1 + noise of that standard deviation, anew for every pixel and frame."""
    factor = 1 + np.float32(strength) * chance.standard_normal(frames.shape, np.float32)
    return _same_place(_grey(frames * factor), masks)


def blur(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """A Gaussian of that standard deviation within each frame, in pixels of an image of 112 pixels a side."""
    sigma = strength * max(frames.shape[1:]) / WORKING_SIZE
    blurred = ndimage.gaussian_filter(frames.astype(np.float32), (0, sigma, sigma), mode="nearest")
    return _same_place(_grey(blurred), masks)


def gain(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """The sector brighter (or, below 0, darker) by that many dB of a grey scale that spans 60 dB."""
    return _same_place(_grey(frames + fan(frames) * np.float32(255 / DYNAMIC_RANGE_DB * strength)), masks)


def contrast(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """That share of every difference to the sector's mean grey level lost: 1 leaves an even grey."""
    seen = np.broadcast_to(fan(frames), frames.shape)
    mean = np.float32(frames[seen].mean()) if seen.any() else np.float32(0)
    return _same_place(_grey(frames + np.float32(strength) * seen * (mean - frames)), masks)


def occlusion(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """A rectangle of that share of the image, of its proportions, black or white, in one place on all frames.

    The place is drawn so that it lies inside; the heart goes on below it, so the truth stays.
    """
    level = 255 * int(chance.integers(2))
    box = _window(frames.shape[1:], np.sqrt(strength), chance)
    covered = frames.copy()
    covered[(slice(None), *box)] = level
    return _same_place(covered, masks)


def shadow(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """A wedge of that many degrees without any echo, from the middle of the upper edge down, as behind a rib.

    Its direction is drawn within 30 degrees of the vertical and stays; the truth stays as well.
    """
    middle = chance.uniform(-30, 30)
    rows, columns = np.indices(frames.shape[1:])
    angle = np.degrees(np.arctan2(columns - (frames.shape[2] - 1) / 2, rows + 0.5))
    return _same_place(np.where(np.abs(angle - middle) <= strength / 2, np.uint8(0), frames), masks)


def drop(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """Every k-th frame from the first on, k being 1 + the number of frames left out between two: a slower camera.

    The clip's frame rate falls to the k-th part.
    """
    kept = np.arange(0, len(frames), 1 + round(strength))
    return Degraded(frames[kept], masks[kept], kept)


def crop(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """A window whose sides are shorter by that share, in a place drawn at random: the heart is larger and elsewhere."""
    box = _window(frames.shape[1:], 1 - strength, chance)
    return Degraded(frames[(slice(None), *box)].copy(), masks[(slice(None), *box)].copy(), np.arange(len(frames)))


def rotation(frames: Frames, masks: MaskClip, strength: float, chance: Chance) -> Degraded:
    """The image turned about its middle by that many degrees, anticlockwise above 0; what comes in is black."""
    turned, outlines = (
        ndimage.rotate(array.astype(np.float32), strength, axes=(1, 2), reshape=False, order=1, mode="constant")
        for array in (frames, masks)
    )
    return Degraded(_grey(turned), outlines >= 0.5, np.arange(len(frames)))


DEGRADATIONS = {
    "noise": Degradation(noise, "sd, grey levels", (10, 20, 40), 0, 255, "new in every frame"),
    "speckle": Degradation(speckle, "sd of the factor", (0.2, 0.4, 0.8), 0, 5, "grain that grows with brightness"),
    "blur": Degradation(blur, "sd, pixels of 112", (1, 2, 4), 0, 56, "a coarser beam"),
    "gain": Degradation(gain, "dB", (-20, -10, 10, 20), -60, 60, "turned too low or too high"),
    "contrast": Degradation(contrast, "share lost", (0.25, 0.5, 0.75), 0, 1, "a flat grey scale"),
    "occlusion": Degradation(occlusion, "share of the image", (0.02, 0.05, 0.1), 0, 0.9, "a black or white block"),
    "shadow": Degradation(shadow, "degrees", (5, 10, 20), 0, 90, "the shadow of a rib"),
    "drop": Degradation(drop, "frames left out between two", (1, 2, 4), 0, 1000, "a lower frame rate"),
    "crop": Degradation(crop, "share of each side", (0.1, 0.2, 0.3), 0, 0.9, "less depth, another place"),
    "rotation": Degradation(rotation, "degrees", (-20, -10, 10, 20), -180, 180, "a turned probe or image"),
}
"""Every kind by name. Strengths, by choice, go from what a careful sonographer might leave to what is plainly bad."""


def _same_place(frames: Frames, masks: MaskClip) -> Degraded:
    """Degraded frames on which the heart lies where it lay."""
    return Degraded(frames, masks.copy(), np.arange(len(frames)))


def _grey(levels: NDArray) -> Frames:
    """Levels rounded to whole grey levels and held within 0..255."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _window(size: tuple[int, ...], share: float, chance: Chance) -> tuple[slice, slice]:
    """Rows and columns of a window in a place drawn at random, its sides `share` of the image's and at least a pixel.

    The place is drawn as a share of the room there is, so that windows of several sizes are drawn alike.
    """
    places = chance.random(2)
    lengths = [max(1, round(share * side)) for side in size]
    starts = [int(place * (side - length + 1)) for place, side, length in zip(places, size, lengths, strict=True)]
    rows, columns = (slice(start, start + length) for start, length in zip(starts, lengths, strict=True))
    return rows, columns
