"""Times of frames as containers keep them: the planted heart rate and ejection fraction, or unknown with a reason."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from planted import EJECTION_FRACTION, HEART_RATE, avi_at, beating_disc, film

from echodfkd import video
from echodfkd.measure.measures import Measures, measures
from echodfkd.video import file_source

EVEN = np.arange(160)
CHANGING = np.r_[np.arange(0, 80, 2), np.arange(80, 160)]
GAP = np.setdiff1d(EVEN, np.arange(70, 90))


def seen(path) -> Measures:
    """What the disc in a file says; the file is read once as a whole and once as a stream, which must agree."""
    clip, source = video.read(path), file_source(path)
    masks = np.stack(list(source.frames())) > 127
    assert (source.clock.fps, source.clock.gaps) == (clip.clock.fps, clip.clock.gaps)
    assert source.clock.dropped == clip.clock.dropped
    found = measures(masks, source.clock)
    assert found.ejection_fraction == pytest.approx(EJECTION_FRACTION, abs=2)
    assert (found.heart_rate is None and found.reasons) or found.heart_rate == pytest.approx(HEART_RATE, abs=1.5)
    return found


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".gif"])
@pytest.mark.parametrize("ticks", [EVEN, EVEN[::2], GAP, CHANGING], ids=["even", "every second", "gap", "changing"])
def test_every_container_tells_when_its_frames_were_taken(tmp_path, suffix, ticks):
    found = seen(film(tmp_path / f"a{suffix}", beating_disc(ticks / 50), ticks))
    assert found.heart_rate is not None
    assert found.clock.gaps == ((69,) if ticks is GAP else ())
    if suffix == ".avi":
        assert found.clock.dropped == 160 - len(ticks) - (ticks[-1] < 159)


@pytest.mark.parametrize(
    ("rate", "scale"), [(0, 1), (0, 0), (1, 0), (1, 1), (1_000_000, 1), (2**32 - 1, 1), (1, 1000), (90_000, 1)]
)
def test_an_avi_of_an_impossible_rate_has_frames_and_no_rate(tmp_path, rate, scale):
    path = avi_at(tmp_path / "a.avi", beating_disc(EVEN / 50), rate, scale)
    found = seen(path)
    assert found.frames == 160 and found.fps is None and found.heart_rate is None
    assert "frame rate unknown (" in " ".join(found.reasons)
    assert video.read(path).fps is None


@pytest.mark.parametrize("delays", [[0], [1], [2, 0]])
def test_a_gif_without_delays_has_no_rate(tmp_path, delays):
    pictures = [Image.fromarray(frame) for frame in beating_disc(EVEN / 50)]
    told = [10 * delays[n % len(delays)] for n in range(160)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=told)
    found = seen(tmp_path / "a.gif")
    assert found.fps is None and "delay" in " ".join(found.reasons)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_the_last_delay_counts(tmp_path, suffix):
    pictures = [Image.fromarray(np.full((8, 8), 10 * n, np.uint8)) for n in range(20)]
    path = tmp_path / f"a{suffix}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)
    clip = video.read(path)
    assert (len(clip.frames), clip.fps, clip.times) == (20, pytest.approx(10, abs=1e-6), None)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_a_pause_before_a_film_begins_anew_says_nothing_of_its_rate(tmp_path, suffix):
    frames = beating_disc(EVEN / 50)
    frames[:, 0, 0] = EVEN % 2  # Pillow makes one of two equal frames
    pictures, path = [Image.fromarray(frame) for frame in frames], tmp_path / f"a{suffix}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[20] * 159 + [1000])
    found = seen(path)
    assert (found.fps, found.clock.times, found.clock.gaps) == (50, None, ()) and found.heart_rate is not None


@pytest.mark.parametrize("fps", [30, 60, 29.97, 48])
def test_even_times_that_were_rounded_to_milliseconds_are_even(tmp_path, fps):
    times = np.round(np.arange(160) / fps, 3)
    video.write(tmp_path / "a.mp4", beating_disc(np.arange(160) / fps), fps, times)
    clip = video.read(tmp_path / "a.mp4")
    assert clip.times is None and clip.fps == pytest.approx(fps, rel=3e-4)


def test_an_animated_png_gives_all_its_frames_at_their_times(tmp_path):
    frames = beating_disc(CHANGING / 50)
    pictures = [Image.fromarray(frame) for frame in frames]
    delays = (20 * np.diff(CHANGING, append=160)).tolist()
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:], duration=delays)
    np.testing.assert_array_equal(video.read(tmp_path / "a.png").frames, frames)
    assert seen(tmp_path / "a.png").heart_rate is not None
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:-500])
    with pytest.raises(video.InputError, match="cut off"):
        video.read(tmp_path / "cut.png")


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), 60])
def test_a_rate_that_is_even_stays_as_it_is_stated(tmp_path, rate):
    path = film(tmp_path / "a.mp4", beating_disc(EVEN[:30] / 50), EVEN[:30], rate)
    assert video.read(path).fps == float(rate) and video.read(path).times is None


def test_uneven_times_are_written_to_an_mp4_and_come_back(tmp_path):
    times = CHANGING / 50
    video.write(tmp_path / "a.mp4", beating_disc(times), 50, times)
    np.testing.assert_allclose(video.read(tmp_path / "a.mp4").times, times, atol=1e-3)
    with pytest.raises(video.InputError, match=r"\.mp4"):
        video.write(tmp_path / "a.avi", beating_disc(times), 50, times)
