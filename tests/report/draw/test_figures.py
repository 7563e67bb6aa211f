import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from echodfkd.errors import InputError
from echodfkd.measure.beats import Events
from echodfkd.report.draw import figures

ROWS = [
    {"name": "a", "dice": 0.9, "ef_true": 60.0, "ef_predicted": 55.0},
    {"name": "b", "dice": 0.7, "ef_true": 30.0, "ef_predicted": None},
    {"name": "c", "dice": 0.8, "ef_true": 45.0, "ef_predicted": 48.0},
    {"name": "d", "dice": None, "ef_true": None, "ef_predicted": 48.0},
]


def lines(figure):
    return {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].get_lines()}


def test_the_area_figure_shows_the_curve_over_seconds_and_its_events():
    drawn = lines(figures.area_figure([5.0, 9, 4, 8], Events((1,), (2,), 2.0)))
    assert drawn["LV area"] == [[0, 5], [0.5, 9], [1, 4], [1.5, 8]]
    assert drawn["ED"] == [[0.5, 9]]
    assert drawn["ES"] == [[1, 4]]


def test_an_assumed_frame_rate_is_written_on_the_axis():
    figure = figures.area_figure(np.ones(9), Events((), (), 50.0, True))
    assert "50 frames/s assumed" in figure.axes[0].get_xlabel()


def test_the_dice_figure_sorts_the_clips():
    drawn = lines(figures.dice_figure(ROWS))
    assert [y for _, y in drawn["segmenter (mean 0.800)"]] == [0.7, 0.8, 0.9]
    with pytest.raises(InputError, match="one clip"):
        figures.dice_figure([])


def test_the_training_figure_leaves_out_what_an_epoch_lacks():
    epochs = [{"epoch": 0, "train_loss": 1.0, "val_loss": None}, {"epoch": 1, "train_loss": 0.5, "val_loss": 0.6}]
    drawn = lines(figures.training_figure(epochs, best=1))
    assert drawn["training"] == [[0, 1], [1, 0.5]]
    assert drawn["validation"] == [[1, 0.6]]
    assert "kept: epoch 1" in drawn


def test_best_median_and_worst_are_by_rank_and_ties_by_name():
    assert {key: row["name"] for key, row in figures.ranked_clips(ROWS).items()} == {
        "best": "a",
        "median": "c",
        "worst": "b",
    }
    tied = [{"name": name, "dice": 0.5} for name in "cba"]
    assert figures.ranked_clips(tied)["best"]["name"] == "a"
    assert figures.ranked_clips([]) == {}


def test_a_gallery_has_a_captioned_cell_per_picture():
    cells = [
        [("one", np.zeros((4, 4), np.uint8)), ("two", np.zeros((4, 4, 3), np.uint8))],
        [("three", np.zeros((4, 4), np.uint8))],
    ]
    figure = figures.gallery_figure(cells)
    assert [axes.get_title() for axes in figure.axes] == ["one", "two", "three", ""]


def test_pictures_survive_png_and_figures_give_the_same_bytes_twice():
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(figures.picture_png(picture)))), picture)
    first, again = (figures.png_bytes(figures.dice_figure(ROWS)) for _ in range(2))
    assert first == again
    assert first.startswith(b"\x89PNG")


def test_figures_need_no_pyplot_and_no_display():
    code = (
        "import sys, echodfkd.report.draw.figures, echodfkd.report.pages.scorecard, echodfkd.scores.scorecard\n"
        "print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
