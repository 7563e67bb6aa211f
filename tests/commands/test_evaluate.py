"""`echodfkd evaluate` on a data set in EchoNet-Dynamic's layout: scores that can be worked out by hand."""

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echodfkd.video import write

FRAMES, SIZE = 40, 64
ED, ES = 5, 20  # the traced frames
LARGE, SMALL = (10, 31), (14, 27)  # first column and the one after the last: 21 and 13 columns wide
ROWS = slice(5, 44)  # 39 rows


def segments(columns: tuple[int, int]) -> np.ndarray:
    """A rectangle as an annotator would trace it: the long axis, then 20 chords from wall to wall."""
    first, last = columns[0], columns[1] - 1
    rows = ROWS.start + 2 * np.arange(20)
    chords = np.stack([np.full(20, first), rows, np.full(20, last), rows], axis=1)
    middle = (first + last) / 2
    return np.concatenate([[[middle, ROWS.start, middle, ROWS.stop - 1]], chords])


def mask(columns: tuple[int, int], size: int = SIZE) -> np.ndarray:
    inside = np.zeros((size, size), np.uint8)
    inside[ROWS, slice(*columns)] = 1
    return inside


# Test clips: `plain` and `twice`, whose ED frame two annotators traced, two columns apart.
TRACED = {
    "train1": {ED: [LARGE], ES: [LARGE]},
    "train2": {ED: [LARGE], ES: [SMALL]},
    "plain": {ED: [LARGE], ES: [SMALL]},
    "twice": {ED: [LARGE, (12, 33)], ES: [SMALL]},
    "alone": {ED: [LARGE], ES: [SMALL]},
}
UNION = (10, 33)  # inside for at least half of two annotators: for either


def make(folder: Path, **sizes: int) -> Path:
    """The data set, in real columns: names without suffix in the list, with suffix in the tracings."""
    (folder / "Videos").mkdir(parents=True)
    listed = ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"]
    traced = ["FileName,X1,Y1,X2,Y2,Frame"]
    for name, frames in TRACED.items():
        size = sizes.get(name, SIZE)
        split, fraction = ("TRAIN", 50 + 10 * (name == "train2")) if name.startswith("train") else ("TEST", 60)
        listed.append(f"{name},{fraction},{100 - fraction},100,{size},{size},50,{FRAMES},{split}")
        for frame, drawn in frames.items():
            for columns in drawn:
                traced += [f"{name}.avi,{','.join(map(str, row))},{frame}" for row in segments(columns)]
        write(folder / "Videos" / f"{name}.avi", np.full((1, size, size), 90, np.uint8), 50)
    (folder / "FileList.csv").write_text("\n".join(listed) + "\n")
    (folder / "VolumeTracings.csv").write_text("\n".join(traced) + "\n")
    return folder


def predict(folder: Path, name: str, ed: tuple[int, int], es: tuple[int, int]) -> None:
    """Masks in `segment`'s layout: wide around the ED frame, narrow around the ES frame."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    masks = np.stack([mask(ed if abs(n - ED) < abs(n - ES) else es) for n in range(FRAMES)])
    np.savez_compressed(folder / name / "masks.npz", masks=masks)
    (folder / name / "measures.json").write_text(json.dumps({"name": name, "fps": 50.0}))


@pytest.fixture
def dataset(tmp_path) -> Path:
    return make(tmp_path / "data set")


@pytest.fixture
def perfect(tmp_path) -> Path:
    folder = tmp_path / "perfect"
    for name, ed in (("plain", LARGE), ("twice", UNION), ("alone", LARGE)):
        predict(folder, name, ed, SMALL)
    return folder


def scores_of(echodfkd, predictions: Path, dataset: Path, out: Path, *options: object) -> tuple[dict, dict]:
    """The scorecard, and the rows of clips.csv by clip."""
    code, told, complaint = echodfkd(
        "evaluate", predictions, "--labels", dataset, "--out", out, "--resamples", 100, *options
    )
    assert code == 0, complaint
    assert "Dice" in told and complaint == ""
    rows = {row["name"]: row for row in csv.DictReader((out / "clips.csv").open(newline=""))}
    return json.loads((out / "scores.json").read_text()), rows


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


def test_perfect_masks_reach_one_on_the_traced_frames(dataset, perfect, tmp_path, echodfkd):
    scores, rows = scores_of(echodfkd, perfect, dataset, tmp_path / "out")
    assert [rows[name]["dice"] for name in ("plain", "twice", "alone")] == ["1.0"] * 3
    for name in ("dice", "iou"):
        assert [scores[name][phase]["value"] for phase in ("overall", "ed", "es", "pooled")] == [1.0] * 4
    assert scores["n"]["clips"] == 3 and scores["n"]["without_prediction"] == 0
    assert scores["n"]["split"] == "test" and scores["n"]["training_clips"] == 2


def test_a_shift_costs_what_it_does_by_hand(dataset, tmp_path, echodfkd):
    predictions = tmp_path / "shifted"
    predict(predictions, "plain", (17, 38), SMALL)  # 7 of 21 columns to the right
    scores, rows = scores_of(echodfkd, predictions, dataset, tmp_path / "out")
    assert float(rows["plain"]["dice_ed"]) == pytest.approx(14 / 21)
    assert float(rows["plain"]["iou_ed"]) == pytest.approx(14 / 28)
    assert float(rows["plain"]["dice"]) == pytest.approx((14 / 21 + 1) / 2)  # both traced frames, no other
    assert scores["dice"]["pooled"]["value"] == pytest.approx(2 * (14 + 13) / (2 * (21 + 13)))
    assert int(rows["plain"]["px_true"]) == 39 * (21 + 13)


def test_clips_without_a_prediction_are_counted_and_others_ignored(dataset, perfect, tmp_path, echodfkd):
    (perfect / "alone").rename(tmp_path / "put away")
    predict(perfect, "somebody else", LARGE, SMALL)
    scores, rows = scores_of(echodfkd, perfect, dataset, tmp_path / "out")
    assert list(rows) == ["plain", "twice"]
    assert scores["n"]["clips"] == 2 and scores["n"]["without_prediction"] == 1


def test_of_two_annotators_a_pixel_needs_one(dataset, tmp_path, echodfkd):
    predictions = tmp_path / "first annotator"
    predict(predictions, "twice", LARGE, SMALL)
    _, rows = scores_of(echodfkd, predictions, dataset, tmp_path / "out")
    assert float(rows["twice"]["dice_ed"]) == pytest.approx(2 * 21 / (21 + 23))


def test_the_baselines_come_from_the_training_clips(dataset, perfect, tmp_path, echodfkd):
    scores, _ = scores_of(echodfkd, perfect, dataset, tmp_path / "out")
    # Three of the four training frames are LARGE, so the constant mask is LARGE.
    ed, es = np.mean([1, 2 * 21 / (21 + 23), 1]), 2 * 13 / (21 + 13)
    assert scores["constant_mask"]["dice"]["ed"]["value"] == pytest.approx(ed)
    assert scores["constant_mask"]["dice"]["es"]["value"] == pytest.approx(es)
    assert scores["ejection"]["always_training_mean"]["says"] == 55
    assert scores["ejection"]["always_training_mean"]["mae"]["value"] == pytest.approx(5)
    rows = list(csv.DictReader((tmp_path / "out" / "constant_mask.csv").open(newline="")))
    assert [row["name"] for row in rows] == ["plain", "twice", "alone"]


def test_training_clips_of_another_size_are_left_out_of_the_constant_mask(perfect, tmp_path, echodfkd):
    dataset = make(tmp_path / "sizes", train2=96)
    scores, _ = scores_of(echodfkd, perfect, dataset, tmp_path / "out")
    assert scores["n"]["training_clips"] == 1 and scores["n"]["without_constant_mask"] == 0
    assert scores["constant_mask"]["dice"]["es"]["value"] == pytest.approx(2 * 13 / (21 + 13))


def test_a_data_set_without_training_clips_has_no_constant_mask(perfect, tmp_path, echodfkd):
    dataset = make(tmp_path / "test only")
    table = (dataset / "FileList.csv").read_text().replace("TRAIN", "VAL")
    (dataset / "FileList.csv").write_text(table)
    scores, _ = scores_of(echodfkd, perfect, dataset, tmp_path / "out")
    assert scores["constant_mask"] is None and scores["ejection"]["always_training_mean"] is None
    assert scores["n"]["without_constant_mask"] == scores["n"]["clips"]
    assert scores["n"]["training_clips"] == 0 and not (tmp_path / "out" / "constant_mask.csv").exists()


def test_every_number_is_finite_and_every_gap_empty(dataset, perfect, tmp_path, echodfkd):
    scores, rows = scores_of(echodfkd, perfect, dataset, tmp_path / "out")
    assert all(map(math.isfinite, numbers(scores)))
    cells = [cell for row in rows.values() for key, cell in row.items() if key != "name" and cell]
    assert all(math.isfinite(float(cell)) for cell in cells)
    assert all(row["ed_extra"] == "" for row in rows.values())  # two traced frames do not list every beat


def test_the_same_seed_gives_the_same_bytes(dataset, perfect, tmp_path, echodfkd):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        scores_of(echodfkd, perfect, dataset, tmp_path / out, "--seed", seed)
    for name in ("scores.json", "clips.csv", "constant_mask.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert (tmp_path / "a" / "scores.json").read_bytes() != (tmp_path / "c" / "scores.json").read_bytes()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "VolumeTracings.csv").unlink(), "has no tracings"),
        (lambda folder: (folder / "FileList.csv").write_text("a,b\n"), "there is no column"),
        (lambda folder: (folder / "FileList.csv").unlink(), "is no data set"),
    ],
)
def test_a_data_set_that_is_not_whole_is_refused(damage, reason, dataset, perfect, tmp_path, echodfkd):
    damage(dataset)
    code, _, complaint = echodfkd("evaluate", perfect, "--labels", dataset, "--out", tmp_path / "out")
    assert code == 2 and complaint.count("\n") == 1 and reason in complaint
    assert not (tmp_path / "out").exists()


def test_predictions_of_another_length_are_refused(dataset, perfect, tmp_path, echodfkd):
    write(dataset / "Videos" / "plain.avi", np.full((FRAMES, SIZE, SIZE), 90, np.uint8), 50)
    np.savez_compressed(perfect / "plain" / "masks.npz", masks=np.zeros((10, SIZE, SIZE), np.uint8))
    code, _, complaint = echodfkd("evaluate", perfect, "--labels", dataset, "--out", tmp_path / "out")
    assert code == 2 and "plain" in complaint and f"({FRAMES}, {SIZE}, {SIZE})" in complaint and "length" in complaint
