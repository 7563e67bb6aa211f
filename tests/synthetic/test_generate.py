from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.path import Path
from skimage.draw import polygon2mask

from echodfkd.clip import STRUCTURES
from echodfkd.errors import InputError
from echodfkd.synthetic import beat
from echodfkd.synthetic import generate as module
from echodfkd.synthetic.annotator import TRACED
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.heart import heart
from echodfkd.synthetic.recipe import Conditions, draw_recipe

STILL = {"drift": 0.0, "rocking": 0.0}
LV, MYOCARDIUM = STRUCTURES.index("lv"), STRUCTURES.index("myocardium")


@pytest.fixture(scope="module")
def recipes():
    return [draw_recipe(Conditions(fps=(30, 40)), 11, number, 48) for number in range(6)]


@pytest.fixture(scope="module")
def rendered(recipes):
    return generate(recipes)


def discs(mask, apex, base):
    """Volume in pixels cubed of a mask (height, width) by 60 discs across the line from `apex` to `base` (x, y)."""
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows], axis=1) + 0.5 - apex
    axis = (base - apex) / np.linalg.norm(base - apex)
    along = points @ axis
    edges = np.linspace(along.min() - 0.5, along.max() + 0.5, 61)
    area, _ = np.histogram(along, edges)
    height = edges[1] - edges[0]
    return float((np.pi / 4 * (area / height) ** 2 * height).sum())


def fraction_of(truth, events):
    """Percent that the volume curve ejects between two frames."""
    return 100 * (1 - truth.volume_ml[events[1]] / truth.volume_ml[events[0]])


def shape(recipe):
    return heart(recipe.anatomy, recipe.tracing, beat.cycle(recipe.rhythm, recipe.frames))


def unbounded(recipe):
    """The same heart in a sector that holds the whole image: what lies outside a sector is not labelled."""
    return replace(recipe, acoustics=replace(recipe.acoustics, probe_y=-0.3, half_angle=80, depth=2))


def ends(contour, size):
    """Apex and middle of the annulus (x, y) in pixels of a contour (vertex, 2) in shares of the image."""
    return contour[len(contour) // 2] * size, (contour[0] + contour[-1]) / 2 * size


def test_the_same_recipe_gives_the_same_bytes(recipes, rendered):
    again = generate(recipes[:2])
    assert np.array_equal(again.frames, rendered.frames[:2])
    assert np.array_equal(again.masks, rendered.masks[:2])
    assert again.truths == rendered.truths[:2]


def test_bytes_do_not_depend_on_batch_and_order(recipes, rendered):
    shuffled = generate([recipes[4], recipes[1]])
    assert np.array_equal(shuffled.frames, rendered.frames[[4, 1]])
    assert np.array_equal(shuffled.masks, rendered.masks[[4, 1]])


def test_bytes_do_not_depend_on_how_clips_and_time_are_cut(recipes, rendered, monkeypatch):
    monkeypatch.setattr(module, "CPU_CHUNK", (3, 13))
    cut = generate(recipes[:3])
    assert np.array_equal(cut.frames, rendered.frames[:3])
    assert np.array_equal(cut.masks, rendered.masks[:3])


def test_bytes_do_not_depend_on_the_number_of_threads(recipes, rendered):
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert np.array_equal(generate(recipes[:1]).frames, rendered.frames[:1])
    finally:
        torch.set_num_threads(before)


def test_shapes_and_types_keep_the_contract(rendered):
    assert rendered.frames.shape == (6, 48, 112, 112)
    assert rendered.masks.shape == (6, 48, 5, 112, 112)
    assert rendered.frames.dtype == rendered.masks.dtype == np.uint8
    assert set(np.unique(rendered.masks)) == {0, 255}
    assert all(len(truth.volume_ml) == len(truth.valve_opening) == 48 for truth in rendered.truths)


def test_structures_can_be_chosen(recipes, rendered):
    chosen = generate(recipes[:1], structures=("la", "lv"))
    assert np.array_equal(chosen.masks, rendered.masks[:1, :, [2, 0]])


def test_masks_do_not_overlap(rendered):
    assert (rendered.masks > 0).sum(axis=2).max() == 1


def test_every_structure_is_seen(rendered):
    assert (rendered.masks > 0).any(axis=(3, 4)).all(axis=(0, 1)).all()


def test_the_traced_mask_is_the_closed_form_contour_to_a_hundredth_of_a_pixel(recipes):
    recipes = [unbounded(recipe) for recipe in recipes]
    rendered = generate(recipes, structures=("lv",), annotator=TRACED)
    y, x = np.mgrid[:112, :112] + 0.5
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    for recipe, masks in zip(recipes, rendered.masks, strict=True):
        contours = shape(recipe).endocardium
        for frame in (0, 20, 40):
            polygon, middle = Path(contours[frame] * 112), contours[frame].mean(axis=0) * 112
            smaller, larger = (
                polygon.contains_points((pixels - middle) * (1 + sign * 0.0005) + middle).reshape(112, 112)
                for sign in (1, -1)
            )
            mask = masks[frame, 0] > 0
            assert not (mask & ~larger).any()
            assert not (smaller & ~mask).any()


def test_the_traced_mask_of_any_heart_is_its_contour_to_some_pixels():
    # A corner that hides from the centre, or a folded apex, is cut off: a few pixels in one heart of fifty.
    wrong = []
    for recipe in (draw_recipe(Conditions(), 3, number, 8) for number in range(60)):
        found = shape(recipe)
        where = module.raster.distances(module.raster.geometry([found], torch.device("cpu")).at(0, 1), 112)
        polygon = polygon2mask((112, 112), found.endocardium[0][:, ::-1] * 112 - 0.5)
        wrong.append(np.count_nonzero((where.traced[0, 0] < 0).numpy() ^ polygon))
    assert np.mean(wrong) < 1 and max(wrong) <= 12


def test_the_planted_volume_is_recovered_from_a_large_mask():
    size = 320
    for recipe in (unbounded(draw_recipe(Conditions(fps=(30, 40)), 11, number, 48)) for number in range(3)):
        short = replace(recipe, frames=12)
        made = generate([short], size=size, structures=("lv",), annotator=TRACED)
        truth, mask = shape(recipe), made.masks[0, :, 0]
        for frame in (0, 11):
            volume = discs(mask[frame] > 0, *ends(truth.endocardium[frame], size)) * (truth.side / size) ** 3 / 1000
            assert volume == pytest.approx(truth.volume[frame], rel=0.02)


def test_the_planted_ejection_fraction_is_recovered_from_the_masks():
    for number, fraction in enumerate((20.0, 45.0, 70.0)):
        wanted = Conditions(ejection_fraction=(fraction, fraction), heart_rate=(70, 90), fps=(50, 50))
        recipe = unbounded(draw_recipe(wanted, 5, number, 60))
        # Twice the usual size: a pixel on each side of a small ventricle is 3 points of ejection fraction.
        clip = generate([recipe], size=224, structures=("lv",), annotator=TRACED)
        contours = shape(recipe).endocardium
        truth = clip.truths[0]
        ed = truth.ed_frames[0]
        events = (ed, min(frame for frame in truth.es_frames if frame > ed))
        volumes = [discs(clip.masks[0, frame, 0] > 0, *ends(contours[frame], 224)) for frame in events]
        assert 100 * (1 - volumes[1] / volumes[0]) == pytest.approx(fraction_of(truth, events), abs=1.0)
        assert truth.ejection_fraction == pytest.approx(fraction)


def test_the_area_follows_the_volume(recipes):
    for annotator in ("traced", "anatomical"):
        drawn = generate(recipes, structures=("lv",), annotator=annotator)
        for masks, truth in zip(drawn.masks, drawn.truths, strict=True):
            area = (masks[:, 0] > 0).sum(axis=(1, 2))
            assert np.corrcoef(area, truth.volume_ml)[0, 1] > 0.97


def test_tissue_moves_as_the_traced_heart_does():
    conditions = Conditions(fps=(12, 12), heart_rate=(60, 90), cropped=1, full_depth=0)
    recipes = [draw_recipe(conditions, 5, number, 14) for number in range(100)]
    fall = []
    for annotator in ("traced", "anatomical"):
        area = (generate(recipes, structures=("lv",), annotator=annotator).masks[:, :, 0] > 0).sum(axis=(2, 3))
        fall.append(1 - area.min(axis=1) / area.max(axis=1))
    assert np.corrcoef(fall)[0, 1] > 0.85
    assert 0.55 < np.median(fall[1] / fall[0]) < 0.95


def test_ed_and_es_are_the_largest_and_the_smallest_of_their_beat(rendered):
    for truth in rendered.truths:
        volume = np.array(truth.volume_ml)
        events = sorted(truth.ed_frames + truth.es_frames)
        for frame in truth.es_frames:
            before = max((e for e in events if e < frame), default=0)
            after = min((e for e in events if e > frame), default=len(volume) - 1)
            assert volume[frame] == pytest.approx(volume[before : after + 1].min())


def test_the_planted_heart_rate_is_the_peak_of_the_area_spectrum():
    recipe = draw_recipe(Conditions(heart_rate=(72, 72), fps=(30, 30)), 2, 0, 300)
    area = (generate([recipe], structures=("lv",)).masks[0, :, 0] > 0).sum(axis=(1, 2)).astype(float)
    spectrum = np.abs(np.fft.rfft(area - area.mean()))
    assert 60 * np.fft.rfftfreq(300, 1 / 30)[spectrum.argmax()] == pytest.approx(72, abs=7)


def test_valves_are_shut_while_the_heart_ejects(rendered):
    for truth in rendered.truths:
        volume, opening = np.array(truth.volume_ml), np.array(truth.valve_opening)
        for ed in truth.ed_frames:
            for es in (es for es in truth.es_frames if es > ed):
                ejecting = np.flatnonzero(volume[ed : es + 1] < 0.999 * volume[ed]) + ed
                assert not opening[ejecting].any()
                break


UNMARKED = {"ruler": 0.0, "logo": 0.0, "trace": 0.0}


def test_nothing_but_marks_is_drawn_outside_the_sector(recipes):
    recipes = [replace(recipe, frames=4, display=replace(recipe.display, **UNMARKED)) for recipe in recipes]
    rendered = generate(recipes)
    y, x = (np.mgrid[:112, :112] + 0.5) / 112
    for recipe, frames, masks in zip(recipes, rendered.frames, rendered.masks, strict=True):
        a = recipe.acoustics
        dx, dy = x - a.probe_x, y - a.probe_y
        angle = np.rad2deg(np.arctan2(dx, dy)) - a.steer
        outside = (np.abs(angle) > a.half_angle + 0.01) | (np.hypot(dx, dy) > a.depth + 1e-4)
        assert outside.any()
        assert not frames[:, outside].any()
        assert not masks[..., outside].any()


def contrast(quality, number):
    recipe = draw_recipe(Conditions(quality=(quality, quality)), 4, number, 8)
    clip = generate([recipe])
    inside = [clip.frames[0][clip.masks[0, :, channel] > 0].mean() for channel in (MYOCARDIUM, LV)]
    return inside[0] - inside[1]


def test_quality_raises_contrast_steadily():
    steps = np.mean([[contrast(quality, n) for quality in (0, 0.25, 0.5, 0.75, 1)] for n in range(4)], axis=0)
    assert (np.diff(steps) > 0).all()


def test_walls_are_brighter_than_the_cavity(rendered):
    for frames, masks in zip(rendered.frames, rendered.masks, strict=True):
        wall, cavity = (frames[masks[:, channel] > 0].mean() for channel in (MYOCARDIUM, LV))
        assert wall > cavity + 5


def carried(frame, move):
    """`frame` (height, width) read where `move` (2, height, width) px says that its tissue lies now."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    rows = np.clip(np.round(y + move[1]), 0, frame.shape[0] - 1).astype(int)
    columns = np.clip(np.round(x + move[0]), 0, frame.shape[1] - 1).astype(int)
    return frame[rows, columns]


def test_speckle_moves_with_the_tissue():
    # A wall of one level, no haze: what is left in the myocardium is its speckle.
    plain, moved = [], []
    for number in range(4):
        wanted = Conditions(quality=(1, 1), ejection_fraction=(65, 65), heart_rate=(80, 80), fps=(50, 50))
        recipe = draw_recipe(wanted, 21, number, 50)
        flat = {"segments": (0.0, 0.0), "gap_depth": (0.0, 0.0), "unevenness": 0, "gradient": 0, "pericardium": -40}
        flat |= dict.fromkeys(("specular", "lateral_loss", "septal_gain", "apical_loss", "ridge"), 0)
        flat |= {f"{place}_{edge}": 1 for place in ("septal", "apical", "lateral") for edge in ("edge", "border")}
        tissue = replace(recipe.tissue, **flat)
        recipe = replace(recipe, tissue=tissue, anatomy=replace(recipe.anatomy, **STILL))
        clip, drawn = generate([recipe], size=224), shape(recipe)
        first = next(frame for frame in clip.truths[0].es_frames if frame >= 7) - 4
        shapes = module.raster.geometry([drawn], torch.device("cpu"))
        now, then = shapes.at(first, first + 1), shapes.at(first - 3, first - 2)
        where = module.raster.distances(now, 224)
        back = module.raster.displacement(now, then, where, 1)[0].numpy() / drawn.side * 224
        wall = clip.masks[0, first, MYOCARDIUM] > 0
        new, old = clip.frames[0, first].astype(float), clip.frames[0, first - 3].astype(float)
        plain.append(np.corrcoef(new[wall], old[wall])[0, 1])
        moved.append(np.corrcoef(new[wall], carried(old, back)[wall])[0, 1])
    assert np.mean(moved) > np.mean(plain) + 0.1
    assert np.mean(moved) > 0.5


def test_hearts_that_do_not_move_have_their_speckle_stand_still():
    recipe = draw_recipe(Conditions(ejection_fraction=(5, 5), quality=(1, 1)), 9, 0, 10)
    still = {dial: value for dial, value in vars(recipe.anatomy).items() if f"{dial}_es" in vars(recipe.anatomy)}
    anatomy = replace(recipe.anatomy, **{f"{dial}_es": value for dial, value in still.items()}, **STILL)
    recipe = replace(recipe, anatomy=anatomy, acoustics=replace(recipe.acoustics, noise=-99.0))
    frames, masks = (values[0] for values in (lambda r: (r.frames, r.masks))(generate([recipe])))
    wall = (masks[:, MYOCARDIUM] > 0).all(axis=0)
    assert np.corrcoef(frames[0][wall], frames[5][wall])[0, 1] > 0.9


def test_clips_of_different_length_are_refused(recipes):
    with pytest.raises(InputError, match=r"size of 32 .*got \[10, 48\]"):
        generate([recipes[0], replace(recipes[1], frames=10)])


def test_a_clip_of_one_frame_is_a_still(recipes):
    still = generate([replace(recipes[0], frames=1)])
    assert still.frames.shape == (1, 1, 112, 112)
