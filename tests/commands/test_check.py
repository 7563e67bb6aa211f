"""`echodfkd check`: planted defects of every kind are found, and none is invented."""

import csv
import unicodedata
from pathlib import Path

import numpy as np
from made_datasets import beats, patient, save_nifti, traced, write_camus, write_echonet, write_pediatric
from spoilt_datasets import WHOLE, spoilt_camus, spoilt_echonet

from echodfkd.data.findings import REASONS
from echodfkd.video import write


def checked(echodfkd, folder: Path, out: Path) -> tuple[set[tuple[str, str]], str]:
    """What curation.csv says, as (clip, reason), and what was printed; the command succeeds whatever it finds."""
    code, told, complaint = echodfkd("check", folder, "--out", out)
    assert (code, complaint) == (0, "")
    rows = list(csv.DictReader((out / "curation.csv").open(newline="")))
    assert all(row["rule"] == REASONS[row["reason"]] and row["value"] for row in rows)
    found = [(row["FileName"], row["reason"]) for row in rows]
    assert len(found) == len(set(found))
    return set(found), told


def test_every_planted_defect_of_echonets_layout_is_found_and_no_other(tmp_path, echodfkd):
    folder, wanted = spoilt_echonet(tmp_path / "echonet")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == wanted
    assert {reason for _, reason in found} == set(REASONS) - {"labels", "leakage"}
    assert "EchoNet: 32 clips" in told and "labels of lv" in told and "self-crossing" in told
    for name in ("findings", "distributions", "examples"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_planted_defect_of_camuss_layout_is_found_and_no_other(tmp_path, echodfkd):
    folder, wanted = spoilt_camus(tmp_path / "camus")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == wanted
    assert "Camus: 19 clips" in told and "labels of lv, myocardium, la" in told


def test_whole_data_sets_have_no_findings(tmp_path, echodfkd):
    echonet = {name: traced(beat, name) for name, beat in zip(WHOLE, beats(), strict=True)}
    camus = {f"patient000{n}": patient(beat) for n, beat in enumerate(beats())}
    folders = [
        write_echonet(tmp_path / "echonet", echonet),
        write_pediatric(tmp_path / "pediatric", dict(zip(WHOLE, beats(), strict=True)), [1, 8, 9]),
        write_camus(tmp_path / "camus", camus),
        tmp_path / "echonet" / "Videos",
    ]
    for number, folder in enumerate(folders):
        found, told = checked(echodfkd, folder, tmp_path / f"out{number}")
        assert found == set() and "3 clips, 3 usable" in told and "0 of 3 clips have findings" in told


def test_pediatric_outlines_are_looked_at(tmp_path, echodfkd):
    folder = write_pediatric(tmp_path / "p", dict(zip(WHOLE, beats(), strict=True)), [1, 8, 9])
    path = folder / "A4C" / "VolumeTracings.csv"
    lines = path.read_text().splitlines()
    places = [n for n, line in enumerate(lines) if line.startswith("whole1")]
    lines[places[5]], lines[places[12]] = lines[places[12]], lines[places[5]]
    path.write_text("\n".join(lines) + "\n")
    assert checked(echodfkd, folder, tmp_path / "out")[0] == {("whole1", "self-crossing")}


def test_odd_rows_of_pediatric_tables_concern_their_clips_alone(tmp_path, echodfkd):
    folder = write_pediatric(tmp_path / "p", dict(zip(WHOLE, beats(), strict=True)), [1, 8, 9])
    path = folder / "A4C" / "VolumeTracings.csv"
    path.write_text(path.read_text() + "whole0.avi,1,2\nwhole1.avi,1,2,²\n")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == {("whole0", "table"), ("whole1", "traced-frame")} and "3 clips, 2 usable" in told


def test_a_folder_of_clips_is_checked_too(tmp_path, echodfkd):
    clips = tmp_path / "clips"
    clips.mkdir()
    write(clips / "good.avi", beats()[0].frames, 50)
    write(clips / "frozen.mp4", np.repeat(beats()[0].frames[:1], 20, axis=0), 50)
    save_nifti(clips / "black.nii.gz", np.zeros((9, 40, 30), np.uint8))
    (clips / "text.avi").write_text("no film")
    found, _ = checked(echodfkd, clips, tmp_path / "out")
    assert found == {("frozen", "static"), ("black", "blank"), ("text", "undecodable")}
    assert str(clips) not in (tmp_path / "out" / "curation.csv").read_text()
    checked(echodfkd, clips, tmp_path / "again")
    for name in ("curation.csv", "findings.png", "distributions.png", "examples.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_what_cannot_be_used_is_not_called_usable(tmp_path, echodfkd):
    folder = write_echonet(
        tmp_path / "e", {name: traced(beat, name) for name, beat in zip(WHOLE, beats(), strict=True)}
    )
    (folder / "Videos" / "whole0.avi").write_bytes(b"")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == {("whole0", "undecodable")} and "3 clips, 2 usable (test 2)" in told
    patients = {f"patient000{n}": patient(beat) for n, beat in enumerate(beats())}
    patients["patient0000"].masks["ES"] = patients["patient0000"].masks["ES"] * 2
    found, told = checked(echodfkd, write_camus(tmp_path / "c", patients), tmp_path / "out-camus")
    assert found == {("patient0000_4CH_half_sequence", "labels")} and "3 clips, 2 usable (test 2)" in told


def test_a_folder_in_the_place_of_a_film_is_no_film(tmp_path, echodfkd):
    folder = write_echonet(
        tmp_path / "e", {name: traced(beat, name) for name, beat in zip(WHOLE, beats(), strict=True)}
    )
    (folder / "Videos" / "whole0.avi").unlink()
    (folder / "Videos" / "whole0.avi").mkdir()
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == {("whole0", "missing-file")} and "3 clips, 2 usable (test 2)" in told


def test_films_are_found_whatever_the_case_of_their_suffix_and_the_form_of_their_accents(tmp_path, echodfkd):
    composed, apart = (unicodedata.normalize(form, "cœur-é") for form in ("NFC", "NFD"))
    assert composed != apart
    clips = {composed: traced(beats()[0], composed), "C1": traced(beats()[1], "C1")}
    folder = write_echonet(tmp_path / "e", clips)
    (folder / "Videos" / f"{composed}.avi").rename(folder / "Videos" / f"{apart}.avi")
    (folder / "Videos" / "C1.avi").rename(folder / "Videos" / "C1.AVI")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == set() and "2 clips, 2 usable" in told


def test_what_is_no_data_set_is_refused(tmp_path, echodfkd):
    (tmp_path / "empty").mkdir()
    code, _, complaint = echodfkd("check", tmp_path / "empty", "--out", tmp_path / "out")
    assert code == 2 and "no data set" in complaint and not (tmp_path / "out").exists()
