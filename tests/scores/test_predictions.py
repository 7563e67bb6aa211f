import json

import numpy as np
import pytest

from echodfkd.data.dataset import Listed
from echodfkd.errors import InputError
from echodfkd.scores.known_clips import timed_by_list
from echodfkd.scores.predictions import Prediction, prediction_folders, read_prediction


def save(folder, **arrays):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "masks.npz", **arrays)
    return folder


def test_masks_and_rate_come_back_as_they_were_written(tmp_path):
    masks = np.random.default_rng(0).integers(0, 2, (4, 5, 6), np.uint8)
    folder = save(tmp_path / "clip one", masks=masks, rv=masks)
    (folder / "measures.json").write_text(json.dumps({"fps": 50, "name": "clip one"}))
    found = read_prediction(folder)
    assert (found.name, found.fps, found.masks.dtype) == ("clip one", 50.0, bool)
    assert np.array_equal(found.masks, masks.astype(bool))


def test_uneven_times_come_back_and_must_be_times(tmp_path):
    folder = save(tmp_path / "a", masks=np.zeros((3, 2, 2), np.uint8))
    (folder / "measures.json").write_text(json.dumps({"fps": 25, "times": [0, 0.04, 0.2]}))
    assert read_prediction(folder).times.tolist() == [0, 0.04, 0.2]
    for times in ([0, 0.04], [0, 0.2, 0.04], [0, None, 1], "now", {"a": 1}):
        (folder / "measures.json").write_text(json.dumps({"fps": 25, "times": times}))
        with pytest.raises(InputError, match="rising seconds"):
            read_prediction(folder)


def test_dropped_frames_come_back_and_must_be_a_number(tmp_path):
    folder = save(tmp_path / "a", masks=np.zeros((3, 2, 2), np.uint8))
    (folder / "measures.json").write_text(json.dumps({"fps": 25, "dropped": 2}))
    assert read_prediction(folder).clock.dropped == 2
    for dropped in (-1, 2.5, True, "2", None, 10**400):
        (folder / "measures.json").write_text(json.dumps({"fps": 25, "dropped": dropped}))
        with pytest.raises(InputError, match="dropped"):
            read_prediction(folder)


def test_the_line_of_the_model_comes_back_and_must_be_two_numbers(tmp_path):
    folder = save(tmp_path / "a", masks=np.zeros((3, 2, 2), np.uint8))
    assert read_prediction(folder).line == (1.0, 0.0)
    (folder / "measures.json").write_text(json.dumps({"ejection_line": [0.8, 5]}))
    assert read_prediction(folder).line == (0.8, 5.0)
    for line in ([0.8], [0.8, None], "0.8 5", [True, 1]):
        (folder / "measures.json").write_text(json.dumps({"ejection_line": line}))
        with pytest.raises(InputError, match="ejection_line"):
            read_prediction(folder)


def test_a_prediction_of_a_film_that_lost_every_second_frame_is_not_timed_by_the_list_alone():
    masks, listed = np.zeros((30, 4, 4), bool), Listed("a", "test", fps=50.0)
    found = timed_by_list(Prediction("a", masks, 25.0, None, 29), listed)
    assert (found.clock.fps, found.times) == (25, None)
    assert timed_by_list(Prediction("a", masks, 25.0), listed).clock.fps == 50


def test_without_measures_the_rate_is_unknown(tmp_path):
    assert read_prediction(save(tmp_path / "a", masks=np.zeros((1, 2, 2), np.uint8))).fps is None


def test_folders_are_listed_by_name_and_others_ignored(tmp_path):
    for name in ("b", "a"):
        save(tmp_path / name, masks=np.zeros((1, 2, 2), np.uint8))
    (tmp_path / "other").mkdir()
    assert [folder.name for folder in prediction_folders(tmp_path)] == ["a", "b"]


def test_a_folder_without_predictions_says_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match="echodfkd segment"):
        prediction_folders(tmp_path)
    with pytest.raises(InputError, match="No such folder"):
        prediction_folders(tmp_path / "missing")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2), np.uint8), r"got uint8 \(2, 2\)"),
        (np.zeros((2, 2, 2), np.float32), "got float32"),
        (np.zeros((0, 2, 2), np.uint8), r"\(0, 2, 2\)"),
        (np.full((1, 2, 2), 255, np.uint8), "got 255"),
        (np.array([None]), "not a readable"),
    ],
)
def test_what_is_no_mask_is_refused_with_what_it_is(tmp_path, array, message):
    with pytest.raises(InputError, match=message):
        read_prediction(save(tmp_path / "clip", masks=array))


def test_damaged_missing_and_misnamed_archives_are_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_prediction(tmp_path)
    with pytest.raises(InputError, match=r"'masks' .*got \['mask'\]"):
        read_prediction(save(tmp_path / "b", mask=np.zeros((1, 2, 2), np.uint8)))
    whole = (
        save(tmp_path / "c", masks=np.random.default_rng(0).integers(0, 2, (9, 30, 30), np.uint8)) / "masks.npz"
    ).read_bytes()
    zeroed = [whole[:n] + bytes(40) + whole[n + 40 :] for n in range(0, len(whole) - 80, 40)]
    for damaged in (b"", b"text", whole[: len(whole) // 2], *zeroed):
        (tmp_path / "c" / "masks.npz").write_bytes(damaged)
        with pytest.raises(InputError, match="not a readable"):
            read_prediction(tmp_path / "c")


@pytest.mark.parametrize("fps", ["fast", -1, True])
def test_an_impossible_rate_in_measures_is_refused(tmp_path, fps):
    folder = save(tmp_path / "a", masks=np.zeros((1, 2, 2), np.uint8))
    (folder / "measures.json").write_text(json.dumps({"fps": fps}))
    with pytest.raises(InputError, match="fps must"):
        read_prediction(folder)
