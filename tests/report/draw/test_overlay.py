import numpy as np
import pytest
from scipy import ndimage

from echodfkd.errors import InputError
from echodfkd.measure.beats import Events
from echodfkd.report.draw.overlay import (
    COLOURS,
    SECOND_COLOUR,
    OverlayStyle,
    contour,
    enlarged,
    overlay_frame,
    overlay_frames,
)


def disc(size=56, radius=15):
    y, x = np.mgrid[:size, :size]
    return np.hypot(y - 27.0, x - 30.0) <= radius


def grey(size=56, value=80):
    return np.full((size, size), value, np.uint8)


def test_without_masks_the_picture_is_the_enlarged_frame():
    picture = overlay_frame(grey(112), {})
    assert picture.shape == (336, 336, 3)
    assert picture.dtype == np.uint8
    assert (picture == 80).all()


@pytest.mark.parametrize(
    ("shape", "expected"), [((112, 112), 3), ((56, 112), 3), ((100, 80), 4), ((336, 10), 1), ((600, 800), 1)]
)
def test_frames_are_enlarged_by_the_least_whole_number_that_reaches_the_wanted_side(shape, expected):
    picture = overlay_frame(np.zeros(shape, np.uint8), {})
    assert picture.shape == (shape[0] * expected, shape[1] * expected, 3)


def test_enlarging_agrees_with_scipy_inside_and_keeps_the_mean():
    image = np.random.default_rng(0).random((9, 7)).astype(np.float32)
    ours = enlarged(image, 3)
    assert ours == pytest.approx(ndimage.zoom(image, 3, order=1, mode="nearest", grid_mode=True), abs=1e-5)
    assert enlarged(np.full((4, 4), 5.0, np.float32), 3) == pytest.approx(np.full((12, 12), 5.0))


def test_the_contour_runs_along_the_edge_and_nowhere_else():
    line = contour(disc(), 6, 2.0)
    y, x = (np.mgrid[:336, :336] + 0.5) / 6 - 0.5
    distance = np.abs(np.hypot(y - 27.0, x - 30.0) - 15)
    assert (line[distance > 1.5] == 0).all()
    along = [
        line[int(6 * (27 + 15.2 * np.sin(t)) + 3) - 6 :][:13, int(6 * (30 + 15.2 * np.cos(t)) + 3) - 6 :][:, :13].max()
        for t in np.arange(0, 6.2, 0.2)
    ]
    assert min(along) > 0.8


def test_the_inside_is_tinted_towards_the_structures_colour_and_the_outside_untouched():
    picture = overlay_frame(grey(), {"lv": disc()}).astype(int)
    k = picture.shape[0] // 56
    middle, outside = picture[27 * k, 30 * k], picture[2, 2]
    assert outside.tolist() == [80, 80, 80]
    assert middle == pytest.approx(80 + 0.16 * (np.array(COLOURS["lv"]) - 80), abs=1)


def test_every_structure_has_its_own_colour_and_the_second_outline_another():
    assert len({*COLOURS.values(), SECOND_COLOUR}) == len(COLOURS) + 1
    for name, colour in COLOURS.items():
        picture = overlay_frame(grey(), {name: disc()}, style=OverlayStyle(fill=0))
        assert (picture == np.array(colour)).all(axis=-1).any()


def test_a_single_pixel_is_not_hidden():
    speck = np.zeros((56, 56), bool)
    speck[10, 10] = True
    assert (overlay_frame(grey(), {"lv": speck}) != 80).any()


def test_an_empty_mask_draws_nothing():
    assert (overlay_frame(grey(), {"lv": np.zeros((56, 56), bool)}) == 80).all()


def test_large_frames_are_outlined_by_their_own_edge_pixels():
    mask = np.zeros((400, 400), bool)
    mask[100:200, 100:200] = True
    line = contour(mask, 1, 2.0)
    assert line.sum() == 4 * 100 - 4
    assert (line[mask == 0] == 0).all()


def frames_and_masks(count=30):
    return [grey(value=n) for n in range(count)], [{"lv": disc(radius=10 + n % 5)} for n in range(count)]


def test_each_frame_of_the_film_is_the_overlay_above_the_curve():
    frames, masks = frames_and_masks()
    area = [mask["lv"].sum() for mask in masks]
    film = list(overlay_frames(frames, masks, area, Events((4,), (10,))))
    still = overlay_frame(frames[20], masks[20])
    assert len(film) == 30
    assert film[20].shape == (still.shape[0] + 72, still.shape[1], 3)
    assert np.array_equal(film[20][: still.shape[0]], still)


def test_the_cursor_moves_from_left_to_right():
    frames, masks = frames_and_masks()
    film = list(overlay_frames(frames, masks, np.arange(30.0), Events((), ())))
    columns = [np.flatnonzero((picture[-60:-10] == 245).all(axis=(0, 2))) for picture in film]
    assert all(len(column) == 1 for column in columns)
    assert np.all(np.diff(np.concatenate(columns)) > 0)


def test_an_event_is_named_in_the_corner_while_it_lasts():
    frames, masks = frames_and_masks()
    film = list(overlay_frames(frames, masks, np.arange(30.0), Events((), (15,), 50.0)))
    plain = [overlay_frame(frame, mask) for frame, mask in zip(frames, masks, strict=True)]
    named = [n for n in range(30) if not np.array_equal(film[n][:336], plain[n])]
    assert named == [12, 13, 14, 15, 16, 17, 18]


def test_the_film_takes_frames_one_at_a_time():
    taken = []

    def source():
        for n in range(1000):
            taken.append(n)
            yield grey()

    film = overlay_frames(source(), ({"lv": disc()} for _ in range(1000)), np.ones(1000), Events((), ()))
    for _ in range(3):
        next(film)
    assert len(taken) == 3


def test_a_still_has_a_film_of_one_picture():
    assert len(list(overlay_frames([grey()], [{"lv": disc()}], [disc().sum()], Events((), ())))) == 1


def test_the_same_clip_gives_the_same_pictures():
    frames, masks = frames_and_masks(5)
    first, again = (list(overlay_frames(frames, masks, np.arange(5), Events((2,), (4,)))) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="uint8, got float64"):
        overlay_frame(np.zeros((4, 4)), {})
    with pytest.raises(InputError, match="Structures are lv"):
        overlay_frame(grey(), {"heart": disc()})
    with pytest.raises(InputError, match=r"got bool \(9, 9\)"):
        overlay_frame(grey(), {"lv": np.ones((9, 9), bool)})
    with pytest.raises(InputError, match="fill in"):
        OverlayStyle(fill=2)
