"""How well masks fit, by an image-text judge that never saw a label (the paper's section 3.8).

`wall`    frames with the mask painted black, similarity to "WALL": low where the mask spills over the wall
`cavity`  the mask enlarged by 5 pixels of 112 and black, "LEFT VENTRICLE" minus "NOTHING": low where it is too small
`combined`  the lower of both as z-scores of a `Scale`: that of all that is compared, of the good masks, or a given one

All three are larger for better masks. `combined` means nothing without its scale, and so do the clips that tell two
models apart by it: with other models in the pool they are others. The scores are noisy, so they come with what says
whether to trust them: how they rank masks spoilt on purpose, how they follow the true Dice where it is known, and how
many clips tell two models apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt, shift
from scipy.stats import norm, rankdata

from echodfkd.clip import Frames
from echodfkd.errors import InputError
from echodfkd.evidence.words.prompts import Prompts, Similarity, spread
from echodfkd.files import plain
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import MaskClip, check_masks
from echodfkd.stats.intervals import Interval, bootstrap
from echodfkd.stats.ranks import spearman

MARGIN = 5.0 / 112
"""How far masks are enlarged, share of the image's shorter side: the paper's 5 pixels on its frames of 112."""
SCORES = ("wall", "cavity", "combined")
MOST_FRAMES = 12
"""Frames of a clip that are judged, evenly spread: neighbours tell the same. By choice."""
KINDS = ("shrunk", "grown", "shifted", "swapped", "empty")
"""Ways to spoil a mask, in the order of `spoilt`."""
CERTAINTY = 0.95
"""How sure the order of two models must be, for `clips_needed`."""
Row = dict[str, Any]
Values = NDArray[np.float64]


# --- masks and frames -------------------------------------------------------------------------------------------------


def margin_px(shape: tuple[int, ...]) -> float:
    """The margin in pixels for images of `shape` (..., height, width)."""
    return MARGIN * min(shape[-2:])


def dilated(masks: MaskClip, radius: float | None = None) -> MaskClip:
    """Masks (time, height, width) bool with every pixel within `radius` pixels of them: dilation by a disc.

    None is the paper's margin at the image's size. An empty mask stays empty.
    """
    check_masks(masks)
    reach = margin_px(masks.shape) if radius is None else radius
    if not reach >= 0:
        raise InputError(f"Masks are enlarged by a radius of 0 pixels or more, got {reach}.")
    found = np.zeros(masks.shape, np.bool_)
    for number, mask in enumerate(masks):
        if mask.any():
            found[number] = distance_transform_edt(~mask) <= reach
    return found


def eroded(masks: MaskClip, radius: float) -> MaskClip:
    """Masks (time, height, width) bool without every pixel within `radius` pixels of their outside."""
    return ~dilated(~masks, radius)


def blackened(frames: Frames, masks: MaskClip) -> Frames:
    """The frames (time, height, width) with 0 under the masks of the same shape."""
    check_masks(masks)
    if frames.shape != masks.shape:
        raise InputError(f"Frames {frames.shape} and masks {masks.shape} must be of one shape to be blackened.")
    return np.where(masks, np.uint8(0), frames)


@dataclass(frozen=True)
class Spoiling:
    """How far masks are spoilt on purpose, shares of the image's shorter side. By choice."""

    shrunk: float = 4 / 112
    grown: float = 4 / 112
    shifted: float = 8 / 112


def spoilt(masks: MaskClip, other: MaskClip, seed: int, by: Spoiling | None = None) -> dict[str, MaskClip]:
    """Known-bad versions of good masks (time, height, width), by the names of KINDS.

    `shifted` goes in one direction for the whole clip, drawn from `seed`; `swapped` takes the masks of `other`, another
    clip of the same size, in their order, from its start again where it is shorter.
    """
    check_masks(masks)
    check_masks(other)
    if masks.shape[1:] != other.shape[1:]:
        raise InputError(f"Swapped masks must have the clip's size {masks.shape[1:]}, got {other.shape[1:]}.")
    by, side = by or Spoiling(), min(masks.shape[1:])
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    way = np.rint(by.shifted * side * np.array([np.sin(angle), np.cos(angle)]))
    return {
        "shrunk": eroded(masks, by.shrunk * side),
        "grown": dilated(masks, by.grown * side),
        "shifted": shift(masks.astype(np.uint8), (0, *way), order=0) > 0,
        "swapped": other[np.arange(len(masks)) % len(other)],
        "empty": np.zeros_like(masks),
    }


# --- judging ----------------------------------------------------------------------------------------------------------


def frame_scores(
    judge: Similarity, prompts: Prompts, frames: Frames, masks: MaskClip
) -> dict[str, NDArray[np.float32]]:
    """`wall` and `cavity` (time,) of the masks (time, height, width) bool on their frames."""
    asked = dict(prompts.masks)
    wall = judge.similarities(blackened(frames, masks), {"wall": asked.pop("wall")})["wall"]
    found = judge.similarities(blackened(frames, dilated(masks)), asked)
    return {"wall": wall, "cavity": found["left_ventricle"] - found["nothing"]}


def mask_rows(
    judge: Similarity,
    prompts: Prompts,
    model: str,
    name: str,
    frames: Frames,
    masks: MaskClip,
    truth: MaskClip | None = None,
    *,
    most: int | None = MOST_FRAMES,
) -> list[Row]:
    """A row per judged frame of one model on one clip: model, name, frame, wall, cavity, dice (None without `truth`).

    All arrays are (time, height, width). The same frames of a clip are judged for every model, at most `most`.
    """
    chosen = spread(len(frames), most)
    scores = frame_scores(judge, prompts, frames[chosen], masks[chosen])
    overlap = [None] * len(chosen) if truth is None else dice(masks[chosen], truth[chosen])
    return [
        plain({"model": model, "name": name, "frame": frame, "wall": wall, "cavity": cavity, "dice": fit})
        for frame, wall, cavity, fit in zip(chosen, scores["wall"], scores["cavity"], overlap, strict=True)
    ]


def calibration_rows(
    judge: Similarity,
    prompts: Prompts,
    clips: Sequence[tuple[str, Frames, MaskClip]],
    *,
    seed: int = 0,
    most: int | None = MOST_FRAMES,
) -> list[Row]:
    """`mask_rows` of good masks (model "good") and of each kind of `spoilt` ones, for clips (name, frames, good masks).

    The good masks are the truth, or the most trusted masks there are. Each clip is swapped with the next of its size;
    without any there is no swapped mask.
    """
    rows = []
    for number, (name, frames, masks) in enumerate(clips):
        looked = spread(len(frames), most)
        others = [
            other for _, _, other in (*clips[number + 1 :], *clips[:number]) if other.shape[1:] == masks.shape[1:]
        ]
        versions = spoilt(masks, others[0] if others else masks, seed + number)
        if not others:
            versions.pop("swapped")
        for kind, version in {"good": masks, **versions}.items():
            found = mask_rows(judge, prompts, kind, name, frames[looked], version[looked], masks[looked], most=None)
            rows.extend(found)
    return rows


# --- what the rows say ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of `wall` and `cavity`, that `combined` makes z-scores with."""

    mean: tuple[float, float]
    sd: tuple[float, float]

    def __post_init__(self) -> None:
        if not np.isfinite([*self.mean, *self.sd]).all() or min(self.sd) < 0:
            raise InputError(f"A scale has finite means and standard deviations of 0 or more, got {self}.")


def scale_of(rows: Sequence[Row]) -> Scale:
    """The scale of all frames in the rows, as the pool that z-scores are taken over."""
    if not rows:
        raise InputError("Masks can be compared once a frame was judged, got no rows.")
    wall, cavity = np.array([(row["wall"], row["cavity"]) for row in rows], np.float64).T
    return Scale((float(wall.mean()), float(cavity.mean())), (float(wall.std()), float(cavity.std())))


def combined(rows: Sequence[Row], scale: Scale | None = None) -> list[Row]:
    """The rows with `combined`: the lower of wall and cavity as z-scores of `scale`.

    What does not vary in the scale keeps its plain distance from the mean, 0 where all are equal. None is the scale of
    the rows themselves; then each number depends on all the others, whoever's masks they are, and changes when a model
    joins or leaves. A mask must pass both: their mean would let one that shows more wall make up for one that misses
    cavity.
    """
    known = scale_of(rows) if scale is None else scale
    scores = np.array([(row["wall"], row["cavity"]) for row in rows], np.float64).reshape(-1, 2)
    sd = np.array(known.sd)
    z = (scores - np.array(known.mean)) / np.where(sd > 0, sd, 1)
    return [{**row, "combined": float(value)} for row, value in zip(rows, z.min(axis=1), strict=True)]


def mask_scores(
    rows: Sequence[Row], *, scale: Scale | None = None, seed: int = 0, resamples: int = 2000
) -> dict[str, Any]:
    """What a judge says of several models, and how far to trust it, from `mask_rows`; JSON-able, intervals by clip.

    `combined` is of `scale`; None is the pool of all rows, so that it and the clips needed depend on who else is judged
    (for numbers that can be put beside those of another comparison give the scale of one). `scale` in the result tells
    mean and sd, and whether they were `given`. One model alone has no `combined` without a given scale: None.

    `models`: each score's mean (frames within a clip, then clips), and Dice's where known. `rank`: Spearman's
    correlation of each score with the true Dice, `per_frame` and `per_model` (of the models' means); None where Dice is
    not known. `pairs`: paired differences of every two models with what `clips_needed` says, the better one by true
    Dice first; where Dice is not known, the one of higher `combined` first, with `dice` and `right` None.
    """
    models = list(dict.fromkeys(row["model"] for row in rows))
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    used = scale_of(rows) if scale is None else scale
    table = _table(combined(rows, used), models)
    means = _means(table)
    known = not np.isnan(means[..., -1]).any()
    columns = (*SCORES, "dice") if known else SCORES
    scores: dict[str, Any] = {
        "n": {"clips": len(table), "frames": len(rows) // len(models), "seed": seed, "resamples": resamples},
        "scale": asdict(used) | {"given": scale is not None},
        "models": {
            model: {column: _asdict(boot(means[:, m, c])) for c, column in enumerate(columns)}
            for m, model in enumerate(models)
        },
        "rank": None,
        "pairs": None,
    }
    if len(models) == 1 and scale is None:
        scores["models"][models[0]]["combined"] = None
    if len(models) > 1:
        scores["pairs"] = [_pair(means, models, pair, boot) for pair in combinations(range(len(models)), 2)]
    if known and len(models) > 1:
        scores["rank"] = {
            "per_frame": {s: _asdict(boot(table[..., [c, -1]], _rank_of_frames)) for c, s in enumerate(SCORES)},
            "per_model": {s: _asdict(boot(means[..., [c, -1]], _rank_of_means)) for c, s in enumerate(SCORES)},
        }
    return plain(scores)


def calibration_scores(rows: Sequence[Row], *, seed: int = 0, resamples: int = 2000) -> dict[str, Any]:
    """How well each score tells good masks from each kind of bad ones, from `calibration_rows`; JSON-able.

    `auc` by kind and score: the chance that a good mask of any clip scores above a bad one of any clip. `paired` is the
    same within a frame: how often the good mask scores above the bad one on the same picture. Intervals by clip.

    `combined` is of the scale of the good masks alone, told in `scale`: a kind's figures do not depend on which other
    kinds were tried beside it.
    """
    models = list(dict.fromkeys(row["model"] for row in rows))
    if "good" not in models or len(models) < 2:
        raise InputError("A calibration needs rows of good masks and of bad ones: see calibration_rows.")
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    scale = scale_of([row for row in rows if row["model"] == "good"])
    table = _table(combined(rows, scale), models)
    good = models.index("good")
    n = {"clips": len(table), "frames": len(rows) // len(models)}
    found: dict[str, Any] = {"n": n, "scale": asdict(scale), "auc": {}, "paired": {}}
    for kind in (model for model in models if model != "good"):
        both = table[:, [good, models.index(kind)]]  # (clip, 2, frame, column)
        for name, statistic in (("auc", _auc_of_table), ("paired", _paired_of_table)):
            found[name][kind] = {s: _asdict(boot(both[..., c], statistic)) for c, s in enumerate(SCORES)}
    return plain(found)


def auc(good: ArrayLike, bad: ArrayLike) -> float:
    """The chance that a good one's score lies above a bad one's, ties counting half (Mann-Whitney); NaN without any."""
    first, second = np.asarray(good, np.float64).ravel(), np.asarray(bad, np.float64).ravel()
    if not len(first) or not len(second):
        return float("nan")
    ranks = rankdata(np.concatenate([first, second]))[: len(first)].sum()
    return float((ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second)))


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's correlation of two lists of numbers; NaN where one does not vary."""
    return spearman(np.column_stack([np.asarray(first, np.float64), np.asarray(second, np.float64)]))


def clips_needed(differences: ArrayLike, certainty: float = CERTAINTY) -> int | None:
    """Clips after which the mean of paired `differences` (clip,) has its sign with that certainty; None where never.

    n = (z sd / mean)^2 with the one-sided normal quantile z (1.645 for 95 %), rounded up: the mean of n clips is taken
    as normal around the mean seen here, with their standard deviation over the square root of n.
    """
    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or len(values) < 2 or not 0.5 < certainty < 1:
        raise InputError(f"Clips needed: two or more differences and a certainty in 0.5..1, got {values.shape}.")
    if values.mean() == 0:
        return None
    return max(1, int(np.ceil((norm.ppf(certainty) * values.std(ddof=1) / abs(values.mean())) ** 2)))


def _table(rows: Sequence[Row], models: Sequence[str]) -> Values:
    """(clip, model, frame, column) of the columns SCORES and dice; NaN where a clip has fewer frames, or no truth.

    InputError where a model was not judged on the same frames of the same clips as the others.
    """
    grouped: dict[str, dict[str, dict[int, list[float]]]] = {}
    for row in rows:
        values = [float("nan") if row[column] is None else row[column] for column in (*SCORES, "dice")]
        grouped.setdefault(row["name"], {}).setdefault(row["model"], {})[row["frame"]] = values
    for name, by_model in grouped.items():
        if set(by_model) != set(models) or len({frozenset(frames) for frames in by_model.values()}) > 1:
            raise InputError(f"Every model must be judged on the same frames of the same clips; {name} is not.")
    longest = max(len(frames) for by_model in grouped.values() for frames in by_model.values())
    table = np.full((len(grouped), len(models), longest, len(SCORES) + 1), np.nan)
    for c, by_model in enumerate(grouped.values()):
        for m, model in enumerate(models):
            frames = by_model[model]
            table[c, m, : len(frames)] = [frames[frame] for frame in sorted(frames)]
    return table


def _means(table: Values) -> Values:
    """(clip, model, column) means over the frames; NaN where there is no number."""
    count = (~np.isnan(table)).sum(axis=2)
    return np.where(count > 0, np.nansum(table, axis=2) / np.maximum(count, 1), np.nan)


def _rank_of_frames(table: Values) -> float:
    flat = table.reshape(-1, 2)
    flat = flat[~np.isnan(flat).any(axis=1)]
    return rank_correlation(flat[:, 0], flat[:, 1])


def _rank_of_means(means: Values) -> float:
    return rank_correlation(*means.mean(axis=0).T)


def _auc_of_table(pair: Values) -> float:
    good, bad = (pair[:, side].ravel() for side in (0, 1))
    return auc(good[~np.isnan(good)], bad[~np.isnan(bad)])


def _paired_of_table(pair: Values) -> float:
    difference = pair[:, 0] - pair[:, 1]
    difference = difference[~np.isnan(difference)]
    return float(np.mean(np.where(difference == 0, 0.5, difference > 0)))


def _pair(means: Values, models: Sequence[str], pair: tuple[int, int], boot: Any) -> Row:
    """Two models, the better one first: differences by clip, and the clips each score needs to tell them apart."""
    known = not np.isnan(means[..., -1]).any()
    column = len(SCORES) if known else SCORES.index("combined")
    first, second = sorted(pair, key=lambda m: -means[:, m, column].mean())
    differences = means[:, first] - means[:, second]
    found: Row = {"better": models[first], "worse": models[second], "dice": None}
    if known:
        found["dice"] = _asdict(boot(differences[:, -1]))
    for c, score in enumerate(SCORES):
        values = differences[:, c]
        right = bool(values.mean() > 0) if known else None
        needed = None if right is False or len(values) < 2 else clips_needed(values)
        found[score] = {"difference": _asdict(boot(values)), "right": right, "clips_needed": needed}
    return found


def _asdict(interval: Interval) -> Mapping[str, Any]:
    return asdict(interval)
