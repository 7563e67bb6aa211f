"""`echodfkd check`: planted defects of every kind are found, and none is invented."""

import csv
from pathlib import Path

import numpy as np
from made_datasets import beats, patient, save_nifti, traced, write_camus, write_echonet, write_pediatric

from echodfkd.data.findings import REASONS
from echodfkd.data.video import write

WHOLE = ("whole0", "whole1", "whole2")


def checked(echodfkd, folder: Path, out: Path) -> tuple[set[tuple[str, str]], str]:
    """What curation.csv says, as (clip, reason), and what was printed; the command succeeds whatever it finds."""
    code, told, complaint = echodfkd("check", folder, "--out", out)
    assert (code, complaint) == (0, "")
    rows = list(csv.DictReader((out / "curation.csv").open(newline="")))
    assert all(row["rule"] == REASONS[row["reason"]] and row["value"] for row in rows)
    found = [(row["FileName"], row["reason"]) for row in rows]
    assert len(found) == len(set(found))
    return set(found), told


def spoilt_echonet(folder: Path) -> tuple[Path, set[tuple[str, str]]]:
    """Three whole clips and one with each defect, named after it; the folder, and what is to be found."""
    beat = beats()[2]  # ED at frame 0, ES at 14
    clips = {name: traced(one, name) for name, one in zip(WHOLE, beats(), strict=True)}
    names = [
        *("missing-file", "undecodable", "frame-count", "size", "frame-rate", "blank", "static", "saturated"),
        *("untraced", "segments", "segments-left", "merged-annotators", "one-phase", "traced-frame", "self-crossing"),
        *("out-of-frame", "ed-es-close", "table", "table-traced", "unlisted", "unlisted-film"),
    ]
    clips |= {name: traced(beat, name) for name in names}
    frames, (es, ed) = beat.frames, clips["segments"].tracings
    clips["missing-file"].film = None
    clips["frame-count"].film = frames[:-4]
    clips["size"].row |= {"FrameHeight": 128, "FrameWidth": 128}
    clips["frame-rate"].row["FPS"] = 7
    clips["blank"].film = np.zeros_like(frames)
    clips["static"].film = np.repeat(frames[:1], len(frames), axis=0)
    clips["saturated"].film = np.where(frames > 5, 255, frames).astype(np.uint8)
    clips["untraced"].tracings = []
    clips["segments"].tracings = [(es[0], es[1][:20]), ed]
    clips["segments-left"].tracings = [es, (ed[0], np.concatenate([ed[1], ed[1][:5]]))]
    clips["merged-annotators"].tracings = [es, ed, (ed[0], ed[1] + [1, 0, 1, 0])]
    clips["one-phase"].tracings = [ed]
    clips["traced-frame"].tracings = [ed, (30, es[1])]
    crossed = ed[1].copy()
    crossed[8] = crossed[8][[2, 3, 0, 1]]  # a chord from the other wall to this one
    clips["self-crossing"].tracings = [es, (ed[0], crossed)]
    clips["out-of-frame"].tracings = [(frame, np.add(drawn, [60, 0, 60, 0])) for frame, drawn in (es, ed)]
    clips["ed-es-close"].tracings = [(2, es[1]), ed]
    clips["table"].row["FPS"] = "fast"
    clips["table-traced"].tracings = [es, (ed[0], np.full_like(ed[1], np.nan))]
    clips["unlisted"].row, clips["unlisted"].film = None, None
    clips["unlisted-film"].row, clips["unlisted-film"].tracings = None, []
    clips["duplicate"] = traced(beat, "whole0")
    clips["duplicate"].tracings, clips["duplicate"].film = [], None
    write_echonet(folder, clips)
    film = folder / "Videos" / "undecodable.avi"
    film.write_bytes(film.read_bytes()[:20_000])
    wanted = {(name, name) for name in names if "-left" not in name and "-traced" not in name and "-film" not in name}
    return folder, wanted | {
        ("segments-left", "segments"),
        ("table-traced", "table"),
        ("unlisted-film", "unlisted"),
        ("whole0", "duplicate"),
    }


def spoilt_camus(folder: Path) -> tuple[Path, set[tuple[str, str]]]:
    reasons = {
        2: "missing-file",
        3: "missing-file",
        4: "untraced",
        5: "frame-count",
        6: "traced-frame",
        7: "table",
        8: "labels",
        9: "labels",
        10: "labels",
        11: "undecodable",
        12: "static",
        13: "unlisted",
        14: "ed-es-close",
        15: "blank",
        16: "missing-file",
        17: "saturated",
        18: "frame-rate",
    }
    names = {number: f"patient{number:04d}" for number in (1, *reasons)}
    patients = {name: patient(beats()[2]) for number, name in names.items() if number != 16}
    for one in patients.values():
        one.sequence_masks = None
    spoil = {number: patients[name] for number, name in names.items() if number != 16}
    spoil[2].half, spoil[3].info = None, None
    del spoil[4].masks["ES"]
    spoil[5].info["NbFrame"] = 17
    spoil[6].info["ES"] = 40
    spoil[7].info["ED"] = "first"
    spoil[8].masks["ED"] = np.zeros_like(spoil[8].masks["ED"])
    spoil[9].masks["ED"] = spoil[9].masks["ED"][:-3]
    spoil[10].masks["ES"] = spoil[10].masks["ES"] + 3
    spoil[12].half = np.repeat(spoil[12].half[:1], len(spoil[12].half), axis=0)
    spoil[14].info["ES"] = 2
    spoil[15].half = spoil[15].half * 0 + 40
    spoil[17].half = np.where(spoil[17].half > 5, 255, 0).astype(np.uint8)
    spoil[18].info["FrameRate"] = 300
    listed = [name for number, name in names.items() if number != 13]
    write_camus(folder, patients, {"training": listed[:4], "validation": listed[4:8], "testing": listed[8:]})
    film = folder / "database_nifti" / names[11] / f"{names[11]}_4CH_half_sequence.nii.gz"
    film.write_bytes(film.read_bytes()[:5000])
    wanted = {(f"{names[number]}_4CH_half_sequence", reason) for number, reason in reasons.items()}
    return folder, wanted | {(f"{names[18]}_4CH_half_sequence", "ed-es-close")}  # 14 frames at 300 Hz


def test_every_planted_defect_of_echonets_layout_is_found_and_no_other(tmp_path, echodfkd):
    folder, wanted = spoilt_echonet(tmp_path / "echonet")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == wanted
    assert {reason for _, reason in found} == set(REASONS) - {"labels"}
    assert "EchoNet: 24 clips" in told and "labels of lv" in told and "self-crossing" in told
    for name in ("findings", "distributions", "examples"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_planted_defect_of_camuss_layout_is_found_and_no_other(tmp_path, echodfkd):
    folder, wanted = spoilt_camus(tmp_path / "camus")
    found, told = checked(echodfkd, folder, tmp_path / "out")
    assert found == wanted
    assert "Camus: 18 clips" in told and "labels of lv, myocardium, la" in told


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


def test_what_is_no_data_set_is_refused(tmp_path, echodfkd):
    (tmp_path / "empty").mkdir()
    code, _, complaint = echodfkd("check", tmp_path / "empty", "--out", tmp_path / "out")
    assert code == 2 and "is no data set" in complaint and not (tmp_path / "out").exists()
