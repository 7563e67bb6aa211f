"""The table of distributions: from what range each number of a clip is drawn, and why.

"by choice" marks ranges for which no source is claimed: they were set by eye, wide rather than typical, because a
network that has seen more than reality holds will find reality easy.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

LANG = "Lang et al. 2015 (ASE/EACVI chamber quantification), widened"
LOOK = "by choice: where apical four-chamber clips of 112 pixels usually have it"
CHOICE = "by choice"


@dataclass(frozen=True)
class Uniform:
    """Every value from `low` to `high` alike."""

    low: float
    high: float

    def at(self, chance: float) -> float:
        """The value at `chance` 0..1 of the distribution."""
        return self.low + (self.high - self.low) * chance


@dataclass(frozen=True)
class Normal:
    """Normal, cut off at `low` and `high`."""

    mean: float
    deviation: float
    low: float
    high: float

    def at(self, chance: float) -> float:
        """The value at `chance` 0..1 of the distribution."""
        first, last = ndtr((self.low - self.mean) / self.deviation), ndtr((self.high - self.mean) / self.deviation)
        return self.mean + self.deviation * float(ndtri(first + (last - first) * chance))


@dataclass(frozen=True)
class Sometimes:
    """With probability `share` every value from `low` to `high` alike, otherwise 0."""

    share: float
    low: float
    high: float

    def at(self, chance: float) -> float:
        """The value at `chance` 0..1 of the distribution."""
        return self.low + (self.high - self.low) * chance / self.share if chance < self.share else 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table: `name` is group.dial, drawn `count` times."""

    name: str
    distribution: Uniform | Normal | Sometimes
    unit: str
    reason: str
    count: int = 1

    def draw(self, chances: np.ndarray) -> float | tuple[float, ...]:
        """The value for `count` chances in 0..1: a number, or a tuple where the table says more than one."""
        values = tuple(float(self.distribution.at(float(chance))) for chance in chances)
        return values if self.count > 1 else values[0]


TABLE: tuple[Row, ...] = (
    Row("rhythm.phase", Uniform(0, 1), "of a beat", "a clip may start anywhere"),
    Row("rhythm.early_filling", Uniform(0.35, 0.5), "of diastole", CHOICE),
    Row("rhythm.atrial_share", Uniform(0.12, 0.35), "of stroke volume", "about a fifth to a third; " + CHOICE),
    Row("rhythm.atrial_length", Uniform(0.2, 0.3), "of diastole", CHOICE),
    Row("anatomy.length", Normal(86, 8, 65, 110), "mm", "adult hearts; " + CHOICE),
    Row("anatomy.ratio", Normal(1.85, 0.2, 1.35, 2.4), "length / width", LOOK),
    Row("anatomy.length_share", Normal(0.51, 0.04, 0.4, 0.62), "of the image side", LOOK),
    Row("anatomy.base_x", Normal(0.575, 0.035, 0.46, 0.68), "of the image side", LOOK),
    Row("anatomy.base_y", Normal(0.7, 0.03, 0.62, 0.79), "of the image side", LOOK),
    Row("anatomy.axis", Normal(5, 8, -18, 28), "degrees", LOOK),
    Row("anatomy.roundness", Uniform(1.75, 2.5), "", CHOICE),
    Row("anatomy.widest", Uniform(0.5, 0.72), "of the length", CHOICE),
    Row("anatomy.taper", Uniform(0.06, 0.3), "of the width", CHOICE),
    Row("anatomy.septal_share", Normal(0.49, 0.03, 0.4, 0.58), "of the width", CHOICE),
    Row("anatomy.bend", Normal(0.0, 0.04, -0.1, 0.1), "of the width", CHOICE),
    Row("anatomy.base_tilt", Normal(0.0, 0.06, -0.14, 0.14), "of the length / width", CHOICE),
    Row("anatomy.sharpening", Uniform(0.2, 1), "", "the cavity is more triangular in systole; " + CHOICE),
    Row("anatomy.shortening", Uniform(0.2, 0.33), "of the length per EF", "12 to 20 % at an EF of 60 %; " + CHOICE),
    Row("anatomy.septum", Normal(9.5, 1.5, 6, 14), "mm", LANG),
    Row("anatomy.lateral", Normal(9, 1.5, 6, 14), "mm", LANG),
    Row("anatomy.apical", Normal(7, 1.5, 4, 11), "mm", "thinner than the rest; " + CHOICE),
    Row("anatomy.rv_width", Normal(37, 5, 24, 50), "mm", LANG),
    Row("anatomy.rv_length", Normal(0.8, 0.06, 0.62, 0.92), "of the LV's length", LANG + " (71 +- 6 mm)"),
    Row("anatomy.rv_lean", Uniform(0.05, 0.3), "", CHOICE),
    Row("anatomy.rv_shrink", Uniform(0.12, 0.4), "", CHOICE),
    Row("anatomy.tricuspid_offset", Normal(5, 2, 0.5, 10), "mm", "more apical than the mitral valve, normally below 8"),
    Row("anatomy.la_width", Normal(40, 5, 28, 56), "mm", LANG),
    Row("anatomy.la_length", Normal(48, 6, 34, 66), "mm", LANG),
    Row("anatomy.ra_width", Normal(38, 5, 26, 54), "mm", LANG),
    Row("anatomy.ra_length", Normal(46, 6, 32, 62), "mm", LANG),
    Row("anatomy.atrial_septum", Uniform(2.5, 6), "mm", CHOICE),
    Row("anatomy.atrial_lean", Normal(0.0, 0.12, -0.3, 0.3), "", CHOICE),
    Row("anatomy.atrial_growth", Uniform(0.05, 0.2), "", CHOICE),
    Row("anatomy.coaptation", Uniform(0.52, 0.7), "of the annulus", "the anterior leaflet is the longer one"),
    Row("anatomy.tenting", Uniform(1.5, 9), "mm", CHOICE),
    Row("anatomy.leaflet_swing", Uniform(45, 75), "degrees", CHOICE),
    Row("anatomy.rocking", Normal(0, 1.2, -3, 3), "mm", CHOICE),
    Row("anatomy.drift", Uniform(0, 1.8), "mm", CHOICE),
    Row("anatomy.drift_rate", Uniform(0.1, 0.9), "per clip", CHOICE),
    Row("anatomy.drift_phase", Uniform(0, 1), "", CHOICE),
    Row("tissue.cavity", Uniform(-52, -38), "dB", CHOICE),
    Row("tissue.background", Uniform(-30, -7), "dB", CHOICE),
    Row("tissue.unevenness", Uniform(3, 8), "dB", CHOICE),
    Row("tissue.thin_walls", Uniform(-9, 3), "dB", CHOICE),
    Row("tissue.thin_wall", Uniform(2.5, 5.5), "mm", "3 to 5 mm for the RV's wall (" + LANG + ")"),
    Row("tissue.segments", Normal(0, 4, -10, 8), "dB", CHOICE, count=7),
    Row("tissue.outer_edge", Uniform(1.5, 6), "mm", CHOICE),
    Row("tissue.gradient", Uniform(-4, 5), "dB", CHOICE),
    Row("tissue.pericardium", Uniform(0, 13), "dB", CHOICE),
    Row("tissue.specular", Uniform(0, 8), "dB", "surfaces across the beam reflect more; size " + CHOICE),
    Row("tissue.gap_place", Uniform(-1, 1), "of the contour", CHOICE),
    Row("tissue.gap_width", Uniform(0.15, 0.6), "of the contour", CHOICE),
    Row("tissue.gap_depth", Sometimes(0.5, 4, 24), "dB", CHOICE),
    Row("tissue.trabeculae", Uniform(0, 3.5), "mm", CHOICE),
    Row("tissue.leaflets", Uniform(-20, -3), "dB", CHOICE),
    Row("tissue.leaflet_thickness", Uniform(1.2, 2.1), "mm", CHOICE),
    Row("tissue.papillary", Uniform(-26, -6), "dB", CHOICE),
    Row("tissue.papillary_size", Uniform(2, 5), "mm", CHOICE),
    Row("tissue.annulus", Uniform(-4, 9), "dB", CHOICE),
    Row("tissue.annulus_size", Uniform(2, 4.5), "mm", CHOICE),
    Row("acoustics.probe_x", Normal(0.5, 0.015, 0.45, 0.55), "of the image side", LOOK),
    Row("acoustics.probe_y", Uniform(-0.02, 0.04), "of the image side", LOOK),
    Row("acoustics.half_angle", Uniform(35, 47), "degrees", LOOK),
    Row("acoustics.steer", Normal(0, 1.5, -4, 4), "degrees", LOOK),
    Row("acoustics.depth", Uniform(0.9, 1.0), "of the image side", LOOK),
    Row("acoustics.nearest", Uniform(0.0, 0.04), "of the image side", LOOK),
    Row("acoustics.axial", Uniform(0.1, 0.4), "", CHOICE),
    Row("acoustics.lateral", Uniform(0.15, 0.45), "", CHOICE),
    Row("acoustics.focus", Uniform(0.3, 0.75), "of the image side", CHOICE),
    Row("acoustics.defocus", Uniform(0, 0.5), "", CHOICE),
    Row("acoustics.texture", Uniform(1.5, 5.5), "dB", CHOICE),
    Row("acoustics.attenuation", Normal(0, 4, -9, 9), "dB", CHOICE),
    Row("acoustics.edge_loss", Uniform(0, 9), "dB", CHOICE),
    Row("acoustics.shadow_angles", Uniform(-1, 1), "of the half angle", CHOICE, count=2),
    Row("acoustics.shadow_widths", Uniform(0.08, 0.3), "of the half angle", CHOICE, count=2),
    Row("acoustics.shadow_losses", Sometimes(0.35, 3, 14), "dB", CHOICE, count=2),
    Row("acoustics.near_field", Normal(-3, 8, -20, 12), "dB", CHOICE),
    Row("acoustics.near_reach", Uniform(0.12, 0.35), "of the image side", CHOICE),
    Row("acoustics.haze", Uniform(-58, -44), "dB", CHOICE),
    Row("acoustics.haze_unevenness", Uniform(2, 6), "dB", CHOICE),
    Row("acoustics.noise", Uniform(-60, -48), "dB", CHOICE),
    Row("display.white", Uniform(11, 21), "dB", CHOICE),
    Row("display.dynamic_range", Uniform(42, 60), "dB", CHOICE),
    Row("display.gamma", Uniform(0.85, 1.4), "", CHOICE),
    Row("display.black", Uniform(-4, 16), "grey levels", CHOICE),
    Row("display.smoothing", Uniform(0.1, 0.7), "", CHOICE),
)

WORSE = {
    "tissue.cavity": 6.0,
    "tissue.gap_depth": 8.0,
    "acoustics.edge_loss": 5.0,
    "acoustics.near_field": 8.0,
    "acoustics.haze": 15.0,
    "acoustics.noise": 12.0,
}
"""dB that each level gains from the best image quality (1) to the worst (0): one number drives them together."""

INTERVAL_DEVIATION = {False: 0.025, True: 0.18}
"""Standard deviation of beat lengths over their mean, in a regular rhythm and in atrial fibrillation (by choice)."""

FILLING_DEVIATION = {False: 0.015, True: 0.06}
"""The same for the end-diastolic volumes."""


def as_markdown() -> str:
    """The table as Markdown lines, as docs/explanation/simulation.md shows it."""
    lines = ["| dial | drawn from | unit | reason |", "|---|---|---|---|"]
    for row in TABLE:
        times = f" ({row.count} times)" if row.count > 1 else ""
        lines.append(f"| `{row.name}` | {_words(row.distribution)}{times} | {row.unit or '-'} | {row.reason} |")
    return "\n".join(lines)


def _words(d: Uniform | Normal | Sometimes) -> str:
    if isinstance(d, Normal):
        return f"{d.mean:g} +- {d.deviation:g}, held in {d.low:g} .. {d.high:g}"
    chance = f"in {100 * d.share:g} % of clips, " if isinstance(d, Sometimes) else ""
    return f"{chance}{d.low:g} .. {d.high:g}"
