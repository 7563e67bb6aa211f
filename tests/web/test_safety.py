"""Who may ask, what is taken in, what is kept, and what is never told."""

import contextlib
import io
import logging
import multiprocessing
import os
import re
import signal
import zipfile
from pathlib import Path

import made_dicom
import pytest
from small_student import beating
from web_server import serving, until

from echodfkd.errors import InputError
from echodfkd.video import write
from echodfkd.web.downloads import folders
from echodfkd.web.jobs import Jobs
from echodfkd.web.runs import mask_of
from echodfkd.web.serve import own_folder
from echodfkd.web.settings import Dials
from echodfkd.web.workers import Pool

TOKEN = "open-sesame-17"
PATHS = ("", "page/main.js", "api/about", "api/clips/none/events", "nowhere", "page/none.js")


def test_every_answer_carries_the_policy(server):
    for path in PATHS:
        answer = server.ask(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY"


def test_another_site_gets_nothing(server):
    assert server.ask("api/about", Sec_Fetch_Site="cross-site").status == 403
    assert server.ask("api/about", Host="evil.example").status == 403
    assert server.ask("api/hearts", b"{}", X_Echodfkd=None).status == 403
    assert server.ask("api/clips", b"x", Sec_Fetch_Site="same-site").status == 403
    assert "Access-Control-Allow-Origin" not in server.ask("api/about", Origin="https://evil.example").headers


def test_where_a_token_is_asked_for_nothing_is_told_without(student_folder):
    with serving(Dials(workers=1, token=TOKEN), student_folder) as server:
        assert {server.ask(path).status for path in PATHS} == {401}
        assert server.ask("?token=wrong-sesame-17").status == 401
        assert server.ask("api/about", Authorization="Bearer wrong").status == 401
        assert server.ask("api/about", Cookie="echodfkd=no").status == 401
        assert server.ask("api/about", Authorization=f"Bearer {TOKEN}").status == 200
        turned = server.ask(f"?token={TOKEN}")
        cookie = turned.headers["Set-Cookie"]
        assert turned.status == 303 and "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert server.ask("api/about", Cookie=cookie.split(";")[0]).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_only_the_loopback_goes_without_a_token(host):
    assert Dials().local and not Dials(host=host).local


@pytest.mark.parametrize(
    "dials",
    [
        {"port": -1},
        {"port": 70000},
        {"token": "short"},
        {"frames": 0},
        {"seconds": 0},
        {"memory_mb": 10},
        {"workers": -1},
    ],
)
def test_impossible_dials_are_refused(dials):
    with pytest.raises(InputError):
        Dials(**dials)


def test_what_is_too_large_or_no_clip_is_refused(server, tmp_path):
    assert server.ask("api/clips", b"RIFF" + bytes(1_000_001)).status == 413
    assert server.ask("api/clips", b"MZ" + bytes(999)).status == 415
    assert server.ask("api/clips", b"").status == 415
    write(tmp_path / "long.avi", beating(61), 20)
    last = server.events(server.upload(tmp_path / "long.avi"))[-1]
    assert last["kind"] == "failed" and "60" in last["words"]
    (tmp_path / "cut.avi").write_bytes((tmp_path / "long.avi").read_bytes()[:9000])
    last = server.events(server.upload(tmp_path / "cut.avi"))[-1]
    assert last["kind"] == "failed" and str(server.root) not in last["words"] and "upload" not in last["words"]
    assert server.ask("api/hearts", b"[1]").status == 400
    assert server.ask("api/clips/x/correct", b"{}").status == 404


@pytest.mark.parametrize(
    "label",
    ["..%2F..%2Fescaped", "%2Fetc%2Fpasswd", "a%00b", "%22%3Cscript%3E", "x" * 500, "..", "%0d%0aSet-Cookie:a=b"],
)
def test_names_that_users_give_lead_nowhere(server, film, label):
    before = set(Path.cwd().iterdir())
    number = server.upload(film, label=label)
    name = server.done(number)["measures"]["name"]
    assert not set(name) & set('/\\\0<>"\r\n') and 0 < len(name) <= 80
    assert set(Path.cwd().iterdir()) == before


def test_folders_in_a_zip_are_plain_and_none_comes_twice():
    labels = [
        "../../etc",
        "/etc/passwd",
        "heart",
        "heart-4",
        "Heart",
        "heart",
        "\0",
        "..",
        "x" * 300,
        "Ärzte 1",
        "a\r\nb",
    ]
    found = folders(labels)
    assert len({one.lower() for one in found}) == len(labels)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,70}", one) for one in found)


@pytest.mark.parametrize(
    "path", ["page/../settings.py", "page/%2e%2e/settings.py", "page/..%2fsettings.py", "page//etc/passwd"]
)
def test_nothing_but_the_page_is_handed_out(server, path):
    assert server.ask(path).status == 404


def held(folder):
    """What lies in a folder from which things go at any moment."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return list(folder.rglob("*"))


def test_no_tag_of_the_patient_is_told_logged_or_kept(server, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    path = made_dicom.save(tmp_path / "QUILLFEATHER_ARABELLA.dcm", made_dicom.fan_frames())
    number = server.upload(path, label="Quillfeather%20Arabella")
    events = server.ask(f"api/clips/{number}/events").body
    packed = server.ask(f"api/zip?ids={number}")
    archive = zipfile.ZipFile(io.BytesIO(packed.body))
    parts = [archive.read(name) for name in archive.namelist()] + [name.encode() for name in archive.namelist()]
    assert any(name.endswith("segmentation.dcm") for name in archive.namelist())
    for one in held(server.root):
        with contextlib.suppress(FileNotFoundError):  # what was sent goes at any moment
            if one.is_file() and one.suffix != ".dcm":
                parts.append(one.read_bytes())
    parts += [events, *(str(one).encode() for one in held(server.root))]
    out, err = capfd.readouterr()
    parts += [caplog.text.encode(), out.encode(), err.encode()]
    for planted in made_dicom.PLANTED:
        assert not any(planted.encode() in part.lower() for part in parts), planted
    server.ask(f"api/clips/{number}", method="DELETE")
    until(lambda: not [one for one in held(server.root) if one.suffix == ".dcm"])


def test_a_worker_that_is_killed_costs_its_clip_and_the_next_is_done(server, film):
    before = server.upload(film)
    server.done(before)
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
    while server.events(server.upload(film))[-1]["kind"] == "failed":  # whom it caught
        pass
    assert server.ask(f"api/clips/{before}/frames?stop=2").status == 200


def test_a_clip_that_is_taken_back_is_gone_at_once(server, film):
    before = set(server.root.iterdir())
    number = server.upload(film)
    server.done(number)
    assert set(server.root.iterdir()) - before
    assert server.ask(f"api/clips/{number}", method="DELETE").status == 200
    assert server.ask(f"api/clips/{number}/events").status == 404
    until(lambda: set(server.root.iterdir()) <= before)


def test_clips_that_nobody_asks_for_are_deleted(tmp_path):
    pool = Pool(0, 1, lambda pipe, parent: None)
    jobs = Jobs(tmp_path, pool, most=3, minutes=0)
    old, young = jobs.new("a", Path()), jobs.new("b", Path())
    (old.folder / "frames.raw").write_bytes(b"x")
    old.hear({"kind": "done"})
    old.touched -= 1
    jobs.sweep()
    assert not old.folder.exists() and jobs.get(old.number) is None
    assert young.folder.exists() and jobs.get(young.number) is young
    jobs.new("c", Path())
    jobs.new("d", Path())
    assert jobs.full


def test_folders_of_killed_servers_are_removed_and_those_of_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "echodfkd-serve-left"
    left.mkdir()
    (left / "frames.raw").write_bytes(b"x")
    with own_folder() as first:
        assert not left.exists() and first.stat().st_mode & 0o077 == 0
        with own_folder() as second:
            assert first.exists() and second != first
    assert not first.exists() and not second.exists()


def test_masks_of_a_drawn_heart_come_with_its_truth(server):
    asked = b'{"ejection_fraction": 40, "heart_rate": 120, "quality": 1, "illness": "dilated", "seed": 4}'
    found = server.ask("api/hearts", asked)
    done = server.done(found.json["id"])
    truth = done["truth"]
    assert truth["ejection_fraction"] == pytest.approx(40, abs=2) and truth["heart_rate"] == pytest.approx(120, abs=10)
    assert len(truth["runs"]) == len(truth["area_px"]) == done["frames"]
    assert [mask_of(one, (112, 112)).sum() for one in truth["runs"]] == truth["area_px"]
