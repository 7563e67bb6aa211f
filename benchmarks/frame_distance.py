"""Do distances of ED and ES frames rank detectors as they were planted? The paper's aFD, and events one to one.

    python benchmarks/frame_distance.py [--clips 300] [--seed 0] [--segmented 16] [--json FILE]

Drawn hearts' cavity areas, frame by frame, with their ED and ES known; nothing is rendered but for `--segmented`, where
the bundled b4 measures the areas on that many clips. Every detector is the true curve spoilt in a way whose cost is
known before any metric looks: events early or late by so many frames, beats left out, contractions invented, or a curve
that saw nothing. Its planted cost is the mean distance in ms, an event missed or invented counting 200 ms. Ranks are
compared by Spearman's correlation of mean score with planted cost, with a 95 % bootstrap interval by clip, and
pairs of detectors are counted that a metric puts in the wrong order though their costs are 20 ms apart or more.

Two settings: all beats known, and one beat marked in 3.5 s at 50 frames a second, as EchoNet-Dynamic's annotators do.
Two more tables: how a constant error in ms looks at other frame rates, and how many clips must be annotated twice to
know the floor of a frame distance.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echodfkd.clip import Clip, channel
from echodfkd.files import plain, write_json
from echodfkd.measure.beats import beat_events
from echodfkd.scores.bounds import ChoiceNoise, fit_choice_noise
from echodfkd.scores.clip_row import event_row
from echodfkd.scores.frame_distance import PHASES, TOLERANCE_S, Reference, null_curves
from echodfkd.scores.frame_rate import rate_scores
from echodfkd.stats.intervals import bootstrap
from echodfkd.stats.ranks import spearman
from echodfkd.synthetic.beat import cycle
from echodfkd.synthetic.heart import heart
from echodfkd.synthetic.recipe import ClipRecipe, Conditions, draw_recipe

Curve = NDArray[np.float64]
ALONE_MS = 1000 * TOLERANCE_S


@dataclass(frozen=True)
class Beating:
    """A clip as a metric sees it: cavity area by frame in pixels of a 112 x 112 image, its beats, and its number."""

    number: int
    area: Curve
    reference: Reference

    @property
    def fps(self) -> float:
        assert self.reference.fps
        return self.reference.fps

    @property
    def swing(self) -> float:
        """How far the area goes, in pixels."""
        return float(np.ptp(self.area))

    @property
    def events(self) -> int:
        return len(self.reference.ed_frames) + len(self.reference.es_frames)


@dataclass(frozen=True)
class Detector:
    """A curve from a clip and chance, its planted cost (ms) on the clip, and whether only its timing is spoilt."""

    curve: Callable[[Beating, np.random.Generator], Curve]
    cost: Callable[[Beating], float]
    timing: bool = True


def beating(recipe: ClipRecipe) -> Beating:
    """The clip of a recipe, its cavity as the polygon that is traced."""
    beats = cycle(recipe.rhythm, recipe.frames)
    x, y = np.moveaxis(heart(recipe.anatomy, recipe.tracing, beats).endocardium, -1, 0)
    area = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2 * 112**2
    # Volume stands still for 70 ms after ES: rounded, so that the plateau's first frame is its least, as in the truth.
    area = np.round(area, 6)
    return Beating(recipe.number, area, Reference(recipe.frames, recipe.rhythm.fps, beats.ed_frames, beats.es_frames))


def drawn(conditions: Conditions, seed: int, count: int, frames: int) -> list[Beating]:
    """That many clips in which a beat's ED and ES can be told."""
    clips = [beating(draw_recipe(conditions, seed, number, frames)) for number in range(count)]
    return [clip for clip in clips if all(clip.reference.of(phase) for phase in PHASES)]


def smooth_noise(clip: Beating, chance: np.random.Generator) -> Curve:
    """Noise of unit deviation that changes over 0.1 s."""
    noise = null_curves(clip.reference, int(chance.integers(2**32)))["smoothed noise"]
    return noise / noise.std()


def good(clip: Beating, chance: np.random.Generator) -> Curve:
    """The true curve with smooth noise of 1 % of its swing."""
    return clip.area + 0.01 * clip.swing * smooth_noise(clip, chance)


def late(frames: int, clip: Beating, chance: np.random.Generator) -> Curve:
    """`good`, every event that many frames late."""
    curve = good(clip, chance)
    return curve[np.maximum(np.arange(len(curve)) - frames, 0)]


def delayed(clip: Beating, chance: np.random.Generator) -> Curve:
    """The true curve 40 ms late, whatever the frame rate."""
    time = np.arange(len(clip.area))
    return np.interp(time - 0.04 * clip.fps, time, clip.area)


def noisy(share: float, frames: int, clip: Beating, chance: np.random.Generator) -> Curve:
    """`late` with white noise whose deviation is that share of the swing."""
    return late(frames, clip, chance) + share * clip.swing * chance.standard_normal(len(clip.area))


def jittered(frames: int, clip: Beating, chance: np.random.Generator) -> Curve:
    """`good`, each event that many frames early or late, the curve between two events stretched evenly."""
    events = np.array(sorted((*clip.reference.ed_frames, *clip.reference.es_frames)), np.float64)
    moved = events + frames * chance.choice([-1, 1], len(events))
    ends = (np.array([-50.0]), np.array([len(clip.area) + 49.0]))
    when = np.interp(
        np.arange(len(clip.area)), np.hstack([ends[0], moved, ends[1]]), np.hstack([ends[0], events, ends[1]])
    )
    return np.interp(when, np.arange(len(clip.area)), good(clip, chance))


def lost(clip: Beating) -> tuple[tuple[int, int], ...]:
    """From ED to ED around every second ES that has both: the beats that `half` leaves out."""
    return tuple(pairwise(clip.reference.ed_frames))[::2]


def half(clip: Beating, chance: np.random.Generator) -> Curve:
    """`good` without every second beat: the area stays from ED to ED."""
    curve = good(clip, chance)
    for start, stop in lost(clip):
        curve[start : stop + 1] = np.linspace(curve[start], curve[stop], stop - start + 1)
    return curve


def invented(clip: Beating) -> tuple[float, ...]:
    """Frames of false contractions: 0.42 s after an ES, where the next ED is 0.62 s away at least.

    Nearer, the detector takes the two for one.
    """
    following = (
        (es, min((ed for ed in clip.reference.ed_frames if ed > es), default=es)) for es in clip.reference.es_frames
    )
    return tuple(es + 0.42 * clip.fps for es, ed in following if ed - es >= 0.62 * clip.fps)


def doubled(clip: Beating, chance: np.random.Generator) -> Curve:
    """`good` with a false contraction in every diastole that has room for it, 0.7 of the swing deep."""
    time = np.arange(len(clip.area))
    dips = sum(np.exp(-0.5 * ((time - centre) / (0.05 * clip.fps)) ** 2) for centre in invented(clip))
    return good(clip, chance) - 0.7 * clip.swing * dips


def null(name: str, clip: Beating, chance: np.random.Generator) -> Curve:
    """A curve that saw no image, lifted to where areas lie."""
    return 10 + null_curves(clip.reference, int(chance.integers(2**32)))[name]


def off(frames: float, clip: Beating) -> float:
    """What it costs (ms) to be that many frames off."""
    return 1000 * frames / clip.fps


def without_beats(clip: Beating) -> float:
    """What it costs (ms) that beats are left out: their ES, and of the two ED around each the one that is merged."""
    return ALONE_MS * 2 * len(lost(clip)) / clip.events


def with_beats(clip: Beating) -> float:
    """What it costs (ms) that an ES and an ED are invented for each false contraction."""
    more = 2 * len(invented(clip))
    return ALONE_MS * more / (clip.events + more)


def blind(name: str) -> Detector:
    return Detector(partial(null, name), lambda clip: ALONE_MS, False)


DETECTORS: dict[str, Detector] = {
    "truth, 1 % smooth noise": Detector(good, partial(off, 0)),
    "each event 1 frame off": Detector(partial(jittered, 1), partial(off, 1)),
    "each event 3 frames off": Detector(partial(jittered, 3), partial(off, 3)),
    "all 2 frames late": Detector(partial(late, 2), partial(off, 2)),
    "all 6 frames late": Detector(partial(late, 6), partial(off, 6)),
    "all 6 frames late, 15 % white noise": Detector(partial(noisy, 0.15, 6), partial(off, 6)),
    "all 6 frames late, 40 % white noise": Detector(partial(noisy, 0.4, 6), partial(off, 6)),
    "every second beat missing": Detector(half, without_beats, False),
    "false contractions in diastole": Detector(doubled, with_beats, False),
    "white noise": blind("white noise"),
    "smoothed noise": blind("smoothed noise"),
    "random-phase sine": blind("random-phase sine"),
    "constant": blind("constant"),
}


def one_beat(clip: Beating) -> Beating:
    """The clip as one who marked one beat leaves it: the ES nearest to the middle and the ED nearest to that."""
    middle = len(clip.area) / 2
    es = min(clip.reference.es_frames, key=lambda frame: abs(frame - middle))
    ed = min(clip.reference.ed_frames, key=lambda frame: abs(frame - es))
    return replace(clip, reference=replace(clip.reference, ed_frames=(ed,), es_frames=(es,), complete=False))


def score(curve: Curve, reference: Reference) -> dict[str, float | None]:
    """What `evaluate` makes of an area curve: a row of each phase, and the means of both for aFD and penalised ms."""
    events = beat_events(curve, reference.fps)
    found: dict[str, Any] = {}
    for phase, frames in (("ed", events.ed_frames), ("es", events.es_frames)):
        found |= event_row(curve, frames, reference, phase)
    for key in ("afd", "penalised_ms"):
        both = [found[f"{phase}_{key}"] for phase in PHASES if found[f"{phase}_{key}"] is not None]
        found[key] = float(np.mean(both)) if both else None
    return found


def ranked(clips: list[Beating], marked: list[Beating], seed: int, resamples: int) -> dict[str, Any]:
    """Mean scores of every detector against the references of `marked`, and how well they rank as planted."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for index, (name, detector) in enumerate(DETECTORS.items()):
        curves = [detector.curve(clip, np.random.default_rng([seed, clip.number, index])) for clip in clips]
        rows[name] = [score(curve, clip.reference) for curve, clip in zip(curves, marked, strict=True)]
    costs = np.array([[detector.cost(clip) for detector in DETECTORS.values()] for clip in clips])
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    keys = [f"{start}{key}" for key in ("afd", "penalised_ms") for start in ("", "ed_", "es_")]
    told = {
        name: {"planted_ms": float(cost)} | {key: asdict(boot(column(found, key))) for key in keys}
        for (name, found), cost in zip(rows.items(), costs.mean(axis=0), strict=True)
    }
    sets = {"all": list(DETECTORS), "timing only": [name for name, one in DETECTORS.items() if one.timing]}
    ranks = {
        label: {
            key: ranks_of(rows, costs, names, key, boot) | {"wrong": wrong_order(told, names, key)}
            for key in ("afd", "penalised_ms")
        }
        for label, names in sets.items()
    }
    return {"clips": len(clips), "detectors": told, "rank_correlation": ranks}


def column(rows: list[dict[str, Any]], key: str) -> list[float]:
    return [row[key] for row in rows if row[key] is not None]


def ranks_of(
    rows: dict[str, list[dict[str, Any]]], costs: NDArray[np.float64], names: list[str], key: str, boot: Any
) -> dict[str, Any]:
    """Spearman's correlation of mean score and mean planted cost over detectors, with its interval over clips."""
    chosen = [list(DETECTORS).index(name) for name in names]
    scores = np.array([[np.nan if row[key] is None else row[key] for row in rows[name]] for name in names]).T
    both = np.concatenate([scores, costs[:, chosen]], axis=1)

    def statistic(drawn: NDArray[np.float64]) -> float:
        means = np.nanmean(drawn, axis=0)
        # Costs that are planted equal must not be told apart by rounding.
        return spearman(np.stack([means[: len(names)], np.round(means[len(names) :], 6)], axis=1))

    return asdict(boot(both, statistic))


def wrong_order(told: dict[str, Any], names: list[str], key: str) -> list[list[str]]:
    """Pairs (better by the metric, better as planted) whose planted costs are 20 ms apart or more."""
    return [
        [one, other]
        for one in names
        for other in names
        if told[one]["planted_ms"] - told[other]["planted_ms"] >= 20
        and told[one][key]["value"] < told[other][key]["value"]
    ]


def segmented(count: int, seed: int, frames: int, resamples: int) -> dict[str, Any]:
    """Scores of the areas that the bundled b4 measures on rendered clips, and of those clips' true areas."""
    from echodfkd.student.bundled import find_model
    from echodfkd.student.student import load_student
    from echodfkd.synthetic.generate import generate

    student = load_student(find_model("b4"), threads=1)
    rows: dict[str, list[dict[str, Any]]] = {"b4's areas": [], "true areas": []}
    for number in range(count):
        recipe = draw_recipe(Conditions(), seed, number, frames)
        clip, video = beating(recipe), generate([recipe], structures=("lv",)).frames[0]
        masks = channel(student(Clip(str(number), video, clip.fps)), student.structures)
        measured = (masks >= student.threshold).sum(axis=(1, 2))
        for name, area in (("b4's areas", measured.astype(np.float64)), ("true areas", clip.area)):
            rows[name].append(score(area, clip.reference))
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    return {
        name: {key: asdict(boot(column(found, key))) for key in ("afd", "penalised_ms")} for name, found in rows.items()
    }


def rates(clips: list[Beating], seed: int, resamples: int) -> dict[str, Any]:
    """Slopes against the frame rate of a curve that is 40 ms late at any rate, and of white noise."""
    found = {}
    for name, curve in (
        ("40 ms late", delayed),
        ("white noise", partial(null, "white noise")),
    ):
        rows = [
            {"fps": clip.fps} | score(curve(clip, np.random.default_rng([seed, clip.number])), clip.reference)
            for clip in clips
        ]
        found[name] = plain(rate_scores(rows, seed=seed, resamples=resamples))
    return found


def rounds(seed: int, repeats: int, counts: tuple[int, ...] = (100, 300, 1000, 3000)) -> list[dict[str, Any]]:
    """How well the floor of a frame distance is known from two rounds of so many clips; the noise is planted."""
    planted, reach = ChoiceNoise(2.0, 0.004, 25), 200
    frames, shares = np.arange(-reach, reach + 1), planted.shares(reach)
    told = []
    for count in counts:
        fits = []
        for repeat in range(repeats):
            chance = np.random.default_rng([seed, count, repeat])
            fits.append(fit_choice_noise(np.subtract(*chance.choice(frames, (2, count), p=shares))))
        floors = np.array([fit.mean_distance for fit in fits])
        told.append(
            {
                "clips": count,
                "repeats": repeats,
                "true_floor": planted.mean_distance,
                "mean_floor": floors.mean(),
                "spread": floors.std(),
                "astray": [float(edge) for edge in np.percentile([fit.astray for fit in fits], [5, 95])],
            }
        )
    return told


def interval(found: dict[str, Any], digits: int) -> str:
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def table(found: dict[str, Any]) -> str:
    """A setting's detectors as lines, then how well each metric ranks them."""
    lines = [f"{'':38}{'planted, ms':>12}  {'aFD, frames':22}{'one to one, ms':22}"]
    for name, row in found["detectors"].items():
        afd, ms = interval(row["afd"], 2), interval(row["penalised_ms"], 0)
        lines.append(f"{name:38}{row['planted_ms']:12.0f}  {afd:22}{ms:22}")
    for label, ranks in found["rank_correlation"].items():
        afd, ms = (interval(ranks[key], 2) for key in ("afd", "penalised_ms"))
        lines.append(f"{'rank correlation, ' + label:50}  {afd:22}{ms:22}")
        afd, ms = (str(len(ranks[key]["wrong"])) for key in ("afd", "penalised_ms"))
        lines.append(f"{'pairs in the wrong order, ' + label:50}  {afd:22}{ms:22}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300, help="clips per setting")
    parser.add_argument("--seed", type=int, default=0, help="of clips, noise and bootstrap")
    parser.add_argument("--resamples", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--segmented", type=int, default=0, help="clips that b4 segments (needs torch)")
    parser.add_argument("--repeats", type=int, default=20, help="planted annotations per number of clips")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    seed, resamples = chosen.seed, chosen.resamples
    every = drawn(Conditions(), seed, chosen.clips, 110)
    marked = drawn(Conditions(fps=(50, 50)), seed, chosen.clips, 175)
    fast = drawn(Conditions(fps=(20, 120)), seed, chosen.clips, 330)
    found: dict[str, Any] = {"seed": seed, "resamples": resamples}
    found["all beats"] = ranked(every, every, seed, resamples)
    found["one beat"] = ranked(marked, [one_beat(clip) for clip in marked], seed, resamples)
    found["frame rate"] = rates(fast, seed, resamples)
    found["two rounds"] = rounds(seed, chosen.repeats)
    if chosen.segmented:
        found["segmented"] = segmented(chosen.segmented, seed, 110, resamples)
    found = plain(found)
    for setting in ("all beats", "one beat"):
        print(f"{setting}: {found[setting]['clips']} clips, seed {seed}\n{table(found[setting])}\n")
    for name, one in found.get("segmented", {}).items():
        print(f"{name:38}{'':14}{interval(one['afd'], 2):22}{interval(one['penalised_ms'], 0):22}")
    for name, one in found["frame rate"].items():
        slopes = {key: one["trend"][f"es_{key}"]["slope"] for key in ("afd", "distance_frames", "distance_ms")}
        print(f"ES per Hz, {name}: " + ", ".join(f"{key} {interval(slope, 4)}" for key, slope in slopes.items()))
    for row in found["two rounds"]:
        print(
            f"{row['clips']} clips in two rounds: floor {row['mean_floor']:.2f} +- {row['spread']:.2f} "
            f"(true {row['true_floor']:.2f}), astray {row['astray']}"
        )
    if chosen.json:
        write_json(chosen.json, found)


if __name__ == "__main__":
    main()
