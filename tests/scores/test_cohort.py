"""A cohort is scored beside its members: planted members of known worth come out in their order."""

from collections.abc import Iterator

import numpy as np
import pytest

from echodfkd.clip import Clip, Masks
from echodfkd.scores.cohort import dice_of_each
from echodfkd.store.store import Entry, Store, StoreWriter
from echodfkd.teachers.fusion import Fusion, Member


class Moved:
    """The truth, moved sideways by some pixels; truth is what is bright."""

    structures, threshold = ("lv",), 0.5

    def __init__(self, pixels: int):
        self.pixels = pixels

    def __call__(self, clip: Clip) -> Masks:
        return np.roll((clip.frames > 100).astype(np.float32), self.pixels, axis=2)[:, None]


@pytest.fixture
def clips(tmp_path) -> Iterator[Store]:
    masks = np.zeros((4, 20, 20), bool)
    masks[:, 6:14, 6:14] = True
    writer = StoreWriter(tmp_path, ("lv",), (20, 20), {})
    writer.write(
        0,
        [Entry("one", "validation", 4)],
        np.where(masks, 200, 10).astype(np.uint8),
        255 * masks[:, None].astype(np.uint8),
    )
    yield writer.finish(1)


@pytest.mark.parametrize("rule", ["mean", "majority"])
def test_members_that_err_to_both_sides_are_right_together(clips, rule):
    members = [Member(str(k), Moved(k)) for k in (-1, 0, 2)]
    together, *each = dice_of_each(Fusion(members, ("lv",), rule), rule, clips, "one")
    assert each == pytest.approx([7 / 8, 1, 6 / 8])  # of 8 columns 7, 8 and 6 are met, as many on both sides
    assert together == 1
