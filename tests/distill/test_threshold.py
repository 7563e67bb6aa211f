import numpy as np
import pytest

from echodfkd.distill.threshold import CLIPS, GRID, choose_threshold, dice_by_threshold
from echodfkd.store.store import Entry, Store, StoreWriter


@pytest.fixture
def store(tmp_path) -> Store:
    """More validation clips than are looked at, each with a lower half that is inside."""
    count = CLIPS + 10
    writer = StoreWriter(tmp_path / "store", ("la", "lv"), (8, 8), {})
    masks = np.zeros((2 * count, 2, 8, 8), np.uint8)
    masks[:, 1, 4:] = 255
    entries = [Entry(f"clip{k}", "validation", 2) for k in range(count)]
    writer.write(0, entries, np.zeros((2 * count, 8, 8), np.uint8), masks)
    return writer.finish(1)


class Planted:
    """A student whose probability is `inside` in the lower half and `outside` in the upper one; it counts its clips."""

    structures = ("lv",)
    threshold = 0.5

    def __init__(self, inside: float, outside: float):
        self.masks = np.full((2, 1, 8, 8), outside, np.float32)
        self.masks[:, :, 4:] = inside
        self.seen: list[str] = []

    def __call__(self, clip):
        self.seen.append(clip.name)
        return self.masks


@pytest.mark.parametrize("planted", [0.2, 0.5, 0.8])
def test_a_planted_threshold_is_found(store, planted):
    """Below it too much is inside, above it too little."""
    assert choose_threshold(Planted(planted + 0.02, planted - 0.02), store, store) == pytest.approx(planted)


def test_of_equal_thresholds_the_one_nearest_one_half_is_taken(store):
    assert choose_threshold(Planted(1.0, 0.0), store, store) == 0.5
    assert choose_threshold(Planted(1.0, 0.62), store, store) == pytest.approx(0.65)


def test_clips_are_taken_evenly_from_first_to_last(store):
    student = Planted(1.0, 0.0)
    choose_threshold(student, store, store)
    assert len(student.seen) == CLIPS and student.seen[0] == "clip0" and student.seen[-1] == f"clip{CLIPS + 9}"


def test_the_threshold_is_chosen_for_masks_at_the_clips_own_size(tmp_path):
    """A student at half the size is sure of a block; the cut decides how far its edge reaches at full size."""
    from echodfkd.resize import unfit

    half = np.zeros((1, 1, 4, 4), np.float32)
    half[..., 2:, :] = 1.0
    at_own_size = unfit(half, 8, 8)
    rows = at_own_size[0, 0, :, 0]
    writer = StoreWriter(tmp_path / "store", ("lv",), (8, 8), {})
    truth = 255 * (np.broadcast_to(rows[:, None] > 0.7, (1, 1, 8, 8))).astype(np.uint8)
    writer.write(0, [Entry("clip", "validation", 1)], np.zeros((1, 8, 8), np.uint8), truth)
    store = writer.finish(1)

    class Half(Planted):
        def __call__(self, clip):
            return at_own_size

    chosen = choose_threshold(Half(1, 0), store, store)
    assert np.array_equal(rows >= chosen, rows > 0.7)


def test_dice_of_every_threshold_is_that_of_the_masks_cut_there():
    random = np.random.default_rng(0)
    probabilities = random.random((3, 2, 9, 7), dtype=np.float32)
    probabilities[0, 0] = GRID[4]  # on a threshold: inside
    truth = random.random((3, 2, 9, 7)) < 0.3
    truth[2, 1] = False
    probabilities[2, 1] = 0
    table = dice_by_threshold(probabilities, truth)
    for row, cut in zip(table, GRID.astype(np.float32), strict=True):
        masks = (probabilities >= cut).reshape(6, -1)
        for value, mask, true in zip(row, masks, truth.reshape(6, -1), strict=True):
            total = mask.sum() + true.sum()
            assert value == pytest.approx(2 * (mask & true).sum() / total if total else 1)
