"""A server with a small model, shared by the tests of a process, and clips for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_student import beating
from web_server import Client, serving

from echodfkd.video import write
from echodfkd.web.settings import Dials


@pytest.fixture(scope="session")
def server(student_folder) -> Iterator[Client]:
    with serving(Dials(workers=1, upload_mb=1, frames=60), student_folder) as client:
        yield client


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    """Three beats of a disc."""
    path = tmp_path_factory.mktemp("film") / "disc.avi"
    write(path, beating(36), 12)
    return path
