import numpy as np
import pytest
from planted_hearts import ellipse
from scipy.ndimage import binary_dilation, binary_erosion

from echodfkd.errors import InputError
from echodfkd.evidence.edges import edge_contrast


def image(mask, inside=20, outside=180):
    noise = np.random.default_rng(0).integers(-15, 16, (3, *mask.shape))
    return (np.where(mask, inside, outside) + noise).astype(np.uint8)


def test_the_outline_of_a_dark_cavity_has_its_contrast():
    """(180 - 20) / (180 + 20), but for what blurring by half a pixel takes."""
    mask = ellipse(28, 14)
    assert edge_contrast(image(mask), np.stack([mask] * 3)) == pytest.approx(0.8, abs=0.12)
    assert edge_contrast(image(~mask), np.stack([mask] * 3)) == pytest.approx(-0.8, abs=0.12)


def test_every_other_size_and_place_has_less():
    mask = ellipse(28, 14)
    others = binary_dilation(mask, iterations=5), binary_erosion(mask, iterations=5), np.roll(mask, 8, axis=1)
    best = edge_contrast(image(mask), np.stack([mask] * 3))
    assert all(edge_contrast(image(mask), np.stack([other] * 3)) < 0.4 * best for other in others)


def test_no_outline_has_no_contrast():
    frames = image(ellipse(28, 14))
    assert edge_contrast(frames, np.zeros(frames.shape, np.bool_)) == 0
    assert edge_contrast(frames, np.ones(frames.shape, np.bool_)) == 0


def test_frames_and_masks_of_two_sizes_are_refused():
    with pytest.raises(InputError, match=r"\(3, 112, 112\) and masks \(2, 112, 112\)"):
        edge_contrast(image(ellipse(28, 14)), np.zeros((2, 112, 112), np.bool_))
