"""The table of distributions: from what range each number of a clip is drawn, and why.

Shape, place and motion of the left ventricle are drawn together, by `population`. "by choice" marks ranges for which no
source is claimed: they were set by eye, wide rather than typical, because a network that has seen more than reality
holds will find reality easy.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from echodfkd.synthetic import population

LANG = "about Lang et al. 2015 (ASE/EACVI chamber quantification), shifted and widened by choice"
LOOK = "guided by population figures of EchoNet-Dynamic, widened by choice"
TRACED = "how outlines of EchoNet-Dynamic lie to what is seen: statistics over patients"
CHOICE = "by choice"
MARKS = "scanners draw rulers, logos and an ECG; how often by choice"


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
    Row("rhythm.late_closure", Uniform(0, 0.6), "", CHOICE),
    Row("anatomy.length", Normal(88, 10, 62, 120), "mm", "adult hearts; " + CHOICE),
    Row("anatomy.width", Normal(1.0, 0.05, 0.85, 1.15), "", "breadth beyond the population; " + CHOICE),
    Row("anatomy.asymmetry", Normal(0.0, 0.01, -0.03, 0.03), "of the length", "walls move unalike; " + CHOICE),
    Row("anatomy.septum", Normal(12, 2.5, 5, 20), "mm", CHOICE),
    Row("anatomy.lateral_wall", Normal(9, 2, 5, 16), "mm", LANG),
    Row("anatomy.apical", Normal(8, 2.5, 3, 15), "mm", "thin, but cut at a slant in many views; " + CHOICE),
    Row("anatomy.rv_width", Normal(37, 7, 20, 58), "mm", LANG),
    Row("anatomy.rv_length", Normal(0.8, 0.09, 0.55, 1.0), "of the LV's length", LANG + " (71 +- 6 mm)"),
    Row("anatomy.rv_lean", Uniform(0.05, 0.3), "", CHOICE),
    Row("anatomy.rv_shrink", Uniform(0.12, 0.4), "", CHOICE),
    Row("anatomy.tricuspid_offset", Normal(5, 2, 0.5, 10), "mm", "more apical than the mitral valve, normally below 8"),
    Row("anatomy.la_width", Normal(33, 8, 18, 60), "mm", CHOICE),
    Row("anatomy.la_length", Normal(46, 9, 26, 74), "mm", CHOICE),
    Row("anatomy.ra_width", Normal(36, 10, 16, 62), "mm", CHOICE),
    Row("anatomy.ra_length", Normal(44, 10, 22, 72), "mm", CHOICE),
    Row("anatomy.atrial_septum", Uniform(3, 12), "mm", CHOICE),
    Row("anatomy.atrial_lean", Normal(0.0, 0.12, -0.3, 0.3), "", CHOICE),
    Row("anatomy.atrial_growth", Uniform(0.1, 0.5), "", CHOICE),
    Row("anatomy.coaptation", Uniform(0.42, 0.72), "of the annulus", "the anterior leaflet is the longer one"),
    Row("anatomy.tenting", Uniform(0, 8), "mm", CHOICE),
    Row("anatomy.leaflet_swing", Uniform(35, 80), "degrees", CHOICE),
    Row("anatomy.papillary_place", Uniform(0.3, 0.8), "of the contour's points", CHOICE, count=2),
    Row("anatomy.papillary_reach", Uniform(0.0, 0.25), "of the chord", CHOICE, count=2),
    Row("anatomy.papillary_length", Uniform(8, 26), "mm", CHOICE),
    Row("anatomy.papillary_bends", Normal(0, 1, -3, 3), "mm", CHOICE, count=8),
    Row("anatomy.beside_place", Uniform(0.2, 1), "of the contour's points", CHOICE, count=2),
    Row("anatomy.beside_distance", Uniform(14, 45), "mm", CHOICE, count=2),
    Row("anatomy.beside_length", Uniform(0, 28), "mm", CHOICE, count=2),
    Row("anatomy.spot_along", Uniform(4, 36), "mm", CHOICE, count=3),
    Row("anatomy.spot_across", Uniform(-45, 45), "mm", CHOICE, count=3),
    Row("anatomy.rocking", Normal(0, 2, -5, 5), "mm", CHOICE),
    Row("anatomy.drift", Uniform(0, 3), "mm", CHOICE),
    Row("anatomy.drift_rate", Uniform(0.1, 0.9), "per clip", CHOICE),
    Row("anatomy.drift_phase", Uniform(0, 1), "", CHOICE),
    Row("tracing.septal", Normal(1.0, 1.0, -3, 5), "mm", TRACED),
    Row("tracing.apical", Normal(-3.2, 3.0, -11, 7), "mm", TRACED),
    Row("tracing.lateral", Normal(-0.1, 2.2, -7, 7), "mm", TRACED),
    Row("tracing.base", Normal(3.3, 2.5, -4, 10), "mm", TRACED),
    Row("tracing.septal_more", Normal(3.2, 0.8, 0, 6), "mm", TRACED),
    Row("tracing.apical_more", Normal(2.0, 1.2, -2, 6), "mm", TRACED),
    Row("tracing.lateral_more", Normal(3.5, 1.0, 0, 7), "mm", TRACED),
    Row("tracing.base_more", Normal(-0.6, 1.0, -4, 3), "mm", TRACED),
    Row("tissue.cavity", Uniform(-56, -36), "dB", CHOICE),
    Row("tissue.rv_blood", Sometimes(0.5, 3, 30), "dB", "the RV often cannot be told from its surroundings; " + CHOICE),
    Row("tissue.atria_blood", Sometimes(0.6, 5, 34), "dB", CHOICE),
    Row("tissue.background", Normal(-11, 7, -34, 2), "dB", CHOICE),
    Row("tissue.background_slope", Normal(4, 10, -16, 32), "dB", CHOICE),
    Row("tissue.background_fall", Normal(0, 10, -24, 24), "dB", CHOICE),
    Row("tissue.unevenness", Uniform(3, 10), "dB", CHOICE),
    Row("tissue.thin_walls", Uniform(-16, 5), "dB", CHOICE),
    Row("tissue.thin_wall", Uniform(1.5, 6), "mm", "3 to 5 mm for the RV's wall (" + LANG + ")"),
    Row("tissue.room_edge", Uniform(1.5, 6), "mm", CHOICE),
    Row("tissue.thin_patchiness", Uniform(0, 10), "dB", "thin walls along the beam drop out; size " + CHOICE),
    Row("tissue.segments", Normal(0, 5, -14, 10), "dB", CHOICE, count=9),
    Row("tissue.septal_edge", Uniform(1.5, 5), "mm", CHOICE),
    Row("tissue.apical_edge", Uniform(4, 20), "mm", CHOICE),
    Row("tissue.lateral_edge", Uniform(5, 28), "mm", CHOICE),
    Row("tissue.systolic_edge", Uniform(0, 4), "mm", "trabeculae pressed together blur it; size " + CHOICE),
    Row("tissue.septal_border", Uniform(2, 8), "mm", CHOICE),
    Row("tissue.apical_border", Uniform(4, 20), "mm", CHOICE),
    Row("tissue.lateral_border", Uniform(3, 26), "mm", CHOICE),
    Row("tissue.gradient", Normal(3, 6, -10, 18), "dB", "often dim beneath the endocardium; size " + CHOICE),
    Row("tissue.ridge", Sometimes(0.5, 3, 18), "dB", "fibres across the beam shine as a line; size " + CHOICE),
    Row("tissue.ridge_place", Uniform(0.25, 1.0), "of the wall's thickness", CHOICE),
    Row("tissue.ridge_width", Uniform(1.2, 3.5), "mm", CHOICE),
    Row("tissue.pericardium", Uniform(-14, 14), "dB", "the strongest reflector beside the heart; size " + CHOICE),
    Row("tissue.pericardium_width", Uniform(2, 9), "mm", CHOICE),
    Row("tissue.specular", Uniform(0, 14), "dB", "surfaces across the beam reflect more; size " + CHOICE),
    Row("tissue.lateral_loss", Sometimes(0.35, 3, 24), "dB", "the lateral wall lies along the beam; size " + CHOICE),
    Row("tissue.septal_gain", Normal(4, 3, -5, 13), "dB", "its fibres lie across the beam; size " + CHOICE),
    Row("tissue.apical_loss", Uniform(4, 24), "dB", CHOICE),
    Row("tissue.gap_place", Uniform(-1, 1), "of the contour", CHOICE, count=2),
    Row("tissue.gap_width", Uniform(0.12, 0.6), "of the contour", CHOICE, count=2),
    Row("tissue.gap_depth", Sometimes(0.4, 4, 30), "dB", CHOICE, count=2),
    Row("tissue.trabeculae", Sometimes(0.35, 0.5, 6), "mm", "not in every heart nor everywhere; " + CHOICE, count=7),
    Row("tissue.compaction", Uniform(0.4, 1), "", "systole presses trabeculae against the wall; " + CHOICE),
    Row("tissue.leaflets", Uniform(-14, 8), "dB", CHOICE),
    Row("tissue.leaflet_thickness", Uniform(1.2, 2.6), "mm", CHOICE),
    Row("tissue.papillary", Uniform(-30, 3), "dB", CHOICE, count=2),
    Row("tissue.papillary_size", Uniform(2.5, 6), "mm", CHOICE),
    Row("tissue.annulus", Uniform(-14, 12), "dB", CHOICE),
    Row("tissue.annulus_size", Uniform(2, 7), "mm", CHOICE),
    Row("tissue.groove", Normal(2, 6, -20, 14), "dB", "fat behind the lateral hinge; " + CHOICE),
    Row("tissue.groove_size", Uniform(4, 12), "mm", CHOICE),
    Row("tissue.strips", Uniform(-40, 10), "dB", "moderator band, RV wall, pericardium, lung; " + CHOICE, count=2),
    Row("tissue.spots", Uniform(-70, 4), "dB", CHOICE, count=3),
    Row("tissue.spot_size", Uniform(3, 9), "mm", CHOICE),
    Row("acoustics.probe_x", Normal(0.51, 0.03, 0.4, 0.62), "of the image side", LOOK),
    Row("acoustics.probe_y", Uniform(-0.08, 0.13), "of the image side", LOOK),
    Row("acoustics.half_angle", Uniform(33, 55), "degrees", LOOK),
    Row("acoustics.steer", Normal(0, 3, -9, 9), "degrees", LOOK),
    Row("acoustics.depth", Uniform(0.86, 1.25), "of the image side", LOOK),
    Row("acoustics.nearest", Uniform(0.0, 0.1), "of the image side", LOOK),
    Row("acoustics.axial", Uniform(0.0, 0.05), "", CHOICE),
    Row("acoustics.lateral", Uniform(0.0, 0.28), "", CHOICE),
    Row("acoustics.focus", Uniform(0.3, 0.75), "of the image side", CHOICE),
    Row("acoustics.defocus", Uniform(0, 0.5), "", CHOICE),
    Row(
        "acoustics.coherence",
        Uniform(0.0, 0.75),
        "",
        "a pixel of a reduced image holds several grains of speckle, whose contrast falls; range " + CHOICE,
    ),
    Row("acoustics.texture", Uniform(0.5, 4.5), "dB", CHOICE),
    Row("acoustics.attenuation", Normal(0, 7, -18, 18), "dB", CHOICE),
    Row(
        "acoustics.edge_loss",
        Sometimes(0.7, 0, 24),
        "dB",
        "the aperture shrinks as the beam is steered; size " + CHOICE,
        count=2,
    ),
    Row("acoustics.streaks", Uniform(0, 2.5), "dB", CHOICE),
    Row("acoustics.shadow_angles", Uniform(-1, 1), "of the half angle", CHOICE, count=2),
    Row("acoustics.shadow_widths", Uniform(0.08, 0.45), "of the half angle", CHOICE, count=2),
    Row("acoustics.shadow_losses", Sometimes(0.35, 3, 24), "dB", CHOICE, count=2),
    Row("acoustics.near_field", Normal(-6, 9, -34, 10), "dB", CHOICE),
    Row("acoustics.near_reach", Uniform(0.08, 0.4), "of the image side", CHOICE),
    Row(
        "acoustics.near_loss",
        Sometimes(0.3, 8, 36),
        "dB",
        "an apex without echo, in a quarter of EchoNet-Dynamic's clips; size " + CHOICE,
    ),
    Row("acoustics.near_loss_reach", Uniform(0.12, 0.45), "of the image side", CHOICE),
    Row("acoustics.haze", Uniform(-60, -40), "dB", CHOICE),
    Row("acoustics.haze_slope", Normal(10, 10, -10, 35), "dB", "reverberation fades with depth; size " + CHOICE),
    Row("acoustics.haze_unevenness", Uniform(1, 6), "dB", CHOICE),
    Row("acoustics.noise", Uniform(-62, -44), "dB", CHOICE),
    Row("display.exposure", Normal(0.62, 0.1, 0.35, 0.9), "of white", CHOICE),
    Row("display.dynamic_range", Uniform(38, 68), "dB", CHOICE),
    Row("display.gamma", Uniform(0.7, 1.7), "", CHOICE),
    Row("display.black", Uniform(0, 24), "grey levels", CHOICE),
    Row("display.smoothing", Uniform(0.0, 0.15), "", CHOICE),
    Row("display.ruler", Sometimes(0.5, 60, 255), "grey levels", MARKS),
    Row("display.ruler_offset", Uniform(0.01, 0.09), "of the image side", CHOICE),
    Row("display.ruler_step", Uniform(0.012, 0.1), "of the image side", CHOICE),
    Row("display.logo", Sometimes(0.5, 60, 255), "grey levels", MARKS),
    Row("display.logo_x", Uniform(-0.1, 0.1), "of the image side", CHOICE),
    Row("display.trace", Sometimes(0.1, 60, 220), "grey levels", MARKS),
    Row("display.trace_y", Uniform(0.84, 0.97), "of the image side", CHOICE),
)

WORSE = {
    "tissue.cavity": 6.0,
    "acoustics.near_field": 8.0,
    "acoustics.haze": 12.0,
    "acoustics.noise": 12.0,
}
"""dB that each level gains from the best image quality (1) to the worst (0): one number drives them together."""

INTERVAL_DEVIATION = {False: 0.025, True: 0.18}
"""Standard deviation of beat lengths over their mean, in a regular rhythm and in atrial fibrillation (by choice)."""

FILLING_DEVIATION = {False: 0.015, True: 0.06}
"""The same for the end-diastolic volumes."""


def guided() -> list[str]:
    """The dials whose ranges are guided by statistics of patients, by name."""
    return [*population.counts(), *(row.name for row in TABLE if row.reason in (LOOK, TRACED))]


@lru_cache
def counts() -> dict[str, int]:
    """How many values each dial that is drawn has, by its name: the table's and the population's."""
    return {row.name: row.count for row in TABLE} | population.counts()


def as_markdown() -> str:
    """The population's dials and the table as Markdown lines, as docs/explanation/simulation.md shows them."""
    lines = ["| dial | drawn from | unit | reason |", "|---|---|---|---|"]
    for dial, drawn_from, unit in population.in_words():
        lines.append(f"| `{dial}` | {drawn_from} | {unit} | {population.source()} |")
    for row in TABLE:
        times = f" ({row.count} times)" if row.count > 1 else ""
        lines.append(f"| `{row.name}` | {words(row.distribution)}{times} | {row.unit or '-'} | {row.reason} |")
    return "\n".join(lines)


def words(d: Uniform | Normal | Sometimes) -> str:
    """A distribution in words: middle and deviation, or its ends."""
    if isinstance(d, Normal):
        return f"{d.mean:g} +- {d.deviation:g}, held in {d.low:g} .. {d.high:g}"
    chance = f"in {100 * d.share:g} % of clips, " if isinstance(d, Sometimes) else ""
    return f"{chance}{d.low:g} .. {d.high:g}"
