"""Lists as people, programs and Excel write them: one odd cell costs its clip or less, and what can be used is used."""

import numpy as np
import pytest
from planted import film
from small_lists import DRAWN, ED, ES, FRACTIONS, FRAMES, NAMES, SIZE, masks, row, text, tracings, write_list

from echodfkd.data.dataset import Dataset
from echodfkd.data.ejection import in_percent
from echodfkd.data.layouts import open_dataset
from echodfkd.errors import InputError
from echodfkd.video import write


def reasons(data: Dataset, name: str) -> set[str]:
    return {one.reason for one in data.faults if one.name == name}


def fractions(data: Dataset) -> dict[str, float | None]:
    return {one.name: one.ejection_fraction for one in data.clips}


def rows(name="B2", **cells):
    return [row(one, **(cells if one == name else {})) for one in NAMES]


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def same_truth(data: Dataset, name: str) -> bool:
    """Whether the clip is known as the two frames that were traced."""
    truth = data.truth(name)
    return truth.frames == (ED, ES) and all(
        dice(mask, masks()[frame]) > 0.97 for mask, frame in zip(truth.of("lv"), truth.frames, strict=True)
    )


# Separators, decimals, encodings, what Excel leaves


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["", "sep", "rows", "columns"])
def test_any_separator_and_what_excel_leaves_say_the_same(tmp_path, separator, encoding, ends):
    folder = write_list(tmp_path / "d")
    told = text([row(name) for name in NAMES], separator, comma=separator != ",")
    lines = told.splitlines()
    if ends == "sep":
        lines = [f"sep={separator}", *lines]
    elif ends == "rows":
        lines = [lines[0], "", separator * 8, *lines[1:], f" {separator} ", ""]
    elif ends == "columns":
        lines = [line + 3 * separator for line in lines]
    (folder / "FileList.csv").write_bytes("\r\n".join(lines).encode(encoding))
    data = open_dataset(folder)
    assert fractions(data) == FRACTIONS and data.faults == [] and all(same_truth(data, name) for name in NAMES)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_tables_that_do_not_say_how_they_are_encoded_are_read(tmp_path, encoding):
    folder = write_list(tmp_path / "d", rows(FileName="Müller"))
    (folder / "Videos" / "B2.avi").rename(folder / "Videos" / "Müller.avi")
    for table in ("FileList.csv", "VolumeTracings.csv"):
        told = (folder / table).read_text(encoding="utf-8").replace("B2", "Müller")
        (folder / table).write_bytes(told.encode(encoding))
    data = open_dataset(folder)
    assert data.faults == [] and fractions(data)["Müller"] == FRACTIONS["B2"] and same_truth(data, "Müller")


def test_another_encoding_is_refused_with_the_way_on(tmp_path):
    folder = write_list(tmp_path / "d", rows(FileName="Müller"))
    (folder / "FileList.csv").write_bytes((folder / "FileList.csv").read_text(encoding="utf-8").encode("cp1252"))
    with pytest.raises(InputError, match="UTF-8"):
        open_dataset(folder)


def test_a_workbook_and_a_column_that_is_there_twice_are_refused(tmp_path):
    folder = write_list(tmp_path / "d")
    lines = (folder / "FileList.csv").read_text().splitlines()
    (folder / "FileList.csv").write_text("\n".join([f"{lines[0]},EF", *(f"{line},50" for line in lines[1:])]))
    with pytest.raises(InputError, match="two columns are named EF"):
        open_dataset(folder)
    (folder / "FileList.csv").write_text("\n".join([f"{lines[0]},ef", *(f"{line},50" for line in lines[1:])]))
    assert fractions(open_dataset(folder)) == FRACTIONS  # another column, by its case
    (folder / "FileList.csv").write_bytes(b"PK\3\4" + bytes(500))
    with pytest.raises(InputError, match=r"workbook.*CSV"):
        open_dataset(folder)


def test_columns_have_their_names_whatever_the_case_and_the_blanks(tmp_path):
    folder = write_list(tmp_path / "d")
    lines = (folder / "FileList.csv").read_text().splitlines()
    lines[0] = lines[0].replace("FileName,EF", '"filename" , Ef').replace("Split", " SPLIT ")
    (folder / "FileList.csv").write_text("\n".join(lines))
    assert fractions(open_dataset(folder)) == FRACTIONS


def test_a_list_without_ejection_fractions_is_one_of_films(tmp_path):
    folder = write_list(tmp_path / "d", [{"FileName": name, "split": "TEST"} for name in NAMES])
    data = open_dataset(folder)
    assert fractions(data) == dict.fromkeys(NAMES) and data.faults == [] and same_truth(data, "A1")


# Odd cells


@pytest.mark.parametrize(
    "cell", ["", "  ", "nan", "NaN", "NA", "n/a", "None", "-", "#N/A", "#DIV/0!", "high", "٣", "1_0"]
)
def test_a_clip_without_an_ejection_fraction_still_has_its_masks(tmp_path, cell):
    data = open_dataset(write_list(tmp_path / "d", rows(EF=cell)))
    assert fractions(data) == FRACTIONS | {"B2": None}
    assert same_truth(data, "B2") and reasons(data, "B2") == {"table"} and data.left_out == {}


@pytest.mark.parametrize("column", ["FPS", "NumberOfFrames", "FrameHeight", "FrameWidth", "ESV"])
@pytest.mark.parametrize("cell", ["", "nan", "fast", "0", "-3"])
def test_an_odd_cell_costs_what_it_says_and_nothing_else(tmp_path, column, cell):
    data = open_dataset(write_list(tmp_path / "d", rows(**{column: cell})))
    assert fractions(data) == FRACTIONS and same_truth(data, "B2")
    assert data.read("B2").fps == pytest.approx(50) and len(data.read("B2").frames) == FRAMES
    assert reasons(data, "B2") == (set() if cell in ("", "nan") else {"table"})


@pytest.mark.parametrize("cell", ["0.02", "1", "1000", "90000"])
def test_a_rate_that_no_film_of_a_heart_has_is_unknown_and_told(tmp_path, cell):
    data = open_dataset(write_list(tmp_path / "d", rows(FPS=cell)))
    assert data.row("B2").fps is None and data.read("B2").fps == 50 and reasons(data, "B2") == {"frame-rate"}


def test_a_film_that_lost_every_second_frame_has_half_the_rate_that_is_listed(tmp_path):
    folder = write_list(tmp_path / "d")
    film(folder / "Videos" / "B2.avi", np.full((FRAMES, SIZE, SIZE), 90, np.uint8), range(0, 2 * FRAMES, 2), 30)
    clip = open_dataset(folder).read("B2")
    assert (clip.fps, clip.times, clip.clock.dropped) == (25, None, FRAMES - 1)


@pytest.mark.parametrize("cells", [{"FrameWidth": 48}, {"FrameHeight": 640, "FrameWidth": 800}, {"FrameWidth": 6400}])
def test_outlines_are_drawn_in_their_films_pixels_whatever_the_list_says(tmp_path, cells):
    data = open_dataset(write_list(tmp_path / "d", rows(**cells)))
    assert same_truth(data, "B2") and data.left_out == {}


def test_where_the_film_may_have_been_resized_the_outlines_are_not_used(tmp_path):
    folder = write_list(tmp_path / "d")
    write(folder / "Videos" / "B2.avi", np.full((FRAMES, 2 * SIZE, 2 * SIZE), 90, np.uint8), 50)
    data = open_dataset(folder)
    with pytest.raises(InputError, match="128 x 128 pixels, listed 64 x 64"):
        data.truth("B2")
    write(folder / "Videos" / "B2.avi", np.full((FRAMES, SIZE // 2, SIZE // 2), 90, np.uint8), 50)
    with pytest.raises(InputError, match="32 x 32 pixels, listed 64 x 64"):
        data.truth("B2")
    assert same_truth(data, "A1")


def test_a_list_that_counts_too_few_frames_costs_nothing_and_a_frame_that_is_not_there_its_clip(tmp_path):
    folder = write_list(tmp_path / "d", rows(NumberOfFrames=10), C3={ED: DRAWN[ED], FRAMES: DRAWN[ES]})
    data = open_dataset(folder)
    assert same_truth(data, "B2") and data.left_out.keys() == {"C3"} and reasons(data, "C3") == {"traced-frame"}


# Splits


@pytest.mark.parametrize(
    ("cell", "split"),
    [
        *(("TRAIN", "train"), ("train ", "train"), ("VAL", "validation"), ("Validation", "validation")),
        *(
            ("TEST", "test"),
            ("EXTRA", "extra"),
            ("extra", "extra"),
            ("0", "train"),
            ("8", "validation"),
            ("9.0", "test"),
        ),
    ],
)
@pytest.mark.parametrize("pediatric", [False, True])
def test_splits_are_words_or_folds_in_every_list(tmp_path, cell, split, pediatric):
    folder = write_list(tmp_path / "d", rows(Split=cell))
    if pediatric:
        listed = (folder / "FileList.csv").read_text().splitlines()
        told = [f"{line},Age,Weight" if n == 0 else f"{line},7,20" for n, line in enumerate(listed)]
        (folder / "FileList.csv").write_text("\n".join(told).replace(",FPS", ",Rate"))
        (folder / "VolumeTracings.csv").unlink()
    data = open_dataset(folder)
    assert type(data).__name__ == ("Pediatric" if pediatric else "EchoNet")
    assert [one.name for one in data.split(split) if one.name == "B2"] == ["B2"] and data.faults == []


def test_a_split_of_its_own_is_kept_and_told_and_none_costs_the_clip(tmp_path):
    data = open_dataset(write_list(tmp_path / "d", rows(Split="Site B")))
    assert [one.name for one in data.split("site b")] == ["B2"] and reasons(data, "B2") == {"table"}
    for number, cell in enumerate(("", "nan", "12", "3.5")):
        data = open_dataset(write_list(tmp_path / f"d{number}", rows(Split=cell)))
        assert data.left_out.keys() == {"B2"} and len(data.split("test")) == 3
    with pytest.raises(InputError, match="got 'dev'"):
        data.split("dev")


def test_the_list_that_echonet_synthetics_scripts_write_is_read(tmp_path):
    cells = {"ESV": 0, "EDV": 0, "Split": "EXTRA"}
    folder = write_list(tmp_path / "d", [row(name, **cells) for name in NAMES])
    (folder / "VolumeTracings.csv").unlink()
    data = open_dataset(folder)
    assert fractions(data) == FRACTIONS and data.faults == [] and len(data.split("extra")) == 4
    assert {(one.esv_ml, one.edv_ml) for one in data.clips} == {(None, None)}


# Tracings


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("way", [1, -1])
def test_tracings_whose_rows_were_sorted_are_put_in_order(tmp_path, column, way):
    spoilt = {frame: drawn[np.argsort(drawn[:, column], kind="stable")[::way]] for frame, drawn in DRAWN.items()}
    data = open_dataset(write_list(tmp_path / "d", B2=spoilt))
    truth = data.truth("B2")
    assert data.left_out == {} and reasons(data, "A1") == set()
    assert reasons(data, "B2") == ({"segments"} if column in (0, 2) else reasons(data, "B2") & {"segments"})
    np.testing.assert_array_equal(truth.masks, data.truth("A1").masks)


def test_rows_in_any_order_give_the_same_mask(tmp_path):
    random = np.random.default_rng(1)
    whole = open_dataset(write_list(tmp_path / "a")).truth("A1")
    for number in range(5):
        spoilt = {frame: random.permutation(drawn) for frame, drawn in DRAWN.items()}
        found = open_dataset(write_list(tmp_path / f"d{number}", B2=spoilt)).truth("B2")
        np.testing.assert_array_equal(found.masks, whole.masks)


def pointwise(folder, order=lambda points: points):
    """The same outlines point by point, as EchoNet-Pediatric has them; those of B2 in another order."""
    lines = ["FileName,X,Y,Frame"]
    for name in NAMES:
        for frame, drawn in DRAWN.items():
            points = np.concatenate([drawn[1:, :2], drawn[:0:-1, 2:]])
            points = order(points) if name == "B2" else points
            lines += [f"{name}.avi,{x:.4f},{y:.4f},{frame}" for x, y in points]
    (folder / "VolumeTracings.csv").write_text("\n".join(lines) + "\n")
    return open_dataset(folder)


@pytest.mark.parametrize("column", range(2))
def test_points_that_were_sorted_make_no_outline(tmp_path, column):
    data = pointwise(write_list(tmp_path / "d"), lambda points: points[np.argsort(points[:, column])])
    assert data.left_out.keys() == {"B2"} and reasons(data, "B2") == {"self-crossing"} and same_truth(data, "A1")


def test_two_points_that_changed_places_are_used_and_told(tmp_path):
    def swapped(points):
        return points[[*range(7), 9, 8, 7, *range(10, len(points))]]

    data = pointwise(write_list(tmp_path / "d"), swapped)
    assert data.left_out == {} and reasons(data, "B2") == {"self-crossing"} and same_truth(data, "B2")


@pytest.mark.parametrize("frame", ["No Systolic", "", "nan", "-1", "3.5", "٣"])
@pytest.mark.parametrize("layout", ["segments", "points"])
def test_rows_of_a_frame_in_words_cost_nothing_where_two_frames_are_left(tmp_path, frame, layout):
    folder = write_list(tmp_path / "d")
    if layout == "points":
        pointwise(folder)
    path = folder / "VolumeTracings.csv"
    line = path.read_text().splitlines()[1].rpartition(",")[0].replace("A1", "B2")
    path.write_text(path.read_text() + f"{line},{frame}\n")
    data = open_dataset(folder)
    assert data.left_out == {} and same_truth(data, "B2") and reasons(data, "B2") == {"traced-frame"}


# Names


@pytest.mark.parametrize("listed", ["B2.avi", "B2.AVI", "b2", " B2 ", "Videos/B2.avi", "b2.mp4", "\ufeffB2"])
@pytest.mark.parametrize("file", ["B2.avi", "B2.AVI", "b2.avi", "B2 .avi"])
def test_a_clip_is_found_however_list_tracings_and_film_write_it(tmp_path, listed, file):
    folder = write_list(tmp_path / "d", rows(FileName=listed))
    (folder / "Videos" / "B2.avi").rename(folder / "Videos" / file)
    (folder / "Videos" / "._B2.avi").write_bytes(b"\0\5\x16\7")
    (folder / "._FileList.csv").write_bytes(b"\0\5\x16\7")
    (folder / "._B2_3.npy").write_bytes(b"\0\5\x16\7")
    data = open_dataset(folder)
    assert data.faults == [] and len(data.clips) == 4
    assert same_truth(data, next(one.name for one in data.clips if one.name.lower() == "b2"))


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".wmv"])
def test_a_film_of_a_kind_that_is_not_read_costs_its_clip_with_the_reason(tmp_path, suffix):
    folder = write_list(tmp_path / "d")
    film = folder / "Videos" / "B2.avi"
    film.rename(film.with_suffix(suffix))
    data = open_dataset(folder)
    with pytest.raises(InputError, match="kind that is not read"):
        data.read("B2")
    assert same_truth(data, "A1")


@pytest.mark.parametrize("place", ["videos", "Videos/site 1", "Videos/a/b", "."])
def test_films_lie_beside_the_list_or_below_their_folder(tmp_path, place):
    folder = write_list(tmp_path / "d")
    (folder / "Videos").rename(tmp_path / "films")
    (folder / place).mkdir(parents=True, exist_ok=True)
    for path in (tmp_path / "films").iterdir():
        path.rename(folder / place / path.name)
    data = open_dataset(folder)
    assert data.faults == [] and all(same_truth(data, name) for name in NAMES)


def test_films_of_other_kinds_are_films_too(tmp_path):
    folder = write_list(tmp_path / "d")
    write(folder / "Videos" / "B2.mp4", np.full((FRAMES, SIZE, SIZE), 90, np.uint8), 50)
    (folder / "Videos" / "B2.avi").unlink()
    assert same_truth(open_dataset(folder), "B2")


# Ejection fractions


def test_percent_is_percent_with_or_without_its_sign_and_with_a_comma():
    found, odd = in_percent({"a": "62", "b": "62%", "c": "62,1", "d": " 62.1 % ", "e": "7", "f": "6.2e1"})
    assert found == {"a": 62, "b": 62, "c": 62.1, "d": 62.1, "e": 7, "f": 62} and odd == []


def test_a_list_without_any_is_no_list_of_faults():
    assert in_percent({"a": "", "b": "NA"}) == ({"a": None, "b": None}, [])


def test_a_list_of_fractions_is_read_as_such_and_said():
    found, odd = in_percent({"a": "0.62", "b": "0,35", "c": "55%", "d": "", "e": "1.0"})
    assert found == {"a": 62, "b": 35, "c": 55, "d": None, "e": None}
    assert [(one.name, one.reason) for one in odd] == [("a", "unit"), ("b", "unit"), ("d", "table"), ("e", "volumes")]


def test_a_fraction_among_percents_is_unknown_unless_its_volumes_tell():
    written = {"a": "62", "b": "0.62", "c": "0.62", "d": "0.62", "e": "0.62%"}
    found, odd = in_percent(written, {"b": (38.0, 100.0), "c": (50.0, 100.0), "d": (None, 100.0)})
    assert found == {"a": 62, "b": 62, "c": None, "d": None, "e": None}
    assert [(one.name, one.reason) for one in odd] == [(name, "unit") for name in "bcde"]


def test_one_that_its_own_volumes_contradict_stays_and_is_said():
    written = {"a": "62", "b": "62", "c": "62", "d": "62", "e": "62"}
    volumes = {"a": (39.5, 100.0), "b": (45.0, 100.0), "c": (0.0, 0.0), "d": (None, 100.0), "e": (120.0, 100.0)}
    found, odd = in_percent(written, volumes)
    assert found == dict.fromkeys("abcde", 62)
    assert [(one.name, one.reason) for one in odd] == [("b", "volumes")] and "55.0 %" in odd[0].value


@pytest.mark.parametrize("cell", ["0", "-5", "100", "155", "620", "60-65", "62 ml", "1.234,5", "1,234,5", "inf", "%"])
def test_what_no_heart_ejects_is_unknown_and_said(cell):
    found, odd = in_percent({"a": "62", "b": cell})
    assert found == {"a": 62, "b": None} and [one.name for one in odd] == ["b"]


def test_every_fraction_of_a_list_is_settled(tmp_path):
    told = [row(name, EF=FRACTIONS[name] / 100) for name in NAMES]
    data = open_dataset(write_list(tmp_path / "d", told))
    assert fractions(data) == pytest.approx(FRACTIONS) and all(reasons(data, name) == {"unit"} for name in NAMES)


@pytest.mark.parametrize(
    ("told", "percent", "reason"),
    [
        *(("EF: 62,1", 62.1, ""), ("EF: 62%", 62, ""), ("EF: 62,1 %", 62.1, ""), ("LVef: 62.1", 62.1, "")),
        *(("EF: 0.62", None, "unit"), ("EF: high", None, "table"), ("EF: 620", None, "volumes"), ("EF: NA", None, "")),
        ("EF: NA\nLVef: 61", 61, ""),
        ("EF: 0,62\nLVedv: 100\nLVesv: 38,5", 62, "unit"),
    ],
)
def test_camuss_info_files_are_read_alike(tmp_path, told, percent, reason):
    for number, fraction in enumerate(("EF: 55", told)):
        here = tmp_path / "database_nifti" / f"patient000{number}"
        here.mkdir(parents=True)
        for part in ("half_sequence", "ED_gt", "ES_gt"):
            (here / f"{here.name}_4CH_{part}.nii.gz").touch()
        (here / "Info_4CH.cfg").write_bytes(
            f"ED: 1\r\nES: 9.0\r\nNbFrame: ?\r\nSex: M\xfc\r\n{fraction}\r\n".encode("cp1252")
        )
    data = open_dataset(tmp_path)
    name = "patient0001_4CH_half_sequence"
    assert data.row(name).ejection_fraction == percent and data.phases(name) == (0, 8)
    assert [one.reason for one in data.faults] == [reason] * bool(reason)


def test_patients_of_camus_without_an_ejection_fraction_in_percent_at_all(tmp_path):
    for number, fraction in enumerate(("0.55", "0,62")):
        here = tmp_path / "database_nifti" / f"patient000{number}"
        here.mkdir(parents=True)
        (here / "Info_4CH.cfg").write_text(f"ED: 1\nES: 9\nNbFrame: 9\nEF: {fraction}\n")
    assert [row.ejection_fraction for row in open_dataset(tmp_path).listed.values()] == [55, 62]


def test_tracings_may_have_other_separators_and_decimals_than_the_list(tmp_path):
    folder = write_list(tmp_path / "d")
    told = tracings(dict.fromkeys(NAMES, DRAWN)).replace(",", ";").replace(".avi", "").replace(".", ",")
    (folder / "VolumeTracings.csv").write_text(told, encoding="utf-16")
    data = open_dataset(folder)
    assert data.faults == [] and all(same_truth(data, name) for name in NAMES)
