"""What a graph gives is looked at: read as another kind, its masks would be everywhere or nowhere."""

import numpy as np
import pytest

from echodfkd.clip import Clip
from echodfkd.errors import InputError
from echodfkd.teachers.framed import Framed, check_kind
from echodfkd.teachers.settings import Input

RNG = np.random.default_rng(2)
LOGITS = RNG.normal(-2, 3, (4, 1, 8, 8)).astype(np.float32)
CLASSES = RNG.normal(0, 3, (4, 3, 8, 8)).astype(np.float32)
SIGMOID = 1 / (1 + np.exp(-LOGITS))
SOFTMAX = np.exp(CLASSES) / np.exp(CLASSES).sum(axis=1, keepdims=True)
BACKGROUND_LAST = np.full((4, 2, 8, 8), 0.02, np.float32)
"""Of a ventricle in the middle, and the background."""
BACKGROUND_LAST[:, 0, 2:6, 2:6] = 0.98
BACKGROUND_LAST[:, 1] = 1 - BACKGROUND_LAST[:, 0]
WIDE_SIGMOID = 1 / (1 + np.exp(-CLASSES))


@pytest.mark.parametrize(
    ("out", "kind"),
    [
        (LOGITS, "logits"),
        (CLASSES, "logits"),
        (SIGMOID, "probabilities"),
        (WIDE_SIGMOID, "probabilities"),
        (SIGMOID > 0.5, "probabilities"),
        (SIGMOID.astype(np.float16), "probabilities"),
        (CLASSES, "classes"),
        (SOFTMAX, "softmax"),
        (np.log(SOFTMAX), "classes"),
        (BACKGROUND_LAST[:, ::-1], "softmax"),
        (SOFTMAX.astype(np.float16), "softmax"),
    ],
)
def test_outputs_of_the_declared_kind_pass(out, kind):
    check_kind(out, kind)


@pytest.mark.parametrize(
    ("out", "kind", "way"),
    [
        (SIGMOID, "logits", "'probabilities'"),
        (WIDE_SIGMOID, "classes", "'probabilities'"),
        (SOFTMAX, "classes", "'softmax'"),
        (SOFTMAX, "probabilities", "background"),
        (SOFTMAX, "logits", "'softmax'"),
        (LOGITS, "probabilities", "'logits'"),
        (CLASSES, "softmax", "'classes'"),
        (WIDE_SIGMOID, "softmax", "'probabilities'"),
        (255 * SIGMOID, "logits", "every pixel"),
        (np.log(SOFTMAX), "logits", "'classes'"),
        (BACKGROUND_LAST, "softmax", "class 1 takes 9. %.*class 0"),
        (np.log(BACKGROUND_LAST), "classes", "class 1 takes 9. %.*class 0"),
        (np.full((1, 1, 2, 2), np.nan, np.float32), "logits", "finite"),
    ],
)
def test_outputs_of_another_kind_are_refused_with_the_way_on(out, kind, way):
    with pytest.raises(InputError, match=way):
        check_kind(out, kind)


def test_a_softmax_with_its_background_is_read_as_it_is():
    framed = Framed(lambda frames: SOFTMAX[: len(frames)], ("lv", "la"), Input(size=8, output="softmax"), 4)
    np.testing.assert_allclose(framed(Clip("a", np.zeros((4, 8, 8), np.uint8))), SOFTMAX[:, 1:], atol=1e-6)


def test_the_first_frames_of_every_clip_are_looked_at():
    framed = Framed(lambda frames: SIGMOID[: len(frames)], ("lv",), Input(size=8), 4)
    with pytest.raises(InputError, match="sigmoid"):
        framed(Clip("a", np.zeros((9, 8, 8), np.uint8)))
