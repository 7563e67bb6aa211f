import gzip

import nibabel
import numpy as np
import pytest
from made_datasets import save_nifti

from echodfkd.errors import InputError, MissingExtra
from echodfkd.video import nifti, open_video, read

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)  # time, height, width
FRAMES[0, 0, :2] = 0, 255


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_x_y_t_comes_back_as_time_height_width_with_its_spacing(tmp_path, suffix):
    path = tmp_path / f"patient0001_4CH_half_sequence{suffix}"
    save_nifti(path, FRAMES)
    clip = read(path)
    assert clip.name == "patient0001_4CH_half_sequence"
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert clip.spacing == pytest.approx((0.154, 0.308))
    assert clip.fps is None  # one second a frame is what tools write who know none
    with open_video(path) as video:
        assert (video.height, video.width) == (7, 4)


def test_a_still_is_a_clip_of_one_frame(tmp_path):
    save_nifti(tmp_path / "a.nii", FRAMES[0])
    np.testing.assert_array_equal(read(tmp_path / "a.nii").frames, FRAMES[:1])


def test_a_slice_axis_of_one_counts_as_none_and_milliseconds_give_the_rate(tmp_path):
    image = nibabel.Nifti1Image(FRAMES.T[:, :, None].astype(np.float32), np.eye(4))
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((1, 1, 1, 20))
    nibabel.save(image, tmp_path / "a.nii.gz")
    clip = read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert clip.fps == pytest.approx(50)


@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (3, 4, 1, 5), (3, 4, 1, 5, 1), (3, 4, 5, 1, 1)])
def test_axes_of_one_step_count_as_none(tmp_path, shape):
    values = np.arange(60, dtype=np.uint8)
    nibabel.save(nibabel.Nifti1Image(values.reshape(shape), np.eye(4)), tmp_path / "a.nii")
    np.testing.assert_array_equal(read(tmp_path / "a.nii").frames, values.reshape(3, 4, 5).T)


def test_numbers_of_the_header_are_those_that_were_meant(tmp_path):
    image = nibabel.Nifti1Image(np.full((3, 4, 1, 5), 9, np.uint8), np.eye(4))
    image.header.set_zooms((0.3, 0.4, 1, 0.02))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "a.nii")
    clip = read(tmp_path / "a.nii")
    assert (clip.fps, clip.spacing) == (50, (0.4, 0.3))


def test_a_time_step_is_that_of_the_fourth_axis_alone(tmp_path):
    image = nibabel.Nifti1Image(np.full((3, 4, 5, 1), 9, np.uint8), np.eye(4))
    image.header.set_zooms((0.3, 0.4, 0.02, 0.04))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "a.nii")
    assert read(tmp_path / "a.nii").fps is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (FRAMES.astype(np.int16) - 3, "0 to 255, got -3 to 252"),
        (FRAMES.astype(np.int16) * 4, "got 0 to 1020"),
        (FRAMES / 255, "got 0 to 1"),
        ((FRAMES > 100).astype(np.uint8), "got 0 to 1"),
        (np.where(FRAMES > 200, np.nan, FRAMES), "got nan"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"\(x, y, t\), got uint8 \(5, 4, 3, 2\)"),
    ],
)
def test_what_is_no_grey_clip_is_refused_and_not_stretched(tmp_path, values, reason):
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(values.T), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match=reason):
        read(tmp_path / "a.nii")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_announces_more_than_there_is_gets_no_room(tmp_path, suffix):
    image = nibabel.Nifti1Image(FRAMES.T, np.eye(4))
    image.header["dim"][1:4] = 30_000
    content = image.header.binaryblock + b"\0" * 4 + FRAMES.tobytes()
    (tmp_path / f"a{suffix}").write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    with pytest.raises(InputError, match="damaged: its values"):
        read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("place", "value"),
    [(70, b"\x53\0"), (108, b"\0\0\x0b\x43"), (108, b"\0\0\x80\xff"), (42, b"\xf0\xff"), (44, b"\0\x80")],
    ids=["no such type", "values in the header", "values nowhere", "negative length", "most negative length"],
)
def test_a_damaged_header_is_told_in_one_line(tmp_path, place, value):
    save_nifti(tmp_path / "a.nii", FRAMES)
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[place : place + len(value)] = value
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match=r"damaged NIfTI|or damaged|numbers") as caught:
        read(tmp_path / "a.nii")
    assert "\n" not in str(caught.value)


def test_units_that_there_are_not_say_nothing(tmp_path):
    save_nifti(tmp_path / "a.nii", FRAMES)
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[123] = 200
    (tmp_path / "a.nii").write_bytes(content)
    assert read(tmp_path / "a.nii").spacing == pytest.approx((0.154, 0.308))


@pytest.mark.parametrize(
    ("unit", "side", "spacing"), [("unknown", 1, None), ("mm", 1, None), ("unknown", 2, (2, 2)), ("mm", 2, (2, 2))]
)
def test_sides_of_1_are_what_tools_write_unasked(tmp_path, unit, side, spacing):
    import nibabel

    image = nibabel.Nifti1Image(np.ascontiguousarray(FRAMES.T), np.diag([side, side, 1, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    assert read(tmp_path / "a.nii").spacing == spacing


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_black_film_may_be_packed_as_far_as_gzip_goes(tmp_path, suffix):
    save_nifti(tmp_path / f"a{suffix}", np.zeros((50, 400, 400), np.uint8))
    assert read(tmp_path / f"a{suffix}").frames.shape == (50, 400, 400)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kept", [0.6, 100])
def test_a_cut_file_is_refused_in_one_line(tmp_path, suffix, kept):
    path = tmp_path / f"a{suffix}"
    save_nifti(path, np.random.default_rng(1).integers(0, 256, (20, 30, 40), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    with pytest.raises(InputError, match=r"damaged") as refusal:
        read(path)
    assert "\n" not in str(refusal.value)


def test_text_by_that_name_is_refused(tmp_path):
    (tmp_path / "a.nii").write_text("patient list")
    with pytest.raises(InputError, match="film or picture"):
        read(tmp_path / "a.nii")


def test_labels_are_whole_numbers(tmp_path):
    save_nifti(tmp_path / "a.nii", FRAMES % 4)
    np.testing.assert_array_equal(nifti.read_labels(tmp_path / "a.nii"), FRAMES % 4)
    save_nifti(tmp_path / "b.nii", FRAMES * 0.5)
    with pytest.raises(InputError, match="0 to 255"):
        nifti.read_labels(tmp_path / "b.nii")


def resaved(path, values, dtype):
    """`values` (time, height, width) stored as `dtype`, whole numbers with a scale, as programs resave a file."""
    image = nibabel.Nifti1Image(np.ascontiguousarray(values.T), np.eye(4))
    image.set_data_dtype(dtype)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("off", [6e-8, -6e-8, 1.4e-6, 0.004, -0.004])
def test_whole_numbers_stay_what_they_are_where_resaving_moved_them_a_little(tmp_path, off):
    labels = (FRAMES % 4).astype(np.float64)
    np.testing.assert_array_equal(nifti.read_labels(resaved(tmp_path / "a.nii", labels + off, "f8")), FRAMES % 4)
    np.testing.assert_array_equal(read(resaved(tmp_path / "b.nii", FRAMES + off, "f8")).frames, FRAMES)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "f4", "f8"])
def test_a_scale_in_the_header_changes_no_whole_number(tmp_path, dtype):
    path = resaved(tmp_path / "a.nii.gz", (FRAMES % 4) * 1.0000001, dtype)
    np.testing.assert_array_equal(nifti.read_labels(path), FRAMES % 4)
    np.testing.assert_array_equal(read(resaved(tmp_path / "b.nii", FRAMES * 1.00000001, dtype)).frames, FRAMES)


@pytest.mark.parametrize("wrong", [0.5, 1.02, -1, 256, np.nan, np.inf])
def test_what_is_between_two_labels_or_beyond_them_is_no_label(tmp_path, wrong):
    values = (FRAMES % 4).astype(np.float64)
    values[2, 3, 1] = wrong
    with pytest.raises(InputError, match=f"got {wrong:g} among"):
        nifti.read_labels(resaved(tmp_path / "a.nii", values, "f8"))


@pytest.mark.parametrize("top", [1.0, 1.00000006, 0.9999])
def test_grey_levels_of_0_to_1_are_not_read_as_black(tmp_path, top):
    with pytest.raises(InputError, match="grey levels must be 0 to 255, got 0 to"):
        read(resaved(tmp_path / "a.nii", FRAMES / 255 * top, "f8"))


def test_without_nibabel_the_install_line_is_named(tmp_path, monkeypatch):
    save_nifti(tmp_path / "a.nii", FRAMES)
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(MissingExtra, match=r"echodfkd\[nifti\]"):
        read(tmp_path / "a.nii")


@pytest.mark.parametrize(("saved", "named"), [(".nii.gz", ".nii"), (".nii", ".nii.gz")])
def test_a_name_that_contradicts_the_packing_is_refused_with_the_right_name(tmp_path, saved, named):
    save_nifti(tmp_path / f"a{saved}", FRAMES)
    (tmp_path / f"a{saved}").rename(tmp_path / f"b{named}")
    with pytest.raises(InputError, match=rf"name it {saved}\.$"):
        read(tmp_path / f"b{named}")
