"""The dials of tissue, acoustics and display. They are apart from the tensor code that reads them so that a recipe can
be drawn, stored and read where torch is not installed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError

RULES: dict[str, Callable[[float], bool]] = {
    "above 0": lambda value: value > 0,
    "0 or more": lambda value: value >= 0,
    "between 0 and 1": lambda value: 0 < value < 1,
    "in 0..1": lambda value: 0 <= value <= 1,
    "0 or more and below 1": lambda value: 0 <= value < 1,
    "in -15..15": lambda value: -15 <= value <= 15,
    "in 0..255": lambda value: 0 <= value <= 255,
}
"""What a dial must be, in words, and whether a number is."""


def check_dials(dials: Any, rule: str, *names: str) -> None:
    """InputError where one of the named dials, or a number of its tuple, breaks one of RULES; NaN breaks them all."""
    for name in names:
        value = getattr(dials, name)
        if not all(map(RULES[rule], value if isinstance(value, tuple) else (value,))):
            raise InputError(f"{type(dials).__name__}: {name} must be {rule}, got {value}.")


@dataclass(frozen=True)
class Tissue:
    """Echo levels (dB) of one patient."""

    cavity: float
    rv_blood: float
    """What clutter adds to the cavity of the RV; the atria's follows."""
    atria_blood: float
    background: float
    """What surrounds the heart."""
    background_slope: float
    """What it gains from the image's left to its right."""
    background_fall: float
    """What it gains from the image's top to its bottom."""
    unevenness: float
    """Standard deviation of the background's level over large patches."""
    thin_walls: float
    """Walls of RV and atria."""
    thin_patchiness: float
    """Standard deviation of their level over large patches."""
    thin_wall: float
    """Their thickness, mm."""
    room_edge: float
    """mm over which the blood of RV and atria passes into their walls."""
    segments: tuple[float, ...]
    """Level of the LV wall from the septal annulus over the apex to the lateral annulus."""
    septal_edge: float
    """mm over which the cavity passes into the wall: at the septum, the apex and the lateral wall."""
    apical_edge: float
    lateral_edge: float
    systolic_edge: float
    """mm that all three gain in systole, which presses the trabeculae together."""
    septal_border: float
    """mm over which the wall passes into what surrounds it, at the same three."""
    apical_border: float
    lateral_border: float
    gradient: float
    """From endocardium to epicardium."""
    ridge: float
    """A bright line inside the wall, at its brightest; the rest of the wall loses half as much. 0: none."""
    ridge_place: float
    """Where it runs: 0 at the endocardium, 1 at the epicardium. A wall that thickens takes it along."""
    ridge_width: float
    """mm from its brightest line to where it has lost 12 dB."""
    pericardium: float
    """Bright band outside the wall, at its strongest along the lateral wall and on past its annulus."""
    pericardium_width: float
    """mm from its brightest line to where it has lost 12 dB."""
    specular: float
    """What a surface across the beam gains over one along it."""
    lateral_loss: float
    """What the lateral wall, along the beam and far from its focus, loses."""
    septal_gain: float
    """What the septum gains, whose fibres lie across the beam."""
    apical_loss: float
    """What the apex loses, whose fibres lie along the beam."""
    gap_place: tuple[float, ...]
    """Middles of stretches of wall that drop out: -1 septal annulus, 0 apex, 1 lateral annulus."""
    gap_width: tuple[float, ...]
    gap_depth: tuple[float, ...]
    """How much they lose."""
    trabeculae: tuple[float, ...]
    """Depth (mm) of the trabeculated layer inside the endocardium, from the septal annulus round to the lateral one."""
    compaction: float
    """Share of that depth that is pressed flat in systole."""
    leaflets: float
    leaflet_thickness: float
    """mm."""
    papillary: tuple[float, ...]
    """Of the lateral muscle and of the medial one."""
    papillary_size: float
    """mm."""
    annulus: float
    """Bright blobs at the hinges."""
    annulus_size: float
    """mm."""
    groove: float
    """Bright fat of the groove, behind the lateral hinge of the mitral valve."""
    groove_size: float
    """mm."""
    strips: tuple[float, float]
    """Bright strips left of the septum and right of the lateral wall (moderator band, RV wall, pericardium, lung)."""
    spots: tuple[float, ...]
    """Bright bodies below the annulus (fat of the groove, calcium, the coronary sinus)."""
    spot_size: float
    """mm."""

    def __post_init__(self) -> None:
        if len(self.segments) < 2:
            raise InputError(f"Tissue: the wall needs a level for at least 2 segments, got {len(self.segments)}.")
        if len({len(self.gap_place), len(self.gap_width), len(self.gap_depth)}) != 1:
            raise InputError("Tissue: every gap needs a place, a width and a depth.")
        check_dials(self, "above 0", "room_edge", "septal_edge", "apical_edge", "lateral_edge")
        check_dials(self, "above 0", "septal_border", "apical_border", "lateral_border")
        check_dials(self, "above 0", "ridge_width", "pericardium_width", "gap_width")
        check_dials(self, "above 0", "leaflet_thickness", "papillary_size", "annulus_size", "spot_size")
        check_dials(self, "0 or more", "systolic_edge", "unevenness", "thin_wall", "thin_patchiness", "trabeculae")
        check_dials(self, "in 0..1", "ridge_place", "compaction")


@dataclass(frozen=True)
class Acoustics:
    """The probe, its settings and the window it looks through. Levels in dB, lengths in shares of the image side."""

    probe_x: float
    probe_y: float
    """Where the sector's tip lies; a little above or below the image's top."""
    half_angle: float
    """Degrees."""
    steer: float
    """Degrees by which the sector's middle leans to the right."""
    depth: float
    """Radius of the sector's lower edge."""
    nearest: float
    """Radius of its upper edge."""
    axial: float
    """Point spread: weight of the neighbours along the beam, 0..0.5."""
    lateral: float
    """The same across the beam, where the beam is in focus."""
    focus: float
    """Radius at which it is."""
    defocus: float
    """What the weight gains per unit of radius away from there."""
    coherence: float
    """Share of the tissue's amplitude that does not fluctuate: 0 is fully developed speckle, towards 1 it fades."""
    texture: float
    """Standard deviation of the tissue's own level over patches of some 8 mm, which move with it."""
    attenuation: float
    """What the time-gain compensation leaves wrong, from the probe to the lower edge."""
    edge_loss: tuple[float, float]
    """Loss at the sector's left and right side."""
    streaks: float
    """Standard deviation of the gain over arcs that are long across the beam and short along it."""
    shadow_angles: tuple[float, ...]
    """Middle of each shadow, -1..1 across the sector."""
    shadow_widths: tuple[float, ...]
    shadow_losses: tuple[float, ...]
    near_field: float
    """Clutter at the probe."""
    near_reach: float
    """Radius over which it falls by 20 dB."""
    near_loss: float
    """Loss of tissue echo at the probe, where it lies badly on the chest."""
    near_loss_reach: float
    """Radius at which that loss has ended."""
    haze: float
    """Reverberation over the whole sector, at mid depth."""
    haze_slope: float
    """What it loses from the probe to the lower edge."""
    haze_unevenness: float
    """Standard deviation of its level over large patches."""
    noise: float
    """Thermal noise at mid depth; it rises by 8 dB from there to the lower edge."""

    def __post_init__(self) -> None:
        if not 0 < self.half_angle < 90 or not 0 <= self.nearest < self.depth:
            raise InputError(
                f"A sector needs a half angle of 0 to 90 degrees and nearest < depth, got {self.half_angle}, "
                f"{self.nearest} and {self.depth}."
            )
        if not 0 <= self.axial <= 0.5 or not 0 <= self.lateral <= 0.5:
            raise InputError(f"Weights of the point spread lie in 0..0.5, got {self.axial} and {self.lateral}.")
        check_dials(self, "above 0", "near_reach", "near_loss_reach", "shadow_widths")
        check_dials(self, "0 or more", "defocus", "texture", "streaks", "haze_unevenness")
        check_dials(self, "0 or more and below 1", "coherence")


@dataclass(frozen=True)
class Display:
    """The scanner's display settings."""

    exposure: float
    """Grey value, 0..1, at which average myocardium is shown: operators set the gain by what they see."""
    dynamic_range: float
    """dB from black to white."""
    gamma: float
    """Exponent of the grey curve; above 1 darkens."""
    black: float
    """Grey levels taken off at the end (reject)."""
    smoothing: float
    """Share of each pixel replaced by its neighbours' mean, 0..1."""
    ruler: float
    """Grey level of the dots beside the sector; 0 draws none, as for all marks."""
    ruler_offset: float
    """Their distance from the sector and from each other, shares of the image side."""
    ruler_step: float
    logo: float
    """Grey level of a dot at the sector's tip, and its place to the tip's right."""
    logo_x: float
    trace: float
    """Grey level of an ECG line, and its height in the image."""
    trace_y: float

    def __post_init__(self) -> None:
        check_dials(self, "above 0", "dynamic_range", "gamma", "ruler_step")
        check_dials(self, "in 0..1", "smoothing", "exposure")
        check_dials(self, "in 0..255", "ruler", "logo", "trace")

    @property
    def white(self) -> float:
        """Level (dB over average myocardium) shown as white."""
        return self.dynamic_range * (1 - self.exposure ** (1 / self.gamma))


def sees(a: Acoustics, points: NDArray) -> bool:
    """Whether sector and image hold nine tenths of `points` (point, 2), image coordinates, with 1 % to spare.

    Humans trace what they know to be there, a little beyond what they see.
    """
    x, y = points[:, 0] - a.probe_x, points[:, 1] - a.probe_y
    radius, angle = np.hypot(x, y), np.rad2deg(np.arctan2(x, y)) - a.steer
    held = (np.abs(angle) < a.half_angle - 1) & (radius > a.nearest + 0.01) & (radius < a.depth - 0.01)
    return bool((held & (np.abs(points - 0.5) < 0.49).all(axis=1)).mean() > 0.9)
