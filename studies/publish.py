"""Makes a publishable model out of a finished run: its student, with study and scores in the card, and README.md.

    python studies/publish.py RUN --name b4 --out src/echodfkd/student/weights/b4 [--real SCORES.json --note WORDS]
                              [--no-graph | --int8] [--threshold T] [--ejection SLOPE OFFSET] [--looks ZOOM ...]
                              [--hindsight-zoom ZOOM] [--interval FACTOR FACTOR] [--familiar FILE]

SCORES.json is what `benchmarks/validation.py --json` wrote; the scores of this very model are taken out of it. WORDS
say what those clips and masks are. Threshold and line of the ejection fraction are the run's own, or those that real
clips told; a note says so. The factors of the interval are what `benchmarks/limits.py` found, without and with
`--causal`; FILE is what `benchmarks/view.py --familiar` wrote. Equal runs give equal bytes; no path of this machine
goes into the files.

RUN may be a published model's folder as well, to change its card alone: its weights, its graph, what it was taught and
each dial that is not named stay. What it scored on real clips must then be measured anew with the new dials (--real).
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from echodfkd.commands.export import whole_numbers
from echodfkd.errors import EchodfkdError, InputError
from echodfkd.files import filling, read_json, sha256, write_json, write_text
from echodfkd.measure.overlap import dice
from echodfkd.report.model_card import readme
from echodfkd.stats.intervals import bootstrap
from echodfkd.store.store import Store
from echodfkd.student.bundled import README
from echodfkd.student.card import CARD, GRAPH, WEIGHTS, Card, card_table, check_files
from echodfkd.student.checkpoint import load_network
from echodfkd.student.student import Student, identity, load_student
from echodfkd.synthetic.distributions import guided
from echodfkd.synthetic.recipe import GENERATOR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a folder made by `echodfkd run`, or a published model's")
    parser.add_argument("--name", required=True, help="the name it will be known by")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder; replaced as a whole")
    parser.add_argument("--real", type=Path, help="scores on real clips, by benchmarks/validation.py --json")
    graphs = parser.add_mutually_exclusive_group()
    graphs.add_argument(
        "--no-graph", action="store_true", help="without its ONNX graph: smaller, but torch must run it"
    )
    graphs.add_argument("--int8", action="store_true", help="its graph in whole numbers, as `export --int8`")
    parser.add_argument("--threshold", type=float, help="in place of the run's own")
    parser.add_argument("--ejection", type=float, nargs=2, help="slope and offset, see `Card`")
    parser.add_argument("--looks", type=float, nargs="+", help="other zooms to look at a still, see `Card`")
    parser.add_argument("--hindsight-zoom", type=float, help="in place of the run's own, see `Card`")
    parser.add_argument("--interval", type=float, nargs=2, help="doubts to both sides, see `Card.ejection_interval`")
    parser.add_argument("--familiar", type=Path, help="what its memory holds of drawn hearts, by benchmarks/view.py")
    parser.add_argument("--note", help="what those real clips are, in a few words")
    chosen = parser.parse_args()
    try:
        pairs = {"ejection": chosen.ejection, "looks": chosen.looks, "ejection_interval": chosen.interval}
        dials: dict[str, Any] = {name: tuple(value) for name, value in pairs.items() if value is not None}
        for name in ("threshold", "hindsight_zoom"):
            if getattr(chosen, name) is not None:
                dials[name] = getattr(chosen, name)
        if chosen.familiar is not None:
            dials["familiar"] = read_json(chosen.familiar)
        graph = {"graph": not chosen.no_graph, "int8": chosen.int8}
        print(publish(chosen.run, chosen.name, chosen.out, chosen.real, chosen.note, **graph, dials=dials))
    except EchodfkdError as error:
        sys.exit(f"publish: {error}")


def publish(
    run: Path,
    name: str,
    out: Path,
    real: Path | None = None,
    note: str | None = None,
    *,
    graph: bool = True,
    int8: bool = False,
    dials: Mapping[str, Any] | None = None,
) -> Path:
    """The folder `out` with the run's student as the model `name`; InputError where the run is not finished.

    `dials` are fields of its card that differ from the run's own; with `int8` its graph computes in whole numbers.
    """
    if (real is None) != (note is None):
        raise InputError("Scores on real clips and a note on what they are go together: --real and --note.")
    folder = run if (run / CARD).is_file() else run / "student"
    student = load_student(folder)
    card = student.card
    student.card = replace(card, **(dials or {}))
    check_files(folder, student.card, needed=GRAPH if graph else None)
    _check_drawn(student.card)
    if folder == run:
        if "published" not in card.provenance:
            raise InputError(f"{run} is a student that was never published. Give the folder of the run that taught it.")
        published = {**card.provenance["published"], "name": name}
        if "real" in published and real is None:
            raise InputError(f"{run} tells scores on real clips by its old dials. Measure it anew: --real and --note.")
        published["whole_numbers"] = graph and (int8 or published.get("whole_numbers", False))
    else:
        published = {"name": name, "whole_numbers": int8, **_story(run, student)}
    if real is not None:
        published["real"] = {"note": note, "scores": scores_of(identity(student), read_json(real))}
    files = {key: digest for key, digest in student.card.files.items() if graph or key != GRAPH}
    card = replace(student.card, files=files, provenance={**student.card.provenance, "published": published})
    write(out, folder, card, int8)
    return out


def _story(run: Path, student: Student) -> dict[str, Any]:
    """Study, generator and scores of a finished run; InputError where another generator drew its clips."""
    generator = Store(run / "clips").settings["generator"]
    if generator != GENERATOR:
        raise InputError(
            f"{run} was drawn by generator {generator}, this echodfkd has {GENERATOR}. Run the study again."
        )
    study = read_json(run / "study.json")
    for place in ("start", "mean_with"):  # paths they may be; what they held stands in made_from
        study["training"].pop(place, None)
    forget_places(study["teacher"])
    scores = read_json(run / "scores" / "scores.json")
    if len(student.structures) > 1:
        scores["structures"] = others(run, student.structures)
    return {"study": study, "generator": generator, "guided_by_population": guided(), "scores": scores}


def _check_drawn(card: Card) -> None:
    """InputError where the student, or the one it started from, may have learned from real clips.

    What is published here says of itself that it is Apache-2.0 and learned from formulas.
    """
    made = card.provenance["made_from"]
    if "real" in made or made.get("start", {}).get("real"):
        raise InputError(
            "This student was taught on real clips, or started from one that may have been: its data sets' licences "
            "decide who may have it. Only students of drawn clips are published by this script."
        )


def forget_places(teacher: dict[str, Any]) -> None:
    """Takes out of a teacher's table, and of those in it, the paths of this machine and the seed of its noise.

    What the paths held stands in made_from; with the seed, noise could be taken off an archive's masks.
    """
    teacher.pop("path", None)
    (teacher.get("noise") or {}).pop("seed", None)
    for one in teacher.get("of", ()):
        forget_places(one)


def others(run: Path, structures: Sequence[str]) -> dict[str, Any]:
    """Dice of every structure but the left ventricle on the run's test clips, by name, with intervals."""
    clips, found = Store(run / "clips"), {}
    for name in (name for name in structures if name != "lv"):
        channel, scores = clips.structures.index(name), []
        for entry in clips.split("test"):
            masks = np.load(run / "masks" / entry.name / "masks.npz", allow_pickle=False)[name]
            scores.append(dice(masks.astype(bool), clips.masks(entry.name)[:, channel] >= 128).mean())
        found[name] = asdict(bootstrap(scores, seed=0))
    return found


def scores_of(model: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """What validation.py found of a model, by whatever graph; InputError where it is not among those scored."""
    for scored in table["models"]:
        if scored["model"] | {"graph": None} == model | {"graph": None}:
            return dict(scored["scores"])
    raise InputError(
        f"The scores on real clips are of other models than {model}. Score this one, used as its card says."
    )


def write(out: Path, student: Path, card: Card, int8: bool = False) -> None:
    """The student's files in `out`, with another card and a README.md made of it, all or nothing."""
    with filling(out, (CARD, WEIGHTS, GRAPH, README)) as here:
        for name in card.files:
            shutil.copyfile(student / name, here / name)
        if int8:
            whole_numbers(load_network(student)[0], card, here / GRAPH)
            card = replace(card, files={**card.files, GRAPH: sha256(here / GRAPH)})
        write_json(here / CARD, card_table(card))
        write_text(here / README, readme(card))


if __name__ == "__main__":
    main()
