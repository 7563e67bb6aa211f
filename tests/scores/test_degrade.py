import numpy as np
import pytest
from planted_hearts import ellipse
from scipy import stats

from echodfkd.errors import InputError
from echodfkd.scores.degrade import DEGRADATIONS, degrade

TIME, SIZE = 6, 112


@pytest.fixture(scope="module")
def clip():
    """A textured sector with black corners, and an ellipse on it that lies off the middle."""
    frames = np.random.default_rng(0).integers(60, 200, (TIME, SIZE, SIZE)).astype(np.uint8)
    rows, columns = np.indices((SIZE, SIZE))
    frames[:, np.abs(columns - SIZE / 2) > rows] = 0
    masks = np.stack([np.roll(ellipse(28 - n, 14, 0.3), 6, axis=0) for n in range(TIME)])
    return frames, masks


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_strength_0_changes_nothing(clip, kind):
    found = degrade(*clip, kind, 0, seed=3)
    assert np.array_equal(found.frames, clip[0])
    assert np.array_equal(found.masks, clip[1])
    assert found.kept.tolist() == list(range(TIME))


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_the_least_strength_changes_the_clip_little_and_the_clip_given_not_at_all(clip, kind):
    frames, masks = (array.copy() for array in clip)
    least = min((s for s in DEGRADATIONS[kind].strengths), key=abs)
    found = degrade(frames, masks, kind, least, seed=3)
    assert not np.array_equal(found.frames, frames)
    assert np.array_equal(frames, clip[0])
    assert np.array_equal(masks, clip[1])
    assert found.frames.dtype == np.uint8
    assert found.masks.dtype == np.bool_
    assert found.frames.shape == found.masks.shape == (len(found.kept), *found.frames.shape[1:])


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_same_seed_same_clip(clip, kind):
    first, again = (degrade(*clip, kind, DEGRADATIONS[kind].strengths[-1], seed=[4, 2]) for _ in range(2))
    assert np.array_equal(first.frames, again.frames)


@pytest.mark.parametrize("kind", ["noise", "speckle", "blur", "gain", "contrast", "occlusion", "shadow"])
def test_where_the_heart_does_not_move_the_truth_stays(clip, kind):
    assert np.array_equal(degrade(*clip, kind, DEGRADATIONS[kind].strengths[-1]).masks, clip[1])


def test_noise_is_normal_with_the_standard_deviation_asked_for():
    frames = np.full((4, 64, 64), 128, np.uint8)
    added = degrade(frames, frames > 200, "noise", 12, seed=1).frames.astype(float) - 128
    assert added.std() == pytest.approx(12, rel=0.03)
    assert added.mean() == pytest.approx(0, abs=0.3)
    assert abs(stats.kurtosis(added.ravel())) < 0.15
    assert np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_a_stronger_noise_is_the_weaker_one_made_larger():
    frames = np.full((2, 20, 20), 128, np.uint8)
    weak, strong = (degrade(frames, frames > 200, "noise", s, seed=1).frames.astype(float) - 128 for s in (10, 20))
    assert np.abs(strong - 2 * weak).max() <= 1.5  # but for rounding


def test_speckle_grows_with_brightness_and_noise_does_not_reach_beyond_the_sector(clip):
    frames = np.repeat(np.array([50, 100], np.uint8), 5000).reshape(1, 100, 100)
    found = degrade(frames, frames > 200, "speckle", 0.2, seed=1).frames.astype(float)
    assert found[frames == 50].std() == pytest.approx(10, rel=0.05)
    assert found[frames == 100].std() == pytest.approx(20, rel=0.05)
    outside = ~clip[0].any(axis=0)
    for kind in ("noise", "speckle", "gain", "contrast"):
        assert not degrade(*clip, kind, DEGRADATIONS[kind].strengths[-1]).frames[:, outside].any()


def test_a_blurred_point_is_a_gaussian_of_that_width_relative_to_the_image():
    for size in (112, 224):
        frames = np.zeros((1, size, size), np.uint8)
        frames[0, size // 2, :] = 255  # a line: its profile is the kernel
        profile = degrade(frames, frames > 0, "blur", 3).frames[0, :, size // 2].astype(float)
        place = np.arange(size) - size // 2
        assert np.sqrt((profile * place**2).sum() / profile.sum()) == pytest.approx(3 * size / 112, rel=0.04)


def test_gain_shifts_by_255_levels_in_60_db_and_stops_at_the_ends():
    frames = np.array([[[0, 20, 100, 250]]], np.uint8)
    assert degrade(frames, frames > 0, "gain", 12).frames.tolist() == [[[0, 71, 151, 255]]]
    assert degrade(frames, frames > 0, "gain", -12).frames.tolist() == [[[0, 0, 49, 199]]]


def test_contrast_loses_its_share_of_the_spread_and_keeps_the_mean():
    frames = np.array([[[0, 60, 100, 140]]], np.uint8)
    assert degrade(frames, frames > 0, "contrast", 0.5).frames.tolist() == [[[0, 80, 100, 120]]]
    assert degrade(frames, frames > 0, "contrast", 1).frames.tolist() == [[[0, 100, 100, 100]]]


def test_an_occlusion_covers_its_share_in_one_place_through_the_clip():
    frames = np.full((3, 80, 100), 100, np.uint8)
    levels = set()
    for seed in range(8):
        covered = degrade(frames, frames > 200, "occlusion", 0.09, seed).frames != 100
        assert covered.mean() == pytest.approx(0.09, rel=0.02)
        assert (covered == covered[0]).all()
        levels |= set(degrade(frames, frames > 200, "occlusion", 0.09, seed).frames[:, covered[0]].ravel().tolist())
    assert levels == {0, 255}


def test_a_shadow_is_a_black_wedge_of_its_angle_below_the_middle_of_the_upper_edge():
    frames = np.full((2, 400, 401), 100, np.uint8)
    for seed in range(5):
        dark = degrade(frames, frames > 200, "shadow", 12, seed).frames == 0
        assert (dark == dark[0]).all()
        columns = np.flatnonzero(dark[0, 199]) - 200  # at depth 199.5
        ends = np.degrees(np.arctan2(columns[[0, -1]], 199.5))
        assert ends[1] - ends[0] == pytest.approx(12, abs=0.6)
        assert abs(ends.mean()) <= 30
        assert abs(np.flatnonzero(dark[0, 4]) - 200).max() < 5


def test_dropping_keeps_every_kth_frame_and_its_truth(clip):
    found = degrade(*clip, "drop", 2)
    assert found.kept.tolist() == [0, 3]
    assert np.array_equal(found.frames, clip[0][::3])
    assert np.array_equal(found.masks, clip[1][::3])
    assert degrade(*clip, "drop", 99).kept.tolist() == [0]


def test_a_crop_is_a_window_of_the_clip_with_its_truth():
    rows, columns = np.indices((100, 200))
    frames = np.stack([rows, columns]).astype(np.uint8)
    seen = set()
    for seed in range(6):
        found = degrade(frames, frames > 50, "crop", 0.2, seed)
        assert found.frames.shape == (2, 80, 160)
        top, left = int(found.frames[0, 0, 0]), int(found.frames[1, 0, 0])
        assert np.array_equal(found.frames, frames[:, top : top + 80, left : left + 160])
        assert np.array_equal(found.masks, (frames > 50)[:, top : top + 80, left : left + 160])
        seen.add((top, left))
    assert len(seen) > 3


def test_a_quarter_turn_is_numpys(clip):
    found = degrade(*clip, "rotation", 90)
    assert np.array_equal(found.frames, np.rot90(clip[0], axes=(1, 2)))
    assert np.array_equal(found.masks, np.rot90(clip[1], axes=(1, 2)))


@pytest.mark.parametrize("degrees", [-20, 5, 33])
def test_a_turn_keeps_the_area_and_carries_the_middle_with_it(clip, degrees):
    masks = degrade(*clip, "rotation", degrees).masks
    assert masks.sum((1, 2)) == pytest.approx(clip[1].sum((1, 2)), rel=0.01)
    before, after = (np.argwhere(array[0]).mean(0) - (SIZE - 1) / 2 for array in (clip[1], masks))
    angle = np.radians(degrees)  # anticlockwise on the screen, where rows point down: right goes up
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert after == pytest.approx(turn @ before, abs=0.2)


def test_picture_and_truth_turn_together(clip):
    drawn = (clip[1] * 255).astype(np.uint8)
    found = degrade(drawn, clip[1], "rotation", 17)
    assert np.array_equal(found.frames >= 128, found.masks)


def test_unknown_kinds_impossible_strengths_and_other_shapes_are_refused(clip):
    with pytest.raises(InputError, match=r"noize: .*noise\?"):
        degrade(*clip, "noize", 1)
    with pytest.raises(InputError, match=r"crop .*0 to 0\.9 .*got 20"):
        degrade(*clip, "crop", 20)
    with pytest.raises(InputError, match="got nan"):
        degrade(*clip, "blur", float("nan"))
    with pytest.raises(InputError, match="one shape"):
        degrade(clip[0], clip[1][:3], "blur", 1)
    with pytest.raises(InputError, match="time, height, width"):
        degrade(clip[0], clip[1].astype(np.uint8), "blur", 1)
