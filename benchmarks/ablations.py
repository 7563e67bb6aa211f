"""What each part of the generator brings: students taught without it, judged on the same unseen clips.

    python benchmarks/ablations.py --out DIR [--study studies/ablation.toml] [--seeds 1 2 3] [--only NAME ...]
                                   [--real FOLDER]

Every variant switches one part off and is otherwise the study. All are judged on the test clips that the whole
generator draws for the seed, and on the clips of FOLDER (as benchmarks/real_clips.py reads it) where one is given. Each row is
written to DIR/ablations.csv once it is known; started again, the rows that are there are kept. A difference is worth
what its seeds say: look at the spread beside it.
"""

import argparse
import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from real_clips import Labelled, read_folder

from echodfkd.config import Study, read_study, study_from, study_table
from echodfkd.data.store import Store
from echodfkd.evaluate.overlap import dice
from echodfkd.evaluate.shape import area_curve, largest_component
from echodfkd.files import write_text
from echodfkd.pipeline import distill, label, synthesize
from echodfkd.student.segment import Student, load_student

HEALTHY = dict.fromkeys(
    ("dilated", "hypertrophic", "small", "foreshortened", "lateral_akinesia", "septal_akinesia"), 0.0
)
VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "anatomical annotator": {"clips": {"annotator": "anatomical"}},
    "healthy hearts, full views": {"conditions": HEALTHY},
    "best quality only": {"conditions": {"quality": [1.0, 1.0]}},
    "one even wall": {
        "held": {
            "tissue.segments": 0,
            "tissue.gap_depth": 0,
            "tissue.lateral_loss": 0,
            "tissue.gradient": 0,
            "tissue.specular": 0,
        }
    },
    "no ridge": {"held": {"tissue.ridge": 0}},
    "no trabeculae": {"held": {"tissue.trabeculae": 0}},
    "no papillary muscles": {"held": {"tissue.papillary": -60}},
    "no bright bodies": {"held": {"tissue.strips": -60, "tissue.spots": -60, "tissue.annulus": -60}},
    "no pericardium": {"held": {"tissue.pericardium": -60}},
    "no leaflets": {"held": {"tissue.leaflets": -60}},
    "no haze nor clutter": {"held": {"acoustics.haze": -90, "acoustics.near_field": -90}},
    "no shadows nor losses": {
        "held": {"acoustics.shadow_losses": 0, "acoustics.edge_loss": 0, "acoustics.near_loss": 0}
    },
    "fully developed speckle": {"held": {"acoustics.coherence": 0}},
    "one display": {"held": {"display.exposure": 0.55, "display.dynamic_range": 52, "display.gamma": 1.1}},
    "no marks": {"held": {"display.ruler": 0, "display.logo": 0, "display.trace": 0}},
}
"""What each variant changes of the study; `held` is short for conditions.held."""
COLUMNS = ("variant", "seed", "synthetic Dice", "real Dice", "real worst", "real area corr.", "real area ES")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--study", type=Path, default=Path(__file__).parents[1] / "studies" / "ablation.toml")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--real", type=Path)
    arguments = parser.parse_args()
    study, path = read_study(arguments.study), arguments.out / "ablations.csv"
    real = read_folder(arguments.real) if arguments.real else []
    rows = list(csv.DictReader(path.open())) if path.is_file() else []
    for seed in arguments.seeds:
        common = None
        for name in arguments.only:
            if not any(row["variant"] == name and row["seed"] == str(seed) for row in rows):
                common = common or synthesize(_test_only(replace(study, seed=seed)), arguments.out / f"test-{seed}")
                student = taught(varied(study, name, seed), arguments.out / f"{name.replace(' ', '-')}-{seed}")
                rows.append({"variant": name, "seed": str(seed), **judged(student, common, real)})
                write_text(path, _csv(rows))
    print(table(rows))


def varied(study: Study, name: str, seed: int) -> Study:
    """The study with one part of the generator switched off."""
    change, values = VARIANTS[name], study_table(study) | {"seed": seed, "name": f"{study.name}: {name}"}
    values["clips"] = values["clips"] | change.get("clips", {})
    held = values["conditions"]["held"] | change.get("held", {})
    values["conditions"] = values["conditions"] | change.get("conditions", {}) | {"held": held}
    return study_from(values)


def _test_only(study: Study) -> Study:
    """The study's test clips, with as few others as a store may hold."""
    clips = study.clips
    return replace(study, clips=replace(clips, train=replace(clips.train, count=1)))


def taught(study: Study, folder: Path) -> Student:
    """The student of a study; its clips are thrown away once it is there."""
    if not (folder / "student").is_dir():
        clips = synthesize(study, folder / "clips")
        distill(study, clips, label(study, clips, folder / "labels"), folder / "student")
        for scratch in ("clips", "labels", "student-training"):
            shutil.rmtree(folder / scratch)
    return load_student(folder / "student")


def judged(student: Student, clips: Store, real: list[Labelled]) -> dict[str, str]:
    """Mean Dice on the test clips of a store and figures on real clips, as text."""
    lv = clips.structures.index("lv")
    scores = [
        dice(student(clips.clip(entry))[:, 0] >= student.threshold, clips.masks(entry.name)[:, lv] >= 128).mean()
        for entry in clips.split("test")
    ]
    found = {"synthetic Dice": float(np.mean(scores))}
    if real:
        masks = [[largest_component(mask) for mask in student(r.clip)[:, 0] >= student.threshold] for r in real]
        overlaps = [float(dice(np.stack(m), r.masks).mean()) for m, r in zip(masks, real, strict=True)]
        areas = [(area_curve(np.stack(m)), area_curve(r.masks)) for m, r in zip(masks, real, strict=True)]
        found |= {
            "real Dice": float(np.mean(overlaps)),
            "real worst": min(overlaps),
            "real area corr.": float(np.mean([np.corrcoef(*pair)[0, 1] for pair in areas])),
            "real area ES": float(np.mean([np.percentile(a, 5) / np.percentile(b, 5) for a, b in areas])),
        }
    return {name: f"{value:.4f}" for name, value in found.items()}


def table(rows: list[dict[str, str]]) -> str:
    """Means over the seeds by variant, in Markdown; in brackets the lowest and the highest where there are several."""
    names = [name for name in COLUMNS[2:] if rows and name in rows[0]]
    lines = ["| " + " | ".join(["variant", "n", *names]) + " |", "|" + "---|" * (len(names) + 2)]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        same = [row for row in rows if row["variant"] == variant]
        cells = [_told([float(row[name]) for row in same]) for name in names]
        lines.append("| " + " | ".join([variant, str(len(same)), *cells]) + " |")
    return "\n".join(lines)


def _told(values: list[float]) -> str:
    span = f" ({min(values):.3f} .. {max(values):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{span}"


def _csv(rows: list[dict[str, str]]) -> str:
    names = [name for name in COLUMNS if name in rows[0]]
    return "\n".join([",".join(names), *(",".join(row[name] for name in names) for row in rows)]) + "\n"


if __name__ == "__main__":
    main()
