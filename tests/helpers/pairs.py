"""A prediction beside what is known of its clip, both from masks (time, height, width) bool."""

import numpy as np

from echodfkd.data.dataset import KnownClip
from echodfkd.scores.predictions import Prediction


def pair(name, predicted, true, fps=None, ed=(), es=(), ef=None, *, labelled=None, every_beat=True, **more):
    """`labelled` are the frames that have a true mask; None: all."""
    frames = tuple(range(len(true))) if labelled is None else tuple(labelled)
    masks = np.asarray(true)[list(frames)][:, None]
    known = KnownClip(frames, ("lv",), masks, tuple(ed), tuple(es), len(true), every_beat, ejection_fraction=ef, **more)
    return Prediction(name, np.asarray(predicted), fps), known
