"""What the README and the pages show runs."""

import re
import shutil
from pathlib import Path

import made_dicom
import numpy as np
import pytest
from made_datasets import beats, traced, write_echonet

from echodfkd.store.store import Entry, StoreWriter
from echodfkd.student.card import Card, Preprocessing
from echodfkd.video import write

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SNIPPETS = [
    pytest.param(snippet, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, snippet in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder that holds what the pages speak of."""
    from echodfkd.student.checkpoint import save
    from echodfkd.student.network import seeded_network
    from echodfkd.student.settings import NetworkSettings

    here = tmp_path_factory.mktemp("pages")
    network = seeded_network(NetworkSettings(blocks=1), 0)
    save(here / "shelf" / "b4", network, Card(network.settings, Preprocessing(28)), onnx=True)
    shutil.copytree(here / "shelf" / "b4", here / "runs" / "demo" / "student")
    for kind in ("clips", "labels"):
        made = StoreWriter(here / "runs" / "mine" / kind, ("lv",), (8, 8), {})
        made.write(0, [Entry("test-00000", "test", 2)], np.zeros((2, 8, 8), np.uint8), np.zeros((2, 1, 8, 8), np.uint8))
        made.finish(1)
    made_dicom.save(here / "IM_0001", made_dicom.fan_frames())
    write(here / "clip.avi", np.full((4, 40, 60), 90, np.uint8), 50)
    splits = ("TRAIN", "TEST", "TEST")
    known = {
        f"heart{n}": traced(beat, f"heart{n}", split)
        for n, (beat, split) in enumerate(zip(beats(), splits, strict=True))
    }
    data = write_echonet(here / "EchoNet-Dynamic", known)
    for out, moved in (("out", 0), ("out-b3", 2)):
        for name, beat in zip(known, beats(), strict=True):
            (here / out / name).mkdir(parents=True)
            masks = np.roll(beat.masks["lv"], moved, axis=2).astype(np.uint8)
            np.savez(here / out / name / "masks.npz", masks=masks)
    (here / "clips").symlink_to(data / "Videos")
    return here


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_snippets_of_the_pages_run(snippet, folder, monkeypatch):
    monkeypatch.setattr("echodfkd.student.bundled.ROOT", folder / "shelf")
    monkeypatch.chdir(folder)
    exec(compile(snippet, "page", "exec"), {})


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", *(str(page.relative_to(ROOT)) for page in PAGES)])
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_every_verb_of_the_pages_exists():
    from echodfkd.cli import app

    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    verbs |= {group.name for group in app.registered_groups}
    for page in PAGES:
        assert set(re.findall(r"^    (?:\S*/|\$ )?echodfkd ([a-z-]+)", page.read_text(), flags=re.MULTILINE)) <= verbs
