"""Draws limits.png: what limited students on real clips, without the dials that draw it and with them.

    python docs/pictures/limits.py [OUT.png]

Synthetic clips only. Above and below are the same heart (seed and number); what differs are the dials named here.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from echodfkd.synthetic.annotator import ANATOMICAL, TRACED
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe

PLAIN = {
    "tissue.ridge": 0,
    **{f"tissue.{place}_edge": 2.2 for place in ("septal", "apical", "lateral")},
    **{f"tissue.{place}_border": 1.5 for place in ("septal", "apical", "lateral")},
    "tissue.septal_gain": 0,
    "tissue.apical_loss": 0,
    "tissue.gap_depth": 0,
    "tissue.lateral_loss": 0,
    "tissue.trabeculae": 0,
    "tissue.papillary": -60,
    "tissue.annulus": -60,
    "tissue.groove": -60,
    "tissue.leaflets": -14,
    "tissue.spots": -60,
    "tissue.strips": -60,
    "tissue.segments": 0,
    "tissue.gradient": 0,
    "tissue.pericardium": -40,
    "tissue.background": -30,
    "acoustics.near_loss": 0,
    "acoustics.near_field": -30,
    "acoustics.coherence": 0,
    "acoustics.lateral": 0.3,
    "acoustics.defocus": 0.3,
    "acoustics.axial": 0.25,
    "acoustics.edge_loss": 0,
    "acoustics.shadow_losses": 0,
    "anatomy.tenting": 1.5,
    "display.exposure": 0.55,
    "tissue.cavity": -42,
}
"""What all pictures share, so that each shows its own limit alone."""

NUMBER = 7
"""Of the clip."""

LIMITS: tuple[tuple[str, str, dict[str, float], str, str], ...] = (
    (
        "apex: no echo, clutter",
        "ed",
        {"tissue.apical_loss": 20, "tissue.apical_edge": 16, "acoustics.near_loss": 20, "acoustics.near_field": 2},
        ANATOMICAL,
        ANATOMICAL,
    ),
    (
        "base: closed at the leaflets,\nbright groove",
        "es",
        {"anatomy.tenting": 5, "tissue.leaflets": 4, "tissue.groove": 12, "tissue.groove_size": 9},
        ANATOMICAL,
        TRACED,
    ),
    (
        "lateral wall: dim, borderless,\npapillary muscle in front",
        "ed",
        {
            "tissue.lateral_loss": 18,
            "tissue.lateral_edge": 20,
            "tissue.lateral_border": 22,
            "tissue.papillary": -4,
            "anatomy.papillary_length": 14,
        },
        ANATOMICAL,
        ANATOMICAL,
    ),
    (
        "end systole: bright septum,\ntraced inside the muscle",
        "es",
        {"tissue.septal_gain": 10, "tissue.ridge": 12, "tissue.ridge_place": 0.7, "tracing.septal_more": 4},
        ANATOMICAL,
        TRACED,
    ),
    (
        "texture: several grains\nto a pixel",
        "ed",
        {"acoustics.coherence": 0.85, "acoustics.lateral": 0.05, "acoustics.defocus": 0.1, "acoustics.axial": 0.05},
        ANATOMICAL,
        ANATOMICAL,
    ),
)


def main() -> None:
    """Draws the picture."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("limits.png")
    figure, axes = plt.subplots(2, len(LIMITS), figsize=(2.2 * len(LIMITS), 4.9))
    for column, (title, phase, dials, *annotators) in enumerate(LIMITS):
        for axis, held, annotator in zip(axes[:, column], (PLAIN, PLAIN | dials), annotators, strict=True):
            show(axis, phase, held, annotator)
        axes[0, column].set_title(title, fontsize=8)
    for axis, name in zip(axes[:, 0], ("without", "with"), strict=True):
        axis.set_ylabel(name, fontsize=9)
    figure.tight_layout(pad=0.4)
    figure.savefig(out, dpi=100, metadata={"Software": None})


def show(axis: Any, phase: str, held: dict[str, float], annotator: str) -> None:
    """One frame of the same heart at `phase`, with its traced LV."""
    conditions = Conditions(ejection_fraction=(60, 60), quality=(0.9, 0.9), cropped=1, full_depth=0, held=held)
    drawn = generate([draw_recipe(conditions, 5, NUMBER, 40)], structures=("lv",), annotator=annotator)
    truth = drawn.truths[0]
    frame = (truth.ed_frames if phase == "ed" else truth.es_frames)[0]
    axis.imshow(drawn.frames[0, frame], cmap="gray", vmin=0, vmax=255)
    axis.contour(drawn.masks[0, frame, 0] > 0, levels=[0.5], colors="#ff5a1f", linewidths=0.9)
    axis.set_xticks([])
    axis.set_yticks([])


if __name__ == "__main__":
    main()
