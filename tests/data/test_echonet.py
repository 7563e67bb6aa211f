import builtins
import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from echodfkd import video
from echodfkd.data import tracing
from echodfkd.data.echonet import EchoNet
from echodfkd.errors import InputError, MissingExtra

COLUMNS = ["FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split"]
UNTRACED, PLAIN, SWAPPED, TWICE = "made-0-untraced", "made-1-plain", "made-2-swapped", "made-3-twice"


def ellipse(radius: float, centre=(56.0, 56.0), tilt: float = 0.2, chords: int = 20) -> np.ndarray:
    """Segments (1 + chords, 4) of an ellipse twice as long as wide, tilted as hearts are."""
    along = np.array([np.sin(tilt), np.cos(tilt)])
    across = np.array([along[1], -along[0]])
    heights = np.linspace(-0.99, 0.99, chords) * 2 * radius
    half = radius * np.sqrt(1 - (heights / (2 * radius)) ** 2)
    middle = np.array(centre) + heights[:, None] * along
    axis = np.concatenate([np.array(centre) - 2 * radius * along, np.array(centre) + 2 * radius * along])
    ends = np.concatenate([middle - half[:, None] * across, middle + half[:, None] * across], axis=1)
    return np.concatenate([axis[None], ends])


TRACINGS = {
    PLAIN: {46: [ellipse(16)], 61: [ellipse(11)]},
    SWAPPED: {5: [ellipse(10)], 22: [ellipse(15)]},  # end-systole comes first
    TWICE: {3: [ellipse(14), ellipse(16, (58, 54), 0.4)], 9: [ellipse(9)]},
}


def listed(name, **cells):
    row = dict(zip(COLUMNS, [name, "60.5", "40.1", "101.3", "112", "112", "50", "80", "TRAIN"], strict=True))
    return row | cells


def make(folder, rows=None, tracings=None, columns=COLUMNS) -> Path:
    """A data set in the real layout: names without suffix in the list, with suffix in the tracings."""
    rows = (
        [listed(PLAIN), listed(SWAPPED, Split="VAL"), listed(TWICE, Split="TEST", FPS="62.5"), listed(UNTRACED)]
        if rows is None
        else rows
    )
    (folder / "Videos").mkdir(parents=True)
    with open(folder / "FileList.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        video.write(folder / "Videos" / f"{row['FileName']}.avi", np.full((3, 112, 112), 90, np.uint8), 30)
    if tracings is not None:
        write_tracings(folder, tracings)
    return folder


def write_tracings(folder, tracings):
    with open(folder / "VolumeTracings.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["FileName", "X1", "Y1", "X2", "Y2", "Frame"])
        for name, frames in tracings.items():
            for frame, drawn in frames.items():
                writer.writerows([f"{name}.avi", *segment, frame] for one in drawn for segment in one)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> EchoNet:
    return EchoNet(make(tmp_path_factory.mktemp("echonet") / "set", tracings=TRACINGS))


# The list


def test_the_list_is_read_as_it_stands(data):
    assert [row.name for row in data.clips] == [PLAIN, SWAPPED, TWICE]
    row = data.clips[2]
    assert (row.split, row.ejection_fraction, row.esv_ml, row.edv_ml) == ("test", 60.5, 40.1, 101.3)
    assert (row.fps, row.frames, row.height, row.width) == (62.5, 80, 112, 112)
    assert [row.name for row in data.split("validation")] == [SWAPPED]
    with pytest.raises(InputError, match="train, validation, test, got 'VAL'"):
        data.split("VAL")


def test_a_clip_carries_the_lists_frame_rate_not_the_films(data):
    clip = data.read(TWICE)
    assert (clip.name, clip.fps, clip.frames.shape) == (TWICE, 62.5, (3, 112, 112))


def test_an_untraced_clip_is_left_out_and_said_so(data):
    assert data.left_out == {UNTRACED: "It has no tracing in VolumeTracings.csv."}
    assert data.remarks == {}
    with pytest.raises(InputError, match=f"{UNTRACED} .*no tracing"):
        data.read(UNTRACED)


def test_an_unknown_name_is_answered_with_the_nearest(data):
    with pytest.raises(InputError, match=f"{PLAIN}X.* nearest .*{PLAIN}"):
        data.read(PLAIN + "X")


def test_a_folder_without_tracings_gives_its_clips(tmp_path):
    columns = [column for column in COLUMNS if column not in ("ESV", "EDV", "FrameHeight", "FrameWidth")]
    synthetic = EchoNet(make(tmp_path / "set", columns=columns))
    assert len(synthetic.clips) == 4
    assert not synthetic.traced
    assert synthetic.tracings(PLAIN) == []
    assert (synthetic.clips[0].edv_ml, synthetic.clips[0].height) == (None, None)
    with pytest.raises(InputError, match="has no tracings"):
        synthetic.ed_es(PLAIN)


# Tracings


def test_end_diastole_is_the_larger_area_whatever_the_order(data):
    assert data.ed_es(PLAIN) == (46, 61)
    assert data.ed_es(SWAPPED) == (22, 5)
    assert data.ed_es(TWICE) == (3, 9)


def test_several_annotators_on_a_frame_are_told_apart(data):
    drawn = data.tracings(TWICE)
    assert [(one.frame, one.annotator) for one in drawn] == [(3, 0), (3, 1), (9, 0)]
    for one, segments in zip(drawn, [*TRACINGS[TWICE][3], *TRACINGS[TWICE][9]], strict=True):
        np.testing.assert_allclose(one.segments, segments)


def test_the_size_is_the_films_where_the_list_has_none(tmp_path):
    columns = [column for column in COLUMNS if not column.startswith("Frame")]
    data = EchoNet(make(tmp_path / "set", [listed(PLAIN)], TRACINGS, columns))
    assert data.tracings(PLAIN)[0].mask.shape == (112, 112)


def test_a_rectangle_has_the_area_worked_by_hand():
    # Chords from (10, y) to (30, y), y = 5, 7, ... 43: pixels 10..30 by 5..43, borders included.
    rows = 5 + 2 * np.arange(20)
    chords = np.stack([np.full(20, 10), rows, np.full(20, 30), rows], axis=1)
    segments = np.concatenate([[[20, 5, 20, 43]], chords]).astype(float)
    drawn = tracing.mask(segments, 60, 50)
    assert drawn.sum() == 21 * 39
    assert drawn[5:44, 10:31].all()


def test_the_outline_goes_down_one_wall_and_up_the_other_in_whole_pixels():
    segments = ellipse(15) + 0.3
    outline = tracing.polygon(segments)
    np.testing.assert_array_equal(outline[0], np.rint(segments[1, :2]))
    np.testing.assert_array_equal(outline[19:21], np.rint([segments[20, :2], segments[20, 2:]]))
    np.testing.assert_array_equal(outline[39], np.rint(segments[1, 2:]))


@pytest.mark.parametrize("radius", [5, 9.5, 17])
@pytest.mark.parametrize("centre", [(56, 56), (40.5, 60.25), (4, 100)])
def test_masks_agree_with_another_rasteriser_up_to_the_border(radius, centre):
    segments = ellipse(radius, centre)
    drawn = tracing.mask(segments, 112, 112)
    rows, columns = np.mgrid[:112, :112]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    corners = tracing.polygon(segments).astype(float)
    outline = Outline(np.concatenate([corners, corners[:1]]), closed=True)
    inner, outer = (outline.contains_points(points, radius=margin).reshape(112, 112) for margin in (-1e-6, 1e-6))
    smaller, larger = inner & outer, inner | outer
    assert (drawn.astype(bool) >= smaller).all()
    assert (drawn.astype(bool) <= larger | _near(corners, points).reshape(112, 112)).all()


def _near(corners, points):
    """Which points lie on the outline, up to rounding."""
    start, step = corners, np.roll(corners, -1, axis=0) - corners
    length = np.maximum((step**2).sum(axis=1), 1e-12)
    share = np.clip(((points[:, None] - start) * step).sum(axis=2) / length, 0, 1)
    return (np.linalg.norm(points[:, None] - start - share[..., None] * step, axis=2) < 1e-6).any(axis=1)


@pytest.mark.parametrize("tilt", [-0.7, 0.0, 0.5])
def test_a_fragment_between_tracings_is_counted_and_not_joined(tilt):
    whole, other = ellipse(15, tilt=tilt), ellipse(12, (50, 60), tilt + 0.15)
    for rows, found in (
        ([whole, other[:6]], [whole]),
        ([other[:6], whole], [whole]),
        ([whole, other[:6], other], [whole, other]),
        ([other[:1], whole, other], [whole, other]),
        ([other[:12]], []),
        ([ellipse(15, chords=23)], []),
    ):
        rows = np.concatenate(rows)
        drawn, leftover = tracing.annotators(rows)
        assert len(drawn) == len(found)
        assert all(np.array_equal(one, wanted) for one, wanted in zip(drawn, found, strict=True))
        assert leftover == len(rows) - 21 * len(found)


def test_leftover_segments_of_a_used_clip_are_remarked(tmp_path):
    tracings = {PLAIN: {46: [ellipse(16), ellipse(14)[:5]], 61: [ellipse(11)]}}
    data = EchoNet(make(tmp_path / "set", [listed(PLAIN)], tracings))
    assert data.remarks == {PLAIN: "Segments that belong to no whole tracing are not used: 5 of frame 46."}
    assert len(data.tracings(PLAIN)) == 2


def test_without_scikit_image_the_install_line_is_named(data, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("skimage"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"echodfkd\[study\]"):
        data.tracings(PLAIN)


# Faults


@pytest.mark.parametrize(
    ("tracings", "reason"),
    [
        ({46: [ellipse(16)[:20]], 61: [ellipse(11)]}, "20 segments .*frame 46"),
        ({46: [ellipse(16)]}, "one frame"),
        ({46: [ellipse(16)], 80: [ellipse(11)]}, "frame 80 of a clip of 80"),
        (
            {46: [np.where(ellipse(16) > 60, np.nan, ellipse(16))], 61: [ellipse(11)]},
            "line 2: .*'nan'",
        ),
    ],
)
def test_tracings_that_cannot_be_used_leave_their_clip_out(tmp_path, tracings, reason):
    data = EchoNet(make(tmp_path / "set", [listed(PLAIN), listed(SWAPPED)], TRACINGS | {PLAIN: tracings}))
    assert [row.name for row in data.clips] == [SWAPPED]
    with pytest.raises(InputError, match=reason):
        data.read(PLAIN)


def test_a_traced_clip_that_is_not_listed_is_left_out(tmp_path):
    data = EchoNet(make(tmp_path / "set", [listed(PLAIN)], TRACINGS))
    assert data.left_out.keys() == {SWAPPED, TWICE}
    assert "does not list it" in data.left_out[TWICE]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"EF": "high"}, "EF is 'high'"),
        ({"FPS": "fast"}, "FileList.csv, line 2: FPS is 'fast'"),
        ({"NumberOfFrames": "0"}, "FileList.csv, line 2: NumberOfFrames is '0'"),
        ({"Split": "DEV"}, "FileList.csv, line 2: Split is 'DEV'"),
    ],
)
def test_an_odd_cell_is_remarked_and_its_clip_used(tmp_path, cells, reason):
    data = EchoNet(make(tmp_path / "set", [listed(PLAIN, **cells), listed(SWAPPED)], TRACINGS))
    assert {row.name for row in data.clips} == {PLAIN, SWAPPED}
    assert reason in data.remarks[PLAIN]


@pytest.mark.parametrize("change", [lambda line: line.rsplit(",", 1)[0], lambda line: f"{line},7"])
@pytest.mark.parametrize(("table", "cells"), [("FileList.csv", 9), ("VolumeTracings.csv", 6)])
def test_a_row_with_a_cell_too_few_or_too_many_leaves_its_clip_out(tmp_path, table, cells, change):
    folder = make(
        tmp_path / "set", [listed(PLAIN), listed(SWAPPED)], {name: TRACINGS[name] for name in (PLAIN, SWAPPED)}
    )
    lines = (folder / table).read_text().splitlines()
    (folder / table).write_text("\n".join([lines[0], change(lines[1]), *lines[2:]]) + "\n")
    data = EchoNet(folder)
    assert data.left_out == {PLAIN: f"{table}, line 2: it must have {cells} cells."}
    assert [(one.name, one.reason) for one in data.faults] == [(PLAIN, "table")]
    assert [row.name for row in data.clips] == [SWAPPED]


def test_a_clip_listed_twice_counts_once(tmp_path):
    folder = make(tmp_path / "set", [listed(PLAIN), listed(PLAIN, EF="20")], TRACINGS)
    data = EchoNet(folder)
    assert [row.ejection_fraction for row in data.clips] == [60.5]
    assert "lists it again in line 3" in data.remarks[PLAIN]


def test_a_missing_film_leaves_its_clip_out(tmp_path):
    folder = make(tmp_path / "set", [listed(PLAIN), listed(SWAPPED)], TRACINGS)
    (folder / "Videos" / f"{PLAIN}.avi").unlink()
    assert EchoNet(folder).left_out[PLAIN] == f"There is no Videos/{PLAIN}.avi."


def test_faulty_tables_are_refused_by_file_and_line(tmp_path):
    with pytest.raises(InputError, match=r"No such .*FileList\.csv"):
        EchoNet(tmp_path)
    folder = make(tmp_path / "columns", columns=[column for column in COLUMNS if column != "Split"])
    with pytest.raises(InputError, match=r"FileList\.csv, line 1: .*column Split"):
        EchoNet(folder)
    folder = make(tmp_path / "tracings")
    (folder / "VolumeTracings.csv").write_text("FileName,X1,Y1,Frame\n")
    with pytest.raises(InputError, match=r"VolumeTracings\.csv, line 1: .*column X2, Y2"):
        EchoNet(folder)
    (folder / "FileList.csv").write_bytes(b"\xff\xfe\x00FileName")
    with pytest.raises(InputError, match="readable CSV"):
        EchoNet(folder)
