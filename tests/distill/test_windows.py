import numpy as np
import pytest

from echodfkd.distill.settings import Training
from echodfkd.distill.windows import (
    Batches,
    StoreWindows,
    Window,
    check_windows,
    draw_windows,
    example,
    middle_windows,
    order,
)
from echodfkd.errors import InputError
from echodfkd.store.store import Entry, Store, StoreWriter

LENGTHS = {"a": 5, "b": 9, "c": 30}
ENTRIES = [Entry(name, "train", frames) for name, frames in LENGTHS.items()]


@pytest.fixture
def store(tmp_path) -> Store:
    """Three clips whose grey level tells clip and frame, masks of two structures that tell them apart."""
    writer = StoreWriter(tmp_path / "store", ("lv", "la"), (8, 8), {})
    frames = np.concatenate(
        [
            np.full((n, 8, 8), 50 * k, np.uint8) + np.arange(n, dtype=np.uint8)[:, None, None]
            for k, n in enumerate(LENGTHS.values())
        ]
    )
    masks = np.stack([np.full_like(frames, 255), np.zeros_like(frames)], axis=1)
    writer.write(0, ENTRIES, frames, masks)
    return writer.finish(1)


def test_every_clip_gives_one_window_that_lies_inside_it():
    windows = draw_windows(ENTRIES, 5, seed=0, epoch=3)
    assert sorted(window.name for window in windows) == sorted(LENGTHS)
    assert all(0 <= window.start <= LENGTHS[window.name] - window.length for window in windows)


def test_windows_depend_on_seed_and_epoch_alone():
    assert draw_windows(ENTRIES, 3, 1, 2) == draw_windows(ENTRIES, 3, 1, 2)
    drawn = {tuple(draw_windows(ENTRIES, 3, seed, epoch)) for seed in (0, 1) for epoch in range(4)}
    assert len(drawn) == 8


def test_every_start_comes_up_in_the_long_run():
    starts = {w.start for epoch in range(60) for w in draw_windows(ENTRIES, 5, 0, epoch) if w.name == "b"}
    assert starts == {0, 1, 2, 3, 4}


def test_validation_looks_at_the_middle():
    assert [window.start for window in middle_windows(ENTRIES, 5)] == [0, 2, 12]


def test_batches_hold_the_frames_and_the_wanted_structures(store):
    windows = [Window("b", 2, 3), Window("a", 1, 3), Window("c", 27, 3)]
    batches = Batches(store, store, ("la", "lv"), 8, windows, batch=2)
    (frames, masks), (last, _) = batches
    assert len(batches) == 2 and frames.shape == (2, 3, 1, 8, 8) and masks.shape == (2, 3, 2, 8, 8)
    assert frames[0, :, 0, 0, 0].tolist() == [52, 53, 54] and last[0, :, 0, 0, 0].tolist() == [127, 128, 129]
    assert (masks[:, :, 0] == 0).all() and (masks[:, :, 1] == 255).all()


def test_batches_resample_by_area(store):
    frames, masks = next(iter(Batches(store, store, ("lv",), 4, [Window("a", 0, 2)], batch=1)))
    assert frames.shape[-2:] == masks.shape[-2:] == (4, 4)
    assert (frames[0, 1] == 1).all() and (masks == 255).all()


def test_windows_are_played_as_they_are_unless_a_share_is_asked_for():
    assert all(order(Training(window=4), 0, epoch, k) is None for epoch in range(5) for k in range(50))
    assert order(Training(window=4, backwards=1.0), 0, 1, 2) == (3, 2, 1, 0)


def test_shares_of_stills_and_of_backward_windows_come_true():
    training = Training(window=8, stills=0.25, backwards=0.5)
    orders = [order(training, 0, epoch, k) for epoch in range(40) for k in range(100)]
    stills = [seen for seen in orders if seen and len(set(seen)) == 1]
    assert len(stills) / len(orders) == pytest.approx(0.25, abs=0.03)
    assert orders.count(tuple(range(8))[::-1]) / (len(orders) - len(stills)) == pytest.approx(0.5, abs=0.03)
    assert {seen[0] for seen in stills} == set(range(8))


def test_orders_depend_on_seed_epoch_and_number_alone():
    training = Training(window=8, stills=0.5, backwards=0.5)
    drawn = [[order(training, seed, epoch, k) for k in range(40)] for seed in (0, 1) for epoch in (0, 1)]
    assert drawn[3] == [order(training, 1, 1, k) for k in range(40)]
    assert len({tuple(orders) for orders in drawn}) == 4


def test_frames_and_masks_of_an_example_are_shown_in_the_same_order():
    frames = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    masks = np.stack([frames + 100, frames + 200], axis=1)
    for seen in ((4, 3, 2, 1, 0), (2, 2, 2, 2, 2), None):
        shown, labelled = example(frames, masks, 2, seen)
        assert shown.shape == (5, 1, 2, 2) and shown[:, 0, 0, 0].tolist() == list(seen or range(5))
        assert (labelled == shown + np.array([100, 200], np.uint8)[:, None, None]).all()


def test_looks_reach_the_windows_of_a_store_and_not_those_of_validation(store):
    def shown(altered, batch=2):
        training = Training(window=3, size=8, batch=batch, altered=altered)
        return list(StoreWindows(store, store, ("lv",), training, 5).epoch(1))

    plain, other, again = shown(0.0), shown(1.0), shown(1.0, batch=3)
    assert all(not np.array_equal(a[0], b[0]) for a, b in zip(plain, other, strict=True))
    windows = [np.concatenate([batch[0] for batch in batches]) for batches in (other, again)]
    np.testing.assert_array_equal(*windows)  # whatever the batch, a window has its own look
    assert all(window.look is None for window in middle_windows(ENTRIES, 3))


def test_a_store_plays_backwards_the_very_windows_that_it_cuts(store):
    backwards = Training(window=3, size=8, batch=2, backwards=1.0)
    sources = [
        StoreWindows(store, store, ("lv",), training, 5)
        for training in (backwards, Training(window=3, size=8, batch=2))
    ]
    for (back, _), (as_is, _) in zip(*(source.epoch(7) for source in sources), strict=True):
        assert (back.flip(1) == as_is).all()


@pytest.mark.parametrize(
    ("structures", "length", "split", "told"),
    [
        (("rv",), 5, "train", "lv, la but not rv"),
        (("lv",), 6, "train", "Clip a .*5 frames.* window of 6"),
        (("lv",), 5, "validation", "no split 'validation'"),
    ],
)
def test_stores_that_cannot_teach_are_refused(store, structures, length, split, told):
    with pytest.raises(InputError, match=told):
        check_windows(store, store, structures, length, split)


def test_labels_of_other_clips_are_refused(store, tmp_path):
    writer = StoreWriter(tmp_path / "labels", ("lv",), (8, 8), {}, with_frames=False)
    writer.write(0, [Entry("a", "train", 4)], None, np.zeros((4, 1, 8, 8), np.uint8))
    with pytest.raises(InputError, match=r"Clip a .*5 frames but 4"):
        check_windows(store, writer.finish(1), ("lv",), 4, "train")
