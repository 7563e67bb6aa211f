import numpy as np
import pytest

from echodfkd.distill.appearance import altered, look

SIZE, FRAMES = 64, 5
CENTRE = (slice(24, 40), slice(24, 40))


@pytest.fixture(scope="module")
def window():
    """A square heart that brightens with time in a dark image, and its mask."""
    frames = np.full((FRAMES, 1, SIZE, SIZE), 30, np.uint8)
    masks = np.zeros((FRAMES, 2, SIZE, SIZE), np.uint8)
    frames[:, 0, 16:48, 16:48] = 100 + 10 * np.arange(FRAMES)[:, None, None]
    masks[:, 0, 16:48, 16:48] = 255
    return frames, masks


def looks(number):
    return [(7, epoch, 0, 3) for epoch in range(number)]


def test_the_same_look_gives_the_same_bytes_and_another_another(window):
    one, again, other = (altered(*window, words) for words in ((1, 2, 3, 3), (1, 2, 3, 3), (1, 2, 4, 3)))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_frames_and_masks_keep_type_shape_and_each_other(window):
    for words in looks(20):
        frames, masks = altered(*window, words)
        assert (frames.dtype, frames.shape, masks.dtype, masks.shape) == (
            np.uint8,
            window[0].shape,
            np.uint8,
            window[1].shape,
        )
        inside = masks[0, 0] == 255
        assert 0.5 < inside.sum() / 32**2 < 1.8
        assert not masks[:, 1].any()
        assert np.array_equal(masks, np.broadcast_to(masks[:1], masks.shape))  # one move for the whole window
        # Image and mask move together: what is inside stays brighter, on the whole, than what is outside.
        assert np.median(frames[2, 0][inside]) > np.median(frames[2, 0][masks[0, 0] == 0])


def test_time_runs_as_before_in_every_look(window):
    for words in looks(20):
        grey = altered(*window, words)[0][:, 0, *CENTRE].mean(axis=(1, 2))
        assert (np.diff(grey) >= 0).all()


def test_looks_differ_in_level_and_place(window):
    seen = [altered(*window, words) for words in looks(40)]
    levels = np.array([frames[2, 0, *CENTRE].mean() for frames, _ in seen])
    across = np.array([np.argwhere(masks[0, 0])[:, 1].mean() for _, masks in seen])
    assert levels.std() > 15 and across.std() > 1


def test_noise_is_fresh_in_every_frame_and_all_else_stays(window):
    still = np.repeat(window[0][:1], FRAMES, axis=0), window[1]
    change = [np.abs(np.diff(altered(*still, words)[0].astype(int), axis=0)).max() for words in looks(60)]
    assert 0.2 < np.mean(np.array(change) > 0) < 0.6


@pytest.mark.parametrize(("share", "lowest", "highest"), [(0.0, 0, 0), (0.5, 0.4, 0.6), (1.0, 1, 1)])
def test_so_many_windows_have_a_look_of_their_own(share, lowest, highest):
    given = [look(share, (0, 0, number, 3)) for number in range(400)]
    assert lowest <= np.mean([words is not None for words in given]) <= highest
    assert all(words in (None, (0, 0, number, 3)) for number, words in enumerate(given))
