"""The page in a real browser: what a clinician does with it, by pointer and by keyboard alone."""

import base64
import io
import json
import re
import zipfile
from itertools import pairwise
from pathlib import Path

import made_dicom
import numpy as np
import pytest
from browser import browser, opened
from PIL import Image
from pydicom import dcmread
from small_student import beating
from web_server import serving

from echodfkd import web
from echodfkd.commands.segment import segmentation
from echodfkd.measure.measures import measures
from echodfkd.measure.record import record
from echodfkd.report.draw.figures import area_figure, picture_png, png_bytes
from echodfkd.student.bundled import find_model
from echodfkd.student.student import load_student
from echodfkd.synthetic.generate import generate
from echodfkd.synthetic.pathology import CHANGES
from echodfkd.synthetic.recipe import Conditions, draw_recipe
from echodfkd.video import read, write
from echodfkd.web.downloads import FILES
from echodfkd.web.settings import Dials
from echodfkd.web.summary import summary_page

AXE = Path(__file__).parents[2] / "build" / "axe-core" / "package" / "axe.min.js"
FRAMES = 60


@pytest.fixture(scope="module")
def heart(tmp_path_factory) -> Path:
    """A drawn heart as a film: two beats and more, that no verdict refuses."""
    ill = dict.fromkeys(CHANGES, 0.0)
    beat = {"ejection_fraction": (60, 60), "heart_rate": (110, 110), "quality": (1, 1), "fps": (50, 50)}
    asked = Conditions(**beat, **ill, cropped=1.0, full_depth=0.0)
    made = generate([draw_recipe(asked, 5, 6, FRAMES)], structures=("lv",))
    path = tmp_path_factory.mktemp("heart") / "heart.avi"
    write(path, made.frames[0], 50)
    return path


@pytest.fixture(scope="module")
def server():
    with serving(Dials(workers=1), "b3", "b4") as client:
        yield client


@pytest.fixture(scope="module")
def window():
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def page(window, server, heart):
    """A page on which the heart was dropped and is done, at rest on its first frame."""
    page = opened(window, server.address)
    assert page.is_visible("#drop") and page.is_hidden("#stage")
    page.set_input_files("#files", heart)
    page.wait_for_selector("#panel .verdict")
    page.keyboard.press("Home")
    yield page
    assert page.faults == []


@pytest.fixture(scope="module")
def known(heart):
    return segmentation(heart, "b3")


def number(page, selector="#at"):
    """The first number in a place, counted from 0 where it is a frame."""
    return int(re.search(r"\d+", page.inner_text(selector)).group())


def shown(page, name="picture"):
    """The pixels (pixel, RGB) of a canvas."""
    address = page.evaluate(f"document.getElementById('{name}').toDataURL()")
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB")).reshape(-1, 3)


def settled(page):
    page.evaluate("new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))")


def test_the_panel_tells_what_segment_finds(page, known):
    text = page.inner_text("#panel")
    assert known.verdict != "refused"
    assert number(page, "#ef-told b") == round(known.ejection_fraction)
    for reason in known.reasons:
        assert reason in text
    assert page.locator("#panel tbody tr").count() == len(known.ejection.beats)
    assert page.get_attribute("#curve", "aria-valuemax") == str(FRAMES)


def test_it_plays_and_rests_and_steps(page):
    page.click("#play")
    page.wait_for_function("() => !document.getElementById('at').textContent.startsWith('1 ')")
    assert page.inner_text("#play") == "Pause"
    page.click("#play")
    assert page.inner_text("#play") == "Play"
    page.keyboard.press("Home")
    page.click("#forth")
    page.click("#forth")
    page.click("#back")
    settled(page)
    assert number(page) == 2


@pytest.mark.parametrize("fps", [25, 50])
def test_a_clip_plays_at_its_own_rate_times_the_speed(window, server, tmp_path, fps):
    write(tmp_path / "film.avi", beating(120), fps)
    page = opened(window, server.address)
    page.clock.install()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.set_input_files("#files", tmp_path / "film.avi")
    page.wait_for_selector("#panel .numbers")
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    for speed in (1, 0.25, 0.5, 2):
        page.select_option("#speed", f"{speed:g}")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Home")
        page.click("#play")
        page.clock.run_for(1000)
        page.click("#play")
        page.clock.run_for(50)  # the last frame is drawn
        assert number(page) - 1 == pytest.approx(fps * speed, abs=1 + 0.05 * fps * speed), speed
    page.clock.resume()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("-")
    assert page.input_value("#speed") == "1"


def test_other_structures_of_a_model_are_shown_or_hidden_on_both_pictures(window, heart):
    with serving(Dials(workers=1), "teacher", "b3") as server:
        page = opened(window, server.address)
        page.set_input_files("#files", heart)
        page.wait_for_selector("#panel .numbers")
        assert "no interval" in page.inner_text("#ef-told") or page.locator("#ef-told b").count() == 0
        page.keyboard.press("Home")
        plain = picture_with(page, style="none")
        page.select_option("#style", "fill")
        names = page.locator("#structures label").all_inner_texts()
        assert [name.strip() for name in names] == ["LV", "RV", "LA", "RA", "Wall"]
        covered = [changed(page, plain)]
        for name in reversed(names):
            page.uncheck(f"#structures label:has-text('{name.strip()}') input")
            covered.append(changed(page, plain))
        assert all(now < before for before, now in pairwise(covered)) and covered[-1] == 0
        page.select_option("#other", "b3")
        page.wait_for_function("() => document.querySelector('#second figcaption').textContent === 'b3'")
        page.wait_for_function("() => !document.querySelector('#work:not(.idle)')")
        hidden = picture_with(page, "picture-2")
        page.check("#structures label:has-text('LV') input")
        assert (picture_with(page, "picture-2") != hidden).any()
        assert page.faults == []


def picture_with(page, name="picture", style=None):
    """The pixels of a picture once it is drawn."""
    if style:
        page.select_option("#style", style)
    settled(page)
    return shown(page, name)


def changed(page, plain):
    """How many pixels of the picture differ from those."""
    return int((picture_with(page) != plain).any(axis=1).sum())


def test_the_outline_is_drawn_where_the_mask_is(page, known):
    page.keyboard.press("Home")
    page.select_option("#style", "fill")
    settled(page)
    with_fill = shown(page)
    page.select_option("#style", "none")
    settled(page)
    plain = shown(page)
    page.select_option("#zoom", "2")
    near = picture_with(page)
    zoomed = changed_by_fill(page, near)
    page.select_option("#zoom", "1")
    page.select_option("#style", "line")
    changed = (with_fill != plain).any(axis=1).sum()
    assert 2 * changed < zoomed < 4.1 * changed  # some of it may lie outside
    canvas = page.evaluate("[picture.width, picture.height].map(Number)")
    per_pixel = (min(canvas) / 112) ** 2
    assert changed == pytest.approx(known.area[0] * per_pixel, rel=0.1)
    assert (plain[:, 0] == plain[:, 1]).all()


def changed_by_fill(page, plain):
    return int((picture_with(page, style="fill") != plain).any(axis=1).sum())


def test_pixels_stay_sharp(page):
    page.select_option("#style", "none")
    settled(page)
    levels = np.unique(shown(page)[:, 0])
    page.select_option("#style", "line")
    drawn = page.evaluate("picture.getContext('2d').imageSmoothingEnabled")
    assert drawn is False and len(levels) > 20


def test_the_curve_leads_to_a_frame_and_marks_the_beat(page, known):
    box = page.locator("#curve").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 12 + (box["width"] - 24) * 30 / (FRAMES - 1), box["y"] + 60, steps=3)
    page.mouse.up()
    settled(page)
    assert number(page) == 31
    es = known.ejection.beats[0][1]
    page.keyboard.press("Home")
    page.keyboard.press(".")
    settled(page)
    assert number(page) - 1 == min(*known.ed_frames, *known.es_frames)
    page.click(f"#panel tbody tr:first-child button[aria-label='Go to frame {es + 1}']")
    settled(page)
    assert number(page) == es + 1
    assert page.locator("#panel tbody tr.now td").first.inner_text() == "1"


def test_everything_is_done_by_keys_alone(page):
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Home")
    for key, frame in (("ArrowRight", 2), ("Shift+ArrowRight", 12), ("ArrowLeft", 11), ("End", FRAMES), ("Home", 1)):
        page.keyboard.press(key)
        settled(page)
        assert number(page) == frame, key
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {
        "play",
        "back",
        "forth",
        "speed",
        "zoom",
        "style",
        "edit",
        "curve",
        "picture",
        "other",
        "keys",
        "more",
        "zip",
    } <= seen
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("z")
    assert page.input_value("#zoom") == "2"
    for there, back in ("ik", "jl", "ki", "lj"):
        before = picture_with(page)
        page.keyboard.press(there)
        assert (picture_with(page) != before).any(), there
        page.keyboard.press(back)
        assert (picture_with(page) == before).all(), back
    for _ in range(3):
        page.keyboard.press("z")


def test_an_event_that_is_dragged_changes_the_numbers_and_is_taken_back(page, known):
    before = page.inner_text("#panel table")
    ed, _ = known.ejection.beats[0]
    page.click("#edit")
    box = page.locator("#curve").bounding_box()
    at = lambda frame: box["x"] + 12 + (box["width"] - 24) * frame / (FRAMES - 1)  # noqa: E731
    page.mouse.move(at(ed), box["y"] + 40)
    page.mouse.down()
    page.mouse.move(at(ed + 4), box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_selector(f"#panel tbody button[aria-label='Go to frame {ed + 5}']")
    assert page.is_visible("#panel .hand")
    page.click("#undo")
    page.wait_for_selector("#panel .hand", state="detached")
    page.wait_for_function("(before) => document.querySelector('#panel table').innerText === before", arg=before)
    page.click("#edit")


def test_an_outline_that_is_pushed_or_drawn_anew_changes_what_is_downloaded(page, known, tmp_path):
    ed, _ = known.ejection.beats[0]
    page.click(f"#panel tbody tr:first-child button[aria-label='Go to frame {ed + 1}']")
    page.click("#edit")
    rows, columns = np.nonzero(known.masks["lv"][ed])

    def middle():
        """Where the ventricle's middle is, and how long the frame's side: clicks may scroll."""
        box = page.locator("#picture").bounding_box()
        side = min(box["width"], box["height"])
        x = box["x"] + (box["width"] - side) / 2 + (columns.mean() + 0.5) * side / 112
        return x, box["y"] + (box["height"] - side) / 2 + (rows.mean() + 0.5) * side / 112, side

    x, y, side = middle()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40 * side / 112, y, steps=8)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('#panel .hand')?.textContent.includes('one outline')")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("s")  # the outline shrinks by a pixel
    page.click("input[value=redraw]")
    page.click("#forth")
    x, y, side = middle()
    radius = 20 * side / 112
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for turn in np.linspace(0, 2 * np.pi, 40):
        page.mouse.move(x + radius * np.cos(turn), y + radius * np.sin(turn))
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('#panel .hand')?.textContent.includes('2 outlines')")
    with page.expect_download() as come:
        page.click("#zip")
    archive = zipfile.ZipFile(come.value.path())
    folder = next(name.split("/")[0] for name in archive.namelist() if "/" in name)
    record = json.loads(archive.read(f"{folder}/measures.json"))
    assert record["corrected"] == {"outlines": [ed, ed + 1], "events": False}
    assert record["area_px"][ed + 1] == pytest.approx(np.pi * 400, rel=0.06)
    assert record["area_px"][ed] != known.area[ed]
    assert record["area_px"][ed + 3 :] == known.area[ed + 3 :].tolist()
    page.click("#reset")
    page.wait_for_selector("#panel .hand", state="detached")
    page.click("#edit")


def test_two_models_are_compared_in_step(page):
    page.select_option("#other", "b4")
    page.wait_for_function("() => !document.getElementById('second').hidden")
    page.wait_for_function("() => document.querySelector('#second figcaption').textContent === 'b4'")
    page.wait_for_function("() => !document.querySelector('#work:not(.idle)')")
    page.click("#forth")
    settled(page)
    first, second = shown(page), shown(page, "picture-2")
    assert len(first) == len(second) and (first != second).any()
    orange = (second[:, 0] > second[:, 2].astype(int) + 60).sum() + (first[:, 0] > first[:, 2].astype(int) + 60).sum()
    assert orange > 0  # what b4 alone takes in
    page.select_option("#other", "")
    page.wait_for_function("() => document.getElementById('second').hidden")


def test_a_clip_that_is_dropped_shows_how_far_the_work_is(window, server, heart):
    page = opened(window, server.address)
    page.evaluate(
        """() => {
            const work = document.getElementById("work"), seen = (window.seen = []);
            const bar = work.querySelector("progress"), all = { subtree: true, childList: true, attributes: true };
            const note = () => seen.push([work.innerText, bar.hasAttribute("value"), work.className]);
            new MutationObserver(note).observe(work, all);
        }"""
    )
    data = page.evaluate_handle(
        """(text) => {
            const data = new DataTransfer(), bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            data.items.add(new File([bytes], "heart.avi"));
            return data;
        }""",
        base64.b64encode(heart.read_bytes()).decode(),
    )
    page.dispatch_event("#start", "drop", {"dataTransfer": data})
    page.wait_for_selector("#panel .verdict")
    seen = page.evaluate("seen")
    first = [number for number, (text, _, _) in enumerate(seen) if "First look" in text]
    second = [number for number, (text, known, _) in enumerate(seen) if "Second look" in text and known]
    assert first and second and first[0] < second[0]  # the outline comes before the work is done
    assert seen[-1][2] == "idle" and page.inner_text("#clips ul").strip().startswith("heart.avi")


def test_many_clips_leave_connections_for_frames_and_files(window, server, tmp_path):
    paths = [tmp_path / f"{number}.avi" for number in range(9)]
    for number, path in enumerate(paths):
        write(path, beating(12 + number), 20)
    page = opened(window, server.address)
    page.evaluate(
        """async () => {
            const { clips } = await import("./page/main.js");
            const heard = (clip) => clip.id && !clip.gone && !["done", "failed"].includes(clip.state);
            window.most = 0;
            const note = () => (window.most = Math.max(window.most, clips.filter(heard).length));
            new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    page.set_input_files("#files", paths)
    page.wait_for_function(
        """() => {
            const clips = [...document.querySelectorAll("#clips li button:first-child")];
            return clips.length === 9 && clips.every((one) => /typical|review|refused/.test(one.ariaLabel));
        }"""
    )
    assert 1 <= page.evaluate("most") <= 4
    assert page.faults == []


def test_without_torch_one_line_says_what_drawing_needs(window, server, monkeypatch):
    monkeypatch.setattr("echodfkd.web.app.find_spec", lambda _: None)
    page = opened(window, server.address)
    assert page.is_hidden("#draw") and "pip install 'echodfkd[study]'" in page.inner_text("#no-drawing")
    monkeypatch.undo()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.is_visible("#draw") and page.is_hidden("#no-drawing")


def test_colours_are_told_apart_by_the_colour_blind():
    text = (Path(web.__file__).parent / "page" / "picture.js").read_text()
    colours = dict(re.findall(r"(\w+)(?:: | = )\"#([0-9a-f]{6})\"", text))
    assert set(colours) == {"lv", "rv", "la", "ra", "myocardium", "TRUTH", "OTHER"}
    light = np.array([[int(code[at : at + 2], 16) / 255 for at in (0, 2, 4)] for code in colours.values()]) ** 2.2
    for blind in BLIND:
        seen = np.clip(light @ np.array(blind).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=2) + 9 * np.eye(len(seen))
        assert apart.min() > 0.12, np.array(list(colours))[list(np.unravel_index(apart.argmin(), apart.shape))]


BLIND = (
    np.eye(3),
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
)
"""Linear RGB as seen by most, and without one of three kinds of cones: Machado, Oliveira and Fernandes, IEEE Trans Vis
Comput Graph 2009;15:1291-8."""


def test_a_wrong_file_and_a_refused_clip_say_so_in_words(window, server, tmp_path):
    page = opened(window, server.address)
    (tmp_path / "letter.avi").write_bytes(b"Dear colleague, " * 99)
    write(tmp_path / "disc.avi", beating(40), 20)
    page.set_input_files("#files", [tmp_path / "letter.avi", tmp_path / "disc.avi"])
    page.wait_for_selector("#panel .verdict.refused")
    assert "DICOM" in page.inner_text("#panel .verdict")  # what is read here
    assert page.is_hidden("#picture")
    page.click("#clips li:nth-child(2) button:first-child")
    page.wait_for_selector("#panel .numbers")
    assert page.locator("#ef-told b").count() == 0 and page.locator("#panel .verdict.refused li").count() >= 1
    assert page.is_visible("#picture")
    for n in (2, 1):
        page.click(f"#clips li:nth-child({n}) button:last-child")
    assert page.is_visible("#drop")
    assert [fault for fault in page.faults if "415" not in fault] == []


def test_a_heart_is_drawn_as_the_sliders_say_and_its_truth_is_shown_or_hidden(window, server):
    page = opened(window, server.address)
    page.click("#draw")
    page.fill("#ef", "35")
    page.fill("#hr", "90")
    page.evaluate("document.getElementById('seed').value = '4'")
    assert page.inner_text("output[for=ef]") == "35 %"
    page.click("#heart-form button.main")
    page.wait_for_selector("#panel .numbers")
    fraction, rate = re.search(r"truth: (\d+) %, (\d+) / min", page.inner_text("#panel")).groups()
    assert float(re.search(r"Dice with truth\s+([\d.]+)", page.inner_text("#panel")).group(1)) > 0.8
    assert re.search(r"Volume at ED\s+\d+ ml", page.inner_text("#panel"))
    assert fraction == "35" and 80 <= int(rate) <= 100  # no beat lasts quite as long as another

    def yellow():
        settled(page)
        shot = np.asarray(Image.open(io.BytesIO(page.locator("#picture").screenshot())).convert("RGB")).astype(int)
        return int(((shot[..., 0] > 200) & (shot[..., 1] > 180) & (shot[..., 2] < 120)).sum())

    shown = yellow()
    page.uncheck("#structures label:has-text('Truth') input")
    assert shown > 50 and yellow() < 0.1 * shown
    assert page.faults == []


def test_a_dicom_clip_shows_no_name_and_a_correction_is_marked_in_every_file(window, server, heart, tmp_path):
    path = made_dicom.save(tmp_path / "QUILLFEATHER_ARABELLA.dcm", read(heart).frames)
    page = opened(window, server.address)
    page.set_input_files("#files", path)
    page.wait_for_selector("#panel .numbers")
    seen = page.content().lower()
    assert "dicom clip 1" in seen and not any(planted in seen for planted in made_dicom.PLANTED)
    before = taken_home(page)
    page.keyboard.press("Home")
    page.keyboard.press("c")
    page.keyboard.press("s")
    page.wait_for_selector("#panel .hand")
    after = taken_home(page)
    assert set(before) == set(after) == {*FILES, "summary.csv"}
    assert "corrected" not in json.loads(before["measures.json"]) and "corrected" not in before["summary.csv"].decode()
    assert json.loads(after["measures.json"])["corrected"] == {"outlines": [0], "events": False}
    assert "corrected" in after["summary.csv"].decode() and b"by hand" in after["summary.html"]
    assert np.load(io.BytesIO(after["masks.npz"]))["corrected"].tolist() == [0]
    for files, kind in ((before, "AUTOMATIC"), (after, "SEMIAUTOMATIC")):
        segmented = dcmread(io.BytesIO(files["segmentation.dcm"]))
        assert segmented.SegmentSequence[0].SegmentAlgorithmType == kind
        assert ("by hand" in segmented.ContentDescription) == (kind == "SEMIAUTOMATIC")
    white = []
    for name, files in (("before", before), ("after", after)):
        (tmp_path / f"{name}.mp4").write_bytes(files["overlay.mp4"])
        last = read(tmp_path / f"{name}.mp4").frames[-1]  # its outline is the same in both
        white.append(int((last[last.shape[0] // 2 :] > 230).sum()))
    assert white[1] > white[0] + 50 and before["curve.png"] != after["curve.png"]  # words on both
    assert page.faults == []


def taken_home(page):
    """The files of the only clip, by name."""
    with page.expect_download() as come:
        page.click("#zip")
    archive = zipfile.ZipFile(come.value.path())
    return {name.split("/")[-1]: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("verdict", "known", "truth", "words"),
    [
        ("refused", {}, True, "This heart is drawn"),
        ("typical", {"ejection_interval": [41, 63]}, False, "41 to 63, nine times in ten"),
        ("typical", {"ejection_interval": [41, 63]}, True, "less often in drawn hearts"),
        ("review", {"no_interval": "no interval: for a reason"}, False, "no interval: for a reason"),
        ("unchecked", {}, False, "not checked"),
    ],
)
def test_the_panel_says_how_sure_a_number_is_and_why_there_is_none(page, verdict, known, truth, words):
    told = page.evaluate(
        """async ([verdict, known, truth]) => {
            const [{ fill }, { Clip }] = [await import("./page/panel.js"), await import("./page/clip.js")];
            const clip = new Clip("a clip"), panel = document.createElement("div");
            const none = { beats: [], reasons: [], ed_frames: [], es_frames: [], frames: 0 };
            const told = { verdict, ejection_fraction: 52, model: { name: "", weights: "" }, ...none, ...known };
            const drawn = truth ? { ejection_fraction: 55, heart_rate: 70 } : null;
            Object.assign(clip, { state: "done", truth: drawn, measures: told });
            fill(panel, clip, () => null);
            return panel.textContent;
        }""",
        [verdict, known, truth],
    )
    assert words in told and ("52" in told) == (verdict != "refused")


def test_two_users_see_their_own(window, server, heart, tmp_path):
    write(tmp_path / "disc.avi", beating(44), 20)
    first, second = (opened(window, server.address) for _ in range(2))
    first.set_input_files("#files", heart)
    second.set_input_files("#files", tmp_path / "disc.avi")
    for page, frames, name in ((first, FRAMES, "heart.avi"), (second, 44, "disc.avi")):
        page.wait_for_selector("#panel .numbers")
        assert page.get_attribute("#curve", "aria-valuemax") == str(frames)
        assert page.inner_text("#clips ul").strip().startswith(name)


def test_it_fits_a_phone(window, server, heart):
    page = opened(window, server.address, viewport={"width": 360, "height": 740}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_input_files("#files", heart)
    page.wait_for_selector("#panel .verdict")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#picture").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_an_audit_for_accessibility_finds_nothing_serious(window, server, heart, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is not here: make web")
    page = opened(window, server.address, color_scheme=scheme, bypass_csp=True)
    found = []
    for step in ("start", "heart", "done", "edit", "help"):
        if step == "heart":
            page.click("#draw")
        elif step == "done":
            page.click("#heart-close")
            page.set_input_files("#files", heart)
            page.wait_for_selector("#panel .verdict")
        elif step != "start":
            page.click({"edit": "#edit", "help": "#keys"}[step])
        page.evaluate(AXE.read_text(encoding="utf-8"))
        audit = page.evaluate("axe.run()")
        found += [
            (step, one["id"], one["nodes"][0]["html"])
            for one in audit["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    assert found == []


def sheets(window, html):
    """On how many sheets of A4 a page is printed."""
    page = window.new_page()
    page.set_content(html)
    printed = page.pdf(prefer_css_page_size=True)
    page.close()
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def test_the_summary_is_printed_on_one_sheet(window, page, known):
    with page.expect_download() as come:
        page.click("#panel a[download='summary.html']")
    html = come.value.path().read_text()
    assert f"{known.ejection_fraction:.0f} %" in html and "nine times in ten" in html
    assert f"<td>{known.ejection.beats[0][0] + 1}</td>" in html
    assert sheets(window, html) == 1


def test_the_summary_of_many_beats_and_reasons_is_printed_on_one_sheet(window, known):
    rows, columns = np.mgrid[:48, :64]
    radius = 10 + 3 * np.sin(2 * np.pi * np.arange(1500) / 40) * np.linspace(0.5, 2, 1500)
    masks = np.hypot(rows - 24, columns - 60) < radius[:, None, None]
    masks[::7, 3:6, 3:20] = True
    found = measures(masks, 50, (1.0, 1.0), frames=np.full((1500, 48, 64), 90, np.uint8))
    assert len(found.ejection.beats) > 30 and len(found.reasons) > 4
    told = {**known.record, **record("a long name " * 8, found, load_student(find_model("b3")))}
    told["corrected"] = {"outlines": list(range(9, 400)), "events": True}
    picture = picture_png(np.zeros((600, 800), np.uint8))
    html = summary_page(told, found, b"", png_bytes(area_figure(found.area, found.events)), picture)
    assert "more beats are left out" in html and "391 frames" in html
    assert sheets(window, html) == 1


def test_nothing_is_asked_of_anybody_else(window, server, heart):
    page = opened(window, server.address)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.set_input_files("#files", heart)
    page.wait_for_selector("#panel .verdict")
    assert asked and all(url.startswith((server.address, "blob:", "data:")) for url in asked)
