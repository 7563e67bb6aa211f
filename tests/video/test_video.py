import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from echodfkd import video
from echodfkd.errors import InputError, OutputError

RNG = np.random.default_rng(3)
REAL = Path(__file__).parents[3] / "shared" / "real"
RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def moving(frames: int = 12, height: int = 48, width: int = 64) -> np.ndarray:
    """A soft blob that goes from left to right over a smooth background: kind to codecs, and every frame differs."""
    rows, columns = np.mgrid[:height, :width]
    blobs = [np.exp(-np.hypot(rows - height / 2, columns - (8 + 4 * frame)) / 10) for frame in range(frames)]
    return np.stack([40 + rows / 2 + columns / 2 + 120 * blob for blob in blobs]).astype(np.uint8)


def encode(path, frames, codec, pixels, times=None, rate=25, **options):
    """Any codec and pixel format, straight through PyAV, to make what other software writes."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="gray" if frame.ndim == 2 else "rgb24")
            picture.pts, picture.time_base = times[number] if times else number, 1 / Fraction(rate)
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return path


def refusal(path) -> str:
    """The one line that reading `path` ends in."""
    with pytest.raises(InputError) as error:
        video.read(path)
    message = str(error.value)
    assert "\n" not in message
    assert "Errno" not in message
    return message


# Grey


def test_grey_of_pure_colours_is_bt601_luma(tmp_path):
    colours = np.zeros((32, 96, 3), np.uint8)
    colours[:, :32, 0] = colours[:, 32:64, 1] = colours[:, 64:, 2] = 255
    for path in (
        encode(tmp_path / "a.avi", [colours] * 2, "mjpeg", "yuvj420p", qmin="1", qmax="1"),
        encode(tmp_path / "a.mp4", [colours] * 2, "libx264", "yuv420p"),
    ):
        np.testing.assert_allclose(video.read(path).frames[0, 16, [8, 48, 88]], [76, 150, 29], atol=1)
    video.write(tmp_path / "a.png", [colours])
    np.testing.assert_array_equal(video.read(tmp_path / "a.png").frames[0, 16, [8, 48, 88]], [76, 150, 29])


@pytest.mark.parametrize(("name", "codec", "pixels"), [("a.avi", "mjpeg", "yuvj420p"), ("a.mp4", "libx264", "yuv420p")])
def test_colour_doppler_is_refused_and_a_tint_or_a_mark_is_not(tmp_path, name, codec, pixels):
    fan = np.tile(np.random.default_rng(0).integers(60, 200, (96, 96, 1), dtype=np.uint8), 3)
    fan[64:] = 0
    flow, mark, tint = fan.copy(), fan.copy(), fan.copy()
    flow[20:50, 30:50] = (220, 40, 30)
    mark[80:94, 32:64] = (220, 40, 30)
    tint[..., 2] //= 3
    for picture, fine in ((fan, True), (mark, True), (tint, True), (flow, False)):
        source = video.file_source(encode(tmp_path / name, [picture] * 20, codec, pixels))
        if fine:
            assert len(list(source.frames())) == 20
        else:
            with pytest.raises(InputError, match="colour Doppler"):
                list(source.frames())
    Image.fromarray(flow).quantize(64).save(tmp_path / "palette.png")
    with pytest.raises(InputError, match="colour Doppler"):
        list(video.file_source(tmp_path / "palette.png").frames())


def test_limited_range_is_stretched_to_0_255(tmp_path):
    frames = video.read(encode(tmp_path / "a.avi", [RAMP] * 2, "ffv1", "yuv420p")).frames
    np.testing.assert_allclose(frames[0].astype(int), RAMP, atol=1)


@pytest.mark.parametrize("codec", ["ffv1", "rawvideo"])
def test_grey_written_without_loss_comes_back_equal(tmp_path, codec):
    noise = RNG.integers(0, 256, (5, 30, 41), dtype=np.uint8)
    np.testing.assert_array_equal(video.read(encode(tmp_path / "a.avi", noise, codec, "gray")).frames, noise)


def test_mjpg_is_read_as_the_luma_that_it_stores():
    clips = sorted(REAL.glob("*.avi"))
    if not clips:
        pytest.skip(f"no real clips at {REAL}")
    with av.open(str(clips[0])) as film:
        picture = next(film.decode(video=0))
        stored = np.frombuffer(picture.planes[0], np.uint8).reshape(-1, picture.planes[0].line_size)[:, : picture.width]
    clip = video.read(clips[0])
    np.testing.assert_array_equal(clip.frames[0], stored)
    assert (clip.frames.shape, clip.fps) == ((211, 112, 112), 50)


# There and back


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_gif_and_png_keep_grey_exactly(tmp_path, suffix):
    frames = RNG.integers(0, 256, (1 if suffix == ".png" else 6, 23, 31), dtype=np.uint8)
    video.write(tmp_path / f"a{suffix}", frames, 20)
    np.testing.assert_array_equal(video.read(tmp_path / f"a{suffix}").frames, frames)


@pytest.mark.parametrize(("suffix", "levels"), [(".avi", 5), (".mp4", 16)])
def test_avi_and_mp4_keep_grey_nearly(tmp_path, suffix, levels):
    frames = moving()
    video.write(tmp_path / f"a{suffix}", frames, 25)
    error = np.abs(video.read(tmp_path / f"a{suffix}").frames.astype(int) - frames)
    assert error.max() <= levels
    assert error.mean() < 1


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".gif", ".png"])
def test_colours_are_written_as_colours(tmp_path, suffix):
    frame = np.repeat(moving(1)[0][..., None], 3, axis=2)
    frame[8:24, 8:24] = (255, 0, 0)
    video.write(tmp_path / f"a{suffix}", [frame] * (1 if suffix == ".png" else 3), 25)
    with av.open(str(tmp_path / f"a{suffix}")) as film:
        shown = next(film.decode(video=0)).to_ndarray(format="rgb24")
    np.testing.assert_allclose(shown[16, 16].astype(int), (255, 0, 0), atol=16)
    np.testing.assert_allclose(shown[40, 40].astype(int), frame[40, 40], atol=16)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (49, 64), (48, 65)])
def test_an_odd_side_of_an_mp4_grows_by_its_last_pixel(tmp_path, height, width):
    frames = moving(3, height, width)
    video.write(tmp_path / "a.mp4", frames, 25)
    back = video.read(tmp_path / "a.mp4").frames
    assert back.shape == (3, height + height % 2, width + width % 2)
    np.testing.assert_allclose(back[:, height - 1, :width].astype(int), frames[:, -1], atol=16)
    np.testing.assert_allclose(back[:, -1].astype(int), back[:, height - 1], atol=16)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("fps", [50.0, 7.5, 33.3, 30000 / 1001])
def test_rates_need_not_be_whole(tmp_path, suffix, fps):
    video.write(tmp_path / f"a{suffix}", moving(), fps)
    assert video.read(tmp_path / f"a{suffix}").fps == pytest.approx(fps, rel=1e-9)


@pytest.mark.parametrize("fps", [50.0, 7.5, 29.97])
def test_a_gif_keeps_the_rate_to_a_hundredth_of_a_second_in_all(tmp_path, fps):
    video.write(tmp_path / "a.gif", moving(30), fps)
    assert video.read(tmp_path / "a.gif").fps == pytest.approx(fps, abs=fps * 0.02 / (30 / fps))


def test_without_a_rate_a_film_is_shown_at_25_and_a_still_has_none(tmp_path):
    video.write(tmp_path / "a.avi", moving())
    video.write(tmp_path / "a.png", moving(1))
    assert video.read(tmp_path / "a.avi").fps == 25
    assert video.read(tmp_path / "a.png").fps is None


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".gif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_same_frames_same_bytes(tmp_path, suffix, channels):
    frames = moving() if channels == 1 else np.repeat(moving()[..., None], 3, axis=3)
    noise = RNG.integers(0, 256, (5, 130, 610) if channels == 1 else (5, 65, 310, 3), dtype=np.uint8)
    for film in (frames, noise):  # x264 left alone gives noise of this size different bytes now and then
        written = []
        for _ in range(6):
            video.write(tmp_path / f"a{suffix}", film, 25)
            written.append((tmp_path / f"a{suffix}").read_bytes())
        assert len(set(written)) == 1


def test_a_still_is_a_clip_of_one_frame(tmp_path):
    codec = av.CodecContext.create("mjpeg", "w")
    codec.height, codec.width, codec.pix_fmt, codec.time_base = 64, 256, "yuvj420p", Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(RAMP, format="gray").reformat(format="yuvj420p")
    jpeg = b"".join(bytes(packet) for packet in [*codec.encode(picture), *codec.encode(None)])
    (tmp_path / "still.jpg").write_bytes(jpeg)
    clip = video.read(tmp_path / "still.jpg")
    assert (clip.frames.shape, clip.fps, clip.name) == ((1, 64, 256), None, "still")
    np.testing.assert_allclose(clip.frames[0].astype(int), RAMP, atol=8)
    (tmp_path / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    assert "cut off" in refusal(tmp_path / "cut.jpg")


def test_streaming_gives_what_reading_gives(tmp_path):
    video.write(tmp_path / "a.avi", moving(), 40)
    clip = video.read(tmp_path / "a.avi")
    with video.open_video(tmp_path / "a.avi") as film:
        assert (film.height, film.width, film.fps) == (48, 64, 40)
        streamed = list(film)
    np.testing.assert_array_equal(np.stack(streamed), clip.frames)
    assert all(frame.flags.c_contiguous and frame.flags.owndata for frame in streamed)


def test_a_film_may_be_left_before_its_end(tmp_path):
    video.write(tmp_path / "a.mp4", moving(), 25)
    with video.open_video(tmp_path / "a.mp4") as film:
        assert next(iter(film)).shape == (48, 64)


def test_frames_are_pulled_one_by_one_while_writing(tmp_path):
    pulled = (RNG.integers(0, 256, (16, 16), dtype=np.uint8) for _ in range(40))
    video.write(tmp_path / "a.avi", pulled, 25)
    assert len(video.read(tmp_path / "a.avi").frames) == 40


@pytest.mark.parametrize(
    ("file", "name"),
    [("0X1A.avi", "0X1A"), ("dir/a.b.mp4", "a.b"), ("p1_4CH.nii.gz", "p1_4CH"), ("p1.NII.GZ", "p1"), ("bare", "bare")],
)
def test_a_clip_is_named_after_its_file(file, name):
    assert video.clip_name(file) == video.clip_name(Path(file)) == name


@pytest.mark.parametrize("name", ["a%03d.png", "x:y.avi", "http:z.mp4", "ünïcode [1].gif"])
def test_a_name_is_never_read_as_a_pattern_or_an_address(tmp_path, name):
    video.write(tmp_path / name, moving(1), 25)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert video.read(tmp_path / name).frames.shape == (1, 48, 64)


# Healthy files with odd headers


def test_dropped_frames_are_no_damage(tmp_path):
    path = encode(tmp_path / "a.avi", moving(6), "mjpeg", "yuvj420p", times=[0, 1, 2, 5, 6, 9])
    assert len(video.read(path).frames) == 6


@pytest.mark.parametrize("size", [0, 2**32 - 1])
def test_a_recorder_that_never_wrote_the_size_is_believed(tmp_path, size):
    path = encode(tmp_path / "a.avi", moving(), "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    data[4:8] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(video.read(path).frames) == 12


@pytest.mark.parametrize("announced", [0, 11, 13])
def test_a_header_off_by_one_or_zero_is_no_damage(tmp_path, announced):
    path = encode(tmp_path / "a.avi", moving(), "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 24), (b"strh", 40)):  # dwTotalFrames and dwLength, 8 bytes after the chunk's start
        at = data.index(chunk) + offset
        assert int.from_bytes(data[at : at + 4], "little") == 12
        data[at : at + 4] = announced.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(video.read(path).frames) == 12


# Damage


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
def test_an_avi_whose_copy_stopped_is_refused_with_what_is_left(tmp_path, share):
    path = encode(tmp_path / "a.avi", moving(40), "mjpeg", "yuvj420p")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    message = refusal(path)
    assert "a.avi is cut off: only" in message
    if 0.3 < share < 0.97:
        assert 0 < int(message.split("only ")[1].split(" of 40")[0]) < 40


def test_a_file_whose_tail_is_zeros_ends_too_early(tmp_path):
    path = encode(tmp_path / "a.avi", moving(40), "mjpeg", "yuvj420p")
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))
    assert "of 40 frames can be decoded" in refusal(path)


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".png"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_other_cut_files_are_refused(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    video.write(path, moving(1 if suffix == ".png" else 30), 25)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert any(word in refusal(path) for word in ("cut off", "damaged"))


def test_noise_inside_a_film_is_refused_or_decoded_but_never_a_traceback(tmp_path):
    video.write(tmp_path / "good.mp4", RNG.integers(0, 256, (30, 64, 64), dtype=np.uint8), 25)
    data = (tmp_path / "good.mp4").read_bytes()
    for start in range(0, len(data) - 400, len(data) // 12):
        (tmp_path / "a.mp4").write_bytes(data[:start] + RNG.bytes(400) + data[start + 400 :])
        try:
            video.read(tmp_path / "a.mp4")
        except InputError as error:
            assert "\n" not in str(error)


def test_what_is_no_film_is_refused_in_one_line_each(tmp_path):
    (tmp_path / "text.avi").write_text("#EXTM3U\nhttp://example.org/film.mp4\n")
    (tmp_path / "empty.avi").touch()
    (tmp_path / "folder.avi").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "header.avi").write_bytes(b"RIFF\0\0\0\0AVI LIST\0\0\0\0junk" * 3)
    assert "film or picture" in refusal(tmp_path / "text.avi")
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.avi")
    assert "is not a file" in refusal(tmp_path / "folder.avi")
    assert "No such file" in refusal(tmp_path / "missing.avi")
    assert "use one of .avi, .mp4" in refusal(tmp_path / "notes.txt")
    assert "header.avi" in refusal(tmp_path / "header.avi")


def test_a_film_without_pictures_or_frames_is_refused(tmp_path):
    with av.open(str(tmp_path / "sound.avi"), "w") as film:
        stream = film.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        film.mux(stream.encode(sound))
    assert "holds no pictures" in refusal(tmp_path / "sound.avi")
    with av.open(str(tmp_path / "none.avi"), "w") as film:
        stream = film.add_stream("rawvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = 8, 8, "gray"
        film.start_encoding()
    assert "holds no frames" in refusal(tmp_path / "none.avi")


def test_libav_says_nothing_on_stderr(tmp_path):
    path = encode(tmp_path / "a.avi", moving(40), "mjpeg", "yuvj420p")
    path.write_bytes(path.read_bytes()[:9000])
    script = "import sys; from echodfkd import video; video.read(sys.argv[1])"
    ran = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    lines = [line for line in ran.stderr.splitlines() if not line.startswith(("Traceback", " ", "echodfkd.errors"))]
    assert lines == []
    assert "cut off" in ran.stderr


# Writing


def test_frames_that_are_no_film_are_refused_and_leave_nothing(tmp_path):
    good, path = moving(2), tmp_path / "a.avi"
    for frames, message in (
        ([], "at least one frame, got none"),
        (good.astype(np.float32), "got float32"),
        ([good[0], good[1, :-1]], r"got uint8 \(47, 64\) at frame 1"),
        ([np.zeros((8, 8, 2), np.uint8)], r"\(8, 8, 2\)"),
    ):
        with pytest.raises(InputError, match=message):
            video.write(path, frames, 25)
    for fps in (0, -1, float("nan")):
        with pytest.raises(InputError, match="above 0 Hz"):
            video.write(path, good, fps)
    with pytest.raises(InputError, match=r"PNG .*one frame"):
        video.write(tmp_path / "a.png", good)
    with pytest.raises(InputError, match=r"\.mp4, \.avi, \.gif, \.png"):
        video.write(tmp_path / "a.webm", good)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
import numpy as np
from echodfkd import video
from echodfkd.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
shape = (1, 512, 512) if sys.argv[1].endswith("png") else (60, 64, 64)
try:
    video.write(sys.argv[1], np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), 25)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".gif", ".png"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True)
    assert ran.stdout.startswith(f"Cannot write {path}: "), ran.stderr
    assert ran.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        video.write(tmp_path / "a.avi", moving(1))


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        video.write(tmp_path / "file" / "a.avi", moving(1))


def test_an_unused_fourth_byte_of_uncompressed_pixels_hides_nothing(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (4, 16, 16), np.uint8)
    for alpha in (0, 255):
        with av.open(str(tmp_path / f"{alpha}.avi"), "w") as film:
            stream = film.add_stream("rawvideo", rate=20, width=16, height=16)
            stream.pix_fmt = "bgra"
            for one in levels:
                four = np.dstack([one, one, one, np.full_like(one, alpha)])
                film.mux(stream.encode(av.VideoFrame.from_ndarray(four, format="bgra")))
            film.mux(stream.encode())
        assert np.abs(video.read(tmp_path / f"{alpha}.avi").frames.astype(int) - levels).max() <= 1
