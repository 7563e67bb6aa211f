import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from echodfkd.errors import InputError
from echodfkd.evidence import reverse
from echodfkd.evidence.reverse import Atlases, Register, centred, prior_dice, reverse_dice

SIZE = 48


def egg(row, column, a=14, b=8, angle=0.1):
    y, x = np.mgrid[:SIZE, :SIZE]
    y, x = y - row, x - column
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    return (along / a) ** 2 + (across / b) ** 2 <= 1


def image(mask, seed):
    """A dark cavity in a bright wall on grey, with speckle."""
    wall = binary_dilation(mask, iterations=4)
    speckle = gaussian_filter(np.random.default_rng(seed).standard_normal(mask.shape), 0.8)
    return np.clip(np.where(mask, 20, np.where(wall, 170, 80)) + 25 * speckle, 0, 255).astype(np.uint8)


EGGS = [egg(22 + dy, 24 + dx, 14 * k, 8 * k) for dy, dx, k in ((0, 0, 1), (4, -4, 0.9), (-3, 5, 1.1), (2, 3, 0.8))]
ATLASES = Atlases(np.stack([image(mask, n) for n, mask in enumerate(EGGS)]), np.stack(EGGS))


@pytest.fixture(scope="module")
def found():
    """The registration of an egg that none of the atlases is."""
    return Register(ATLASES).correspondences(image(egg(26, 20), 9))


def test_the_true_mask_labels_other_images_well_and_every_other_mask_worse(found):
    true = egg(26, 20)
    best = reverse_dice(true, found, ATLASES)
    others = (
        binary_dilation(true, iterations=4),
        binary_erosion(true, iterations=3),
        np.roll(true, 6, axis=1),
        np.roll(true, -6, axis=0),
        egg(24, 24, 5, 5),
    )
    assert best > 0.85
    assert all(reverse_dice(other, found, ATLASES) < best - 0.05 for other in others)


def test_it_falls_with_the_true_dice(found):
    true = egg(26, 20)
    shifted = [reverse_dice(np.roll(true, way, axis=1), found, ATLASES) for way in (0, 4, 8, 12)]
    assert shifted == sorted(shifted, reverse=True)


def test_an_image_registered_to_itself_lies_on_itself():
    (one,) = Register(Atlases(ATLASES.frames[:1], ATLASES.masks[:1])).correspondences(ATLASES.frames[0])
    assert one.atlas == 0 and (one.places == np.arange(SIZE**2).reshape(SIZE, SIZE)).mean() > 0.99
    assert reverse_dice(EGGS[0], [one], ATLASES) > 0.99


def test_a_shifted_image_is_followed_without_the_demons(monkeypatch):
    """6 pixels down and 6 to the left lie on the grid of places that are tried."""
    moved = np.roll(ATLASES.frames[0], (6, -6), axis=(0, 1))
    monkeypatch.setattr(reverse, "SIZES", (1.0,))
    monkeypatch.setattr(reverse, "SHIFTS", np.linspace(-0.25, 0.25, 9))
    register = Register(Atlases(ATLASES.frames[:1], ATLASES.masks[:1]), iterations=0)
    (one,) = register.correspondences(moved)
    row, column = np.divmod(one.places[20:28, 20:28], SIZE)
    y, x = np.mgrid[20:28, 20:28]
    assert (row - y == 6).all() and (column - x == -6).all()


def test_the_most_alike_atlases_come_first():
    places = [image(EGGS[2], 20), image(EGGS[3], 21)]
    register = Register(ATLASES, nearest=2)
    assert [register.correspondences(frame)[0].atlas for frame in places] == [2, 3]
    assert len(register.correspondences(places[0])) == 2


def test_it_is_the_same_every_time(found):
    again = Register(ATLASES).correspondences(image(egg(26, 20), 9))
    assert all((a.places == b.places).all() for a, b in zip(found, again, strict=True))


def test_an_empty_mask_predicts_nothing(found):
    assert reverse_dice(np.zeros((SIZE, SIZE), np.bool_), found, ATLASES) == 0
    assert prior_dice(np.zeros((SIZE, SIZE), np.bool_), ATLASES) == 0


def test_the_prior_looks_at_shape_and_size_and_not_at_place():
    assert prior_dice(np.roll(EGGS[0], 9, axis=1), ATLASES) > 0.97
    assert prior_dice(egg(24, 24, 5, 5), ATLASES) < 0.6
    row, column = np.argwhere(centred(np.roll(EGGS[0], (5, -9), axis=(0, 1)))).mean(axis=0)
    assert (row, column) == pytest.approx(((SIZE - 1) / 2, (SIZE - 1) / 2), abs=0.1)


def test_what_cannot_be_registered_is_refused(found):
    with pytest.raises(InputError, match=r"48 pixels .*got uint8 \(20, 20\)"):
        Register(ATLASES).correspondences(np.zeros((20, 20), np.uint8))
    with pytest.raises(InputError, match="one registered atlas"):
        reverse_dice(EGGS[0], [], ATLASES)
