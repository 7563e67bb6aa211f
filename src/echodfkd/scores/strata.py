"""On which clips the errors are: error against EF, frame rate, heart rate, image quality and size, and the worst clips.

Each covariate by itself: they go together (a dilated ventricle is large and ejects little), and none of this says why.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echodfkd.errors import InputError
from echodfkd.scores.concentration import clip_error
from echodfkd.scores.metrics import ERRORS, Row
from echodfkd.scores.records import Strata, Stratum
from echodfkd.scores.scorecard import patient_groups
from echodfkd.stats.intervals import Groups, Interval, bootstrap
from echodfkd.stats.ranks import spearman

COVARIATES: dict[str, str] = {
    "ef_true": "true EF, %",
    "fps": "frame rate, Hz",
    "heart_rate": "heart rate, beats/min",
    "quality": "image quality",
    "area": "true area, pixels",
}
"""Columns that rows may have beside their scores, and their names in words."""
WORD_ORDER = ("poor", "medium", "good")
"""CAMUS's words for image quality from worst to best; clips with other words have groups, but no rank."""
LEAST_CLIPS = 6
"""Below it thirds hold fewer than two clips: there is one group. By choice."""

Value = float | str


def strata(rows: Sequence[Row], *, seed: int = 0, resamples: int = 2000) -> dict[str, dict[str, Strata | None]]:
    """Every error of ERRORS against every covariate: `found[error][covariate]`.

    `groups` are thirds of the clips by the covariate (or its words), each with its mean error by size and a bootstrap
    interval by clip; `correlation` is Spearman's between covariate and size of the error, with interval, None where
    either does not vary. None where no clip has both. Of many correlations one in twenty leaves 0 out of its interval
    by chance alone.
    """
    return {
        error: {covariate: _against(rows, error, covariate, seed, resamples) for covariate in COVARIATES}
        for error in ERRORS
    }


def worst(rows: Sequence[Row], error: str, count: int = 10) -> list[Row]:
    """The rows of the `count` clips with the largest error by size, worst first; ties by name."""
    known = [row for row in rows if clip_error(row, error) is not None]
    return sorted(known, key=lambda row: (-abs(clip_error(row, error) or 0.0), row["name"]))[:count]


def thirds(values: ArrayLike) -> NDArray[np.intp]:
    """The third (clip,) that each value is in, 0 lowest; equal values stay together, so groups may differ in size.

    All are in one group where there are fewer than LEAST_CLIPS of them.
    """
    array = np.asarray(values, np.float64)
    if len(array) < LEAST_CLIPS:
        return np.zeros(len(array), np.intp)
    return np.searchsorted(np.quantile(array, [1 / 3, 2 / 3]), array, side="left")


def _against(rows: Sequence[Row], error: str, covariate: str, seed: int, resamples: int) -> Strata | None:
    """One error against one covariate; None where no clip has both."""
    known = [row for row in rows if _known(row.get(covariate)) and clip_error(row, error) is not None]
    pairs = _pairs(known, error, covariate)
    if not pairs:
        return None
    values, errors = [value for value, _ in pairs], np.array([size for _, size in pairs])
    patients = patient_groups(known)

    def boot(inside: NDArray[np.bool_]) -> Interval:
        """The mean error of those clips."""
        whose = None if patients is None else [one for one, held in zip(patients, inside, strict=True) if held]
        return bootstrap(errors[inside], seed=seed, resamples=resamples, groups=whose)

    groups = tuple(Stratum(name, boot(inside)) for name, inside in _groups(values, covariate))
    return Strata(len(pairs), groups, _correlation(values, errors, patients, seed, resamples))


def _known(value: Value | None) -> bool:
    return value is not None and value != ""


def _pairs(rows: Sequence[Row], error: str, covariate: str) -> list[tuple[Value, float]]:
    """Covariate and size of the error of clips that have both; InputError where words and numbers are mixed."""
    pairs = [(row[covariate], abs(clip_error(row, error) or 0.0)) for row in rows]
    if len({isinstance(value, str) for value, _ in pairs}) > 1:
        raise InputError(f"The column {covariate} must hold numbers or words, got both. Write one kind or None.")
    return pairs


def _groups(values: Sequence[Value], covariate: str) -> list[tuple[str, NDArray[np.bool_]]]:
    """Groups from low to high: a name (the word, or a third's lowest and highest value), and who (clip,) is in it."""
    order = _places(values)
    if isinstance(values[0], str):
        return [(str(values[int(np.argmax(order == place))]), order == place) for place in np.unique(order)]
    digits, third = 2 if covariate == "quality" else 0, thirds(order)
    inside = [third == place for place in np.unique(third)]
    return [(f"{order[who].min():.{digits}f} to {order[who].max():.{digits}f}", who) for who in inside]


def _places(values: Sequence[Value]) -> NDArray[np.float64]:
    """Numbers (clip,) that sort the values: numbers themselves, or the place of words, those of WORD_ORDER first."""
    if not isinstance(values[0], str):
        return np.array(values, np.float64)
    words = [*WORD_ORDER, *sorted({str(value).lower() for value in values} - set(WORD_ORDER))]
    return np.array([words.index(str(value).lower()) for value in values], np.float64)


def _correlation(
    values: Sequence[Value], errors: NDArray[np.float64], patients: Groups, seed: int, resamples: int
) -> Interval | None:
    """Spearman's correlation with its interval; None where the words have no order or a column does not vary."""
    if isinstance(values[0], str) and not {str(value).lower() for value in values} <= set(WORD_ORDER):
        return None
    pairs = np.column_stack([_places(values), errors])
    if not np.isfinite(spearman(pairs)):
        return None
    return bootstrap(pairs, spearman, seed=seed, resamples=resamples, groups=patients)
