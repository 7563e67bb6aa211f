"""How well masks fit, by an image-text judge that never saw a label (the paper's section 3.8).

`wall`    frames with the mask painted black, similarity to "WALL": low where the mask spills over the wall
`cavity`  the mask enlarged by 5 pixels of 112 and black, "LEFT VENTRICLE" minus "NOTHING": low where it is too small
`combined`  the lower of both as z-scores of a `Scale`: that of all that is compared, of the good masks, or a given one

All three are larger for better masks. `combined` means nothing without its scale, and so do the clips that tell two
models apart by it: with other models in the pool they are others. The scores are noisy, so they come with what says
whether to trust them: how they rank masks spoilt on purpose, how they follow the true Dice where it is known, and how
many clips tell two models apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt, shift
from scipy.stats import norm, rankdata

from echodfkd.clip import Frames, evenly_spread
from echodfkd.errors import InputError
from echodfkd.evidence.records import Calibration, Counts, Intervals, MaskScores, Pair, Scale, ScoreGap
from echodfkd.evidence.words.prompts import Prompts, Similarity
from echodfkd.measure.overlap import dice
from echodfkd.measure.shape import MaskClip, check_masks
from echodfkd.stats.intervals import Interval, Statistic, bootstrap
from echodfkd.stats.ranks import spearman

MARGIN = 5.0 / 112
"""How far masks are enlarged, share of the image's shorter side: the paper's 5 pixels on its frames of 112."""
SCORES = ("wall", "cavity", "combined")
MOST_FRAMES = 12
"""Frames of a clip that are judged, evenly spread: neighbours tell the same. By choice."""
KINDS = ("shrunk", "grown", "shifted", "swapped", "empty")
"""Ways to spoil a mask, in the order of `spoilt_masks`."""
RESIZED, SHIFTED = 4 / 112, 8 / 112
"""How far masks are shrunk, grown and shifted to spoil them, shares of the image's shorter side. By choice."""
GOOD = "good"
"""The model's name under which a calibration has the masks that are not spoilt."""
CERTAINTY = 0.95
"""How sure the order of two models must be, for `clips_needed`."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class MaskFit:
    """How one model's masks fit some frames of a clip: `wall`, `cavity` and true `dice` (frame,), NaN without truth."""

    model: str
    name: str
    frames: NDArray[np.intp]
    wall: Values
    cavity: Values
    dice: Values


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
    return np.stack([(distance_transform_edt(~mask) <= reach) & mask.any() for mask in masks])


def eroded(masks: MaskClip, radius: float) -> MaskClip:
    """Masks (time, height, width) bool without every pixel within `radius` pixels of their outside."""
    return ~dilated(~masks, radius)


def blackened(frames: Frames, masks: MaskClip) -> Frames:
    """The frames (time, height, width) with 0 under the masks of the same shape."""
    check_masks(masks)
    if frames.shape != masks.shape:
        raise InputError(f"Frames {frames.shape} and masks {masks.shape} must be of one shape to be blackened.")
    return np.where(masks, np.uint8(0), frames)


def spoilt_masks(masks: MaskClip, other: MaskClip, seed: int) -> dict[str, MaskClip]:
    """Known-bad versions of good masks (time, height, width), by the names of KINDS.

    `shifted` goes in one direction for the whole clip, drawn from `seed`; `swapped` takes the masks of `other`, another
    clip of the same size, in their order, from its start again where it is shorter.
    """
    check_masks(masks)
    check_masks(other)
    if masks.shape[1:] != other.shape[1:]:
        raise InputError(f"Swapped masks must have the clip's size {masks.shape[1:]}, got {other.shape[1:]}.")
    side, angle = min(masks.shape[1:]), np.random.default_rng(seed).uniform(0, 2 * np.pi)
    way = np.rint(SHIFTED * side * np.array([np.sin(angle), np.cos(angle)]))
    return {
        "shrunk": eroded(masks, RESIZED * side),
        "grown": dilated(masks, RESIZED * side),
        "shifted": shift(masks.astype(np.uint8), (0, *way), order=0) > 0,
        "swapped": other[np.arange(len(masks)) % len(other)],
        "empty": np.zeros_like(masks),
    }


def frame_scores(judge: Similarity, prompts: Prompts, frames: Frames, masks: MaskClip) -> tuple[Values, Values]:
    """`wall` and `cavity` (time,) of the masks (time, height, width) bool on their frames."""
    others = {name: wordings for name, wordings in prompts.masks.items() if name != "wall"}
    wall = judge.similarities(blackened(frames, masks), {"wall": prompts.masks["wall"]})["wall"]
    found = judge.similarities(blackened(frames, dilated(masks)), others)
    cavity = found["left_ventricle"] - found["nothing"]
    return wall.astype(np.float64), cavity.astype(np.float64)


def mask_fit(
    judge: Similarity,
    prompts: Prompts,
    model: str,
    name: str,
    frames: Frames,
    masks: MaskClip,
    truth: MaskClip | None = None,
    *,
    most: int | None = MOST_FRAMES,
) -> MaskFit:
    """How one model's masks fit one clip, on at most `most` frames, the same for every model.

    All arrays are (time, height, width).
    """
    chosen = evenly_spread(len(frames), most or len(frames))
    wall, cavity = frame_scores(judge, prompts, frames[chosen], masks[chosen])
    overlap = np.full(len(chosen), np.nan) if truth is None else dice(masks[chosen], truth[chosen])
    return MaskFit(model, name, chosen, wall, cavity, overlap)


def calibration_fits(
    judge: Similarity,
    prompts: Prompts,
    clips: Sequence[tuple[str, Frames, MaskClip]],
    *,
    seed: int = 0,
    most: int | None = MOST_FRAMES,
) -> list[MaskFit]:
    """`mask_fit` of good masks (model GOOD) and of each kind of spoilt ones, for clips (name, frames, good masks).

    The good masks are the truth, or the most trusted masks there are. Each clip is swapped with the next of its size;
    without any there is no swapped mask.
    """
    fits = []
    for number, (name, frames, masks) in enumerate(clips):
        following = (other for _, _, other in (*clips[number + 1 :], *clips[:number]))
        other = next((other for other in following if other.shape[1:] == masks.shape[1:]), None)
        versions = {GOOD: masks, **spoilt_masks(masks, masks if other is None else other, seed + number)}
        if other is None:
            versions.pop("swapped")
        fits += [
            mask_fit(judge, prompts, kind, name, frames, version, masks, most=most)
            for kind, version in versions.items()
        ]
    return fits


def scale_of(fits: Iterable[MaskFit]) -> Scale:
    """The scale of all frames of the fits, as the pool that z-scores are taken over."""
    pool = [(fit.wall, fit.cavity) for fit in fits]
    if not pool:
        raise InputError("Masks can be compared once a frame was judged, got none.")
    wall, cavity = (np.concatenate(part) for part in zip(*pool, strict=True))
    return Scale((float(wall.mean()), float(cavity.mean())), (float(wall.std()), float(cavity.std())))


def combined(fit: MaskFit, scale: Scale) -> Values:
    """By frame the lower of wall and cavity as z-scores of `scale`.

    What does not vary in the scale keeps its plain distance from the mean, 0 where all are equal. A mask must pass
    both: their mean would let one that shows more wall make up for one that misses cavity.
    """
    sd = np.array(scale.sd)
    scores = np.stack([fit.wall, fit.cavity], axis=1) - np.array(scale.mean)
    return np.asarray((scores / np.where(sd > 0, sd, 1)).min(axis=1))


def mask_scores(
    fits: Sequence[MaskFit], *, scale: Scale | None = None, seed: int = 0, resamples: int = 2000
) -> MaskScores:
    """What a judge says of several models, and how far to trust it; intervals by clip.

    `combined` is of `scale`; None is the pool of all fits, so that it and the clips needed depend on who else is judged
    (for numbers that can be put beside those of another comparison give the scale of one). One model alone has no
    `combined` without a given scale: None.

    Of `pairs` the better one by true Dice comes first; where Dice is not known, the one of higher `combined`.
    """
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    used = replace(scale_of(fits) if scale is None else scale, given=scale is not None)
    models, table = _table(fits, used)
    means = _means(table)
    known = not np.isnan(means[..., -1]).any()
    columns = (*SCORES, "dice") if known else SCORES
    scores: dict[str, Intervals] = {
        model: {key: boot(means[:, m, c]) for c, key in enumerate(columns)} for m, model in enumerate(models)
    }
    frames = sum(len(fit.frames) for fit in fits) // len(models)
    n = Counts(len(table), frames=frames, seed=seed, resamples=resamples)
    if len(models) == 1:
        return MaskScores(n, used, {models[0]: scores[models[0]] | ({"combined": None} if scale is None else {})})
    rank: dict[str, Intervals] | None = None
    if known:
        rank = {
            "per_frame": {key: boot(table[..., [c, -1]], _rank_of_frames) for c, key in enumerate(SCORES)},
            "per_model": {key: boot(means[..., [c, -1]], _rank_of_means) for c, key in enumerate(SCORES)},
        }
    pairs = combinations(range(len(models)), 2)
    return MaskScores(n, used, scores, rank, tuple(_pair(means, models, pair, boot, known) for pair in pairs))


def calibration_scores(fits: Sequence[MaskFit], *, seed: int = 0, resamples: int = 2000) -> Calibration:
    """How well each score tells good masks from each kind of bad ones, from `calibration_fits`; intervals by clip.

    `auc` is the chance that a good mask of any clip scores above a bad one of any clip. `paired` is the same within a
    frame: how often the good mask scores above the bad one on the same picture. `combined` is of the scale of the good
    masks alone: a kind's figures do not depend on which other kinds were tried beside it.
    """
    boot = partial(bootstrap, seed=seed, resamples=resamples)
    good = [fit for fit in fits if fit.model == GOOD]
    if not good or len(good) == len(fits):
        raise InputError("A calibration needs fits of good masks and of bad ones: see calibration_fits.")
    scale = scale_of(good)
    models, table = _table(fits, scale)
    both = {kind: table[:, [models.index(GOOD), k]] for k, kind in enumerate(models) if kind != GOOD}

    def by_kind(statistic: Statistic) -> dict[str, Intervals]:
        return {
            kind: {key: boot(pair[..., c], statistic) for c, key in enumerate(SCORES)} for kind, pair in both.items()
        }

    n = Counts(len(table), frames=sum(len(fit.frames) for fit in good))
    return Calibration(n, scale, by_kind(_auc_of_table), by_kind(_paired_of_table))


def auc(good: ArrayLike, bad: ArrayLike) -> float:
    """The chance that a good one's score lies above a bad one's, ties counting half (Mann-Whitney); NaN without any."""
    first, second = np.asarray(good, np.float64).ravel(), np.asarray(bad, np.float64).ravel()
    if not len(first) or not len(second):
        return float("nan")
    ranks = rankdata(np.concatenate([first, second]))[: len(first)].sum()
    return float((ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second)))


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


def _table(fits: Sequence[MaskFit], scale: Scale) -> tuple[list[str], Values]:
    """The models, and (clip, model, frame, column) of SCORES and dice; NaN where a clip has fewer frames, or no truth.

    InputError where a model was not judged on the same frames of the same clips as the others.
    """
    by = {(fit.name, fit.model): fit for fit in fits}
    names, models = list(dict.fromkeys(fit.name for fit in fits)), list(dict.fromkeys(fit.model for fit in fits))
    table = np.full((len(names), len(models), max(len(fit.frames) for fit in fits), len(SCORES) + 1), np.nan)
    for c, name in enumerate(names):
        there = [by.get((name, model)) for model in models]
        for m, fit in enumerate(there):
            if fit is None or there[0] is None or not np.array_equal(fit.frames, there[0].frames):
                raise InputError(f"Every model must be judged on the same frames of the same clips; {name} is not.")
            table[c, m, : len(fit.frames)] = np.stack([fit.wall, fit.cavity, combined(fit, scale), fit.dice], axis=1)
    return models, table


def _means(table: Values) -> Values:
    """(clip, model, column) means over the frames; NaN where there is no number."""
    count = (~np.isnan(table)).sum(axis=2)
    return np.where(count > 0, np.nansum(table, axis=2) / np.maximum(count, 1), np.nan)


def _rank_of_frames(table: Values) -> float:
    pairs = table.reshape(-1, 2)
    return spearman(pairs[~np.isnan(pairs).any(axis=1)])


def _rank_of_means(means: Values) -> float:
    return spearman(means.mean(axis=0))


def _auc_of_table(pair: Values) -> float:
    good, bad = (pair[:, side].ravel() for side in (0, 1))
    return auc(good[~np.isnan(good)], bad[~np.isnan(bad)])


def _paired_of_table(pair: Values) -> float:
    difference = pair[:, 0] - pair[:, 1]
    difference = difference[~np.isnan(difference)]
    return float(np.mean(np.where(difference == 0, 0.5, difference > 0)))


def _pair(means: Values, models: Sequence[str], pair: tuple[int, int], boot: partial[Interval], known: bool) -> Pair:
    """Two models, the better one first: differences by clip, and the clips each score needs to tell them apart."""
    column = len(SCORES) if known else SCORES.index("combined")
    first, second = sorted(pair, key=lambda m: -means[:, m, column].mean())
    differences = means[:, first] - means[:, second]

    def gap(values: Values) -> ScoreGap:
        right = bool(values.mean() > 0) if known else None
        needed = None if right is False or len(values) < 2 else clips_needed(values)
        return ScoreGap(boot(values), right, needed)

    gaps = {score: gap(differences[:, c]) for c, score in enumerate(SCORES)}
    return Pair(models[first], models[second], boot(differences[:, -1]) if known else None, **gaps)
