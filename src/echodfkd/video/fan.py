"""The fan of an ultrasound image: the pixels that ever show the body, apart from text, scales and curves around it."""

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Part, check_frames
from echodfkd.errors import InputError
from echodfkd.pieces import bulge, largest_component, pieces

LIT = 12
"""Grey level above which a pixel shows something on some frame. By choice: above what video coding adds to black."""
PARTED = 0.05
"""Share of the largest piece from which another belongs to the fan, too: a rib's shadow cuts it. By choice."""
STRIP = 0.8
"""Share of the box around it from which a piece is a strip of a screen, of a curve or of colours. By choice."""
STROKE = 240
"""What is thinner than twice a 240th of the image's shorter side is a stroke of text or a curve. By choice."""

BRIGHT, TINTED = 100, 0.9
"""Where this share of what is brighter than that is coloured, the whole image is tinted: grey in another ink."""
FLOW = 0.01
"""Share of the fan that is coloured, on average over the frames, from which it is colour Doppler. By choice: the curve
of an ECG that crosses the fan is about half of that."""
LEAST_FAN, MOST_WHITE, WHITE = 0.02, 0.5, 240
"""Shares of the frame: a smaller fan is none, and where more is nearly white it is a printed page. By choice."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
COLOURED = 40
"""How far red or blue lies from luma where a pixel is coloured. By choice: above what JPEG adds."""

Pixels = NDArray[np.bool_]  # (height, width)


def luma(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The grey (height, width) of an RGB frame (height, width, 3)."""
    return np.rint(frame.astype(np.float32) @ LUMA).astype(np.uint8)


def coloured(frame: NDArray[np.uint8]) -> Pixels:
    """The pixels of an RGB frame (height, width, 3) that are coloured."""
    grey = luma(frame).astype(np.int16)
    return np.asarray((abs(frame[..., 0] - grey) > COLOURED) | (abs(frame[..., 2] - grey) > COLOURED))


def fan(frames: NDArray[np.uint8], *, parted: bool = False) -> Pixels:
    """The pixels (height, width) of a clip's fan (time, height, width) uint8; what lies beside it is black, or marks.

    It is the largest piece of what is ever lit (above LIT), filled in every row from its first to its last pixel, so
    that a black cavity is part of it and marks beside it are not. Where it may be `parted` by shadows, other large
    pieces belong to it, but for strips of a screen. For images without a second fan.
    """
    check_frames(frames)
    lit = np.asarray(frames.max(axis=0) > LIT)
    piece = _with_parts(lit) if parted else largest_component(lit)
    after, before = (np.logical_or.accumulate(piece[:, ::step], axis=1)[:, ::step] for step in (1, -1))
    return np.asarray(after & before)


def _with_parts(lit: Pixels) -> Pixels:
    """The largest piece, and others of a share of PARTED that are no strip of a screen: one that fills its box."""
    found = pieces(lit)
    if len(found.areas) < 2:
        return lit
    largest = int(np.argmax(found.areas))
    whole = found.mask(largest)
    for piece in np.flatnonzero(found.areas >= PARTED * found.areas.max()):
        part = found.mask(int(piece))
        if piece != largest and part[box(part)].mean() < STRIP:
            whole = whole | part
    return whole


class Screen:
    """What is counted for every pixel of a scanner's screen, frame by frame, to tell its fan from all around it."""

    def __init__(self, size: tuple[int, int]):
        self.frames = 0
        self.brightest, self.darkest = np.zeros(size, np.uint8), np.full(size, 255, np.uint8)
        self.coloured, self.bright, self.both = np.zeros((3, *size), np.uint32)

    def add(self, grey: NDArray[np.uint8], coloured: Pixels | None = None) -> None:
        """Takes one frame (height, width) in, and which of its pixels are coloured."""
        self.frames += 1
        np.maximum(self.brightest, grey, out=self.brightest)
        np.minimum(self.darkest, grey, out=self.darkest)
        if coloured is not None:
            bright = grey >= BRIGHT
            self.coloured += coloured
            self.bright += bright
            self.both += coloured & bright

    def fan(self, within: Part | None = None) -> Pixels:
        """The fan (height, width), `within` a box where one is known. InputError where it is coloured or missing.

        Of a clip it is what moves: text, bars and logos do not. Of a still, or where nothing moves, it is what is not
        flat.
        """
        if np.mean(self.brightest >= WHITE) > MOST_WHITE:
            raise InputError("It is mostly white, as a page of a report is: no 2-D ultrasound image.")
        inside = np.zeros(self.brightest.shape, bool)
        inside[within or ...] = True
        inside &= (self.brightest > LIT) & ((self.coloured == 0) | self.tinted)
        moving = inside & (self.brightest - self.darkest > LIT)
        found = fan_on_screen(moving if moving.mean() > LEAST_FAN else inside & rough(self.brightest))
        if found.mean() < LEAST_FAN:
            raise InputError("It shows no fan of a 2-D ultrasound image: a report, a table, or a black screen.")
        self.check_grey(found)
        return found

    @property
    def tinted(self) -> bool:
        """Whether the whole image is grey in another ink."""
        return bool(self.both.sum() > TINTED * self.bright.sum())

    def check_grey(self, found: Pixels) -> None:
        """InputError where more than FLOW of the fan `found` is coloured, on average over the frames."""
        share = float(self.coloured[found].mean()) / self.frames if found.any() else 0.0
        if share > FLOW and not self.tinted:
            raise InputError(f"It is colour Doppler or another coloured image: {100 * share:.2g} % of its fan.")


def box(pixels: Pixels) -> Part:
    """The rows and columns from the first to the last that hold one of the `pixels`, of which there must be some."""
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def fan_on_screen(lit: Pixels) -> Pixels:
    """The fan on a scanner's screen, of the pixels (height, width) that show something of it.

    Strokes are taken off before the `fan` is looked for, so that text and curves that touch it do not count. Its dark
    rims belong to it: it is filled to its convex hull.
    """
    side = max(1, round(min(lit.shape) / STROKE))
    padded = np.pad(np.asarray(lit), 2 * side, mode="edge")  # the frame's own edge takes nothing off
    dense = ~_grown(~_grown(padded, side), 2 * side)
    dense = padded & _grown(dense, 2 * side)  # the fan's tips are as thin as strokes
    found = fan(255 * dense[None, 2 * side : -2 * side, 2 * side : -2 * side].astype(np.uint8))
    return hull(found)


def rough(picture: NDArray[np.uint8]) -> Pixels:
    """The pixels (height, width) of a still that differ from a neighbour: tissue, not the flat bars of a screen."""
    levels, found = picture.astype(np.int16), np.zeros(picture.shape, bool)
    for axis in (0, 1):
        steps = abs(np.diff(levels, axis=axis)) > 1
        found |= np.insert(steps, 0, False, axis=axis) | np.insert(steps, steps.shape[axis], False, axis=axis)
    return found


def _grown(mask: Pixels, reach: int) -> Pixels:
    """The pixels within `reach` rows and columns of one of the mask."""
    for axis in (0, 1):
        edge = [(reach, reach) if axis == n else (0, 0) for n in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, edge), 2 * reach + 1, axis)
        mask = np.asarray(windows.any(axis=-1), np.bool_)
    return mask


def hull(piece: Pixels) -> Pixels:
    """The pixels (height, width) of the convex hull of the centres of those of `piece`."""
    found = np.zeros_like(piece)
    rows = np.flatnonzero(piece.any(axis=1))
    if not len(rows):
        return found
    first, last = piece[rows].argmax(axis=1), piece.shape[1] - 1 - piece[rows, ::-1].argmax(axis=1)
    inner = np.arange(rows[0], rows[-1] + 1)
    sides = [(-1, np.array(bulge(rows, -first))), (1, np.array(bulge(rows, last)))]
    left, right = (sign * np.interp(inner, corners[:, 0], corners[:, 1]) for sign, corners in sides)
    columns = np.arange(piece.shape[1])
    found[inner] = (columns >= np.ceil(left - 1e-6)[:, None]) & (columns <= np.floor(right + 1e-6)[:, None])
    return found
