"""What is wrong with one clip: its frames, its list's row, its outlines and its ED and ES frames in, findings out."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echodfkd.clock import Clock, clock_of_rate, odd_rate
from echodfkd.data.dataset import Listed, Outline, enclosed_area
from echodfkd.data.findings import (
    BLANK_SHARE,
    LEAST_AREA,
    LEAST_CHANGE,
    LEAST_EDV,
    LEAST_FRAMES,
    LEAST_S,
    MARGIN,
    STILL_SHARE,
    WHITE,
    WHITE_SHARE,
    Finding,
)
from echodfkd.data.tracing import crossings
from echodfkd.errors import InputError
from echodfkd.lapses import LEAST_SPREAD, is_still


@dataclass(frozen=True)
class FilmFacts:
    """What a film shows, in a few numbers: frames, size, rate (Hz) if known, and five of its grey levels.

    `spread` is the standard deviation of a frame's grey levels and `white` the share of its pixels that are saturated,
    both the median over the frames; `blank` is the share of the frames that show nothing. `change` is the mean
    difference of two successive frames, the largest of all (None for a still), and `still` the longest run of changes
    that move hardly a pixel. `clock` is when they were taken, where more is known of it than the rate.
    """

    frames: int
    height: int
    width: int
    fps: float | None
    spread: float
    white: float
    change: float | None
    blank: float = 0.0
    still: int = 0
    clock: Clock = field(default_factory=Clock)


def film_facts(frames: Iterable[NDArray[np.uint8]], fps: float | None) -> FilmFacts:
    """The facts of a film from its frames (height, width) uint8, which pass one by one."""
    spreads, whites, changes, stills = [], [], [], [0]
    before, shape = None, (0, 0)
    for frame in frames:
        spreads.append(frame.std())
        whites.append(np.mean(frame >= WHITE))
        if before is not None:
            difference = np.maximum(frame, before) - np.minimum(frame, before)
            changes.append(np.mean(difference))
            stills.append(stills[-1] + 1 if is_still(frame, before) else 0)
        before, shape = frame, (frame.shape[0], frame.shape[1])
    if before is None:
        raise InputError("A film needs at least one frame, got none.")
    change = float(np.max(changes)) if changes else None
    blank = float(np.mean(np.array(spreads) < LEAST_SPREAD))
    levels = float(np.median(spreads)), float(np.median(whites))
    return FilmFacts(len(spreads), *shape, fps, *levels, change, blank, max(stills))


def film_findings(row: Listed, facts: FilmFacts) -> list[Finding]:
    """What is wrong with a film as it is, and as its list describes it.

    What is blank is not called static as well, and what is static not frozen.
    """
    told: dict[str, str] = {}
    if row.frames is not None and row.frames != facts.frames:
        told["frame-count"] = f"{facts.frames} frames, listed {row.frames}"
    if row.height and row.width and (row.height, row.width) != (facts.height, facts.width):
        told["size"] = f"{facts.height} x {facts.width} pixels, listed {row.height} x {row.width}"
    fps = row.fps or facts.fps
    odd = [odd_rate(facts.clock if fps is None else clock_of_rate(fps))]
    odd += [f"{facts.clock.dropped} frames dropped"] * bool(facts.clock.dropped)
    if any(odd) and facts.frames > 1:
        told["frame-rate"] = ", ".join(filter(None, odd))
    if facts.blank > BLANK_SHARE:
        told["blank"] = f"{facts.blank:.0%} of the frames; standard deviation {facts.spread:.2g} on half of them"
    elif facts.change is not None and facts.change < LEAST_CHANGE:
        told["static"] = f"largest change {facts.change:.2g}"
    elif facts.still >= LEAST_FRAMES and facts.still > STILL_SHARE * (facts.frames - 1):
        told["frozen"] = f"{facts.still} of {facts.frames - 1} changes in a row"
    if facts.white > WHITE_SHARE:
        told["saturated"] = f"{facts.white:.0%} of the pixels"
    return [Finding(row.name, reason, value) for reason, value in told.items()]


def volume_findings(row: Listed) -> list[Finding]:
    """Whether a list's volumes (ml) can be a heart's; what it does not tell is not looked at."""
    esv, edv = row.esv_ml, row.edv_ml
    if edv is not None and edv < LEAST_EDV:
        return [Finding(row.name, "volumes", f"EDV {edv:g} ml")]
    if esv is not None and edv is not None and esv > edv:
        return [Finding(row.name, "volumes", f"ESV {esv:g} ml above EDV {edv:g} ml")]
    return []


def outline_findings(name: str, outline: Outline, height: int, width: int) -> list[Finding]:
    """Whether an outline crosses itself, leaves an image of that size or is next to nothing in it.

    Pixel centres are whole numbers.
    """
    findings, where = [], f"frame {outline.frame}"
    if (area := enclosed_area(outline.points)) < LEAST_AREA * height * width and not crossings(outline.points):
        findings.append(Finding(name, "tiny-outline", f"{where}: {area:.3g} square pixels"))
    if count := crossings(outline.points):
        findings.append(Finding(name, "self-crossing", f"{where}: {count} times"))
    low, high = outline.points.min(axis=0), outline.points.max(axis=0)
    beyond = max(*(-MARGIN - low), *(high - (np.array([width, height]) - 1 + MARGIN)))
    if beyond > 0:
        findings.append(Finding(name, "out-of-frame", f"{where}: {beyond + MARGIN:.3g} pixels"))
    return findings


def phase_findings(name: str, phases: tuple[int, int], frames: int, fps: float | None) -> list[Finding]:
    """Whether ED and ES lie inside a clip of that many frames, and far enough apart to be two ends of a systole."""
    if max(phases) >= frames:
        return [Finding(name, "traced-frame", f"frame {max(phases)} of a film of {frames}")]
    apart = abs(phases[0] - phases[1])
    if apart >= LEAST_FRAMES and (fps is None or apart / fps >= LEAST_S):
        return []
    time = "" if fps is None else f", {apart / fps:.2g} s"
    return [Finding(name, "ed-es-close", f"{apart} frames{time} (frames {phases[0]} and {phases[1]})")]
