"""What people type first: it is all there, waits until it is used, and gives what the command writes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_student import beating

import echodfkd
from echodfkd.video import write


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {line.partition(".")[0] for line in result.stdout.splitlines()}


@pytest.fixture
def clip(tmp_path) -> Path:
    write(tmp_path / "clip.avi", beating(30), 50)
    return tmp_path / "clip.avi"


def test_importing_the_package_imports_nothing_but_the_standard_library():
    others = modules_after("import echodfkd") - modules_after("pass") - set(sys.stdlib_module_names)
    assert others == {"echodfkd"}


def test_every_name_of_the_face_is_there_and_listed():
    assert set(echodfkd.__all__) <= set(dir(echodfkd))
    assert all(hasattr(echodfkd, name) for name in echodfkd.__all__)
    assert {"load_model", "read_clip", "segment", "evaluate", "judge", "generate", "Clip"} <= set(echodfkd.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = echodfkd.no_such_name


def test_a_model_is_loaded_by_its_name_or_its_folder(student_folder):
    assert echodfkd.load_model("b3").card.network.name == "B3,1"
    for folder in (student_folder, str(student_folder)):
        assert echodfkd.load_model(folder).structures == ("lv", "la")
    assert echodfkd.load_model().card.network.name == "B4,1 + U4,16"
    with pytest.raises(echodfkd.InputError, match="b5"):
        echodfkd.load_model("b5")


@pytest.mark.parametrize("options", [(), ("--hindsight", "--largest-component")])
def test_masks_and_numbers_are_those_of_the_command(options, clip, student_folder, tmp_path, echodfkd):
    import echodfkd as face

    assert echodfkd("segment", clip, "--model", student_folder, "--out", tmp_path / "out", *options)[0] == 0
    wanted = dict.fromkeys((option.strip("-").replace("-", "_") for option in options), True)
    found = face.segment(clip, face.load_model(student_folder, **wanted))
    with np.load(tmp_path / "out" / "clip" / "masks.npz") as archive:
        assert set(found.masks) == {"lv", "la"} and found.masks["lv"].dtype == bool
        np.testing.assert_array_equal(found.masks["lv"], archive["masks"])
        np.testing.assert_array_equal(found.masks["la"], archive["la"])
    written = json.loads((tmp_path / "out" / "clip" / "measures.json").read_text())
    assert found.area.tolist() == written["area_px"] and len(found.area) == 30
    assert [*found.ed_frames, *found.es_frames] == written["ed_frames"] + written["es_frames"]
    assert found.ejection_fraction == pytest.approx(written["ejection_fraction"], abs=0.005)
    assert found.verdict == written["verdict"]


def test_a_clip_in_memory_is_segmented_like_its_file(clip, student_folder):
    one, other = (echodfkd.segment(given, student_folder) for given in (str(clip), echodfkd.read_clip(clip)))
    np.testing.assert_array_equal(one.masks["lv"], other.masks["lv"])
    assert one.record == other.record
