from dataclasses import dataclass

import numpy as np
import pytest
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.errors import InputError, StudyError
from echodfkd.files import plain
from echodfkd.scores import robustness as made
from echodfkd.scores.robustness import FirstFrameSettings, RobustnessSettings, left_ventricle, variants


def robustness(*given, **told):
    """As it is written."""
    return plain(made.robustness(*given, **told))


def first_frame_scores(*given, **told):
    """As it is written."""
    return plain(made.first_frame_scores(*given, **told))


QUICK = {"resamples": 50}


@dataclass(frozen=True)
class Bright:
    """A segmenter that takes what is at least `level` grey for the ventricle."""

    level: int = 100
    structures: tuple[str, ...] = ("la", "lv")
    threshold: float = 0.5
    largest_component: bool = False

    def __call__(self, clip):
        masks = np.zeros((len(clip.frames), 2, *clip.frames.shape[1:]), np.float32)
        masks[:, 1] = clip.frames >= self.level
        return masks


def true_clips(count=4, frames=20, side=64):
    """Dark clips with a bright beating disc off the middle, which is the truth."""
    rows, columns = np.mgrid[:side, :side]
    clips = []
    for n in range(count):
        radius = 14 + 3 * np.cos(np.arange(frames) + n)
        masks = np.hypot(rows - side / 2 - 4, columns - side / 2 + n) < radius[:, None, None]
        clips.append((Clip(f"{n}", np.where(masks, 180, 20).astype(np.uint8), 50.0), masks))
    return clips


@pytest.fixture(scope="module")
def found():
    constant = np.zeros((64, 64), bool)
    constant[20:50, 20:50] = True
    return robustness(Bright(), true_clips(), RobustnessSettings(**QUICK), constant)


def test_what_moves_the_heart_moves_its_truth_along(found):
    for kind in ("rotation", "crop", "drop"):
        for point in found["kinds"][kind]["strengths"]:
            assert point["dice"]["value"] > 0.97, (kind, point["strength"])
            assert point["dice"]["n"] == 4


def test_the_clean_score_is_perfect_and_the_difference_is_the_loss(found):
    assert found["clean"]["dice"]["value"] == 1
    for kind in found["kinds"].values():
        for point in kind["strengths"]:
            assert point["difference"]["value"] == pytest.approx(point["dice"]["value"] - 1)


def test_a_segmenter_by_brightness_suffers_from_what_changes_brightness(found):
    noise = [point["dice"]["value"] for point in found["kinds"]["noise"]["strengths"]]
    assert noise == sorted(noise, reverse=True)
    assert found["kinds"]["gain"]["strengths"][0]["dice"]["value"] == 0  # 20 dB darker: 180 - 85 grey levels
    assert found["kinds"]["contrast"]["strengths"][0]["dice"]["value"] > 0.99


def test_the_constant_mask_stays_where_it_is_while_the_truth_moves():
    clips = true_clips(1)
    constant = clips[0][1][0]
    at = {"strengths": {"drop": (19,), "rotation": (180,), "noise": (0,)}}
    found = robustness(Bright(), clips, RobustnessSettings(frames=20, **at, **QUICK), constant)["kinds"]
    assert found["drop"]["strengths"][0]["constant_mask"]["value"] == 1  # frame 0 alone is left
    assert found["rotation"]["strengths"][0]["constant_mask"]["value"] < 0.8
    turned = np.rot90(clips[0][1], 2, (1, 2))
    by_hand = np.mean([2 * (constant & mask).sum() / (constant.sum() + mask.sum()) for mask in turned])
    assert found["rotation"]["strengths"][0]["constant_mask"]["value"] == pytest.approx(by_hand)


def test_strength_0_makes_no_difference_and_dropping_is_compared_on_the_frames_kept():
    rng = np.random.default_rng(0)
    clips = [(clip, true & (rng.random(true.shape) < 0.8)) for clip, true in true_clips()]
    settings = RobustnessSettings(strengths={"blur": (0,), "drop": (3,)}, **QUICK)
    found = robustness(Bright(), clips, settings)
    assert found["kinds"]["blur"]["strengths"][0]["difference"]["value"] == 0
    assert found["kinds"]["drop"]["strengths"][0]["difference"]["value"] == 0  # it looks at each frame alone
    assert found["clean"]["constant_mask"] is None


def test_settings_say_how_many_clips_and_frames_and_are_taken():
    settings = RobustnessSettings(clips=2, frames=6, strengths={}, **QUICK)
    assert robustness(Bright(), true_clips(5), settings)["n"] == {"clips": 2, "frames": 12, "seed": 0}


def test_masks_are_cut_and_kept_as_the_segmenter_wishes():
    frames = np.zeros((1, 8, 8), np.uint8)
    frames[0, 1:4, 1:4] = frames[0, 6, 6] = 200
    assert left_ventricle(Bright(), Clip("a", frames)).sum() == 10
    assert left_ventricle(Bright(largest_component=True), Clip("a", frames)).sum() == 9


def test_first_frames_of_a_student_are_scored_in_every_variant(student_folder):
    frames = beating(24)
    clip = (Clip("a", frames, 50.0), frames > 100)
    settings = FirstFrameSettings(length=20, frames=6, **QUICK)
    found = first_frame_scores(student_folder, [clip, clip], settings, clip[1][0], threads=1)
    names = ["causal", "causal, largest piece", "causal, warm-up", "both ways, warm-up", "constant mask"]
    assert list(found["variants"]) == names
    assert found["n"] == {"clips": 2, "frames": 40}
    assert found["warm_up"] == 4
    assert found["variants"]["constant mask"]["by_frame"][0]["value"] == 1
    causal, warm = (found["variants"][name]["by_frame"][0]["value"] for name in ("causal", "causal, warm-up"))
    assert causal != warm
    assert found["frame_0_less_causal"]["causal, warm-up"]["value"] == pytest.approx(warm - causal)
    assert found["frame_0_less_causal"]["causal"]["value"] == 0


def test_variants_overrule_the_card(student_folder):
    found = variants(student_folder)
    assert found["causal"] == {"warm_up": 0, "largest_component": False, "hindsight": False}
    assert found["both ways, warm-up"] == {"warm_up": 4, "largest_component": False, "hindsight": True}


def test_nonsense_is_refused():
    clip, masks = true_clips(1)[0]
    with pytest.raises(InputError, match="one clip"):
        robustness(Bright(), [])
    with pytest.raises(InputError, match="has la"):
        left_ventricle(Bright(structures=("la",)), clip)
    with pytest.raises(InputError, match="one shape"):
        robustness(Bright(), [(clip, masks[:3])], RobustnessSettings(strengths={"blur": (0,)}, **QUICK))
    with pytest.raises(InputError, match="mean blur"):
        RobustnessSettings(strengths={"blurr": (1,)})
    with pytest.raises(StudyError, match="clip, frame and resample"):
        RobustnessSettings(clips=0)
    with pytest.raises(StudyError, match="frames < length"):
        FirstFrameSettings(frames=48)
