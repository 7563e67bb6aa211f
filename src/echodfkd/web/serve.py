"""The verb `serve`: the page, for whoever has a browser on this machine, or a token."""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from echodfkd.errors import InputError, MissingExtra
from echodfkd.web.settings import Dials

PREFIX = "echodfkd-serve-"


def serve(dials: Dials, tell: Callable[[str], None] | None = None) -> None:
    """Serves the page until Ctrl-C; `tell` hears its address once it answers.

    InputError where a model or the address cannot be had, MissingExtra without FastAPI and uvicorn.
    """
    try:
        import uvicorn

        from echodfkd.web.app import make_app
    except ImportError:
        raise MissingExtra("The page", "web") from None
    from echodfkd.web.models import offered

    token = dials.token or ("" if dials.local else secrets.token_urlsafe(16))
    models = offered(dials.models)
    with listening(dials) as here, own_folder() as root:
        host = f"[{dials.host}]" if ":" in dials.host else dials.host
        address = f"http://{host}:{here.getsockname()[1]}/" + (f"?token={token}" if token else "")
        app = make_app(dials, models, root, token, lambda: tell(address) if tell else None)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[here])


@contextmanager
def listening(dials: Dials) -> Iterator[socket.socket]:
    """A socket that listens where the dials say; InputError where that cannot be."""
    try:
        family = socket.getaddrinfo(dials.host, dials.port, type=socket.SOCK_STREAM)[0]
        here = socket.socket(family[0], family[1])
    except OSError as error:
        raise InputError(f"serve: {dials.host} is no address of this machine ({error.strerror}).") from None
    with here:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            here.bind(family[4])
            here.listen()  # from now on who comes waits, and is not turned away
        except OSError as error:
            raise InputError(
                f"serve: {dials.host} port {dials.port} cannot be had ({error.strerror}). Choose another --port."
            ) from None
        yield here


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that nobody else may read, gone afterwards; what killed servers left behind goes too."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with FileLock(left / ".lock", timeout=0):
                shutil.rmtree(left, ignore_errors=True)
        except (Timeout, OSError):  # a server that runs, or somebody else's
            continue
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with FileLock(root / ".lock"):
            yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
