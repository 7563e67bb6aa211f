"""Image-text judges: what open_clip itself computes is what comes out, offline, from the cache too."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from echodfkd.errors import InputError, MissingExtra
from echodfkd.evidence.words import echoclip
from echodfkd.evidence.words.echoclip import load_judge

torch = pytest.importorskip("torch")
import echodfkd.vision  # noqa: E402, F401

open_clip = pytest.importorskip("open_clip")
from small_judge import CONFIG, SIZE, make_judge  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def smooth_frames(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((count, height, width))
    return np.clip(ndimage.gaussian_filter(noise, (0, 2, 2)) * 400 + 100, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge") / "small"
    return folder, make_judge(folder)


@pytest.fixture
def judge(made):
    return load_judge(f"local-dir:{made[0]}", device="cpu")


def by_open_clip(folder, model, frames: np.ndarray):
    """Unit embeddings by open_clip's own transform, one RGB picture at a time."""
    _, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    pictures = torch.stack([transform(Image.fromarray(frame).convert("RGB")) for frame in frames])
    with torch.no_grad():
        return torch.nn.functional.normalize(model.encode_image(pictures), dim=-1).numpy()


def test_a_saved_model_gives_the_embeddings_of_the_model_that_was_saved(made, judge):
    frames = smooth_frames(3, SIZE, SIZE)
    np.testing.assert_allclose(judge.image_embeddings(frames), by_open_clip(*made, frames), atol=2e-6)


@pytest.mark.long
def test_echoclip_s_own_architecture_is_saved_and_loaded_offline(tmp_path):
    text = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
    vision = CONFIG["model_cfg"]["vision_cfg"] | {"timm_model_name": "convnext_base", "image_size": 224}
    model_cfg = {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}
    folder = tmp_path / "echo-clip"
    model = make_judge(folder, {"model_cfg": model_cfg, "preprocess_cfg": {}})
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(151.5e6, rel=0.01)
    loaded, frames = load_judge(f"local-dir:{folder}", device="cpu"), smooth_frames(2, 112, 112)
    np.testing.assert_allclose(loaded.image_embeddings(frames), by_open_clip(folder, model, frames), atol=2e-5)


@pytest.mark.parametrize("shape", [(70, 90), (40, 31)])
def test_frames_of_any_shape_are_seen_as_open_clip_s_transform_shows_them(made, judge, shape):
    frames = smooth_frames(2, *shape)
    np.testing.assert_allclose(judge.image_embeddings(frames), by_open_clip(*made, frames), atol=2e-6)


def test_embeddings_do_not_depend_on_the_batch(judge, monkeypatch):
    frames = smooth_frames(7, SIZE, SIZE)
    many = judge.image_embeddings(frames)
    monkeypatch.setattr(echoclip, "BATCH", 2)
    one = judge.image_embeddings(frames)
    np.testing.assert_allclose(one, many, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, atol=1e-5)


def test_bfloat16_is_close_to_float32(made, judge):
    half = load_judge(f"local-dir:{made[0]}", device="cpu", precision="bfloat16")
    frames = smooth_frames(3, SIZE, SIZE)
    cosine = (half.image_embeddings(frames) * judge.image_embeddings(frames)).sum(axis=1)
    assert (cosine > 0.995).all()
    assert half.identity != judge.identity


def test_similarity_is_the_cosine_with_the_mean_of_the_wordings(made, judge):
    frames, wordings = smooth_frames(2, SIZE, SIZE), ("WALL", "THE WALL OF THE HEART")
    with torch.no_grad():
        texts = made[1].encode_text(open_clip.get_tokenizer(f"local-dir:{made[0]}")(list(wordings))).numpy()
    mean = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).mean(axis=0)
    expected = by_open_clip(*made, frames) @ (mean / np.linalg.norm(mean))
    found = judge.similarities(frames, {"wall": wordings, "other": ("NOTHING",)})
    np.testing.assert_allclose(found["wall"], expected, atol=3e-6)
    assert list(found) == ["wall", "other"]


def test_a_prompt_without_words_is_refused(judge):
    with pytest.raises(InputError, match="one wording"):
        judge.similarities(smooth_frames(1, SIZE, SIZE), {"wall": ()})


def test_frames_that_are_no_frames_are_refused(judge):
    with pytest.raises(InputError, match=r"\(time, height, width\) uint8"):
        judge.image_embeddings(np.zeros((1, SIZE, SIZE)))


class TestCache:
    def cached(self, made, tmp_path, **dials):
        return load_judge(f"local-dir:{made[0]}", device="cpu", cache=tmp_path / "cache", **dials)

    def test_what_was_embedded_is_not_embedded_again(self, made, tmp_path, monkeypatch):
        frames = smooth_frames(3, SIZE, SIZE)
        first = self.cached(made, tmp_path).image_embeddings(frames)
        monkeypatch.setattr(echoclip.Judge, "_embedded", lambda *_: pytest.fail("computed again"))
        np.testing.assert_array_equal(self.cached(made, tmp_path).image_embeddings(frames), first)

    def test_one_pixel_other_weights_or_another_precision_is_another_entry(self, made, tmp_path):
        frames = smooth_frames(1, SIZE, SIZE)
        changed = frames.copy()
        changed[0, 5, 5] ^= 1
        make_judge(tmp_path / "other", seed=1)
        self.cached(made, tmp_path).image_embeddings(frames)
        self.cached(made, tmp_path).image_embeddings(changed)
        self.cached(made, tmp_path, precision="bfloat16").image_embeddings(frames)
        load_judge(f"local-dir:{tmp_path / 'other'}", device="cpu", cache=tmp_path / "cache").image_embeddings(frames)
        assert len(list((tmp_path / "cache").iterdir())) == 4

    def test_frames_of_another_shape_with_the_same_bytes_are_others(self, made, tmp_path):
        judge, frames = self.cached(made, tmp_path), smooth_frames(2, 80, 100)
        assert len(judge.image_embeddings(frames)) == 2
        assert len(judge.image_embeddings(frames.reshape(4, 40, 100))) == 4

    def test_a_damaged_entry_is_computed_again(self, made, tmp_path):
        frames = smooth_frames(1, SIZE, SIZE)
        first = self.cached(made, tmp_path).image_embeddings(frames)
        (entry,) = (tmp_path / "cache").iterdir()
        entry.write_bytes(entry.read_bytes()[:20])
        np.testing.assert_array_equal(self.cached(made, tmp_path).image_embeddings(frames), first)

    @pytest.mark.parametrize(
        "entry", [np.ones((1, 3), np.float32), np.full((1, 16), np.nan, np.float32), np.ones((1, 16)), np.ones(())]
    )
    def test_an_entry_that_is_no_embedding_of_this_model_is_computed_again(self, made, tmp_path, entry):
        frames = smooth_frames(1, SIZE, SIZE)
        first = self.cached(made, tmp_path).image_embeddings(frames)
        (kept,) = (tmp_path / "cache").iterdir()
        np.save(kept, entry)
        np.testing.assert_array_equal(self.cached(made, tmp_path).image_embeddings(frames), first)
        np.testing.assert_array_equal(np.load(kept), first)

    def test_a_pickle_in_its_place_is_not_opened(self, made, tmp_path):
        frames = smooth_frames(1, SIZE, SIZE)
        first = self.cached(made, tmp_path).image_embeddings(frames)
        (kept,) = (tmp_path / "cache").iterdir()
        np.save(kept, np.array([{"a": 1}], object), allow_pickle=True)
        np.testing.assert_array_equal(self.cached(made, tmp_path).image_embeddings(frames), first)

    def test_what_was_used_longest_ago_goes_beyond_the_limit_when_a_judge_is_loaded(self, made, tmp_path, monkeypatch):
        judge = self.cached(made, tmp_path)
        for age in range(4):
            known = set((tmp_path / "cache").glob("*"))
            judge.image_embeddings(smooth_frames(1, SIZE, SIZE, seed=age))
            (entry,) = set((tmp_path / "cache").iterdir()) - known
            os.utime(entry, (1000 + age, 1000 + age))
        judge.image_embeddings(smooth_frames(1, SIZE, SIZE, seed=1))  # used now
        monkeypatch.setattr(echoclip, "CACHE_BYTES", 2 * entry.stat().st_size)
        self.cached(made, tmp_path)
        monkeypatch.setattr(echoclip.Judge, "_embedded", lambda *_: pytest.fail("computed again"))
        for kept in (1, 3):
            judge.image_embeddings(smooth_frames(1, SIZE, SIZE, seed=kept))
        assert len(list((tmp_path / "cache").iterdir())) == 2


class TestRefusals:
    def test_a_name_that_is_none(self):
        with pytest.raises(InputError, match=r"No judge nobody: .*standin, echoclip"):
            load_judge("nobody")

    def test_a_precision_that_is_none(self):
        with pytest.raises(InputError, match="float32, bfloat16, auto"):
            load_judge("standin", precision="float16")

    def test_a_folder_without_a_model(self, tmp_path):
        with pytest.raises(InputError, match=r"no judge: open_clip_config\.json"):
            load_judge(f"local-dir:{tmp_path}")

    def test_a_folder_whose_weights_are_something_else(self, tmp_path):
        (tmp_path / "open_clip_config.json").write_text("{}")
        (tmp_path / "x.safetensors").write_bytes(b"no")
        with pytest.raises(InputError, match=r"not a model .*open_clip") as refusal:
            load_judge(f"local-dir:{tmp_path}")
        assert "\n" not in str(refusal.value)

    def test_weights_that_cannot_be_fetched(self, monkeypatch):
        def refuse(*_, **__):
            raise OSError("no\nnetwork " + "abcdefg " * 100)

        monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
        with pytest.raises(InputError, match=r"abcdefg \.\.\.\).*licence.*hf auth login.*standin") as refusal:
            load_judge("echoclip")
        assert "\n" not in str(refusal.value)

    def test_a_hub_that_is_not_there_is_one_line_at_once_and_nothing_is_logged(self, monkeypatch, capfd, caplog):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        with pytest.raises(InputError, match=r"nobody/nothing.*fetched"):
            load_judge("hf-hub:nobody/nothing")
        assert capfd.readouterr() == ("", "") and not caplog.records

    def test_without_open_clip_the_install_line_is_told(self, monkeypatch):
        monkeypatch.setattr(echoclip, "find_spec", lambda name: None)
        with pytest.raises(MissingExtra, match=r"--judge none.*echodfkd\[echoclip\]"):
            load_judge("standin")


def test_importing_the_judges_needs_neither_torch_nor_open_clip():
    names = "echoclip, prompts, mask_quality, phases"
    code = (
        f"import sys; from echodfkd.evidence.words import {names}\nprint({{'torch', 'open_clip'}} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
