"""The study that teaches the stand-in: its pictures and their truth, and a training of a few steps."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scripts import ROOT, script

from echodfkd.errors import StudyError
from echodfkd.evidence.words.echoclip import STANDIN, load_judge
from echodfkd.files import read_json

torch = pytest.importorskip("torch")
import echodfkd.vision  # noqa: E402, F401

pytest.importorskip("open_clip")
judge = script("studies/judge.py")
pytestmark = pytest.mark.usefixtures("one_thread")

STUDY = judge.JudgeStudy(
    "tiny", 5, judge.Pictures(clips=2, frames=2, views=2), judge.Training(steps=4, warm_up=1, keep_every=2)
)


@pytest.fixture(scope="module")
def batches():
    return judge.Batches(STUDY)


def disc(radius: float, row: float = 56, column: float = 56) -> np.ndarray:
    y, x = np.mgrid[:112, :112]
    return np.hypot(y - row, x - column) <= radius


def scene(lv: np.ndarray) -> "judge.Scene":
    """A grey frame with that left ventricle, an atrium below and another heart far to the side."""
    masks = np.zeros((5, 112, 112), bool)
    masks[0], masks[2] = lv, disc(8, 90, 56)
    frame = np.full((112, 112), 100, np.uint8)
    return judge.Scene(frame, masks, judge.Sight(1.0, quality=0.5), disc(10, 30, 20), np.ones((7, 28, 28), np.uint8))


def test_a_batch_depends_on_its_number_alone(batches):
    pictures, sights, maps = batches[1]
    again = judge.Batches(STUDY)[1]
    np.testing.assert_array_equal(pictures, again[0])
    np.testing.assert_array_equal(maps, again[2])
    assert pictures.shape == (8, 112, 112) and maps.shape == (8, 7, 28, 28)
    assert all(np.array_equal(sights[name], again[1][name], equal_nan=True) for name in sights)
    assert not np.array_equal(pictures, batches[0][0])


def test_the_repository_s_study_is_read():
    study = judge.read_study(ROOT / "studies/judge.toml")
    assert study.name == "judge" and study.training.steps > 1000


def test_a_dial_that_is_none_is_refused(tmp_path):
    (tmp_path / "s.toml").write_text("name = 'x'\nseed = 1\n[training]\nspeed = 3\n")
    with pytest.raises(StudyError, match="speed"):
        judge.read_study(tmp_path / "s.toml")


def test_depth_counts_pixels_to_the_border_and_moves_with_the_region():
    depth = judge.signed_depth(disc(20))
    assert depth[56, 56] == pytest.approx(20, abs=1.1) and depth[56, 86] == pytest.approx(-10, abs=0.1)
    np.testing.assert_array_equal(judge.moved(depth, np.array([7, -4])) > 0, disc(20, 63, 52))
    assert (judge.signed_depth(np.zeros((9, 9), bool)) < 0).all()


def test_what_is_painted_is_measured_against_the_ventricle_with_its_margin():
    drawn = scene(disc(20))
    whole = drawn.blackened(disc(25), drawn.sight)
    assert whole.lv_black == pytest.approx(1, abs=0.01) and whole.rim_seen == pytest.approx(0, abs=0.02)
    bare = drawn.blackened(disc(20), drawn.sight)
    # A disc of 20 in one of 25: Dice 2 * 400 / (400 + 625).
    assert bare.lv_black == pytest.approx(800 / 1025, abs=0.01) and bare.rim_seen == pytest.approx(1, abs=0.01)
    none = drawn.blackened(np.zeros((112, 112), bool), drawn.sight)
    assert (none.lv_black, none.rim_seen, none.la_black) == (0, 1, 0)
    assert drawn.blackened(disc(8, 90, 56), drawn.sight).la_black == 1


def test_pictures_of_a_scene_are_black_where_the_truth_says_so():
    chance, fields = np.random.default_rng(0), np.zeros((1, 112, 112), np.float32)
    views = [scene(disc(20)).view(chance, fields) for _ in range(60)]
    untouched = [picture for picture, sight, _ in views if sight.lv_black == 0 and sight.rim_seen == 1]
    fitting = [picture for picture, sight, _ in views if sight.lv_black > 0.97]
    heartless = [maps for _, sight, maps in views if sight.heart == 0]
    assert untouched and fitting and heartless
    assert all(picture[56, 56] > 20 for picture in untouched)
    assert all((picture[disc(19)] == 0).all() for picture in fitting)
    assert all(not maps.any() for maps in heartless)


def test_maps_tell_where_structures_and_leaflets_are():
    recipe = judge.draw_recipe(judge.CONDITIONS, 1, 1, 6)
    made = judge.generate([recipe])
    opening = made.truths[0].valve_opening
    maps = judge.maps_of(recipe, made.masks[0] > 0, opening)
    np.testing.assert_allclose(
        maps[:, 0].sum(axis=(1, 2)) * 16 / 255, (made.masks[0, :, 0] > 0).sum(axis=(1, 2)), rtol=0.02
    )
    for number, wide in enumerate(opening):
        assert maps[number, -1].any() == (wide == 0) and maps[number, -2].any() == (wide > 0.3)


def test_unknown_truth_adds_nothing_to_the_loss():
    logits, weights = torch.tensor([[2.0, 9.0], [-1.0, 3.0]]), torch.tensor([1.0, 3.0])
    nan = float("nan")
    target = torch.tensor([[1.0, nan], [0.5, nan]])
    by_hand = (np.log1p(np.exp(-2)) + 0.5 * np.log1p(np.exp(1)) + 0.5 * np.log1p(np.exp(-1))) / 2
    assert judge.loss_of(logits, target, weights).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_rate_rises_to_one_and_falls_to_nothing():
    training = judge.Training(steps=100, warm_up=10)
    rates = [judge.rate(training, step) for step in range(100)]
    assert rates[0] == 0.1 and max(rates) == 1 == rates[10] and rates[-1] < 0.001
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("judge")
    return judge.train(STUDY, out, workers=0)


def test_what_is_taught_is_a_judge_of_at_most_six_megabytes(trained):
    assert sum(path.stat().st_size for path in trained.iterdir()) <= 6_000_000
    frames = np.random.default_rng(0).integers(0, 255, (2, 112, 112)).astype(np.uint8)
    found = load_judge(f"local-dir:{trained}", device="cpu").similarities(frames, {"wall": ("WALL",)})
    assert np.isfinite(found["wall"]).all()


def test_words_that_were_never_learned_are_zeros(trained):
    from safetensors.torch import load_file

    rows = load_file(trained / judge.WEIGHTS_FILE)["token_embedding.weight"]
    assert rows.dtype == torch.float16
    assert 50 < (rows != 0).any(dim=1).sum() < 500


def test_a_training_cut_off_goes_on_to_the_same_weights(trained, tmp_path, monkeypatch):
    from safetensors.torch import load_file

    drawn = judge.Batches.__getitem__
    monkeypatch.setattr(
        judge.Batches, "__getitem__", lambda s, k: drawn(s, k) if k < 3 else (_ for _ in ()).throw(OSError)
    )
    with pytest.raises(OSError):
        judge.train(STUDY, tmp_path, workers=0)
    monkeypatch.undo()
    resumed = load_file(judge.train(replace(STUDY), tmp_path, workers=0) / judge.WEIGHTS_FILE)
    expected = load_file(trained / judge.WEIGHTS_FILE)
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_the_bundled_card_in_words_is_the_one_that_its_figures_make(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "studies")
    judge_card = script("studies/judge_card.py")
    assert judge_card.words(read_json(STANDIN / "card.json")) == (STANDIN / "README.md").read_text()


def test_ejection_fractions_are_compared_with_the_mean_clip_by_clip(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "studies")
    judge_card = script("studies/judge_card.py")
    # Errors 0, 10, 0 beside those of the mean 40: 20, 0, 20. So 20, -10 and 20 points nearer.
    found = judge_card.ranked_against_mean(np.array([20.0, 50.0, 60.0]), np.array([20.0, 40.0, 60.0]))
    assert found["error"]["value"] == pytest.approx(10 / 3)
    assert found["nearer_than_the_mean"]["value"] == pytest.approx(10)
    assert found["nearer_than_the_mean"]["low"] == pytest.approx(-10)


def test_the_bundled_card_says_that_it_has_never_seen_a_patient():
    assert read_json(STANDIN / "card.json")["patients"] is False


def test_the_bundled_judge_is_of_the_repository_s_study():
    study = judge.read_study(ROOT / "studies/judge.toml")
    told = read_json(STANDIN / "card.json")["study"]
    assert told == asdict(study)
