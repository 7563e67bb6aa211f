"""`echodfkd evaluate` on other layouts than EchoNet-Dynamic's, and with clips excluded by what `check` found."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from made_datasets import beats, patient, save_nifti, traced, write_camus, write_echonet, write_pediatric

from echodfkd.data.findings import Finding, write_curation
from echodfkd.measure.ejection import ejection_at
from echodfkd.measure.measures import measures
from echodfkd.store.store import Entry, StoreWriter

NAMES = ("C0", "C1", "C2")


def predict(folder: Path, name: str, masks: np.ndarray) -> None:
    """Masks in `segment`'s layout."""
    (folder / name).mkdir(parents=True)
    np.savez_compressed(folder / name / "masks.npz", masks=masks.astype(np.uint8))
    (folder / name / "measures.json").write_text(json.dumps({"name": name, "fps": 50.0}))


def scores_of(echodfkd, predictions: Path, dataset: Path, out: Path, *options: object) -> tuple[dict, dict, str]:
    words = ("evaluate", predictions, "--labels", dataset, "--out", out, "--resamples", 100, *options)
    code, told, complaint = echodfkd(*words)
    assert (code, complaint) == (0, "")
    rows = {row["name"]: row for row in csv.DictReader((out / "clips.csv").open(newline=""))}
    return json.loads((out / "scores.json").read_text()), rows, told


@pytest.fixture
def echonet(tmp_path) -> tuple[Path, Path]:
    """A data set of three test clips, and predictions: two are the truth, the last is empty."""
    for name, beat in zip(NAMES, beats(), strict=True):
        predict(tmp_path / "masks", name, beat.masks["lv"] & (name != "C2"))
    clips = {name: traced(beat, name) for name, beat in zip(NAMES, beats(), strict=True)}
    return write_echonet(tmp_path / "echonet", clips), tmp_path / "masks"


@pytest.mark.parametrize("wrong", [lambda masks: masks[10:], lambda masks: np.repeat(masks, 2, axis=0)])
def test_masks_that_are_not_of_the_films_length_are_refused(wrong, echonet, tmp_path, echodfkd):
    data, predictions = echonet
    with np.load(predictions / "C1" / "masks.npz") as file:
        masks = wrong(file["masks"])
    np.savez_compressed(predictions / "C1" / "masks.npz", masks=masks)
    code, _, complaint = echodfkd("evaluate", predictions, "--labels", data, "--out", tmp_path / "out")
    assert code == 2 and "C1" in complaint and "length" in complaint and complaint.count("\n") == 1


def test_of_masks_that_shrink_as_no_heart_does_no_ejection_fraction_is_scored(echonet, tmp_path, echodfkd):
    data, predictions = echonet
    with np.load(predictions / "C1" / "masks.npz") as file:
        masks = file["masks"]
    radii = 13 + 10 * np.cos(2 * np.pi * (np.arange(len(masks)) - 5) / 24)
    rows, columns = np.indices(masks.shape[1:]) - np.array(masks.shape[1:])[:, None, None] / 2
    masks = (np.hypot(rows, columns) < radii[:, None, None]).astype(np.uint8)
    np.savez_compressed(predictions / "C1" / "masks.npz", masks=masks)
    found = measures(masks.astype(bool), 50.0)
    assert found.ejection.median > 90 and found.ejection_fraction is None
    _, rows, _ = scores_of(echodfkd, predictions, data, tmp_path / "out")
    assert (rows["C1"]["ef_predicted"], rows["C1"]["ef_error"]) == ("", "")


def test_the_experts_own_masks_of_camus_score_one_and_give_their_ejection_fraction(tmp_path, echodfkd):
    patients = {f"patient000{n}": patient(beat) for n, beat in enumerate(beats())}
    data = write_camus(tmp_path / "camus", patients)
    wanted = {}
    for name, one in patients.items():
        masks = one.sequence_masks == 1
        beat = (one.info["ED"] - 1, one.info["ES"] - 1)
        wanted[name] = ejection_at(masks, [beat], float(one.info["FrameRate"]), (0.154, 0.308)).median
        predict(tmp_path / "masks", f"{name}_4CH_half_sequence", masks)
    scores, rows, _ = scores_of(echodfkd, tmp_path / "masks", data, tmp_path / "out")
    assert [scores["dice"][phase]["value"] for phase in ("overall", "ed", "es")] == [1, 1, 1]
    assert scores["ejection"]["clips"] == 3 and scores["ejection"]["without_prediction"] == 0
    for name, fraction in wanted.items():
        row = rows[f"{name}_4CH_half_sequence"]
        assert float(row["ef_predicted"]) == pytest.approx(fraction)
        assert abs(float(row["ef_error"])) < 12  # of one beat's two frames, by discs across a squeezed image
        assert row["ed_matched"] == "0" and row["ed_at_ends"] == "1"  # no curve turns at its end


def test_a_mask_of_another_structure_does_not_count(tmp_path, echodfkd):
    one = patient(beats()[1])
    data = write_camus(tmp_path / "camus", {"patient0001": one})
    predict(tmp_path / "masks", "patient0001_4CH_half_sequence", one.sequence_masks == 2)
    scores, _, _ = scores_of(echodfkd, tmp_path / "masks", data, tmp_path / "out")
    assert scores["dice"]["overall"]["value"] == 0


def test_pediatric_clips_are_scored_by_their_outlines(tmp_path, echodfkd):
    data = write_pediatric(tmp_path / "p", dict(zip(NAMES, beats(), strict=True)), [9, 9, 0])
    for name, beat in zip(NAMES, beats(), strict=True):
        predict(tmp_path / "masks", name, beat.masks["lv"])
    scores, _, _ = scores_of(echodfkd, tmp_path / "masks", data, tmp_path / "out")
    assert scores["n"]["clips"] == 2 and scores["n"]["training_clips"] == 1
    assert scores["dice"]["overall"]["value"] > 0.97


def test_all_clips_and_those_that_are_left_are_both_named(echonet, tmp_path, echodfkd):
    data, masks = echonet
    curation = tmp_path / "curation.csv"
    write_curation(curation, [Finding("C2", "static", "0.1"), Finding("C0", "blank", "2"), Finding("X", "static", "0")])
    plain, _, _ = scores_of(echodfkd, masks, data, tmp_path / "plain")
    scores, rows, told = scores_of(echodfkd, masks, data, tmp_path / "out", "--exclude", f"{curation}:static")
    assert scores["excluded"] == {"clips": 1, "by_reason": {"static": 1}}
    assert scores["clean"]["n"]["clips"] == 2 and scores["clean"]["dice"]["overall"]["value"] > 0.97
    assert {key: scores[key] for key in plain} == plain  # excluding changes nothing about the whole
    assert plain["dice"]["overall"]["value"] < 0.7
    assert [rows[name]["excluded"] for name in NAMES] == ["", "", "static"]
    assert "All 3 clips\n" in told and "Without the 1 excluded (static 1): 2 clips\n" in told
    both, _, _ = scores_of(echodfkd, masks, data, tmp_path / "both", "--exclude", curation)
    assert both["excluded"] == {"clips": 2, "by_reason": {"blank": 1, "static": 1}}


def test_the_worst_clips_are_shown_and_the_quality_told(echonet, tmp_path, echodfkd):
    _, rows, _ = scores_of(echodfkd, echonet[1], echonet[0], tmp_path / "out")
    assert (tmp_path / "out" / "worst.png").read_bytes().startswith(b"\x89PNG")
    assert rows["C0"]["quality"] == ""  # this data set tells none
    data = write_camus(tmp_path / "camus", {"patient0001": patient(beats()[0])})
    predict(tmp_path / "camus-masks", "patient0001_4CH_half_sequence", patient(beats()[0]).sequence_masks == 1)
    _, rows, _ = scores_of(echodfkd, tmp_path / "camus-masks", data, tmp_path / "camus-out")
    assert rows["patient0001_4CH_half_sequence"]["quality"] == "Good"


def test_clips_whose_teacher_did_not_know_the_ventricle_are_counted_not_scored(tmp_path, echodfkd):
    masks = np.zeros((4, 1, 16, 16), np.uint8)
    masks[:, :, 4:9, 4:9] = 255
    entries = [Entry("seen", "test", 2, 50.0), Entry("unseen", "test", 2, 50.0, {"known": []})]
    writer = StoreWriter(tmp_path / "labels", ("lv",), (16, 16), {}, with_frames=False)
    writer.write(0, entries, None, masks)
    writer.finish(1)
    for name in ("seen", "unseen"):
        predict(tmp_path / "masks", name, masks[:2, 0] > 0)
    scores, rows, _ = scores_of(echodfkd, tmp_path / "masks", tmp_path / "labels", tmp_path / "out")
    assert list(rows) == ["seen"] and scores["n"]["unknown"] == 1 and scores["dice"]["overall"]["value"] == 1


def test_excluding_everything_or_for_no_known_reason_is_refused(echonet, tmp_path, echodfkd):
    data, masks = echonet
    write_curation(tmp_path / "c.csv", [Finding(name, "static", "0.1") for name in NAMES])
    for asked, reason in (("c.csv", "All 3 clips are excluded (static)"), ("c.csv:dull", "got 'dull'")):
        words = ("evaluate", masks, "--labels", data, "--out", tmp_path / "out", "--exclude", tmp_path / asked)
        code, _, complaint = echodfkd(*words)
        assert code == 2 and reason in complaint and not (tmp_path / "out").exists()


def test_clips_that_the_data_set_cannot_use_are_counted(echonet, tmp_path, echodfkd):
    data, masks = echonet
    (data / "Videos" / "C1.avi").unlink()
    words = ("evaluate", masks, "--labels", data, "--out", tmp_path / "out", "--resamples", 100)
    code, _, complaint = echodfkd(*words)
    assert code == 0 and "missing-file: 1 clip not used, the first C1" in complaint
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["n"]["left_out"] == 1
    rows = list(csv.DictReader((tmp_path / "out" / "clips.csv").open(newline="")))
    assert [row["name"] for row in rows] == ["C0", "C2"]
    found = list(csv.DictReader((tmp_path / "out" / "findings.csv").open(newline="")))
    assert [(row["FileName"], row["reason"]) for row in found] == [("C1", "missing-file")]


def unreadable_of(echodfkd, predictions: Path, dataset: Path, out: Path, *options: object) -> tuple[dict, str]:
    words = ("evaluate", predictions, "--labels", dataset, "--out", out, "--resamples", 100, *options)
    code, _, complaint = echodfkd(*words)
    assert code == 0
    scores = json.loads((out / "scores.json").read_text())
    assert complaint.count("\n") == 1
    return scores, complaint


def test_one_mask_that_cannot_be_read_stops_nobody(tmp_path, echodfkd):
    patients = {f"patient000{n}": patient(beat) for n, beat in enumerate(beats())}
    for name, one in patients.items():
        predict(tmp_path / "masks", f"{name}_4CH_half_sequence", one.sequence_masks == 1)
    patients["patient0000"].masks["ES"] = patients["patient0000"].masks["ES"] * 2  # labels of 0, 2, 4 and 6
    data = write_camus(tmp_path / "camus", patients)
    first = "patient0000_4CH_half_sequence"
    write_curation(tmp_path / "c.csv", [Finding(first, "labels", "6"), Finding("patient0001_x", "static", "0")])
    for number, options in enumerate([(), ("--exclude", tmp_path / "c.csv"), ("--against", tmp_path / "masks")]):
        scores, told = unreadable_of(echodfkd, tmp_path / "masks", data, tmp_path / f"out{number}", *options)
        assert scores["n"]["clips"] == 2 and scores["n"]["unreadable"] == 1
        assert f"The labels of {first} cannot be used: The labels of {first} at ES must be 0 to 3, got 6." in told


def test_the_labels_of_no_clip_can_be_read(tmp_path, echodfkd):
    one = patient(beats()[0])
    predict(tmp_path / "masks", "patient0000_4CH_half_sequence", one.sequence_masks == 1)
    one.masks["ED"] = one.masks["ED"] * 0
    data = write_camus(tmp_path / "camus", {"patient0000": one})
    code, _, told = echodfkd("evaluate", tmp_path / "masks", "--labels", data, "--out", tmp_path / "out")
    assert code == 2 and "The labels of none of the 1 clips can be used. The first: " in told


def test_an_outline_on_a_frame_that_the_film_does_not_have_stops_nobody(tmp_path, echodfkd):
    data = write_pediatric(tmp_path / "p", dict(zip(NAMES, beats(), strict=True)), [9, 9, 0])
    for name, beat in zip(NAMES, beats(), strict=True):
        predict(tmp_path / "masks", name, beat.masks["lv"])
    path = data / "A4C" / "VolumeTracings.csv"
    path.write_text(path.read_text().replace(f",{beats()[0].ed}\n", ",99999\n"))
    scores, told = unreadable_of(echodfkd, tmp_path / "masks", data, tmp_path / "out")
    assert scores["n"]["unreadable"] == 1 and "its film ends before frame 99999, a traced one." in told
    listed = data / "A4C" / "FileList.csv"
    lines = listed.read_text().splitlines()
    listed.write_text("\n".join([f"{lines[0]},NumberOfFrames", *(f"{line},30" for line in lines[1:])]) + "\n")
    scores, _ = unreadable_of(echodfkd, tmp_path / "masks", data, tmp_path / "again")
    assert (scores["n"]["left_out"], scores["n"]["unreadable"]) == (1, 0)


def test_a_folder_without_labels_is_refused(echonet, tmp_path, echodfkd):
    data, masks = echonet
    code, _, complaint = echodfkd("evaluate", masks, "--labels", data / "Videos", "--out", tmp_path / "out")
    assert code == 2 and "no tracings or masks" in complaint


def test_segment_reads_nifti_under_the_name_that_evaluate_asks_for(tmp_path, student_folder, echodfkd):
    data = write_camus(tmp_path / "camus", {"patient0001": patient(beats()[1])})
    folder = data / "database_nifti" / "patient0001"
    film = folder / "patient0001_4CH_half_sequence.nii.gz"
    code, _, complaint = echodfkd("segment", film, "--model", student_folder, "--out", tmp_path / "out")
    assert (code, complaint) == (0, "")
    masks = np.load(tmp_path / "out" / "patient0001_4CH_half_sequence" / "masks.npz")["masks"]
    assert masks.shape == patient(beats()[1]).half.shape
    scores, _, _ = scores_of(echodfkd, tmp_path / "out", data, tmp_path / "scores")
    assert scores["n"]["clips"] == 1


def test_a_student_sees_true_proportions_whatever_the_pixels_sides(tmp_path, student_folder, echodfkd):
    frames = beats()[1].frames[:6]
    save_nifti(tmp_path / "square.nii", frames, (0.6, 0.6))
    save_nifti(tmp_path / "tall.nii", np.repeat(frames, 2, axis=1), (0.3, 0.6))  # each row twice, half as high
    films = (tmp_path / "square.nii", tmp_path / "tall.nii")
    code, _, complaint = echodfkd("segment", *films, "--model", student_folder, "--out", tmp_path / "out")
    assert (code, complaint) == (0, "")
    square, tall = (np.load(tmp_path / "out" / name / "masks.npz")["masks"] for name in ("square", "tall"))
    assert 0.02 < square.mean() < 0.98 and tall.shape == (6, 224, 112)
    differ = np.repeat(square, 2, axis=1) != tall  # bilinear between rows: the border may move by half a row
    assert differ.mean() < 0.02
