"""What is read of a folder of real echocardiograms, and what stays out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scripts import script
from small_student import beating

from echodfkd.errors import InputError
from echodfkd.video import read, write

real = script("benchmarks/real.py")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two films with masks of every frame."""
    for seed, name in enumerate(("one", "two")):
        write(tmp_path / f"{name}.avi", beating(12, seed=seed), 50)
        np.savez(tmp_path / f"{name}.teacher.npz", masks=beating(12, seed=seed) > 120)
    (tmp_path / "clips.csv").write_text("FileName,EF,FPS\none,60,25\ntwo,,\n")
    return tmp_path


def test_a_film_has_the_rate_that_is_known_of_it(folder):
    assert [film.clip.fps for film in real.read_films(folder)] == [25, 50]


def test_masks_that_are_not_the_left_ventricle_alone_stay_out(folder, capsys):
    for name, masks in (
        ("labels", np.arange(12)[:, None, None] * np.ones((1, 48, 64), int) % 4),
        ("several", np.ones((12, 2, 48, 64), np.uint8)),
        ("short", np.ones((11, 48, 64), np.uint8)),
        ("words", np.full((12, 48, 64), "in")),
    ):
        shutil.copy(folder / "one.avi", folder / f"{name}.avi")
        np.savez(folder / f"{name}.teacher.npz", masks=masks)
    shutil.copy(folder / "one.avi", folder / "other.avi")
    np.savez(folder / "other.teacher.npz", mask=np.ones(3))
    assert [film.clip.name for film in real.read_films(folder)] == ["one", "two"]
    told = capsys.readouterr().err.splitlines()
    reasons = ("labels [0, 1, 2, 3]", "the key 'masks' is missing", "(12, 2, 48, 64)", "(11, ", "not masks")
    assert len(told) == len(reasons)
    for line, reason in zip(told, reasons, strict=True):
        assert line.startswith("left out: ") and reason in line


def test_a_film_that_cannot_be_read_stays_out_with_one_line(folder, capsys):
    film = (folder / "one.avi").read_bytes()
    for name in ("cut", "junk"):
        (folder / f"{name}.avi").write_bytes(film[: len(film) // 2] if name == "cut" else film)
        shutil.copy(folder / "one.teacher.npz", folder / f"{name}.teacher.npz")
    (folder / "junk.teacher.npz").write_bytes(b"PK junk")
    assert [film.clip.name for film in real.read_films(folder)] == ["one", "two"]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and "cut.avi" in told[0] and "not a readable .npz" in told[1]


@pytest.mark.parametrize(
    ("table", "message"),
    [("Name,EF\none,60\n", "column FileName"), ("FileName,FPS\none,fast\n", "FPS .*'fast'")],
)
def test_a_list_that_cannot_be_read_is_refused(table, message, folder):
    (folder / "clips.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        real.read_films(folder)


def test_a_folder_without_films_is_refused(tmp_path):
    assert not real.has_films(tmp_path)
    with pytest.raises(InputError, match="no clip"):
        real.read_films(tmp_path)


def test_solidity_is_one_of_a_square_and_little_of_what_crosses_itself():
    mask = np.zeros((40, 40), np.bool_)
    assert real.solidity(mask) == 1
    mask[10:20, 10:20] = True
    assert real.solidity(mask) == pytest.approx(1, abs=0.01)
    mask[30:36, 30:36] = True
    assert real.solidity(mask) < real.BROKEN


def test_a_broken_tracing_counts_neither_for_nor_against_a_mask():
    box, broken = np.zeros((40, 40), np.bool_), np.zeros((40, 40), np.bool_)
    box[10:20, 10:20] = broken[10:20, 10:20] = broken[30:36, 30:36] = True
    clip = real.Traced(Path("x"), {"ED": 0, "ES": 1}, {"ED": box, "ES": broken}, 50.0, False)
    overlap = clip.dice(np.stack([box, box]))
    assert overlap[0] == 1 and np.isnan(overlap[1]) and not clip.whole
    assert np.array_equal(real.over_phases(np.array([[0.8, 0.6], overlap])), [0.7, 1.0])
    assert np.isnan(real.over_phases(np.full((1, 2), np.nan))).all()


def test_stills_that_are_none_are_refused(tmp_path):
    (tmp_path / "validation").mkdir()
    np.savez(tmp_path / "validation" / "stills.npz", frames=np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(InputError, match="hold stills"):
        real.read_pairs(tmp_path)
    arrays = {"masks": np.zeros((2, 8, 1), np.uint8), "ef": np.zeros(2)}
    np.savez(tmp_path / "validation" / "stills.npz", frames=np.zeros((2, 8, 8), np.uint8), **arrays)
    with pytest.raises(InputError, match=r"got uint8 \(2, 8, 8\)"):
        real.read_pairs(tmp_path)


def test_what_is_missing_is_none(tmp_path):
    assert real.read_stills(tmp_path) == real.read_traced(tmp_path) == real.read_camus(tmp_path) == []


def test_a_clip_without_human_masks_is_refused(tmp_path):
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "clips.csv").write_text("FileName,EF\none,60\n")
    with pytest.raises(InputError, match="no human masks"):
        real.read_traced(tmp_path)


def test_films_are_read_as_clips_are(folder):
    (first, _) = real.read_films(folder)
    assert np.array_equal(first.clip.frames, read(folder / "one.avi").frames)
    assert np.array_equal(first.masks, beating(12, seed=0) > 120)
