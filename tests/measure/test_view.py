"""Views: what patients' ventricles look like passes, what is none is refused, and words say what is odd."""

from dataclasses import replace

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.commands.segment import segmentation
from echodfkd.errors import InputError
from echodfkd.measure.view import (
    LIKE,
    MARGIN,
    ODDS,
    STRANGE,
    WEIGHT,
    WORDS,
    Group,
    Look,
    Statistics,
    describe,
    described,
    look_of,
    statistics,
    view,
    view_of,
)
from echodfkd.student.student import Student, load_student
from echodfkd.synthetic.other_views import KINDS, NEAR, other_view

ROWS, COLUMNS = np.mgrid[:112, :112]
FAN = (np.abs(np.arctan2(COLUMNS - 56, ROWS + 1)) < 0.75) & (np.hypot(COLUMNS - 56, ROWS) < 110)


def heart(turn=0.0, inside=10, wall=150):
    """A frame with a dark ellipse in a fan, bright around but for below, and the ellipse's mask."""
    y, x = ROWS - 50, COLUMNS - 60
    along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    distance = np.hypot(along / 28, across / 14)
    frame = np.where(distance < 1, inside, np.where((distance < 1.3) & (along < 20), wall, 60)) * FAN
    return frame.astype(np.uint8), distance < 1


def of(name, *arguments, **options):
    return describe(*heart(*arguments, **options))[list(WORDS).index(name)]


def test_traits_are_those_of_the_picture():
    assert of("length") == pytest.approx(np.log(2), abs=0.02)
    assert of("lean") == pytest.approx(0, abs=0.02)
    assert of("lean", 0.3) == pytest.approx(0.3, abs=0.02)
    assert of("taper") == pytest.approx(0, abs=0.05)
    assert of("size") == pytest.approx(np.log(np.pi * 28 * 14 / FAN.sum()), abs=0.02)
    assert of("left_wall") > 0.3 and of("right_wall") > 0.3 and of("apex") > of("base")
    assert of("brightness", inside=90) > of("brightness")


def test_traits_do_not_depend_on_the_images_size():
    frame, mask = heart(0.2)
    larger = describe(np.kron(frame, np.ones((3, 3), np.uint8)), np.kron(mask, np.ones((3, 3), bool)))
    assert larger == pytest.approx(describe(frame, mask))


def test_a_shadow_beside_the_ventricle_moves_its_place_in_the_sector_by_nothing():
    frame, mask = heart()
    shadow = (np.abs(np.degrees(np.arctan2(COLUMNS - 56, ROWS + 1)) + 28) < 3) | (ROWS < 12)
    names = [list(WORDS).index(name) for name in ("size", "across")]
    shaded = describe(np.where(shadow, np.uint8(0), frame), mask)[names]
    assert shaded == pytest.approx(describe(np.where(ROWS < 12, np.uint8(0), frame), mask)[names], abs=0.05)


def test_a_frame_without_a_mask_is_infinitely_far():
    frame, mask = heart()
    assert np.isnan(describe(frame, np.zeros_like(mask))).all()
    assert view([describe(frame, np.zeros_like(mask))]).refused


def test_the_distance_is_mahalanobis_and_words_name_the_trait():
    count = len(WORDS)
    plain = Statistics({"one": Group(np.zeros(count), np.full(count, 2.0), np.eye(count))}, (1.0, 3.0))
    traits = np.zeros(count)
    traits[1] = 8.0
    found = view([traits], known=plain)
    assert (found.distance, found.words) == (4.0, WORDS["lean"][1])
    assert found.odd and found.refused
    traits[1] = -4.0
    found = view([traits], known=plain)
    assert (found.distance, found.words, found.odd, found.refused) == (2.0, WORDS["lean"][0], True, False)


def test_the_middle_of_the_frames_decides():
    frame, mask = heart()
    frames, masks = np.stack([frame] * 9), np.stack([mask] * 9)
    masks[:4] = False
    assert np.isfinite(view_of(frames, masks).distance)
    masks[:5] = False
    assert view_of(frames, masks).refused


def test_the_statistics_are_whole():
    known = statistics()
    assert 0 < known.limits[0] < known.limits[1]
    for group in known.groups.values():
        assert group.mean.shape == group.deviation.shape == (len(WORDS),)
        assert (np.linalg.eigvalsh(group.correlation) > 0).all()


def test_what_is_no_four_chamber_view_is_refused():
    model = load_student("b4")
    clips = [Clip(kind, other_view(kind, seed, 48), 24.0) for kind in KINDS for seed in range(3)]
    found = [segmentation(clip, model) for clip in clips]
    assert np.mean([one.verdict == "refused" for one in found]) >= 0.95
    assert np.mean([one.view.refused for one in found]) >= 0.95
    assert all(one.view.odd for one in found)


def test_what_is_nearly_a_four_chamber_view_is_refused_too():
    model = load_student("b4")
    found = [segmentation(Clip(kind, other_view(kind, seed, 9), 24.0), model) for kind in NEAR for seed in range(8)]
    assert np.mean([one.view.refused for one in found]) >= 0.95


def test_what_is_strange_to_the_model_is_farther_and_said_to_be():
    frame, mask = heart()
    plain = view([described(frame, mask)])
    near, far = (Look(lambda _, strange=strange: np.array([strange]), (4.0, 5.0)) for strange in (0.1, 40.0))
    found = [view([described(frame, mask, look=look)], look) for look in (near, far)]
    assert found[0].distance == pytest.approx(np.hypot(plain.distance, 0.1 * WEIGHT))
    assert found[1].distance == pytest.approx(np.hypot(plain.distance, 40 * WEIGHT))
    assert (found[0].words, found[1].words) == (plain.words, STRANGE)
    assert found[1].limits == (4.0, 5.0) and found[1].refused


def test_a_frame_that_another_view_is_likelier_for_is_farther_and_named_by_it():
    frame, mask = heart()
    plain = view([described(frame, mask)])
    views = ("mirrored", "two-chamber")

    def seen(*odds):
        look = Look(lambda _: np.array([0.0, *odds]), (4.0, 5.0), views)
        return view([described(frame, mask, look=look)], look)

    assert seen(-MARGIN - 9, -MARGIN - 9).distance == pytest.approx(plain.distance)
    both = seen(np.log(0.3), np.log(0.7))
    assert both.distance == pytest.approx(np.hypot(plain.distance, ODDS * MARGIN))
    assert (seen(20, 9).words, seen(9, 20).words) == (LIKE["mirrored"], LIKE["two-chamber"])
    assert seen(20, 9).refused


def test_the_part_of_a_model_is_that_of_its_card():
    student = load_student("b4")
    look = look_of(student)
    frame, _ = heart()
    assert look.strange(frame).tolist() == student.strangeness(frame).tolist()
    assert look.views == student.familiar.views and set(look.views) == set(LIKE)
    assert look.limits == (student.familiar.odd, student.familiar.refused)
    student.card = replace(student.card, familiar=None)
    assert look_of(Student(student.card, student.stepper)) is None


def test_other_views_beat_and_are_drawn_alike_by_seed():
    frames = other_view("short axis", 3, 24)
    assert np.array_equal(frames, other_view("short axis", 3, 24))
    assert not np.array_equal(frames[0], frames[12])
    with pytest.raises(InputError, match="short axis"):
        other_view("five-chamber", 0)
