"""Segmenters compared without labels: from folders of masks to rows, tables and a page."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.commands.judge import judge_predictions
from echodfkd.data.dataset import KnownClip
from echodfkd.errors import InputError
from echodfkd.evidence import reverse
from echodfkd.evidence.clip_rows import Judging, clip_rows
from echodfkd.evidence.inputs import given_clips
from echodfkd.evidence.records import Judgement
from echodfkd.files import read_json, shaped
from echodfkd.store.store import Entry, StoreWriter
from echodfkd.video import write

NAMES = ("one", "two", "three")
QUICK = Judging(frames=1, atlases=0, everything=True, resamples=20)


def disc(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A clip of a bright disc that beats, and its mask."""
    frames = beating(24, 64, 64, seed)
    return frames, frames > 120


def save(folder: Path, masks: np.ndarray, fps: float = 50.0) -> None:
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "masks.npz", masks=masks.astype(np.uint8))
    (folder / "measures.json").write_text(json.dumps({"fps": fps}))


@pytest.fixture
def place(tmp_path) -> Path:
    """`clips`: three clips; `right`, `close`, `aside`: masks of them, the last without those of the third."""
    (tmp_path / "clips").mkdir()
    for seed, name in enumerate(NAMES):
        frames, inside = disc(seed)
        write(tmp_path / "clips" / f"{name}.avi", frames, 50)
        save(tmp_path / "right" / name, inside)
        save(tmp_path / "close" / name, np.roll(inside, 1, axis=2))
        if name != "three":
            save(tmp_path / "aside" / name, np.roll(inside, 14, axis=2))
    return tmp_path


def stored(folder: Path) -> Path:
    """The same clips as a store, with their truth."""
    writer = StoreWriter(folder, ("lv",), (64, 64), {})
    for shard, name in enumerate(NAMES):
        frames, inside = disc(shard)
        writer.write(shard, [Entry(name, "test", 24, 50)], frames, (255 * inside).astype(np.uint8)[:, None])
    writer.finish(3)
    return folder


def judged(place, clips=None, names=("right", "close", "aside"), **dials):
    chosen = {name: place / name for name in names}
    return judge_predictions(clips or [place / "clips"], chosen, place / "out", judging=QUICK, **dials)


def table(place) -> list[dict[str, str]]:
    with open(place / "out" / "label_free.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_segmenter_and_clip_and_what_is_lacking_is_counted(place, capsys):
    found = judged(place)
    assert [(row["name"], row["segmenter"]) for row in table(place)] == [
        (name, one)
        for name in sorted(NAMES)
        for one in ("right", "close", "aside")
        if (name, one) != ("three", "aside")
    ]
    assert found.without_prediction == {"right": 0, "close": 0, "aside": 1}
    assert found == shaped(Judgement, read_json(place / "out" / "label_free.json"))


def test_without_labels_no_dice_and_no_correlation_are_told(place):
    found = judged(place)
    assert found.rank_correlation is None and {row["dice"] for row in table(place)} == {""}
    text = (place / "out" / "index.html").read_text()
    assert "Judged without labels" in text and "aside lacks 1 clips" in text and "true overlap is not known" in text


def test_a_store_brings_true_dice_and_with_it_what_to_trust(place):
    found = judged(place, [stored(place / "store")])
    dice = {name: means["dice"].value for name, means in found.segmenters.items()}
    assert dice["right"] == 1 and 0.8 < dice["close"] < 1 and dice["aside"] < 0.7
    assert found.rank_correlation["agreement"]["per_model"] is not None
    assert "Rank correlation with true Dice" in (place / "out" / "index.html").read_text()


def test_who_agrees_with_the_others_stands_out(place):
    means = judged(place).segmenters
    assert means["aside"]["agreement"].value < min(means[name]["agreement"].value for name in ("right", "close"))


def test_one_segmenter_alone_has_nobody_to_agree_with(place):
    found = judged(place, names=("right",))
    assert found.segmenters["right"]["agreement"] is None and found.segmenters["right"]["present"].value == 1


def test_evidence_of_your_own_is_a_column_like_the_others(place):
    def judge(frames, masks):
        return {"brightness inside": float(frames[masks].mean()), "silent": None}

    found = judged(place, judge=judge)
    assert found.evidence[-2:] == ("brightness inside", "silent")
    assert found.segmenters["right"]["brightness inside"].value > 120
    assert found.segmenters["right"]["silent"] is None and "An image-text judge" not in found.not_run
    assert "brightness inside" in (place / "out" / "index.html").read_text()


def test_what_could_not_be_run_is_said(place):
    judged(place)
    text = (place / "out" / "index.html").read_text()
    assert "What could not be run" in text and "Reverse classification: no atlases" in text


def test_reverse_classification_is_by_drawn_atlases(place):
    found = judge_predictions(
        [place / "clips" / "one.avi"],
        {"right": place / "right"},
        place / "out",
        judging=Judging(frames=1, atlases=4, everything=True, resamples=20),
    )
    assert 0 < found.segmenters["right"]["reverse"].value <= 1 and "Reverse classification" not in found.not_run


def test_atlases_are_the_seeds_and_hold_a_ventricle_each():
    one, again, other = (reverse.drawn_atlases(3, 56, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.frames, again.frames)
    assert (one.frames != other.frames).any() and one.masks.shape == (3, 56, 56)
    shares = one.masks.mean(axis=(1, 2))
    assert (shares > 0.01).all() and (shares < 0.4).all()


def test_without_torch_the_reverse_classification_is_left_out(monkeypatch):
    monkeypatch.setattr(reverse, "find_spec", lambda name: None)
    assert reverse.atlas_register(4, 56, 0) is None


def test_dice_is_that_of_the_labelled_frames_alone():
    frames, inside = disc(0)
    wrong = inside.copy()
    wrong[5:] = False
    truth = KnownClip((0, 3), ("lv",), inside[[0, 3]][:, None])
    (row,) = clip_rows(Clip("one", frames, 50), {"a": wrong}, truth=truth, judging=QUICK)
    assert row.dice == 1


def test_predictions_of_other_clips_are_refused(place):
    write(place / "other.avi", disc(0)[0], 50)
    with pytest.raises(InputError, match=r"None .*right"):
        judged(place, [place / "other.avi"], names=("right",))


def test_masks_of_another_length_are_refused(place):
    save(place / "short" / "one", disc(0)[1][:20])
    with pytest.raises(InputError, match=r"\(20, 64, 64\).* \(24, 64, 64\)"):
        judged(place, names=("short",))


def test_two_clips_of_one_name_are_refused(place):
    with pytest.raises(InputError, match="named one"):
        given_clips([place / "clips", place / "clips" / "one.avi"])


def test_dials_refuse_nonsense():
    with pytest.raises(InputError, match="from 32"):
        Judging(size=8)
