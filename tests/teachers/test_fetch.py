"""Weights fetched from a server of our own: whole or resumed the same bytes, and never a wrong file."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from echodfkd.errors import InputError
from echodfkd.teachers import Teacher, fetch

NAME = "echonet-deeplabv3"
FILE = fetch.PUBLISHED[NAME].file
CONTENT = fetch.OLDER + np.random.default_rng(3).bytes(3_000_000 - len(fetch.OLDER))
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content`, in ranges where asked, and breaks off after `limit` bytes of an answer."""

    content, limit, tag, ranges = CONTENT, None, '"one"', True
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if not self.path.endswith(FILE):
            return self.send_error(404)
        start = 0
        if wanted and self.server.ranges and self.headers.get("If-Range") == self.server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        rest = self.server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            whole = len(self.server.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.limit])
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/{FILE}"
    monkeypatch.setitem(fetch.PUBLISHED, NAME, replace(fetch.PUBLISHED[NAME], url=url))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_fetched_once_and_its_sum_kept_beside_it(server, tmp_path):
    path = fetch.fetch(NAME, tmp_path)
    assert path.read_bytes() == CONTENT and files(tmp_path) == {FILE, f"{FILE}.sha256"}
    assert (tmp_path / f"{FILE}.sha256").read_text() == f"{SUM}  {FILE}\n"
    assert fetch.fetch(NAME, tmp_path) == path and len(server.asked) == 1


def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path):
    server.limit = 1_000_000
    with pytest.raises(InputError, match=r"1000000 of 3000000 .*same command"):
        fetch.fetch(NAME, tmp_path)
    server.limit = None
    assert fetch.fetch(NAME, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-"] and files(tmp_path) == {FILE, f"{FILE}.sha256"}


@pytest.mark.parametrize("change", [{"tag": '"two"'}, {"ranges": False}])
def test_a_server_that_does_not_go_on_begins_anew(server, tmp_path, change):
    server.limit = 1_000_000
    with pytest.raises(InputError, match="broke off"):
        fetch.fetch(NAME, tmp_path)
    server.limit, server.content = None, fetch.OLDER + CONTENT[::-1]
    for key, value in change.items():
        setattr(server, key, value)
    assert fetch.fetch(NAME, tmp_path).read_bytes() == fetch.OLDER + CONTENT[::-1]


def test_without_a_tag_nothing_is_joined(server, tmp_path):
    server.tag, server.limit = None, 1_000_000
    with pytest.raises(InputError, match="broke off"):
        fetch.fetch(NAME, tmp_path)
    server.limit = None
    assert fetch.fetch(NAME, tmp_path).read_bytes() == CONTENT and server.asked == [None, None]


def test_a_wrong_sum_is_refused_and_nothing_is_kept(server, tmp_path, monkeypatch):
    monkeypatch.setitem(fetch.PUBLISHED, NAME, replace(fetch.PUBLISHED[NAME], sha256="0" * 64))
    with pytest.raises(InputError, match=f"SHA-256 {SUM}, not 0000"):
        fetch.fetch(NAME, tmp_path)
    assert files(tmp_path) == set()


def test_the_sum_of_the_first_download_holds_for_every_later_one(server, tmp_path):
    fetch.fetch(NAME, tmp_path).unlink()
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(InputError, match=f"not {SUM}"):
        fetch.fetch(NAME, tmp_path)
    assert files(tmp_path) == {f"{FILE}.sha256"}


def test_an_altered_file_is_not_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(InputError, match=f"echodfkd models fetch {NAME}"):
        fetch.find_fetched(NAME)
    path = fetch.fetch(NAME)
    assert path == tmp_path / "echodfkd" / "models" / FILE and Teacher("deeplab", name=NAME).folder == path
    path.write_bytes(CONTENT[1:])
    with pytest.raises(InputError, match="damaged or altered"):
        fetch.find_fetched(NAME)


def test_a_web_page_is_neither_kept_nor_decides(server, tmp_path):
    server.content = b"<!DOCTYPE html><title>Sign in</title>"
    with pytest.raises(InputError, match="no torch checkpoint"):
        fetch.fetch(NAME, tmp_path)
    assert files(tmp_path) == set()
    server.content = CONTENT
    assert fetch.fetch(NAME, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_is_a_checkpoint_and_other_archives_are_none(tmp_path, zipped):
    path = tmp_path / "a.pt"
    torch.save({"state_dict": {"a": torch.zeros(3)}}, path, _use_new_zipfile_serialization=zipped)
    assert fetch.is_checkpoint(path)
    path.write_bytes(path.read_bytes()[1:-30])
    assert not fetch.is_checkpoint(path)
    np.savez(tmp_path / "b.npz", np.zeros(3))
    assert not fetch.is_checkpoint(tmp_path / "b.npz")


def test_an_empty_record_says_what_to_do(server, tmp_path):
    path = fetch.fetch(NAME, tmp_path)
    record = tmp_path / f"{FILE}.sha256"
    record.write_text("")
    for _ in range(2):
        with pytest.raises(InputError, match=r"\.sha256 .*Remove"):
            fetch.fetch(NAME, tmp_path)
    record.unlink()
    assert fetch.fetch(NAME, tmp_path) == path and record.read_text().startswith(SUM)


def test_a_relative_data_folder_is_ignored(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "here")
    assert fetch.models_folder() == Path.home() / ".local" / "share" / "echodfkd" / "models"


def test_the_command_tells_in_one_line_what_went_wrong(server, echodfkd, tmp_path):
    url = f"http://127.0.0.1:{server.server_port}"
    code, out, told = echodfkd("models", "fetch", NAME, "--to", tmp_path)
    assert code == 0 and SUM in out and told == ""
    for words, fault in (
        (["--url", f"{url}/nothing"], "answers 404"),
        (["--url", "http://127.0.0.1:9/x"], "cannot be reached (["),
        (["--url", "nonsense"], "An address begins with https:// or http://, got nonsense."),
        (["--url", "file:///etc/hostname"], "An address begins with https:// or http://"),
    ):
        code, _, told = echodfkd("models", "fetch", NAME, "--to", tmp_path / "other", *words)
        assert code == 2 and told.startswith("echodfkd: ") and told.count("\n") == 1 and fault in told
    assert "known are echonet-deeplabv3" in echodfkd("models", "fetch", "other")[2]
