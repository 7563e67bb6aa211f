"""What the page hears of a clip's measures: the record that `segment` writes, and a row for every beat."""

from typing import Any

import numpy as np

from echodfkd.clock import HEART_RATES
from echodfkd.measure.measures import Measures, told_fraction
from echodfkd.measure.record import Record

Table = dict[str, Any]
UNKNOWN_INTERVAL = "no interval: how far this model is off was never measured"


def told(found: Measures, record: Record) -> Table:
    """The record with seconds, beats, and no ejection fraction where the verdict refuses the clip.

    Where an ejection fraction has no interval, `no_interval` says why.
    """
    clock = found.events.time
    seconds = clock.places(found.frames) / clock.rate
    table = {**record, "seconds": np.round(seconds, 5).tolist(), "fps_assumed": found.events.fps_assumed}
    table["beats"] = [_beat(found, number, seconds, "edv_ml" in record) for number in range(len(found.ejection.beats))]
    if found.factor is None and found.ejection_fraction is not None:
        table["no_interval"] = UNKNOWN_INTERVAL
    if found.verdict == "refused":
        table.pop("no_interval", None)
        for one in (table, *table["beats"]):
            for key in [key for key in one if key.startswith(("ejection", "edv", "esv"))]:
                del one[key]
    return table


def _beat(found: Measures, number: int, seconds: np.ndarray, sized: bool) -> Table:
    """One contraction: its frames, when it was, how far it emptied the ventricle, and how fast the next came."""
    ejection = found.ejection
    (ed, es), fraction = ejection.beats[number], ejection.per_beat[number]
    beat: Table = {"ed": ed, "es": es, "systole_s": round(float(seconds[es] - seconds[ed]), 3)}
    known = told_fraction(fraction, found.line)
    beat["ejection_fraction"] = None if known is None else round(known, 1)
    if sized:
        beat |= {"edv_ml": round(ejection.ed_volumes[number], 1), "esv_ml": round(ejection.es_volumes[number], 1)}
    following = [frame for frame in found.es_frames if frame > es]
    if following and not found.events.fps_assumed and not found.events.time.across(es, following[0]):
        rate = 60 / float(seconds[following[0]] - seconds[es])
        if HEART_RATES[0] <= rate <= HEART_RATES[1]:
            beat["heart_rate"] = round(rate)
    return beat
