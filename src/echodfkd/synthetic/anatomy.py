"""The dials of one patient's heart and of the view on it. `heart.py` makes shapes of them."""

from dataclasses import dataclass

from echodfkd.synthetic.dials import check_dials


@dataclass(frozen=True)
class Anatomy:
    """One patient and the view on the heart. Lengths in mm at end diastole unless a line says otherwise.

    The contour described here is the one that tracers draw; `Tracing` says where the endocardium lies beside it.
    """

    length: float
    """LV long axis, apex to annulus."""
    width: float
    """Factor on the width of the contour that the dials from `base_tilt` on describe."""
    base_x: float
    """Where the middle of the mitral annulus lies at end diastole, shares of the image side."""
    base_y: float
    length_share: float
    """LV length over the side of the image."""
    axis: float
    """Lean of the LV's axis (degrees); above 0 the apex leans to the image's left."""
    base_tilt: float
    """How much nearer to the apex the septal end of the annulus is than the middle, share of the length."""
    base_width: float
    """Half the annulus, share of the length."""
    septal: tuple[float, ...]
    """Coefficients of the septal side, from the apex on; `ventricle.sides` has the formula."""
    lateral: tuple[float, ...]
    """The same of the lateral side."""
    base_x_es: float
    """The last eight again, at end systole; in between they go with the contraction."""
    base_y_es: float
    length_share_es: float
    axis_es: float
    base_tilt_es: float
    base_width_es: float
    septal_es: tuple[float, ...]
    lateral_es: tuple[float, ...]
    asymmetry: float
    """Shift of both sides' middle towards the septum at end systole, share of the length: one wall does more than its
    share of the work."""
    septum: float
    """Thickness of the septum, of the lateral wall and of the apex."""
    lateral_wall: float
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
        check_dials(self, "above 0", "length", "width", "length_share", "length_share_es")
        check_dials(self, "above 0", "base_width", "base_width_es", "septum", "lateral_wall", "apical")
        check_dials(self, "above 0", "rv_width", "rv_length", "la_width", "la_length", "ra_width", "ra_length")
        check_dials(self, "0 or more", "atrial_septum", "tenting", "papillary_length", "beside_length", "drift")
        check_dials(self, "between 0 and 1", "coaptation")
        check_dials(self, "in 0..1", "rv_shrink", "papillary_place", "papillary_reach", "beside_place")


@dataclass(frozen=True)
class Tracing:
    """How the outline that annotators trace, which `Anatomy` describes, lies to the tissue; in mm.

    At end systole trabeculae are pressed together and look like wall: the outline lies further inside the endocardium,
    by what each `_more` says for a heart that ejects `ventricle.USUAL_EJECTION`, in others in proportion. An annotator
    keeps his ways from frame to frame, so that the traced area of a clip follows the tissue's.
    """

    septal: float
    """How far the outline lies inside the endocardium: along the septum, at the apex, along the lateral wall."""
    apical: float
    lateral: float
    base: float
    """How much nearer to the apex than the annulus the line that closes it lies: tracers close at the leaflets."""
    septal_more: float
    apical_more: float
    lateral_more: float
    base_more: float

    def __post_init__(self) -> None:
        check_dials(self, "in -15..15", "septal", "apical", "lateral", "base")
        check_dials(self, "in -15..15", "septal_more", "apical_more", "lateral_more", "base_more")
