"""The dials of tissue, acoustics and display. They are apart from the tensor code that reads them so that a recipe can
be drawn, stored and read where torch is not installed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echodfkd.errors import InputError


@dataclass(frozen=True)
class Tissue:
    """Echo levels (dB) of one patient."""

    cavity: float
    background: float
    """What surrounds the heart."""
    unevenness: float
    """Standard deviation of the background's level over large patches."""
    thin_walls: float
    """Walls of RV and atria."""
    thin_wall: float
    """Their thickness, mm."""
    segments: tuple[float, ...]
    """Level of the LV wall from the septal annulus over the apex to the lateral annulus."""
    outer_edge: float
    """mm over which the wall passes into what surrounds it."""
    gradient: float
    """From endocardium to epicardium."""
    pericardium: float
    """Bright line outside the wall, at its strongest along the lateral wall."""
    specular: float
    """What a surface across the beam gains over one along it."""
    gap_place: float
    """Middle of a stretch of wall that drops out: -1 septal annulus, 0 apex, 1 lateral annulus."""
    gap_width: float
    gap_depth: float
    """How much it loses."""
    trabeculae: float
    """Depth (mm) of the trabeculated layer inside the endocardium; it thickens as the cavity shrinks."""
    leaflets: float
    leaflet_thickness: float
    """mm."""
    papillary: float
    papillary_size: float
    """mm."""
    annulus: float
    """Bright blobs at the hinges."""
    annulus_size: float
    """mm."""

    def __post_init__(self) -> None:
        if len(self.segments) < 2:
            raise InputError(f"Tissue: the wall needs a level for at least 2 segments, got {len(self.segments)}.")


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
    texture: float
    """Standard deviation of the tissue's own level over patches of some 8 mm, which move with it."""
    attenuation: float
    """What the time-gain compensation leaves wrong, from the probe to the lower edge."""
    edge_loss: float
    """Loss at the sector's sides."""
    shadow_angles: tuple[float, ...]
    """Middle of each shadow, -1..1 across the sector."""
    shadow_widths: tuple[float, ...]
    shadow_losses: tuple[float, ...]
    near_field: float
    """Clutter at the probe."""
    near_reach: float
    """Radius over which it falls by 20 dB."""
    haze: float
    """Reverberation over the whole sector."""
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


@dataclass(frozen=True)
class Display:
    """The scanner's display settings."""

    white: float
    """Level (dB over average myocardium) shown as white."""
    dynamic_range: float
    """dB from black to white."""
    gamma: float
    """Exponent of the grey curve; above 1 darkens."""
    black: float
    """Grey levels taken off at the end (reject)."""
    smoothing: float
    """Share of each pixel replaced by its neighbours' mean, 0..1."""

    def __post_init__(self) -> None:
        if not self.dynamic_range > 0 or not self.gamma > 0:
            raise InputError(
                f"Display: dynamic_range and gamma must be above 0, got {self.dynamic_range} and {self.gamma}."
            )
        if not 0 <= self.smoothing <= 1:
            raise InputError(f"Display: smoothing lies between 0 and 1, got {self.smoothing}.")


def sees(a: Acoustics, points: NDArray) -> bool:
    """Whether the sector and the image hold all of `points` (point, 2) in image coordinates, with 1 % to spare."""
    x, y = points[:, 0] - a.probe_x, points[:, 1] - a.probe_y
    radius, angle = np.hypot(x, y), np.rad2deg(np.arctan2(x, y)) - a.steer
    held = (np.abs(angle) < a.half_angle - 1) & (radius > a.nearest + 0.01) & (radius < a.depth - 0.01)
    return bool((held & (np.abs(points - 0.5) < 0.49).all(axis=1)).all())
