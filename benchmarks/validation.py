"""How models do on patients whom none of them has seen: stills, whole clips and CAMUS, all by human masks.

    python benchmarks/validation.py REAL [--model NAME|DIR ...] [--hindsight | --causal] [--threshold T]
                                    [--unseen-by-reader] [--json FILE]

REAL is the folder that `real.py` reads; what it lacks is left out, with a line. Masks, pieces and ejection fractions
are those of `echodfkd segment`: passes, warm-up, threshold and kept pieces as the models' cards say, unless told
otherwise. A still is a clip of one frame.

Printed is a table for each part with a line per model, then the differences of the other models from the first, patient
by patient. Means, medians and shares come with 95 % bootstrap intervals by patient. Area ratios are predicted over
human, departures pixels by which the mask reaches beyond the human's (`outline.py`): medians, with the 5th to 95th
percentile over the stills. Broken tracings are left out, of stills and of clips. The ejection fraction is the command's
own; `always the mean` is what is reached by telling every clip the mean of these clips. Bad cases are counted, never
named.

Films are the clips in REAL itself, with somebody's masks of every frame. Their constant mask holds the pixels that are
inside on at least half of the frames of the other films of that size; areas at ED and ES are the 95th and the 5th
percentile over those of the masks.

`--unseen-by-reader` leaves out all stills of EchoNet-Dynamic and the clips on which the reader was taught: a student
that learned from the reader's masks is judged on the rest alone.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from lines import aligned
from numpy.typing import NDArray
from outline import PLACES, departures
from real import (
    PHASES,
    Film,
    Mask,
    Still,
    Traced,
    has_films,
    over_phases,
    read_camus,
    read_films,
    read_stills,
    read_traced,
)

from echodfkd.commands.segment import segment_clip
from echodfkd.engine import progress
from echodfkd.errors import EchodfkdError, InputError, one_line
from echodfkd.files import plain, write_json
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import area_curve, largest_component
from echodfkd.report.numbers import count, interval
from echodfkd.scores.known_clips import constant_mask
from echodfkd.scores.predictions import read_prediction
from echodfkd.stats.agreement import STATISTICS, correlation
from echodfkd.stats.intervals import bootstrap, paired_difference
from echodfkd.student.bundled import DEFAULT, find_model
from echodfkd.student.student import Student, identity, load_student
from echodfkd.video import file_source
from echodfkd.video.source import Source, clip_source

Array = NDArray[np.float64]
Scores = dict[str, Any]

BAD, LOST = 0.7, 0.5
"""Dice below which a mask is counted as bad, and as another thing than the ventricle."""
FAR = 15.0
"""Error of an ejection fraction, in points, from which on it is counted as misleading."""


@dataclass(frozen=True)
class Validation:
    """What models are measured against; parts may be empty."""

    stills: list[Still]
    clips: list[Traced]
    camus: list[Still]
    films: list[Film]


@dataclass(frozen=True)
class Model:
    """A student as the command runs it, and as clips of one frame need it."""

    name: str
    student: Student
    single: Student
    """In one pass: on one frame the pass from its end says the same, to the last bit."""

    @property
    def words(self) -> str:
        """Which model it is and how it was used."""
        card = self.student.card
        ways = "both ways" if card.hindsight else "causal"
        return f"{self.name}: {card.network.name}, {ways}, warm-up {card.warm_up}, threshold {card.threshold:g}"


@dataclass(frozen=True)
class Overlaps:
    """A model's masks of some stills against the human's, still by still."""

    dice: Array
    area_ratio: Array
    departures: Array
    """(still, place) pixels; NaN where there is no mask."""
    empty: NDArray[np.bool_]


@dataclass(frozen=True)
class Beating:
    """A model on whole clips."""

    dice: Array
    """With the human's masks (clip, phase); NaN where the tracing is broken."""
    ejection_fraction: Array
    """(clip,) percent; NaN where it told none."""


@dataclass(frozen=True)
class Shown:
    """A model on one film: Dice by frame, correlation of the area curves, area ratios at ED and ES."""

    dice: Array
    correlation: float
    area_ed: float
    area_es: float


@dataclass(frozen=True)
class Found:
    """Everything of one model."""

    stills: Overlaps
    clips: Beating
    camus: Overlaps
    films: list[Shown]


def main() -> None:
    chosen = arguments()
    try:
        real = read(chosen.real, chosen.unseen_by_reader)
        models = [load(name, chosen.hindsight, chosen.threshold) for name in chosen.model]
        table = table_of(real, models, [measured(model, real) for model in models])
        if chosen.json is not None:
            write_json(chosen.json, table)
    except EchodfkdError as error:
        sys.exit(f"validation: {one_line(error)}")
    print(report(models, table))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path, help="the folder of real echocardiograms")
    parser.add_argument("--model", nargs="+", default=[DEFAULT], help="models' folders, or names of bundled ones")
    parser.add_argument("--hindsight", action="store_true", default=None, help="also pass over each clip from its end")
    parser.add_argument("--causal", action="store_false", dest="hindsight", help="one pass, whatever the card says")
    parser.add_argument("--threshold", type=float, help="probability from which a pixel is inside, not the card's")
    parser.add_argument("--unseen-by-reader", action="store_true", help="leave out what the reader was taught on")
    parser.add_argument("--json", type=Path, help="also write the scores there: numbers, no clip's name")
    return parser.parse_args()


def read(real: Path, unseen: bool) -> Validation:
    """What a folder holds; only what the reader has not seen if so wanted. InputError where that is nothing."""
    clips = [clip for clip in read_traced(real) if not (unseen and clip.reader_saw)]
    films = read_films(real) if has_films(real) else []
    found = Validation([] if unseen else read_stills(real), clips, read_camus(real), films)
    for part in fields(found):
        if not getattr(found, part.name):
            print(f"validation: no {part.name} in {real}", file=sys.stderr)
    if not any(getattr(found, part.name) for part in fields(found)):
        raise InputError(f"{real} holds nothing to be measured against. Give the folder of real echocardiograms.")
    return found


def load(name: str, hindsight: bool | None, threshold: float | None) -> Model:
    """A model by name or folder; InputError where it has no left ventricle."""
    both = [load_student(find_model(name), threads=1, hindsight=ways) for ways in (hindsight, False)]
    for student in both:
        if "lv" not in student.structures:
            raise InputError(f"{name} segments {', '.join(student.structures)}, not the left ventricle (lv).")
        if threshold is not None:
            student.card = replace(student.card, threshold=threshold)
    return Model(name, *both)


def measured(model: Model, real: Validation) -> Found:
    """A model on everything there is."""
    return Found(
        overlaps(model.single, progress(real.stills, "stills")),
        beating(model.student, real.clips),
        overlaps(model.single, progress(real.camus, "CAMUS")),
        [shown(model.student, film) for film in real.films],
    )


def overlaps(student: Student, stills: Iterable[Still]) -> Overlaps:
    """A student's masks of stills against the human's."""
    rows = []
    for still in stills:
        mask = segmented_still(student, still)
        ratio = mask.sum() / still.mask.sum()
        rows.append((float(dice(mask, still.mask)), ratio, not mask.any(), *departures(mask, still.outline)))
    table = np.array(rows, np.float64).reshape(-1, 3 + len(PLACES))
    return Overlaps(table[:, 0], table[:, 1], table[:, 3:], table[:, 2] > 0)


def segmented_still(student: Student, still: Still) -> Mask:
    """The left ventricle of a still as `echodfkd segment` writes it, without the way over the disk."""
    mask = student(still.clip)[0, student.structures.index("lv")] >= student.threshold
    return largest_component(mask) if student.largest_component else mask


def segmented(source: Source, student: Student) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    """The left ventricle (time, height, width) and the measures as `echodfkd segment` writes them."""
    with TemporaryDirectory() as place:
        measures = segment_clip(source, student, Path(place) / "clip")
        return read_prediction(Path(place) / "clip").masks, measures


def beating(student: Student, clips: Sequence[Traced]) -> Beating:
    """A student on whole clips."""
    overlap, fractions = np.empty((len(clips), len(PHASES))), np.empty(len(clips))
    for n, clip in enumerate(progress(clips, "clips")):
        masks, measures = segmented(file_source(clip.path), student)
        overlap[n] = clip.dice(masks)
        fraction = measures["ejection_fraction"]
        fractions[n] = np.nan if fraction is None else fraction
    return Beating(overlap, fractions)


def shown(student: Student, film: Film) -> Shown:
    """A student on a film."""
    masks, _ = segmented(clip_source(film.clip), student)
    area, true = area_curve(masks), area_curve(film.masks)
    ratios = [ratio_at(area, true, percentile) for percentile in (95, 5)]
    return Shown(dice(masks, film.masks), correlation(np.column_stack([area, true])), *ratios)


def ratio_at(area: NDArray[np.int64], true: NDArray[np.int64], percentile: int) -> float:
    """The percentile of the areas over that of the true ones; NaN where the latter is empty."""
    whole = float(np.percentile(true, percentile))
    return float(np.percentile(area, percentile)) / whole if whole > 0 else float("nan")


def constant_dice(films: Sequence[Film]) -> list[float]:
    """Mean Dice on each film of the constant mask of the others of its size; none where it has no others."""
    found = []
    for film in films:
        same = [one.masks for one in films if one is not film and one.masks.shape[1:] == film.masks.shape[1:]]
        if same:
            found.append(float(dice(np.broadcast_to(constant_mask(same), film.masks.shape), film.masks).mean()))
    return found


def still_scores(found: Overlaps, stills: Sequence[Still]) -> Scores:
    """What is told of a model's masks of stills, over all and by phase."""
    scores = overlap_scores(found, stills, np.ones(len(stills), np.bool_))
    for phase in PHASES:
        scores[phase] = overlap_scores(found, stills, np.array([still.phase == phase for still in stills]))
    return scores


def overlap_scores(found: Overlaps, stills: Sequence[Still], among: NDArray[np.bool_]) -> Scores:
    """The same of those stills alone that lie `among` (still,)."""
    groups = [still.patient for still, taken in zip(stills, among, strict=True) if taken]
    sure = partial(interval_of, groups=groups)
    overlap, beyond = found.dice[among], found.departures[among]
    return {
        "dice": sure(overlap),
        "bad": sure(overlap < BAD),
        "lost": sure(overlap < LOST),
        "empty": int(found.empty[among].sum()),
        "area_ratio": sure(found.area_ratio[among], np.median),
        "departures": {place: departure(beyond[:, n], groups) for n, place in enumerate(PLACES)},
    }


def interval_of(
    values: Array, statistic: Callable[..., Any] = np.mean, groups: Sequence[int] | None = None
) -> Scores | None:
    """A statistic of `values` (case, ...) with its interval; None without any."""
    return asdict(bootstrap(values, statistic, seed=0, groups=groups)) if len(values) else None


def departure(values: Array, groups: Sequence[int]) -> Scores | None:
    """The median of the finite `values` (still,) with its interval, and their 5th and 95th percentile."""
    known = np.isfinite(values)
    if not known.any():
        return None
    told = interval_of(values[known], np.median, [group for group, there in zip(groups, known, strict=True) if there])
    low, high = np.percentile(values[known], [5, 95])
    return {**(told or {}), "from": float(low), "to": float(high)}


def clip_scores(found: Beating, clips: Sequence[Traced]) -> Scores:
    """What is told of a model on whole clips."""
    true, told = np.array([clip.ejection_fraction for clip in clips]), found.ejection_fraction
    known = np.isfinite(told)
    pairs = np.column_stack([told, true])[known]
    everybody = np.where(known, told, true.mean())
    always = np.abs(true - true.mean())
    return {
        "dice": interval_of(finite(over_phases(found.dice))),
        **{phase: {"dice": interval_of(finite(found.dice[:, n]))} for n, phase in enumerate(PHASES)},
        "bad": int((found.dice < BAD).sum()),
        "ef_error": interval_of(pairs, STATISTICS["mae"]),
        "ef_bias": interval_of(pairs, STATISTICS["bias"]),
        "ef_correlation": interval_of(pairs, correlation),
        "ef_error_all": interval_of(np.abs(everybody - true)),
        "always_the_mean": interval_of(always),
        "without_ef": int((~known).sum()),
        "ef_far_off": int((np.abs(pairs[:, 0] - pairs[:, 1]) >= FAR).sum()),
    }


def film_scores(found: Sequence[Shown], films: Sequence[Film]) -> Scores:
    """What is told of a model on films."""
    overlap = np.array([one.dice.mean() for one in found])
    curves = ("correlation", "area_ed", "area_es")
    return {
        "dice": interval_of(overlap),
        "worst": float(overlap.min()),
        "worst_frame": float(min(one.dice.min() for one in found)),
        "constant": interval_of(np.array(constant_dice(films))),
    } | {name: interval_of(finite([getattr(one, name) for one in found])) for name in curves}


def finite(values: Sequence[float] | Array) -> Array:
    """Those of the values that are finite."""
    array = np.array(values)
    return array[np.isfinite(array)]


def scores(found: Found, real: Validation) -> Scores:
    """Everything that is told of a model, by part; parts that there are none of are missing."""
    told: Scores = {}
    if real.stills:
        told["stills"] = still_scores(found.stills, real.stills)
    if real.clips:
        told["clips"] = clip_scores(found.clips, real.clips)
    if real.camus:
        told["camus"] = still_scores(found.camus, real.camus)
    if real.films:
        told["films"] = film_scores(found.films, real.films)
    return told


def differences(first: Found, other: Found, real: Validation) -> Scores:
    """The other model less the first, patient by patient, with interval and p; None where they share nothing."""
    patients = {part: [still.patient for still in getattr(real, part)] for part in ("stills", "camus")}
    told: Scores = {}
    for part, groups in patients.items():
        told[part] = {"dice": difference(getattr(first, part).dice, getattr(other, part).dice, groups)}
    for phase in PHASES:
        among = np.array([still.phase == phase for still in real.stills], np.bool_)
        told["stills"][phase] = difference(first.stills.dice[among], other.stills.dice[among])
    true = np.array([clip.ejection_fraction for clip in real.clips])
    errors = [np.abs(one.clips.ejection_fraction - true) for one in (first, other)]
    told["clips"] = {
        "dice": difference(*(finite(over_phases(one.clips.dice)) for one in (first, other))),
        "ef_error": difference(*errors),
    }
    return told


def difference(first: Array, other: Array, groups: Sequence[int] | None = None) -> Scores | None:
    """The mean of `other` (case,) less that of `first`, over the cases that both have."""
    known = np.isfinite(first) & np.isfinite(other)
    if not known.any():
        return None
    members = None if groups is None else [group for group, there in zip(groups, known, strict=True) if there]
    return asdict(paired_difference(other[known], first[known], seed=0, groups=members))


def table_of(real: Validation, models: Sequence[Model], found: Sequence[Found]) -> Scores:
    """Every score of every model as JSON-able numbers."""
    told = []
    for number, (model, one) in enumerate(zip(models, found, strict=True)):
        entry: Scores = {"model": identity(model.student), "scores": scores(one, real)}
        if number:
            entry["less_first"] = differences(found[0], one, real)
        told.append(entry)
    n = {part.name: len(getattr(real, part.name)) for part in fields(real)}
    return plain({"n": n, "models": told})


def report(models: Sequence[Model], table: Scores) -> str:
    """Every table as lines for a terminal."""
    by_name = {model.name: entry["scores"] for model, entry in zip(models, table["models"], strict=True)}
    parts = ["\n".join(model.words for model in models)]
    for part, title in (("stills", "EchoNet-Dynamic stills"), ("camus", "CAMUS stills")):
        if table["n"][part]:
            told = {name: scores[part] for name, scores in by_name.items()}
            parts += [overlap_table(title, told), departures_table(told), cases_table(told)]
    parts += [clips_table(by_name)] if table["n"]["clips"] else []
    parts += [films_table(by_name)] if table["n"]["films"] else []
    others = {model.name: entry["less_first"] for model, entry in zip(models[1:], table["models"][1:], strict=True)}
    parts += [differences_table(models[0].name, others)] if others else []
    n = ", ".join(f"{number} {part}" for part, number in table["n"].items())
    return "\n\n".join([*parts, f"n = {n}; 95 % intervals by patient. Research software, not for diagnosis."])


def overlap_table(title: str, by_name: Mapping[str, Scores]) -> str:
    """Dice, bad masks and area ratios of stills, a line per model."""
    rows = [[title, "Dice", "ED", "ES", f"under {BAD:g}, %", "area ED", "area ES", "n"]]
    for name, told in by_name.items():
        dices = [interval(one["dice"], 3) for one in (told, *(told[phase] for phase in PHASES))]
        ratios = [interval(told[phase]["area_ratio"], 2) for phase in PHASES]
        rows.append([name, *dices, percent(told["bad"]), *ratios, count(told["dice"])])
    return aligned(rows)


def departures_table(by_name: Mapping[str, Scores]) -> str:
    """Where the outline departs from the human's, a line per model and phase."""
    rows = [["px beyond the human's outline", "", *PLACES]]
    for name, told in by_name.items():
        for phase in PHASES:
            rows.append([name, phase, *(told_departure(told[phase]["departures"][place]) for place in PLACES)])
    return aligned(rows)


def told_departure(one: Scores | None) -> str:
    """A median with its interval, then the percentiles."""
    return "-" if one is None else f"{interval(one, 1)}, {one['from']:.1f} to {one['to']:.1f}"


def cases_table(by_name: Mapping[str, Scores]) -> str:
    """How many masks are bad, lost and empty, a line per model."""
    rows = [["masks", f"Dice < {BAD:g}", f"< {LOST:g}", "empty", "of"]]
    for name, told in by_name.items():
        n = told["dice"]["n"]
        cases = [str(round(told[key]["value"] * n)) for key in ("bad", "lost")]
        rows.append([name, *cases, str(told["empty"]), str(n)])
    return aligned(rows)


def percent(one: Scores | None) -> str:
    """A share with its interval, in percent."""
    return interval(one and {key: one[key] and 100 * one[key] for key in ("value", "low", "high")}, 1)


def clips_table(by_name: Mapping[str, Scores]) -> str:
    """Whole clips, a line per model."""
    rows = [["whole clips", "Dice", "ED", "ES", "EF error, points", "bias", "r", "all clips", "always the mean"]]
    rows[0] += ["no EF", f"EF {FAR:g} off", f"masks < {BAD:g}", "n"]
    for name, scores in by_name.items():
        told = scores["clips"]
        dices = [interval(one["dice"], 3) for one in (told, *(told[phase] for phase in PHASES))]
        errors = [interval(told["ef_error"], 1), interval(told["ef_bias"], 1), interval(told["ef_correlation"], 2)]
        errors += [interval(told["ef_error_all"], 1), interval(told["always_the_mean"], 1)]
        cases = [str(told[key]) for key in ("without_ef", "ef_far_off", "bad")]
        rows.append([name, *dices, *errors, *cases, count(told["dice"])])
    return aligned(rows)


def films_table(by_name: Mapping[str, Scores]) -> str:
    """Films with masks of every frame, a line per model."""
    rows = [["films", "Dice", "worst", "worst frame", "constant mask", "area correlation", "area ED", "area ES", "n"]]
    for name, scores in by_name.items():
        told = scores["films"]
        worst = [f"{told[key]:.3f}" for key in ("worst", "worst_frame")]
        curves = [interval(told[key], 2) for key in ("correlation", "area_ed", "area_es")]
        rows.append(
            [name, interval(told["dice"], 3), *worst, interval(told["constant"], 3), *curves, count(told["dice"])]
        )
    return aligned(rows)


def differences_table(first: str, others: Mapping[str, Scores]) -> str:
    """What the other models have more than the first, patient by patient."""
    rows = [[f"less {first}", "stills", "ED", "ES", "clips", "CAMUS", "EF error, points"]]
    for name, told in others.items():
        stills = [interval(told["stills"][key], 3) for key in ("dice", *PHASES)]
        rest = [interval(told[part]["dice"], 3) for part in ("clips", "camus")]
        rows.append([name, *stills, *rest, interval(told["clips"]["ef_error"], 1)])
    return aligned(rows)


if __name__ == "__main__":
    main()
