from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.synthetic.beat import Rhythm, cycle, ejection_time

REGULAR = Rhythm(
    fps=50,
    ejection_fraction=60,
    intervals=(0.9,) * 6,
    fillings=(1.0,) * 6,
    residuals=(1.0,) * 6,
    phase=0.0,
    early_filling=0.4,
    atrial_share=0.25,
    atrial_length=0.25,
    late_closure=0.0,
)


def test_ejection_time_follows_weissler():
    assert ejection_time(1.0) == pytest.approx(0.413 - 0.102)


def test_a_regular_beat_swings_between_full_and_its_residual():
    beats = cycle(REGULAR, 200)
    assert beats.volume.max() == pytest.approx(1)
    assert beats.volume.min() == pytest.approx(0.4)
    assert beats.ejection_fraction == pytest.approx(60)


def test_volume_stands_still_while_the_valves_are_shut():
    beats = cycle(REGULAR, 200)
    shut = beats.opening[beats.ed_frames[0] : beats.es_frames[0] + 1]
    assert not shut.any()
    early = beats.ed_frames[1]
    assert beats.volume[early] == beats.volume[early + 1] == pytest.approx(1)


def test_a_valve_that_closes_late_is_shut_before_the_heart_ejects():
    late = cycle(replace(REGULAR, late_closure=0.6), 200)
    ed, es = late.ed_frames[1], late.es_frames[1]
    assert late.opening[ed] == pytest.approx(0.6, abs=0.1)
    ejecting = np.flatnonzero(late.volume[ed : es + 1] < 0.999) + ed
    assert not late.opening[ejecting].any()
    assert np.array_equal(late.volume, cycle(REGULAR, 200).volume)


def test_valves_open_in_every_diastole():
    beats = cycle(REGULAR, 200)
    for es, ed in zip(beats.es_frames, beats.ed_frames[1:], strict=False):
        assert beats.opening[es:ed].max() > 0.8


def test_ed_and_es_alternate():
    beats = cycle(REGULAR, 250)
    events = sorted([(frame, "ed") for frame in beats.ed_frames] + [(frame, "es") for frame in beats.es_frames])
    kinds = [kind for _, kind in events]
    assert len(kinds) >= 8
    assert all(a != b for a, b in pairwise(kinds))


def test_phase_shifts_the_beat():
    half = cycle(replace(REGULAR, phase=0.5), 100)
    assert half.ed_frames[0] == pytest.approx(0.45 * 50, abs=1)


def test_fibrillation_has_no_atrial_kick():
    quiet = cycle(replace(REGULAR, atrial_share=0.0), 45).opening
    kicking = cycle(REGULAR, 45).opening
    late = slice(38, 44)
    assert quiet[late].max() < kicking[late].max()


def test_a_clip_within_diastole_still_knows_its_beat():
    short = cycle(replace(REGULAR, phase=0.8), 3)
    assert short.ejection_fraction == pytest.approx(60)
    assert short.heart_rate == pytest.approx(60 / 0.9)
    assert short.ed_frames == short.es_frames == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ejection_fraction": 0}, "between 0 and 100"),
        ({"intervals": (0.1,) * 6}, "at least 0.2 s"),
        ({"fillings": (1.0,)}, "one filling"),
        ({"early_filling": 0.8}, "leave room"),
        ({"late_closure": 1.2}, r"late_closure .*got 1\.2"),
    ],
)
def test_rhythm_refuses_nonsense(change, words):
    with pytest.raises(InputError, match=words):
        replace(REGULAR, **change)


def test_a_clip_longer_than_its_beats_is_refused():
    with pytest.raises(InputError, match="beats end after"):
        cycle(REGULAR, 1000)


def test_ed_is_the_largest_volume_between_two_es():
    beats = cycle(REGULAR, 250)
    for first, last in zip(beats.es_frames, beats.es_frames[1:], strict=False):
        ed = [frame for frame in beats.ed_frames if first < frame < last]
        assert len(ed) == 1
        assert beats.volume[ed[0]] == beats.volume[first : last + 1].max()
        assert beats.volume[first] == np.min(beats.volume[first : ed[0]])
