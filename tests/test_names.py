"""One name for one clip: whoever writes it and wherever, it is found, and never taken for another's."""

import unicodedata
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echodfkd.errors import InputError
from echodfkd.names import SUFFIXES, clip_name, matched, named_as_clip, of_clips

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


ENDS = (*SUFFIXES, ".AVI", ".dcm", ".Nii.GZ", ".avi ", " .avi", ".avi\t", ".avi.AVI", "", "\xa0")
FOLDERS = ("", "Videos/", "/data/Videos/", "Videos\\", "\ufeff", "  ")


@pytest.mark.parametrize("name", ["A1", "patient.7", "1.2.840.10008", "ICM-003 b", "7e5", "0x1E5"])
def test_a_clip_has_one_name_however_it_is_written(name):
    assert {clip_name(f"{folder}{name}{end}") for folder, end in product(FOLDERS, ENDS)} == {name}


def test_accents_have_one_form():
    composed, apart = (unicodedata.normalize(form, "cœur-é") for form in ("NFC", "NFD"))
    assert composed != apart and clip_name(f"{apart}.avi") == clip_name(composed) == composed


@settings(deadline=None)
@given(NAMES, st.lists(st.sampled_from([*SUFFIXES, ".AVI", " ", "/", "é"]), max_size=3))
def test_the_name_of_a_name_is_itself(name, ends):
    once = clip_name(name + "".join(ends))
    assert clip_name(once) == once == once.strip() and unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize("name", ["._A1.avi", ".A1.avi", ".avi", ".nii.gz", "A1.txt", "A1", "avi", " .avi"])
def test_hidden_files_and_others_are_no_clips(name):
    assert not named_as_clip(Path("folder", name))


@pytest.mark.parametrize("name", ["A1.avi", "A1.AVI", "a.b.NII.gz", "A1.avi "])
def test_films_are_clips_whatever_the_case_of_their_suffix(name):
    assert named_as_clip(Path("folder", name))


def test_case_is_passed_over_where_nobody_else_can_be_meant():
    assert matched(["a1", "B2.AVI"], ["A1", "b2"]) == {"a1": "A1", "B2.AVI": "b2"}
    assert matched(["a1", "A1"], ["A1"]) == {"A1": "A1"}  # the other is somebody else
    assert matched(["a1"], ["A1", "a1"]) == {"a1": "a1"}
    assert matched(["AA"], ["Aa", "aA"]) == {} == matched(["Aa", "aA"], ["AA"])
    assert matched(["a"], ["a", "a.avi"]) == {"a": "a"} and matched(["a.avi"], ["a", "a.avi"]) == {"a.avi": "a.avi"}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "A", "b", "B", "ä", "Ä"]), unique=True), st.sets(st.sampled_from("aAbBäÄ")))
def test_no_clip_is_meant_by_two_names(written, clips):
    found = matched(written, sorted(clips))
    assert len(set(found.values())) == len(found) and all(found[name] == name for name in set(written) & clips)


def test_a_table_of_other_clips_is_refused_and_one_of_some_is_used():
    assert of_clips({"a1.avi": 1, "x": 2}, ["A1", "b"], "t.csv", "here") == {"A1": 1}
    assert of_clips({}, ["A1"], "t.csv", "here") == {}
    with pytest.raises(InputError, match=r"t\.csv.*2.*here.*'x'.*'A2'"):
        of_clips({"x": 2}, ["A1", "A2"], "t.csv", "here")
