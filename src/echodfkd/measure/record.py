"""What is written of a clip's measures: `measures.json`, a row of `summary.csv`, and a line for a person."""

from collections.abc import Sequence
from math import isinf
from typing import Any

import numpy as np

from echodfkd.files import plain
from echodfkd.measure.measures import Measures, told_fraction
from echodfkd.student.student import Student, identity
from echodfkd.tables import csv_text
from echodfkd.video.source import Source

Record = dict[str, Any]
"""All that `measures.json` holds."""
COLUMNS = ("FileName", "EF_pred", "ED", "ES", "verdict", "reasons", "frames", "fps", "EF_low", "EF_high", "model")
"""Those of `summary.csv`."""
VOLUMES = (1.0, 1000.0)
"""Millilitres of a ventricle at ED that are believed, a newborn's to the most dilated. By choice."""


def model_words(told: Record) -> str:
    """What made a clip's masks, in a few words."""
    return f"{told['model']['name']} {told['model']['weights']}"


def record(name: str, found: Measures, student: Student, source: Source | None = None) -> Record:
    """What `measures.json` holds of a clip: its measures, ejection fractions in percent, and the model.

    Volumes in ml are there where the pixel's size is known, `remarks` where the `source` contradicts itself.
    """
    rate, fraction, volumes = found.heart_rate, found.ejection_fraction, {}
    times, within = found.clock.times, found.ejection_interval
    remarks = () if source is None else source.remarks
    if found.spacing is not None and fraction is not None and not (source and source.relative):
        sizes = {"edv_ml": found.ejection.ed_volumes, "esv_ml": found.ejection.es_volumes}
        volumes = {key: round(float(np.median(beats)), 1) for key, beats in sizes.items()}
        if not VOLUMES[0] <= volumes["edv_ml"] <= VOLUMES[1]:
            size = f"{volumes['edv_ml']:g} ml at ED, believed is {VOLUMES[0]:g} to {VOLUMES[1]:g}"
            remarks, volumes = (*remarks, f"no volumes: by the size of its pixels {size}"), {}
    return {
        "name": name,
        "frames": found.frames,
        "fps": found.fps,
        **({} if times is None else {"times": np.round(times, 6).tolist()}),
        **({"dropped": found.clock.dropped} if found.clock.dropped else {}),
        **({"lapses": [plain(one) for one in lapses]} if (lapses := found.traits.lapses) else {}),
        "area_px": found.area.tolist(),
        "ed_frames": list(found.ed_frames),
        "es_frames": list(found.es_frames),
        "ejection_fraction": None if fraction is None else round(fraction, 2),
        "ejection_interval": None if within is None else [round(bound, 2) for bound in within],
        "ejection_fraction_per_beat": [
            None if (told := told_fraction(value, found.line)) is None else round(told, 2)
            for value in found.ejection.per_beat
        ],
        "ejection_fraction_by_discs": None if fraction is None else round(found.ejection.median or 0.0, 2),
        "ejection_line": list(found.line),
        **volumes,
        "heart_rate": None if rate is None else round(rate, 1),
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        **({"remarks": list(remarks)} if remarks else {}),
        "view_distance": None if found.view is None or isinf(found.view.distance) else round(found.view.distance, 2),
        "model": identity(student),
    }


def describe(measures: Record) -> str:
    """One line for a person."""
    fraction = measures["ejection_fraction"]
    told = "EF unknown" if fraction is None else f"EF {fraction:.0f} %"
    if within := measures.get("ejection_interval"):
        told += f" ({within[0]:.0f} to {within[1]:.0f})"
    reasons = f" ({'; '.join(measures['reasons'])})" if measures["reasons"] else ""
    remarks = "".join(f"; {remark}" for remark in measures.get("remarks", ()))
    return f"{measures['name']}: {measures['frames']} frames, {told}, {measures['verdict']}{reasons}{remarks}"


def summary_row(measures: Record) -> dict[str, Any]:
    """One row of `summary.csv`; lists are joined by spaces."""
    joined = {name: " ".join(str(frame) for frame in measures[f"{name.lower()}_frames"]) for name in ("ED", "ES")}
    return {
        "FileName": measures["name"],
        "EF_pred": measures["ejection_fraction"],
        **joined,
        "verdict": measures["verdict"],
        "reasons": "; ".join(measures["reasons"]),
        "frames": measures["frames"],
        "fps": measures["fps"],
        **dict(zip(("EF_low", "EF_high"), measures.get("ejection_interval") or (None, None), strict=True)),
        "model": model_words(measures),
        **({"corrected": "yes"} if measures.get("corrected") else {}),
        **({"no_interval": measures["no_interval"]} if measures.get("no_interval") else {}),
    }


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """`summary.csv` of rows as `summary_row` gives them; what a row lacks is empty."""
    return csv_text(rows, [*COLUMNS, *(one for one in ("corrected", "no_interval") if any(one in row for row in rows))])
