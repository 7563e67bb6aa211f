"""What the README and the pages show runs."""

import re
from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_snippets_of_the_pages_run(snippet, tmp_path, monkeypatch):
    from echodfkd.student.checkpoint import save
    from echodfkd.student.network import seeded_network
    from echodfkd.student.settings import NetworkSettings

    network = seeded_network(NetworkSettings(blocks=1), 0)
    for folder in (tmp_path / "runs" / "demo" / "student", tmp_path / "shelf" / "b4"):
        save(folder, network, Card(network.settings, Preprocessing(28)), onnx=True)
    monkeypatch.setattr("echodfkd.student.bundled.ROOT", tmp_path / "shelf")
    for kind in ("clips", "labels"):
        made = StoreWriter(tmp_path / "runs" / "mine" / kind, ("lv",), (8, 8), {})
        made.write(0, [Entry("test-00000", "test", 2)], np.zeros((2, 8, 8), np.uint8), np.zeros((2, 1, 8, 8), np.uint8))
        made.finish(1)
    write(tmp_path / "clip.avi", np.full((4, 40, 60), 90, np.uint8), 50)
    monkeypatch.chdir(tmp_path)
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
