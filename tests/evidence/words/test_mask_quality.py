"""Mask quality without labels: discs, spoilt masks, ranks and the number of clips, on judges that are planted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from scipy.stats import mannwhitneyu

from echodfkd.errors import InputError
from echodfkd.evidence.records import Counts, Scale
from echodfkd.evidence.words.mask_quality import (
    GOOD,
    KINDS,
    MaskFit,
    auc,
    blackened,
    calibration_fits,
    calibration_scores,
    clips_needed,
    combined,
    dilated,
    eroded,
    frame_scores,
    mask_fit,
    mask_scores,
    scale_of,
    spoilt_masks,
)
from echodfkd.evidence.words.prompts import read_prompts

SIZE, INSIDE = 56, 20


def disc(radius: float, centre: tuple[float, float] = (28, 28), size: int = SIZE) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.hypot(y - centre[0], x - centre[1]) <= radius


def heart(seed: int, frames: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Frames (time, height, width) with a cavity of grey level 20 in tissue of 200, and the cavity's masks."""
    chance = np.random.default_rng(seed)
    masks = np.stack([disc(10 + chance.random() * 3, tuple(26 + 4 * chance.random(2))) for _ in range(frames)])
    return np.where(masks, INSIDE, 200).astype(np.uint8), masks


def fit(model: str, wall: list[float], cavity: list[float], name: str = "clip") -> MaskFit:
    """What a judge said of frames 0, 1 and so on, without truth."""
    nothing = np.full(len(wall), np.nan)
    return MaskFit(model, name, np.arange(len(wall)), np.array(wall), np.array(cavity), nothing)


class Planted:
    """A judge that sees how much wall is left, and how much cavity."""

    def __init__(self, noise: float = 0.0):
        self.noise, self.chance = noise, np.random.default_rng(0)

    def similarities(self, frames, prompts):
        whole = frames[0].size
        values = {
            "wall": (frames == 200).sum(axis=(1, 2)) / whole,
            "left_ventricle": -(frames == INSIDE).sum(axis=(1, 2)) / whole,
            "nothing": np.full(len(frames), 0.25),
        }
        return {name: values[name] + self.noise * self.chance.standard_normal(len(frames)) for name in prompts}


def test_dilation_is_by_a_disc():
    mask = np.random.default_rng(0).random((2, 40, 40)) > 0.99
    footprint = np.hypot(*np.mgrid[-5:6, -5:6]) <= 5
    expected = np.stack([binary_dilation(frame, footprint) for frame in mask])
    np.testing.assert_array_equal(dilated(mask, 5), expected)


def test_the_margin_is_five_pixels_of_112_and_scales_with_the_image():
    for size, reach in ((112, 5), (224, 10), (56, 2)):
        point = np.zeros((1, size, size + 8), bool)
        point[0, size // 2, size // 2] = True
        assert dilated(point)[0].any(axis=1).sum() == 2 * reach + 1


def test_an_empty_mask_stays_empty_and_a_full_one_full():
    for value in (False, True):
        mask = np.full((1, 9, 9), value)
        np.testing.assert_array_equal(dilated(mask, 3), mask)
        np.testing.assert_array_equal(eroded(mask, 3), mask)


def test_what_is_grown_and_then_shrunk_holds_what_was_there():
    mask = disc(9)[None]
    assert (eroded(dilated(mask, 4), 4) >= mask).all()
    assert (dilated(eroded(mask, 4), 4) <= mask).all()


def test_painting_black_changes_nothing_else():
    frames, masks = heart(0)
    painted = blackened(frames, masks)
    assert (painted[masks] == 0).all()
    np.testing.assert_array_equal(painted[~masks], frames[~masks])


def test_the_scores_by_hand():
    frames, masks = heart(1, frames=1)
    big = disc(40)[None]
    walls, cavities = (frames == 200).sum(), masks.sum()
    assert frame_scores(Planted(), read_prompts(), frames, masks)[0][0] == pytest.approx(walls / SIZE**2)
    _, nothing = frame_scores(Planted(), read_prompts(), frames, np.zeros_like(masks))
    assert nothing[0] == pytest.approx(-cavities / SIZE**2 - 0.25)
    assert frame_scores(Planted(), read_prompts(), frames, big)[0][0] == 0


def test_auc_is_the_mann_whitney_statistic():
    chance = np.random.default_rng(2)
    good, bad = chance.integers(0, 9, 30), chance.integers(0, 7, 40)
    assert auc(good, bad) == pytest.approx(mannwhitneyu(good, bad).statistic / (30 * 40))
    assert auc([1, 2], [0, 0]) == 1 and auc([1], [1]) == 0.5 and np.isnan(auc([], [1]))


def test_so_many_clips_are_needed_that_the_order_is_right_in_95_of_100_draws():
    chance = np.random.default_rng(4)
    population = 0.02 + 0.1 * chance.standard_normal(4000)
    needed = clips_needed(population)
    assert needed == pytest.approx((1.645 * 0.1 / 0.02) ** 2, rel=0.15)  # 67.7
    right = (chance.choice(population, (4000, needed)).mean(axis=1) > 0).mean()
    assert right == pytest.approx(0.95, abs=0.015)


def test_equal_models_are_never_told_apart():
    assert clips_needed([1.0, -1.0]) is None
    assert clips_needed([0.5, 0.5, 0.5]) == 1
    with pytest.raises(InputError, match="two or more"):
        clips_needed([1.0])


class TestSpoilt:
    def test_every_kind_is_what_its_name_says(self):
        _, masks = heart(5)
        other = heart(6, frames=3)[1]
        found = spoilt_masks(masks, other, seed=0)
        assert tuple(found) == KINDS
        assert (found["shrunk"] <= masks).all() and found["shrunk"].sum() < masks.sum()
        assert (found["grown"] >= masks).all() and found["grown"].sum() > masks.sum()
        np.testing.assert_array_equal(found["swapped"], other[[0, 1, 2, 0]])
        assert not found["empty"].any()

    def test_a_shift_moves_the_whole_clip_by_eight_pixels_of_112(self):
        masks = np.stack([disc(9), disc(10)])
        moved = spoilt_masks(masks, masks, seed=1)["shifted"]
        centres = [np.argwhere(m).mean(axis=0) - np.argwhere(g).mean(axis=0) for m, g in zip(moved, masks, strict=True)]
        np.testing.assert_allclose(centres[0], centres[1], atol=1e-9)
        assert np.hypot(*centres[0]) == pytest.approx(4, abs=0.8)

    def test_masks_of_another_size_cannot_be_swapped_in(self):
        with pytest.raises(InputError, match="clip's size"):
            spoilt_masks(disc(9)[None], disc(9, size=60)[None], 0)


def compared(judge, radii: dict[str, float], clips: int = 6) -> list[MaskFit]:
    """Fits of models whose masks are that many pixels too large."""
    fits = []
    for number in range(clips):
        frames, truth = heart(number)
        for model, by in radii.items():
            masks = dilated(truth, by) if by >= 0 else eroded(truth, -by)
            fits.append(mask_fit(judge, read_prompts(), model, f"clip{number}", frames, masks, truth))
    return fits


def test_models_of_planted_quality_come_out_in_their_order():
    scores = mask_scores(compared(Planted(), {"good": 0, "bad": 3, "worse": 6}), resamples=100)
    dice = [scores.models[m]["dice"].value for m in ("good", "bad", "worse")]
    assert dice == sorted(dice, reverse=True)
    assert scores.rank["per_model"]["wall"].value == pytest.approx(1)
    assert scores.rank["per_frame"]["wall"].value > 0.8
    assert all(pair.wall.right and pair.wall.clips_needed >= 1 for pair in scores.pairs)
    assert {(pair.better, pair.worse) for pair in scores.pairs} == {
        ("good", "bad"),
        ("good", "worse"),
        ("bad", "worse"),
    }
    assert scores.n == Counts(6, frames=24, seed=0, resamples=100)


def test_noise_in_the_judge_asks_for_more_clips():
    radii = {"good": 0, "bad": 2}
    quiet, loud = (mask_scores(compared(Planted(n), radii, 12), resamples=20).pairs[0].wall for n in (0.0, 0.2))
    assert loud.clips_needed is None or loud.clips_needed > quiet.clips_needed


def test_combined_is_the_lower_of_two_z_scores():
    two = fit("a", [1.0, 3.0], [5.0, 5.0])
    assert combined(two, scale_of([two])).tolist() == [-1, 0]


def test_without_a_truth_there_are_scores_and_no_ranks():
    frames, masks = heart(0)
    one = mask_fit(Planted(), read_prompts(), "a", "clip", frames, masks)
    scores = mask_scores([one], resamples=10)
    assert scores.rank is None and scores.pairs is None and np.isnan(one.dice).all()
    assert set(scores.models["a"]) == {"wall", "cavity", "combined"}


def test_one_model_alone_has_no_combined_score_unless_a_scale_is_given():
    fits = compared(Planted(), {"a": 2})
    assert mask_scores(fits, resamples=10).models["a"]["combined"] is None
    given = mask_scores(fits, scale=Scale((0.5, -0.25), (0.1, 0.1)), resamples=10)
    by_hand = np.mean([np.minimum((one.wall - 0.5) / 0.1, (one.cavity + 0.25) / 0.1) for one in fits])
    assert given.models["a"]["combined"].value == pytest.approx(by_hand)
    assert given.scale == Scale((0.5, -0.25), (0.1, 0.1), given=True)


def test_a_given_scale_makes_two_models_apart_whoever_else_is_judged():
    chance = np.random.default_rng(7)
    values = {"a": (0.5, 0.1), "b": (0.45, 0.1), "far": (3.0, -9.0)}
    fits = [
        fit(m, [w + 0.1 * chance.normal()], [c + 0.1 * chance.normal()], name=str(n))
        for n in range(20)
        for m, (w, c) in values.items()
    ]
    two = [one for one in fits if one.model != "far"]

    def apart(found, scale):
        return mask_scores(found, scale=scale, resamples=20).pairs[0].combined

    assert apart(fits, scale_of(two)) == apart(two, None)
    assert apart(fits, None).difference.value != apart(two, None).difference.value


def test_without_a_truth_the_judge_says_which_is_higher_and_after_how_many_clips():
    fits = [replace(one, dice=one.dice * np.nan) for one in compared(Planted(), {"bad": 3, "good": 0}, clips=8)]
    (pair,) = mask_scores(fits, resamples=50).pairs
    assert (pair.better, pair.worse, pair.dice) == ("good", "bad", None)
    z = {(one.model, one.name): combined(one, scale_of(fits)).mean() for one in fits}
    differences = [z["good", f"clip{n}"] - z["bad", f"clip{n}"] for n in range(8)]
    assert pair.combined.difference.value == pytest.approx(np.mean(differences))
    expected = np.ceil((1.6449 * np.std(differences, ddof=1) / np.mean(differences)) ** 2)
    assert pair.combined.clips_needed == max(1, expected) and pair.combined.right is None


@pytest.mark.parametrize("sd", [(-1.0, 1.0), (np.nan, 1.0)])
def test_a_scale_without_a_spread_that_can_be_is_refused(sd):
    with pytest.raises(InputError, match="standard deviations"):
        Scale((0.0, 0.0), sd)


def test_models_must_be_judged_on_the_same_frames():
    fits = compared(Planted(), {"a": 0, "b": 2}, clips=2)
    other = replace(fits[-1], frames=fits[-1].frames + 1)
    for some in (fits[:-1], [*fits[:-1], other]):
        with pytest.raises(InputError, match=r"same frames .*clip1"):
            mask_scores(some, resamples=10)


def test_calibration_tells_good_masks_from_each_kind_of_bad_ones():
    clips = [(str(n), *heart(n)) for n in range(5)]
    scores = calibration_scores(calibration_fits(Planted(), read_prompts(), clips), resamples=50)
    assert set(scores.auc) == set(KINDS)
    assert scores.paired["grown"]["wall"].value == 1
    assert scores.paired["empty"]["cavity"].value == 1
    assert scores.paired["shifted"]["combined"].value == 1
    assert scores.auc["grown"]["wall"].n == 5


def test_a_kind_s_calibration_does_not_depend_on_the_other_kinds_tried():
    fits = calibration_fits(Planted(0.02), read_prompts(), [(str(n), *heart(n)) for n in range(5)])
    alone = calibration_scores([one for one in fits if one.model in (GOOD, "shrunk")], resamples=20)
    every = calibration_scores(fits, resamples=20)
    assert alone.auc["shrunk"] == every.auc["shrunk"]
    good = np.concatenate([one.wall for one in fits if one.model == GOOD])
    assert every.scale.mean[0] == pytest.approx(good.mean())
    assert every.scale.sd[0] == pytest.approx(np.sqrt(((good - good.mean()) ** 2).mean()))


def test_a_single_clip_cannot_be_swapped():
    scores = calibration_scores(calibration_fits(Planted(), read_prompts(), [("a", *heart(0))]), resamples=10)
    assert "swapped" not in scores.auc and scores.auc["shrunk"]["wall"].low is None


def test_a_judge_that_answers_at_random_has_an_auc_of_a_half():
    class Random(Planted):
        def similarities(self, frames, prompts):
            return {name: self.chance.standard_normal(len(frames)) for name in prompts}

    clips = [(str(n), *heart(n, frames=12)) for n in range(20)]
    scores = calibration_scores(calibration_fits(Random(), read_prompts(), clips), resamples=200)
    for kind in KINDS:
        assert scores.auc[kind]["combined"].value == pytest.approx(0.5, abs=0.08)


def test_frames_and_masks_of_two_shapes_are_refused():
    with pytest.raises(InputError, match="one shape"):
        blackened(np.zeros((1, 9, 9), np.uint8), np.zeros((1, 9, 8), bool))
    with pytest.raises(InputError, match="radius of 0"):
        dilated(np.zeros((1, 9, 9), bool), -1)
