import itertools

import numpy as np
import pytest
from planted_hearts import beating

from echodfkd.errors import InputError
from echodfkd.measure.beats import beat_events
from echodfkd.scores.frame_distance import Reference, frame_distances, match_events, null_curves, paper_frame

#        0  1  2  3  4  5  6  7  8  9  median 5.5; blocks below: 0-1, 4-6; above: 2-3, 7-9 (worked by hand)
CURVE = [3, 4, 9, 8, 5, 1, 2, 7, 6, 10]


@pytest.mark.parametrize(
    ("phase", "reference", "frame"),
    [("es", 0, 0), ("es", 2, 0), ("es", 3, 5), ("es", 9, 5), ("ed", 0, 2), ("ed", 4, 2), ("ed", 6, 9), ("ed", 9, 9)],
)
def test_the_papers_rule_takes_the_extremum_of_the_nearest_block(phase, reference, frame):
    assert paper_frame(CURVE, reference, phase) == frame


def test_of_two_blocks_as_near_the_earlier_is_taken_and_of_equal_values_the_first():
    assert paper_frame([1, 9, 1, 9, 9], 1, "es") == 0
    assert paper_frame([1, 5, 5, 1, 1], 2, "ed") == 1


def test_a_constant_curve_gives_frame_zero():
    assert paper_frame(np.ones(9), 5, "es") == paper_frame(np.ones(9), 5, "ed") == 0


def test_frame_distances_are_the_papers_frames_against_each_reference():
    assert frame_distances(CURVE, [3], "es").tolist() == [5 - 3]
    assert frame_distances(CURVE, [0, 9], "es").tolist() == [0, 4]
    assert frame_distances(CURVE, [], "es").tolist() == []
    with pytest.raises(InputError, match="one of ed, es"):
        paper_frame(CURVE, 3, "systole")


def spelled_out(area, reference, phase):
    """The paper's sentence, step by step, with lists and loops."""
    values = sorted(area)
    n = len(values)
    median = values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2
    inside = [value < median if phase == "es" else value > median for value in area]
    blocks = []
    for frame in range(n):
        if inside[frame] and blocks and blocks[-1][-1] == frame - 1:
            blocks[-1].append(frame)
        elif inside[frame]:
            blocks.append([frame])
    nearest = min(blocks, key=lambda block: min(abs(frame - reference) for frame in block))
    extremum = (min if phase == "es" else max)(area[frame] for frame in nearest)
    return next(frame for frame in nearest if area[frame] == extremum)


@pytest.mark.parametrize("phase", ["ed", "es"])
def test_the_papers_rule_is_what_its_sentence_says_on_any_curve(phase):
    rng = np.random.default_rng(4)
    for n in range(300):
        length = int(rng.integers(4, 60))
        area = rng.integers(0, 8, length).tolist() if n % 2 else rng.normal(size=length).cumsum().tolist()
        if min(area) < np.median(area) < max(area):
            reference = int(rng.integers(0, length))
            assert paper_frame(area, reference, phase) == spelled_out(area, reference, phase)


def test_white_noise_is_four_thirds_of_a_frame_off_whatever_the_heart_does():
    """By hand: half of the references lie in a block, on average 5/6 off; others are 4/3 from it, then 1/2 in it."""
    rng = np.random.default_rng(0)
    for frames in (175, 1000):
        middle = [frame_distances(rng.normal(size=frames), [frames // 2], "es")[0] for _ in range(2500)]
        assert np.mean(middle) == pytest.approx((5 / 6 + 4 / 3 + 1 / 2) / 2, abs=5 * np.std(middle) / 2500**0.5)


@pytest.fixture(scope="module")
def clips():
    """A hundred clips of 175 frames at 50 per second with all events known, and their true curves."""
    rng = np.random.default_rng(0)
    drawn = [beating(175, 50, rng.uniform(55, 90), rng.random()) for _ in range(100)]
    return [curve for curve, _, _ in drawn], [Reference(175, 50.0, tuple(ed), tuple(es)) for _, ed, es in drawn]


def afd(curves, references, phase):
    return np.mean([frame_distances(*pair, phase).mean() for pair in zip(curves, references, strict=True)])


def paper_score(curves, references):
    return np.mean([afd(curves, [clip.of(phase) for clip in references], phase) for phase in ("ed", "es")])


def robust_score(curves, references):
    found = [beat_events(curve, 50) for curve in curves]
    matched = [
        match_events(getattr(events, f"{phase}_frames"), clip.of(phase), 50)
        for phase in ("ed", "es")
        for events, clip in zip(found, references, strict=True)
    ]
    return np.mean([one.penalised_ms for one in matched])


def test_white_noise_beats_a_late_detector_by_the_papers_rule_and_not_one_to_one(clips):
    curves, references = clips
    rng = np.random.default_rng(1)
    noise = [1000 + 10 * rng.standard_normal(175) for _ in curves]
    late = [np.concatenate([np.full(6, curve[0]), curve[:-6]]) for curve in curves]
    noisy_late = [curve + 130 * rng.standard_normal(175) for curve in late]
    assert paper_score(noise, references) < 2 < paper_score(noisy_late, references) < paper_score(late, references)
    assert robust_score(curves, references) < robust_score(late, references) < robust_score(noise, references)


def test_null_curves_get_from_the_papers_rule_what_such_curves_are_known_to_get(clips):
    _, references = clips
    one_beat = [Reference(175, 50.0, clip.ed_frames[1:2], clip.es_frames[1:2]) for clip in references]
    drawn = [null_curves(clip, [0, n, draw]) for draw in range(5) for n, clip in enumerate(one_beat)]
    found = {name: afd([one[name] for one in drawn], [c.es_frames for c in one_beat] * 5, "es") for name in drawn[0]}
    assert 1.1 < found["white noise"] < 1.6
    assert 8 < found["random-phase sine"] < 16
    assert found["constant"] == pytest.approx(np.mean([clip.es_frames[0] for clip in one_beat]))


def test_null_curves_repeat_with_their_seed_and_have_the_clips_length_and_period():
    clip = Reference(175, 50.0, (10, 50, 90), ())
    first, again, other = (null_curves(clip, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["white noise"], other["white noise"])
    assert {curve.shape for curve in first.values()} == {(175,)}
    assert first["random-phase sine"][40:] == pytest.approx(first["random-phase sine"][:-40])
    assert np.ptp(first["constant"]) == 0


def test_events_are_matched_one_to_one_and_the_rest_is_missed_or_extra():
    found = match_events([10, 52, 53, 200], [12, 50, 90], fps=50, tolerance_s=0.1)
    assert found.pairs == ((10, 12), (52, 50))
    assert found.missed == (90,)
    assert found.extra == (53, 200)
    assert found.errors_frames.tolist() == [-2, 2]
    assert found.errors_ms.tolist() == [-40, 40]
    assert found.penalised_ms == pytest.approx((40 + 40 + 3 * 100) / 5)


def test_most_pairs_come_before_nearest_pairs():
    """Greedy pairing would take 10 with 11 and leave 14 alone, since 6 is too far from it."""
    assert match_events([10, 14], [6, 11], fps=10, tolerance_s=0.4).pairs == ((10, 6), (14, 11))


def test_matching_is_the_best_of_all_matchings():
    rng = np.random.default_rng(2)
    for _ in range(50):
        found, reference = (sorted(rng.choice(40, rng.integers(1, 5), replace=False).tolist()) for _ in range(2))
        ours = match_events(found, reference, fps=50, tolerance_s=0.2)
        assert cost(ours.pairs, found, reference) == min(all_costs(found, reference, 10))


def cost(pairs, found, reference):
    return (-len(pairs), sum(abs(a - b) for a, b in pairs))


def all_costs(found, reference, tolerance):
    for size in range(min(len(found), len(reference)) + 1):
        for left in itertools.combinations(found, size):
            for right in itertools.permutations(reference, size):
                pairs = list(zip(left, right, strict=True))
                if all(abs(a - b) <= tolerance for a, b in pairs):
                    yield cost(pairs, found, reference)


def test_matching_with_nothing_on_one_side():
    assert match_events([], [5], fps=50).missed == (5,)
    assert match_events([5], [], fps=50).extra == (5,)
    assert match_events([], [], fps=50).penalised_ms is None
    with pytest.raises(InputError, match="above 0 s"):
        match_events([1], [1], 50, tolerance_s=0)


def test_swapping_the_sides_swaps_missed_and_extra():
    forth, back = match_events([10, 30], [12, 90], 50), match_events([12, 90], [10, 30], 50)
    assert (forth.missed, forth.extra) == (back.extra, back.missed)
    assert forth.errors_ms.tolist() == [-error for error in back.errors_ms]
