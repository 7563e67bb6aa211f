"""The page's server on a port of its own, in this process, workers beside it; and a client that needs no library."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from echodfkd.web.settings import Dials


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks as our page does; `headers` overrule, and None leaves one out."""

    address: str
    root: Path

    def ask(self, path: str, body: bytes | None = None, method: str | None = None, **headers: str | None) -> Answer:
        told = {"X-Echodfkd": "1"} | {name.replace("_", "-"): value for name, value in headers.items()}
        given = {name: value for name, value in told.items() if value is not None}
        request = urllib.request.Request(self.address + path, body, given, method=method)
        try:
            with urllib.request.build_opener(_NoTurn).open(request, timeout=120) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def upload(self, path: Path, **query: str) -> str:
        """The number of a clip that was taken."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        answer = self.ask(f"api/clips?{asked}", path.read_bytes())
        assert answer.status == 200, answer.body
        return answer.json["id"]

    def events(self, number: str) -> list[dict[str, Any]]:
        """All that is said of a clip until it has ended."""
        return [json.loads(line) for line in self.ask(f"api/clips/{number}/events").body.splitlines()]

    def done(self, number: str) -> dict[str, Any]:
        """The last of it, which must be good."""
        last = self.events(number)[-1]
        assert last["kind"] == "done", last
        return last

    def correct(self, number: str, changes: dict[str, Any]) -> Answer:
        return self.ask(f"api/clips/{number}/correct", json.dumps(changes).encode())


def until(true: Callable[[], object], seconds: float = 240) -> None:
    """Waits for what must come; a loaded machine may take its time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


class _NoTurn(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@contextmanager
def serving(dials: Dials, *models: Path | str) -> Iterator[Client]:
    """A server with those models that answers, and ends with the block."""
    import uvicorn

    from echodfkd.web.app import make_app
    from echodfkd.web.models import offered
    from echodfkd.web.serve import listening, own_folder

    ready = threading.Event()
    with listening(replace(dials, port=0)) as here, own_folder() as root:
        app = make_app(dials, offered([str(one) for one in models]), root, dials.token, ready.set)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([here],), daemon=True)
        thread.start()
        try:
            assert ready.wait(120)
            yield Client(f"http://127.0.0.1:{here.getsockname()[1]}/", root)
        finally:
            server.should_exit = True
            thread.join(60)
