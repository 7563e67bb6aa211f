"""Pictures as players show them: turned and mirrored as the file asks, the shape of a pixel as spacing."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from planted import EJECTION_FRACTION, beating_disc, film

from echodfkd import video
from echodfkd.errors import InputError
from echodfkd.measure.measures import measures
from echodfkd.video.turn import Turn, turn_of_matrix

LETTER = np.zeros((48, 64), np.uint8)
LETTER[4:44, 8:16] = LETTER[4:12, 8:48] = LETTER[20:28, 8:32] = 200  # an F: no turn and no mirror leaves it as it is
SHOWN = {  # EXIF 2.32, 4.6.4: where the stored row 0 and column 0 are to be seen
    1: LETTER,
    2: np.fliplr(LETTER),
    3: np.rot90(LETTER, 2),
    4: np.flipud(LETTER),
    5: LETTER.T,
    6: np.rot90(LETTER, -1),
    7: np.rot90(LETTER, 2).T,
    8: np.rot90(LETTER),
}


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_exif_data_ask(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(LETTER).save(tmp_path / f"a{suffix}", exif=exif, quality=95) if suffix == ".jpg" else (
        Image.fromarray(LETTER).save(tmp_path / f"a{suffix}", exif=exif)
    )
    found = video.read(tmp_path / f"a{suffix}").frames[0]
    assert found.shape == SHOWN[orientation].shape
    np.testing.assert_allclose(found.astype(int), SHOWN[orientation], atol=12)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (-90, -1)])
def test_a_film_is_turned_by_its_display_matrix(tmp_path, suffix, degrees, turns):
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *LETTER.shape, "yuv420p"
        stream.set_display_rotation(degrees)  # counterclockwise
        for number in range(4):
            picture = av.VideoFrame.from_ndarray(LETTER, format="gray")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    clip = video.read(path)
    assert np.abs(clip.frames[0].astype(int) - np.rot90(LETTER, turns)).mean() < 3
    with video.open_video(path) as shown:
        assert (shown.height, shown.width) == np.rot90(LETTER, turns).shape


@pytest.mark.parametrize(("numbers", "turn"), [((-1, 0, 0, 1), Turn(columns=True)), ((0, 1, 1, 0), Turn(swaps=True))])
def test_a_matrix_may_mirror(numbers, turn):
    a, b, c, d = (65536 * number for number in numbers)
    assert turn_of_matrix("a", struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)) == turn


def test_other_angles_are_refused():
    with pytest.raises(InputError, match="quarter"):
        turn_of_matrix("a", struct.pack("=9i", 50000, 40000, 0, -40000, 50000, 0, 0, 0, 1 << 30))


@pytest.mark.parametrize("aspect", [Fraction(2, 1), Fraction(1, 2), Fraction(10, 11)])
def test_pixels_that_are_not_square_are_measured_as_what_they_show(tmp_path, aspect):
    ticks = np.arange(100)
    path = film(tmp_path / "a.mp4", beating_disc(ticks / 50, float(aspect)), ticks, sample_aspect_ratio=aspect)
    clip = video.read(path)
    assert clip.relative and clip.spacing[1] / clip.spacing[0] == pytest.approx(float(aspect))
    assert min(clip.spacing) == 1
    found = measures(clip.frames > 127, clip.clock, clip.spacing)
    assert found.ejection_fraction == pytest.approx(EJECTION_FRACTION, abs=2)


def test_square_pixels_have_no_spacing(tmp_path):
    path = film(tmp_path / "a.mp4", beating_disc(np.arange(9) / 50), np.arange(9), sample_aspect_ratio=Fraction(1))
    clip = video.read(path)
    assert clip.spacing is None and not clip.relative


def test_a_photograph_that_holds_others_is_a_clip_of_its_first(tmp_path):
    first, *others = (Image.fromarray(np.full((40, 50), level, np.uint8)) for level in (200, 90, 10))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=others)
    frames = video.read(tmp_path / "a.jpg").frames
    assert frames.shape == (1, 40, 50) and abs(frames.astype(int) - 200).max() <= 1


def test_a_gif_is_black_where_it_has_no_colour(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pictures = [Image.fromarray(np.roll(levels, turn)) for turn in range(3)]
    options = {"save_all": True, "append_images": pictures[1:], "duration": 40, "disposal": 2, "optimize": False}
    pictures[0].save(tmp_path / "a.gif", transparency=0, **options)
    np.testing.assert_array_equal(video.read(tmp_path / "a.gif").frames, [np.roll(levels, turn) for turn in range(3)])


def two_films(path, *films):
    with av.open(str(path), "w") as out:
        streams = []
        for frames in films:
            stream = out.add_stream("libx264", rate=50)
            stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], "yuv420p"
            streams.append(stream)
        for stream, frames in zip(streams, films, strict=True):
            for number, frame in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(frame, format="gray")
                picture.pts, picture.time_base = number, Fraction(1, 50)
                out.mux(stream.encode(picture))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


def test_several_films_in_one_file_are_told(tmp_path):
    small, large = (np.full((5, side, side), level, np.uint8) for side, level in ((32, 60), (64, 180)))
    clip = video.read(two_films(tmp_path / "a.mp4", small, large))
    assert "2 films" in clip.remarks[0] and len(clip.frames) == 5


def test_interlaced_frames_are_told(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (8, 64, 64), dtype=np.uint8)
    for name, told in (("interlaced", True), ("progressive", False)):
        with av.open(str(tmp_path / f"{name}.mp4"), "w") as out:
            stream = out.add_stream("libx264", rate=25, options={"x264-params": "interlaced=1"} if told else {})
            stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
            for frame in frames:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
            out.mux(stream.encode(None))
        assert ["interlaced" in remark for remark in video.read(tmp_path / f"{name}.mp4").remarks] == [True] * told


@pytest.mark.parametrize("brightest", [255, 1023, 4095])
def test_sixteen_bits_that_hold_fewer_are_refused_with_the_way_on(tmp_path, brightest):
    levels = np.linspace(0, brightest, 48 * 64).reshape(48, 64).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=rf"{brightest} of 65535.*8 bits"):
        video.read(tmp_path / "a.png")


def test_sixteen_bits_that_are_used_are_read(tmp_path):
    levels = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    np.testing.assert_allclose(video.read(tmp_path / "a.png").frames[0].astype(float), levels / 257, atol=1.1)
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "black.png")
    assert not video.read(tmp_path / "black.png").frames.any()
