"""The page without a server: the same masks in the browser alone, and nothing leaves it."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from browser import browser, opened
from PIL import Image

from echodfkd.commands.segment import segmentation
from echodfkd.errors import InputError
from echodfkd.measure.beats import beat_events
from echodfkd.measure.ejection import disc_volume
from echodfkd.pieces import largest_component
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import read, write
from echodfkd.web.runs import mask_of
from echodfkd.web.site import RUNTIME, write_site

ORT = Path(__file__).parents[2] / "build" / "onnxruntime-web" / "package"
AXE = ORT.parents[1] / "axe-core" / "package" / "axe.min.js"
ENDED = """(count) => [...document.querySelectorAll("#clips li button:first-child")].filter((one) =>
    /unchecked|refused|failed/.test(one.ariaLabel)).length === count"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not ORT.is_dir():
        pytest.skip("onnxruntime-web is not here: make web")
    folder = tmp_path_factory.mktemp("site") / "page"
    write_site(folder, ["b3", "b4"], ORT)
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


@pytest.mark.parametrize("model", ["b3", "b4"])
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
        # Whole numbers turn the last digit of a sigmoid, which processors disagree on, into a step here and there.
        assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) >= 0.99
    assert page.faults == []
    assert all(method == "GET" and url.startswith((site, "blob:")) for method, url in asked)


@pytest.fixture(scope="module")
def beating_hearts(tmp_path_factory):
    """Drawn hearts of several beats at three frame rates, as AVI and GIF."""
    folder = tmp_path_factory.mktemp("beating")
    paths = []
    for number, (fraction, rate, fps, name) in enumerate(
        [(60, 80, 50, "well.avi"), (35, 100, 25, "weak.gif"), (50, 70, 30, "film.gif")]
    ):
        asked = Conditions(**{key: (value, value) for key, value in _beat(fraction, rate, fps).items()})
        frames = round(2.7 * 60 / rate * fps)
        made = generate([draw_recipe(asked, 7, number, frames)], structures=("lv",))
        write(folder / name, made.frames[0], fps)
        paths.append(folder / name)
    return paths


def _beat(fraction, rate, fps):
    return {"ejection_fraction": fraction, "heart_rate": rate, "fps": fps, "quality": 1.0}


@pytest.mark.parametrize(("model", "hearts"), [pytest.param("b3", (0, 1, 2), marks=pytest.mark.long), ("b4", (1,))])
def test_numbers_are_those_of_the_server_and_are_told_as_unchecked(site, window, beating_hearts, model, hearts):
    paths = [beating_hearts[number] for number in hearts]
    page = opened(window, site)
    page.select_option("#model", model)
    page.set_input_files("#files", paths)
    page.wait_for_function(ENDED, arg=len(paths))
    for number, path in enumerate(paths):
        expected, found = segmentation(path, model), measures_on(page, number)
        assert len(expected.ejection.beats) > 0
        near = 1  # rounding falls otherwise here and there, and decoders of JPEG differ by a grey level
        for kind in ("ed_frames", "es_frames"):
            assert found[kind] == pytest.approx(getattr(expected, kind), abs=near)
        beats = [frame for beat in found["beats"] for frame in (beat["ed"], beat["es"])]
        assert beats == pytest.approx([frame for beat in expected.ejection.beats for frame in beat], abs=near)
        assert found["ejection_fraction"] == pytest.approx(expected.ejection_fraction, abs=0.5)
        own = max(found["es_frames"], found["ed_frames"], key=len)
        assert found["heart_rate"] == pytest.approx(60 * found["fps"] / np.median(np.diff(own)), abs=0.1)
        page.click(f"#clips li:nth-child({number + 1}) button:first-child")
        assert f"{found['ejection_fraction']:.0f}" in page.inner_text("#ef-told b")
        assert "not checked" in page.inner_text("#ef-told")
        assert "four-chamber view" in page.inner_text("#panel .verdict.unchecked")
    assert page.faults == []


def taken(page, name):
    """A file that was downloaded."""
    with page.expect_download() as come:
        page.click(f"#panel a[download='{name}']")
    return come.value.path()


def measures_on(page, clip):
    return page.evaluate("async (number) => (await import('./page/main.js')).clips[number].measures", clip)


def test_events_in_the_browser_are_the_packages(site, window):
    chance = np.random.default_rng(15)
    page = opened(window, site)
    for number in range(120):
        rate = float(chance.choice([12.5, 25, 30, 37.5, 50, 62.5, 75, 120]))
        seconds = np.arange(round(rate * chance.uniform(0.1, 4))) / rate
        wave = np.cos(2 * np.pi * seconds * chance.uniform(0.6, 4) + chance.uniform(0, 7))
        noise = chance.normal(0, chance.choice([0.02, 0.1, 0.5]), len(seconds))
        area = np.maximum(0, 1000 + 1000 * chance.choice([0.005, 0.3]) * (wave + noise))  # ties hang by a hair
        told = page.evaluate(
            """async ([area, rate]) => (await import("./page/measure.js")).eventsOf(area, rate)""",
            [area.tolist(), rate],
        )
        known = beat_events(area, rate)
        assert (tuple(told["ed"]), tuple(told["es"])) == (known.ed_frames, known.es_frames), number
        assert told["crowded"] == known.crowded


def test_volumes_in_the_browser_are_the_packages(site, window):
    chance = np.random.default_rng(15)
    page = opened(window, site)
    rows, columns = np.mgrid[:90, :120]
    for _ in range(12):
        turn, (a, b) = chance.uniform(0, np.pi), chance.uniform(2, 40, 2)
        y, x = rows - chance.uniform(20, 70), columns - chance.uniform(20, 100)
        along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
        mask = ((along / a) ** 2 + (across / b) ** 2 <= 1) & (along > -a / 2) | (np.hypot(rows - 3, columns - 3) < 2)
        told = page.evaluate(
            """async (mask) => (await import("./page/measure.js")).discVolume(Uint8Array.from(mask), 90, 120)""",
            mask.ravel().astype(int).tolist(),
        )
        assert told == pytest.approx(disc_volume(largest_component(mask)), rel=1e-5)


def test_a_correction_without_a_server_is_followed_and_marked(site, window, beating_hearts):
    page = opened(window, site)
    page.set_input_files("#files", beating_hearts[1])
    page.wait_for_function(ENDED, arg=1)
    before = measures_on(page, 0)
    ed = before["ed_frames"][0]
    page.click(f"#panel tbody tr:first-child button[aria-label='Go to frame {before['beats'][0]['ed'] + 1}']")
    page.click("#edit")
    page.keyboard.press("ArrowRight")
    page.click("#mark-ed")
    page.wait_for_function("() => document.querySelector('#panel .hand')?.textContent.includes('ED and ES')")
    page.keyboard.press("s")
    page.wait_for_function("() => document.querySelector('#panel .hand')?.textContent.includes('one outline')")
    moved = before["beats"][0]["ed"] + 1
    record = json.loads(taken(page, "measures.json").read_text())
    assert record["corrected"] == {"outlines": [moved], "events": True}
    assert record["verdict"] == "unchecked" and record["ejection_interval"] is None and record["reasons"]
    assert moved in record["ed_frames"] and record["area_px"][moved] < before["area_px"][moved]
    masks = np.load(taken(page, "masks.npz"))
    assert masks["corrected"].tolist() == [moved]
    assert masks["masks"].sum(axis=(1, 2)).tolist() == record["area_px"]
    page.click("#reset")
    page.wait_for_selector("#panel .hand", state="detached")
    assert measures_on(page, 0) == before and ed in before["ed_frames"]


def test_an_audit_of_the_page_without_a_server_finds_nothing_serious(site, window, beating_hearts):
    if not AXE.is_file():
        pytest.skip("axe-core is not here: make web")
    page = opened(window, site, bypass_csp=True)
    page.set_input_files("#files", beating_hearts[2])
    page.wait_for_selector("#panel .verdict.unchecked")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_stills_clips_without_a_beat_and_uneven_ones_have_no_ejection_fraction(
    site, window, hearts, beating_hearts, tmp_path
):
    write(tmp_path / "black.avi", np.zeros((40, 112, 112), np.uint8), 50)
    first, *others = (Image.fromarray(frame) for frame in read(beating_hearts[2]).frames[:40])
    uneven = [20] * 20 + [400] + [20] * 19
    first.save(tmp_path / "uneven.gif", save_all=True, append_images=others, duration=uneven)
    page = opened(window, site)
    page.set_input_files("#files", [hearts[2], tmp_path / "black.avi", tmp_path / "uneven.gif"])
    page.wait_for_function(ENDED, arg=3)
    reasons = "a still image", "no ventricle found on 40 of 40 frames", "do not come evenly"
    for number, reason in enumerate(reasons, start=1):
        page.click(f"#clips li:nth-child({number}) button:first-child")
        assert page.locator("#ef-told b").count() == 0
        assert reason in page.inner_text("#panel .verdict.refused")


def test_what_a_browser_cannot_read_is_told(site, window, tmp_path, hearts):
    page = opened(window, site)
    (tmp_path / "scan.dcm").write_bytes(bytes(128) + b"DICM" + bytes(99))
    (tmp_path / "cut.avi").write_bytes(hearts[0].read_bytes()[:5000])
    page.set_input_files("#files", [tmp_path / "scan.dcm", tmp_path / "cut.avi"])
    page.wait_for_function(ENDED, arg=2)
    assert "DICOM" in page.inner_text("#panel .verdict")
    assert "scan" not in page.inner_text("#clips")


def test_the_site_keeps_licences_and_a_policy(site, tmp_path):
    write_site(tmp_path / "page", ["b3"], ORT)
    names = {path.name for path in (tmp_path / "page" / "ort").iterdir()}
    assert names >= {*RUNTIME, "LICENSE", "package.json"}
    assert "default-src 'none'" in (tmp_path / "page" / "index.html").read_text()
    assert json.loads((tmp_path / "page" / "models" / "models.json").read_text())[0]["size"] == 64
    write_site(tmp_path / "page", ["b3"], ORT / "dist")  # over an older one


def test_a_missing_runtime_or_graph_is_refused(tmp_path, student_folder):
    with pytest.raises(InputError, match="make web"):
        write_site(tmp_path / "page", ["b3"], tmp_path)
    if ORT.is_dir():
        with pytest.raises(InputError, match="graph"):
            write_site(tmp_path / "page", ["teacher"], ORT)
    assert not (tmp_path / "page").exists()
