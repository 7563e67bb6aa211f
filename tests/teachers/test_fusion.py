"""Several teachers as one, by rules whose answers are worked by hand."""

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.errors import InputError, MissingExtra, StudyError
from echodfkd.teachers import Noise, Teacher
from echodfkd.teachers.fusion import Fusion, Member
from echodfkd.teachers.known import known

CLIP = Clip("a", np.zeros((2, 30, 40), np.uint8))


class Says:
    """A teacher that says the same of every frame: a probability, or a plane of them, for each structure."""

    def __init__(self, threshold=0.5, lacks=(), **planes):
        self.structures, self.threshold, self._lacks = tuple(planes), threshold, lacks
        self._planes = [np.broadcast_to(np.float32(plane), CLIP.frames.shape[1:]) for plane in planes.values()]

    def __call__(self, clip):
        return np.stack([np.stack(self._planes)] * len(clip.frames))

    def known(self, clip):
        return tuple(name for name in self.structures if name not in self._lacks)


def fused(*teachers, rule="mean", structures=("lv",), weights=None, heard=None):
    members = [Member(str(k), one, (weights or [1.0] * 9)[k]) for k, one in enumerate(teachers)]
    return Fusion(members, structures, rule, heard)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("mean", (0.2 + 0.4 + 0.9) / 3), ("weighted", (0.2 + 2 * 0.4 + 5 * 0.9) / 8), ("majority", 0)],
)
def test_one_pixel_by_three_teachers(rule, expected):
    one = fused(Says(lv=0.2), Says(lv=0.4), Says(lv=0.9), rule=rule, weights=[1, 2, 5])
    np.testing.assert_allclose(one(CLIP), expected, atol=1e-6)


def test_a_majority_is_more_than_half_each_by_its_own_threshold():
    low = Says(lv=0.4, threshold=0.3)
    assert fused(low, Says(lv=0.9), Says(lv=0.1), rule="majority")(CLIP).min() == 1
    assert fused(Says(lv=0.4), Says(lv=0.9), rule="majority")(CLIP).max() == 0  # a tie is outside


@pytest.mark.parametrize("rule", ["mean", "weighted", "majority", "staple"])
def test_who_is_alone_with_a_structure_is_taken_at_their_word(rule):
    both = fused(Says(lv=0.3), Says(rv=0.7), rule=rule, structures=("rv", "lv"))(CLIP)
    np.testing.assert_allclose(both[:, 0], 0.7)
    np.testing.assert_allclose(both[:, 1], 0.3)


@pytest.mark.parametrize("rule", ["mean", "weighted", "majority", "staple"])
def test_the_order_of_the_teachers_does_not_matter_and_equal_teachers_change_nothing(rule):
    draw = np.random.default_rng(2)
    first, second, third = (Says(lv=(draw.random((30, 40)) > 0.4).astype(np.float32)) for _ in range(3))
    expected = fused(first, second, third, rule=rule)(CLIP)
    np.testing.assert_allclose(fused(third, first, second, rule=rule)(CLIP), expected, atol=1e-5)
    np.testing.assert_allclose(fused(first, first, first, rule=rule)(CLIP), first(CLIP), atol=1e-6)


def disc(radius, row=15.0, column=20.0):
    rows, columns = np.mgrid[:30, :40]
    return (np.hypot(rows - row, columns - column) < radius).astype(np.float32)


def test_staple_finds_the_planted_truth_that_a_careless_majority_misses():
    truth = disc(8)
    draw = np.random.default_rng(0)
    careful = [Says(lv=np.where(draw.random(truth.shape) < 0.03, 1 - truth, truth)) for _ in range(3)]
    careless = [Says(lv=np.where(draw.random(truth.shape) < 0.35, 1 - truth, truth)) for _ in range(4)]

    def errors(rule):
        return np.count_nonzero((fused(*careful, *careless, rule=rule)(CLIP)[0, 0] >= 0.5) != (truth > 0.5))

    assert errors("staple") < 0.5 * errors("majority")


def test_staples_answer_does_not_depend_on_how_much_black_lies_around():
    masks = [disc(8), disc(7), disc(8, column=22)]
    small = fused(*(Says(lv=mask) for mask in masks), rule="staple")(CLIP)[0, 0]
    wide = Clip("wide", np.zeros((2, 130, 140), np.uint8))

    class Padded(Says):
        def __call__(self, clip):
            return np.pad(super().__call__(clip), ((0, 0), (0, 0), (50, 50), (50, 50)))

    large = fused(*(Padded(lv=mask) for mask in masks), rule="staple")(wide)[0, 0]
    np.testing.assert_allclose(large[50:80, 50:90], small, atol=1e-6)
    assert large[:50].max() == 0 and small[disc(7) > 0].min() > 0


def test_staple_of_empty_masks_is_empty():
    assert fused(Says(lv=0.0), Says(lv=0.1), rule="staple")(CLIP).max() == 0


def test_staple_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    with pytest.raises(MissingExtra, match=r"echodfkd\[teachers\]"):
        fused(Says(lv=1.0), Says(lv=0.0), rule="staple")(CLIP)


def test_what_nobody_knows_of_a_clip_is_unknown_and_0():
    one = fused(Says(lv=0.3, rv=0.8, lacks=("rv",)), Says(lv=0.5), structures=("lv", "rv"))
    assert known(one, CLIP) == ("lv",)
    masks = one(CLIP)
    np.testing.assert_allclose(masks[:, 0], 0.4)
    assert masks[:, 1].max() == 0


def test_a_structure_that_nobody_teaches_is_refused():
    with pytest.raises(InputError, match="la: 0 knows lv; 1 knows rv"):
        fused(Says(lv=0.3), Says(rv=0.3), structures=("lv", "la"))


def test_votes_are_heard_before_they_are_brought_together():
    heard = {}
    fused(Says(lv=0.9, rv=0.1), Says(lv=0.4), heard=lambda clip, votes: heard.update({clip.name: votes}))(CLIP)
    first, second = heard["a"]
    assert (set(first.masks), set(second.masks)) == ({"lv"}, {"lv"})
    assert first.inside("lv").all() and not second.inside("lv").any()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"kind": "fusion"}, "needs its teachers"),
        ({"of": (Teacher(),)}, r"teacher\.of .*'fusion'"),
        ({"fusion": "staple"}, r"teacher\.fusion .*'fusion'"),
        ({"kind": "fusion", "of": (Teacher("fusion", of=(Teacher(),)),)}, "not of fusions"),
        ({"kind": "fusion", "of": (Teacher(weight=2.0),)}, "'weighted', got .*'mean'"),
        ({"kind": "fusion", "of": (Teacher(),), "structures": ("lv",)}, r"\[\[teacher\.of\]\]"),
        ({"weight": 0.0}, "weight .*above 0"),
        ({"threshold": 1.0}, "threshold .*0 and 1"),
        ({"partial": True}, "partial .*'archive'"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings, fault):
    with pytest.raises(StudyError, match=fault):
        Teacher(**settings)


@pytest.mark.parametrize("noise", [{"flips": 0.6}, {"temperature": 0.0}, {"border": 0.0}])
def test_impossible_noise_is_refused(noise):
    with pytest.raises(StudyError, match=f"teacher.noise.{next(iter(noise))}"):
        Noise(1, **noise)
