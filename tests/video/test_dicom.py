import io
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from made_dicom import (
    ENCODINGS,
    PLANTED,
    US_STILL,
    fan_frames,
    fan_pixels,
    header,
    on_screen,
    packed,
    raw,
    region,
    samples,
    save,
    set_samples,
    store,
)
from PIL import Image, ImageDraw
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.fileset import FileSet
from pydicom.filewriter import write_file_meta_info

from echodfkd.errors import InputError, MissingExtra
from echodfkd.video import file_source, name, read
from echodfkd.video.dicom.folder import files_below, listed_files
from echodfkd.video.dicom.header import read_header
from echodfkd.video.dicom.pixels import decoded, shades
from echodfkd.video.dicom.seg import write_segmentation
from echodfkd.video.dicom.times import timing

FRAMES = fan_frames(5)
COLOURS = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR")
INSIDE = region(8, 110, 10, 150, mm=0.4)
HELD = [
    *(("explicit", photometric) for photometric in COLOURS),
    *((encoding, "MONOCHROME2") for encoding in ENCODINGS if encoding != "explicit"),
    *((encoding, "RGB") for encoding in ENCODINGS if encoding not in ("explicit", "JPEG baseline", "JPEG extended")),
    *((encoding, "YBR_FULL") for encoding in ("big endian", "RLE", "JPEG baseline", "JPEG lossless", "JPEG-LS")),
    ("JPEG baseline", "YBR_FULL_422"),
    ("RLE", "PALETTE COLOR"),
]


@pytest.mark.parametrize(("encoding", "photometric"), HELD)
def test_every_encoding_and_photometric_interpretation_gives_the_planted_grey(tmp_path, encoding, photometric):
    clip = read(save(tmp_path / "a", on_screen(FRAMES), encoding, photometric))
    assert clip.frames.shape == FRAMES.shape and clip.fps == pytest.approx(50) and clip.remarks == ()
    if ENCODINGS[encoding][2]:
        np.testing.assert_array_equal(clip.frames, FRAMES)
    else:
        assert np.abs(clip.frames.astype(int) - FRAMES)[:, fan_pixels()].mean() < 6
    ends = [end for side in clip.part for end in (side.start, side.stop)]
    assert np.abs(np.subtract(ends, [11, 107, 17, 144])).max() <= (0 if ENCODINGS[encoding][2] else 2)


@pytest.mark.parametrize("said", ["RGB", "YBR_FULL"])
def test_colours_are_what_the_black_of_the_frames_says_and_the_contradiction_is_told(tmp_path, said):
    """Files whose samples were converted already, or never, are what users see in green."""
    other = {"RGB": "YBR_FULL", "YBR_FULL": "RGB"}[said]
    path = tmp_path / "a.dcm"
    clip = read(store(path, header(path, FRAMES), samples(FRAMES, other), said))
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert said in clip.remarks[0]


@pytest.mark.parametrize(
    "name", ["SC_rgb_rle.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_gdcm_KY.dcm", "SC_ybr_full_422_uncompressed.dcm"]
)
def test_luma_is_that_of_the_colours_whatever_other_programs_wrote_them(name):
    """Pixel (5, 50) of pydicom's own bars is red and (15, 50) pink: BT.601 gives 76 and 166."""
    path = Path(pydicom.__file__).parent / "data" / "test_files" / name
    frame = next(decoded(path))
    grey = shades(read_header(path), frame).grey(frame)
    assert grey[5, 50] == 76 and grey[15, 50] == 166


@pytest.mark.parametrize(("stored", "factor"), [(12, 16), (10, 4), (16, 256)])
def test_more_than_8_bits_come_down_to_8(tmp_path, stored, factor):
    path = tmp_path / "a.dcm"
    made = header(path, FRAMES, BitsAllocated=16, BitsStored=stored, HighBit=stored - 1)
    clip = read(store(path, made, FRAMES.astype("<u2") * factor, "MONOCHROME2"))
    assert np.abs(clip.frames.astype(int) - FRAMES).max() <= 1


def sixteen_bits(path: Path, stored: np.ndarray, bits: int, high: int, **tags) -> Path:
    made = header(path, FRAMES, BitsAllocated=16, BitsStored=bits, HighBit=high, **tags)
    return store(path, made, stored.astype("<u2"), "MONOCHROME2")


def test_levels_may_lie_in_the_upper_bits_or_below_bits_of_an_overlay(tmp_path):
    for number, (stored, high) in enumerate([(FRAMES.astype(int) << 8, 15), (FRAMES.astype(int) << 4 | 0x8000, 11)]):
        clip = read(sixteen_bits(tmp_path / f"a{number}", stored, 12, high))
        assert np.abs(clip.frames.astype(int) - FRAMES).max() <= 1


@pytest.mark.parametrize("bits", [12, 16])
def test_fewer_bits_than_are_stated_are_refused_with_the_way_on(tmp_path, bits):
    with pytest.raises(InputError, match=f"{bits} bits.*Export it with 8 bits"):
        read(sixteen_bits(tmp_path / "a", FRAMES, bits, bits - 1))
    shown = read(sixteen_bits(tmp_path / "b", FRAMES, bits, bits - 1, WindowCenter="127.5", WindowWidth="255"))
    assert np.abs(shown.frames.astype(int) - FRAMES).max() <= 1


@pytest.mark.parametrize(("centre", "width"), [("0", "0"), ("1", "1"), ("2048", "4096"), ("-500", "100")])
def test_a_window_that_shows_next_to_nothing_is_not_used_and_told(tmp_path, centre, width):
    clip = read(save(tmp_path / "a", FRAMES, WindowCenter=centre, WindowWidth=width))
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert "window" in clip.remarks[0]


def test_a_table_of_levels_may_have_other_bits_than_the_pixels(tmp_path):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 8], (np.arange(4096) // 16).astype("<u2").tobytes()
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    clip = read(sixteen_bits(tmp_path / "a", FRAMES.astype(int) * 16, 12, 11, VOILUTSequence=[table]))
    assert np.abs(clip.frames.astype(int) - FRAMES).max() <= 1


def test_a_window_is_how_the_frames_are_to_be_shown(tmp_path):
    clip = read(save(tmp_path / "a.dcm", FRAMES // 2, WindowCenter="64", WindowWidth="128"))
    assert np.abs(clip.frames.astype(int) - FRAMES).max() <= 3


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("stated", [None, 0, 1])
@pytest.mark.parametrize("true", [0, 1])
def test_samples_are_read_in_the_order_in_which_they_lie(tmp_path, photometric, stated, true):
    made, stored = header(tmp_path / "a", FRAMES), samples(FRAMES, photometric)
    set_samples(made, stored, photometric)
    raw(made, stored.transpose(0, 3, 1, 2) if true else stored)
    made.PlanarConfiguration = stated
    if stated is None:
        del made.PlanarConfiguration
    made.save_as(tmp_path / "a", enforce_file_format=True)
    clip = read(tmp_path / "a")
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert bool(clip.remarks) == (stated not in (None, true))


@pytest.mark.parametrize("encoding", ["RLE", "JPEG baseline", "JPEG lossless", "JPEG-LS", "JPEG 2000 lossless"])
def test_the_order_of_samples_says_nothing_of_compressed_frames(tmp_path, encoding):
    photometric = "YBR_FULL" if encoding == "JPEG baseline" else "RGB"
    made = pydicom.dcmread(save(tmp_path / "a", FRAMES, encoding, photometric))
    made.PlanarConfiguration = 1
    made.save_as(tmp_path / "b")
    np.testing.assert_array_equal(read(tmp_path / "b").frames, read(tmp_path / "a").frames)


# What files say of themselves, and what they are


@pytest.mark.parametrize("encoding", ["explicit", "RLE", "JPEG baseline", "JPEG-LS", "JPEG 2000 lossless"])
@pytest.mark.parametrize("stated", [None, 0, 3])
def test_all_frames_that_are_there_are_read_whatever_number_is_stated(tmp_path, encoding, stated):
    made = pydicom.dcmread(save(tmp_path / "a", FRAMES, encoding))
    made.NumberOfFrames = stated
    if stated is None:
        del made.NumberOfFrames
    made.save_as(tmp_path / "b")
    clip = read(tmp_path / "b")
    np.testing.assert_array_equal(clip.frames, read(tmp_path / "a").frames)
    assert clip.fps == 50 and f"{len(FRAMES)} are there" in clip.remarks[0]


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("encoding", ["JPEG baseline", "JPEG lossless", "JPEG-LS", "JPEG 2000 lossless"])
def test_a_frame_may_lie_in_several_fragments(tmp_path, encoding, table):
    made = pydicom.dcmread(save(tmp_path / "a", FRAMES, encoding))
    frames = list(generate_frames(made.PixelData, number_of_frames=len(FRAMES)))
    made.PixelData = encapsulate(frames, fragments_per_frame=3, has_bot=table)
    made.save_as(tmp_path / "b")
    np.testing.assert_array_equal(read(tmp_path / "b").frames, read(tmp_path / "a").frames)


def test_an_extended_table_of_places_is_read(tmp_path):
    made = pydicom.dcmread(save(tmp_path / "a", FRAMES, "JPEG baseline"))
    frames = list(generate_frames(made.PixelData, number_of_frames=len(FRAMES)))
    made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(frames)
    made.save_as(tmp_path / "b")
    np.testing.assert_array_equal(read(tmp_path / "b").frames, read(tmp_path / "a").frames)


@pytest.mark.parametrize("suffix", ["", ".dcm"])
@pytest.mark.parametrize("kept", ["meta header", "implicit", "explicit"])
def test_a_file_without_its_mark_is_told_by_its_tags(tmp_path, suffix, kept):
    whole, path = save(tmp_path / "a", FRAMES), tmp_path / f"QUILLFEATHER{suffix}"
    if kept == "meta header":
        path.write_bytes(whole.read_bytes()[132:])
    else:
        made = pydicom.dcmread(whole)
        del made.file_meta
        pydicom.dcmwrite(path, made, implicit_vr=kept == "implicit", little_endian=True)
    clip = read(path)
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert (clip.name, clip.fps) == (name(whole), 50)


@pytest.mark.parametrize(("encoding", "said"), [("explicit", "1.2.840.10008.1.2"), ("implicit", "1.2.840.10008.1.2.1")])
def test_a_file_in_another_plain_syntax_than_it_states_is_read_as_it_is(tmp_path, encoding, said):
    path = save(tmp_path / "a", FRAMES, encoding)
    other = pydicom.dcmread(path).file_meta
    other.TransferSyntaxUID = said
    body = path.read_bytes()[144 + other.FileMetaInformationGroupLength :]
    write_file_meta_info(stated := io.BytesIO(), other)
    path.write_bytes(bytes(128) + b"DICM" + stated.getvalue() + body)
    np.testing.assert_array_equal(read(path).frames, FRAMES)


def test_a_deflated_file_is_unpacked_within_the_limits(tmp_path, monkeypatch):
    made = pydicom.dcmread(save(tmp_path / "a", FRAMES))
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    made.save_as(tmp_path / "b", enforce_file_format=True)
    clip = read(tmp_path / "b")
    np.testing.assert_array_equal(clip.frames, FRAMES)
    assert clip.name == name(tmp_path / "a")
    cut = (tmp_path / "b").read_bytes()[:-500]
    (tmp_path / "c").write_bytes(cut)
    with pytest.raises(InputError, match="cannot be unpacked"):
        read(tmp_path / "c")
    monkeypatch.setenv("ECHODFKD_LIMITS", "memory=60000")
    with pytest.raises(InputError, match="memory="):
        read(tmp_path / "b")


# Time


def test_a_pointer_that_points_nowhere_is_passed_over(tmp_path):
    for pointer in (0x00189999, 0xFFFFFFFE, [0x00181063, 0x00181065]):
        path = save(tmp_path / "a.dcm", FRAMES, FrameTime="20", FrameIncrementPointer=pointer)
        assert timing(read_header(path), len(FRAMES)).clock.fps == 50
    assert timing({"FrameTime": "20", "FrameIncrementPointer": "garbage"}, 5).clock.fps == 50


@pytest.mark.parametrize(
    ("tags", "fps", "told"),
    [
        ({"FrameTime": "25"}, 40, ""),
        ({"FrameTime": None, "CineRate": 30}, 30, ""),
        ({"FrameTime": None, "RecommendedDisplayFrameRate": 60}, 60, ""),
        ({"FrameTime": None, "CineRate": 48, "RecommendedDisplayFrameRate": 30}, 48, "RecommendedDisplayFrameRate 30"),
        ({"FrameTime": "33.333", "CineRate": 30, "RecommendedDisplayFrameRate": 30}, 30.0003, ""),
        ({"FrameTime": "20", "CineRate": 25}, 50, "CineRate 25"),
        ({"FrameTime": "0", "CineRate": 25}, 25, ""),
        ({"FrameTime": "1000", "CineRate": 25}, 25, "FrameTime 1"),
        ({"FrameTime": "20", "FrameTimeVector": ["0", "20", "20"]}, 50, "FrameTimeVector 3"),
        ({"FrameTime": None, "FrameTimeVector": ["0"] + ["40"] * 4}, 25, ""),
        ({"FrameTime": "40", "FrameTimeVector": ["0"] + ["20"] * 4}, 25, "FrameTimeVector 50"),
        (
            {"FrameTime": "40", "FrameTimeVector": ["0"] + ["20"] * 4, "FrameIncrementPointer": 0x00181065},
            50,
            "FrameTime 25",
        ),
        ({"FrameTime": "40", "FrameTimeVector": ["0", "20", "60", "20", "60"]}, 25, "uneven"),
        ({"FrameTime": None, "FrameTimeVector": ["40"] * 4}, 25, "first frame"),
        ({"FrameTime": None, "FrameTimeVector": ["0", "40", "80", "120", "160"]}, 25, "holds times"),
        ({"FrameTime": None, "FrameTimeVector": ["0", "39", "40", "40.5", "40.6"]}, 1000 / 40.025, ""),
        ({"FrameTime": None, "FrameTimeVector": ["0"] * 5}, None, "5 steps"),
        ({"FrameTime": None, "FrameTimeVector": ["0", "40"], "CineRate": 25}, 25, "2 steps"),
        ({"FrameTime": "0.02", "CineRate": 50}, 50, "FrameTime 5e+04"),
        ({"FrameTime": None}, None, ""),
    ],
)
def test_the_first_tag_that_tells_a_rate_counts_and_contradictions_are_told(tmp_path, tags, fps, told):
    found = timing(read_header(save(tmp_path / "a.dcm", FRAMES, **tags)), len(FRAMES))
    assert found.clock.fps == (None if fps is None else pytest.approx(fps))
    assert told in " ".join(found.remarks) and bool(told) == bool(found.remarks)


def test_a_vector_of_frame_times_gives_each_frame_its_time(tmp_path):
    steps = ["0", "20", "20", "400", "20"]
    found = timing(read_header(save(tmp_path / "a.dcm", FRAMES, FrameTime=None, FrameTimeVector=steps)), len(FRAMES))
    np.testing.assert_allclose(found.clock.times, np.cumsum([float(step) for step in steps]) / 1000)
    assert found.clock.gaps == (2,)


# Geometry


def test_a_region_gives_the_spacing_and_what_lies_outside_it_is_black(tmp_path):
    clip = read(save(tmp_path / "a", on_screen(FRAMES), SequenceOfUltrasoundRegions=[region(8, 110, 10, 150, mm=0.4)]))
    assert clip.spacing == pytest.approx((0.4, 0.4)) and clip.remarks == ()
    np.testing.assert_array_equal(clip.frames[:, 8:], FRAMES[:, 8:])


def test_of_several_regions_the_larger_image_counts_and_is_told(tmp_path):
    other = region(2, 20, 2, 30, mm=0.9)
    ecg = region(112, 119, 0, 159, form=4, content=10)
    regions = [other, region(8, 110, 10, 150, mm=0.4), ecg]
    clip = read(save(tmp_path / "a", FRAMES, SequenceOfUltrasoundRegions=regions))
    assert clip.spacing == pytest.approx((0.4, 0.4)) and "2 two-dimensional regions" in clip.remarks[0]


def test_a_region_beyond_the_frame_tells_of_another_size_and_is_not_believed(tmp_path):
    clip = read(save(tmp_path / "a", FRAMES, SequenceOfUltrasoundRegions=[region(16, 220, 20, 300)]))
    assert clip.spacing is None and "resized or cut" in clip.remarks[0]
    np.testing.assert_array_equal(clip.frames, FRAMES)


def test_a_region_that_cuts_the_fan_is_that_of_a_smaller_screen_and_is_not_believed(tmp_path):
    small = fan_frames(5, 60, 80)
    large = np.kron(small, np.ones((2, 2), np.uint8))
    clip = read(save(tmp_path / "a", large, SequenceOfUltrasoundRegions=[region(2, 58, 5, 78, mm=1)]))
    assert clip.spacing is None and "resized" in clip.remarks[0]
    assert (clip.frames != large).mean() < 0.001  # the fan's tip may be taken for a stroke
    tiny = read(save(tmp_path / "b", FRAMES, SequenceOfUltrasoundRegions=[region(50, 60, 70, 80)]))
    np.testing.assert_array_equal(tiny.frames, FRAMES)
    assert tiny.spacing is None and "too small" in tiny.remarks[0]


def test_a_stated_shape_of_pixels_is_their_spacing_where_their_size_is_not_known(tmp_path):
    clip = read(save(tmp_path / "a", FRAMES, PixelAspectRatio=["2", "1"]))  # height, then width
    assert clip.spacing == (2, 1) and clip.relative
    known = read(save(tmp_path / "b", FRAMES, PixelAspectRatio=["2", "1"], SequenceOfUltrasoundRegions=[INSIDE]))
    assert known.spacing == pytest.approx((0.4, 0.4)) and not known.relative


def test_pixels_in_another_unit_have_no_known_size(tmp_path):
    seconds = region(8, 110, 10, 150)
    seconds.PhysicalUnitsXDirection = 4
    assert read(save(tmp_path / "a", FRAMES, SequenceOfUltrasoundRegions=[seconds])).spacing is None


# The fan


def test_an_ecg_across_the_fan_and_a_frozen_picture_beside_it_are_no_part_of_it(tmp_path):
    shown = np.repeat(on_screen(FRAMES)[..., None], 3, axis=-1)
    for number, frame in enumerate(shown):
        frame[100 + 3 * (np.arange(160) % 5 == number % 5), np.arange(160)] = (0, 255, 0)
    shown[:, 40:100, 147:152] = np.random.default_rng(1).integers(30, 200, (60, 5, 1))
    path = tmp_path / "a"
    clip = read(store(path, header(path, FRAMES), shown, "RGB"))
    assert not clip.frames[:, ~fan_pixels()].any()
    assert clip.part[0].start == 11


def test_the_whole_screen_is_there_for_whoever_asks(tmp_path):
    shown = on_screen(FRAMES)
    source = file_source(save(tmp_path / "a", shown))
    np.testing.assert_array_equal(np.stack(list(source.frames())), FRAMES)
    np.testing.assert_array_equal(np.stack(list(source.uncut())), shown)


def test_pydicoms_own_ultrasound_film_is_read_without_its_text():
    clip = read(get_testdata_file("examples_ybr_color.dcm"))
    assert clip.frames.shape == (30, 240, 320) and clip.fps == pytest.approx(30, abs=0.01)
    assert clip.name == "1.2.840.114340.3.8251017118051.3.20160503.121539.16117.4"
    assert clip.spacing is None and "resized or cut" in clip.remarks[0]  # its region is of 480 x 640 pixels
    assert not clip.frames[:, :, 260:].any() and not clip.frames[:, :18].any() and not clip.frames[:, 210:].any()
    assert clip.frames[:, 100, 150].max() > 60  # the septum


def test_a_still_is_found_beside_a_flat_bar_with_text():
    clip = read(get_testdata_file("examples_palette.dcm"))
    assert clip.frames.shape == (1, 350, 800) and clip.fps is None
    assert not clip.frames[:, :62].any() and not clip.frames[:, :, :300].any()
    assert clip.frames[0, 100, 460] > 100


# What is refused


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TRANSTHORACIC", "0011"]}, "colour Doppler"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0002"]}, "M-mode"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0008"]}, "pulsed-wave Doppler"),
        (
            {"SequenceOfUltrasoundRegions": [region(8, 110, 10, 150), region(30, 60, 40, 80, content=2)]},
            "colour Doppler",
        ),
        (
            {"SequenceOfUltrasoundRegions": [region(8, 40, 10, 150), region(50, 110, 10, 150, form=3, content=4)]},
            "spectral",
        ),
        ({"SequenceOfUltrasoundRegions": [region(8, 110, 10, 150, form=2)]}, "M-mode"),
        ({"SequenceOfUltrasoundRegions": [region(8, 110, 10, 150, form=4, content=10)]}, "without a 2-D region"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "report"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "PDF"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.2"}, "3-D"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "CT Image Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2", "Modality": "OT"}, "not US"),
        ({"PixelRepresentation": 1}, "signed"),
        ({"NumberOfFrames": 40}, "5 of 40 frames"),
    ],
)
def test_what_is_no_2d_clip_is_refused_by_its_name(tmp_path, tags, word):
    with pytest.raises(InputError) as caught:
        read(save(tmp_path / "QUILLFEATHER_0001", FRAMES, **tags))
    assert word in str(caught.value) and "\n" not in str(caught.value)
    assert "QUILL" not in str(caught.value) and "DICOM clip 1.2" in str(caught.value)


def test_coloured_pixels_are_colour_doppler_whatever_the_tags_say_and_a_tint_is_none(tmp_path):
    shown, path = np.repeat(FRAMES[..., None], 3, axis=-1), tmp_path / "a"
    shown[:, 50:70, 70:90] = (200, 20, 20)
    with pytest.raises(InputError, match="colour Doppler"):
        read(store(path, header(path, FRAMES), shown, "RGB"))
    ink = (np.repeat(FRAMES[..., None], 3, axis=-1) * np.array([1.0, 0.75, 0.3])).astype(np.uint8)
    tinted = read(store(tmp_path / "b", header(path, FRAMES), ink, "RGB"))
    assert (tinted.frames.any(axis=0) == fan_pixels()).mean() > 0.99


@pytest.mark.parametrize("page", ["white", "black", "table"])
def test_a_page_of_a_report_is_refused(tmp_path, page):
    still = np.full((1, 240, 320), 255 if page == "white" else 0, np.uint8)
    picture = Image.fromarray(still[0])
    if page != "black":
        for row in range(10, 230, 14):
            ImageDraw.Draw(picture).text(
                (10, row), "LVEDD 4.7 cm   LVESD 3.1 cm   EF 63 %", fill=0 if page == "white" else 255
            )
    with pytest.raises(InputError, match="report"):
        read(save(tmp_path / "a", np.asarray(picture)[None], SOPClassUID=US_STILL, NumberOfFrames=None))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.201"])
def test_a_transfer_syntax_that_is_not_read_is_named(tmp_path, syntax):
    made = header(tmp_path / "a", FRAMES)
    packed(made, [b"\0\0\0\1"], syntax)
    made.save_as(tmp_path / "a", enforce_file_format=True)
    with pytest.raises(InputError, match=r"MPEG|High-Throughput"):
        read(tmp_path / "a")


@pytest.mark.parametrize("encoding", ["explicit", "RLE", "JPEG baseline", "JPEG lossless", "JPEG-LS", "JPEG 2000"])
@pytest.mark.parametrize("kept", [0.2, 0.7, 0.98])
def test_a_cut_file_is_refused_in_one_line(tmp_path, encoding, kept):
    path = save(tmp_path / "a.dcm", FRAMES, encoding)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"cut off or damaged|header cannot be read"):
        read(path)


@pytest.mark.parametrize("encoding", ["JPEG baseline", "JPEG lossless", "JPEG-LS", "JPEG 2000"])
def test_a_frame_that_announces_another_size_gets_no_room(tmp_path, encoding):
    path = tmp_path / "a.dcm"
    big = np.zeros((1, 2000, 3000), np.uint8)
    made = header(path, FRAMES[:1])
    set_samples(made, big, "MONOCHROME2")
    made.Rows, made.Columns = big.shape[1:]
    ENCODINGS[encoding][0](made, big[:, :20, :20] if encoding == "JPEG lossless" else big, ENCODINGS[encoding][1])
    made.Rows, made.Columns = FRAMES.shape[1:]
    made.save_as(path, enforce_file_format=True)
    with pytest.raises(InputError, match="0 of 1 frames"):
        read(path)


def test_names_are_told_by_content_and_never_by_the_file(tmp_path):
    path = save(tmp_path / "QUILLFEATHER.dcm", FRAMES)
    assert name(path) == read_header(path).SOPInstanceUID
    nameless = save(tmp_path / "ARABELLA", FRAMES, SOPInstanceUID=None)
    assert name(nameless).startswith("dicom-") and name(nameless) == read(nameless).name
    (tmp_path / "WIGGLESWORTH.dcm").write_text("no DICOM at all")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "WIGGLESWORTH.dcm")
    assert "WIGGLE" not in str(caught.value) + name(tmp_path / "WIGGLESWORTH.dcm")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "THISTLEWAITE.dcm")
    assert "THISTLE" not in str(caught.value) + name(tmp_path / "THISTLEWAITE.dcm")


def test_without_pydicom_the_install_line_is_named(tmp_path, monkeypatch):
    path = save(tmp_path / "a.dcm", FRAMES)
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"pip install 'echodfkd\[dicom\]'"):
        read(path)


# Folders and discs


def test_a_dicomdir_leads_to_its_files_and_to_none_beside_it(tmp_path):
    disc = FileSet()
    for number in range(2):
        disc.add(pydicom.dcmread(save(tmp_path / "made" / str(number), FRAMES[:2])))
    disc.write(tmp_path / "disc")
    found = listed_files(tmp_path / "disc" / "DICOMDIR")
    assert len(found) == 2 and all(path.is_file() for path in found)
    assert {name(path) for path in found} == {name(tmp_path / "made" / str(number)) for number in range(2)}
    assert list(files_below(tmp_path / "disc")) == sorted(found)
    listing = pydicom.dcmread(tmp_path / "disc" / "DICOMDIR")
    for record in listing.DirectoryRecordSequence:
        if record.DirectoryRecordType == "IMAGE":
            record.ReferencedFileID = ["..", "made", "0"]
    listing.save_as(tmp_path / "disc" / "DICOMDIR")
    with pytest.raises(InputError, match="none is there"):
        listed_files(tmp_path / "disc" / "DICOMDIR")


# SEG


@pytest.mark.parametrize("still", [False, True])
def test_a_seg_is_read_back_by_highdicom_frame_by_frame(tmp_path, still):
    frames = FRAMES[:1] if still else FRAMES
    tags = {"SOPClassUID": US_STILL, "NumberOfFrames": None} if still else {}
    source = save(tmp_path / "a", frames, **tags)
    lv = (frames > 130).astype(np.uint8)
    la = np.zeros_like(lv)
    la[:, 90:95, 70:80] = 1
    if not still:
        lv[3] = 0  # an empty frame
    write_segmentation(tmp_path / "seg.dcm", source, {"lv": lv, "la": la}, "b4 0123")
    made, uid = highdicom.seg.segread(tmp_path / "seg.dcm"), name(source)
    options = {"ignore_spatial_locations": True, "assert_missing_frames_are_empty": True}
    if still:
        back = made.get_pixels_by_source_instance([uid], **options)
    else:
        back = made.get_pixels_by_source_frame(uid, list(range(1, len(frames) + 1)), **options)
    np.testing.assert_array_equal(back[..., 0], lv)
    np.testing.assert_array_equal(back[..., 1], la)
    plain = pydicom.dcmread(tmp_path / "seg.dcm")
    assert plain.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "87878005"  # left ventricle
    assert plain.pixel_array.sum() == lv.sum() + la.sum()
    assert plain.StudyInstanceUID == read_header(source).StudyInstanceUID and "FrameOfReferenceUID" not in plain
    assert not [word for word in PLANTED if word in str(plain).lower()]
