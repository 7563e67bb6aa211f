import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.report.draw.gallery import Shown, clip_gallery


def shown(frames=4, moments=None, size=24):
    masks = np.zeros((4, size, size), bool)
    masks[:, 4:12, 4:12] = True
    moments = {"ED": 0, "ES": 3} if moments is None else moments
    return Shown("one", "Dice 0.500", np.full((frames, size, size), 90, np.uint8), masks, masks, moments)


def test_a_clip_has_a_plain_and_an_overlaid_picture_for_every_moment():
    figure = clip_gallery([shown(), shown(moments={"ED": 1})])
    titles = [axes.get_title() for axes in figure.axes]
    pairs = [("one, ED, frame 0", "one, ES, frame 3"), ("one, ED, frame 1", "")]
    assert [(titles[n], titles[n + 2]) for n in (0, 4)] == pairs
    assert titles[1::2] == ["Dice 0.500", "Dice 0.500", "Dice 0.500", ""]


def test_without_a_moment_there_is_no_picture():
    assert clip_gallery([shown(moments={})]) is None
    assert clip_gallery([]) is None


def test_masks_of_another_clip_are_refused():
    with pytest.raises(InputError, match=r"\(3, 24, 24\).* \(4, 24, 24\)"):
        shown(frames=3)
