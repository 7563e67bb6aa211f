"""The everyday command: what `echodfkd segment` writes, file by file and key by key, and what it leaves alone."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_datasets import save_nifti
from small_student import beating, make_student

from echodfkd.commands.segment import segment
from echodfkd.engine import Engine
from echodfkd.measure.measures import measures
from echodfkd.measure.record import describe, record, summary_row
from echodfkd.student.student import load_student
from echodfkd.video import open_video, read, write

CONTRACT = ["masks.npz", "measures.json"]
OVERLAY = ["curve.png", "masks.npz", "measures.json", "overlay.mp4"]
PNG = b"\x89PNG\r\n\x1a\n"


def masks_in(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "masks.npz", allow_pickle=False) as archive:
        return dict(archive)


def measures_in(folder: Path) -> dict:
    return json.loads((folder / "measures.json").read_text())


def rows_in(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "summary.csv", encoding="utf-8", newline="") as file:
        return {row["FileName"]: row for row in csv.DictReader(file)}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "in" / "clip.avi"
    path.parent.mkdir()
    write(path, beating(30), 50)
    return path


# The contract


@pytest.mark.parametrize(
    ("file", "frames", "height", "width", "fps"),
    [
        ("square.avi", 12, 112, 112, 50),
        ("wide.avi", 5, 48, 64, 30),
        ("odd.avi", 5, 47, 33, 29.97),
        ("small.avi", 5, 9, 16, 50),
        ("film.mp4", 5, 64, 48, 25),
        ("film.gif", 5, 40, 50, 20),
        ("still.png", 1, 120, 90, None),
    ],
)
def test_masks_have_the_size_and_the_length_of_the_input(
    file, frames, height, width, fps, tmp_path, student_folder, echodfkd
):
    path, out = tmp_path / file, tmp_path / "out"
    write(path, beating(frames, height, width), fps)
    code, told, complaint = echodfkd("segment", path, "--model", student_folder, "--out", out)
    assert (code, complaint) == (0, "") and "not for diagnosis" in told
    assert names_in(out) == sorted([path.stem, "summary.csv"]) and names_in(out / path.stem) == CONTRACT
    arrays = masks_in(out / path.stem)
    assert sorted(arrays) == ["la", "masks"]
    for array in arrays.values():
        assert array.dtype == np.uint8 and array.shape == (frames, height, width)
        assert set(np.unique(array)) <= {0, 1}
    found = measures_in(out / path.stem)["fps"]
    assert found is None if fps is None else found == pytest.approx(fps, rel=1e-4)


def test_masks_are_the_students_probabilities_cut_at_its_threshold(clip, tmp_path, student_folder, echodfkd):
    out = tmp_path / "out"
    assert echodfkd("segment", clip, "--model", student_folder, "--out", out)[0] == 0
    student = load_student(student_folder)
    expected = student(read(clip)) >= student.threshold
    arrays = masks_in(out / "clip")
    np.testing.assert_array_equal(arrays["masks"], expected[:, 0])
    np.testing.assert_array_equal(arrays["la"], expected[:, 1])
    assert 0 < arrays["masks"].mean() < 1  # or the comparison says nothing


def test_measures_have_the_keys_of_the_contract_and_agree_with_the_masks(clip, tmp_path, student_folder, echodfkd):
    out = tmp_path / "out"
    echodfkd("segment", clip, "--model", student_folder, "--out", out)
    measures = measures_in(out / "clip")
    contract = {"name", "frames", "fps", "area_px", "ed_frames", "es_frames", "ejection_fraction", "verdict", "model"}
    assert contract | {"reasons", "ejection_interval"} <= set(measures)
    assert (measures["name"], measures["frames"], measures["fps"]) == ("clip", 30, 50.0)
    assert measures["area_px"] == masks_in(out / "clip")["masks"].sum((1, 2)).tolist()
    assert measures["verdict"] in ("typical", "review", "refused")
    assert measures["model"]["name"] == "B2,1" and measures["model"]["threshold"] == 0.5
    row = rows_in(out)["clip"]
    assert row["verdict"] == measures["verdict"] and row["frames"] == "30" and float(row["fps"]) == 50
    assert row["ED"] == " ".join(map(str, measures["ed_frames"]))
    assert list(row)[:5] == ["FileName", "EF_pred", "ED", "ES", "verdict"]
    assert row["model"] == f"B2,1 {measures['model']['weights']}"
    assert measures["ejection_interval"] is None and row["EF_low"] == row["EF_high"] == ""  # nothing in this card


def test_the_interval_of_the_ejection_fraction_is_told_and_listed():
    told = {
        "name": "a",
        "frames": 9,
        "fps": 50,
        "ed_frames": [1],
        "es_frames": [5],
        "verdict": "typical",
        "reasons": [],
        "model": {"name": "B2,1", "weights": "0123abcd"},
    }
    told |= {"ejection_fraction": 55.2, "ejection_interval": [43.1, 67.3]}
    assert "EF 55 % (43 to 67)" in describe(told)
    assert (summary_row(told)["EF_low"], summary_row(told)["EF_high"]) == (43.1, 67.3)


@pytest.mark.parametrize(("file", "frames"), [("clip.avi", 30), ("odd.avi", 7), ("one.avi", 1), ("still.png", 1)])
def test_the_overlay_plays_as_many_frames_as_the_clip_has(file, frames, tmp_path, student_folder, echodfkd):
    path, out = tmp_path / file, tmp_path / "out"
    write(path, beating(frames, 47, 33), 50)
    assert echodfkd("segment", path, "--model", student_folder, "--out", out, "--overlay")[0] == 0
    assert names_in(out / path.stem) == OVERLAY
    with open_video(out / path.stem / "overlay.mp4") as film:
        assert sum(1 for _ in film) == frames
    assert (out / path.stem / "curve.png").read_bytes()[:8] == PNG


@pytest.mark.parametrize(("frames", "reason"), [(1, "a still image"), (2, "no complete beat"), (3, "no complete beat")])
def test_a_clip_without_a_beat_gets_its_masks_and_the_reason(frames, reason, tmp_path, student_folder, echodfkd):
    path, out = tmp_path / "short.avi", tmp_path / "out"
    write(path, beating(frames), 50)
    assert echodfkd("segment", path, "--model", student_folder, "--out", out)[0] == 0
    measures = measures_in(out / "short")
    assert masks_in(out / "short")["masks"].shape == (frames, 48, 64)
    assert measures["verdict"] == "refused" and measures["ejection_fraction"] is None
    assert reason in measures["reasons"][0] and rows_in(out)["short"]["EF_pred"] == ""


def test_a_clip_gives_the_same_bytes_every_time(clip, tmp_path, student_folder, echodfkd):
    for out in ("a", "b"):
        assert echodfkd("segment", clip, "--model", student_folder, "--out", tmp_path / out, "--overlay")[0] == 0
    for name in ("measures.json", "overlay.mp4", "curve.png"):
        assert (tmp_path / "a" / "clip" / name).read_bytes() == (tmp_path / "b" / "clip" / name).read_bytes(), name
    assert (tmp_path / "a" / "summary.csv").read_bytes() == (tmp_path / "b" / "summary.csv").read_bytes()
    assert all(map(np.array_equal, *(masks_in(tmp_path / out / "clip").values() for out in ("a", "b"))))


def test_only_the_largest_piece_is_kept_when_asked_for(clip, tmp_path, student_folder, echodfkd):
    from scipy.ndimage import label

    words = ("segment", clip, "--model", student_folder, "--out")
    assert echodfkd(*words, tmp_path / "all", "--all-components")[0] == 0
    assert echodfkd(*words, tmp_path / "largest", "--largest-component")[0] == 0
    every, largest = (masks_in(tmp_path / out / "clip")["masks"] for out in ("all", "largest"))
    assert max(label(mask)[1] for mask in every) > 1
    assert max(label(mask)[1] for mask in largest) == 1 and (largest <= every).all()
    assert measures_in(tmp_path / "largest" / "clip")["model"]["largest_component"] is True


@pytest.mark.parametrize("size", [(28, 28), (47, 33)])
def test_with_hindsight_a_file_gets_the_masks_that_the_whole_clip_gets(size, tmp_path, student_folder, echodfkd):
    path, out = tmp_path / "clip.avi", tmp_path / "out"
    write(path, beating(30, *size), 50)
    words = ("segment", path, "--model", student_folder, "--out", out)
    assert echodfkd(*words, "--hindsight", "--overlay")[0] == 0
    student = load_student(student_folder, hindsight=True)
    expected = student(read(path)) >= student.threshold
    arrays = masks_in(out / "clip")
    np.testing.assert_array_equal(arrays["masks"], expected[:, 0])
    np.testing.assert_array_equal(arrays["la"], expected[:, 1])
    assert names_in(out / "clip") == OVERLAY
    assert measures_in(out / "clip")["area_px"] == arrays["masks"].sum((1, 2)).tolist()
    assert measures_in(out / "clip")["model"]["hindsight"] is True
    assert echodfkd(*words, "--causal")[0] == 0
    assert (masks_in(out / "clip")["masks"] != arrays["masks"]).any()
    assert measures_in(out / "clip")["model"]["hindsight"] is False


@pytest.mark.parametrize("words", ["--causal", "--hindsight"])
def test_from_python_a_clip_of_flat_pixels_gets_the_masks_of_the_command(words, tmp_path, student_folder, echodfkd):
    path, out = tmp_path / "flat.nii.gz", tmp_path / "out"
    save_nifti(path, np.repeat(beating(20, 40, 40), 2, axis=1), spacing=(0.15, 0.3))
    assert echodfkd("segment", path, "--model", student_folder, "--out", out, words)[0] == 0
    student, clip = load_student(student_folder, hindsight=words == "--hindsight"), read(path)
    masks = student(clip) >= student.threshold
    arrays = masks_in(out / "flat")
    np.testing.assert_array_equal(arrays["masks"], masks[:, 0])
    np.testing.assert_array_equal(arrays["la"], masks[:, 1])
    assert (masks != (student(replace(clip, spacing=None)) >= student.threshold)).any()


# Several inputs


def test_a_bad_clip_costs_one_line_and_the_others_are_done(clip, tmp_path, student_folder, echodfkd):
    folder, out = clip.parent, tmp_path / "out"
    (folder / "text.avi").write_text("no film")
    write(folder / "later.mp4", beating(4), 25)
    code, told, complaint = echodfkd("segment", folder, tmp_path / "no.avi", "--model", student_folder, "--out", out)
    assert code == 2 and told.splitlines()[-1].startswith("2 of 4 clips in")
    assert len(complaint.splitlines()) == 2
    assert all(line.startswith("echodfkd: ") for line in complaint.splitlines())
    assert "text.avi" in complaint and f"No such file: {tmp_path / 'no.avi'}" in complaint
    assert names_in(out) == ["clip", "later", "summary.csv"]
    assert [row["verdict"] == "not done" for row in rows_in(out).values()] == [False, False, True, True]


def test_clips_side_by_side_get_what_one_after_another_gets_in_the_same_order(clip, tmp_path, student_folder, echodfkd):
    for number in range(3):
        write(clip.with_name(f"more{number}.avi"), beating(10 + number), 50)
    clip.with_name("text.avi").write_text("no film")
    words = ("segment", clip.parent, clip.parent, "--model", student_folder, "--overlay", "--out")
    told = [echodfkd(*words, tmp_path / out, "--processes", count) for out, count in (("a", 1), ("b", 2))]
    one, two = ((code, out.splitlines()[:-1], complaint) for code, out, complaint in told)
    assert one == two and len(one[1]) == 4
    assert names_in(tmp_path / "a") == names_in(tmp_path / "b") == ["clip", "more0", "more1", "more2", "summary.csv"]
    assert rows_in(tmp_path / "a") == rows_in(tmp_path / "b")
    for name in ("clip", "more0", "more1", "more2"):
        for file in ("measures.json", "overlay.mp4"):
            assert (tmp_path / "a" / name / file).read_bytes() == (tmp_path / "b" / name / file).read_bytes()
        assert all(map(np.array_equal, *(masks_in(tmp_path / out / name).values() for out in "ab")))


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_leaves_whole_clips_and_nothing_else(processes, clip, tmp_path, student_folder):
    for number in range(8):
        write(clip.with_name(f"long{number}.avi"), beating(2000), 50)
    out = tmp_path / "out"
    words = ["segment", clip.parent, "--model", student_folder, "--out", out, "--processes", processes]
    command = subprocess.Popen(
        [sys.executable, "-m", "echodfkd", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert command.stdout.readline().startswith("[1/9] clip")
    os.killpg(command.pid, signal.SIGINT)  # Ctrl-C reaches everybody in the terminal
    _, complaint = command.communicate(timeout=60)
    assert command.returncode == 130 and complaint.count("\n") == 1 and "Traceback" not in complaint
    assert "clip" in names_in(out) and not [name for name in names_in(out) if name.startswith(".")]
    assert all(names_in(out / name) == CONTRACT for name in names_in(out))


def test_segmenting_imports_neither_torch_nor_scipy(clip, tmp_path, student_folder):
    program = "import sys; sys.modules['torch'] = sys.modules['scipy'] = None\nfrom echodfkd.cli import main; main()"
    words = ["segment", clip, "--model", student_folder, "--out", tmp_path / "out", "--hindsight", "--overlay"]
    subprocess.run([sys.executable, "-c", program, *map(str, words)], check=True)


def test_a_folder_stands_for_the_clips_in_it_by_name(clip, tmp_path, student_folder, echodfkd):
    folder, out = clip.parent, tmp_path / "out"
    write(folder / "B.GIF", beating(3), 20)
    (folder / "notes.txt").write_text("no clip")
    (folder / "deeper").mkdir()
    write(folder / "deeper" / "hidden.avi", beating(3), 50)
    assert echodfkd("segment", folder, "--model", student_folder, "--out", out)[0] == 0
    assert list(rows_in(out)) == ["B", "clip"]


@pytest.mark.parametrize("suffix", [".mkv", ".WEBM", ".tif", ".bmp"])
def test_films_of_kinds_that_are_not_read_are_refused_and_not_passed_over(
    suffix, clip, tmp_path, student_folder, echodfkd
):
    out = tmp_path / "out"
    (clip.parent / f"other{suffix}").write_bytes(bytes(100))
    (clip.parent / f".hidden{suffix}").write_bytes(bytes(100))
    code, told, complaint = echodfkd("segment", clip.parent, "--model", student_folder, "--out", out)
    assert code == 2 and told.splitlines()[-1].startswith("1 of 2 clips in")
    assert complaint.count("\n") == 1 and f"other{suffix} is of a kind that is not read" in complaint
    assert [row["verdict"] == "not done" for row in rows_in(out).values()] == [False, True]


def test_a_folder_without_clips_is_refused(tmp_path, student_folder, echodfkd):
    (tmp_path / "empty").mkdir()
    code, _, complaint = echodfkd("segment", tmp_path / "empty", "--model", student_folder, "--out", tmp_path / "out")
    assert code == 2 and "holds no clip (.avi" in complaint and not (tmp_path / "out").exists()


def test_of_two_inputs_of_one_name_the_second_is_refused(clip, tmp_path, student_folder, echodfkd):
    other, out = tmp_path / "clip.png", tmp_path / "out"
    write(other, beating(1))
    code, _, complaint = echodfkd("segment", clip, other, "--model", student_folder, "--out", out)
    assert code == 2 and complaint.count("\n") == 1
    assert f"Two inputs are named clip: {clip} and {other}" in complaint
    assert measures_in(out / "clip")["frames"] == 30


@pytest.mark.parametrize("name", ["Übung 1 é.avi", "-x.avi", "--overlay.avi", "%03d.png", "a*[b]?.avi", "x.y.avi"])
def test_any_name_that_a_file_can_have_is_only_a_name(name, tmp_path, student_folder, echodfkd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, beating(1), 50)
    words = ("segment", "--model", student_folder, "--out", "out", "--overlay", "--", name)
    code, _, complaint = echodfkd(*words)
    assert (code, complaint) == (0, "")
    stem = name.rpartition(".")[0]
    assert list(rows_in(Path("out"))) == [stem] and names_in(Path("out") / stem) == OVERLAY


def test_a_name_of_two_lines_or_of_no_letters_is_told_in_one_line(tmp_path, student_folder):
    bad = [os.fsencode(tmp_path) + b"/" + name for name in (b"two\nlines.avi", b"latin-\xe9.avi")]
    for path in bad:
        Path(os.fsdecode(path)).write_text("no film")
    result = subprocess.run(
        [sys.executable, "-m", "echodfkd", "segment", *bad, "--model", student_folder, "--out", tmp_path / "out"],
        capture_output=True,
    )
    assert result.returncode == 2 and b"Traceback" not in result.stderr
    assert [line.startswith(b"echodfkd: ") for line in result.stderr.splitlines()] == [True, True]
    assert b"latin-\xe9" in (tmp_path / "out" / "summary.csv").read_bytes()


@pytest.mark.parametrize("name", ["..avi", "...avi", "summary.csv.avi"])
def test_a_name_that_no_folder_can_bear_is_refused(name, clip, tmp_path, student_folder, echodfkd):
    out = tmp_path / "out"
    bad = clip.rename(clip.with_name(name))
    code, _, complaint = echodfkd("segment", bad, "--model", student_folder, "--out", out)
    assert code == 2 and "Rename the file" in complaint and names_in(out) == ["summary.csv"] and bad.is_file()


# What is there already


def test_running_again_replaces_the_results(clip, tmp_path, student_folder, echodfkd):
    out = tmp_path / "out"
    words = ("segment", clip, "--model", student_folder, "--out", out)
    assert echodfkd(*words, "--overlay")[0] == 0
    write(clip, beating(4), 50)
    assert echodfkd(*words)[0] == 0
    assert names_in(out / "clip") == CONTRACT and measures_in(out / "clip")["frames"] == 4
    assert names_in(out) == ["clip", "summary.csv"]


def test_the_summary_keeps_the_clips_of_earlier_calls(tmp_path, echodfkd, student_folder):
    out = tmp_path / "out"
    for name in ("b", "a", "b"):
        write(tmp_path / f"{name}.avi", beating(20, 32, 32), 50)
        assert echodfkd("segment", tmp_path / f"{name}.avi", "--model", student_folder, "--out", out)[0] == 0
    (out / "stranger").mkdir()
    (out / "stranger" / "measures.json").write_text("[]")
    assert echodfkd("segment", tmp_path / "a.avi", "--model", student_folder, "--out", out)[0] == 0
    with open(out / "summary.csv", newline="") as file:
        assert [row["FileName"] for row in csv.DictReader(file)] == ["a", "b"]


def test_a_name_too_long_to_write_under_costs_that_clip_alone(clip, tmp_path, student_folder, echodfkd):
    shutil.copyfile(clip, clip.with_name("n" * 240 + ".avi"))
    out = tmp_path / "out"
    code, _, complaint = echodfkd("segment", clip.parent, "--model", student_folder, "--out", out)
    assert code == 2 and complaint.count("\n") == 1 and "235 bytes" in complaint
    assert names_in(out / "clip") == CONTRACT


@pytest.mark.parametrize(("side", "told"), [(0.3, True), (30.0, False)])
def test_volumes_that_no_heart_holds_are_remarked_on_and_not_told(side, told):
    rows, columns = np.mgrid[:112, :112]
    radii = 20 + 6 * np.cos(2 * np.pi * np.arange(60) / 30)
    masks = np.array([np.hypot((rows - 56) / 1.6, columns - 56) < radius for radius in radii])
    made = record("x", measures(masks, 50.0, (side, side)), load_student("b4"))
    assert ("edv_ml" in made, "remarks" in made) == (told, not told)
    assert told or "1 to 1000" in made["remarks"][0]


def test_somebody_elses_files_are_never_lost(clip, tmp_path, student_folder, echodfkd):
    out = tmp_path / "out"
    write(clip.with_name("other.avi"), beating(3), 50)
    (out / "clip").mkdir(parents=True)
    (out / "clip" / "thesis.txt").write_text("years")
    (out / ".mail.part").write_text("half a download")
    code, _, complaint = echodfkd("segment", clip.parent, "--model", student_folder, "--out", out)
    assert code == 2 and complaint.count("\n") == 1 and "thesis.txt" in complaint
    assert names_in(out / "clip") == ["thesis.txt"] and names_in(out / "other") == CONTRACT
    assert (out / ".mail.part").is_file()


def test_a_clip_is_not_replaced_by_its_own_results(tmp_path, student_folder, echodfkd):
    film = tmp_path / "overlay" / "overlay.mp4"
    film.parent.mkdir()
    write(film, beating(5), 50)
    before = film.read_bytes()
    code, _, complaint = echodfkd("segment", film, "--model", student_folder, "--out", tmp_path)
    assert code == 2 and "would replace" in complaint
    assert film.read_bytes() == before


def test_results_may_lie_beside_the_clips_and_inputs_may_be_links(clip, tmp_path, student_folder, echodfkd):
    link = clip.with_name("link.avi")
    link.symlink_to(clip)
    before = clip.read_bytes()
    for _ in range(2):
        assert echodfkd("segment", clip.parent, "--model", student_folder, "--out", clip.parent)[0] == 0
    assert names_in(clip.parent) == ["clip", "clip.avi", "link", "link.avi", "summary.csv"]
    assert clip.read_bytes() == before


def test_what_a_killed_run_left_half_written_goes(clip, tmp_path, student_folder, echodfkd):
    out = tmp_path / "out"
    (out / ".clip.0123abcd.part").mkdir(parents=True)
    (out / ".clip.0123abcd.part" / "lv.raw").write_bytes(b"half")
    assert echodfkd("segment", clip, "--model", student_folder, "--out", out)[0] == 0
    assert names_in(out) == ["clip", "summary.csv"]


# The model


def test_without_a_model_the_bundled_one_segments(clip, tmp_path, student_folder, echodfkd, monkeypatch):
    monkeypatch.setattr("echodfkd.student.bundled.ROOT", tmp_path / "weights")
    shutil.copytree(student_folder, tmp_path / "weights" / "b4")
    assert echodfkd("segment", clip, "--out", tmp_path / "a")[0] == 0
    assert echodfkd("segment", clip, "--model", "b4", "--out", tmp_path / "b")[0] == 0
    assert echodfkd("segment", clip, "--model", student_folder, "--out", tmp_path / "c")[0] == 0
    found = {(tmp_path / out / "clip" / "measures.json").read_text() for out in "abc"}
    assert len(found) == 1


def test_without_a_folder_the_results_go_to_segmented_and_the_last_line_says_so(
    clip, tmp_path, student_folder, echodfkd, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, told, _ = echodfkd("segment", clip, "--model", student_folder)
    assert code == 0 and names_in(tmp_path / "segmented" / "clip") == CONTRACT
    assert told.splitlines()[-1].startswith("1 of 1 clips in segmented, listed in summary.csv.")
    assert "segmented]" in echodfkd("segment", "--help")[1]


def test_a_model_without_a_left_ventricle_is_refused_once(clip, tmp_path, echodfkd):
    make_student(tmp_path / "atria", onnx=False, structures=("la", "ra"))
    write(clip.with_name("other.avi"), beating(3), 50)
    code, _, complaint = echodfkd("segment", clip.parent, "--model", tmp_path / "atria", "--out", tmp_path / "out")
    assert code == 2 and complaint.count("\n") == 1 and "segments la, ra" in complaint
    assert not (tmp_path / "out").exists()


# Memory


def peak_mb(clip: Path, out: Path, student: Path, *options: str) -> float:
    """Peak memory (MB) of the command on one clip."""
    program = (
        "import resource, sys; from echodfkd.cli import app\n"
        "try: app()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)"
    )
    words = ["segment", clip, "--model", student, "--out", out, *options]
    result = subprocess.run([sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return float(result.stderr.splitlines()[-1])


def long_film(path: Path, frames: int) -> Path:
    piece = beating(100, 64, 64)
    write(path, (piece[n % 100] for n in range(frames)), 50)
    return path


@pytest.mark.long
@pytest.mark.parametrize("passes", ["--causal", "--hindsight"])
def test_memory_does_not_grow_with_the_clip(passes, tmp_path, student_folder):
    short, long = (
        peak_mb(long_film(tmp_path / f"{n}.avi", n), tmp_path / "out", student_folder, "--overlay", passes)
        for n in (50, 350)
    )
    assert long < short + 20
    assert (tmp_path / "out" / "350" / "overlay.mp4").is_file()


@pytest.mark.long
@pytest.mark.parametrize("passes", ["--causal", "--hindsight"])
def test_ten_thousand_frames_need_hardly_more_memory_than_a_thousand(passes, tmp_path, student_folder):
    short, long = (
        peak_mb(long_film(tmp_path / f"{n}.avi", n), tmp_path / "out", student_folder, "--overlay", passes)
        for n in (1000, 10_000)
    )
    assert long < short + 60
    assert measures_in(tmp_path / "out" / "10000")["frames"] == 10_000


def test_a_clip_that_needs_an_extra_costs_its_own_line_alone(clip, student_folder, tmp_path, monkeypatch):
    shutil.copyfile(clip, clip.with_name("later.avi"))
    save_nifti(clip.with_name("dense.nii"), beating(3))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    found = segment([clip.parent], student_folder, tmp_path / "out", engine=Engine(processes=1))
    assert [(one.name, "echodfkd[nifti]" in one.refusal) for one in found] == [
        ("clip", False),
        ("dense", True),
        ("later", False),
    ]
    assert rows_in(tmp_path / "out")["dense"]["verdict"] == "not done"
