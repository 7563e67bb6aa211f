"""Hearts drawn to order could be a patient's, as far as the view check tells."""

import numpy as np

from echodfkd.measure.view import view_of
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.pathology import CHANGES
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.web.drawn import FPS, drawn
from echodfkd.web.runs import mask_of


def test_a_drawn_heart_is_one_that_the_view_check_lets_pass(tmp_path):
    heart = {"ejection_fraction": 55, "heart_rate": 70, "quality": 0.8, "illness": "none", "seed": 8}
    beat = {"ejection_fraction": (55, 55), "heart_rate": (70, 70), "quality": (0.8, 0.8), "fps": (FPS, FPS)}
    asked = Conditions(**beat, **dict.fromkeys(CHANGES, 0.0), cropped=1.0, full_depth=0.0)
    first = generate([draw_recipe(asked, 8, 0, 111)], structures=("lv",), annotator="traced")
    assert view_of(first.frames[0], first.masks[0, :, 0] > 127).refused  # the first that the seed gives is not one
    source, truth = drawn("drawn heart", heart, tmp_path, lambda _: None)
    frames = np.stack(list(source.frames()))
    masks = np.stack([mask_of(one, source.size) for one in truth["runs"]])
    assert len(frames) == 111 and not view_of(frames, masks).refused
    again, _ = drawn("drawn heart", heart, tmp_path, lambda _: None)
    assert (np.stack(list(again.frames())) == frames).all()
