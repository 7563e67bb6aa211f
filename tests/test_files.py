import json

import pytest

from echodfkd.errors import InputError, OutputError
from echodfkd.files import filling, holding, read_json, remove_parts, sha256, write_json, write_text, writing


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(RuntimeError), writing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_when_the_new_one_fails(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), writing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_the_older_one_only_when_it_is_full(tmp_path):
    folder = tmp_path / "clip"
    with filling(folder, ["old"]) as here:
        (here / "old").touch()
    with pytest.raises(RuntimeError), filling(folder, ["old"]) as here:
        (here / "half").touch()
        raise RuntimeError
    assert [path.name for path in folder.iterdir()] == ["old"]
    with filling(folder, ["old"]) as here:
        (here / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["new"] and list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_somebody_elses_files_is_never_replaced(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(OutputError, match=r"thesis\.txt.* lost"), filling(folder, ["masks.npz"]):
        pass
    assert (folder / "thesis.txt").is_file()


@pytest.mark.parametrize("write", [lambda path: write_text(path, "x"), lambda path: filling(path, []).__enter__()])
def test_an_unwritable_place_is_named_in_one_line(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Cannot write .*x: .*another folder") as caught:
        write(tmp_path / "file" / "x")
    assert "\n" not in str(caught.value)


def test_equal_values_give_equal_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    write_json(tmp_path / "b.json", {"a": [1.5, None], "b": 1})
    assert sha256(tmp_path / "a.json") == sha256(tmp_path / "b.json")
    assert read_json(tmp_path / "a.json") == {"a": [1.5, None], "b": 1}


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_damaged_json_is_an_input_error(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match="readable JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match="No such file"):
        read_json(tmp_path / "b.json")


def test_leftovers_of_a_killed_run_go_and_nothing_else(tmp_path):
    write_text(tmp_path / "kept.json", json.dumps(1))
    (tmp_path / ".kept.0123abcd.part.json").touch()
    (tmp_path / ".clip.0123abcd.part").mkdir()
    (tmp_path / ".hidden").touch()
    remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "kept.json"]


def test_a_folder_is_held_by_one_and_free_again_afterwards(tmp_path):
    with holding(tmp_path / "out"):
        with pytest.raises(OutputError, match="Another process"), holding(tmp_path / "out"):
            pass
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
    with holding(tmp_path / "out"):
        pass
    assert list((tmp_path / "out").iterdir()) == []
