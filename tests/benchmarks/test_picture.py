"""What a frame looks like: fans, regions and grains that were planted are found."""

import numpy as np
import pytest
from scripts import script

picture = script("benchmarks/picture.py")


@pytest.fixture
def fan() -> "picture.Fan":
    """A sector of 80 degrees whose tip lies in the upper middle."""
    return picture.Fan((58.0, 6.0), -40.0, 40.0)


@pytest.fixture
def mask() -> np.ndarray:
    y, x = np.mgrid[:112, :112]
    return np.hypot((x - 58) / 16, (y - 55) / 28) < 1


def test_a_drawn_fan_is_found(fan):
    distance, degrees = fan.polar(112, 112)
    lit = (degrees > fan.left) & (degrees < fan.right) & (distance < 100)
    found = picture.fan(np.stack([100 * lit, 90 * lit]).astype(np.uint8)).numbers
    assert found["tip x, px"] == pytest.approx(58, abs=1.5) and found["tip y, px"] == pytest.approx(6, abs=2)
    assert found["opening, degrees"] == pytest.approx(80, abs=3)


def test_a_black_frame_shows_no_fan():
    assert picture.fan(np.zeros((2, 112, 112), np.uint8)) is None


def test_grey_levels_are_those_of_their_regions(fan, mask):
    regions = picture.regions(mask, fan)
    assert not (regions["cavity"] & ~mask).any() and not (regions["wall"] & mask).any()
    frame = np.full((112, 112), 70, np.uint8)
    frame[mask], frame[regions["wall"]] = 8, 140
    told = picture.grey_levels(frame, mask, fan)
    assert {told[f"cavity, {q} %"] for q in picture.QUANTILES} == {8}
    assert {told[f"wall, {q} %"] for q in picture.QUANTILES} == {140}
    assert {told[f"outside, {q} %"] for q in picture.QUANTILES} == {70}


def test_a_wall_lies_beside_the_ventricle_not_above_or_below_it(fan, mask):
    wall = picture.regions(mask, fan)["wall"]
    rows = np.flatnonzero(wall.any(axis=1))
    assert rows.min() > 30 and rows.max() < 80 and wall[55].sum() == pytest.approx(10, abs=2)


def test_texture_is_drawn_out_along_the_arcs_it_was_drawn_along(fan, mask):
    """Stripes: constant at one distance from the tip, random from one distance to the next."""
    distance, degrees = fan.polar(112, 112)
    rng = np.random.default_rng(0)
    arcs = 60 + 30 * rng.standard_normal(200)[np.rint(distance / 1.5).astype(int)]
    beams = 60 + 30 * rng.standard_normal(800)[np.rint(2 * degrees).astype(int) + 400]
    told = [picture.texture(np.clip(grey, 0, 255).astype(np.uint8), mask, fan) for grey in (arcs, beams)]
    assert told[0]["across the beam, px"] > 2 * told[0]["along the beam, px"]
    assert told[1]["along the beam, px"] > 2 * told[1]["across the beam, px"]


def test_a_frame_without_tissue_has_no_texture(fan, mask):
    assert picture.texture(np.zeros((112, 112), np.uint8), mask, fan) == {}


def test_a_correlation_length_is_where_half_is_left():
    assert picture.half_width(np.array([1, 0.8, 0.4, 0.1])) == pytest.approx(1.75)
    assert picture.half_width(np.array([1.0, 0.9])) == picture.LAGS[-1]
