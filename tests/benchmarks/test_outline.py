"""Outlines of masks: where their places lie, what grey lies across them, how far another mask reaches beyond."""

import numpy as np
import pytest
from scripts import script

outline = script("benchmarks/outline.py")


@pytest.fixture
def ventricle() -> np.ndarray:
    """An upright disc drawn out to 40 x 70 pixels: a mask (112, 112)."""
    return egg()


def egg(grown: float = 0.0) -> np.ndarray:
    """All that lies within 20 pixels, or so many more, of a line of 30 pixels."""
    y, x = np.mgrid[:112, :112]
    return np.hypot(x - 60, y - np.clip(y, 40, 70)) < 20 + grown


@pytest.mark.parametrize("pixels", [3, 2, 0, -2, -3])
def test_a_grown_mask_departs_by_what_it_grew_everywhere(ventricle, pixels):
    found = outline.departures(egg(pixels), outline.outline(ventricle))
    assert found == pytest.approx(np.full(4, pixels), abs=0.2)


def test_a_shifted_mask_departs_by_its_shift_at_both_sides_and_hardly_at_apex_and_base(ventricle):
    found = outline.departures(np.roll(ventricle, 2, axis=1), outline.outline(ventricle))
    departed = dict(zip(outline.PLACES, found, strict=True))
    assert departed["lateral"] == pytest.approx(2, abs=0.3) and departed["septum"] == pytest.approx(-2, abs=0.3)
    assert abs(departed["apex"]) < 0.3 and abs(departed["base"]) < 0.3


def test_places_lie_where_their_names_say(ventricle):
    edge = outline.outline(ventricle)
    means = {name: edge.points[here].mean(axis=0) for name, here in edge.places.items()}
    assert means["septum"][0] < 50 and means["lateral"][0] > 70
    assert means["apex"][1] < 25 and means["base"][1] > 80


def test_normals_point_out_and_are_one_long(ventricle):
    edge = outline.outline(ventricle)
    away = edge.points - [60, 55]
    assert ((away * edge.normals).sum(axis=1) > 0).all()
    assert np.linalg.norm(edge.normals, axis=1) == pytest.approx(np.ones(outline.POINTS))


def test_grey_across_an_edge_is_the_cavitys_then_the_walls(ventricle):
    frame = np.where(ventricle, 10, 90).astype(np.uint8)
    for line in outline.profiles(frame, outline.outline(ventricle)):
        across = dict(zip(outline.REACH, line, strict=True))
        assert across[-4] == pytest.approx(10, abs=1) and across[4] == pytest.approx(90, abs=1)
        assert across[0] == pytest.approx(50, abs=10)


def test_what_has_no_outline_or_no_mask_has_no_departure(ventricle):
    nothing = np.zeros_like(ventricle)
    assert np.isnan(outline.departures(ventricle, outline.outline(nothing))).all()
    assert np.isnan(outline.departures(nothing, outline.outline(ventricle))).all()
    assert np.isnan(outline.profiles(np.zeros((112, 112), np.uint8), outline.outline(nothing))).all()


def test_a_mask_ends_at_the_images_border_at_the_latest():
    assert outline.signed_distance(np.ones((5, 5), np.bool_))[2].tolist() == [0.5, 1.5, 2.5, 1.5, 0.5]


def test_a_line_is_told_by_evenly_spread_points():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    found = outline.resampled(square, 8)
    assert found.tolist() == [[0, 0], [5, 0], [10, 0], [10, 5], [10, 10], [5, 10], [0, 10], [0, 5]]
