"""A grid of students as one run: each is taught once, the table has them all, a second start keeps what is there."""

import csv
import json
from pathlib import Path

import pytest

from echodfkd.commands.distill import distill
from echodfkd.errors import InputError, StudyError
from echodfkd.files import sha256
from echodfkd.pipeline import run
from echodfkd.report.pages.run import report_run
from echodfkd.report.pages.sizes import report_sizes
from echodfkd.report.terminal import run_words
from echodfkd.study.file import read_study
from echodfkd.study.settings import study_from, study_table

TABLE = {
    "name": "grid",
    "seed": 3,
    "clips": {
        "train": {"count": 4, "frames": 12},
        "validation": {"count": 2, "frames": 12},
        "test": {"count": 2, "frames": 30},
        "structures": ["lv"],
    },
    "sizes": {"blocks": [1, 2], "layers": [1]},
    "training": {"size": 28, "window": 12, "batch": 2, "epochs": 1, "precision": "float32"},
    "scoring": {"resamples": 100, "robustness": False},
}
WHOLE = {key: value for key, value in TABLE.items() if key != "sizes"} | {"training": TABLE["training"] | {"size": 32}}
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def walked(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("grid") / "run"
    return folder, run_words(folder, run(study_from(TABLE), folder).scores)


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_grid_is_every_block_with_every_layer_and_the_cheapest_come_first():
    study = study_from(WHOLE | {"sizes": {}})
    names = [shape.name for shape in study.shapes]
    assert sorted(names) == sorted(f"B{blocks},{layers}" for blocks in (1, 2, 3, 4) for layers in (1, 2, 3, 4))
    assert names[0] == "B1,1" and names[-2:] == ["B4,3", "B4,4"]
    assert [one.sizes for one in study.alone] == [None] * 16
    assert {one.training for one in study.alone} == {study.training}


def test_a_study_of_one_student_is_a_grid_of_one():
    one = study_from(WHOLE)
    assert one.alone == (one,) and one.shapes == (one.student,)
    grid = study_from(TABLE)
    assert study_from(study_table(grid)) == grid


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sizes": {"blocks": [2, 2]}}, "sizes.blocks must be different numbers, at least one, got [2, 2]"),
        ({"sizes": {"layers": []}}, "sizes.layers must be different numbers, at least one, got []"),
        ({"sizes": {"blocks": [5]}}, "student.blocks must be a whole number from 1 to 4, got 5"),
        ({"sizes": {"block": [1]}}, "unknown key sizes.block, did you mean blocks?"),
        ({"sizes": {}}, "training.size (28) must be a multiple of 8 for B4,1"),
        ({"student": {"kind": "framewise"}}, "[sizes] is a grid of recurrent students, U4,24 is none"),
        ({"student": {"skip": "last"}}, "student.skip = 'last' needs at least 2 blocks, got 1"),
        ({"training": TABLE["training"] | {"start": "b3"}}, "training.start has the weights of one shape"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_when_it_is_read(change, fault):
    with pytest.raises(StudyError) as caught:
        study_from(TABLE | change)
    assert fault in str(caught.value)


def test_the_repositorys_grid_is_the_papers():
    study = read_study(Path(__file__).parents[2] / "studies" / "sizes.toml")
    assert len(study.shapes) == 16 and {shape.skip for shape in study.shapes} == {"none"}


def test_a_walked_grid_has_a_folder_a_row_and_a_latency_for_every_student(walked):
    folder, told = walked
    for name in ("B1,1", "B2,1"):
        assert (folder / "students" / name / "student" / "model.onnx").is_file()
        assert (folder / "students" / name / "scores" / "scores.json").is_file()
        assert name in told
    with (folder / "scores" / "sizes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["parameters"], row["dice_n"]) for row in rows] == [
        ("B1,1", "5701", "2"),
        ("B2,1", "39577", "2"),
    ]
    assert all(float(row["latency_ms"]) > 0 and row["threads"] == "1" for row in rows)
    scores = json.loads((folder / "scores" / "sizes.json").read_text())
    single = json.loads((folder / "students" / "B2,1" / "scores" / "scores.json").read_text())
    assert scores["rows"][1]["dice"] == single["dice"]["overall"]
    assert scores["constant_mask"] == single["constant_mask"]["dice"]["overall"]
    assert "2 of 2 students are done" in (folder / "report" / "index.html").read_text()


@pytest.mark.long
def test_a_grids_student_is_the_one_that_its_study_alone_teaches(walked, tmp_path):
    folder, _ = walked
    run(study_from(TABLE).alone[1], tmp_path / "alone")
    for name in ("student/model.safetensors", "scores/scores.json", "scores/clips.csv"):
        assert (tmp_path / "alone" / name).read_bytes() == (folder / "students" / "B2,1" / name).read_bytes()


def test_started_again_a_grid_keeps_finished_students_and_their_masks(walked):
    folder, _ = walked
    kept = {"clips", "labels", "students/B1,1/student", "students/B1,1/masks", "students/B2,1/student"}
    before = {place: digests(folder / place) for place in kept}
    run(study_from(TABLE), folder)
    assert {place: digests(folder / place) for place in kept} == before


def test_a_stopped_grid_has_a_table_of_those_who_are_done(walked, tmp_path):
    folder, _ = walked
    half = tmp_path / "half"
    for name in ("study.json", "environment.json", "scores/sizes.json"):
        (half / name).parent.mkdir(parents=True, exist_ok=True)
        (half / name).write_bytes((folder / name).read_bytes())
    found = json.loads((half / "scores" / "sizes.json").read_text())
    (half / "scores" / "sizes.json").write_text(json.dumps(found | {"rows": found["rows"][:1]}))
    assert "1 of 2 students are done" in report_run(half).read_text()


def test_a_grid_has_no_single_student_to_distil(tmp_path):
    with pytest.raises(StudyError, match="echodfkd run"):
        distill(study_from(TABLE), None, None, tmp_path)  # type: ignore[arg-type]


def test_a_folder_without_a_grid_has_no_page_of_one(tmp_path):
    with pytest.raises(InputError, match="no scores of a grid"):
        report_sizes(tmp_path)
