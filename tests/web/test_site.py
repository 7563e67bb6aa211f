"""The page without a server: the same masks in the browser alone, and nothing leaves it."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from browser import browser, opened

from echodfkd.commands.segment import segmentation
from echodfkd.errors import InputError
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import write
from echodfkd.web.runs import mask_of
from echodfkd.web.site import RUNTIME, write_site

ORT = Path(__file__).parents[2] / "build" / "onnxruntime-web" / "package"
ENDED = """(count) => [...document.querySelectorAll("#clips li button:first-child")].filter((one) =>
    /done|failed/.test(one.ariaLabel)).length === count"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not ORT.is_dir():
        pytest.skip("onnxruntime-web is not here: make web")
    folder = tmp_path_factory.mktemp("site") / "page"
    write_site(folder, ["b2", "b4"], ORT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def window():
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """Two drawn hearts at a size that must be fitted, as an AVI, a GIF and a still."""
    folder = tmp_path_factory.mktemp("hearts")
    made = generate([draw_recipe(Conditions(), 5, number, 12) for number in (0, 1)], structures=("lv",))
    write(folder / "first.avi", made.frames[0][:, 6:, :100], 50)
    write(folder / "second.gif", made.frames[1], 50)
    write(folder / "still.png", made.frames[1][:1], None)
    return [folder / name for name in ("first.avi", "second.gif", "still.png")]


def masks_on(page, clip):
    """The masks (time, height, width) of a clip of the page."""
    told = page.evaluate(
        """async (number) => {
            const { clips } = await import("./page/main.js");
            return { runs: clips[number].runs.map((one) => one.lv), size: [clips[number].height, clips[number].width] };
        }""",
        clip,
    )
    return np.stack([mask_of(one, tuple(told["size"])) for one in told["runs"]])


@pytest.mark.parametrize("model", ["b2", "b4"])
def test_masks_are_those_of_the_server(site, window, hearts, model):
    page = opened(window, site)
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    page.select_option("#model", model)
    page.set_input_files("#files", hearts)
    page.wait_for_function(ENDED, arg=3)
    for number, path in enumerate(hearts):
        expected, found = segmentation(path, model).masks["lv"], masks_on(page, number)
        assert found.shape == expected.shape
        assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) >= 0.995
    assert page.faults == []
    assert all(method == "GET" and url.startswith((site, "blob:")) for method, url in asked)


def test_what_a_browser_cannot_read_is_told(site, window, tmp_path, hearts):
    page = opened(window, site)
    (tmp_path / "scan.dcm").write_bytes(bytes(128) + b"DICM" + bytes(99))
    (tmp_path / "cut.avi").write_bytes(hearts[0].read_bytes()[:5000])
    page.set_input_files("#files", [tmp_path / "scan.dcm", tmp_path / "cut.avi"])
    page.wait_for_function(ENDED, arg=2)
    assert "DICOM" in page.inner_text("#panel .verdict")
    assert "scan" not in page.inner_text("#clips")


def test_the_site_keeps_licences_and_a_policy(site, tmp_path):
    write_site(tmp_path / "page", ["b2"], ORT)
    names = {path.name for path in (tmp_path / "page" / "ort").iterdir()}
    assert names >= {*RUNTIME, "LICENSE", "package.json"}
    assert "default-src 'none'" in (tmp_path / "page" / "index.html").read_text()
    assert json.loads((tmp_path / "page" / "models" / "models.json").read_text())[0]["size"] == 56
    write_site(tmp_path / "page", ["b2"], ORT / "dist")  # over an older one


def test_a_missing_runtime_or_graph_is_refused(tmp_path, student_folder):
    with pytest.raises(InputError, match="make web"):
        write_site(tmp_path / "page", ["b2"], tmp_path)
    if ORT.is_dir():
        with pytest.raises(InputError, match="graph"):
            write_site(tmp_path / "page", ["teacher"], ORT)
    assert not (tmp_path / "page").exists()
