"""How well what is no apical four-chamber view is told from what is one, and the numbers that this is told by.

    python benchmarks/view.py REAL [--model NAME|DIR] [--patients N] [--statistics FILE] [--familiar FILE]

REAL is the folder that `real.py` reads. Of every still and clip the distance of `measure/view.py` is taken, with the
masks that the model gives; the model's own part of it counts where its card knows drawn hearts. Printed is, for each
kind of picture and film, which share is odd and which is refused, which share is refused where the limit lets 95 % of
the patients' whole clips pass, and the area under the ROC curve against those. The kinds are

- what `synthetic/other_views.py` draws, as films;
- patients' clips that were turned, turned over, mirrored, shifted, cut, or made into a ring: speckle and motion are
  real, the view is none;
- patients' clips made worse step by step (`scores/degrade.py`), which are still four-chamber views.

`--statistics` writes `view.json`: traits over the stills of EchoNet-Dynamic and CAMUS. Half of the patients then also
give means, deviations, correlations and limits to score the other half by. `--familiar` writes what the model's memory
holds of hearts and other views drawn for the purpose (`drawn_views.py`), with the limits that the patients' clips give,
as its card keeps it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from drawn_views import FIRST, TAUGHT, heart, known_hearts, lateral_twice, leaned
from lines import aligned
from numpy.typing import NDArray
from real import Traced, read_camus, read_stills, read_traced

from echodfkd.clip import Clip, evenly_spread
from echodfkd.engine import progress
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.files import write_json, write_text
from echodfkd.measure.shape import Mask, centroid
from echodfkd.measure.view import LOOKED, WORDS, Group, Look, Statistics, described, look_of, view
from echodfkd.measure.view import statistics as known_statistics
from echodfkd.scores.degrade import DEGRADATIONS, degrade
from echodfkd.student.bundled import find_model
from echodfkd.student.familiar import as_table
from echodfkd.student.student import Student, load_student
from echodfkd.synthetic.other_views import KINDS, NEAR, other_view
from echodfkd.video import read

ODD, REFUSED = 0.2, 0.05
"""Share of patients' stills that may be called odd, and of whole clips that may be refused."""
DRAWN, FRAMES = 24, 24
"""Films of each kind of other view, and their frames."""
WORSE = ("noise", "blur", "gain", "shadow", "crop", "rotation")
"""Ways in which clips are made worse, each at the first and the last of its strengths."""

Traits = NDArray[np.float64]  # (frame, trait)
Films = NDArray[np.uint8]  # (time, height, width)


def main(arguments: list[str] | None = None) -> int:
    """Prints the shares; writes the statistics where asked to. 2 for what cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--model", help="a bundled model or a model's folder (b4)")
    parser.add_argument("--patients", type=int, default=10**6, help="at most so many of EchoNet-Dynamic's")
    parser.add_argument("--statistics", type=Path, help="where view.json is written")
    parser.add_argument("--familiar", type=Path, help="where the card's `familiar` is written")
    options = parser.parse_args(arguments)
    try:
        model, clips = load_student(find_model(options.model)), read_traced(options.real)
        if not clips:
            raise InputError(f"{options.real} holds no whole clips. Give the folder of real echocardiograms.")
        if options.familiar is not None:
            write_json(options.familiar, familiar(model, clips))
        elif options.statistics is not None:
            halves(options.real, model, options.patients, options.statistics, clips)
        else:
            report(options.real, model, options.patients, clips)
    except EchodfkdError as error:
        print(f"view.py: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def report(real: Path, model: Student, most: int, clips: list[Traced]) -> None:
    """See the module."""
    look = look_of(model)
    stills = [still for still in read_stills(real) if still.patient < most][::6]
    whole = distances([traits(read(clip.path), model) for clip in progress(clips, "clips")], look)
    rows = [share("whole clips", whole, whole, look)]

    def add(words: str, films: Sequence[Clip]) -> None:
        found = distances([traits(film, model) for film in progress(films, words)], look)
        rows.append(share(words, found, whole, look))

    add("EchoNet-Dynamic stills", [still.clip for still in stills])
    add("CAMUS stills", [still.clip for still in read_camus(real)])
    add("drawn hearts", [heart(FIRST + TAUGHT + number, FRAMES) for number in range(2 * DRAWN)])
    for kind in KINDS | NEAR:
        add(f"drawn: {kind}", [Clip(kind, other_view(kind, seed, FRAMES)) for seed in range(DRAWN)])
    for words, turned in TURNS.items():
        add(f"clips {words}", list(changed(clips[::3], turned)))
    for kind in WORSE:
        for strength in (DEGRADATIONS[kind].strengths[0], DEGRADATIONS[kind].strengths[-1]):
            add(f"{kind} {strength:g} {DEGRADATIONS[kind].unit}", list(worse(clips[::4], kind, strength)))
    print(aligned([["what", "n", "odd", "refused", "at 95 % pass", "AUROC", "distance"], *rows]))


def halves(real: Path, model: Student, most: int, path: Path, clips: list[Traced]) -> None:
    """Half of the patients scored by the other half; then the statistics of all."""
    stills = [still for still in read_stills(real) if still.patient < most]
    echonet = np.array([traits(still.clip, model)[0, : len(WORDS)] for still in progress(stills, "stills")])
    camus = np.array([traits(still.clip, model)[0, : len(WORDS)] for still in progress(read_camus(real), "CAMUS")])
    whole = [traits(read(clip.path), model)[:, : len(WORDS)] for clip in progress(clips, "clips")]
    second = np.array([still.patient % 2 for still in stills]) == 1
    known = statistics({"echonet": echonet[~second], "camus": camus}, whole)
    found = distances([one[None] for one in echonet[second]], None, known)
    odd, refused = (100 * np.mean(found > limit) for limit in known.limits)
    print(f"stills of the other half of the patients: {len(found)}, {odd:.0f} % odd, {refused:.0f} % refused")
    write_text(path, as_json(statistics({"echonet": echonet, "camus": camus}, whole), len(echonet), len(camus)))


def familiar(model: Student, clips: list[Traced]) -> dict[str, object]:
    """What the card keeps: what `drawn_views.py` found, with the limits that the patients' clips give."""
    model.familiar = known_hearts(model)
    look = look_of(model)
    whole = distances([traits(read(clip.path), model) for clip in progress(clips, "clips")], look)
    odd, refused = (float(np.quantile(whole, 1 - one)) for one in (ODD, REFUSED))
    return as_table(replace(model.familiar, odd=odd, refused=refused))


def changed(clips: Sequence[Traced], turned: Callable[[Films, Mask], Films]) -> Iterator[Clip]:
    """The first FRAMES of clips, turned by what their human ED mask says where it needs that."""
    for clip in clips:
        seen = read(clip.path)
        yield replace(seen, frames=np.ascontiguousarray(turned(seen.frames[:FRAMES], clip.masks["ED"])))


def worse(clips: Sequence[Traced], kind: str, strength: float) -> Iterator[Clip]:
    """The first FRAMES of clips, made worse."""
    for number, clip in enumerate(clips):
        seen = read(clip.path).frames[:FRAMES]
        yield Clip(kind, degrade(seen, np.zeros(seen.shape, bool), kind, strength, [14, number]).frames)


def ring(frames: Films, mask: Mask) -> Films:
    """What lies to the right of the ventricle's middle, turned about it: a short axis of real speckle."""
    middle = centroid(mask)
    rows, columns = np.indices(frames.shape[1:])
    away, angle = np.hypot(rows - middle[0], columns - middle[1]), np.arctan2(rows - middle[0], columns - middle[1])
    places = middle[0] + 5 * np.sin(2 * angle), middle[1] + away
    row, column = (np.clip(np.rint(at), 0, size - 1).astype(int) for at, size in zip(places, rows.shape, strict=True))
    return frames[:, row, column]


def mirrored(frames: Films, side: slice) -> Films:
    """One half, and its mirror image in place of the other."""
    half = frames[:, :, side]
    other = half[:, :, ::-1]
    return np.concatenate([half, other] if not side.start else [other, half], axis=2)


TURNS: dict[str, Callable[[Films, Mask], Films]] = {
    "turned by 90 degrees": lambda frames, _: np.rot90(frames, 1, (1, 2)),
    "turned by 180 degrees": lambda frames, _: np.rot90(frames, 2, (1, 2)),
    "turned by 270 degrees": lambda frames, _: np.rot90(frames, 3, (1, 2)),
    "upside down": lambda frames, _: frames[:, ::-1],
    "left for right": lambda frames, _: frames[:, :, ::-1],
    "leaning by 45 degrees": lambda frames, _: leaned(frames, 45),
    "leaning by -45 degrees": lambda frames, _: leaned(frames, -45),
    "shifted by a third": lambda frames, _: np.roll(frames, 37, axis=2) * (np.arange(frames.shape[2]) >= 37),
    "of the lower half alone": lambda frames, _: frames[:, frames.shape[1] // 2 :, 28:84].repeat(2, 1).repeat(2, 2),
    "the left half and its mirror image": lambda frames, _: mirrored(frames, slice(0, 56)),
    "the right half and its mirror image": lambda frames, _: mirrored(frames, slice(56, 112)),
    "lateral side twice": lateral_twice,
    "made into a ring": ring,
}


def traits(clip: Clip, model: Student) -> Traits:
    """What `described` says of at most LOOKED frames of a clip."""
    number, look = tuple(model.structures).index("lv"), look_of(model, clip.spacing)
    sure = model(clip)[:, number]
    looked = evenly_spread(len(clip.frames), LOOKED)
    found = [described(clip.frames[n], sure[n] >= model.threshold, clip.spacing, None, look) for n in looked]
    most = max(map(len, found))  # a frame without a mask says nothing
    return np.array([one if len(one) == most else np.full(most, np.nan) for one in found])


def distances(clips: Sequence[Traits], look: Look | None, known: Statistics | None = None) -> NDArray[np.float64]:
    """The distance of each clip by the traits of its frames."""
    return np.array([view(list(one), look, known).distance for one in clips])


def statistics(groups: dict[str, Traits], clips: Sequence[Traits]) -> Statistics:
    """Means, deviations, correlations, and the limits: ODD of the stills, REFUSED of the clips."""
    seen = {name: values[np.isfinite(values).all(axis=1)] for name, values in groups.items()}
    made = {
        name: Group(v.mean(0), v.std(0), 0.95 * np.corrcoef(v.T) + 0.05 * np.eye(v.shape[1]))
        for name, v in seen.items()
    }
    endless = Statistics(made, (np.inf, np.inf))
    stills = distances([one[None] for one in np.concatenate(list(groups.values()))], None, endless)
    whole = distances(clips, None, endless)
    return replace(endless, limits=(float(np.quantile(stills, 1 - ODD)), float(np.quantile(whole, 1 - REFUSED))))


def share(words: str, found: NDArray[np.float64], whole: NDArray[np.float64], look: Look | None) -> list[str]:
    """A row: how many are odd, refused, and refused where 95 % of the whole clips pass; AUROC against those."""
    odd, refused = known_statistics().limits if look is None else look.limits
    shares = [100 * np.mean(found > limit) for limit in (odd, refused, np.quantile(whole, 1 - REFUSED))]
    above = (found[:, None] > whole).mean() + 0.5 * (found[:, None] == whole).mean()
    return [words, str(len(found)), *(f"{one:.0f} %" for one in shares), f"{above:.2f}", f"{np.median(found):.1f}"]


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
