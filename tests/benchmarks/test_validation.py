"""The benchmark on unseen patients, on a folder of beating discs: what it measures, leaves out and compares."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt
from scripts import script
from small_student import beating

from echodfkd.clip import Clip
from echodfkd.commands.segment import segment_clip
from echodfkd.files import read_json, write_json
from echodfkd.measure.shape import largest_component
from echodfkd.scores.predictions import read_masks
from echodfkd.student.card import CARD
from echodfkd.student.student import Student, load_student
from echodfkd.video import file_source, read, write
from echodfkd.video.source import clip_source

validation = script("benchmarks/validation.py")
real = sys.modules["real"]
SPACING = (0.5, 0.4)
RATE = 12
"""Frames a second at which a beat of ten frames is a heart's."""


def masks_of(student: Student, clip: Clip) -> np.ndarray:
    """What a student says of a clip: (time, height, width) bool."""
    inside = student(clip)[:, student.structures.index("lv")] >= student.threshold
    return np.stack([largest_component(mask) for mask in inside])


@pytest.fixture(scope="module")
def model(student_folder, tmp_path_factory) -> Path:
    """The small student, whose card says that only the largest piece of a mask is kept."""
    made = tmp_path_factory.mktemp("model") / "small"
    shutil.copytree(student_folder, made)
    write_json(made / CARD, read_json(made / CARD) | {"largest_component": True})
    return made


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    """A whole folder in which every mask is what the small student itself draws."""
    made, student = tmp_path_factory.mktemp("real"), load_student(model)
    (made / "validation" / "clips").mkdir(parents=True)
    write_stills(made / "validation", student)
    write_clips(made / "validation", student)
    write_camus(made / "validation" / "camus", student)
    write(made / "secret film.avi", beating(30, seed=3), 50)
    np.savez(made / "secret film.teacher.npz", masks=masks_of(student, read(made / "secret film.avi")))
    return made


def write_stills(folder: Path, student: Student) -> None:
    """Four patients at the largest and the smallest of their discs, and one with a broken tracing at ES."""
    frames = np.stack([beating(10, 64, 64, seed)[[0, 5]] for seed in range(5)])
    masks = np.stack([[masks_of(student, Clip("x", frame[None]))[0] for frame in pair] for pair in frames])
    masks[4, 1] = False
    masks[4, 1, [5, 60], 5:9] = True
    names = [f"secret{n}" for n in range(5)]
    np.savez(folder / "stills.npz", frames=frames, masks=np.packbits(masks, axis=-1), names=names, ef=np.full(5, 50.0))


def write_clips(folder: Path, student: Student) -> None:
    """Two clips, their ED and ES masks and the ejection fraction that the command tells of them; the reader saw one."""
    lines = ["FileName,EF,FPS,ED,ES,Frames,ReaderSaw"]
    for seed, name in enumerate(("secret one", "secret two")):
        path = folder / "clips" / f"{name}.avi"
        write(path, beating(40, seed=seed), RATE)
        masks = masks_of(student, read(path))
        marked = {"ed_frame": 10, "es_frame": 15, "ed_mask": masks[10], "es_mask": masks[15]}
        np.savez(path.with_suffix(".human.npz"), **marked)
        fraction = segment_clip(file_source(path), student, folder.parent / "out" / name)["ejection_fraction"] or 50
        lines.append(f"{name},{fraction},{RATE},10,15,40,{seed}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")


def write_camus(folder: Path, student: Student) -> None:
    """One patient's two stills in NIfTI, pixels higher than wide; 2 is wall, 1 the ventricle."""
    import nibabel

    folder.mkdir()
    for phase, frame in (("ED", 0), ("ES", 5)):
        picture = beating(10, 60, 80, 4)[frame]
        inside = masks_of(student, Clip("x", picture[None], spacing=SPACING))[0]
        labels = np.where(inside, 1, 2 * (distance_transform_edt(~inside) < 3)).astype(np.uint8)
        for name, values in ((f"secret0001_4CH_{phase}", picture), (f"secret0001_4CH_{phase}_gt", labels)):
            image = nibabel.Nifti1Image(values.T, np.diag([SPACING[1], SPACING[0], 1, 1]))
            nibabel.save(image, folder / f"{name}.nii.gz")


@pytest.fixture
def benchmark(folder, monkeypatch, capsys):
    def call(*words: object, where: Path = folder) -> str:
        monkeypatch.setattr(sys, "argv", ["validation.py", str(where), *map(str, words)])
        validation.main()
        return capsys.readouterr().out

    return call


def test_a_model_agrees_perfectly_with_its_own_masks(benchmark, model, tmp_path):
    told = benchmark("--model", model, "--json", tmp_path / "scores.json")
    table = json.loads((tmp_path / "scores.json").read_text())
    counts = table["n"]
    assert counts["stills"] >= 7 and (counts["clips"], counts["camus"], counts["films"]) == (2, 2, 1)
    (scores,) = [entry["scores"] for entry in table["models"]]
    for part in ("stills", "clips", "camus", "films"):
        assert scores[part]["dice"]["value"] == 1 and scores[part]["dice"]["low"] in (1, None), part
    for part in ("stills", "camus"):
        for phase in ("ED", "ES"):
            assert scores[part][phase]["area_ratio"]["value"] == 1 and scores[part][phase]["bad"]["value"] == 0
            assert all(abs(one["value"]) < 0.3 for one in scores[part][phase]["departures"].values() if one)
    assert scores["films"]["correlation"]["value"] == pytest.approx(1) and scores["films"]["constant"] is None
    assert f"n = {counts['stills']} stills, 2 clips, 2 camus, 1 films" in told


def test_no_name_is_told_or_written(benchmark, model, tmp_path, folder):
    told = benchmark("--model", model, model, "--json", tmp_path / "scores.json")
    text = (tmp_path / "scores.json").read_text()
    assert "secret" not in told + text and str(folder) not in told + text


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("hindsight", [False, True])
def test_a_still_is_masked_as_the_command_masks_a_clip_of_one_frame(largest, hindsight, model, folder, tmp_path):
    command = load_student(model, hindsight=hindsight, largest_component=largest)
    single = load_student(model, hindsight=False, largest_component=largest)
    for n, still in enumerate([*real.read_stills(folder)[:2], *real.read_camus(folder)]):
        segment_clip(clip_source(still.clip), command, tmp_path / str(n))
        found = validation.segmented_still(single, still)
        assert np.array_equal(read_masks(tmp_path / str(n) / "masks.npz")[0], found)
        assert np.array_equal(largest_component(found), found) or not largest


def test_what_is_scored_of_a_clip_is_what_the_command_writes(folder, model, tmp_path, echodfkd):
    path = folder / "secret film.avi"
    echodfkd("segment", path, "--model", model, "--out", tmp_path)
    masks, measures = validation.segmented(file_source(path), load_student(model))
    assert np.array_equal(masks, read_masks(tmp_path / "secret film" / "masks.npz"))
    assert measures == json.loads((tmp_path / "secret film" / "measures.json").read_text())


def test_masks_that_reach_two_pixels_beyond_the_humans_are_told_so(folder, model):
    """The human's masks are the student's less what lies within two pixels of their end."""
    stills = [
        real.Still(still.clip, distance_transform_edt(still.mask) > 2, still.phase, still.patient)
        for still in real.read_stills(folder)
    ]
    found = validation.overlaps(load_student(model, hindsight=False), stills)
    places = np.nanmedian(found.departures, axis=0)
    assert places[~np.isnan(places)] == pytest.approx(2, abs=0.5)
    assert (found.area_ratio > 1).all() and (found.dice < 1).all()


def test_intervals_are_by_patient():
    """Two stills of each of two patients, alike within them: whole patients are drawn, so the ends are the patients."""
    clip, mask = Clip("x", np.zeros((1, 8, 8), np.uint8)), np.ones((8, 8), np.bool_)
    stills = [real.Still(clip, mask, phase, patient) for patient in (0, 1) for phase in ("ED", "ES")]
    found = validation.Overlaps(np.array([0.6, 0.6, 0.9, 0.9]), np.ones(4), np.zeros((4, 4)), np.zeros(4, bool))
    told = validation.still_scores(found, stills)
    assert told["dice"]["value"] == pytest.approx(0.75) and told["dice"]["n"] == 4
    assert (told["dice"]["low"], told["dice"]["high"]) == pytest.approx((0.6, 0.9))
    assert told["bad"]["value"] == 0.5 and told["lost"]["value"] == 0 and told["ED"]["dice"]["n"] == 2


def test_errors_of_ejection_fractions_are_worked_by_hand():
    """Known 40, 60 and 50 %; told 50, none and 50: errors 10 and 0, and 10 for who is told the mean instead."""
    clips = [real.Traced(Path("x"), {}, {}, fraction, False) for fraction in (40.0, 60.0, 50.0)]
    found = validation.Beating(np.array([[0.9, 0.8], [0.9, 0.6], [0.95, 0.85]]), np.array([50.0, np.nan, 50.0]))
    told = validation.clip_scores(found, clips)
    assert told["ef_error"]["value"] == 5 and told["ef_error"]["n"] == 2 and told["without_ef"] == 1
    assert told["ef_error_all"]["value"] == pytest.approx(20 / 3) == told["always_the_mean"]["value"]
    assert told["ef_bias"]["value"] == 5 and told["bad"] == 1 and told["ef_far_off"] == 0
    assert told["ED"]["dice"]["value"] == pytest.approx(2.75 / 3) and told["ES"]["dice"]["value"] == pytest.approx(0.75)


def test_a_broken_tracing_is_left_out_of_a_clips_dice():
    clips = [real.Traced(Path("x"), {}, {}, fraction, False) for fraction in (40.0, 60.0, 50.0)]
    found = validation.Beating(np.array([[0.9, 0.8], [np.nan, 0.6], [np.nan, np.nan]]), np.full(3, 50.0))
    told = validation.clip_scores(found, clips)
    assert told["dice"]["value"] == pytest.approx((0.85 + 0.6) / 2) and told["dice"]["n"] == 2
    assert told["ED"]["dice"]["n"] == 1 and told["ES"]["dice"]["n"] == 2 and told["ef_error"]["n"] == 3


def test_a_model_is_no_better_than_itself_and_a_planted_difference_is_found(folder):
    parts = validation.read(folder, False)
    n = len(real.read_stills(folder))
    stills = validation.Overlaps(np.linspace(0.7, 0.8, n), np.ones(n), np.zeros((n, 4)), np.zeros(n, bool))
    camus = validation.Overlaps(np.full(2, 0.8), np.ones(2), np.zeros((2, 4)), np.zeros(2, bool))
    clips = validation.Beating(np.full((2, 2), 0.8), np.array([np.nan, 20.0]))
    first = validation.Found(stills, clips, camus, [])
    other = replace(first, stills=replace(stills, dice=stills.dice + 0.1))
    same, better = (validation.differences(first, one, parts) for one in (first, other))
    assert same["stills"]["dice"]["value"] == 0 and same["stills"]["dice"]["p"] == 1
    for key in ("dice", "ED", "ES"):
        told = better["stills"][key]
        assert (told["value"], told["low"], told["high"]) == pytest.approx((0.1, 0.1, 0.1))
    assert better["clips"]["ef_error"]["n"] == 1 and better["clips"]["ef_error"]["value"] == 0


def test_models_stand_beside_each_other_and_their_differences_below(benchmark, model):
    told = benchmark("--model", model, model)
    assert f"less {model}" in told and told.count("causal, warm-up 4, threshold 0.5") == 2


def test_passes_and_threshold_are_those_asked_for(benchmark, model):
    told = benchmark("--model", model, "--hindsight", "--threshold", 0.7)
    assert "both ways, warm-up 4, threshold 0.7" in told
    with pytest.raises(SystemExit, match=r"threshold .*got 2"):
        benchmark("--model", model, "--threshold", 2)


def test_what_the_reader_was_taught_on_can_be_left_out(benchmark, model):
    told = benchmark("--model", model, "--unseen-by-reader")
    assert "n = 0 stills, 1 clips, 2 camus, 1 films" in told and "EchoNet-Dynamic stills" not in told


def test_a_constant_mask_is_that_of_the_other_films():
    masks = np.zeros((2, 8, 8), np.bool_)
    masks[:, 2:6, 2:6] = True
    films = [real.Film(Clip(str(n), masks.astype(np.uint8)), masks) for n in range(2)]
    smaller = real.Film(Clip("x", np.zeros((2, 8, 8), np.uint8)), np.array([binary_erosion(mask) for mask in masks]))
    assert validation.constant_dice(films) == [1, 1] and validation.constant_dice(films[:1]) == []
    assert validation.constant_dice([films[0], smaller]) == pytest.approx([2 * 4 / 20] * 2)


def test_an_empty_folder_is_refused_and_missing_parts_are_told(benchmark, model, tmp_path, folder, capsys):
    with pytest.raises(SystemExit, match="nothing to be measured"):
        benchmark("--model", model, where=tmp_path)
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "stills.npz").write_bytes((folder / "validation" / "stills.npz").read_bytes())
    capsys.readouterr()
    told = benchmark("--model", model, where=tmp_path)
    assert " stills, 0 clips, 0 camus, 0 films" in told and "whole clips" not in told
