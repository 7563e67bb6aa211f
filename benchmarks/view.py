"""How well what is no apical four-chamber view is told from what is one, and the statistics that this is told by.

    python benchmarks/view.py REAL [--model NAME|DIR] [--patients N] [--statistics FILE]

REAL is the folder that `real.py` reads. The traits of `measure/view.py` are taken of stills of EchoNet-Dynamic and of
CAMUS, with the masks that the model gives them. Half of the patients give means, deviations, correlations and limits;
of the other half, of whole clips, of real stills turned and turned over, and of what `synthetic/other_views.py` draws,
it is printed which share is odd and which is refused. `--statistics` writes `view.json`, from all patients.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from lines import aligned
from numpy.typing import NDArray
from real import read_camus, read_stills, read_traced

from echodfkd.clip import Clip, evenly_spread
from echodfkd.engine import progress
from echodfkd.errors import EchodfkdError, one_line
from echodfkd.files import write_text
from echodfkd.measure.view import LOOKED, WORDS, Group, Statistics, describe, view
from echodfkd.student.bundled import find_model
from echodfkd.student.student import Student, load_student
from echodfkd.synthetic.other_views import KINDS, other_view
from echodfkd.video import read

ODD, REFUSED = 0.2, 0.05
"""Share of patients' stills that may be called odd, and of whole clips that may be refused."""
DRAWN = 24
"""Pictures of each kind of other view."""

Traits = NDArray[np.float64]  # (frame, trait)


def main(arguments: list[str] | None = None) -> int:
    """Prints the shares; writes the statistics where asked to. 2 for what cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--model", help="a bundled model or a model's folder (b4)")
    parser.add_argument("--patients", type=int, default=10**6, help="at most so many of EchoNet-Dynamic's")
    parser.add_argument("--statistics", type=Path, help="where view.json is written")
    options = parser.parse_args(arguments)
    try:
        report(options.real, load_student(find_model(options.model)), options.patients, options.statistics)
    except EchodfkdError as error:
        print(f"view.py: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def report(real: Path, model: Student, most: int, path: Path | None) -> None:
    """See the module."""
    stills = [still for still in read_stills(real) if still.patient < most]
    echonet = np.array([traits(still.clip, model)[0] for still in progress(stills, "stills")])
    camus = np.array([traits(still.clip, model)[0] for still in progress(read_camus(real), "CAMUS")])
    second = np.array([still.patient % 2 for still in stills]) == 1
    clips = [list(traits(read(clip.path), model)) for clip in progress(read_traced(real), "clips")]
    known = statistics({"echonet": echonet[~second], "camus": camus}, clips)
    rows = [share("EchoNet-Dynamic, other patients", [[one] for one in echonet[second]], known)]
    rows.append(share("CAMUS (in the statistics)", [[one] for one in camus], known))
    rows.append(share("whole clips", clips, known))
    some = [still.clip for still in stills if still.phase == "ED"][:: max(1, len(stills) // 120)]
    for words, turned in TURNS.items():
        changed = [replace(clip, frames=np.ascontiguousarray(turned(clip.frames))) for clip in some]
        rows.append(share(f"stills {words}", [traits(clip, model) for clip in changed], known))
    for kind in KINDS:
        drawn = [Clip(kind, other_view(kind, seed)) for seed in range(DRAWN)]
        rows.append(share(f"drawn: {kind}", [traits(clip, model) for clip in drawn], known))
    print(aligned([["what", "n", "odd", "refused", "distance"], *rows]))
    if path is not None:
        write_text(path, as_json(statistics({"echonet": echonet, "camus": camus}, clips), len(echonet), len(camus)))


TURNS = {
    "turned by 90 degrees": lambda frames: np.rot90(frames, 1, (1, 2)),
    "turned by 180 degrees": lambda frames: np.rot90(frames, 2, (1, 2)),
    "turned by 270 degrees": lambda frames: np.rot90(frames, 3, (1, 2)),
    "upside down": lambda frames: frames[:, ::-1],
}


def traits(clip: Clip, model: Student) -> Traits:
    """What `describe` says of at most LOOKED frames of a clip."""
    number = tuple(model.structures).index("lv")
    sure = model(clip)[:, number]
    looked = evenly_spread(len(clip.frames), LOOKED)
    return np.array([describe(clip.frames[n], sure[n] >= model.threshold, clip.spacing) for n in looked])


def statistics(groups: dict[str, Traits], clips: Sequence[Sequence[NDArray[np.float64]]]) -> Statistics:
    """Means, deviations, correlations, and the limits: ODD of the stills, REFUSED of the clips."""
    seen = {name: values[np.isfinite(values).all(axis=1)] for name, values in groups.items()}
    made = {
        name: Group(v.mean(0), v.std(0), 0.95 * np.corrcoef(v.T) + 0.05 * np.eye(v.shape[1]))
        for name, v in seen.items()
    }
    endless = Statistics(made, (np.inf, np.inf))
    stills = [view([one], endless).distance for one in np.concatenate(list(groups.values()))]
    whole = [view(clip, endless).distance for clip in clips]
    return replace(endless, limits=(float(np.quantile(stills, 1 - ODD)), float(np.quantile(whole, 1 - REFUSED))))


def share(words: str, clips: Sequence[Sequence[NDArray[np.float64]]], known: Statistics) -> list[str]:
    """A row of the table: how many of the clips are odd and refused, and their median distance."""
    found = [view(list(clip), known) for clip in clips]
    odd, refused = (100 * np.mean([getattr(one, kind) for one in found]) for kind in ("odd", "refused"))
    return [
        words,
        str(len(found)),
        f"{odd:.0f} %",
        f"{refused:.0f} %",
        f"{np.median([one.distance for one in found]):.1f}",
    ]


def as_json(known: Statistics, echonet: int, camus: int) -> str:
    """`view.json`: statistics over patients, of no patient."""
    groups = {
        name: {
            "mean": [float(f"{value:.5g}") for value in group.mean],
            "deviation": [float(f"{value:.4g}") for value in group.deviation],
            "correlation": [[round(float(v), 3) for v in row[: n + 1]] for n, row in enumerate(group.correlation)],
        }
        for name, group in known.groups.items()
    }
    told = {
        "source": "traits of stills at end diastole and end systole: statistics over patients, no picture",
        "frames": {"echonet": echonet, "camus": camus},
        "traits": list(WORDS),
        "limits": [round(one, 3) for one in known.limits],
        "groups": groups,
    }
    return json.dumps(told).replace("], [", "],\n  [").replace(', "', ',\n "') + "\n"


if __name__ == "__main__":
    sys.exit(main())
