"""What each part of the generator brings: students taught without it, judged on the same unseen clips.

    python benchmarks/ablations.py --out DIR [--study studies/ablation.toml] [--seeds 1 2 3] [--only NAME ...]
                                   [--real FOLDER]

Every variant switches one part off, of the generator or of the training, and is otherwise the study; one that changes
nothing of it is passed over. All are judged on the test clips that the whole generator draws for the seed, used as
their cards say, and on the films of FOLDER where one is given (clips with masks of every frame, as benchmarks/real.py
reads them): in one pass, and "both ways" with a second from the clips' end. Each row is written to DIR/ablations.csv
once it is known; started again, the rows that are there are kept: DIR/settings.json says what study and clips they are
of. A difference is worth what its seeds say: look at the spread beside it.
"""

import argparse
import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from real import Film, read_films
from validation import finite, segmented, shown

from echodfkd.commands.distill import distill
from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.files import differences, holding, read_json, sha256, write_json, write_text
from echodfkd.measure.overlap import dice
from echodfkd.store.store import Store
from echodfkd.student.card import read_card
from echodfkd.student.student import Student, load_student
from echodfkd.study.file import read_study
from echodfkd.study.settings import Study, study_from, study_table
from echodfkd.synthetic.recipe import GENERATOR
from echodfkd.tables import csv_text, ragged
from echodfkd.video.source import clip_source

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
    "sharp edges": {"held": {f"tissue.{place}_edge": 2.2 for place in ("septal", "apical", "lateral")}},
    "sharp borders": {"held": {f"tissue.{place}_border": 2.0 for place in ("septal", "apical", "lateral")}},
    "no groove": {"held": {"tissue.groove": -60}},
    "valves shut at end diastole": {"held": {"rhythm.late_closure": 0}},
    "cropped clips only": {"conditions": {"cropped": 1.0, "full_depth": 0.0}},
    "no tenting": {"held": {"anatomy.tenting": 1.5}},
    "one place in the image": {
        "held": {
            "anatomy.base_x": 0.59,
            "anatomy.base_y": 0.69,
            "anatomy.base_x_es": 0.56,
            "anatomy.base_y_es": 0.64,
            "anatomy.length_share": 0.51,
            "anatomy.length_share_es": 0.44,
        }
    },
    "never backwards": {"training": {"backwards": 0}},
    "half of the windows backwards": {"training": {"backwards": 0.5}},
    "stills": {"training": {"stills": 0.1}},
}
"""What each variant changes of the study; `held` is short for conditions.held."""
SCORES = ("synthetic Dice", "real Dice", "real Dice, both ways", "real worst", "real area corr.", "real area ES")
COLUMNS = ("variant", "seed", *SCORES)
Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--study", type=Path, default=Path(__file__).parents[1] / "studies" / "ablation.toml")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--real", type=Path)
    chosen = parser.parse_args()
    try:
        study = read_study(chosen.study)
        real = read_films(chosen.real) if chosen.real else []
        with holding(chosen.out):
            claim(chosen.out, study, chosen.real)
            print(table(ablated(study, chosen.seeds, chosen.only, chosen.out, real)))
    except EchodfkdError as error:
        sys.exit(f"ablations: {one_line(error)}")


def claim(folder: Path, study: Study, real: Path | None) -> None:
    """Keeps in `folder` what its rows are of; InputError where they are of another study, generator or real clips."""
    values = study_table(study)
    del values["seed"]  # each row has its own
    settings = {"study": values, "generator": GENERATOR, "real": None if real is None else digest(real)}
    kept = folder / "settings.json"
    if not kept.is_file() and (folder / "ablations.csv").is_file():
        raise InputError(f"{folder} holds rows that nothing says what they are of. Choose another --out.")
    if kept.is_file() and (found := list(differences(read_json(kept), settings))):
        raise InputError(f"{folder} holds rows of other settings: {'; '.join(found)}. Choose another --out.")
    write_json(kept, settings)


def digest(folder: Path) -> str:
    """SHA-256 of the names and bytes of a folder's files."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    return hashlib.sha256("".join(f"{sha256(path)} {path.name}\n" for path in files).encode()).hexdigest()


def ablated(study: Study, seeds: list[int], names: list[str], out: Path, real: list[Film]) -> list[Row]:
    """The rows of `out` with those of every seed and variant; each that is missing is taught, judged and written."""
    path = out / "ablations.csv"
    rows = [cells for _, cells in ragged(path, ("variant", "seed"))] if path.is_file() else []
    for seed in seeds:
        done = {row["variant"] for row in rows if row["seed"] == str(seed)}
        missing = [name for name in names if name not in done and changes(study, name)]
        clips = synth(_test_only(replace(study, seed=seed)), out / f"test-{seed}") if missing else None
        for name in missing:
            student = taught(varied(study, name, seed), out / f"{name.replace(' ', '-')}-{seed}")
            rows.append({"variant": name, "seed": str(seed), **judged(student, clips, real)})
            write_text(path, csv_text(rows, COLUMNS))
    return rows


def changes(study: Study, name: str) -> bool:
    """Whether a variant is another study, or the whole one itself."""
    return name == "whole" or replace(varied(study, name, study.seed), name=study.name) != study


def varied(study: Study, name: str, seed: int) -> Study:
    """The study with one part of the generator, or of the training, switched."""
    change, values = VARIANTS[name], study_table(study) | {"seed": seed, "name": f"{study.name}: {name}"}
    for table in ("clips", "training"):
        values[table] = values[table] | change.get(table, {})
    held = values["conditions"]["held"] | change.get("held", {})
    values["conditions"] = values["conditions"] | change.get("conditions", {}) | {"held": held}
    return study_from(values)


def _test_only(study: Study) -> Study:
    """The study's test clips, with as few others as a store may hold."""
    clips = study.clips
    return replace(study, clips=replace(clips, train=replace(clips.train, count=1)))


def taught(study: Study, folder: Path) -> Path:
    """Where the student of a study lies; its clips are thrown away once it is there."""
    if not (folder / "student").is_dir():
        clips = synth(study, folder / "clips")
        distill(study, clips, label(study, clips, folder / "labels"), folder / "student")
        for scratch in ("clips", "labels", "student-training"):
            shutil.rmtree(folder / scratch)
    return folder / "student"


def judged(folder: Path, clips: Store, real: list[Film]) -> Row:
    """A student's mean Dice on the test clips of a store and figures on real clips, as text; what is unknown lacks."""
    student = load_student(folder)
    scores = [
        dice(segmented(clip_source(clips.clip(entry)), student)[0], clips.inside(entry.name)).mean()
        for entry in clips.split("test")
    ]
    found = {"synthetic Dice": float(np.mean(scores))}
    if real:
        found |= on_films(load_student(folder, hindsight=False), real)
        if read_card(folder).network.remembers:
            found["real Dice, both ways"] = on_films(load_student(folder, hindsight=True), real)["real Dice"]
    return {name: f"{value:.4f}" for name, value in found.items() if np.isfinite(value)}


def on_films(student: Student, films: list[Film]) -> dict[str, float]:
    """A student's figures on real clips with masks of every frame: means, and the worst clip's Dice."""
    found = [shown(student, film) for film in films]
    overlap = [float(one.dice.mean()) for one in found]
    return {
        "real Dice": float(np.mean(overlap)),
        "real worst": min(overlap),
        "real area corr.": float(np.mean(finite([one.correlation for one in found]))),
        "real area ES": float(np.mean(finite([one.area_es for one in found]))),
    }


def table(rows: list[Row]) -> str:
    """Means over the seeds by variant, in Markdown; in brackets the lowest and the highest where there are several."""
    names = [name for name in SCORES if any(row.get(name) for row in rows)]
    lines = ["| " + " | ".join(["variant", "n", *names]) + " |", "|" + "---|" * (len(names) + 2)]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        same = [row for row in rows if row["variant"] == variant]
        cells = [_told([float(row[name]) for row in same if row.get(name)]) for name in names]
        lines.append("| " + " | ".join([variant, str(len(same)), *cells]) + " |")
    return "\n".join(lines)


def _told(values: list[float]) -> str:
    span = f" ({min(values):.3f} .. {max(values):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{span}" if values else "-"


if __name__ == "__main__":
    main()
