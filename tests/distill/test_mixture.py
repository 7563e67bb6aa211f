"""Real clips beside drawn ones: the share of every batch, whose turn it is, and what validation looks at."""

from collections import Counter
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from echodfkd.distill.mixture import RealWindows, joined, mixed, validation, validation_pairs
from echodfkd.distill.settings import Training
from echodfkd.distill.threshold import choose_threshold
from echodfkd.distill.train import train
from echodfkd.errors import InputError, StudyError
from echodfkd.store.store import KNOWN, Entry, Store, StoreWriter
from echodfkd.student.settings import NetworkSettings

TRAINING = Training(window=4, size=8, batch=4, real_share=0.25, epochs=1, precision="float32")
LV = ("lv",)


def made(folder, level: int, train: int, validation: int, **facts) -> Store:
    """Clips of 6 frames whose grey level is `level` and the clip's number more; masks of `lv` that are full."""
    names = [("train", k) for k in range(train)] + [("validation", k) for k in range(validation)]
    entries = [Entry(f"{level}-{n}", split, 6, 50.0, facts) for n, (split, _) in enumerate(names)]
    frames = np.repeat(np.arange(level, level + len(entries), dtype=np.uint8), 6)[:, None, None] * np.ones(
        (1, 8, 8), np.uint8
    )
    writer = StoreWriter(folder / str(level), ("lv",), (8, 8), {})
    writer.write(0, entries, frames, np.full((len(frames), 1, 8, 8), 255, np.uint8))
    return writer.finish(1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    store = made(tmp_path_factory.mktemp("drawn"), 0, 9, 2)
    return store, store


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    store = made(tmp_path_factory.mktemp("real"), 100, 5, 1)
    return store, store


def levels(batch) -> list[int]:
    """The grey level of every window, which names its clip."""
    return batch[0][:, 0, 0, 0, 0].tolist()


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_every_batch_has_its_share_of_real_windows(drawn, real, share):
    training = replace(TRAINING, real_share=share)
    for number in range(3):
        batches = list(mixed(drawn, real, LV, training, 0).epoch(number))
        assert all(sum(level >= 100 for level in levels(batch)) == 4 * share for batch in batches)
        assert sorted(level for batch in batches for level in levels(batch) if level < 100) == list(range(9))


def test_a_share_of_one_shows_each_real_clip_and_no_share_each_drawn_one(drawn, real):
    alone = mixed(drawn, real, LV, replace(TRAINING, real_share=1.0), 0).epoch(0)
    assert sorted(chain(*map(levels, alone))) == [100, 101, 102, 103, 104]
    without = mixed(drawn, None, LV, replace(TRAINING, real_share=0.0), 0).epoch(0)
    assert sorted(chain(*map(levels, without))) == list(range(9))


def test_every_real_clip_is_seen_before_any_comes_again(drawn, real):
    source = mixed(drawn, real, LV, replace(TRAINING, real_share=0.5), 0)
    seen = [level for number in range(6) for batch in source.epoch(number) for level in levels(batch) if level >= 100]
    assert len(seen) == 60  # 5 batches of 2 in each of 6 epochs
    for first in range(0, 60, 5):
        assert sorted(seen[first : first + 5]) == [100, 101, 102, 103, 104]
    assert len({tuple(seen[first : first + 5]) for first in range(0, 60, 5)}) > 3  # in an order of each pass's own


def test_what_is_drawn_depends_on_seed_and_epoch_alone(drawn, real):
    def epoch(seed: int, number: int) -> list[list[int]]:
        return [levels(batch) for batch in mixed(drawn, real, LV, TRAINING, seed).epoch(number)]

    assert epoch(1, 4) == epoch(1, 4) and epoch(1, 4) != epoch(1, 5) and epoch(1, 4) != epoch(2, 4)


def test_starts_of_real_windows_are_all_over_the_clip(real):
    source = RealWindows(*real, LV, TRAINING, 0)
    starts = Counter(window.start for number in range(30) for window in source.part(number, 3).windows)
    assert set(starts) == {0, 1, 2}


def test_drawn_windows_are_those_of_a_study_without_real_ones(drawn, real):
    with_real = mixed(drawn, real, LV, TRAINING, 0).epoch(2)
    alone = mixed(drawn, None, LV, TRAINING.drawn_alone, 0).epoch(2)
    for both, one in zip(with_real, alone, strict=True):
        assert torch.equal(both[0][: len(one[0])], one[0])


def test_what_is_known_is_said_of_all_windows_where_it_is_said_of_some():
    frames, masks = torch.zeros(2, 1, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, 1, 2, 4, 4, dtype=torch.uint8)
    known = torch.tensor([[True, False], [False, True]])
    assert len(joined((frames, masks), (frames, masks))) == 2
    assert joined((frames, masks), (frames, masks, known))[2].tolist() == [[True, True]] * 2 + known.tolist()


def test_validation_looks_at_what_is_taught(drawn, real, tmp_path):
    training_clips_only = made(tmp_path, 50, 2, 0)
    pair = (training_clips_only, training_clips_only)
    assert validation_pairs(drawn, None, Training()) == [drawn]
    assert validation_pairs(drawn, real, TRAINING) == [drawn, real]
    assert validation_pairs(drawn, pair, TRAINING) == [drawn]
    assert validation_pairs(drawn, real, replace(TRAINING, real_share=1.0)) == [real]
    seen = [level for batch in validation([drawn, real], LV, TRAINING) for level in levels(batch)]
    assert seen == [9, 10, 105]
    with pytest.raises(InputError, match="no split 'validation'"):
        validation([pair], LV, TRAINING)


def test_the_threshold_is_that_of_all_validation_pairs(real, tmp_path):
    class Bright:
        """A segmenter whose probability is the frame's grey level."""

        structures, threshold = LV, 0.5

        def __call__(self, clip):
            return np.repeat(clip.frames[:, None].astype(np.float32) / 255, 1, axis=1)

    assert choose_threshold(Bright(), *real) == 0.4  # grey level 105 is inside, and nothing nearer 0.5 has it
    dark = made(tmp_path, 20, 0, 1)
    assert choose_threshold(Bright(), *real, others=[(dark, dark)]) == 0.05


def test_a_student_learns_from_both(drawn, real, tmp_path):
    taught = train(*drawn, NetworkSettings(blocks=1, filters=2), TRAINING, 0, tmp_path, real=real)
    assert len(taught.curve) == 1


def test_real_clips_that_cannot_teach_are_refused(drawn, real, tmp_path):
    unknown = made(tmp_path, 200, 2, 1, **{KNOWN: []})
    with pytest.raises(InputError, match="200-0 teaches nothing"):
        mixed(drawn, (unknown, unknown), LV, TRAINING, 0)


@pytest.mark.parametrize(("share", "batch"), [(0.3, 8), (1.5, 8), (-0.5, 2)])
def test_a_share_makes_whole_windows(share, batch):
    with pytest.raises(StudyError, match=f"got {share} of {batch}"):
        Training(real_share=share, batch=batch)
    assert Training(real_share=0.1, batch=30).real_windows == 3
