"""The dials of one patient's heart and of the view on it. `heart.py` makes shapes of them."""

from dataclasses import dataclass

from echodfkd.synthetic.dials import check_dials


@dataclass(frozen=True)
class Anatomy:
    """One patient and the view on the heart. Lengths in mm at end diastole unless a line says otherwise."""

    length: float
    """LV long axis, apex to annulus."""
    ratio: float
    """LV length over its greatest width."""
    length_share: float
    """LV length over the side of the image."""
    base_x: float
    """Where the middle of the mitral annulus lies, shares of the image side."""
    base_y: float
    axis: float
    """Lean of the LV's axis (degrees); above 0 the apex leans to the image's left."""
    roundness: float
    """Exponent of the apical cap; 2 is an ellipse, less is more pointed."""
    widest: float
    """Where the LV is widest: share of the way from apex to annulus."""
    taper: float
    """Loss of width from there to the annulus, share."""
    septal_share: float
    """Share of the width that lies on the septal side of the axis."""
    bend: float
    """Bow of the middle line, share of the width; above 0 towards the lateral wall."""
    base_tilt: float
    """Lean of the annulus against the axis: mm along U per mm along V, for a heart as wide as long."""
    sharpening: float
    """How much more triangular the cavity is at end systole, 0..1."""
    asymmetry: float
    """What septal_share gains by end systole: above 0 the septum stays and the lateral wall does the work."""
    shortening: float
    """Share of the length lost from end diastole to end systole, per unit of ejection fraction."""
    apical_share: float
    """Share of that loss by which the apex comes down; the base rises by the rest."""
    septum: float
    """Thickness of the septum, of the lateral wall and of the apex."""
    lateral: float
    apical: float
    rv_width: float
    rv_length: float
    """RV length over LV length."""
    rv_lean: float
    """Lean of the RV towards the septum: mm along V per mm along U."""
    rv_shrink: float
    """Share of the RV's width lost in systole."""
    tricuspid_offset: float
    """How far the tricuspid annulus lies apical of the mitral one."""
    la_width: float
    la_length: float
    ra_width: float
    ra_length: float
    atrial_septum: float
    """Thickness of the atrial septum."""
    atrial_lean: float
    """Lean of the atrial septum: mm along V per mm along U."""
    atrial_growth: float
    """Share of width the atria gain in systole."""
    coaptation: float
    """Where the mitral leaflets meet: share of the annulus from the septal hinge."""
    tenting: float
    """Height of the closed leaflets above the annulus."""
    leaflet_swing: float
    """Degrees by which the leaflets swing open."""
    papillary_place: tuple[float, ...]
    """Where the lateral and the medial papillary muscle stand: share of the contour's points from apex to annulus."""
    papillary_reach: tuple[float, ...]
    """How far they reach into the cavity: share of the chord; half as far at end systole."""
    papillary_length: float
    """How far they point towards the annulus."""
    papillary_bends: tuple[float, ...]
    """How far each of the four points of the lateral muscle, then of the medial one, lies off to the right."""
    beside_place: tuple[float, float]
    """Where bright strips lie left of the septum and right of the lateral wall: share of the contour's points ..."""
    beside_distance: tuple[float, float]
    """... distance from the endocardium, and length along U."""
    beside_length: tuple[float, float]
    spot_along: tuple[float, ...]
    """Where bright bodies lie: below the annulus, and to the right of its middle."""
    spot_across: tuple[float, ...]
    rocking: float
    """Sideways swing of the base in systole."""
    drift: float
    """Amplitude of the slow drift of the whole heart (breathing, the probe)."""
    drift_rate: float
    """Drifts per clip."""
    drift_phase: float
    """Where the drift starts, 0..1."""

    def __post_init__(self) -> None:
        check_dials(self, "above 0", "length", "ratio", "length_share", "roundness", "septum", "lateral", "apical")
        check_dials(self, "above 0", "rv_width", "rv_length", "la_width", "la_length", "ra_width", "ra_length")
        check_dials(self, "0 or more", "atrial_septum", "tenting", "papillary_length", "beside_length", "drift")
        check_dials(self, "between 0 and 1", "widest", "septal_share", "coaptation")
        check_dials(self, "in 0..1", "taper", "shortening", "apical_share", "rv_shrink")
        check_dials(self, "in 0..1", "papillary_place", "papillary_reach", "beside_place")
