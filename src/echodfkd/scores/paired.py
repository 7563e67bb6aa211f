"""Two models on the same clips: how much better one is, clip by clip."""

from collections.abc import Sequence

import numpy as np

from echodfkd.errors import InputError
from echodfkd.scores.metrics import METRICS, Metric, Row
from echodfkd.scores.records import Paired, PairedClips, PairedDifference
from echodfkd.scores.scorecard import patient_groups
from echodfkd.stats.intervals import paired_difference


def paired_scores(first: Sequence[Row], second: Sequence[Row], *, seed: int = 0, resamples: int = 2000) -> Paired:
    """Differences, first model minus second, of the clips in both lists of `score_clip` rows.

    `clips` counts those of both, and of each alone. `differences` has for each metric compared the mean difference with
    `low`, `high`, `n` and `p` (see `intervals.paired_difference`; by patient where patients have several clips), the
    means `first` and `second` on those n clips, `sd` of the clips' differences (None for one clip), and `alone`: clips
    on which one model alone has that number. None where no clip has it of both. The p-values are not corrected for how
    many are looked at. InputError where no clip is shared or a name comes twice.
    """
    ones, others = _by_name(first), _by_name(second)
    shared = [name for name in ones if name in others]
    if not shared:
        raise InputError(
            f"Two models are compared on the same clips, got {len(ones)} and {len(others)} and none shared."
        )
    pairs = [(ones[name], others[name]) for name in shared]
    counts = PairedClips(len(shared), len(ones) - len(shared), len(others) - len(shared))
    differences = {one.key: _difference(pairs, one, seed, resamples) for one in METRICS if one.compared}
    return Paired(counts, seed, resamples, differences)


def _difference(pairs: Sequence[tuple[Row, Row]], metric: Metric, seed: int, resamples: int) -> PairedDifference | None:
    """The mean difference of one metric over the clips that have it of both models."""
    told = [(one, metric.of(one), metric.of(other)) for one, other in pairs]
    known = [row for row, a, b in told if a is not None and b is not None]
    if not known:
        return None
    values = np.array([(a, b) for _, a, b in told if a is not None and b is not None], np.float64)
    found = paired_difference(*values.T, seed=seed, resamples=resamples, groups=patient_groups(known))
    first, second = values.mean(axis=0).tolist()
    return PairedDifference(
        **vars(found),
        first=first,
        second=second,
        sd=float(np.subtract(*values.T).std(ddof=1)) if len(values) > 1 else None,
        alone=sum((a is None) != (b is None) for _, a, b in told),
    )


def _by_name(rows: Sequence[Row]) -> dict[str, Row]:
    named = {row["name"]: row for row in rows}
    if len(named) < len(rows):
        raise InputError(f"A comparison needs one row for each clip, got {len(rows)} rows of {len(named)} clips.")
    return named
