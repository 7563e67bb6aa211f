import numpy as np
import pytest

from echodfkd.errors import InputError
from echodfkd.measure.record import summary, summary_row
from echodfkd.scores.clip_row import event_row
from echodfkd.scores.events_file import MarkedEvents, read_events, reference_of
from echodfkd.scores.frame_distance import Reference


def table(tmp_path, text):
    path = tmp_path / "events.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_frames_are_read_by_clip_name_whatever_other_columns_there_are(tmp_path):
    found = read_events(table(tmp_path, "who,FileName,ES,ED\nme,a,30 80,60 10\nme,b,7,\n"))
    assert found == {"a": MarkedEvents((10, 60), (30, 80), True), "b": MarkedEvents((), (7,), False)}
    assert found["a"].of("ed") == (10, 60)


def test_the_summary_of_segment_can_be_read_back(tmp_path):
    measures = {"name": "clip", "ejection_fraction": 55.0, "ed_frames": [3, 40], "es_frames": [20]}
    measures |= {"verdict": "typical", "reasons": [], "frames": 60, "fps": 50.0}
    measures["model"] = {"name": "B2,1", "weights": "0123abcd"}
    text = summary([summary_row(measures), {"FileName": "failed", "verdict": "failed", "reasons": "a, b"}])
    assert read_events(table(tmp_path, text)) == {"clip": MarkedEvents((3, 40), (20,), True)}


def test_one_beat_is_not_taken_for_all_beats_unless_the_table_says_so(tmp_path):
    text = "FileName,ED,ES,every_beat\na,1,2,\nb,1,2,1\nc,1 9,2,0\nd,1 9,2,\n"
    assert {name: one.complete for name, one in read_events(table(tmp_path, text)).items()} == {
        "a": False,
        "b": True,
        "c": False,
        "d": True,
    }


def test_marked_events_become_a_reference_and_must_lie_in_the_clip(tmp_path):
    marked = MarkedEvents((10,), (30,), False)
    assert marked.reference(31, 50.0) == Reference(31, 50.0, (10,), (30,), False)
    with pytest.raises(InputError, match=r"frame 30 .*0\.\.29"):
        marked.reference(30, 50.0)


def test_a_clip_that_is_not_listed_has_nothing_to_be_judged_by():
    events = {"a": MarkedEvents((10,), (30,), True)}
    assert reference_of(events, "a", 60, 50.0) == Reference(60, 50.0, (10,), (30,), True)
    unknown = reference_of(events, "b", 60, None)
    scored = event_row(np.arange(60.0), (5, 40), unknown, "es")
    assert (scored["es_afd"], scored["es_penalised_ms"], scored["es_extra"], scored["es_missed"]) == (
        None,
        None,
        None,
        0,
    )
    with pytest.raises(InputError, match=r"Clip a: .*frame 30"):
        reference_of(events, "a", 20, 50.0)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FileName,ED\na,1\n", "no column ES"),
        ("", "no column FileName"),
        ("FileName,ED,ES\na,1,2\na.avi,1,3\n", "line 3: .*otherwise of a"),
        ("FileName,ED,ES\n,1,2\n", "line 2: .*FileName"),
        ("FileName,ED,ES\na,1,2.5\n", "line 2: ES .*frame numbers"),
        ("FileName,ED,ES\na,-1,2\n", "line 2: ED .*frame numbers"),
        ("FileName,ED,ES\na,1;3,2\n", "line 2: ED .*frame numbers"),
        ("FileName,ED,ES\na,1,99999999999999999999\n", "line 2: ES .*frame numbers"),
        ("FileName,ED,ES\na,1,٣\n", "line 2: ES .*frame numbers"),
        ("FileName,ED,ES\na,1,2,3\n", "line 2: more cells"),
        ("FileName,ED,ES,every_beat\na,1,2,yes\n", "every_beat .*1, 0"),
        ("FileName,ED,ES\na,,\n", "no ED or ES"),
        (b"FileName,ED,ES\n\xff\xfe,1,2\n", "readable CSV"),
        ("FileName,ED,ES\na," + "1" * 200_000 + ",2\n", "readable CSV"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(tmp_path, text, rule):
    with pytest.raises(InputError, match=rule) as refusal:
        read_events(table(tmp_path, text))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    for path, rule in ((tmp_path / "none.csv", "No such file"), (tmp_path, "readable CSV")):
        with pytest.raises(InputError, match=rule):
            read_events(path)
