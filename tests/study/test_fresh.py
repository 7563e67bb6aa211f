"""Clips drawn beside the training: the same whoever draws them, never one of the store's, gone when the training is."""

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import forked
import numpy as np
import pytest
import torch

from echodfkd.commands.distill import distill
from echodfkd.commands.label import label
from echodfkd.commands.synth import synth
from echodfkd.errors import OutputError, StudyError
from echodfkd.files import read_json, sha256
from echodfkd.resize import fit
from echodfkd.scores.known_clips import known_clips
from echodfkd.store.store import Store
from echodfkd.study.file import read_study
from echodfkd.study.fresh import FIRST_NUMBER, FreshBatches, FreshWindows
from echodfkd.study.settings import Study
from echodfkd.synthetic.annotator import TRACED
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import draw_recipe

FRESH = Path(__file__).parents[2] / "studies" / "fresh.toml"


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(FRESH)


@pytest.fixture(scope="module")
def stores(study, tmp_path_factory) -> tuple[Store, Store]:
    folder = tmp_path_factory.mktemp("fresh")
    clips = synth(study, folder / "clips")
    return clips, label(study, clips, folder / "labels")


@pytest.fixture(scope="module")
def undisturbed(study, stores, tmp_path_factory) -> Path:
    """A student whose clips were drawn by the process that taught it; by the command, as one thread or two differ."""
    folder = tmp_path_factory.mktemp("fresh") / "student"
    result = forked.run(*distilling(stores, folder), "--workers", 0)
    assert result.returncode == 0, result.stderr
    return folder


def distilling(stores, out: Path) -> tuple[object, ...]:
    """The command that teaches the study's student in `out`."""
    return ("distill", FRESH, "--clips", stores[0].place, "--labels", stores[1].place, "--out", out)


def test_a_batch_holds_the_recipes_clips_and_their_truth(study):
    plain = replace(study, training=replace(study.training, backwards=0.0, stills=0.0))
    batches = FreshBatches(plain)
    frames, masks = batches[batches.per_epoch + 2]  # the last of the second epoch: its fifth clip alone
    recipe = draw_recipe(study.conditions, study.seed, FIRST_NUMBER + 5 + 4, 12)
    made = generate([recipe], structures=("lv",), annotator=TRACED)
    assert np.array_equal(frames[0, :, 0], fit(made.frames[0], 28))
    assert np.array_equal(masks[0], fit(made.masks[0], 28))


def test_no_clip_comes_twice_and_none_is_shaped_otherwise(study):
    batches = FreshBatches(study)
    drawn = [batches[k] for k in range(2 * batches.per_epoch)]
    assert [len(frames) for frames, _ in drawn] == [2, 2, 1, 2, 2, 1]
    assert all(f.shape[1:] == (12, 1, 28, 28) and m.shape[1:] == (12, 1, 28, 28) for f, m in drawn)
    assert len({clip.tobytes() for frames, _ in drawn for clip in frames}) == 10


def test_shares_turn_frames_and_masks_together(study):
    forwards, backwards = (
        FreshBatches(replace(study, training=replace(study.training, backwards=share, stills=0.0)))[0]
        for share in (0.0, 1.0)
    )
    assert all(np.array_equal(back[:, ::-1], as_is) for back, as_is in zip(backwards, forwards, strict=True))


def test_workers_draw_what_this_process_draws_wherever_it_begins(study):
    alone = FreshBatches(study)
    with FreshWindows(study, workers=2) as source:
        drawn = [*source.epoch(1), *source.epoch(2), *source.epoch(0)]  # ahead, then back: a training begun anew
    for k, (frames, masks) in zip([3, 4, 5, 6, 7, 8, 0, 1, 2], drawn, strict=True):
        expected = alone[k]
        assert np.array_equal(frames, expected[0]) and np.array_equal(masks, expected[1])


def test_the_store_of_a_fresh_study_holds_no_training_clip(study, stores):
    assert {entry.split for entry in stores[0].entries} == {"validation", "test"}
    assert "train" not in stores[0].settings["clips"]


def test_validation_lends_its_clips_to_baselines_where_none_to_train_on_is_kept(stores):
    clips, _ = stores
    labels, lent = known_clips(clips.place, "test"), clips.split("validation")
    assert labels.training_ef == np.mean([entry.facts["truth"]["ejection_fraction"] for entry in lent])
    for masks, entry in zip(labels.training_masks(), lent, strict=True):
        assert np.array_equal(masks, clips.masks(entry.name)[:, 0] >= 128)


@pytest.mark.long
def test_killed_while_it_learns_it_leaves_no_worker_and_ends_as_if_undisturbed(stores, undisturbed, tmp_path):
    out = tmp_path / "student"
    process = forked.started(*distilling(stores, out))
    while process.is_alive() and not (tmp_path / "student-training" / "last.ckpt").is_file():
        time.sleep(0.002)
    workers = children(process.pid)
    process.kill()
    process.join()
    assert workers and not out.is_dir()
    while any(Path(f"/proc/{worker}/task").is_dir() for worker in workers):  # the test's own limit ends a wait in vain
        time.sleep(0.05)
    again = forked.run(*distilling(stores, out))
    assert again.returncode == 0, again.stderr
    for name in ("student/model.safetensors", "student-training/curve.csv"):
        assert sha256(tmp_path / name) == sha256(undisturbed.parent / name), name


def children(parent: int) -> list[int]:
    """The processes that `parent` started, as Linux lists them."""
    return [
        int(pid) for task in Path(f"/proc/{parent}/task").iterdir() for pid in (task / "children").read_text().split()
    ]


def test_a_worker_ended_from_outside_is_told_in_one_line(study):
    long = replace(study, training=replace(study.training, epochs=20))  # more batches than are drawn ahead
    with pytest.raises(OutputError, match="ended from outside"), FreshWindows(long, 1) as source:
        for number in range(long.training.epochs):
            for _ in source.epoch(number):
                for worker in multiprocessing.active_children():
                    worker.kill()
                    worker.join()
        pytest.fail("the batches went on")


@pytest.mark.long
def test_what_is_drawn_belongs_to_what_a_student_is_made_from(study, stores, undisturbed, monkeypatch):
    made_from = read_json(undisturbed / "model.json")["provenance"]["made_from"]
    assert made_from["fresh"]["annotator"] == "traced" and made_from["fresh"]["train"]["count"] == 5
    more = replace(study, conditions=replace(study.conditions, arrhythmia=0.5))
    with pytest.raises(StudyError, match="another study"):
        distill(more, *stores, undisturbed, workers=0)
    monkeypatch.setattr("echodfkd.commands.distill.GENERATOR", 0)
    with pytest.raises(StudyError, match="another study"):
        distill(study, *stores, undisturbed, workers=0)


def test_torch_keeps_its_chance_to_itself(study):
    """Whatever a loader draws for its workers is not taken from the training's generator."""
    before = torch.get_rng_state()
    with FreshWindows(study, workers=0) as source:
        next(iter(source.epoch(0)))
    assert torch.equal(torch.get_rng_state(), before)
