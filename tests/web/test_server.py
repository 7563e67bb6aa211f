"""The server gives what `segment` writes, early and of the right clip, and takes corrections."""

import io
import json
import socket
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import numpy as np
import pytest
from small_student import beating
from web_server import serving, until

from echodfkd.commands.segment import measured, segmentation
from echodfkd.measure.doubt import doubts, grades, interval
from echodfkd.measure.measures import measures
from echodfkd.measure.record import record
from echodfkd.student.bundled import find_model
from echodfkd.student.student import load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.pathology import CHANGES
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import file_source, read, write
from echodfkd.web.correct import NO_INTERVAL, correct
from echodfkd.web.downloads import Taken, packed
from echodfkd.web.runs import mask_of, runs
from echodfkd.web.serve import listening
from echodfkd.web.settings import Dials
from echodfkd.web.told import told
from echodfkd.web.work import Bounds, segment


@pytest.fixture(scope="module")
def number(server, film):
    made = server.upload(film, label="disc.avi")
    server.done(made)
    return made


@pytest.fixture(scope="module")
def alone(film, student_folder):
    """What the command finds in the film."""
    return segmentation(film, student_folder)


def masks_of(events, name="lv"):
    opened = next(event for event in events if event["kind"] == "opened")
    size = opened["height"], opened["width"]
    told = {one["frame"]: one["runs"][name] for event in events if event["kind"] == "masks" for one in event["masks"]}
    return np.stack([mask_of(told[frame], size) for frame in sorted(told)])


def test_masks_and_measures_are_those_of_segment(server, number, alone):
    events = server.events(number)
    for name, masks in alone.masks.items():
        assert (masks_of(events, name) == masks).all()
    told = events[-1]["measures"]
    refused = alone.verdict == "refused"
    kept = {
        key: value for key, value in alone.record.items() if not (refused and key.startswith(("eje", "edv", "esv")))
    }
    assert {key: told[key] for key in kept} == kept
    assert len(told["seconds"]) == 36 and told["seconds"][12] == pytest.approx(1.0)


def test_where_the_verdict_refuses_no_ejection_fraction_is_told(student_folder):
    rows, columns = np.mgrid[:48, :64]
    radius = 10 + 3 * np.cos(2 * np.pi * np.arange(36) / 10)
    masks = np.hypot(rows - 24, columns - 30) < radius[:, None, None]
    for frames, refused in ((None, False), (np.zeros((36, 48, 64), np.uint8), True)):  # a black film shows no view
        found = measures(masks, 12, (1.0, 1.0), frames=frames)
        shown = told(found, record("disc", found, load_student(student_folder)))
        keys = {key for key in (*shown, *shown["beats"][0]) if key.startswith(("ejection", "edv", "esv"))}
        assert (shown["verdict"] == "refused") == refused and shown["reasons"]
        assert (keys == set()) == refused and len(shown["beats"]) == len(found.ejection.beats) > 1


def test_the_frames_are_those_of_the_film(server, number, film):
    frames = read(film).frames
    found = server.ask(f"api/clips/{number}/frames?first=3&stop=9").body
    assert (np.frombuffer(found, np.uint8).reshape(6, 48, 64) == frames[3:9]).all()
    assert server.ask(f"api/clips/{number}/frames?first=30&stop=99").status == 416


def test_frames_are_had_in_the_moment_in_which_their_file_gets_its_name(server, film, monkeypatch):
    before = set(server.root.glob("*/frames.raw"))  # of other tests, as the server is shared
    number = server.upload(film)
    server.done(number)
    [whole] = set(server.root.glob("*/frames.raw")) - before
    part, open_file, renamed = whole.with_name("frames.part"), open, []
    whole.rename(part)

    def late(path, *how, **more):
        if path == part and not renamed:
            renamed.append(part.rename(whole))
        return open_file(path, *how, **more)

    monkeypatch.setattr("builtins.open", late)
    found = server.ask(f"api/clips/{number}/frames?first=3&stop=9")
    assert renamed and found.status == 200
    assert found.body == read(film).frames[3:9].tobytes()


def test_with_hindsight_a_first_look_comes_before_what_stays(student_folder, film):
    model = find_model("b3")
    assert load_student(model).card.hindsight
    with serving(Dials(workers=1), model, student_folder) as server:
        number = server.upload(film)
        events = server.events(number)
        early = [one for event in events if event["kind"] == "masks" and not event["sure"] for one in event["masks"]]
        sure = [one for event in events if event["kind"] == "masks" and event["sure"] for one in event["masks"]]
        assert [one["frame"] for one in early] == list(range(36))
        assert [one["frame"] for one in sure] == list(range(35, -1, -1))
        causal = segmentation(film, load_student(model, hindsight=False)).masks["lv"]
        both = segmentation(film, model).masks["lv"]
        assert all((mask_of(one["runs"]["lv"], (48, 64)) == causal[one["frame"]]).all() for one in early)
        assert all((mask_of(one["runs"]["lv"], (48, 64)) == both[one["frame"]]).all() for one in sure)
        other = server.ask(f"api/clips/{number}/again?model=small", b"").json["id"]
        assert (masks_of(server.events(other)) == segmentation(film, student_folder).masks["lv"]).all()
        assert server.ask(f"api/clips/{number}/again?model=nobody", b"").status == 400


def test_corrected_outlines_are_measured_as_any_masks(server, film, alone, student_folder):
    number = server.upload(film, label="mended")
    server.done(number)
    rows, columns = np.mgrid[:48, :64]
    radius = 10 + 4 * np.cos(2 * np.pi * np.arange(36) / 10)
    drawn = np.hypot(rows - 24, columns - 30) < radius[:, None, None]
    changes = {"outlines": {str(frame): runs(mask) for frame, mask in enumerate(drawn)}}
    told = server.correct(number, changes).json["measures"]
    expected = measured(file_source(film), drawn, load_student(student_folder))
    assert told["area_px"] == drawn.sum(axis=(1, 2)).tolist()
    assert (told["ed_frames"], told["es_frames"]) == (list(expected.ed_frames), list(expected.es_frames))
    assert told["corrected"] == {"outlines": list(range(36)), "events": False}
    told = server.correct(number, {"outlines": {}}).json["measures"]
    assert told["area_px"] == alone.record["area_px"] and "corrected" not in told
    assert "corrected" not in server.ask(f"api/clips/{number}/files/measures.json").json


def test_moved_events_change_the_beats_and_are_marked_in_every_download(server, film):
    number = server.upload(film, label="moved")
    server.done(number)
    told = server.correct(number, {"outlines": {}, "ed_frames": [1, 11, 20], "es_frames": [5, 15, 25]}).json["measures"]
    assert [(beat["ed"], beat["es"]) for beat in told["beats"]] == [(1, 5), (11, 15), (20, 25)]
    names = ("measures.json", "summary.csv", "summary.html", "masks.npz")
    files = {name: server.ask(f"api/clips/{number}/files/{name}").body for name in names}
    assert json.loads(files["measures.json"])["corrected"] == {"outlines": [], "events": True}
    assert files["summary.csv"].decode().splitlines()[0].endswith("corrected")
    assert b"by hand" in files["summary.html"]
    assert np.load(io.BytesIO(files["masks.npz"]))["corrected"].tolist() == []


def test_moved_events_have_an_interval_and_outlines_by_hand_say_why_they_have_none(tmp_path):
    beat = {"ejection_fraction": (60, 60), "heart_rate": (110, 110), "quality": (1, 1), "fps": (50, 50)}
    asked = Conditions(**beat, **dict.fromkeys(CHANGES, 0.0), cropped=1.0, full_depth=0.0)
    made = generate([draw_recipe(asked, 5, 6, 60)], structures=("lv",))
    write(tmp_path / "heart.avi", made.frames[0], 50)
    model, folder = find_model("b3"), tmp_path / "clip"
    student, clip = load_student(model), read(tmp_path / "heart.avi")
    folder.mkdir()
    (tmp_path / "upload.avi").write_bytes((tmp_path / "heart.avi").read_bytes())
    segment(Bounds(99, 10**8, 0, ()), lambda kind, **_: None, tmp_path / "upload.avi", folder, "heart", model)
    found = segmentation(clip, student)
    assert found.verdict != "refused" and found.ejection_interval is not None
    ed, es = found.ejection.beats[0]
    moved, told_of = correct(folder, student, {"ed_frames": [ed + 2], "es_frames": [es]})
    graded = grades(student(clip)[:, 0], student.threshold)
    factor = student.card.interval_factor
    known = interval(moved.ejection_fraction, doubts(graded, [(ed + 2, es)], 50), factor)
    assert told_of["ejection_interval"] == pytest.approx(known, abs=0.01) and "no_interval" not in told_of
    assert known != pytest.approx(found.ejection_interval, abs=0.01)
    drawn, told_of = correct(folder, student, {"outlines": {"3": runs(found.masks["lv"][4])}})
    assert told_of["ejection_interval"] is None and told(drawn, told_of)["no_interval"] == NO_INTERVAL
    for name in ("measures.json", "summary.csv", "summary.html"):
        packed([Taken("heart", folder, student)], tmp_path / name, name)
        assert NO_INTERVAL[1:] in unescape((tmp_path / name).read_text())


@pytest.mark.parametrize(
    "changes",
    [
        {"outlines": {"99": [3072]}},
        {"outlines": {"0": [1, 2]}},
        {"outlines": {}, "ed_frames": [-1]},
        {"outlines": {}, "ed_frames": [1], "es_frames": [36]},
        {"outlines": {}, "ed_frames": ["x"]},
    ],
)
def test_corrections_that_no_clip_can_have_are_refused(server, number, changes):
    answer = server.correct(number, changes)
    assert answer.status == 422 and answer.json["error"]
    assert server.ask(f"api/clips/{number}/files/measures.json").json.get("corrected") is None


def test_the_zip_holds_what_segment_writes_of_every_clip(server, film, number, alone):
    second = server.upload(film, label="disc.avi")
    server.done(second)
    archive = zipfile.ZipFile(io.BytesIO(server.ask(f"api/zip?ids={number},{second}").body))
    folders = {name.split("/")[0] for name in archive.namelist() if "/" in name}
    assert len(folders) == 2 and len(archive.read("summary.csv").splitlines()) == 3
    for folder in folders:
        masks = np.load(io.BytesIO(archive.read(f"{folder}/masks.npz")))
        assert (masks["masks"] == alone.masks["lv"]).all() and (masks["la"] == alone.masks["la"]).all()
        assert archive.read(f"{folder}/overlay.mp4")[4:8] == b"ftyp"
        assert archive.read(f"{folder}/curve.png")[1:4] == b"PNG"
        page = archive.read(f"{folder}/summary.html").decode()
        assert "http://" not in page and "https://" not in page and alone.reasons[0][:20] in page


def test_fifty_clients_at_once_are_answered_and_nothing_is_mixed_up(student_folder, tmp_path):
    def client(number):
        frames = 4 + number % 7
        path = tmp_path / f"{number}.avi"
        pixels = np.roll(beating(frames, 32 + 2 * (number % 5), 48, seed=number), number, axis=2)
        write(path, pixels, 20)
        while (answer := server.ask(f"api/clips?label=clip-{number}", path.read_bytes())).status == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            wait.wait(0.2)
        events = server.events(answer.json["id"])
        record = server.ask(f"api/clips/{answer.json['id']}/files/measures.json").json
        server.ask(f"api/clips/{answer.json['id']}", method="DELETE")
        return path, masks_of(events), record

    wait = threading.Event()
    with serving(Dials(workers=2, waiting=10, uploads=4), student_folder) as server:
        with ThreadPoolExecutor(50) as pool:
            found = list(pool.map(client, range(50)))
        until(lambda: not list(server.root.glob("*/frames.raw")))
    student = load_student(student_folder)
    for number, (path, masks, written) in enumerate(found):
        expected = segmentation(path, student)
        assert written["name"] == f"clip-{number}"
        assert written["area_px"] == expected.record["area_px"] and (masks == expected.masks["lv"]).all()


def test_who_comes_when_all_places_are_taken_is_told_to_come_again(student_folder, film):
    with serving(Dials(workers=1, kept=1), student_folder) as server:
        first = server.upload(film)
        server.done(first)
        answer = server.ask("api/clips", film.read_bytes())
        assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1 and answer.json["error"]
        assert server.ask(f"api/clips/{first}/again", b"").status in (422, 503)
        server.ask(f"api/clips/{first}", method="DELETE")
        until(lambda: server.ask("api/clips", film.read_bytes()).status == 200)


def test_who_comes_before_the_server_answers_waits():
    with listening(Dials(port=0)) as here, socket.create_connection(here.getsockname(), timeout=5) as early:
        assert early.getpeername() == here.getsockname()
