"""What verdicts and intervals of ejection fractions are worth on patients whose masks and fractions are known.

    python benchmarks/limits.py REAL [--model NAME|DIR] [--causal] [--drawn N]

REAL is the folder that `real.py` reads; its whole clips are segmented as `echodfkd segment` does. Printed are

- EF error and Dice by verdict, and against the share of clips that is kept when those with the widest intervals go;
- how many doubts of the outline (`measure/doubt.py`) to both sides of an ejection fraction hold nine of ten known
  ones: the `ejection_interval` of the model's card for this way of running, in one pass (`--causal`) for single beats;
- the share of clips whose interval holds the truth where line and factor are fitted to all other clips, and where they
  are fitted to one half and tried on the other, with how wide intervals are;
- the same where the factor comes from N drawn hearts in place of patients.

Nobody is named, and nothing is written.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lines import aligned
from numpy.typing import NDArray
from real import over_phases, read_traced

from echodfkd.clip import Clip
from echodfkd.commands.segment import Segmentation, segmentation
from echodfkd.engine import progress
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.measure.shape import largest_component
from echodfkd.stats.intervals import bootstrap
from echodfkd.student.bundled import find_model
from echodfkd.student.student import Student, load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import read

SURE = 0.9
"""Share of known ejection fractions that intervals are to hold."""
HALVES = 500
"""How often the clips are parted into two halves."""
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Shares of the clips that are kept."""
VERDICTS = ("typical", "review", "refused")
FRAMES = 120
"""Of a drawn clip."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """What was told of one clip: beats by discs (percent) and their doubts, its known EF, and Dice at ED and ES.

    The Dice is NaN where both tracings are broken.
    """

    beats: Values
    doubts: Values
    true: float
    dice: float
    verdict: str

    @property
    def whole(self) -> tuple[float, float]:
        """Medians over the beats."""
        return float(np.median(self.beats)), float(np.median(self.doubts))


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables; 2 for what cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--model", help="a bundled model or a model's folder (b4)")
    parser.add_argument("--causal", action="store_true", help="one pass, every beat by itself, as `live` tells it")
    parser.add_argument("--drawn", type=int, default=0, help="also calibrate on so many drawn hearts")
    options = parser.parse_args(arguments)
    try:
        student = load_student(find_model(options.model), hindsight=False if options.causal else None)
        print(report(options.real, student, options.causal, options.drawn))
    except EchodfkdError as error:
        print(f"limits.py: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def report(real: Path, student: Student, singly: bool, drawn: int) -> str:
    """See the module."""
    clips = read_traced(real)
    if not clips:
        raise InputError(f"{real} holds no whole clips with ejection fractions. Give the folder of real ones.")
    every = []
    for clip in progress(clips, "clips"):
        found = segmentation(read(clip.path), student)
        masks = found.masks["lv"]
        overlap = over_phases(clip.dice(np.stack([largest_component(one) for one in masks]))[None])
        every.append(told(found, clip.ejection_fraction, float(overlap[0])))
    line = student.card.ejection
    fitted = factor(every, line, singly)
    parts = [
        by_verdict(every, line),
        by_share(every, line),
        f"{100 * SURE:.0f} % of {len(beating(every))} clips: {fitted:.3f} doubts (line {line[0]:g} x {line[1]:+g}); "
        f"fitted here, line {' x '.join(f'{one:.2f}' for one in fit(every))}",
        coverage(every, singly),
    ]
    if drawn:
        hearts = [heart(student, number) for number in progress(range(drawn), "drawn")]
        parts.append(carried(hearts, every, line, singly))
    return "\n\n".join(parts)


def told(found: Segmentation, true: float, overlap: float) -> Told:
    """What is kept of a clip's measures."""
    if found.ejection_fraction is None:  # none is told, whatever its beats say
        return Told(np.array([]), np.array([]), true, overlap, found.verdict)
    return Told(np.array(found.ejection.per_beat), np.array(found.doubts), true, overlap, found.verdict)


def heart(student: Student, number: int) -> Told:
    """What is told of a drawn heart."""
    drawn = generate([draw_recipe(Conditions(), 14, number, FRAMES)])
    truth = drawn.truths[0]
    return told(segmentation(Clip(f"drawn {number}", drawn.frames[0], truth.fps), student), truth.ejection_fraction, 1)


def beating(every: Sequence[Told]) -> list[Told]:
    """Those with a whole beat."""
    return [one for one in every if len(one.beats)]


def on(line: tuple[float, float], fraction: Values | float) -> Values:
    """Fractions by discs as they are told."""
    return np.clip(line[0] * np.asarray(fraction) + line[1], 0, 100)


def fit(every: Sequence[Told]) -> tuple[float, float]:
    """Slope and offset of the line through the clips."""
    slope, offset = np.polyfit([one.whole[0] for one in beating(every)], [one.true for one in beating(every)], 1)
    return float(slope), float(offset)


def errors(one: Told, line: tuple[float, float], singly: bool) -> tuple[Values, Values]:
    """Errors (points) and doubts: of every beat, or of the clip."""
    fraction, doubt = (one.beats, one.doubts) if singly else (np.array([value]) for value in one.whole)
    return np.abs(on(line, fraction) - one.true), doubt


def factor(every: Sequence[Told], line: tuple[float, float], singly: bool) -> float:
    """The least factor whose intervals hold SURE of the clips, each beat of a clip counting as its part.

    One clip more than there are is taken to lie outside: that keeps the promise for clips that are not here.
    """
    found = [errors(one, line, singly) for one in beating(every)]
    ratios = np.concatenate([error / np.maximum(doubt, 1e-9) for error, doubt in found])
    parts = np.concatenate([np.full(len(error), 1 / len(error)) for error, _ in found])
    order = np.argsort(ratios)
    enough = np.cumsum(parts[order]) >= SURE * (len(found) + 1) - 1e-9
    return float(ratios[order][np.argmax(enough)]) if enough.any() else float("inf")


def held(every: Sequence[Told], line: tuple[float, float], times: float, singly: bool) -> Values:
    """For each clip, the share of its intervals that hold the truth, and half of their mean width (clip, 2)."""
    rows = []
    for one in beating(every):
        error, doubt = errors(one, line, singly)
        rows.append(((error <= times * doubt).mean(), times * doubt.mean()))
    return np.array(rows).reshape(-1, 2)


def by_verdict(every: Sequence[Told], line: tuple[float, float]) -> str:
    """EF error and Dice of each verdict."""
    rows = [["verdict", "clips", "EF error", "Dice"]]
    for verdict in VERDICTS:
        rows.append([verdict, *_row([one for one in every if one.verdict == verdict], line)])
    return aligned([*rows, ["all", *_row(every, line)]])


def by_share(every: Sequence[Told], line: tuple[float, float]) -> str:
    """EF error and Dice of the clips that are left when those that are least sure go first."""
    worth = {"typical": 0, "review": 1, "refused": 2}
    doubt = {id(one): one.whole[1] if len(one.beats) else np.inf for one in every}
    rows = [["kept, %", "by interval: EF error", "Dice", "by verdict, then interval: EF error", "Dice"]]
    orders = (
        sorted(every, key=lambda one: doubt[id(one)]),
        sorted(every, key=lambda one: (worth[one.verdict], doubt[id(one)])),
    )
    for share in SHARES:
        cells = [_row(order[: round(share * len(order))], line)[1:] for order in orders]
        rows.append([f"{100 * share:.0f}", *cells[0], *cells[1]])
    return aligned(rows)


def _row(every: Sequence[Told], line: tuple[float, float]) -> list[str]:
    """How many, their EF error and their Dice, each with its interval."""
    if not every:
        return ["0", "-", "-"]
    wrong = np.array([errors(one, line, singly=False)[0][0] for one in beating(every)])
    overlap = np.array([one.dice for one in every])
    return [str(len(every)), _sure(wrong, 1), _sure(overlap[np.isfinite(overlap)], 3)]


def _sure(values: Values, digits: int) -> str:
    """A mean with its interval."""
    if not len(values):
        return "-"
    found = bootstrap(values, np.mean, seed=0)
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def coverage(every: Sequence[Told], singly: bool) -> str:
    """How often intervals hold the truth on clips that neither line nor factor knows, and how wide they are."""
    sure, chance = beating(every), np.random.default_rng(0)
    out = np.array([_tried([*sure[:n], *sure[n + 1 :]], [sure[n]], singly)[0] for n in range(len(sure))])
    halves = []
    for _ in range(HALVES):
        order = chance.permutation(len(sure))
        first, second = ([sure[n] for n in part] for part in np.array_split(order, 2))
        halves.append(_tried(first, second, singly).mean(axis=0))
    means = np.array(halves)
    rows = [["intervals", "clips", "hold the truth, %", "half width, points: mean", "10th", "50th", "90th"]]
    rows.append(["each clip by the others", *_held(out)])
    for verdict in VERDICTS:
        among = np.array([one.verdict == verdict for one in sure])
        rows.append([f"  {verdict}", *_held(out[among])])
    low, high = np.percentile(100 * means[:, 0], [5, 95])
    rows.append([f"one half by the other, {HALVES} times", str(len(sure) // 2), f"{100 * means[:, 0].mean():.0f}"])
    rows[-1] += [f"{means[:, 1].mean():.1f}", "", "", ""]
    spread = f"Of halves, from the 5th to the 95th percentile: {low:.0f} to {high:.0f} %."
    return f"{aligned(rows)}\n{spread}"


def _tried(known: Sequence[Told], others: Sequence[Told], singly: bool) -> Values:
    """`held` on the others, by line and factor of the known."""
    line = fit(known)
    return held(others, line, factor(known, line, singly), singly)


def _held(found: Values) -> list[str]:
    if not len(found):
        return ["0", "-", "-", "-", "-", "-"]
    widths = [found[:, 1].mean(), *np.percentile(found[:, 1], [10, 50, 90])]
    return [str(len(found)), _sure(100 * found[:, 0], 0), *(f"{one:.1f}" for one in widths)]


def carried(hearts: Sequence[Told], every: Sequence[Told], line: tuple[float, float], singly: bool) -> str:
    """What a factor that drawn hearts gave is worth on patients."""
    times = factor(hearts, (1.0, 0.0), singly)
    rows = [["by the factor of drawn hearts", "factor", "hold the truth, %", "half width"]]
    for name, clips, by in (("drawn hearts", hearts, (1.0, 0.0)), ("patients", every, line)):
        share, width = held(clips, by, times, singly).mean(axis=0)
        rows.append([f"{name} ({len(beating(clips))})", f"{times:.2f}", f"{100 * share:.0f}", f"{width:.1f}"])
    return aligned(rows)


if __name__ == "__main__":
    sys.exit(main())
