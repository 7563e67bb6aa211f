"""DICOM through the command: masks, SEG, what is refused, and that nothing of the patient comes out anywhere."""

import json
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_dicom import ENCODINGS, PLANTED, fan_frames, fan_pixels, header, on_screen, region, save, store
from pydicom.data import get_testdata_file
from pydicom.fileset import FileSet

import echodfkd as face
from echodfkd.clip import Clip
from echodfkd.commands.live import live
from echodfkd.data.layouts import open_dataset
from echodfkd.evidence.inputs import given_clips
from echodfkd.measure.measures import measures
from echodfkd.measure.record import record
from echodfkd.scores.predictions import prediction_folders
from echodfkd.student.student import load_student
from echodfkd.video import file_source, name, open_video, read, write
from echodfkd.video.fan import Screen
from echodfkd.video.inputs import clip_files

REAL = get_testdata_file("examples_ybr_color.dcm")


@pytest.fixture(scope="module")
def real() -> Clip:
    """The first frames of the ultrasound film that ships with pydicom, in a fan that flickers down to its rim."""
    clip, screen = read(REAL), Screen((240, 320))
    for frame in clip.frames:
        screen.add(frame)
    flicker = np.array([0, 15], np.uint8)[np.arange(6) % 2, None, None]
    frames = np.where(screen.fan(), np.minimum(clip.frames[:6], 240) + flicker, 0).astype(np.uint8)
    return Clip("real", frames, clip.fps, part=clip.part)


def masks_in(folder: Path) -> np.ndarray:
    with np.load(folder / "masks.npz") as archive:
        return archive["masks"].astype(bool)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_masks_are_those_of_the_frames_that_a_file_holds(tmp_path, encoding, real):
    student = load_student("b3")
    wanted = face.segment(real, student).masks["lv"]
    found = face.segment(save(tmp_path / "a", on_screen(real.frames), encoding), student).masks["lv"]
    assert wanted.any(axis=(1, 2)).all()
    if ENCODINGS[encoding][2]:
        np.testing.assert_array_equal(found, wanted)
    else:
        assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) >= 0.97


def test_the_commands_masks_fit_the_whole_frame_and_lie_in_the_fan(tmp_path, echodfkd):
    code, out, err = echodfkd("segment", REAL, "--model", "b3", "--out", tmp_path / "out", "--seg")
    assert code == 0 and "resized or cut" in out and err == ""
    clip = read(REAL)
    masks = masks_in(tmp_path / "out" / clip.name)
    assert masks.shape == clip.frames.shape
    outside = np.ones(masks.shape[1:], bool)
    outside[clip.part] = False
    assert masks.any() and not masks[:, outside].any()
    np.testing.assert_array_equal(masks, face.segment(clip, "b3").masks["lv"])
    told = json.loads((tmp_path / "out" / clip.name / "measures.json").read_text())
    assert told["remarks"] == list(clip.remarks) and "edv_ml" not in told  # no believable size of a pixel
    seg = pydicom.dcmread(tmp_path / "out" / clip.name / "segmentation.dcm")
    frames = [
        item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        for item in seg.PerFrameFunctionalGroupsSequence
    ]
    np.testing.assert_array_equal(seg.pixel_array.astype(bool), masks[np.array(frames) - 1])


def test_volumes_are_in_ml_where_the_size_of_a_pixel_is_known():
    rows, columns = np.mgrid[:112, :112]
    length = 30 * (1 - 0.25 * (1 - np.cos(2 * np.pi * np.arange(60) / 30)) / 2)
    masks = np.hypot((rows - 56) / 1.6, columns - 56) < length[:, None, None]
    student = load_student("b3")
    told = record("a", measures(masks, 30, (0.5, 0.5)), student)
    assert told["edv_ml"] == pytest.approx(4 / 3 * np.pi * 1.6 * 30**3 * 0.5**3 / 1000, rel=0.03)
    assert told["esv_ml"] == pytest.approx(told["edv_ml"] * 0.75**3, rel=0.05)
    assert "edv_ml" not in record("a", measures(masks, 30), student)


def study(folder: Path) -> Path:
    """A study as it is exported: files that bear the patient's name, clips that are read and all that goes wrong."""
    shown, place = on_screen(fan_frames(6)), folder / "QUILLFEATHER_ARABELLA"
    inside = {"SequenceOfUltrasoundRegions": [region(8, 110, 10, 150)]}
    save(place / "QUILLFEATHER_1", shown, **inside)
    save(place / "QUILLFEATHER_2.dcm", shown, "JPEG baseline", "YBR_FULL", FrameTime="20", CineRate=80)
    save(place / "ARABELLA_nameless", shown, SOPInstanceUID=None, StudyInstanceUID="QUILLFEATHER")
    save(place / "ARABELLA_twice", shown, SOPInstanceUID=header(Path("QUILLFEATHER_1"), shown).SOPInstanceUID)
    save(place / "ARABELLA_colour", shown, ImageType=["ORIGINAL", "PRIMARY", "QUILLFEATHER", "0011"])
    save(place / "ARABELLA_class", shown, SOPClassUID="QUILLFEATHER")
    save(place / "ARABELLA_kind", shown, SOPInstanceUID="1.2.QUILLFEATHER", PhotometricInterpretation="MONOCHROME2")
    cut = save(place / "ARABELLA_cut.dcm", shown, "RLE")
    cut.write_bytes(cut.read_bytes()[:-9000])
    stump = save(place / "ARABELLA_stump.dcm", shown)
    stump.write_bytes(stump.read_bytes()[:500])
    (place / "WIGGLESWORTH.dcm").write_text("QUILLFEATHER")
    odd = header(place / "x", shown, FrameTime=None)
    odd.add_new(0x00181063, "LO", "QUILLFEATHER")
    store(place / "ARABELLA_time", odd, shown, "MONOCHROME2")
    return place


def leaks(*texts: str) -> list[str]:
    return [word for text in texts for word in PLANTED if word in text.lower()]


def written(folder: Path) -> str:
    """The names and the bytes of all that lies in a folder, as text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "\n".join(f"{path.relative_to(folder)}\n{path.read_bytes().decode('latin-1')}" for path in files)


def test_nothing_of_the_patient_is_written_or_printed_even_where_it_goes_wrong(tmp_path, echodfkd, monkeypatch, caplog):
    place, scratch = study(tmp_path / "in"), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    caplog.clear()  # pydicom complains of what was planted while it is written
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        code, out, err = echodfkd(
            "segment",
            *sorted(place.iterdir()),
            place / "THISTLEWAITE.dcm",
            "--model",
            "b3",
            "--out",
            tmp_path / "out",
            "--overlay",
            "--seg",
        )
    assert code == 2 and "Traceback" not in err
    assert "Input 1 of 12" in err and "colour Doppler" in err and "cut off" in err
    assert len(list((tmp_path / "out").glob("*/segmentation.dcm"))) >= 2
    quoted = "".join(str(one.message) for one in warned)
    assert leaks(out, err, caplog.text, quoted, written(tmp_path / "out"), written(scratch)) == []


def test_burnt_in_text_is_in_no_overlay_unless_it_is_asked_for(tmp_path, echodfkd):
    path = save(tmp_path / "a", on_screen(fan_frames(6)))
    seen = {}
    for option in ((), ("--show-all",)):
        out = tmp_path / f"out{len(option)}"
        assert echodfkd("segment", path, "--model", "b3", "--out", out, "--overlay", *option)[0] == 0
        with open_video(next(out.glob("*/overlay.mp4"))) as film:
            picture = next(iter(film))
        seen[option] = picture[20:40, 6:90]  # the name, three times as large; below the place of ED and ES
    assert seen[()].max() < 20 and seen[("--show-all",)].max() > 150


def test_a_seg_needs_a_dicom_clip(tmp_path, echodfkd):
    write(tmp_path / "a.avi", fan_frames(3), 50)
    code, _, err = echodfkd("segment", tmp_path / "a.avi", "--model", "b3", "--out", tmp_path / "out", "--seg")
    assert code == 2 and "--seg" in err and not (tmp_path / "out" / "a").exists()


def test_a_folder_stands_for_its_clips_and_without_any_for_the_dicom_files_below_it(tmp_path):
    deep = [save(tmp_path / "in" / "PAT" / "STU" / f"IM_{n}", fan_frames(1)) for n in range(2)]
    (tmp_path / "in" / "PAT" / "notes.txt").write_text("no clip")
    assert clip_files([tmp_path / "in"]) == deep
    here = save(tmp_path / "in" / "IM_9", fan_frames(1))
    write(tmp_path / "in" / "b.avi", fan_frames(2), 50)
    assert clip_files([tmp_path / "in"]) == [here, tmp_path / "in" / "b.avi"]


def disc(folder: Path) -> Path:
    """A disc with two clips, as DICOMDIR lists them."""
    made = FileSet()
    for number in range(2):
        made.add(pydicom.dcmread(save(folder / "made" / f"QUILLFEATHER_{number}", fan_frames(4))))
    made.write(folder / "disc")
    return folder / "disc"


def test_a_study_is_checked_as_a_data_set_and_names_nobody(tmp_path, echodfkd):
    code, out, err = echodfkd("check", study(tmp_path / "in"), "--out", tmp_path / "out")
    assert code == 0 and "10 clips, 5 usable" in out and "colour Doppler" in written(tmp_path / "out")
    assert leaks(out.replace(str(tmp_path), ""), err, written(tmp_path / "out")) == []
    assert "2 usable" in echodfkd("check", disc(tmp_path), "--out", tmp_path / "disc-out")[1]


def test_a_hospitals_folders_of_patients_are_no_camus(tmp_path):
    clip = save(tmp_path / "patient0001" / "IM_1", fan_frames(2))
    assert [row.name for row in open_dataset(tmp_path).clips] == [name(clip)]


@pytest.mark.parametrize("given", ["disc", "disc/DICOMDIR"])
def test_clips_are_judged_under_the_names_under_which_they_are_segmented(tmp_path, echodfkd, given):
    disc(tmp_path)
    assert echodfkd("segment", tmp_path / given, "--model", "b3", "--out", tmp_path / "out")[0] == 0
    clips = given_clips([tmp_path / given])
    assert {one.name for one in clips} == {folder.name for folder in prediction_folders(tmp_path / "out")}
    assert [one.read().frames.shape for one in clips] == [(4, 120, 160)] * 2


@pytest.mark.parametrize("given", ["disc", "disc/DICOMDIR", "made"])
def test_a_disc_is_watched_clip_by_clip(tmp_path, given):
    disc(tmp_path)
    watched = live(str(tmp_path / given), "b3", paced=False, idle=1.5)
    assert [one.frames for one in watched] == [4, 4] and not any(one.refusal for one in watched)


def test_convert_writes_a_folder_that_our_own_reader_reads_and_that_names_nobody(tmp_path, echodfkd):
    place = study(tmp_path / "in")
    write(place / "QUILLFEATHER_3.avi", on_screen(fan_frames(6)), 50)
    out, key = tmp_path / "shared", tmp_path / "key.csv"
    code, told, err = echodfkd("convert", place, "--out", out, "--key", key)
    assert code == 2 and "Traceback" not in err
    assert leaks(told, written(out)) == []
    dataset = open_dataset(out)
    assert len(dataset.clips) == len(list((out / "Videos").glob("*.avi"))) >= 4
    for row in dataset.clips:
        clip = dataset.read(row.name)
        assert clip.frames.shape[1:] == (112, 112) and len(clip.frames) == row.frames == 6
        assert clip.clock.fps == (None if row.fps is None else pytest.approx(row.fps))
    assert {row.fps for row in dataset.clips} == {None, 50}
    source = file_source(place / "QUILLFEATHER_1")
    assert f",{source.name}\n" in key.read_text()
    code, told, err = echodfkd("convert", place, "--out", tmp_path / "open", "--key", tmp_path / "open" / "key.csv")
    assert code == 2 and "key" in err and not (tmp_path / "open").exists()
    assert fan_pixels().any()
