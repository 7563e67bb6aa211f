from html.parser import HTMLParser

import numpy as np
import pytest
from pairs import pair

from echodfkd.report.draw.figures import picture_png
from echodfkd.report.numbers import interval, number
from echodfkd.report.page import Loop, Page, Picture, Section, Table, Tile, page_html, write_page
from echodfkd.report.pages.scorecard import Found, Model, report_page
from echodfkd.scores.clip_row import reference, score_clip
from echodfkd.scores.records import Scores
from echodfkd.scores.scorecard import scorecard

PNG = picture_png(np.zeros((4, 4), np.uint8))
NAME = 'clip <b>"A"</b> & co'
VOID = {"meta", "img", "source", "br", "link"}


class Reader(HTMLParser):
    """Collects what a page refers to and its words; fails where tags are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.words, self.tags, self.alts = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href", "poster", "srcset", "action")]
        self.alts += [value for key, value in attrs if key == "alt" and tag == "img"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(page):
    reader, html = Reader(), page_html(page)
    reader.feed(html)
    assert reader.open == []
    return reader, html


def full_page():
    table = Table(NAME, ("", NAME), (("row", "0.9"), (NAME, "1")), note=NAME, own=frozenset({1}))
    section = Section(NAME, (NAME,), NAME, (NAME,), (table,), (Picture(PNG, NAME, NAME, 40),), {NAME: NAME})
    return Page(NAME, NAME, Loop(b"mp4", NAME, NAME, PNG), (Tile(NAME, NAME, NAME),), (section,))


def test_a_page_is_well_formed_and_shows_every_text():
    reader, _ = read(full_page())
    assert reader.words.count(NAME) == 8 + 11  # title (2), lead, film (2), tile (3); then in the section
    assert "b" not in reader.tags


def test_a_page_refers_to_nothing_outside_itself():
    reader, html = read(full_page())
    assert len(reader.links) == 4
    assert all(link.startswith("data:") for link in reader.links)
    assert not any(word in html for word in ("http:", "https:", "url(", "@import", "<link", "<script"))


def test_every_picture_has_words_for_those_who_cannot_see_it():
    reader, _ = read(full_page())
    assert reader.tags.count("img") == len(reader.alts) == 2
    assert all(reader.alts)


def test_the_film_plays_by_itself_silently_and_comes_before_the_sections():
    _, html = read(full_page())
    assert "<video autoplay loop muted playsinline controls" in html
    assert html.index("<video") < html.index("<section")


def test_an_empty_page_is_still_a_page(tmp_path):
    write_page(tmp_path / "new" / "index.html", Page("t", "l"))
    text = (tmp_path / "new" / "index.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<video" not in text
    assert "$" not in text


@pytest.fixture(scope="module")
def scores():
    masks = np.zeros((3, 12, 12), bool)
    masks[:, 3:9, 4:8] = True
    cases = [pair(f"clip {n}", np.roll(masks, n, 1), masks, 50.0, (0,), (2,), 55.0) for n in range(3)]
    rows, references = [score_clip(*case) for case in cases], [reference(*case) for case in cases]
    card = scorecard(rows, baseline=rows, references=references, training_ef=50.0, resamples=50)
    return Scores(**vars(card))


def report(scores, loop=None, **more):
    model = Model("student B2,1", 39_577, 401e6, 412.3, "4 cores")
    origin = {"study": "demo", "seed": "0"}
    found = Found(scores, **more)
    return report_page(found, title="a study", data="synthetic clips", model=model, provenance=origin, loop=loop)


def test_a_report_shows_the_numbers_with_intervals_baselines_and_origin(scores):
    reader, _ = read(report(scores, not_run={"EchoCLIP": "no weights"}, loop=Loop(b"x", "film")))
    text = " ".join(reader.words)
    for wanted in (
        "39,577",
        "0.401 G",
        "412",
        "2 per multiply-add",
        "not for diagnosis",
        "EchoCLIP: no weights",
        "demo",
    ):
        assert wanted in text
    assert interval(scores.dice.overall, 3) in text
    assert "white noise" in text
    assert "n = 3; constant mask:" in text


def test_published_figures_are_marked_as_such(scores):
    section = next(section for section in report(scores).sections if section.title == "Published figures")
    assert "not reproduced" in section.warning
    dice, afd, _ = section.tables
    assert dice.rows[0][0] == afd.rows[0][0] == "this run"
    assert ("EchoDFKD", "EchoNet-Dynamic, subset", "2.72", "2.83") in afd.rows
    assert all(len(row) == len(table.columns) for table in section.tables for row in table.rows)


def test_tables_are_as_wide_as_their_heads(scores):
    tables = [table for section in report(scores).sections for table in section.tables]
    assert len(tables) >= 8
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)


def test_a_report_without_beats_events_or_baselines_says_so_instead_of_failing():
    still = pair("still", np.ones((1, 4, 4), bool), np.ones((1, 4, 4), bool))
    found = Found(Scores(**vars(scorecard([score_clip(*still)], resamples=5))))
    page = report_page(found, title="t", data="d", model=Model("m"), provenance={})
    reader, _ = read(page)
    assert "not measured" in reader.words


def test_numbers_are_written_as_asked():
    found = {"value": 0.91239, "low": 0.9, "high": 0.9251, "n": 4}
    assert interval(found, 3) == "0.912 (0.900 to 0.925)"
    assert number(found, 1, 100) == "91.2"
    assert interval({**found, "low": None, "high": None}, 2) == "0.91"
    assert number(None, 2) == interval(None, 2) == "-"
