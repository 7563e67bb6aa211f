"""Two models on the same clips: how much better one is, clip by clip.

Each of `COMPARED` is a number of one clip from its row of `score_clip`, and whether more of it is better.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from echodfkd.errors import InputError
from echodfkd.files import plain
from echodfkd.scores.scorecard import Row, patient_groups
from echodfkd.stats.intervals import paired_difference


@dataclass(frozen=True)
class Compared:
    """What is compared: a number of a clip's row, None where it has none, and whether higher is better."""

    of: Callable[[Mapping[str, Any]], float | None]
    higher_is_better: bool


def _column(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda row: row.get(name)


def _ejection_error(row: Mapping[str, Any]) -> float | None:
    return None if row.get("ef_error") is None else abs(row["ef_error"])


COMPARED: dict[str, Compared] = {
    **{name: Compared(_column(name), True) for name in ("dice", "dice_ed", "dice_es", "iou")},
    **{
        name: Compared(_column(name), False)
        for name in ("hd95_penalised", "surface_distance", "ed_penalised_ms", "es_penalised_ms")
    },
    "ef_absolute_error": Compared(_ejection_error, False),
}


def paired_scores(
    first: Sequence[Row], second: Sequence[Row], *, seed: int = 0, resamples: int = 2000
) -> dict[str, Any]:
    """Differences, first model minus second, of the clips in both lists of `score_clip` rows: JSON-able.

    `clips` counts those of both, and of each alone. `differences` has for each of `COMPARED` the mean difference with
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
    counts = {"both": len(shared), "first_alone": len(ones) - len(shared), "second_alone": len(others) - len(shared)}
    differences = {name: _difference(pairs, compared, seed, resamples) for name, compared in COMPARED.items()}
    return plain({"clips": counts, "seed": seed, "resamples": resamples, "differences": differences})


def _difference(pairs: Sequence[tuple[Row, Row]], compared: Compared, seed: int, resamples: int) -> Row | None:
    """The mean difference of one number over the clips that have it of both models."""
    told = [(one, compared.of(one), compared.of(other)) for one, other in pairs]
    known = [row for row, a, b in told if a is not None and b is not None]
    if not known:
        return None
    values = np.array([(a, b) for _, a, b in told if a is not None and b is not None], np.float64)
    found = paired_difference(*values.T, seed=seed, resamples=resamples, groups=patient_groups(known))
    means = dict(zip(("first", "second"), values.mean(axis=0), strict=True))
    means["sd"] = np.subtract(*values.T).std(ddof=1) if len(values) > 1 else None
    return asdict(found) | means | {"alone": sum((a is None) != (b is None) for _, a, b in told)}


def _by_name(rows: Sequence[Row]) -> dict[str, Row]:
    named = {row["name"]: row for row in rows}
    if len(named) < len(rows):
        raise InputError(f"A comparison needs one row for each clip, got {len(rows)} rows of {len(named)} clips.")
    return named
