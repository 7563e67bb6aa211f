"""Which evidence follows true Dice on real clips, on drawn eggs: how clips are cut, masks spoilt, and what is found."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau
from scripts import script

from echodfkd.errors import InputError
from echodfkd.evidence.clip_rows import Judging
from echodfkd.evidence.shown import RealHearts
from echodfkd.files import shaped
from echodfkd.video import write

benchmark = script("benchmarks/label_free_real.py")
SIZE = 64


class Bright:
    """A judge to whom the wall is what is bright, and the ventricle what is dark."""

    name = "bright"

    def similarities(self, frames, prompts):
        value = frames.mean(axis=(1, 2)) / 255
        return {name: -value if name == "left_ventricle" else value for name in prompts}


def egg(height: float) -> np.ndarray:
    """A dark egg (SIZE, SIZE) bool, as high as wide once and a half."""
    row, column = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    return (row / height) ** 2 + (1.5 * column / height) ** 2 <= 1


@pytest.fixture
def real(tmp_path) -> Path:
    """Two clips of 40 frames whose eggs shrink from frame 4 (ED) to 20 (ES), the second the other way round."""
    folder = tmp_path / "validation" / "clips"
    folder.mkdir(parents=True)
    rows = ["FileName,EF,FPS,ED,ES,Frames,ReaderSaw"]
    for name, (ed, es) in {"one": (4, 20), "two": (20, 4)}.items():
        heights = np.interp(np.arange(40), sorted((ed, es)), [20, 15] if ed < es else [15, 20])
        masks = np.stack([egg(height) for height in heights])
        frames = np.where(masks, 20, 150) + np.random.default_rng(0).integers(0, 20, masks.shape)
        write(folder / f"{name}.avi", frames.astype(np.uint8), 50)
        np.savez(folder / f"{name}.human.npz", ed_frame=ed, es_frame=es, ed_mask=masks[ed], es_mask=masks[es])
        rows.append(f"{name},50,50,{ed},{es},40,0")
    (tmp_path / "validation" / "clips.csv").write_text("\n".join(rows))
    return tmp_path


def test_a_clip_is_cut_around_its_two_masks_in_the_order_of_time(real):
    one, two = benchmark.read_cases(real, 9, 24)
    assert len(one.clip.frames) == 24 and one.at == (4, 20) and two.at == (4, 20)
    assert one.human[0].sum() > one.human[1].sum() and two.human[0].sum() < two.human[1].sum()
    short = benchmark.read_cases(real, 1, 5)[0]
    assert short.at == (0, 16) and len(short.clip.frames) == 17
    assert short.pair.clip.fps == pytest.approx(50 / 16) and len(short.pair.clip.frames) == 2


def test_an_opened_base_reaches_down_and_a_cut_apex_lacks_the_top():
    mask = np.zeros((1, SIZE, SIZE), np.bool_)
    mask[0, 10:40, 25:35] = True
    assert benchmark.reaching(mask, 8)[0].nonzero()[0].max() == 47 and benchmark.reaching(mask, 8).sum() == 380
    cut = benchmark.without_apex(mask, 0.2)
    assert cut[0].nonzero()[0].min() == 16 and not (cut & ~mask).any()


def test_kendalls_tau_is_scipys():
    both = np.random.default_rng(0).integers(0, 4, (5, 9, 2)).astype(float)
    assert benchmark.kendall(both) == pytest.approx(kendalltau(*both.mean(axis=0).T).statistic)
    assert np.isnan(benchmark.kendall(np.ones((3, 4, 2))))


@pytest.fixture
def found(real):
    """Three models: the right one and two further and further aside; and the first one in the ways of WORSE."""
    cases = benchmark.read_cases(real, 9, 24)
    right = [np.stack([one.human[0 if frame < 12 else 1] for frame in range(24)]) for one in cases]
    masks = {
        "right": right,
        "near": [np.roll(one, 2, axis=2) for one in right],
        "aside": [np.roll(one, 8, axis=2) for one in right],
    }
    judging = Judging(frames=1, atlases=0, resamples=20)
    return benchmark.measured(cases, masks | benchmark.worse(masks), Bright(), judging)


def test_what_sees_an_edge_follows_dice_and_what_sees_no_image_does_not(found):
    assert found.dice["right"].value == 1 and found.models == ("right", "near", "aside")
    assert list(found.dice)[3:] == [f"right, {name}" for name in benchmark.WORSE]
    edges = found.evidence["edges"]
    assert edges.models.spearman.value == edges.models.kendall.value == 1 and edges.segmenters.spearman.value > 0
    assert set(edges.preferred) == set(benchmark.SPOILT) and edges.preferred["shifted 8"].value == 1
    assert found.evidence["present"].segmenters.spearman is None
    assert found.evidence["present"].preferred["grown 4"].value == 0.5
    assert not found.evidence["agreement"].preferred and not found.evidence["smoothness"].preferred


def test_a_judge_is_asked_of_segmenters_and_of_spoilt_masks(found):
    assert found.judge == "bright" and "judge.wall" in found.evidence
    assert found.evidence["judge.cavity"].preferred["shrunk 4"].value == 1


def test_the_file_is_the_table_that_judge_reads_and_names_no_clip(real, found, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "models", lambda real, names: {})
    monkeypatch.setattr(benchmark, "segmented", lambda cases, models: {"right": []})
    monkeypatch.setattr(benchmark, "measured", lambda *given: found)
    written = real / "found.json"
    monkeypatch.setattr(sys, "argv", ["x", str(real), "--json", str(written), "--judge", "none"])
    benchmark.main()
    shown = capsys.readouterr().out
    assert all(f"\n{key} " in shown for key in found.evidence)
    table = shaped(RealHearts, json.loads(written.read_text()))
    assert table.clips == 2 and table.followed("edges").value == 1 and table.followed("present") is None
    assert not any(name in written.read_text() for name in ("one.avi", '"one"', '"two"', "clip 1"))


def test_a_folder_without_clips_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"label_free_real: .* holds no clips with two human masks"):
        benchmark.main()
    with pytest.raises(InputError, match="two human masks"):
        benchmark.read_cases(tmp_path, 1, 8)
