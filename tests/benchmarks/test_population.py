"""The bench of drawn hearts beside real ones, on a folder of drawn hearts that stands in for the real ones."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import ROOT, script

from echodfkd.errors import OutputError
from echodfkd.synthetic.recipe import Conditions

population = script("benchmarks/population.py")
real = sys.modules["real"]
PATIENTS = 6


@pytest.fixture(scope="module")
def patients() -> "real.Pairs":
    """Drawn patients who stand in for real ones."""
    return population.drawn_pairs(Conditions(), "traced", PATIENTS, seed=14)


@pytest.fixture(scope="module")
def folder(patients, tmp_path_factory) -> Path:
    """They as the stills of a folder of real echocardiograms, one of them with a broken tracing."""
    made = tmp_path_factory.mktemp("real")
    (made / "validation").mkdir()
    frames, masks = (np.concatenate([values, values[:1]]) for values in (patients.frames, patients.masks))
    masks[-1, 0] = False
    masks[-1, 0, [20, 90], 10:14] = True
    names, fractions = [f"secret{n}" for n in range(len(frames))], np.full(len(frames), 60.0)
    packed = np.packbits(masks, axis=-1)
    np.savez(made / "validation" / "stills.npz", frames=frames, masks=packed, names=names, ef=fractions)
    return made


@pytest.fixture
def bench(folder, monkeypatch, capsys):
    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["population.py", str(folder), *map(str, words)])
        population.main()
        return capsys.readouterr().out

    return call


def test_stills_are_read_as_they_were_written(folder, patients):
    found = real.read_pairs(folder)
    assert np.array_equal(found.frames[:-1], patients.frames) and np.array_equal(found.masks[:-1], patients.masks)


def test_broken_tracings_stay_out(folder):
    assert len(population.some(real.read_pairs(folder), 100, seed=0)) == PATIENTS


def test_a_drawn_patient_is_largest_at_ed_and_the_same_for_the_same_seed(patients):
    area = patients.masks.sum(axis=(2, 3))
    assert (area[:, 0] > area[:, 1]).all()
    again = population.drawn_pairs(Conditions(), "traced", 1, seed=14)
    assert np.array_equal(again.frames, patients.frames[:1])


def test_the_shape_of_a_known_ventricle_is_told():
    """Upright, 60 px long, 0.2 lengths to the septal and 0.3 to the lateral side at its end."""
    family = sys.modules["shape_family"]
    straight = np.array([0.0, 0.0, 0.0, 0.0])
    one = family.Ventricle(np.array([50.0, 20.0]), np.array([50.0, 80.0]), 0.0, 0.2, straight, straight)
    told = population.shape(one, np.ones((2, 2), np.bool_))
    assert told["axis tilt, degrees"] == 0 and told["length, px"] == 60 and told["base angle, degrees"] == 0
    assert (told["apex x, px"], told["apex y, px"]) == (50, 20) and told["area share, %"] == 100
    assert told["septal end x, px"] == pytest.approx(38) and told["lateral end x, px"] == pytest.approx(62)
    assert told["length to width"] == pytest.approx(2.5)
    assert all(told[f"skew at {100 * height:.0f} % of the axis, % of length"] == 0 for height in population.HEIGHTS)


def test_every_number_is_written_and_no_name(bench, tmp_path):
    told = bench("--drawn", 4, "--json", tmp_path / "found.json")
    text = (tmp_path / "found.json").read_text()
    found = json.loads(text)
    assert found["n"] == {"real": 4, "drawn": 4} and "secret" not in text + told
    assert {*found["auc"]} == {*found["statistics"], "all together"}
    length = found["statistics"]["shape"]["length, px"]
    assert {*length} == {"ED", "ES", "change"} and length["change"]["real"]["mean"] < 0
    assert "n = 4 real patients, 4 drawn clips" in told


def test_a_reader_that_reads_two_pixels_more_departs_by_two(patients):
    from scipy.ndimage import distance_transform_edt

    wider = np.array([distance_transform_edt(~mask) <= 2 for mask in patients.masks.reshape(-1, 112, 112)])
    by_phase = iter(wider.reshape(patients.masks.shape).swapaxes(0, 1))
    found = population.reading(lambda frames: next(by_phase), patients)
    for phase in real.PHASES:
        assert found[phase]["recognised"] == PATIENTS and found[phase]["lost"]["value"] == 0
        for place in ("septum", "lateral"):
            assert found[phase]["departures"][place]["median"] == pytest.approx(2, abs=0.4)
    assert 0.8 < found["dice"]["value"] < 0.97


def test_a_reader_that_finds_nothing_is_counted_as_lost(patients):
    found = population.reading(lambda frames: np.zeros(frames.shape, np.bool_), patients)
    assert found["dice"]["value"] == 0 and found["ED"]["lost"]["value"] == 1
    assert found["ED"]["recognised"] == 0 and found["ED"]["departures"]["base"] is None


def test_a_folder_without_a_reader_says_so(bench):
    with pytest.raises(SystemExit, match=r"No such .*reader\.onnx"):
        bench("--drawn", 2, "--reader")


def test_sheets_of_patients_never_lie_in_a_git_checkout(bench, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for place in (ROOT / "sheets", tmp_path, tmp_path / "a" / "b"):
        with pytest.raises(OutputError, match="git checkout"):
            population.check_outside_git(place)
    with pytest.raises(SystemExit, match="git checkout"):
        bench("--sheets", tmp_path / "sheets")
    assert not (tmp_path / "sheets").exists()


def test_sheets_show_real_on_the_left_and_drawn_on_the_right(patients):
    dark = real.Pairs(np.zeros_like(patients.frames), patients.masks, patients.ejection_fraction)
    for sheet in population.sheets(dark, patients).values():
        left, right = np.array_split(sheet.max(axis=2), 2, axis=1)
        assert sheet.dtype == np.uint8 and np.median(right[right > 0]) > 0
        assert (left > 0).mean() < (right > 0).mean()


def test_statistics_are_written_as_the_generator_reads_them(bench, tmp_path):
    told = bench("--statistics", tmp_path / "population.json")
    found = json.loads((tmp_path / "population.json").read_text())
    assert found["numbers"][:3] == ["ejection_fraction", "base_x", "base_y"] and len(found["mean"]) == 29
    assert 1 < found["patients"] <= PATIENTS and "EchoNet-Dynamic" in told
    shares = dict(zip(found["numbers"], found["mean"], strict=True))
    assert shares["length_share_es"] < shares["length_share"]


def test_a_folder_without_stills_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["population.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"No such .*stills\.npz"):
        population.main()
